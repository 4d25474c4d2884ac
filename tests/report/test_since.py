"""What changed since the last run."""

from __future__ import annotations

import io

import pandas as pd

import engagement_nb as enb
from engagement_nb.report.publish import TWEETS
from engagement_nb.report.since import since_last_run
from engagement_nb.store import Store
from tests.gap.accounts import account


def parquet(frame: pd.DataFrame) -> bytes:
    stream = io.BytesIO()
    frame.to_parquet(stream)
    return stream.getvalue()


def test_shares_that_differ_from_those_of_the_reports_are_explained(tmp_path):
    """The new run alone cannot tell which metrics are counted; both together can."""
    before = account(300, seed=1)
    after = before.assign(engagements=before["engagements"] * 115 // 100 + 1)
    gaps = [enb.explore_gap(frame) for frame in (before, after)]
    record = {"status": "done", "made_at": "2026-11-23T06:00:00+00:00",
              "figures": gaps[0].to_dict()}  # fmt: skip
    store = Store(tmp_path)
    (tmp_path / TWEETS).write_bytes(parquet(before))

    def told(gap: enb.Gap, frame: pd.DataFrame) -> str:
        since = since_last_run(store, record, gap.to_dict(), {TWEETS: parquet(frame)})
        assert since is not None
        return since.note

    assert gaps[1].share.point == "cannot tell"
    assert "judged from both runs together" in told(gaps[1], after)
    more = account(330, seed=1)
    assert told(enb.explore_gap(more), more) == ""
