"""Manifests: formats, checks, and messages with rows."""

from __future__ import annotations

import json

import pytest

from engagement_nb.errors import InputError
from engagement_nb.report.manifest import read_manifest
from tests.report.batches import manifest, run, summary

MISWRITTEN = [
    ('name,export,title\na,export.csv,"not closed\nb,export.csv,x\n', "row 2 cannot be read"),
    ('name,export,title\na,export.csv,"one\nb,export.csv,"\n', "row 2 spans several lines"),
    (f"name,export\na,{'x' * 140_000}\n", "row 2 cannot be read"),
    (f"name,export\n{'a' * 300},export.csv\n", "row 2: the name 'aaaaaaaaaaaaaaaaaaaa'... is too"),
]
SECRET = "s3cret-of-somebody"


@pytest.mark.parametrize("column", ["name", "title", "profile", "export", "then", SECRET])
def test_a_credential_in_a_manifest_is_refused(inputs, capsys, monkeypatch, column):
    """The message names the row and the column, not the value, and nothing is written."""
    monkeypatch.setenv("TWITTER_BEARER_TOKEN", SECRET)
    row = {"name": "a", "export": "export.csv"} | {
        column: "x" if column == SECRET else f"in {SECRET}"
    }
    path = manifest(inputs, ",".join(row.values()), header=",".join(row))
    assert run(inputs, path) == 2
    said = capsys.readouterr().err
    named = f"Column {column!r} contains a credential"
    if column == SECRET:
        named = "No notebook has a parameter"
    assert "row 2: " in said
    assert named in said
    assert SECRET not in said
    assert not (inputs / "out").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- {name: a, export: export.csv, name: b}\n", "line 1 repeats 'name'"),
        ("defaults: foo\nreports: [{name: a, export: export.csv}]\n", "defaults"),
        ("defaults: [a]\nreports: [{name: a, export: export.csv}]\n", "defaults"),
        ("- {name: [a], export: export.csv}\n", "report 1: its name is not text"),
    ],
)
def test_ambiguous_yaml_is_refused(inputs, capsys, text, told):
    """The message says what is wrong, and the exit code is 2."""
    path = inputs / "manifest.yaml"
    path.write_text(text)
    assert run(inputs, path) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_manifest_from_a_spreadsheet_is_read(inputs, separator):
    """Columns may be separated by semicolons or tabs."""
    path = inputs / "manifest.csv"
    path.write_text(separator.join(["name", "export", "title"]) + "\n"
                    + separator.join(["a", "export.csv", "One, two"]) + "\n")  # fmt: skip
    (row,) = read_manifest(path, inputs / "notebooks")
    assert (row.name, row.title) == ("a", "One, two")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty"),
        ("name,export\n", "lists no reports"),
        ("name,export\n,export.csv\n", "row 2: a report needs a name"),
        ("name,export\na,export.csv\n\nA,export.csv\n", "row 4: row 2 has the name 'A' too"),
        ("name,export\na,export.csv,3\n", "row 2 has 3 cells, the header 2"),
        ("name,name\na,b\n", "columns twice: 'name'"),
        ("name,exprt\na,export.csv\n", "Give a column export"),
        ("name,export,tolerance\na,export.csv,lots\n", "is float, and 'lots' is not"),
        ("name,export,dataset\na,export.csv,there\n", "dataset and export do not go together"),
        ("name,title\na,b\n", "nothing says what it is about"),
        ("name,ids\na,ids.txt\n", "it has no source"),
        ("name,source,endpoint\na,sandbox,total\n", "no endpoint 'total'"),
        ("name,source,start\na,sandbox,yesterday\n", "'yesterday' is not a date"),
        ("name,source,start,end\na,sandbox,2026-02-01,2026-01-01\n", "ends before it starts"),
        ("name,source,endpoint,start\na,sandbox,totals,2026-01-01\n", "has no effect: totals"),
        ("name,source,endpoint,by\na,sandbox,totals,day\n", "not given by 'day'"),
        ("name,source\na,api\n", "does not list Tweets"),
        *MISWRITTEN,
    ],
)  # fmt: skip
def test_a_manifest_is_checked_before_anything_is_started(inputs, capsys, text, told):
    """The exit code is 2, the message has the row, and no folder is made."""
    path = inputs / "manifest.csv"
    path.write_text(text)
    assert run(inputs, path) == 2
    assert told in capsys.readouterr().err
    assert not (inputs / "out").exists()


def test_all_faults_of_a_manifest_are_listed_together(inputs, capsys):
    """The message lists each wrong row."""
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
def test_a_missing_input_fails_only_its_own_report(inputs, capsys, header, row, told):
    """The other reports are made, and the index says what is missing."""
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
    """A name of digits stays text, and a report overrides the defaults."""
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
                                   for n in range(1, 10)), "has an alias"),
        ("[" * 5000 + "]" * 5000, "more than 20 levels"),
    ],
)  # fmt: skip
def test_yaml_that_grows_without_limit_is_refused(inputs, capsys, text, told):
    """Aliases of lists and deep nesting are errors."""
    path = inputs / "manifest.yaml"
    path.write_text(text)
    assert run(inputs, path) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("rows.csv", "name\n" + "a\n" * 5_001, "lists 5,001 reports, and one manifest may have"),
        ("rows.yaml", "- name: one\n" * 170_000, "has 2,040,000 bytes, and a manifest may have"),
    ],
)
def test_a_manifest_too_large_to_check_within_seconds_is_refused(tmp_path, name, text, told):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=rf"{told} [0-9,]+\. Split it"):
        read_manifest(tmp_path / name)


def test_a_deeply_nested_parameter_is_refused(inputs, capsys):
    """A value that is nested too deeply to be read is an error."""
    path = manifest(inputs, f"a,export.csv,{'[' * 5000}", header="name,export,tolerance")
    assert run(inputs, path) == 2
    assert "is float, and" in capsys.readouterr().err
