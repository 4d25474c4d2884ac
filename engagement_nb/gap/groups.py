"""Hidden engagement by group of Tweets and over time, and whether two groups differ by chance.

Two groups are compared with a permutation test: if the groups had nothing to do with hidden
engagement, every assignment of the Tweets to the two groups would be equally likely. The p-values
of all pairs are adjusted together (Holm 1979).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, wraps
from itertools import combinations, pairwise
from typing import Any, Literal, ParamSpec

import numpy as np
import pandas as pd
from scipy.special import ndtr

from engagement_nb.errors import AnalysisError
from engagement_nb.gap.identify import TOGETHER
from engagement_nb.gap.interval import ratio_interval, share_interval
from engagement_nb.gap.read import column_counts
from engagement_nb.gap.share import Share
from engagement_nb.metrics.periods import LATEST_MIDNIGHT, zone_of
from engagement_nb.words import number

CONTENT = {
    "has_url": "URL",
    "has_hashtag": "hashtag",
    "has_mention": "mention",
    "has_media": "media",
    "is_reply": "reply",
}
"""Facts about a text that a source may have, and what a reader calls them."""
BY_TIME = frozenset({"day", "hour", "hours_since_posting", "days_since_posting"})
"""Keys that group the rows of a series, not Tweets."""
LEAST_GROUP = TOGETHER
"""Tweets that a group needs to be compared."""
MANY = 20_000
"""Above this number of Tweets, the permutation distribution is taken as normal, for speed."""
DRAWS = 1999
"""Most permutations of a test: its smallest p-value is ``1 / (DRAWS + 1)``."""
ENOUGH = 100
"""A test ends after this many permutations as extreme as the figures: then p is above 0.05."""

_AGES = {1: "under a day", 7: "1 to 6 days", 28: "7 to 27 days", 90: "28 to 89 days",
         365: "90 to 364 days", np.inf: "a year or more"}  # fmt: skip
"""Ages by their upper limits in days, which are not included."""
_SINCE_HOURS = (0, 1, 2, 3, 4, 6, 9, 12, 18, 24, 36, 48, 72, 120, 168, 336, 672)

BOUNDS = ["hidden", "hidden_least", "hidden_most"]
COLUMNS = ["tweets", "engagements", *BOUNDS, "hidden_share", "low", "high", "kind", "over_count"]

Step = Literal["day", "week", "month", "year"]
_PERIODS: dict[Step, str] = {"day": "D", "week": "W-SUN", "month": "M", "year": "Y"}
_LONGEST: dict[Step, int] = {"day": 32, "week": 183, "month": 1100}
"""Shorter spans in days are shown by day or by week by default."""
TIMES = {"time": "engagement", "day": "engagement", "created_at": "posting"}
"""Columns with times, the best first, and what happened then."""
TREND = ["tweets", "engagements", *BOUNDS, "hidden_share", "hidden_low", "hidden_high",
           "impressions", "engagement_rate", "rate_low", "rate_high", "partial"]  # fmt: skip


_P = ParamSpec("_P")
Figures = dict[str, np.ndarray]
"""Columns of some rows: slices of arrays, because those of frames take ten times as long."""


def kept(made: Callable[_P, pd.DataFrame]) -> Callable[_P, pd.DataFrame]:
    """A method that makes each table once, and returns copies."""

    @wraps(made)
    def copied(*given: _P.args, **named: _P.kwargs) -> pd.DataFrame:
        tables: dict[object, pd.DataFrame] = vars(given[0]).setdefault("_kept", {})
        key = (made, *given[1:], *named.items())
        if key not in tables:
            tables[key] = made(*given, **named)
        return tables[key].copy()

    return copied


@dataclass(frozen=True, eq=False)
class Units:
    """The rows that are grouped: one per Tweet, or one per Tweet and hour or day.

    Parameters
    ----------
    frame
        The integers ``engagements``, ``hidden`` with its bounds, and ``over_count``; where known
        ``tweet_id``, ``created_at``, ``time`` and facts about the text.
    moment
        When the figures were read; None if unknown. Ages are counted to it.
    share
        The share of all, whose level and undetermined metrics hold for each group.
    """

    frame: pd.DataFrame
    moment: datetime | None
    share: Share

    def share_of(self, rows: Figures) -> Share:
        """The hidden share of some rows, one per Tweet."""
        # In a part of a series, the included metrics may exceed engagements.
        parts = [rows[n] if rows[n].sum() > 0 else np.zeros_like(rows[n]) for n in BOUNDS]
        return Share.of(
            *[*parts, rows["engagements"]],
            level=self.share.level,
            undetermined=self.share.undetermined,
            counted=self.share.kind != "unknown",
        )

    @kept
    def by(self, key: str) -> pd.DataFrame:
        """Engagements and hidden by group: see `engagement_nb.Gap.by`."""
        rows = {label: self._row(chosen) for label, chosen in self._groups(key).items()}
        table = pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS)
        table.index.name = key
        return table.astype({"hidden_share": "Float64", "low": "Float64", "high": "Float64"})

    @kept
    def differences(self, key: str) -> pd.DataFrame:
        """Permutation tests between groups: see `engagement_nb.Gap.differences`."""
        # Engagements include what is hidden, so groups by size differ by construction.
        groups = self._groups(key) if self.share.value is not None and key != "size" else {}
        sums = {label: self._by_tweet(rows) for label, rows in groups.items()}
        sums = {
            label: rows
            for label, rows in sums.items()
            if len(rows["engagements"]) >= LEAST_GROUP and rows["engagements"].sum()
        }
        pairs = [
            (one, other)
            for one, other in combinations(sums, 2)
            # Groups by content overlap, so a fact is compared with its absence only.
            if key != "content" or other == f"no {one.partition(' ')[2]}"
        ]
        rates = {name: rows["hidden"].sum() / rows["engagements"].sum()
                 for name, rows in sums.items()}  # fmt: skip
        rows = [[a, b, rates[a], rates[b], permutation_p(sums[a], sums[b])] for a, b in pairs]
        columns = ["group", "other", "hidden_share", "other_share", "p"]
        table = pd.DataFrame(rows, columns=columns)
        return table.assign(p_adjusted=holm([*table["p"]]))

    def _groups(self, key: str) -> dict[str, np.ndarray]:
        """The rows of each group as a mask, by its label; no group is empty."""
        if key == "content":
            return self._by_content()
        labels_of: dict[str, Callable[[], pd.Series]] = {
            "size": self._sizes,
            "age": self._ages,
            "month": lambda: self._posted().dt.strftime("%Y-%m"),
            "day": lambda: self._time().dt.strftime("%Y-%m-%d"),
            "hour": self._hours,
            "hours_since_posting": self._since_hours,
            "days_since_posting": self._since_days,
        }
        if key in labels_of:
            labels = labels_of[key]()
        elif key in self.frame.columns:
            labels = self.frame[key].astype("string")
        else:
            raise AnalysisError(
                f"There is no {key!r} to group these figures by.",
                advice=f"Group by {', '.join([*labels_of, 'content'])} or a column of the frame.",
            )
        ordered = isinstance(labels.dtype, pd.CategoricalDtype)
        found = labels.cat.categories if ordered else sorted(labels.dropna().unique())
        return _filled({label: labels == label for label in found})

    @cached_property
    def _figures(self) -> Figures:
        return _arrays(self.frame[["engagements", *BOUNDS, "over_count"]])

    def _by_tweet(self, chosen: np.ndarray) -> Figures:
        rows = {name: column[chosen] for name, column in self._figures.items()}
        if "time" in self.frame.columns:
            tweets = self.frame["tweet_id"].to_numpy()[chosen]
            rows = _arrays(pd.DataFrame(rows).groupby(tweets).sum())
        return rows

    def _row(self, chosen: np.ndarray) -> list[object]:
        rows = self._by_tweet(chosen)
        engaged, *figures, kind = self.row(rows)
        # In a series, every Tweet has a row for every hour or day.
        tweets = engaged if "time" in self.frame else len(rows["engagements"])
        return [tweets, *figures, kind, int(rows["over_count"].sum())]

    def row(self, rows: Figures) -> list[Any]:
        """Of some rows, one per Tweet: those with engagements, the sums, and the share."""
        share = self.share_of(rows)
        return [
            int((rows["engagements"] > 0).sum()), share.whole, max(int(rows["hidden"].sum()), 0),
            share.least, share.most, share.value, share.low, share.high, share.kind,
        ]  # fmt: skip

    def _by_content(self) -> dict[str, np.ndarray]:
        facts = {c: word for c, word in CONTENT.items() if c in self.frame.columns}
        if not facts:
            raise AnalysisError(
                "Nothing is known about what these Tweets contain.",
                advice="Read an export file, or add columns such as has_url.",
            )
        groups: dict[str, pd.Series] = {}
        for column, word in facts.items():
            given = self.frame[column].astype("boolean")
            # The last link of a text may be that of a picture, so some are unknown.
            groups |= {f"{'a' if word == 'reply' else 'with'} {word}": given, f"no {word}": ~given,
                       f"{word} unknown": given.isna()}  # fmt: skip
        once: dict[bytes, str] = {}
        for label, chosen in _filled(groups).items():
            once.setdefault(chosen.tobytes(), label)
        # Two facts with the same Tweets are one group.
        return {label: np.frombuffer(same, dtype=bool) for same, label in once.items()}

    def _sizes(self) -> pd.Series:
        figures = self.frame["engagements"]
        if "time" in self.frame.columns:
            figures = figures.groupby(self.frame["tweet_id"]).transform("sum")
        edges = [0, *(10**k for k in range(19))]
        names = ["0", *(f"{number(10**k)}–{number(10 ** (k + 1) - 1)}" for k in range(18))]
        return _binned(figures, edges, names)

    def _ages(self) -> pd.Series:
        posted = self._posted()
        days = ((pd.Timestamp(self.moment or posted.max()) - posted).dt.total_seconds()) / 86400
        return _binned(days, [-np.inf, *_AGES], [*_AGES.values()])

    def _hours(self) -> pd.Series:
        time = self._time()
        if (time == time.dt.floor("D")).all():
            raise AnalysisError(
                "These figures are by day, so their hours are not known.",
                advice='Fetch them by="hour".',
            )
        hours: pd.Series = time.dt.strftime("%H")
        return hours

    def _since_hours(self) -> pd.Series:
        spans = pairwise(_SINCE_HOURS)
        names = [f"{a} h" if b == a + 1 else f"{a}–{b - 1} h" for a, b in spans]
        names.append(f"{_SINCE_HOURS[-1]} h and more")
        hours = self._since("h").dt.total_seconds() / 3600
        return _binned(hours, [*_SINCE_HOURS, np.inf], names)

    def _since_days(self) -> pd.Series:
        days = self._since("D").dt.days
        last = int(days.max()) if days.notna().any() else 0
        names = [f"day {day}" for day in range(last + 1)]
        return _binned(days, range(last + 2), names)

    def _since(self, unit: str) -> pd.Series:
        """Time since posting; missing for Tweets that were posted before the series began."""
        posted, time = self._posted().dt.floor(unit), self._time()
        since: pd.Series = (time - posted).where((posted >= time.min()) & (time >= posted))
        return since

    def _posted(self) -> pd.Series:
        if len(self.frame) and (
            "created_at" not in self.frame.columns or self.frame["created_at"].isna().all()
        ):
            raise AnalysisError("It is not known when these Tweets were posted.")
        return self.frame.get("created_at", pd.Series([], dtype="datetime64[ms, UTC]"))

    def _time(self) -> pd.Series:
        if "time" not in self.frame.columns:
            raise AnalysisError(
                "These figures are sums, not a series.", advice='Fetch them by="day" or "hour".'
            )
        return self.frame["time"]


def _binned(values: pd.Series, edges: Sequence[float], names: list[str]) -> pd.Series:
    """The name of the interval of each value; the lower edge of an interval is part of it."""
    groups: pd.Series = pd.cut(values, edges, right=False, labels=names)
    return groups


def _arrays(frame: pd.DataFrame) -> Figures:
    return {str(name): frame[name].to_numpy() for name in frame}


def _filled(groups: Mapping[str, pd.Series]) -> dict[str, np.ndarray]:
    """The groups that have any row, as masks."""
    masks = {label: chosen.fillna(False).to_numpy(dtype=bool) for label, chosen in groups.items()}
    return {label: mask for label, mask in masks.items() if mask.any()}


def permutation_p(first: Figures | pd.DataFrame, second: Figures | pd.DataFrame) -> float:
    """Two-sided p-value that two groups of Tweets have one hidden share.

    The statistic is the sum over the smaller group of ``hidden - share * engagements``, with
    the share of both together. It is compared with its values under random assignments of the
    Tweets, with a fixed seed. The observed assignment is one of them (Phipson and Smyth 2010). A
    test with a large p-value ends early, which keeps the p-value valid (Besag and Clifford 1991).
    """
    parts = [np.array([part["hidden"], part["engagements"]], float) for part in (first, second)]
    small, large = sorted(part.shape[1] for part in parts)
    hidden, whole = np.concatenate(sorted(parts, key=np.size), axis=1)
    left = hidden - hidden.sum() / whole.sum() * whole
    seen = abs(left[:small].sum()) * (1 - 1e-12)
    if len(left) > MANY:
        spread = small * large / (len(left) - 1) * left.var()
        return float(2 * ndtr(-seen / spread**0.5)) if spread else 1.0
    rng = np.random.default_rng(len(left))
    as_extreme = 0
    for drawn in range(1, DRAWS + 1):
        chosen = rng.choice(left, small, replace=False, shuffle=False)
        as_extreme += abs(chosen.sum()) >= seen
        if as_extreme == ENOUGH:
            return ENOUGH / drawn
    return float((1 + as_extreme) / (1 + DRAWS))


def holm(p_values: list[float]) -> list[float]:
    """P-values adjusted for their number by Holm's step-down method, in the same order."""
    order = np.argsort(p_values, kind="stable")
    times = np.sort(p_values) * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.maximum.accumulate(np.minimum(times, 1))
    return [float(p) for p in adjusted]


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
    place = zone_of("UTC" if daily else zone)
    # An hour in which midnight falls counts for the day that begins, as when figures are fetched.
    hourly = of_what == "engagement" and bool((moment == moment.dt.floor("h")).all())
    late = LATEST_MIDNIGHT if hourly else timedelta()
    local = (moment + late).dt.tz_convert(place).dt.tz_localize(None)
    period, index, step = in_periods(local, by)
    impressions, seen = column_counts(frame, "impressions")
    figures = frame[["engagements", *BOUNDS]].assign(
        impressions=impressions, engaged=np.where(seen, frame["engagements"], 0),
        place=index.get_indexer(pd.PeriodIndex(period)),
        tweet=pd.factorize(frame["tweet_id"])[0] if "tweet_id" in frame else np.arange(len(frame)),
    )  # fmt: skip
    sums = figures.groupby(["place", "tweet"]).sum()
    edges = np.searchsorted(sums.index.get_level_values("place"), np.arange(len(index) + 1))
    columns = _arrays(sums)
    rows = [
        _period({name: column[a:b] for name, column in columns.items()}, units)
        for a, b in pairwise(edges)
    ]
    table = pd.DataFrame(rows, columns=TREND[:-1])
    if end is None and of_what == "posting":
        end = moment.max().ceil("D")
    first, last = (None if m is None else pd.Timestamp(m).tz_convert(place).tz_localize(None)
                   for m in (start, end and end + late))  # fmt: skip
    table["partial"] = covered_in_part(index, first, last)
    table.index = index.to_timestamp().rename(f"{step} of {of_what}")
    ratios = [name for name in TREND if name.endswith(("share", "rate", "low", "high"))]
    return table.astype(dict.fromkeys(ratios, "Float64"))


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


def _period(rows: Figures, units: Units) -> list[object]:
    """The figures of one period, from sums by Tweet."""
    tweets, *figures, low, high, kind = units.row(rows)
    if tweets < LEAST_GROUP and kind != "bounds":
        low = high = None
    shown = rows["impressions"] > 0
    part, whole = rows["engaged"][shown], rows["impressions"][shown]
    rate: list[float | None] = [None, None, None]
    if len(whole):
        rate[0] = float(part.sum() / whole.sum())
    if len(whole) >= LEAST_GROUP:
        of = share_interval if part.sum() <= whole.sum() else ratio_interval
        rate[1:] = of(part, whole, units.share.level)
    return [tweets, *figures, low, high, int(rows["impressions"].sum()), *rate]
