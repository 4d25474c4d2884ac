"""The interface that every source has."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal, Self, Unpack

from engagement_nb.apis.availability import Window
from engagement_nb.apis.contract import Api, By, Span
from engagement_nb.apis.engagement import ENGAGEMENT, EndpointName
from engagement_nb.errors import EngagementError, InputError
from engagement_nb.metrics import Metrics
from engagement_nb.metrics.periods import Moment
from engagement_nb.sources.options import MetricNames, Options, Posted, checked


def period_words(start: datetime | None, end: datetime | None) -> list[str]:
    """A period in words, if there is one."""
    return [str(Window(start, end))] if start and end else []


class Source:
    """A source of metrics. It is a context manager, but may be left open."""

    name: ClassVar[str] = ""
    default_span: ClassVar[Span] = "life"
    sandbox: bool = False
    _chooses_ids: ClassVar[bool] = False
    """Whether Posts of a period are chosen by their ids, before anything is read."""

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
            The source cannot list its Tweets, or none of that kind.
        """
        self._refuse_kind(kind)
        raise InputError(
            f"The {self.name} source cannot list its Tweets.",
            advice="Give ids: a list, a DataFrame, or read_ids(path).",
        )

    def _refuse_kind(self, kind: str) -> None:
        if kind != "own":
            raise InputError(
                f"kind={kind!r} has no effect: only a sandbox has Tweets of other kinds than own.",
                advice="Leave out kind.",
            )

    def totals(
        self,
        tweet_ids: Any = None,
        metrics: MetricNames = None,
        *,
        posted: str | None = None,
        zone: str | None = None,
    ) -> Metrics:
        """Figures since each Tweet was posted: one row per Tweet.

        Parameters
        ----------
        tweet_ids
            Ids, or anything that `engagement_nb.read_ids` reads; by default all that the
            source has.
        metrics
            Wire names, or any other names of metrics; by default all.
        posted
            Only Posts that were posted in this period, such as "2025-01" or "last month".
        zone
            IANA name of the time zone of these dates; by default UTC.

        Raises
        ------
        InputError
            The source cannot answer this, or no Post was posted in that period.
        """
        return self._answer(
            self._named("life"), tweet_ids, metrics=metrics, posted=posted, zone=zone
        )

    def last_28_hours(
        self,
        tweet_ids: Any = None,
        by: By | None = None,
        metrics: MetricNames = None,
        *,
        posted: str | None = None,
        zone: str | None = None,
    ) -> Metrics:
        """Figures of the 28 hours before the request: one row per Tweet, or per day or hour.

        Parameters
        ----------
        tweet_ids, metrics, posted, zone
            As for `totals`.
        by
            "day" or "hour" for a series.

        Raises
        ------
        InputError
            As for `totals`.
        """
        return self._answer(
            self._named("recent"), tweet_ids, by=by, metrics=metrics, posted=posted, zone=zone
        )  # fmt: skip

    def historical(
        self,
        tweet_ids: Any = None,
        start: Moment = None,
        end: Moment = None,
        by: By | None = None,
        metrics: MetricNames = None,
        *,
        period: str | None = None,
        posted: str | None = None,
        zone: str | None = None,
    ) -> Metrics:
        """Figures of a period in which people engaged: one row per Tweet, or per day or hour.

        Parameters
        ----------
        tweet_ids, metrics, posted
            As for `totals`.
        start, end
            The period, ``end`` exclusive; by default the last four weeks.
        by
            "day" or "hour" for a series.
        period
            Instead of ``start`` and ``end``: "last week", "last month", "last 7 days",
            "last 4 weeks", "since monday", or a month such as "2026-10".
        zone
            IANA name of the time zone of all dates, and of the days of a series; by default UTC.

        Raises
        ------
        InputError
            As for `totals`.
        """
        return self._answer(
            self._named("period"), tweet_ids, by=by, metrics=metrics, start=start, end=end,
            period=period, posted=posted, zone=zone,
        )  # fmt: skip

    @property
    def api(self) -> Api:
        """The facts of the API whose endpoints the source knows."""
        return ENGAGEMENT

    def _named(self, span: Span) -> str:
        """The endpoint whose figures cover a span."""
        return self.api.of_span(span).name

    def _span(self, endpoint: str) -> Span:
        """What the figures of an endpoint cover."""
        return self.api.endpoint(endpoint).span

    def _answer(self, endpoint: str, tweet_ids: Any, **question: Unpack[Options]) -> Metrics:
        """The figures of Posts that were asked for, with the options in their account."""
        asked = checked(endpoint, self._span(endpoint), question)
        posted = Posted.of(asked, self._present())
        metrics = self._fetch(endpoint, tweet_ids, **asked)
        if posted is not None and not self._chooses_ids:
            metrics = posted.rows(metrics)
        account = metrics.account
        told = {n: v if isinstance(v, list) else str(v) for n, v in asked.items()}
        options = {**account.options, **told}
        return replace(metrics, account=replace(account, options=options))

    def _present(self) -> datetime:
        """The moment that relative dates count back from."""
        return datetime.now(UTC)

    def _fetch(self, endpoint: str, tweet_ids: Any, **question: Unpack[Options]) -> Metrics:
        """Fetch or read for `totals`, `last_28_hours` and `historical`."""
        raise NotImplementedError

    def gather(
        self,
        tweet_ids: Any = None,
        *,
        endpoint: EndpointName | Literal[""] = "",
        start: Moment = None,
        end: Moment = None,
        period: str | None = None,
        posted: str | None = None,
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
            else totals; for a table all its figures.
        start, end, period, posted, zone, by
            See `historical`. They are refused where they have no effect.
        beside
            Whether to read totals too. If they cannot be read, a note of the figures says why.

        Returns
        -------
        tuple
            The figures; and totals, or None without them.

        Raises
        ------
        InputError
            As for `historical`, or there is no such endpoint.
        """
        question = Options(start=start, end=end, period=period, posted=posted, zone=zone)
        wanted: str | None = endpoint or None
        if wanted:
            self._span(wanted)
        elif start or end or period:
            wanted = self._named("period")
        chosen, question["by"] = self._default_figures(wanted, by or None)
        figures = self._answer(chosen, tweet_ids, **question)
        if not beside or self._span(chosen) == "life":
            return figures, None
        try:
            return figures, self.totals(tweet_ids, posted=posted, zone=zone if posted else None)
        except EngagementError as error:
            # Totals only add a comparison, so the figures are complete without them.
            note = f"There are no totals beside these figures. {error}"
            about = replace(figures.about, notes=(*figures.about.notes, note))
            return replace(figures, about=about), None

    def _default_figures(self, endpoint: str | None, by: By | None) -> tuple[str, By | None]:
        """Endpoint and grouping to explore, if they are not given."""
        return endpoint or self._named(self.default_span), by

    def earlier_snapshot(
        self,
        endpoint: EndpointName | str,
        tweet_ids: Any = None,
        *,
        posted: str | None = None,
        zone: str | None = None,
    ) -> Metrics | None:
        """The second newest snapshot; None if the source has fewer than two.

        Parameters
        ----------
        endpoint
            "totals" or "28hr".
        tweet_ids, posted, zone
            As for `totals`.

        Raises
        ------
        InputError
            As for `totals`.
        """
        asked = checked(str(endpoint), "life", {"posted": posted, "zone": zone})
        chosen = Posted.of(asked, self._present())
        found = self._earlier(endpoint, tweet_ids)
        return found if chosen is None or found is None else chosen.rows(found)

    def _earlier(self, endpoint: str, tweet_ids: Any) -> Metrics | None:
        return None
