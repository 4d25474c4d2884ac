"""The sandbox as a source: the only module that knows both the client and the sandbox."""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx
import pandas as pd

from engagement_nb.client.credentials import Profile
from engagement_nb.client.hosts import hosts_at, is_loopback
from engagement_nb.errors import InputError
from engagement_nb.metrics import Metrics
from engagement_nb.planning import Plan
from engagement_nb.sources.api import ApiSource
from engagement_nb.vocabulary import ENV_API_URL, EndpointName

SAMPLE = 500
"""Tweets that the sandbox offers unless told otherwise: those of the last two months."""
_WORLD = ("seed", "now", "tweets")
_NOT_OWN = frozenset({"others", "outsider", "protected", "never-existed", "mixed"})


class SandboxSource(ApiSource):
    """The sandbox: one that is running, if the environment names it, or one of its own.

    Parameters
    ----------
    profile
        Handles of the sandbox's accounts, or profiles of the environment; all unless given.
    dataset, progress, max_handles, **options
        See `connect`.

    Attributes
    ----------
    now
        The moment at which the sandbox's world stands still; None if it follows the real time.
    world
        Which world it is, as a sentence; among the notes of its metrics where it was chosen.
    """

    name = "sandbox"

    def __init__(
        self,
        *,
        profile: str | Sequence[str] | None = None,
        dataset: str | os.PathLike[str] | None = None,
        progress: bool | None = None,
        max_handles: int | None = None,
        **options: Any,
    ) -> None:
        # Notebooks and commands pass on what nobody chose.
        options = {
            name: value
            for name, value in options.items()
            if name not in _WORLD or value not in (None, "")
        }
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
        everybody = profiles
        if profile is not None:
            names = [profile] if isinstance(profile, str) else list(profile)
            profiles = [_named(everybody, name) for name in names]
        self._account = everybody.index(profiles[0])
        super().__init__(profiles, dataset=dataset, progress=progress, max_handles=max_handles)
        self.sandbox = True
        told = httpx.get(f"{self.url}/sandbox/world", timeout=10.0).json()
        self.now = datetime.fromisoformat(told["now"]) if told["now"] else None
        since = f"standing still at {self.now:%Y-%m-%d %H:%M} UTC" if self.now else "at this moment"
        self.world = f"Sandbox world: seed {told['seed']}, {told['tweets']:,} Tweets, {since}."
        self._chosen = self.now is not None or any(name in options for name in _WORLD)

    def plan(
        self, tweet_ids: Any = None, endpoint: EndpointName | str = "totals", **options: Any
    ) -> Plan:
        """What a fetch would cost: see `ApiSource.plan`; ``now`` is the world's present."""
        return super().plan(tweet_ids, endpoint, **{"now": self.now, **options})

    def _figures(self, *arguments: Any, **options: Any) -> Metrics:
        metrics = super()._figures(*arguments, **options)
        if not self._chosen:
            return metrics
        about = replace(metrics.about, notes=(*metrics.about.notes, self.world))
        frame = metrics.frame
        if self.now is not None and "read_at" in frame:
            # The moment of the read is the world's, too: else no two frames are equal.
            about = replace(about, read_at=self.now)
            kind = frame["read_at"].dtype
            frame = frame.assign(read_at=pd.Series(self.now, index=frame.index).astype(kind))
        return replace(metrics, frame=frame, about=about)

    def close(self) -> None:
        """Close the connections, and stop the sandbox if it is this source's own."""
        super().close()
        if self._sandbox is not None:
            self._sandbox.stop()
            self._sandbox = None

    def tweet_ids(self, kind: str = "own", count: int | None = None) -> list[str]:
        """Ids to try: see `Source.tweet_ids`; the newest ones of the first profile's account."""
        ids = self._pick(kind, count or SAMPLE)
        if kind not in _NOT_OWN:
            self._owners.update(dict.fromkeys(ids, self.profiles[0].user_id))
        return ids

    def _pick(self, kind: str, count: int) -> list[str]:
        if self._sandbox is not None:
            try:
                return list(self._sandbox.ids(kind, count, self._account))
            except ValueError as error:
                raise InputError(str(error)) from error
        words = f"kind={quote(kind)}&count={count}&account={self._account}"
        answer = httpx.get(f"{self.url}/sandbox/ids?{words}")
        if answer.is_error:
            raise InputError(f"The sandbox has no such ids: {answer.text.strip()}")
        return list(answer.json())


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
