"""What every source can be asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Self

from engagement_nb.errors import InputError
from engagement_nb.metrics import Metrics
from engagement_nb.planning.periods import Moment


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

    def totals(self, tweet_ids: Any = None, metrics: Iterable[str] | None = None) -> Metrics:
        """Figures since each Tweet was posted: one row a Tweet.

        Parameters
        ----------
        tweet_ids
            Ids, or what `engagement_nb.read_ids` reads; all that the source knows of unless
            given.
        metrics
            Wire names; all unless given.
        """
        raise NotImplementedError

    def last_28_hours(
        self,
        tweet_ids: Any = None,
        by: str | None = None,
        metrics: Iterable[str] | None = None,
    ) -> Metrics:
        """Figures of the 28 hours before the request: a row a Tweet, or by "day" or "hour".

        Parameters
        ----------
        tweet_ids, metrics
            As for `totals`.
        by
            "day" or "hour" for a series.
        """
        raise InputError(
            f"The {self.name} source has no figures of the last 28 hours.",
            advice="What it has is in totals().",
        )

    def historical(
        self,
        tweet_ids: Any = None,
        start: Moment = None,
        end: Moment = None,
        by: str | None = None,
        metrics: Iterable[str] | None = None,
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
        """
        raise InputError(
            f"The {self.name} source has no figures of a period.",
            advice="What it has is in totals().",
        )
