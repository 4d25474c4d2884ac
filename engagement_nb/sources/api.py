"""The Engagement API as a source, with the tokens of one or more profiles."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from engagement_nb.client import Client
from engagement_nb.client.credentials import Profile, find_profiles
from engagement_nb.collect import Collected, collect, collect_into
from engagement_nb.collect.running import Event
from engagement_nb.dataset import Dataset, ask_digest
from engagement_nb.errors import CredentialsError
from engagement_nb.ids import read_ids
from engagement_nb.metrics import Metrics
from engagement_nb.planning import Plan, make_plan
from engagement_nb.planning.periods import Moment, dates_of
from engagement_nb.sources.base import MetricNames, Source
from engagement_nb.usage import Ledger
from engagement_nb.vocabulary import By, EndpointName

CLIENT_OPTIONS = ("deadline", "max_bytes")
"""Options of `Client` that `connect` takes for the API."""
_Result = TypeVar("_Result")


class ApiSource(Source):
    """The Engagement API, or a copy of it, with the tokens of one or more profiles.

    Parameters
    ----------
    profiles
        Whose tokens may be used.
    dataset, progress, max_handles, client_options
        See `connect`.

    Raises
    ------
    InputError
        With ``max_handles``: the usage ledger cannot be written to.
    """

    name = "api"

    def __init__(
        self,
        profiles: Sequence[Profile],
        *,
        dataset: str | os.PathLike[str] | None = None,
        progress: bool | None = None,
        max_handles: int | None = None,
        **client_options: Any,
    ) -> None:
        self._client_options = client_options
        self.profiles = tuple(profiles)
        self.ledger = Ledger()
        self._max_handles = max_handles
        if max_handles is not None:
            self.ledger.ensure_writable()
        # Whatever it is called: figures from this machine itself are made up.
        self.sandbox = any(profile.hosts.sandbox for profile in self.profiles)
        self._dataset = dataset
        self._progress = progress
        self._client: Client | None = None
        self._owners: dict[str, str] = {}
        self._lock = threading.Lock()

    @property
    def client(self) -> Client:
        """The client that sends this source's requests."""
        with self._lock:
            if self._client is None:
                self._client = Client(recorder=self.ledger.record_use, **self._client_options)
            return self._client

    def close(self) -> None:
        """Close the connections."""
        self.close_client()

    def close_client(self) -> None:
        """Close the connections; the next fetch opens new ones."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def plan(
        self, tweet_ids: Any = None, endpoint: EndpointName | str = "totals", **options: Any
    ) -> Plan:
        """What a fetch would cost and what it cannot get; spends nothing.

        Parameters
        ----------
        tweet_ids
            As for `totals`.
        endpoint
            "totals", "28hr" or "historical".
        **options
            As for `engagement_nb.planning.make_plan`; and ``period`` and ``zone``, as for
            `historical`.
        """
        now = options.pop("now", None) or datetime.now(UTC)
        names = ("start", "end", "period", "zone")
        start, end = dates_of(**{name: options.pop(name, None) for name in names}, now=now)
        if tweet_ids is None:
            tweet_ids = self.tweet_ids()
        limit = self.client.pacer(self.profiles[0]).state(endpoint).limit
        known = {"profiles": self.profiles, "limit": limit, "owners": self._owners, "now": now}
        return make_plan(tweet_ids, endpoint, start=start, end=end, **{**known, **options})

    def fetch_into(
        self,
        dataset: Dataset,
        endpoint: str,
        tweet_ids: Any = None,
        *,
        snapshot: str | None = None,
        before: Callable[[Plan], None] | None = None,
        on_event: Callable[[Event], None] | None = None,
        **options: Any,
    ) -> Collected:
        """Fetch into a dataset, or go on with the same fetch that was cut off.

        Parameters
        ----------
        dataset
            Where finished requests are kept as they come.
        endpoint, tweet_ids
            As for `plan`.
        snapshot
            A label for figures of this moment: see `engagement_nb.dataset`.
        before
            Called with the plan before anything is asked; may raise to refuse it.
        on_event
            See `engagement_nb.collect.running.Run`.
        **options
            ``start``, ``end``, ``period``, ``zone``, ``by``, ``metrics``, as for `historical`.
        """
        ids = read_ids(self.tweet_ids() if tweet_ids is None else tweet_ids)
        period = [str(options.get(name)) for name in ("start", "end", "period", "zone")]
        ask = ask_digest(
            endpoint,
            ids.ids,
            by=options.get("by"),
            metrics=list(options.get("metrics") or ()),
            period=period,
        )
        cut_off = dataset.unfinished(ask, snapshot)
        if cut_off is not None and cut_off.start:
            # "The past four weeks" are still those of the day when the fetch began.
            kept = {"start": cut_off.start, "end": cut_off.end, "period": None, "zone": None}
            options = {**options, **kept}
        plan = self.plan(ids, endpoint, **options)
        guarded = self._guarded(plan)
        if before is not None:
            before(plan)
        return self._stopping_client(
            lambda: collect_into(
                dataset,
                guarded,
                self.client,
                ask=ask,
                snapshot=snapshot,
                progress=self._progress,
                on_event=on_event,
            )
        )

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
        options: dict[str, Any] = {"metrics": metrics, "by": by, "start": start, "end": end}
        options |= {"period": period, "zone": zone}
        if self._dataset is not None:
            dataset = Dataset(self._dataset, self.figures)
            ids = read_ids(self.tweet_ids() if tweet_ids is None else tweet_ids)
            ended = self.fetch_into(dataset, endpoint, ids, **options)
            return ended.read(dataset, ids.ids)
        plan = self._guarded(self.plan(tweet_ids, endpoint, **options))
        return self._stopping_client(
            lambda: collect(plan, self.client, source=self.figures, progress=self._progress)
        )

    def _most_telling(
        self, endpoint: EndpointName | None, by: By | None
    ) -> tuple[EndpointName, By | None]:
        return endpoint or "historical", by

    def _guarded(self, plan: Plan) -> Plan:
        """The plan, with a note if it takes the handles of the month beyond the contract."""
        note = self.ledger.guard(plan.signers, max_handles=self._max_handles, sandbox=self.sandbox)
        return replace(plan, notes=(*plan.notes, note)) if note else plan

    @property
    def figures(self) -> str:
        """What the figures are of: "sandbox" or "api"."""
        return "sandbox" if self.sandbox else "api"

    def _stopping_client(self, work: Callable[[], _Result]) -> _Result:
        try:
            return work()
        except BaseException:
            # A run that ends early stops its client for good; the next one gets a new one.
            self.close_client()
            raise


def api_profiles(names: str | Sequence[str] | None) -> list[Profile]:
    """The profiles of these names, or all there are; an error if there are none."""
    profiles = find_profiles([names] if isinstance(names, str) else names)
    if not profiles:
        raise CredentialsError(
            "No keys for the API were found in the environment, in .env or in your config folder.",
            advice='Store yours with engagement-nb auth login, or open the "sandbox", which needs'
            " none.",
        )
    return profiles
