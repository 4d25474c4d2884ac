"""Hidden share and engagement rate over time: see `engagement_nb.Gap.trend`."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from engagement_nb.errors import AnalysisError
from engagement_nb.gap.groups import LEAST_GROUP, Units
from engagement_nb.gap.interval import ratio_interval, share_interval
from engagement_nb.gap.read import column_counts

Step = Literal["day", "week", "month"]
_PERIODS: dict[Step, str] = {"day": "D", "week": "W-SUN", "month": "M"}
_LONGEST: dict[Step, int] = {"day": 14, "week": 183}
"""Shorter spans in days are shown by day or by week by default."""
TIMES = {"time": "engagement", "day": "engagement", "created_at": "posting"}
"""Columns with times, the best first, and what happened then."""
COLUMNS = ["tweets", "engagements", "hidden", "hidden_share", "hidden_low", "hidden_high",
           "impressions", "engagement_rate", "rate_low", "rate_high", "partial"]  # fmt: skip


def over_time(
    units: Units, by: Step | None, zone: str, start: datetime | None, end: datetime | None
) -> pd.DataFrame:
    """Figures by period, in order of time without gaps: see `engagement_nb.Gap.trend`.

    ``start`` and ``end`` are the times that the figures cover; None if unknown.
    """
    frame = units.frame
    column = next((name for name in TIMES if name in frame and frame[name].notna().any()), None)
    if column is None:
        raise AnalysisError("It is not known when these Tweets were posted.")
    frame, of_what = frame[frame[column].notna()], TIMES[column]
    moment = pd.to_datetime(frame[column], utc=True)
    # Figures by day have days of UTC.
    daily = of_what == "engagement" and bool((moment == moment.dt.floor("D")).all())
    try:
        place = ZoneInfo("UTC" if daily else zone)
    except (KeyError, ValueError, OSError):
        raise AnalysisError(
            f"{zone!r} is not a time zone.", advice="Such as Europe/Paris."
        ) from None
    local = moment.dt.tz_convert(place).dt.tz_localize(None)
    period, index, step = in_periods(local, by)
    impressions, seen = column_counts(frame, "impressions")
    figures = frame[["engagements", "hidden"]].assign(
        impressions=impressions, engaged=np.where(seen, frame["engagements"], 0), period=period,
        tweet=frame["tweet_id"] if "tweet_id" in frame else np.arange(len(frame)),
    )  # fmt: skip
    sums = figures.groupby(["period", "tweet"]).sum()
    sums["hidden"] = sums["hidden"].clip(lower=0)
    of_each: dict[object, pd.DataFrame] = {**dict(iter(sums.groupby(level="period")))}
    rows = [_row(of_each.get(key, sums.iloc[:0]), units.level) for key in index]
    table = pd.DataFrame(rows, columns=COLUMNS[:-1])
    first, last = (None if m is None else pd.Timestamp(m).tz_convert(place).tz_localize(None)
                   for m in (start, end))  # fmt: skip
    table["partial"] = covered_in_part(index, first, last)
    table.index = index.to_timestamp().rename(f"{step} of {of_what}")
    ratios = [name for name in COLUMNS if name.endswith(("share", "rate", "low", "high"))]
    return table.astype(dict.fromkeys(ratios, "Float64"))


def in_periods(moments: pd.Series, by: Step | None) -> tuple[pd.Series, pd.PeriodIndex, Step]:
    """The period of each moment, all periods without gaps, and their length.

    Raises
    ------
    AnalysisError
        ``by`` is not a step in time.
    """
    days = (moments.max() - moments.min()).days
    step = by or next((step for step, most in _LONGEST.items() if days < most), "month")
    if step not in _PERIODS:
        raise AnalysisError(
            f"{by!r} is not a step in time.", advice='Use "day", "week" or "month".'
        )
    period = moments.dt.to_period(_PERIODS[step])
    return period, pd.period_range(period.min(), period.max(), freq=_PERIODS[step]), step


def covered_in_part(
    index: pd.PeriodIndex, first: pd.Timestamp | None, last: pd.Timestamp | None
) -> list[bool]:
    """Which periods begin before the first moment that is covered, or end after the last."""
    return [
        (first is not None and key.start_time < first) or (last is not None and key.end_time > last)
        for key in index
    ]


def _row(rows: pd.DataFrame, level: float) -> list[object]:
    """The figures of one period, from sums by Tweet."""
    engaged = rows[rows["impressions"] > 0]
    return [
        int((rows["engagements"] > 0).sum()),
        int(rows["engagements"].sum()),
        int(rows["hidden"].sum()),
        *_ratio(rows["hidden"], rows["engagements"], level),
        int(rows["impressions"].sum()),
        *_ratio(engaged["engaged"], engaged["impressions"], level),
    ]


def _ratio(part: pd.Series, whole: pd.Series, level: float) -> tuple[float | None, ...]:
    """A ratio of sums and its interval; None if it is unknown or there are too few Tweets."""
    if not whole.sum():
        return None, None, None
    ratio = part.sum() / whole.sum()
    if np.count_nonzero(whole) < LEAST_GROUP:
        return ratio, None, None
    return ratio, *(share_interval if ratio <= 1 else ratio_interval)(part, whole, level)
