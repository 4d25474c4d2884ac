"""What every source can be asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Literal, Self

from engagement_nb.errors import EngagementError, InputError
from engagement_nb.metrics import Metrics
from engagement_nb.planning.periods import Moment
from engagement_nb.vocabulary import ENDPOINTS, By, EndpointName, MetricName

MetricNames = Iterable[MetricName] | Iterable[str] | None
"""Metrics by wire name; None for all."""


class Source:
    """A source of metrics; a context manager, though leaving it open does no harm."""

    name: ClassVar[str] = ""
    sandbox: bool = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End what the source started."""

    def __repr__(self) -> str:
        return f"<{'SANDBOX source (made-up figures)' if self.sandbox else f'{self.name} source'}>"

    def tweet_ids(self, kind: str = "own", count: int | None = None) -> list[str]:
        """Ids of Tweets that the source knows.

        Parameters
        ----------
        kind
            For the sandbox: "own", "others", "deleted" and so on, see
            `engagement_nb.sandbox.KINDS`.
        count
            How many at most.
        """
        raise InputError(
            f"The {self.name} source cannot tell which Tweets there are.",
            advice="Give ids: a list, a DataFrame, or read_ids(path).",
        )

    def totals(self, tweet_ids: Any = None, metrics: MetricNames = None) -> Metrics:
        """Figures since each Tweet was posted: one row a Tweet.

        Parameters
        ----------
        tweet_ids
            Ids, or what `engagement_nb.read_ids` reads; all that the source knows of unless
            given.
        metrics
            Wire names; all unless given.
        """
        return self._figures("totals", tweet_ids, metrics)

    def last_28_hours(
        self, tweet_ids: Any = None, by: By | None = None, metrics: MetricNames = None
    ) -> Metrics:
        """Figures of the 28 hours before the request: a row a Tweet, or by "day" or "hour".

        Parameters
        ----------
        tweet_ids, metrics
            As for `totals`.
        by
            "day" or "hour" for a series.
        """
        return self._figures("28hr", tweet_ids, metrics, by=by)

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
        """Figures of a period: a row a Tweet, or by "day" or "hour".

        Parameters
        ----------
        tweet_ids, metrics
            As for `totals`.
        start, end
            The period, ``end`` exclusive; the four weeks just past unless given.
        by
            "day" or "hour" for a series.
        period
            In place of ``start`` and ``end``: "last week", "last month", "last 7 days",
            "last 4 weeks", "since monday", or a month such as "2026-10".
        zone
            IANA name of the time zone of the period's dates; UTC unless given.
        """
        dates: dict[str, Any] = {"start": start, "end": end, "period": period, "zone": zone}
        return self._figures("historical", tweet_ids, metrics, by=by, **dates)

    def _figures(
        self,
        endpoint: EndpointName,
        tweet_ids: Any,
        metrics: MetricNames,
        by: By | None = None,
        start: Moment = None,
        end: Moment = None,
        period: str | None = None,
        zone: str | None = None,
    ) -> Metrics:
        """What `totals`, `last_28_hours` and `historical` give."""
        of_what = {"totals": "since posting", "28hr": "of the last 28 hours"}
        raise InputError(
            f"The {self.name} source has no figures {of_what.get(endpoint, 'of a period')}.",
            advice="What it has is in totals().",
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
    ) -> tuple[Metrics, Metrics | None]:
        """Figures to explore, and totals of the same Tweets to compare them with.

        Parameters
        ----------
        tweet_ids
            Ids, or the path of a file with them; all that the source knows of unless given.
        endpoint
            "totals", "28hr" or "historical". Unless given: for the sandbox and the API
            "historical", which has the clicks; for a dataset what was fetched last, a period
            before totals; for an export file all that it has.
        start, end, period, zone, by
            For "historical" (and ``by`` for "28hr"): see `historical`.

        Returns
        -------
        tuple
            The figures; and totals, or None where there are none.
        """
        if endpoint and endpoint not in ENDPOINTS:
            raise InputError(
                f"There is no endpoint {endpoint!r}.", advice=f"Use {', '.join(ENDPOINTS)}."
            )
        chosen, unit = self._most_telling(endpoint or None, by or None)
        if chosen == "totals":
            return self.totals(tweet_ids), None
        dates: dict[str, Any] = {}
        if chosen == "historical":
            dates = {"start": start or None, "end": end or None, "period": period, "zone": zone}
        figures = self._figures(chosen, tweet_ids, None, by=unit, **dates)
        try:
            return figures, self.totals(tweet_ids)
        except EngagementError:
            # Totals only add a comparison: the figures stand without them.
            return figures, None

    def _most_telling(
        self, endpoint: EndpointName | None, by: By | None
    ) -> tuple[EndpointName, By | None]:
        """The endpoint and grouping that tell most of what engagements hide, unless given."""
        return endpoint or "totals", by

    def earlier_snapshot(self, endpoint: EndpointName) -> Metrics | None:
        """The snapshot before the newest; None where the source has no two of them."""
        return None
