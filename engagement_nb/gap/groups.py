"""Where hidden engagement sits: by kind of content, age, owner, size, day, hour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from engagement_nb.errors import AnalysisError
from engagement_nb.gap.bootstrap import share_interval
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
NOT_TOLD = "not told:"

_AGES = ((1, "under a day"), (7, "1 to 6 days"), (28, "7 to 27 days"), (90, "28 to 89 days"),
         (365, "90 to 364 days"), (np.inf, "a year or more"))  # fmt: skip
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
    level, resamples, seed
        Of the intervals.
    """

    frame: pd.DataFrame
    moment: datetime | None
    level: float
    resamples: int
    seed: int

    def by(self, key: str) -> pd.DataFrame:
        """Engagements and hidden by group: see `engagement_nb.gap.shown.Gap.by`."""
        if key == "content":
            return self._by_content()
        special: dict[str, Callable[[], tuple[pd.Series, list[str] | None]]] = {
            "size": self._sizes,
            "age": self._ages,
            "month": self._months,
            "day": self._days,
            "hour": self._hours,
            "hours_since_posting": self._since_hours,
            "days_since_posting": self._since_days,
        }
        if key in special:
            labels, order = special[key]()
        elif key in self.frame.columns:
            labels, order = self.frame[key].astype("string"), None
        else:
            raise AnalysisError(
                f"There is no {key!r} to group these figures by.",
                advice=f"Group by {', '.join([*special, 'content'])} or a column of the frame.",
            )
        found = order if order is not None else sorted(labels.dropna().unique())
        rows = {label: self._row(labels == label) for label in found}
        return _table({label: row for label, row in rows.items() if row}, key)

    def _row(self, chosen: pd.Series) -> dict[str, object]:
        rows = self.frame[chosen.fillna(False).to_numpy(dtype=bool)]
        if not len(rows):
            return {}
        if "time" in rows.columns:
            rows = rows.groupby("tweet_id")[["engagements", "hidden", "over_count"]].sum()
        share = share_interval(
            rows["hidden"].to_numpy(),
            rows["engagements"].to_numpy(),
            level=self.level,
            resamples=min(self.resamples, 1000),
            seed=self.seed,
        )
        return {
            "tweets": len(rows),
            "engagements": int(rows["engagements"].sum()),
            "hidden": int(rows["hidden"].sum()),
            "hidden_share": share.share,
            "low": share.low,
            "high": share.high,
            "over_count": int(rows["over_count"].sum()),
        }

    def _by_content(self) -> pd.DataFrame:
        facts = {c: word for c, word in CONTENT.items() if c in self.frame.columns}
        if not facts:
            raise AnalysisError(
                "Nothing is known of what these Tweets contain.",
                advice="Export files tell it; for the API, add columns such as has_url.",
            )
        rows = {}
        for column, word in facts.items():
            given = self.frame[column].astype("boolean")
            rows[f"{'a' if word == 'reply' else 'with'} {word}"] = self._row(given)
            rows[f"no {word}"] = self._row(~given)
            # The last link of a text may be that of a picture: then it is not told.
            rows[f"{NOT_TOLD} {word}"] = self._row(given.isna())
        return _table({label: row for label, row in rows.items() if row}, "content")

    def _sizes(self) -> tuple[pd.Series, list[str]]:
        figures = self.frame["engagements"]
        if "time" in self.frame.columns:
            figures = figures.groupby(self.frame["tweet_id"]).transform("sum")
        edges = [0, 1, *(10**k for k in range(1, 18))]
        names = ["0", *(f"{number(10**k)}–{number(10 ** (k + 1) - 1)}" for k in range(17))]
        places = np.searchsorted(edges, figures.to_numpy(), side="right") - 1
        return pd.Series(np.array(names)[places], index=self.frame.index), names[
            : places.max(initial=0) + 1
        ]

    def _ages(self) -> tuple[pd.Series, list[str]]:
        posted = self._posted()
        moment = pd.Timestamp(self.moment) if self.moment else posted.max()
        seconds = (moment - posted).dt.total_seconds()
        days = seconds.to_numpy(dtype=float, na_value=np.nan) / 86400
        ends = [end for end, _ in _AGES]
        names = [name for _, name in _AGES]
        places = np.searchsorted(ends, days, side="right").clip(max=len(names) - 1)
        labels = pd.Series(np.array(names)[places], index=self.frame.index, dtype="string")
        return labels.where(~np.isnan(days)), names

    def _months(self) -> tuple[pd.Series, None]:
        return self._posted().dt.strftime("%Y-%m").astype("string"), None

    def _days(self) -> tuple[pd.Series, None]:
        return self._time().dt.strftime("%Y-%m-%d").astype("string"), None

    def _hours(self) -> tuple[pd.Series, list[str]]:
        hours = self._time().dt.strftime("%H").astype("string")
        return hours, [f"{hour:02d}" for hour in range(24)]

    def _since_hours(self) -> tuple[pd.Series, list[str]]:
        hours = self._since("h").dt.total_seconds() / 3600
        names = [_span(a, b) for a, b in zip(_SINCE, [*_SINCE[1:], None], strict=True)]
        places = np.searchsorted(_SINCE, hours.fillna(-1).to_numpy(dtype=float), side="right") - 1
        return self._labelled(names, places), names

    def _since_days(self) -> tuple[pd.Series, list[str]]:
        days = (self._since("D").dt.total_seconds() / 86400).fillna(-1).to_numpy(dtype=float)
        last = int(days.max(initial=0))
        names = [f"day {day}" for day in range(last + 1)]
        return self._labelled(names, days.astype(int)), names

    def _since(self, unit: str) -> pd.Series:
        """Time since posting; none for Tweets posted before the series begins."""
        posted, time = self._posted().dt.floor(unit), self._time()
        return (time - posted).where((posted >= time.min()) & (time >= posted))

    def _labelled(self, names: list[str], places: np.ndarray) -> pd.Series:
        labels = pd.Series(np.array(names)[places.clip(min=0)], index=self.frame.index)
        return labels.astype("string").where(pd.Series(places >= 0, index=self.frame.index))

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


def _table(rows: dict[str, dict[str, object]], key: str) -> pd.DataFrame:
    table = pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS)
    table.index.name = key
    return table.astype({"hidden_share": "Float64", "low": "Float64", "high": "Float64"})
