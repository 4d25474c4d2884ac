"""Snapshots of successive days as a series: nothing is counted twice, and nothing is invented."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import engagement_nb as enb
from engagement_nb.apis.reasons import Reason
from engagement_nb.dataset.snapshots import between, last_of_each
from engagement_nb.errors import InputError
from engagement_nb.metrics import SNAPSHOTS, About, Metrics, problems_frame
from engagement_nb.metrics.account import Account
from engagement_nb.report.notebooks import EXPLORE
from engagement_nb.usage import ENV_LEDGER
from tests.notebooks import notebook_cells
from tests.report.report_inputs import PARAMETERS

# Tweet, label and moment of the snapshot, likes, engagements.
ROWS = [
    ("1", "2026-11-01", "2026-11-01T06:00", 5, 9),
    ("1", "2026-11-02", "2026-11-02T06:00", 4, 12),  # A like was taken back.
    ("1", "2026-11-03", "2026-11-03T06:00", 6, None),
    ("2", "2026-11-01", "2026-11-01T06:00", 7, 8),  # 30 days old since then.
    ("3", "2026-11-03", "2026-11-03T06:00", 2, 3),  # Posted after the second snapshot.
]
POSTED = {"1": "2026-10-20T00:00", "2": "2026-10-02T00:00", "3": "2026-11-02T09:00"}


def snapshots() -> Metrics:
    frame = pd.DataFrame(ROWS, columns=["tweet_id", "snapshot", "read_at", "likes", "engagements"])
    frame = frame.rename(columns={"likes": "favorites"})
    frame["read_at"] = pd.to_datetime(frame["read_at"], utc=True)
    frame["created_at"] = pd.to_datetime(frame["tweet_id"].map(POSTED), utc=True)
    frame = frame.astype({"favorites": "Int64", "engagements": "Int64"})
    return Metrics(frame, problems_frame(), About("v2", "totals", span="life"), Account(3, 3))


def test_each_gain_counts_once_on_the_day_in_the_middle() -> None:
    found = between(snapshots(), "day", None, None)
    rows = found.frame.assign(time=found.frame["time"].dt.strftime("%d"))
    told = rows[["tweet_id", "time", "favorites", "engagements"]].values.tolist()
    assert told == [["1", "01", 0, 3], ["1", "02", 2, pd.NA], ["3", "02", 2, 3]]
    assert found.problems[["tweet_id", "reason"]].values.tolist() == [["2", Reason.ONE_SNAPSHOT]]
    assert found.account.balanced
    coverage = found.account.coverage
    assert coverage is not None
    assert (coverage.whole, coverage.partial, coverage.holes) == (2, 0, ())
    about = found.about
    assert (about.start, about.end) == (coverage.start, coverage.end)
    assert (about.endpoint, about.span, about.by) == (SNAPSHOTS, "period", "day")
    assert about.notes == (
        "These are gains between 3 snapshots, read from 2026-11-01 06:00 to 2026-11-03 06:00 UTC.",
    )


def test_a_period_is_cut_at_its_days_and_names_what_no_snapshot_has() -> None:
    start, end = (datetime(2026, 11, day, tzinfo=UTC) for day in (2, 9))
    found = between(snapshots(), None, start, end)
    assert found.frame[["tweet_id", "favorites"]].values.tolist() == [["1", 2], ["3", 2]]
    assert found.account.coverage is not None
    [hole] = found.account.coverage.holes
    assert hole == (datetime(2026, 11, 3, 6, tzinfo=UTC), end)
    assert (found.about.start, found.about.end) == (start, hole[0])
    with pytest.raises(InputError, match="whole days of UTC"):
        between(snapshots(), "day", start.replace(hour=9), end)
    with pytest.raises(InputError, match="whole days of UTC"):
        between(snapshots(), "hour", None, None)


def test_the_last_figures_of_a_tweet_outlive_the_snapshots_without_it() -> None:
    last = last_of_each(snapshots()).frame.set_index("tweet_id")["favorites"]
    assert last.to_dict() == {"1": 6, "2": 7, "3": 2}
    before = last_of_each(snapshots(), before="2026-11-03").frame.set_index("tweet_id")
    assert before["favorites"].to_dict() == {"1": 4, "2": 7}


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Snapshots of eight days of one world, as a daily command leaves them."""
    folder = tmp_path_factory.mktemp("week")
    world: dict[str, Any] = {"seed": 7, "tweets": 4000, "in_process": True}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ENV_LEDGER, str(folder / "ledger"))
        for day in range(1, 9):
            now = f"2026-11-{day:02}T06:15"
            with enb.connect("sandbox-v2", profile="sandbox_amber_1", now=now, **world) as source:
                source.snapshot(source.dataset_at(folder / "snapshots"))  # type: ignore[attr-defined]
    return folder / "snapshots"


def test_a_week_of_snapshots_is_read_and_explored_like_any_series(week: Path) -> None:
    """The gains and the first figures add up to the last, and the trend is of engagement."""
    source = enb.connect(week)
    gap = enb.explore_gap(source)
    assert gap.trend().index.name == "day of engagement"
    assert len(gap.trend()) == 7
    gained = source.historical().frame.set_index("tweet_id")
    last = source.totals().frame.set_index("tweet_id")
    labelled = enb.Dataset.open(week).read("totals", snapshot="2026-11-01")
    first = labelled.frame.set_index("tweet_id")["engagements"].reindex(last.index, fill_value=0)
    pd.testing.assert_series_equal(
        last["engagements"] - first, gained["engagements"].reindex(last.index, fill_value=0)
    )
    assert len(last) > len(labelled)
    earlier = source.earlier_snapshot("totals")
    assert earlier is not None
    assert len(earlier) < len(last)


def test_a_report_of_snapshots_shows_the_trend_from_them(week: Path, tmp_path: Path) -> None:
    """With a notebook that explores what the source tells best, as the package's own does."""
    notebook_cells.write(
        tmp_path / EXPLORE,
        "# A quick look\n\n## What there is",
        "import engagement_nb as enb\nmetrics, _ = enb.connect(source).gather()\nmetrics",
        "gap = enb.explore_gap(metrics)\ngap",
        parameters=PARAMETERS,
    )
    made = enb.make_report(week, out=tmp_path / "out", notebooks=tmp_path)
    page = Path(made.html).read_text()
    assert "engagement rate by day of engagement: 2026-11-01: " in page
    assert "Totals omits media engagements" in page
    assert made.facts["by"] == "day"
