"""Manifests: checked whole before anything starts, each fault told with its row."""

from __future__ import annotations

import json

import pytest

from engagement_nb.report.manifest import read_manifest
from tests.report.batches import manifest, run, summary

MISWRITTEN = [
    ('name,export,title\na,export.csv,"not closed\nb,export.csv,x\n', "row 2 cannot be read"),
    ('name,export,title\na,export.csv,"one\nb,export.csv,"\n', "row 2 goes over several lines"),
    (f"name,export\na,{'x' * 140_000}\n", "row 2 cannot be read"),
    (f"name,export\n{'a' * 300},export.csv\n", "row 2: the name 'aaaaaaaaaaaaaaaaaaaa'... is too"),
]
SECRET = "s3cret-of-somebody"


@pytest.mark.parametrize("column", ["name", "title", "profile", "export", "then", SECRET])
def test_a_credential_in_a_manifest_is_refused(inputs, capsys, monkeypatch, column):
    """Row and column are named, the value is not, and nothing is written."""
    monkeypatch.setenv("TWITTER_BEARER_TOKEN", SECRET)
    row = {"name": "a", "export": "export.csv"} | {
        column: "x" if column == SECRET else f"in {SECRET}"
    }
    path = manifest(inputs, ",".join(row.values()), header=",".join(row))
    assert run(inputs, path) == 2
    said = capsys.readouterr().err
    named = "is neither a column" if column == SECRET else f"Column {column!r} holds a credential"
    assert "row 2: " in said
    assert named in said
    assert SECRET not in said
    assert not (inputs / "out").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- {name: a, export: export.csv, name: b}\n", "line 1 has 'name' a second time"),
        ("defaults: foo\nreports: [{name: a, export: export.csv}]\n", "defaults"),
        ("defaults: [a]\nreports: [{name: a, export: export.csv}]\n", "defaults"),
        ("- {name: [a], export: export.csv}\n", "report 1: its name is not text"),
    ],
)
def test_yaml_that_says_two_things_or_none_is_refused(inputs, capsys, text, told):
    """One sentence, exit 2."""
    path = inputs / "manifest.yaml"
    path.write_text(text)
    assert run(inputs, path) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_manifest_out_of_a_spreadsheet_is_read(inputs, separator):
    """Half the world's spreadsheets part columns by semicolons, and keep commas for numbers."""
    path = inputs / "manifest.csv"
    path.write_text(separator.join(["name", "export", "title"]) + "\n"
                    + separator.join(["a", "export.csv", "One, two"]) + "\n")  # fmt: skip
    (row,) = read_manifest(path, inputs / "notebooks")
    assert (row.name, row.title) == ("a", "One, two")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty"),
        ("name,export\n", "asks for no reports"),
        ("name,export\n,export.csv\n", "row 2: a report needs a name"),
        ("name,export\na,export.csv\n\nA,export.csv\n", "row 4: the name 'A' is that of row 2 too"),
        ("name,export\na,export.csv,3\n", "row 2 has 3 cells, the header 2"),
        ("name,name\na,b\n", "columns twice: 'name'"),
        ("name,exprt\na,export.csv\n", "Did you mean 'export'?"),
        ("name,export,tolerance\na,export.csv,lots\n", "is float, and 'lots' is not"),
        ("name,export,dataset\na,export.csv,there\n", "dataset and export do not go together"),
        ("name,title\na,b\n", "nothing says what it is about"),
        ("name,ids\na,ids.txt\n", "it has no source"),
        ("name,source,endpoint\na,sandbox,total\n", "there is no endpoint 'total'"),
        ("name,source,start\na,sandbox,yesterday\n", "'yesterday' is not a date"),
        ("name,source,start,end\na,sandbox,2026-02-01,2026-01-01\n", "ends before it starts"),
        ("name,source,endpoint,start\na,sandbox,totals,2026-01-01\n", "takes no period"),
        ("name,source,endpoint,by\na,sandbox,totals,day\n", "not given by 'day'"),
        ("name,source\na,api\n", "does not list Tweets"),
        *MISWRITTEN,
    ],
)  # fmt: skip
def test_a_manifest_is_checked_whole_before_anything_starts(inputs, capsys, text, told):
    """Exit 2, each fault with its row, and no output folder."""
    path = inputs / "manifest.csv"
    path.write_text(text)
    assert run(inputs, path) == 2
    assert told in capsys.readouterr().err
    assert not (inputs / "out").exists()


def test_every_fault_of_a_manifest_is_told_at_once(inputs, capsys):
    """Nobody mends one row at a time."""
    path = manifest(inputs, "a b,,", ",export.csv,", "c,export.csv,", "C,export.csv,")
    assert run(inputs, path) == 2
    said = capsys.readouterr().err
    assert all(f"row {number}: " in said for number in (2, 3, 5))
    assert "row 4: " not in said


@pytest.mark.parametrize(
    ("header", "row", "told"),
    [
        ("name,export", "lost,lost.csv", "lost.csv: there is no such file"),
        ("name,source,ids", "lost,sandbox,lost.txt", "lost.txt"),
        ("name,source,ids,profile", "lost,api,ids.txt,nobody", "no profile 'nobody'"),
    ],
)
def test_an_input_that_is_missing_fails_its_own_report_only(inputs, capsys, header, row, told):
    """One account's lost file costs no other account its report, and the index says why."""
    (inputs / "ids.txt").write_text("1886483849795768598\n")
    path = inputs / "manifest.csv"
    columns = header.split(",")
    good = dict.fromkeys([*columns, "export"], "") | {"name": "good", "export": "export.csv"}
    bad = dict.fromkeys(good, "") | dict(zip(columns, row.split(","), strict=True))
    lines = [",".join(good), ",".join(good.values()), ",".join(bad.values())]
    path.write_text("\n".join(lines) + "\n")
    assert run(inputs, path, "--json") == 1
    first, lost = json.loads(capsys.readouterr().out)["each"]
    assert (first["status"], lost["status"]) == ("done", "failed")
    assert told in lost["error"]
    assert str(inputs) not in (inputs / "out" / "index.html").read_text()


def test_yaml_has_defaults_and_keeps_text_as_text(inputs, capsys):
    """A name of digits stays one, defaults are overridden, faults are told by number."""
    path = inputs / "manifest.yaml"
    path.write_text(
        "defaults: {export: export.csv, tolerance: 0.01}\n"
        "reports:\n  - name: 0123\n  - {name: other, tolerance: 0.02, title: A title}\n"
    )
    assert run(inputs, path) == 0
    assert [each["name"] for each in summary(inputs)["each"]] == ["0123", "other"]
    assert "tolerance = 0.02" in (inputs / "out/reports/other/report.html").read_text()
    path.write_text("reports:\n  - name: a\n   export: b\n")
    assert run(inputs, path) == 2
    path.write_text("- just text\n")
    assert run(inputs, path) == 2
    assert "Begin each with a dash" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n"
                                   for n in range(1, 10)), "an alias of a list"),
        ("[" * 5000 + "]" * 5000, "more than 20 levels"),
    ],
)  # fmt: skip
def test_yaml_that_grows_without_end_is_refused(inputs, capsys, text, told):
    """Aliases of aliases and deep nesting end in a sentence, at once."""
    path = inputs / "manifest.yaml"
    path.write_text(text)
    assert run(inputs, path) == 2
    assert told in capsys.readouterr().err


def test_yaml_may_use_an_alias(inputs):
    """A value that is written once and used by two reports is read."""
    path = inputs / "manifest.yaml"
    path.write_text("- {name: a, export: &file export.csv}\n- {name: b, export: *file}\n")
    rows = read_manifest(path, inputs / "notebooks")
    assert [row.source.endswith("export.csv") for row in rows] == [True, True]


def test_a_deeply_nested_parameter_is_refused(inputs, capsys):
    """A value that cannot be read is wrong use, however deep it is."""
    path = manifest(inputs, f"a,export.csv,{'[' * 5000}", header="name,export,tolerance")
    assert run(inputs, path) == 2
    assert "cannot be read as that" in capsys.readouterr().err
