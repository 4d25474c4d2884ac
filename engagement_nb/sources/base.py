"""The interface that every source has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar, Literal, Protocol, Self, TypedDict, Unpack

from engagement_nb.apis.contract import By
from engagement_nb.apis.engagement import ENDPOINTS, EndpointName, MetricName
from engagement_nb.errors import EngagementError, InputError
from engagement_nb.metrics import Metrics
from engagement_nb.periods import Moment, dates_of

MetricNames = Iterable[MetricName] | Iterable[str] | None
"""Metrics by wire name; None for all."""


class Question(TypedDict, total=False):
    """Options of a request for figures, besides the Tweets: see `Source.historical`."""

    by: By | None
    metrics: MetricNames
    start: Moment
    end: Moment
    period: str | None
    zone: str | None


def dates_in(question: Question, now: datetime) -> tuple[datetime | None, datetime | None]:
    """First moment of the period, and the moment after it, in UTC."""
    return dates_of(
        question.get("start"), question.get("end"), question.get("period"), question.get("zone"),
        now,
    )  # fmt: skip


class _Period(Protocol):
    @property
    def start(self) -> datetime | None: ...
    @property
    def end(self) -> datetime | None: ...


def period_words(of: _Period) -> list[str]:
    """The period of figures or of a run in words, if there is one."""
    if of.start is None or of.end is None:
        return []
    return [f"{of.start:%Y-%m-%d %H:%M} to {of.end:%Y-%m-%d %H:%M} UTC"]


class Source:
    """A source of metrics. It is a context manager, but may be left open."""

    name: ClassVar[str] = ""
    default_endpoint: ClassVar[EndpointName] = "totals"
    sandbox: bool = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and servers of the source."""

    def __repr__(self) -> str:
        kind = "SANDBOX source (made-up figures)" if self.sandbox else f"{self.name} source"
        return f"<{', '.join([kind, *self._described()])}>"

    def _described(self) -> list[str]:
        """The path, the period and the options, for the repr."""
        return []

    def tweet_ids(self, kind: str = "own", count: int | None = None) -> list[str]:
        """List ids of the source's Tweets.

        Parameters
        ----------
        kind
            For the sandbox: "own", "others", "deleted" and so on; see
            `engagement_nb.sandbox.KINDS`.
        count
            Maximum number of ids.

        Raises
        ------
        InputError
            The source cannot list its Tweets.
        """
        raise InputError(
            f"The {self.name} source cannot list its Tweets.",
            advice="Give ids: a list, a DataFrame, or read_ids(path).",
        )

    def totals(self, tweet_ids: Any = None, metrics: MetricNames = None) -> Metrics:
        """Figures since each Tweet was posted: one row per Tweet.

        Parameters
        ----------
        tweet_ids
            Ids, or anything that `engagement_nb.read_ids` reads; by default all that the
            source has.
        metrics
            Wire names; by default all.
        """
        return self._answer("totals", tweet_ids, metrics=metrics)

    def last_28_hours(
        self, tweet_ids: Any = None, by: By | None = None, metrics: MetricNames = None
    ) -> Metrics:
        """Figures of the 28 hours before the request: one row per Tweet, or per day or hour.

        Parameters
        ----------
        tweet_ids, metrics
            As for `totals`.
        by
            "day" or "hour" for a series.
        """
        return self._answer("28hr", tweet_ids, by=by, metrics=metrics)

    def historical(
        self,
        tweet_ids: Any = None,
        start: Moment = None,
        end: Moment = None,
        by: By | None = None,
        metrics: MetricNames = None,
        *,
        period: str | None = None,
        zone: str | None = None,
    ) -> Metrics:
        """Figures of a period: one row per Tweet, or per day or hour.

        Parameters
        ----------
        tweet_ids, metrics
            As for `totals`.
        start, end
            The period, ``end`` exclusive; by default the last four weeks.
        by
            "day" or "hour" for a series.
        period
            Instead of ``start`` and ``end``: "last week", "last month", "last 7 days",
            "last 4 weeks", "since monday", or a month such as "2026-10".
        zone
            IANA name of the time zone of the period's dates; by default UTC.
        """
        return self._answer(
            "historical", tweet_ids, by=by, metrics=metrics, start=start, end=end, period=period,
            zone=zone,
        )  # fmt: skip

    def _answer(
        self, endpoint: EndpointName, tweet_ids: Any, **question: Unpack[Question]
    ) -> Metrics:
        """The figures, with the options in effect in their account."""
        if (names := question.get("metrics")) is not None:
            question["metrics"] = list(names)
        metrics = self._fetch(endpoint, tweet_ids, **question)
        asked = {
            name: value if isinstance(value, list) else str(value)
            for name, value in question.items()
            if value not in (None, "")
        }
        options = {**metrics.account.options, **asked}
        return replace(metrics, account=replace(metrics.account, options=options))

    def _fetch(
        self, endpoint: EndpointName, tweet_ids: Any, **question: Unpack[Question]
    ) -> Metrics:
        """Fetch or read for `totals`, `last_28_hours` and `historical`."""
        spans = {"totals": "since posting", "28hr": "of the last 28 hours"}
        raise InputError(
            f"The {self.name} source has no figures {spans.get(endpoint, 'of a period')}.",
            advice="Use totals(), which returns all its figures.",
        )

    def gather(
        self,
        tweet_ids: Any = None,
        *,
        endpoint: EndpointName | Literal[""] = "",
        start: Moment = None,
        end: Moment = None,
        period: str | None = None,
        zone: str | None = None,
        by: By | Literal[""] | None = None,
        beside: bool = True,
    ) -> tuple[Metrics, Metrics | None]:
        """Figures to explore, and totals of the same Tweets to compare them with.

        Parameters
        ----------
        tweet_ids
            Ids, or the path of a file with ids; by default all that the source has.
        endpoint
            "totals", "28hr" or "historical". By default "historical" for the sandbox and the
            API, because it includes clicks; for a dataset the newest figures of a period, or
            else totals; for an export file all its figures.
        start, end, period, zone, by
            For "historical" (and ``by`` for "28hr"): see `historical`.
        beside
            Whether to read totals too.

        Returns
        -------
        tuple
            The figures; and totals, or None without them.
        """
        if endpoint and endpoint not in ENDPOINTS:
            raise InputError(
                f"There is no endpoint {endpoint!r}.", advice=f"Use {', '.join(ENDPOINTS)}."
            )
        chosen, unit = self._default_figures(endpoint or None, by or None)
        if chosen == "totals":
            return self.totals(tweet_ids), None
        question: Question = {"by": unit}
        if chosen == "historical":
            question |= {"start": start or None, "end": end or None, "period": period, "zone": zone}
        figures = self._answer(chosen, tweet_ids, **question)
        if not beside:
            return figures, None
        try:
            return figures, self.totals(tweet_ids)
        except EngagementError:
            # Totals only add a comparison, so the figures are complete without them.
            return figures, None

    def _default_figures(
        self, endpoint: EndpointName | None, by: By | None
    ) -> tuple[EndpointName, By | None]:
        """Endpoint and grouping to explore, if they are not given."""
        return endpoint or self.default_endpoint, by

    def earlier_snapshot(
        self, endpoint: EndpointName | str, tweet_ids: Any = None
    ) -> Metrics | None:
        """The second newest snapshot; None if the source has fewer than two.

        Parameters
        ----------
        endpoint
            "totals" or "28hr".
        tweet_ids
            As for `totals`.
        """
        return None
