"""Hidden engagement by group of Tweets, and whether two groups differ by more than chance.

Two groups are compared with a permutation test: if the group told nothing about hidden
engagement, each way of dealing the Tweets to the two groups would be equally likely. The
p-values of all pairs that are looked at are adjusted together (Holm 1979).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.special import ndtr

from engagement_nb.errors import AnalysisError
from engagement_nb.gap.identify import TOGETHER
from engagement_nb.gap.interval import ANY_SHARE, share_interval
from engagement_nb.gap.read import Counts, column_counts
from engagement_nb.words import number

CONTENT = {
    "has_url": "URL",
    "has_hashtag": "hashtag",
    "has_mention": "mention",
    "has_media": "media",
    "is_reply": "reply",
}
"""Facts that a source can tell of a text, and what a reader calls them."""
BY_TIME = frozenset({"day", "hour", "hours_since_posting", "days_since_posting"})
"""Keys that group the rows of a series, not Tweets."""
NOT_TOLD = "not told:"
LEAST_GROUP = TOGETHER
"""Tweets that a group needs to be compared: the same number that shows counters read together."""
MANY = 20_000
"""Tweets beyond which the distribution of the permutations is taken as normal: speed only."""
DRAWS = 1999
"""Permutations of a test: its smallest p-value is one in so many and one."""

_AGES = {1: "under a day", 7: "1 to 6 days", 28: "7 to 27 days", 90: "28 to 89 days",
         365: "90 to 364 days", np.inf: "a year or more"}  # fmt: skip
"""Days below which a Tweet has the age, in order."""
_SINCE = (0, 1, 2, 3, 4, 6, 9, 12, 18, 24, 36, 48, 72, 120, 168, 336, 672)

COLUMNS = ["tweets", "engagements", "hidden", "hidden_share", "low", "high", "over_count"]


@dataclass(frozen=True)
class Units:
    """Rows that groups are made of: a Tweet each, or a Tweet and hour or day each.

    Parameters
    ----------
    frame
        ``tweet_id`` if known, ``created_at``, ``time`` and facts where known, and the
        integers ``engagements``, ``hidden``, ``over_count``.
    moment
        When the figures were read, as far as known: ages are counted to it.
    level
        Of the intervals.
    """

    frame: pd.DataFrame
    moment: datetime | None
    level: float

    def by(self, key: str) -> pd.DataFrame:
        """Engagements and hidden by group: see `engagement_nb.gap.shown.Gap.by`."""
        rows = {label: self._row(chosen) for label, chosen in self._groups(key).items()}
        table = pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS)
        table.index.name = key
        return table.astype({"hidden_share": "Float64", "low": "Float64", "high": "Float64"})

    def differences(self, key: str) -> pd.DataFrame:
        """Permutation tests between groups: see `engagement_nb.gap.shown.Gap.differences`."""
        sums = {label: self._by_tweet(rows) for label, rows in self._groups(key).items()}
        # A group with few Tweets or without engagements has no share to compare.
        sums = {
            label: rows
            for label, rows in sums.items()
            if not label.startswith(NOT_TOLD)
            and len(rows) >= LEAST_GROUP
            and rows["engagements"].sum()
        }
        pairs = [
            (one, other)
            for one, other in combinations(sums, 2)
            # Groups by content overlap: a fact is compared with its own opposite only.
            if key != "content" or other == _opposite(one)
        ]
        columns = ["group", "other", "hidden_share", "other_share", "p", "p_adjusted"]
        rows: list[list[str | float]] = []
        for one, other in pairs:
            first, second = sums[one], sums[other]
            shares = [part["hidden"].sum() / part["engagements"].sum() for part in (first, second)]
            rows.append([one, other, *shares, permutation_p(first, second)])
        adjusted = holm([float(row[-1]) for row in rows])
        return pd.DataFrame(
            [[*row, p] for row, p in zip(rows, adjusted, strict=True)], columns=columns
        )

    def _groups(self, key: str) -> dict[str, np.ndarray]:
        """Which rows belong to each group that has any, by its label."""
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

    def _by_tweet(self, chosen: np.ndarray) -> pd.DataFrame:
        rows = self.frame[chosen]
        if "time" in rows.columns:
            rows = rows.groupby("tweet_id")[["engagements", "hidden", "over_count"]].sum()
        return rows

    def _row(self, chosen: np.ndarray) -> dict[str, object]:
        rows = self._by_tweet(chosen)
        whole, hidden = int(rows["engagements"].sum()), int(rows["hidden"].sum())
        limits = share_interval(rows["hidden"].clip(lower=0), rows["engagements"], self.level)
        told = whole and limits != ANY_SHARE
        # In a series, every Tweet has a row for every hour or day.
        tweets = len(rows) if "time" not in self.frame else int((rows["engagements"] > 0).sum())
        return {
            "tweets": tweets,
            "engagements": whole,
            "hidden": hidden,
            "hidden_share": hidden / whole if whole else None,
            "low": limits.low if told else None,
            "high": limits.high if told else None,
            "over_count": int(rows["over_count"].sum()),
        }

    def _by_content(self) -> dict[str, np.ndarray]:
        facts = {c: word for c, word in CONTENT.items() if c in self.frame.columns}
        if not facts:
            raise AnalysisError(
                "Nothing is known of what these Tweets contain.",
                advice="Export files tell it; for the API, add columns such as has_url.",
            )
        groups: dict[str, pd.Series] = {}
        for column, word in facts.items():
            given = self.frame[column].astype("boolean")
            groups[f"{'a' if word == 'reply' else 'with'} {word}"] = given
            groups[f"no {word}"] = ~given
            # The last link of a text may be that of a picture: then it is not told.
            groups[f"{NOT_TOLD} {word}"] = given.isna()
        once: dict[bytes, str] = {}
        for label, chosen in _filled(groups).items():
            once.setdefault(chosen.tobytes(), label)
        # Two facts that hold for the same Tweets are one group.
        return {label: np.frombuffer(same, dtype=bool) for same, label in once.items()}

    def _sizes(self) -> pd.Series:
        figures = self.frame["engagements"]
        if "time" in self.frame.columns:
            figures = figures.groupby(self.frame["tweet_id"]).transform("sum")
        edges = [0, *(10**k for k in range(19))]
        names = ["0", *(f"{number(10**k)}–{number(10 ** (k + 1) - 1)}" for k in range(18))]
        return pd.cut(figures, edges, right=False, labels=names)

    def _ages(self) -> pd.Series:
        posted = self._posted()
        days = ((pd.Timestamp(self.moment or posted.max()) - posted).dt.total_seconds()) / 86400
        return pd.cut(days, [-np.inf, *_AGES], right=False, labels=[*_AGES.values()])

    def _hours(self) -> pd.Series:
        time = self._time()
        if (time == time.dt.floor("D")).all():
            raise AnalysisError(
                "These figures are by day, so their hours are not known.",
                advice='Ask for them by="hour".',
            )
        return time.dt.strftime("%H")

    def _since_hours(self) -> pd.Series:
        names = [_span(a, b) for a, b in zip(_SINCE, [*_SINCE[1:], None], strict=True)]
        hours = self._since("h").dt.total_seconds() / 3600
        return pd.cut(hours, [*_SINCE, np.inf], right=False, labels=names)

    def _since_days(self) -> pd.Series:
        days = self._since("D").dt.days
        last = int(days.max()) if days.notna().any() else 0
        names = [f"day {day}" for day in range(last + 1)]
        return pd.cut(days, range(last + 2), right=False, labels=names)

    def _since(self, unit: str) -> pd.Series:
        """Time since posting; none for Tweets posted before the series begins."""
        posted, time = self._posted().dt.floor(unit), self._time()
        return (time - posted).where((posted >= time.min()) & (time >= posted))

    def _posted(self) -> pd.Series:
        if len(self.frame) and (
            "created_at" not in self.frame.columns or self.frame["created_at"].isna().all()
        ):
            raise AnalysisError("It is not known when these Tweets were posted.")
        return self.frame.get("created_at", pd.Series([], dtype="datetime64[ms, UTC]"))

    def _time(self) -> pd.Series:
        if "time" not in self.frame.columns:
            raise AnalysisError(
                "These figures are sums, not a series.", advice='Ask for them by="day" or "hour".'
            )
        return self.frame["time"]


def series_rows(counts: Counts, summed: list[str], left_out: list[str]) -> pd.DataFrame:
    """The rows of a series with ``engagements``, ``hidden`` and ``over_count``, where known."""
    series = counts.series
    assert series is not None  # noqa: S101
    engagements, chosen = column_counts(series, "engagements")
    inside = np.zeros(len(series), dtype=np.int64)
    outside = np.zeros(len(series), dtype=np.int64)
    for name in summed:
        figures, known = column_counts(series, name)
        inside += figures
        chosen &= known
    for name in left_out:
        outside += column_counts(series, name)[0]
    rows = series.assign(engagements=engagements, hidden=engagements - inside, over_count=outside)
    return rows[chosen].reset_index(drop=True)


def _span(start: int, end: int | None) -> str:
    if end is None:
        return f"{start} h and more"
    return f"{start} h" if end == start + 1 else f"{start}–{end - 1} h"


def _filled(groups: Mapping[str, pd.Series]) -> dict[str, np.ndarray]:
    """The groups that have any row, as masks."""
    masks = {label: chosen.fillna(False).to_numpy(dtype=bool) for label, chosen in groups.items()}
    return {label: mask for label, mask in masks.items() if mask.any()}


def _opposite(label: str) -> str:
    """The group of the Tweets without what a group by content has."""
    return f"no {label.partition(' ')[2]}"


def permutation_p(first: pd.DataFrame, second: pd.DataFrame) -> float:
    """Two-sided p-value that two groups of Tweets have one hidden share.

    The statistic is the sum over the smaller group of ``hidden - share * engagements``, with
    the share of both together. It is compared with its values under random dealings of the
    Tweets (Phipson and Smyth 2010 for the one that is added). The draws have a fixed seed.
    """
    small, large = sorted((first, second), key=len)
    both = pd.concat([small, large])
    hidden, whole = (both[name].to_numpy(dtype=np.float64) for name in ("hidden", "engagements"))
    left = hidden - hidden.sum() / whole.sum() * whole
    seen = abs(left[: len(small)].sum()) * (1 - 1e-12)
    if len(both) > MANY:
        spread = len(small) * len(large) / (len(both) - 1) * left.var()
        return float(2 * ndtr(-seen / spread**0.5)) if spread else 1.0
    rng = np.random.default_rng(len(both))
    drawn = (
        abs(rng.choice(left, len(small), replace=False, shuffle=False).sum()) for _ in range(DRAWS)
    )
    return float((1 + sum(value >= seen for value in drawn)) / (1 + DRAWS))


def holm(p_values: list[float]) -> list[float]:
    """P-values adjusted for their number by Holm's step-down method, in the order given."""
    count, adjusted, highest = len(p_values), [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(count), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (count - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted
