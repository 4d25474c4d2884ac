"""Where metrics come from: the sandbox, the API, an export file, a dataset; used alike.

The only module that knows both the client and the sandbox.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import httpx
import pandas as pd

from engagement_nb.client import Client
from engagement_nb.collect import Collected, collect, collect_into
from engagement_nb.credentials import Profile, find_profiles
from engagement_nb.dataset import Dataset, ask_digest
from engagement_nb.errors import CredentialsError, InputError
from engagement_nb.hosts import hosts_at, is_loopback
from engagement_nb.ids import read_ids
from engagement_nb.metrics import Metrics, problems_frame
from engagement_nb.periods import Moment
from engagement_nb.planning import Plan, make_plan
from engagement_nb.running import Event
from engagement_nb.usage import Ledger
from engagement_nb.vocabulary import ENV_API_URL

_Result = TypeVar("_Result")
SAMPLE = 500
"""Tweets that the sandbox offers unless told otherwise: those of the last two months."""


def open_source(
    where: str | os.PathLike[str] = "sandbox",
    *,
    profile: str | Sequence[str] | None = None,
    dataset: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
    **options: Any,
) -> Source:
    """Open a source of metrics.

    Parameters
    ----------
    where
        "sandbox" (made-up figures, no keys needed), "api" (with your keys), the path of an
        export file or of a folder of them, or the path or address of a dataset.
    profile
        Whose tokens: one name or several; all that are found unless given.
    dataset
        Where the sandbox and the API keep what is fetched, so that a fetch can be cut off and
        gone on with; in memory without it.
    progress
        Whether fetches show a bar; None to show it where somebody can see it.
    **options
        For the sandbox: ``seed``, ``tweets``, ``per_minute`` and the other fields of
        `engagement_nb.sandbox.Settings`.

    Returns
    -------
    Source

    Raises
    ------
    CredentialsError
        For the API: no keys are found.
    InputError
        There is no such source, or an option that it does not take.

    Examples
    --------
    >>> with open_source("sandbox") as source:
    ...     metrics = source.totals()
    >>> metrics.about.sandbox
    True
    """
    name = os.fspath(where)
    if name == "sandbox":
        return SandboxSource(profile=profile, dataset=dataset, progress=progress, **options)
    if options:
        raise InputError(
            f"{', '.join(options)}: options of the sandbox, and {name!r} is another source."
        )
    if name == "api":
        return ApiSource(_profiles(profile), dataset=dataset, progress=progress)
    if "://" in name or Path(name, "dataset.json").exists():
        return DatasetSource(name)
    if not Path(name).expanduser().exists():
        raise InputError(
            f"There is no source {name!r}.",
            advice='Give "sandbox", "api", or the path of an export file, its folder or a dataset.',
        )
    return ExportSource(name)


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
        raise InputError(f"The {self.name} source has no figures of the last 28 hours.")

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
        raise InputError(f"The {self.name} source has no figures of a period.")


class ApiSource(Source):
    """The Engagement API, or a copy of it, with the tokens of one or more profiles.

    Parameters
    ----------
    profiles
        Whose tokens may be used.
    dataset, progress
        See `open_source`.
    """

    name = "api"

    def __init__(
        self,
        profiles: Sequence[Profile],
        *,
        dataset: str | os.PathLike[str] | None = None,
        progress: bool | None = None,
    ) -> None:
        self.profiles = tuple(profiles)
        # Whatever it is called: figures from this machine itself are made up.
        self.sandbox = any(profile.hosts.sandbox for profile in self.profiles)
        self._dataset = dataset
        self._progress = progress
        self._client: Client | None = None
        self._ledger: Ledger | None = None
        self._lock = threading.Lock()

    @property
    def client(self) -> Client:
        """The client that sends this source's requests."""
        with self._lock:
            if self._client is None:
                self._client = Client()
            return self._client

    def close(self) -> None:
        """Close the connections."""
        self.close_client()

    def use_ledger(self, ledger: Ledger) -> None:
        """Count handles in this ledger, not in the user's own."""
        self._ledger = ledger

    def close_client(self) -> None:
        """Close the connections; the next fetch opens new ones."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def totals(self, tweet_ids: Any = None, metrics: Iterable[str] | None = None) -> Metrics:
        """Figures since each Tweet was posted: see `Source.totals`."""
        return self._fetch("totals", tweet_ids, metrics=metrics)

    def last_28_hours(
        self,
        tweet_ids: Any = None,
        by: str | None = None,
        metrics: Iterable[str] | None = None,
    ) -> Metrics:
        """Figures of the last 28 hours: see `Source.last_28_hours`."""
        return self._fetch("28hr", tweet_ids, by=by, metrics=metrics)

    def historical(
        self,
        tweet_ids: Any = None,
        start: Moment = None,
        end: Moment = None,
        by: str | None = None,
        metrics: Iterable[str] | None = None,
    ) -> Metrics:
        """Figures of a period: see `Source.historical`."""
        return self._fetch("historical", tweet_ids, start=start, end=end, by=by, metrics=metrics)

    def plan(self, tweet_ids: Any = None, endpoint: str = "totals", **options: Any) -> Plan:
        """What a fetch would cost and what it cannot get; spends nothing.

        Parameters
        ----------
        tweet_ids
            As for `totals`.
        endpoint
            "totals", "28hr" or "historical".
        **options
            As for `engagement_nb.planning.make_plan`.
        """
        if tweet_ids is None:
            tweet_ids = self.tweet_ids()
        limit = self.client.pacer(self.profiles[0]).state(endpoint).limit
        return make_plan(
            tweet_ids, endpoint, **{"profiles": self.profiles, "limit": limit, **options}
        )

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
            See `engagement_nb.running.Run`.
        **options
            ``start``, ``end``, ``by``, ``metrics``, as for `historical`.
        """
        ids = read_ids(self.tweet_ids() if tweet_ids is None else tweet_ids)
        period = [str(options.get(name)) for name in ("start", "end")]
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
            options = {**options, "start": cut_off.start, "end": cut_off.end}
        plan = self.plan(ids, endpoint, **options)
        if before is not None:
            before(plan)
        return self._stopping_client(
            lambda: collect_into(
                dataset,
                plan,
                self.client,
                ask=ask,
                snapshot=snapshot,
                progress=self._progress,
                on_event=on_event,
                on_owner=self._count_handle,
            )
        )

    def _fetch(self, endpoint: str, tweet_ids: Any, **options: Any) -> Metrics:
        if self._dataset is not None:
            dataset = Dataset(self._dataset, self.figures)
            ids = read_ids(self.tweet_ids() if tweet_ids is None else tweet_ids)
            ended = self.fetch_into(dataset, endpoint, ids, **options)
            return ended.read(dataset, ids.ids)
        plan = self.plan(tweet_ids, endpoint, **options)
        return self._stopping_client(
            lambda: collect(
                plan,
                self.client,
                source=self.figures,
                progress=self._progress,
                on_owner=self._count_handle,
            )
        )

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

    def _count_handle(self, user_id: str, name: str) -> None:
        with self._lock:
            if self._ledger is None:
                self._ledger = Ledger()
            ledger = self._ledger
        ledger.record({user_id: name}, sandbox=self.sandbox)


class SandboxSource(ApiSource):
    """The sandbox: one that is running, if the environment names it, or one of its own.

    Parameters
    ----------
    profile
        Handles of the sandbox's accounts, or profiles of the environment; all unless given.
    dataset, progress, **options
        See `open_source`.
    """

    name = "sandbox"

    def __init__(
        self,
        *,
        profile: str | Sequence[str] | None = None,
        dataset: str | os.PathLike[str] | None = None,
        progress: bool | None = None,
        **options: Any,
    ) -> None:
        running = os.environ.get(ENV_API_URL, "")
        self._sandbox: Any = None
        if not options and running and is_loopback(running) and _answers(running):
            self.url = running.rstrip("/")
        else:
            # Imported here: who has keys need not load the sandbox.
            from engagement_nb.sandbox import Sandbox

            try:
                self._sandbox = Sandbox(**options).start()
            except (TypeError, ValueError) as error:
                raise InputError(f"The sandbox cannot start: {error}") from error
            self.url = self._sandbox.url
            # A source that is dropped without being closed gives its port back.
            weakref.finalize(self, self._sandbox.stop).atexit = False
        profiles = sandbox_profiles(self.url)
        if profile is not None:
            names = [profile] if isinstance(profile, str) else list(profile)
            profiles = [_named(profiles, name) for name in names]
        super().__init__(profiles, dataset=dataset, progress=progress)
        self.sandbox = True

    def close(self) -> None:
        """Close the connections, and stop the sandbox if it is this source's own."""
        super().close()
        if self._sandbox is not None:
            self._sandbox.stop()
            self._sandbox = None

    def tweet_ids(self, kind: str = "own", count: int | None = None) -> list[str]:
        """Ids to try: see `Source.tweet_ids`; the newest ones of the first account."""
        answer = httpx.get(
            f"{self.url}/sandbox/ids", params={"kind": kind, "count": count or SAMPLE}
        )
        if answer.is_error:
            raise InputError(f"The sandbox has no such ids: {answer.text.strip()}")
        return list(answer.json())


class ExportSource(Source):
    """An export file of X, or a folder of them: see `engagement_nb.read_export`.

    Parameters
    ----------
    path
        The file or folder.
    """

    name = "export"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).expanduser()
        self._metrics: Metrics | None = None

    @property
    def metrics(self) -> Metrics:
        """All that the file has."""
        if self._metrics is None:
            # Imported here: not every source needs the readers.
            from engagement_nb.exports import read_export

            self._metrics = read_export(self.path)
        return self._metrics

    def tweet_ids(self, kind: str = "all", count: int | None = None) -> list[str]:
        """Ids of the file's Tweets."""
        return list(self.metrics.frame["tweet_id"].unique())[:count]

    def totals(self, tweet_ids: Any = None, metrics: Iterable[str] | None = None) -> Metrics:
        """The file's figures: see `Source.totals`."""
        return _only(self.metrics, tweet_ids, metrics)


class DatasetSource(Source):
    """A dataset that was fetched before; asks nothing of the network.

    Parameters
    ----------
    where
        Its path or address.
    """

    name = "dataset"

    def __init__(self, where: str | os.PathLike[str]) -> None:
        self.dataset = Dataset(where)
        self.sandbox = self.dataset.sandbox

    def tweet_ids(self, kind: str = "all", count: int | None = None) -> list[str]:
        """Ids of the Tweets that the newest fetch has figures of."""
        newest = self.dataset.runs()[-1]
        frame = self.dataset.read(newest.endpoint, by=newest.by).frame
        return list(frame["tweet_id"].unique())[:count]

    def totals(self, tweet_ids: Any = None, metrics: Iterable[str] | None = None) -> Metrics:
        """The newest snapshot of totals: see `Source.totals`."""
        return self._read("totals", tweet_ids, metrics)

    def last_28_hours(
        self,
        tweet_ids: Any = None,
        by: str | None = None,
        metrics: Iterable[str] | None = None,
    ) -> Metrics:
        """The newest snapshot of 28hr: see `Source.last_28_hours`."""
        return self._read("28hr", tweet_ids, metrics, by=by)

    def historical(
        self,
        tweet_ids: Any = None,
        start: Moment = None,
        end: Moment = None,
        by: str | None = None,
        metrics: Iterable[str] | None = None,
    ) -> Metrics:
        """Figures of a period that was fetched: see `Source.historical`."""
        return self._read("historical", tweet_ids, metrics, by=by, start=start, end=end)

    def _read(
        self, endpoint: str, tweet_ids: Any, metrics: Iterable[str] | None, **options: Any
    ) -> Metrics:
        wanted = None if tweet_ids is None else read_ids(tweet_ids).ids
        names = None if metrics is None else list(metrics)
        found = self.dataset.read(endpoint, tweet_ids=wanted, metrics=names, **options)
        return _only(found, wanted, None)


def _only(found: Metrics, tweet_ids: Any, metrics: Iterable[str] | None) -> Metrics:
    """The rows and columns asked for; ids that are not there become problems."""
    frame, problems = found.frame, found.problems
    if metrics is not None:
        names = list(metrics)
        unknown = [name for name in names if name not in found.metric_names]
        if unknown:
            raise InputError(
                f"This source has no {', '.join(unknown)}.",
                advice=f"It has: {', '.join(found.metric_names)}.",
            )
        drop = [name for name in found.metric_names if name not in names]
        frame = frame.drop(columns=drop)
    if tweet_ids is not None:
        ids = read_ids(tweet_ids)
        frame = frame[frame["tweet_id"].isin(ids.ids)].reset_index(drop=True)
        problems = problems[problems["tweet_id"].isin(ids.ids)]
        told = {*frame["tweet_id"], *problems.loc[problems["scope"] == "tweet", "tweet_id"]}
        rows = [{"tweet_id": i, "reason": "not in this source"} for i in ids.ids if i not in told]
        problems = pd.concat(
            [problems, ids.problems, problems_frame(rows)], ignore_index=True
        ).astype("string")
    return Metrics(frame, problems, found.about)


def _profiles(names: str | Sequence[str] | None) -> list[Profile]:
    profiles = find_profiles([names] if isinstance(names, str) else names)
    if not profiles:
        raise CredentialsError(
            "No keys for the API were found in the environment, in .env or in your config folder.",
            advice='Store yours with engagement-nb auth login, or open the "sandbox", which needs'
            " none.",
        )
    return profiles


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url.rstrip('/')}/sandbox/accounts", timeout=2.0).is_success
    except httpx.HTTPError:
        return False


def sandbox_profiles(url: str) -> list[Profile]:
    """A profile for each account of a running sandbox."""
    told: Mapping[str, Any] = httpx.get(f"{url}/sandbox/accounts", timeout=10.0).json()
    app = {name: told["app"][name] for name in ("consumer_key", "consumer_secret", "bearer_token")}
    hosts = hosts_at(url)
    return [
        Profile(
            account["handle"],
            hosts,
            access_token=account["access_token"],
            access_token_secret=account["access_token_secret"],
            found_in="the sandbox",
            **app,
        )
        for account in told["accounts"]
    ]


def _named(profiles: Sequence[Profile], name: str) -> Profile:
    found = next((p for p in profiles if p.name.lower() == name.lower().lstrip("@")), None)
    if found is None:
        have = ", ".join(p.name for p in profiles)
        raise InputError(f"The sandbox has no account {name!r}.", advice=f"It has: {have}.")
    return found
