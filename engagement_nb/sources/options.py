"""What a source is asked: its options checked, and the choice of Posts by when they were posted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypedDict, cast

import pandas as pd

from engagement_nb.apis.contract import By, Span
from engagement_nb.apis.names import wire_names
from engagement_nb.errors import InputError
from engagement_nb.metrics import Metrics, created_at
from engagement_nb.metrics.periods import Moment, dates_of
from engagement_nb.tables.ids import IdList

MetricNames = Iterable[str] | str | None
"""Metrics by any of their names; None for all."""
_DATES = ("start", "end", "period")


class Options(TypedDict, total=False):
    """Options of a request for figures, besides the Tweets: see `Source.historical`."""

    by: By | None
    metrics: MetricNames
    start: Moment
    end: Moment
    period: str | None
    posted: str | None
    zone: str | None


def dates_in(question: Options, now: datetime) -> tuple[datetime | None, datetime | None]:
    """First moment of the period, and the moment after it, in UTC."""
    return dates_of(
        question.get("start"), question.get("end"), question.get("period"), question.get("zone"),
        now,
    )  # fmt: skip


def checked(endpoint: str, span: Span, question: Mapping[str, Any]) -> Options:
    """The options that were given, with wire names of metrics.

    Parameters
    ----------
    endpoint, span
        Name of the endpoint, and what its figures cover.
    question
        The options.

    Raises
    ------
    InputError
        An option has no effect on these figures, or a metric is unknown.
    """
    asked = {name: value for name, value in question.items() if value is not None and value != ""}
    dates = [name for name in _DATES if name in asked]
    if dates and span != "period":
        since = "since each Tweet was posted"
        if span == "recent":
            since = "of the hours before the request"
        raise InputError(
            f"{dates[0]}={asked[dates[0]]!r} has no effect: {endpoint} gives figures {since}.",
            advice="Use historical for when people engaged, or posted= for when Posts were posted.",
        )
    by_day = asked.get("by") == "day" and span == "period"
    if "zone" in asked and not (dates or by_day or "posted" in asked):
        raise InputError(
            f"zone={asked['zone']!r} has no effect without dates.",
            advice="Give a period, a start and end, posted or figures by day, or leave out zone.",
        )
    if "metrics" in asked:
        asked["metrics"] = wire_names(asked["metrics"])
    return cast(Options, asked)


@dataclass(frozen=True)
class Posted:
    """The Posts that were posted in a period.

    Parameters
    ----------
    name
        The period, as it was given.
    start, end
        Its first moment, and the moment after it; None if it is not over.
    """

    name: str
    start: datetime | None
    end: datetime | None

    @classmethod
    def of(cls, question: Options, now: datetime) -> Posted | None:
        """The choice in a question; None for all Posts.

        Raises
        ------
        InputError
            It is not a period.
        """
        if not (name := question.get("posted")):
            return None
        found = dates_of(None, None, name, question.get("zone"), now, whole_hours=False)
        return cls(str(name), *found)

    @property
    def outside(self) -> str:
        """Why other Posts are not used."""
        return f"posted outside of {self.name}"

    def holds(self, times: pd.Series) -> pd.Series:
        """Whether each time of posting is in the period; an unknown time is not."""
        inside = times.notna()
        if self.start is not None:
            inside &= times >= self.start
        if self.end is not None:
            inside &= times < self.end
        return inside

    def ids(self, ids: IdList) -> IdList:
        """Ids of Posts of the period; an id carries the time since late 2010.

        Raises
        ------
        InputError
            There is none.
        """
        inside = self.holds(created_at(ids.ids))
        kept = [tweet_id for tweet_id, keep in zip(ids.ids, inside, strict=True) if keep]
        if ids.ids and not kept:
            raise self._nothing(created_at(ids.ids))
        return replace(ids, ids=kept)

    def rows(self, metrics: Metrics) -> Metrics:
        """Figures of Posts of the period.

        Raises
        ------
        InputError
            There is none, or nothing says when Posts were posted.
        """
        times = metrics.frame.get("created_at")
        if times is None or (len(times) and times.isna().all()):
            what = "are by day of the whole account" if metrics.about.unit == "day" else "have none"
            raise InputError(
                f"posted={self.name!r} needs times of posting, and these figures {what}.",
                advice="Use period= for when people engaged, or give figures by Post.",
            )
        inside = self.holds(times)
        if len(inside) and not inside.any():
            raise self._nothing(times)
        return narrowed(self._problems(metrics), inside, self.outside)

    def _problems(self, metrics: Metrics) -> Metrics:
        """The figures without problems of other Posts."""
        problems, account = metrics.problems, metrics.account
        are_ids = problems["tweet_id"].str.fullmatch(r"[1-9]\d{0,18}").fillna(False)
        ids = problems.loc[are_ids, "tweet_id"]
        others = ids.index[~self.holds(created_at(ids)).to_numpy()]
        whole = problems.loc[others].query("scope == 'tweet'").drop_duplicates("tweet_id")
        named = Counter(account.rows_named)
        named.subtract(Counter(whole["reason"]))
        named[self.outside] += len(whole)
        return replace(
            metrics,
            problems=problems.drop(others).reset_index(drop=True),
            account=replace(account, rows_named=dict(+named)),
        )

    def _nothing(self, times: pd.Series) -> InputError:
        known = times.dropna()
        span = f" from {known.min():%Y-%m-%d} to {known.max():%Y-%m-%d}" if len(known) else ""
        return InputError(
            f"No Post was posted in {self.name!r}.",
            advice=f"These Posts were posted{span or ' at times that are not known'}.",
        )


def narrowed(metrics: Metrics, keep: pd.Series, why: str) -> Metrics:
    """Some rows of figures; the account names the others.

    Parameters
    ----------
    metrics
        The figures.
    keep
        Whether each row is kept, indexed as the frame.
    why
        Why the others are not used.
    """
    frame, account = metrics.frame, metrics.account
    kept = frame[keep].reset_index(drop=True)
    lost = len(frame) - len(kept)
    if "tweet_id" in frame and metrics.about.span:
        # A row of the account of an API is a Tweet, which can have many rows in the frame.
        lost = frame["tweet_id"].nunique() - kept["tweet_id"].nunique()
    named = Counter(account.rows_named)
    named[why] += lost
    account = replace(account, rows_used=account.rows_used - lost, rows_named=dict(+named))
    return replace(metrics, frame=kept, account=account)
