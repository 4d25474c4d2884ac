"""Two sources compared metric by metric, in Python and at the command line."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import engagement_nb as enb
from engagement_nb.cli import run
from engagement_nb.errors import AnalysisError
from engagement_nb.usage import ENV_LEDGER


def figures(**columns: list[int | None]) -> enb.Metrics:
    ids = ["2117506315072907263", "2117415161334585195", "2117229919778974392"]
    frame = pd.DataFrame({"tweet_id": ids, **columns}).convert_dtypes()
    return enb.read_table(frame)


def test_each_metric_is_equal_differs_or_is_given_by_one_source():
    """Missing figures are compared with nothing."""
    one = figures(engagements=[5, 6, 7], likes=[1, 2, None], replies=[1, 0, 0], shares=[1, 1, 1])
    other = figures(engagements=[5, 6, 7], likes=[1, 4, 9], replies=[1, 0, 0], quotes=[0, 0, 2])
    result = enb.agree(one, other, names=("old", "new"))
    table = result.table
    assert dict(table["verdict"]) == {
        "engagements": "equal",
        "favorites": "differs",
        "replies": "equal",
        "quote_tweets": "not given",
        "shares": "not given",
    }
    likes = table.loc["favorites"]
    assert [*likes[["compared", "different", "first", "second", "largest"]]] == [2, 1, 3, 5, 2]
    assert [table.loc["shares", "by"], table.loc["quote_tweets", "by"]] == ["old", "new"]
    assert not result.agree
    assert "likes differ on 1 of 2 rows: 3 against 5, at most 2 on one row." in result.sentence
    assert "Only new gives quotes." in result.sentence
    assert enb.agree(one, one).agree


def test_figures_without_a_common_tweet_are_refused():
    """There is nothing to compare."""
    one = figures(engagements=[5, 6, 7], likes=[1, 2, 3])
    other = enb.read_table(pd.DataFrame({"tweet_id": ["2111163190899357231"], "engagements": [1],
                                         "likes": [1]}))  # fmt: skip
    with pytest.raises(AnalysisError, match="no Tweet in common"):
        enb.agree(one, other)


@pytest.fixture
def both(make_sandbox, tmp_path, monkeypatch):
    """One sandbox behind both APIs, and ids of its Posts of the last 30 days."""
    monkeypatch.setenv(ENV_LEDGER, str(tmp_path / "ledger"))
    sandbox = make_sandbox(seed=7, now="2026-11-04T15:00", tweets=20_000, tier="enterprise")
    for name, value in sandbox.env.items():
        monkeypatch.setenv(name, value)
    ids = tmp_path / "ids.txt"
    with enb.connect("sandbox-v2", profile="sandbox_amber_1") as source:
        ids.write_text("\n".join(source.tweet_ids()[-30:]))
    return str(ids)


def test_both_apis_agree_on_one_world(both, capsys):
    """Since posting and in a period; what only one gives is named."""
    account = ["--profile", "sandbox_amber_1"]
    assert run(["agree", "sandbox", "sandbox-v2", "--ids", both, "--strict", *account]) == 0
    assert "Only sandbox-v2 gives URL clicks" in capsys.readouterr().out
    period = ["--period", "2026-10", "--json", "--strict"]
    assert run(["agree", "sandbox", "sandbox-v2", "--ids", both, *period, *account]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["agree"]
    assert sum(row["verdict"] == "equal" for row in told["metrics"]) > 12


def test_a_snapshot_is_made_once_a_day_by_the_command(both, tmp_path, capsys):
    """The second run asks nothing and says so."""
    command = ["snapshot", "-o", str(tmp_path / "ds"), "--profile", "sandbox_amber_1", "--json"]
    assert run(command) == 0
    assert json.loads(capsys.readouterr().out)["new"]
    assert run(command) == 0
    shown = capsys.readouterr()
    assert "Nothing was requested" in shown.err
    assert not json.loads(shown.out)["new"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["plan", "totals", "--max-cost", "1"], "--max-cost and --owns-app are for --source v2"),
        (["plan", "totals", "--source", "sandbox-v2"], "a plan spends nothing"),
        (["fetch", "totals", "--source", "sandbox-v2", "-o", "OUT", "--max-cost", "0.5"],
         "over the limit of $0.50"),
        (["agree", "sandbox", "sandbox-v2", "--ids", "IDS", "--by", "day"], "--by needs --period"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_in_a_sentence(both, tmp_path, capsys, words, said):
    """Nothing is accepted and ignored."""
    places = {"OUT": str(tmp_path / "out"), "IDS": both}
    assert run([places.get(word, word) for word in words]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
