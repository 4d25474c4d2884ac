"""What time the rows of a table are of, and what they lack of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pandas as pd

from engagement_nb.apis.contract import By
from engagement_nb.apis.reasons import Reason
from engagement_nb.metrics import Metrics, problems_frame
from engagement_nb.metrics.account import Coverage
from engagement_nb.metrics.periods import gaps_between

STEPS: dict[str, pd.Timedelta] = {"day": pd.Timedelta(days=1), "hour": pd.Timedelta(hours=1)}


def period_in(frame: pd.DataFrame) -> tuple[datetime | None, datetime | None, By | None]:
    """First moment, the moment after the last, and the step of a series; None for other figures."""
    if "time" in frame and frame["time"].notna().any():
        times = frame["time"]
        by: By = "day" if (times == times.dt.normalize()).all() else "hour"
        return times.min().to_pydatetime(), (times.max() + STEPS[by]).to_pydatetime(), by
    if is_of_periods(frame):
        return frame["start"].min().to_pydatetime(), frame["end"].max().to_pydatetime(), None
    return None, None, None


def is_of_periods(frame: pd.DataFrame) -> bool:
    """Whether each row has the period that its sums are of."""
    return (
        bool(len(frame))
        and {"start", "end"} <= {*frame}
        and bool(frame[["start", "end"]].notna().all(axis=None))
    )


def with_coverage(metrics: Metrics, start: datetime, end: datetime) -> Metrics:
    """Figures whose account tells what they cover of a period.

    Days of a whole account that are missing are problems, too.

    Parameters
    ----------
    metrics
        Figures of a table with the time in which people engaged.
    start, end
        The period.
    """
    frame, step = metrics.frame, STEPS.get(str(metrics.about.by))
    first, last = pd.Timestamp(start), pd.Timestamp(end)
    spans = frame.reindex(columns=["start", "end"])
    if step is not None:
        spans = pd.DataFrame({"start": frame["time"], "end": frame["time"] + step})
    whole = partial = 0
    if "tweet_id" in frame:
        # A Tweet has no figures of the time before it was posted.
        posted = frame["created_at"] if "created_at" in frame else pd.Series(pd.NaT, frame.index)
        begins = posted.dt.floor(step).clip(lower=first) if step else posted.mask(posted.notna())
        begins = pd.to_datetime(begins, utc=True).fillna(first)
        first = max(first, begins.min())
        lasts = spans["end"] - spans["start"].clip(lower=begins)
        has = lasts.mask(lasts < pd.Timedelta(0), pd.Timedelta(0)).groupby(frame["tweet_id"]).sum()
        whole = int((has >= last - begins.groupby(frame["tweet_id"]).first()).sum())
        partial = len(has) - whole
    gaps = gaps_between(spans.drop_duplicates().itertuples(index=False), (first, last))
    holes = tuple((a.to_pydatetime(), b.to_pydatetime()) for a, b in gaps)
    account = replace(metrics.account, coverage=Coverage(start, end, whole, partial, holes))
    metrics = replace(metrics, account=account)
    if metrics.about.unit != "day":
        return metrics
    days = [
        {"tweet_id": f"{day:%Y-%m-%d}", "reason": Reason.NO_ROW}
        for hole in holes
        for day in pd.date_range(*hole, freq="D", inclusive="left")
    ]
    problems = metrics.problems[metrics.problems["reason"] != Reason.NO_ROW]
    return replace(metrics, problems=pd.concat([problems, problems_frame(days)]))
