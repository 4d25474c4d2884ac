"""Hidden share and engagement rate over time: see `engagement_nb.Gap.trend`."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from engagement_nb.errors import AnalysisError
from engagement_nb.gap.groups import BOUNDS, LEAST_GROUP, Units
from engagement_nb.gap.interval import ratio_interval, share_interval
from engagement_nb.gap.read import column_counts
from engagement_nb.metrics.periods import LATEST_MIDNIGHT

Step = Literal["day", "week", "month", "year"]
_PERIODS: dict[Step, str] = {"day": "D", "week": "W-SUN", "month": "M", "year": "Y"}
_LONGEST: dict[Step, int] = {"day": 32, "week": 183, "month": 1100}
"""Shorter spans in days are shown by day or by week by default."""
TIMES = {"time": "engagement", "day": "engagement", "created_at": "posting"}
"""Columns with times, the best first, and what happened then."""
COLUMNS = ["tweets", "engagements", *BOUNDS, "hidden_share", "hidden_low", "hidden_high",
           "impressions", "engagement_rate", "rate_low", "rate_high", "partial"]  # fmt: skip


def over_time(
    units: Units, by: Step | None, zone: str, start: datetime | None, end: datetime | None
) -> pd.DataFrame:
    """Figures by period, in order of time without gaps: see `engagement_nb.Gap.trend`.

    ``start`` and ``end`` are the times that the figures cover; None if unknown.
    """
    frame = units.frame
    column = next((name for name in TIMES if name in frame and frame[name].notna().any()), None)
    if column is None or not len(frame):
        raise AnalysisError("It is not known when these Tweets were posted.")
    frame, of_what = frame[frame[column].notna()], TIMES[column]
    moment = pd.to_datetime(frame[column], utc=True)
    # Figures by day have days of UTC.
    daily = of_what == "engagement" and bool((moment == moment.dt.floor("D")).all())
    place = place_of("UTC" if daily else zone)
    # An hour in which midnight falls counts for the day that begins, as when figures are fetched.
    hourly = of_what == "engagement" and bool((moment == moment.dt.floor("h")).all())
    late = LATEST_MIDNIGHT if hourly else timedelta()
    local = (moment + late).dt.tz_convert(place).dt.tz_localize(None)
    period, index, step = in_periods(local, by)
    impressions, seen = column_counts(frame, "impressions")
    # Arrays, because one frame for each period takes ten times as long.
    figures = frame[["engagements", *BOUNDS]].assign(
        impressions=impressions, engaged=np.where(seen, frame["engagements"], 0),
        place=index.get_indexer(pd.PeriodIndex(period)),
        tweet=pd.factorize(frame["tweet_id"])[0] if "tweet_id" in frame else np.arange(len(frame)),
    )  # fmt: skip
    sums = figures.groupby(["place", "tweet"]).sum()
    edges = np.searchsorted(sums.index.get_level_values("place"), np.arange(len(index) + 1))
    rows = [_row(sums.iloc[a:b], units) for a, b in pairwise(edges)]
    table = pd.DataFrame(rows, columns=COLUMNS[:-1])
    if end is None and of_what == "posting":
        end = moment.max().ceil("D")
    first, last = (None if m is None else pd.Timestamp(m).tz_convert(place).tz_localize(None)
                   for m in (start, end and end + late))  # fmt: skip
    table["partial"] = covered_in_part(index, first, last)
    table.index = index.to_timestamp().rename(f"{step} of {of_what}")
    ratios = [name for name in COLUMNS if name.endswith(("share", "rate", "low", "high"))]
    return table.astype(dict.fromkeys(ratios, "Float64"))


def place_of(zone: str) -> ZoneInfo:
    """A time zone by its IANA name.

    Raises
    ------
    AnalysisError
        There is none of that name.
    """
    try:
        return ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise AnalysisError(
            f"{zone!r} is not a time zone.", advice="Such as Europe/Paris."
        ) from None


def in_periods(moments: pd.Series, by: Step | None) -> tuple[pd.Series, pd.PeriodIndex, Step]:
    """The period of each moment, all periods without gaps, and their length.

    Raises
    ------
    AnalysisError
        ``by`` is not a step in time.
    """
    days = (moments.max() - moments.min()).days
    step = by or next((step for step, most in _LONGEST.items() if days < most), "year")
    if step not in _PERIODS:
        raise AnalysisError(
            f"{by!r} is not a step in time.", advice='Use "day", "week", "month" or "year".'
        )
    period = moments.dt.to_period(_PERIODS[step])
    return period, pd.period_range(period.min(), period.max(), freq=_PERIODS[step]), step


def covered_in_part(
    index: pd.PeriodIndex, first: pd.Timestamp | None, last: pd.Timestamp | None
) -> np.ndarray:
    """Which periods begin before the first moment that is covered, or end after the last."""
    before = np.zeros(len(index), bool) if first is None else index.start_time < first
    return before if last is None else before | (index.end_time > last)


def _row(rows: pd.DataFrame, units: Units) -> list[object]:
    """The figures of one period, from sums by Tweet."""
    share = units.share_of(rows)
    few = int((rows["engagements"] > 0).sum()) < LEAST_GROUP and share.kind != "bounds"
    return [
        int((rows["engagements"] > 0).sum()),
        share.whole,
        max(int(rows["hidden"].sum()), 0),
        share.least,
        share.most,
        share.value,
        *((None, None) if few else (share.low, share.high)),
        int(rows["impressions"].sum()),
        *_rate(rows, units.share.level),
    ]


def _rate(rows: pd.DataFrame, level: float) -> tuple[float | None, ...]:
    """The engagement rate and its interval; None if it is unknown or there are too few Tweets."""
    engaged, shown = (rows[name].to_numpy() for name in ("engaged", "impressions"))
    engaged, shown = engaged[shown > 0], shown[shown > 0]
    if not len(shown):
        return None, None, None
    rate = float(engaged.sum() / shown.sum())
    if len(shown) < LEAST_GROUP:
        return rate, None, None
    return rate, *(share_interval if rate <= 1 else ratio_interval)(engaged, shown, level)
