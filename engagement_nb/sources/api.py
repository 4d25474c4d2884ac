"""The Engagement API as a source, with the tokens of one or more profiles."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar, Unpack

from engagement_nb.apis.contract import Api, Endpoint, Span
from engagement_nb.apis.engagement import EndpointName
from engagement_nb.client import Client, Response
from engagement_nb.client.adapters import Adapter
from engagement_nb.client.adapters.engagement import EngagementAdapter
from engagement_nb.client.credentials import Profile, find_profiles
from engagement_nb.dataset import Dataset, Part, World, ask_digest
from engagement_nb.fetch import Plan, Run, make_plan, record_of
from engagement_nb.metrics import Metrics
from engagement_nb.sources.base import Source
from engagement_nb.sources.options import Options, Posted, checked
from engagement_nb.tables.ids import IdList, read_ids
from engagement_nb.usage import Ledger
from engagement_nb.words import counted


class ApiSource(Source):
    """The Engagement API, or a copy of it, with the tokens of one or more profiles.

    Parameters
    ----------
    profiles
        Whose tokens may be used.
    adapter
        Builds the requests of the API and reads its responses; by default the Engagement API's.
    dataset, progress, max_handles, client_options
        See `connect`.

    Raises
    ------
    InputError
        With ``max_handles``: the usage ledger cannot be written to.
    """

    name = "api"
    default_span: ClassVar[Span] = "period"
    lists_own: ClassVar[bool] = False
    """Whether it can list the user's Tweets."""
    options: ClassVar[tuple[str, ...]] = ("deadline", "max_bytes")
    """Its options in `connect`, beside those of all sources that are fetched."""
    _chooses_ids = True
    _workers: int | None = None
    """Threads of a fetch: see `engagement_nb.fetch.Run`."""
    _adapter: ClassVar[type[Adapter]] = EngagementAdapter
    now: datetime | None = None
    """The moment at which a sandbox stands still; None if it follows the real time."""
    _world: World | None = None

    def __init__(
        self,
        profiles: Sequence[Profile],
        *,
        adapter: Adapter | None = None,
        dataset: str | os.PathLike[str] | None = None,
        progress: bool | None = None,
        max_handles: int | None = None,
        **client_options: Any,
    ) -> None:
        self.adapter = adapter or self._adapter()
        self._client_options = client_options
        self.profiles = tuple(profiles)
        self.ledger = Ledger()
        self._max_handles = max_handles
        if max_handles is not None:
            self.ledger.ensure_writable()
        # Figures from this machine are made up, whatever the profile's name is.
        self.sandbox = any(profile.hosts.sandbox for profile in self.profiles)
        self._dataset = dataset
        self._progress = progress
        self._owners: dict[str, str] = {}

    def _described(self) -> list[str]:
        found = [f"profile {profile.name}" for profile in self.profiles]
        if len(found) > 3:
            found = [f"{len(found)} profiles"]
        return [*found, *([f"dataset {self._dataset}"] if self._dataset is not None else [])]

    @classmethod
    def asks(cls) -> Api:
        """The API that sources of this class ask."""
        return cls._adapter().api

    @classmethod
    def known_profiles(cls, names: Sequence[str] | None = None) -> list[Profile]:
        """Profiles of this user that the API may accept: see `find_profiles`."""
        return find_profiles(names)

    @classmethod
    def tells_best(cls) -> Endpoint:
        """The endpoint that is explored by default."""
        return cls.asks().of_span(cls.default_span)

    @property
    def figures(self) -> str:
        """Origin of the figures: "sandbox", "api" or "v2"."""
        return "sandbox" if self.sandbox else self.name

    @property
    def api(self) -> Api:
        """The facts of the API."""
        return self.adapter.api

    @cached_property
    def client(self) -> Client:
        """The client that sends this source's requests."""
        options = {"recorder": self._record, "now": self._present, **self._client_options}
        return Client(self.adapter, **options)

    def _record(self, response: Response) -> None:
        """Record a response that may be billed: here, the handle whose tokens signed it."""
        self.ledger.record_use(response.request.profile)

    def dataset_at(self, where: str | os.PathLike[str]) -> Dataset:
        """Open the dataset that keeps this source's figures, or make one.

        Raises
        ------
        DatasetError
            It has figures of another source or world: see `Dataset.create`.
        """
        return Dataset.create(where, self.figures, self._world)

    def _present(self) -> datetime:
        return self.now or datetime.now(UTC)

    def close(self) -> None:
        """Close the connections; the next fetch opens new ones."""
        if "client" in vars(self):
            self.client.close()
            del self.client

    def plan(
        self,
        tweet_ids: Any = None,
        endpoint: EndpointName | str = "totals",
        *,
        profiles: Sequence[Profile] | None = None,
        **question: Unpack[Options],
    ) -> Plan:
        """Plan a fetch: what it costs, and what is unavailable. Sends nothing.

        Parameters
        ----------
        tweet_ids
            As for `totals`.
        endpoint
            "totals", "28hr" or "historical".
        profiles
            Whose tokens may be used; by default those of all profiles of the source.
        **question
            ``by``, ``metrics``, ``start``, ``end``, ``period``, ``posted`` and ``zone``, as for
            `historical`.
        """
        asked = checked(endpoint, self._span(endpoint), question)
        return self._plan(*self._chosen(tweet_ids, asked), endpoint, asked, profiles)

    def _chosen(self, tweet_ids: Any, asked: Options) -> tuple[IdList, dict[str, int]]:
        """The Tweets to ask for, and how many others are left out, by reason."""
        posted = Posted.of(asked, self._present())
        offered = self._offered(posted) if tweet_ids is None else tweet_ids
        ids = read_ids(offered)
        if posted is None:
            return ids, {}
        chosen = posted.ids(ids)
        left_out = len(ids) - len(chosen)
        return chosen, {posted.outside: left_out} if left_out else {}

    def posted_in(self, tweet_ids: Any, posted: str, zone: str | None = None) -> IdList:
        """Those of some Tweets that were posted in a period.

        Parameters
        ----------
        tweet_ids, posted, zone
            See `Source.totals`.

        Raises
        ------
        InputError
            There is none, or it is not a period.
        """
        asked = checked("totals", "life", {"posted": posted, "zone": zone})
        return self._chosen(tweet_ids, asked)[0]

    def _offered(self, posted: Posted | None) -> list[str]:
        """The source's own Tweets, of which some are chosen if ``posted`` is given."""
        return self.tweet_ids()

    def _plan(
        self,
        ids: IdList,
        left_out: Mapping[str, int],
        endpoint: EndpointName | str,
        asked: Options,
        profiles: Sequence[Profile] | None = None,
    ) -> Plan:
        limit = self.client.quota(self.profiles[0], endpoint).per_minute
        question: dict[str, Any] = {n: value for n, value in asked.items() if n != "posted"}
        plan = make_plan(
            ids, endpoint, api=self.api, profiles=profiles or self.profiles, limit=limit,
            owners=self._owners, now=self._present(), **question,
        )  # fmt: skip
        notes = [f"{counted(n, 'Tweet')} left out: {why}." for why, n in left_out.items()]
        return replace(plan, notes=(*notes, *plan.notes), left_out=left_out)

    def fetch_into(
        self,
        dataset: Dataset,
        endpoint: str,
        tweet_ids: Any = None,
        *,
        snapshot: str | None = None,
        before: Callable[[Plan], None] | None = None,
        **question: Unpack[Options],
    ) -> Run:
        """Fetch into a dataset, or resume the same fetch.

        Parameters
        ----------
        dataset
            Where each response is stored as soon as it arrives.
        endpoint, tweet_ids
            As for `plan`.
        snapshot
            Label of these figures: see `engagement_nb.dataset`.
        before
            Called with the plan before the first request; can raise to refuse it.
        **question
            ``by``, ``metrics``, ``start``, ``end``, ``period``, ``posted``, ``zone``, as for
            `historical`.
        """
        asked = checked(endpoint, self._span(endpoint), question)
        ids, left_out = self._chosen(tweet_ids, asked)
        ask = ask_digest(
            endpoint,
            ids.ids,
            by=asked.get("by"),
            metrics=list(asked.get("metrics") or ()),
            period=[str(asked.get(name)) for name in ("start", "end", "period", "zone")],
        )
        begun = dataset.unfinished(ask, snapshot, datetime.now(UTC))
        if begun is not None and begun.start:
            # "The last four weeks" are those before the day on which the fetch began.
            asked |= {"start": begun.start, "end": begun.end, "period": None}
        plan = self._plan(ids, left_out, endpoint, asked)
        guarded = self._guarded(plan)
        if before is not None:
            before(plan)
        try:
            writer = dataset.begin(record_of(guarded, ask, snapshot))
            run = Run(guarded, self.client, writer, workers=self._workers, progress=self._progress)
            run.go(self._parts(plan))
        except BaseException:
            # An interrupted run stops its client for good. The next run opens a new one.
            ApiSource.close(self)
            raise
        return run

    def _fetch(self, endpoint: str, tweet_ids: Any, **question: Unpack[Options]) -> Metrics:
        dataset = self.dataset_at(self._dataset or f"memory://fetch-{uuid.uuid4().hex}")
        try:
            return self.fetch_into(dataset, endpoint, tweet_ids, **question).read(dataset)
        finally:
            if self._dataset is None:
                dataset.store.fs.rm(dataset.store.root, recursive=True)

    def _parts(self, plan: Plan) -> Iterable[Part]:
        """Finished requests that found the Tweets of a plan."""
        return ()

    def _guarded(self, plan: Plan) -> Plan:
        """Refuse a plan over ``max_handles``; add a note if it exceeds the contract."""
        note = self.ledger.guard(plan.signers, max_handles=self._max_handles, sandbox=self.sandbox)
        return replace(plan, notes=(*plan.notes, note)) if note else plan
