"""The hidden share with its uncertainty, as the headline, charts, tables and JSON print it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from engagement_nb.apis.names import label
from engagement_nb.gap.interval import ANY_SHARE, share_interval
from engagement_nb.gap.read import exact_sum
from engagement_nb.words import interval, listed, number, percent, span

Kind = Literal["interval", "bounds", "exact", "unknown"]


@dataclass(frozen=True)
class Share:
    """A share of engagements that matches no metric, and how certain it is.

    Parameters
    ----------
    kind
        "interval": the share is ``value``, and ``low`` to ``high`` is the confidence interval for
        such Tweets on average. "bounds": undetermined metrics leave more room than chance does, so
        the share is between ``low`` and ``high`` and has no ``value``. "exact": it is ``value``,
        and there is no interval, because a single Tweet has engagements. "unknown": no metric is
        known to be counted, or there are no engagements.
    value, low, high
        Shares from 0 to 1; None where ``kind`` has none. An unknown share of some engagements has
        ``low`` and ``high``, between which it must be.
    count
        Hidden engagements if there is a ``value``, otherwise None.
    least, most
        Bounds of hidden engagements: all undetermined metrics are counted, or none is.
    whole
        Engagements.
    level
        Confidence level of the interval.
    undetermined
        Wire names of the undetermined metrics that the bounds depend on.
    """

    kind: Kind
    value: float | None
    low: float | None
    high: float | None
    count: int | None
    least: int
    most: int
    whole: int
    level: float = 0.95
    undetermined: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        hidden: np.ndarray,
        least: np.ndarray,
        most: np.ndarray,
        whole: np.ndarray,
        *,
        level: float = 0.95,
        undetermined: tuple[str, ...] = (),
        counted: bool = True,
    ) -> Share:
        """The share of some Tweets.

        Parameters
        ----------
        hidden, least, most, whole
            Hidden engagements of each Tweet, their bounds, and engagements; integers, (Tweets,).
        level
            Confidence level of the interval.
        undetermined
            Wire names of the undetermined metrics that the Tweets have.
        counted
            Whether any metric is known to be counted.
        """
        total, count, low, high = map(exact_sum, (whole, hidden, least, most))
        rest: Any = {"least": low, "most": high, "whole": total, "level": level,
                "undetermined": undetermined}  # fmt: skip
        if not total:
            return cls("unknown", None, None, None, None, **rest)
        if not counted:
            return cls("unknown", None, low / total, high / total, None, **rest)
        limits = share_interval(hidden, whole, level)
        room = high - low
        if room and (not count or limits == ANY_SHARE or room > (limits.high - limits.low) * total):
            return cls("bounds", None, low / total, high / total, None, **rest)
        if limits == ANY_SHARE:
            return cls("exact", count / total, None, None, count, **rest)
        return cls("interval", count / total, limits.low, limits.high, count, **rest)

    @property
    def counts(self) -> str:
        """Hidden engagements: ``620,451``, or the range ``2 to 1,773``."""
        return span(self.least, self.most) if self.count is None else number(self.count)

    @property
    def point(self) -> str:
        """The share without an interval: ``27.3 %``, ``8.2–63.1 %`` or ``cannot tell``."""
        if self.value is not None:
            return percent(self.value)
        if self.kind == "bounds":
            return interval(self.low, self.high)
        return "cannot tell" if self.whole else "no engagements"

    @property
    def limits(self) -> str:
        """The confidence interval alone, ``24.3–30.3 %``; empty if there is none."""
        return interval(self.low, self.high) if self.kind == "interval" else ""

    @property
    def short(self) -> str:
        """For a cell of a table: ``27.3 % (24.3–30.3 %)``, ``8.2–63.1 %`` or ``cannot tell``."""
        return f"{self.point} ({self.limits})" if self.limits else self.point

    @property
    def note(self) -> str:
        """For small print below `counts`."""
        if not self.whole:
            return "no engagements"
        if self.kind == "interval":
            return f"{self.point} of engagements ({self._level} interval {self.limits})"
        if self.kind == "exact":
            return f"{self.point} of engagements"
        if self.kind == "bounds":
            return f"{self.point} of engagements, depending on undetermined metrics"
        return "cannot tell: no metric is known to be counted"

    @property
    def sentence(self) -> str:
        """For prose that has named the engagements before."""
        if not self.whole:
            return "There are no engagements, so nothing can be hidden."
        if self.kind == "unknown":
            return (
                f"These Tweets cannot tell which metrics are counted: {self.counts} of the"
                " engagements match no metric."
            )
        if self.kind == "bounds":
            named = listed([label(name) for name in self.undetermined])
            return (
                f"{self.point} of them ({self.counts}) match no metric, depending on {named},"
                " which these Tweets leave undetermined."
            )
        if not self.count:
            return "The included metrics explain all of them: nothing is hidden."
        likely = f"; {self._level} confidence interval {self.limits}" if self.limits else ""
        return f"{self.point} of them ({self.counts}) match no metric{likely}."

    @property
    def _level(self) -> str:
        return f"{self.level * 100:g} %"

    def to_dict(self) -> dict[str, Any]:
        """The share as plain values, for JSON."""
        return {**asdict(self), "undetermined": list(self.undetermined)}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Share:
        """The share that `to_dict` wrote."""
        return cls(**{**told, "undetermined": tuple(told["undetermined"])})

    def __str__(self) -> str:
        return self.short
