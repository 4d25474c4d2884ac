"""`engagement-nb compare A B`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from engagement_nb import cli, connect
from engagement_nb.dataset import Dataset
from tests.report.report_inputs import export


def test_two_exports_are_compared_as_text_and_as_json(tmp_path, capsys):
    a, b = (str(export(tmp_path, seed=n, name=f"{n}.csv")) for n in (1, 2))
    assert cli.run(["compare", a, b]) == 0
    told = capsys.readouterr().out
    assert told.startswith("1.csv (60 Tweets) against 2.csv (60 Tweets; 60 on both sides).")
    assert cli.run(["compare", a, b, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [c["name"] for c in found["changes"]] == [
        "hidden share", "engagement rate", "engagements per Tweet",
    ]  # fmt: skip
    assert found["sentence"] in told


def test_two_periods_of_the_sandbox_are_compared_and_labelled(capsys, make_sandbox, monkeypatch):
    """One period per side; one for both would compare it with itself."""
    for name, value in make_sandbox(tweets=200).env.items():
        monkeypatch.setenv(name, value)
    words = ["compare", "sandbox", "sandbox", "--period", "last 4 weeks", "--period", "last week"]
    assert cli.run(words) == 0
    told = capsys.readouterr().out
    assert told.startswith("SANDBOX DATA (made up): sandbox, last 4 weeks (")
    assert "against sandbox, last week (" in told


def test_a_dataset_is_compared_with_its_earlier_snapshot(
    tmp_path, capsys, make_sandbox, monkeypatch
):
    now = [datetime.now(UTC)]
    for name, value in make_sandbox(tweets=200, clock=lambda: now[0]).env.items():
        monkeypatch.setenv(name, value)
    path = str(tmp_path / "kept")
    with connect("sandbox") as source:
        for snapshot in ("first", "second"):
            source.fetch_into(source.dataset_at(path), "totals", snapshot=snapshot)
            now[0] += timedelta(days=3)
            if snapshot == "first":
                assert cli.run(["compare", "earlier", path]) == 2
                assert "no snapshot before the newest" in capsys.readouterr().err
    assert cli.run(["compare", "earlier", path, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["names"] == ["earlier", "kept"]
    assert found["totals"]["engagements"][0] < found["totals"]["engagements"][1]
    ids = tmp_path / "ids.txt"
    known = Dataset.open(path).read("totals").frame.dropna(subset="engagements")
    ids.write_text("\n".join(known["tweet_id"][:5]))
    assert cli.run(["compare", "earlier", path, "--ids", str(ids), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["totals"]["Tweets"] == [5, 5]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere.csv", "sandbox"], "There is no source 'nowhere.csv'."),
        (["sandbox", "sandbox", *(["--period", "last week"] * 3)], "once for both sides, or twice"),
        (["sandbox", "sandbox", "--period", "next week"], "'next week' is not a period."),
        (["EXPORT", "EXPORT", "--period", "last week"], "cannot tell when people engaged"),
        (["EXPORT"], "Missing argument 'B'"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_2(tmp_path, capsys, words, told):
    mine = str(export(tmp_path))
    assert cli.run(["compare", *(mine if word == "EXPORT" else word for word in words)]) == 2
    assert told in capsys.readouterr().err
