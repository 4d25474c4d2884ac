"""The sandbox as a source: the only module that knows both the client and the sandbox."""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any, Unpack

import httpx

from engagement_nb.apis.engagement import ENV_API_URL
from engagement_nb.client.bounds import trusted
from engagement_nb.client.credentials import Profile
from engagement_nb.client.hosts import hosts_at, is_loopback
from engagement_nb.client.pacing import Pacer
from engagement_nb.dataset import World
from engagement_nb.errors import InputError
from engagement_nb.metrics import Metrics
from engagement_nb.sandbox import STARTED_HERE, Sandbox, Settings
from engagement_nb.sources.api import ApiSource
from engagement_nb.sources.options import Options, Posted

SAMPLE = 500
"""Number of Tweets that the sandbox offers by default: those of the last two months."""
WORLD = ("seed", "now", "tweets")
"""Options that choose the sandbox's world."""
_MOST_LISTED = 1_000_000
"""How many ids the sandbox lists at once."""
_NOT_OWN = frozenset({"others", "outsider", "protected", "never-existed", "mixed"})


class SandboxSource(ApiSource):
    """The sandbox: the one that the environment names, or else a new one.

    Parameters
    ----------
    profile
        Handles of the sandbox's accounts; by default all.
    dataset, progress, max_handles, **options
        See `connect`.
    in_process
        Whether requests go to the sandbox by a function call, without sockets and threads; by
        default where there are none.

    Attributes
    ----------
    world
        A sentence that names the world.
    pinned
        Whether that world was chosen. Then the notes of the metrics include its sentence.
    """

    name = "sandbox"
    lists_own = True

    def __init__(
        self,
        *,
        profile: str | Sequence[str] | None = None,
        dataset: str | os.PathLike[str] | None = None,
        progress: bool | None = None,
        max_handles: int | None = None,
        in_process: bool | None = None,
        **options: Any,
    ) -> None:
        self.url = os.environ.get(ENV_API_URL, "").rstrip("/")
        self._sandbox: Sandbox | None = None
        if in_process or options or not is_loopback(self.url) or not _is_sandbox(self.url):
            known = ["preset", *(field.name for field in fields(Settings))]
            if unknown := [name for name in options if name not in known]:
                raise InputError(
                    f"The sandbox has no option {', '.join(unknown)}.",
                    advice=f"It has: {', '.join(known)}.",
                )
            try:
                self._sandbox = Sandbox(**options)
                self._sandbox.start(in_process=in_process)
            except (TypeError, ValueError) as error:
                raise InputError(f"The sandbox cannot start: {error}") from error
            self.url = self._sandbox.url
            # A source that is dropped without being closed must free its port.
            weakref.finalize(self, self._sandbox.stop).atexit = False
        everybody = sandbox_profiles(self.url)
        names = [profile] if isinstance(profile, str) else profile
        profiles = everybody if names is None else [_named(everybody, name) for name in names]
        self._account = everybody.index(profiles[0])
        super().__init__(profiles, dataset=dataset, progress=progress, max_handles=max_handles)
        transport = transport_to(self.url)
        if transport is not None:
            # A progress bar starts a thread, which a browser does not have.
            self._workers, self._progress = 0, bool(progress) and sys.platform != "emscripten"
            self._client_options |= {
                "transport": transport,
                "pacer": Pacer(buckets=self.api.buckets),
            }
        self.sandbox = True
        told = ask_sandbox(self.url, "world")
        self.now = datetime.fromisoformat(told["now"]) if told["now"] else None
        self._world = World(told["seed"], told["tweets"], self.now)
        self.world = str(self._world)
        self._size = min(int(told["tweets"]), _MOST_LISTED)
        self.pinned = self.now is not None or any(name in options for name in WORLD)

    def _described(self) -> list[str]:
        return [*super()._described(), self.world.removeprefix("Sandbox world: ").rstrip(".")]

    def _fetch(self, endpoint: str, tweet_ids: Any, **question: Unpack[Options]) -> Metrics:
        metrics = super()._fetch(endpoint, tweet_ids, **question)
        notes = (*metrics.about.notes, *([self.world] if self.pinned else []))
        return replace(metrics, about=replace(metrics.about, notes=notes))

    def close(self) -> None:
        """Close the connections, and stop the sandbox if it is this source's own."""
        super().close()
        if self._sandbox is not None:
            self._sandbox.stop()
            self._sandbox = None

    def _offered(self, posted: Posted | None) -> list[str]:
        return self.tweet_ids(count=None if posted is None else self._size)

    def tweet_ids(self, kind: str = "own", count: int | None = None) -> list[str]:
        """List the newest ids of a kind, of the first profile's account; see `Source.tweet_ids`."""
        count = SAMPLE if count is None else count
        try:
            ids: list[str] = ask_sandbox(
                self.url, "ids", kind=kind, count=count, account=self._account
            )
        except ValueError as error:
            raise InputError(str(error)) from error
        if kind not in _NOT_OWN:
            self._owners.update(dict.fromkeys(ids, self.profiles[0].user_id))
        return ids


def transport_to(url: str) -> httpx.BaseTransport | None:
    """Give the transport to a sandbox in this process; None for an address on the network."""
    # For places without sockets and threads (a browser), and a loop that is running already.
    return httpx.MockTransport(_reply) if url in STARTED_HERE else None


def _reply(request: httpx.Request) -> httpx.Response:
    """What a sandbox of this process responds; one that drops or cuts it ends in an error."""
    sandbox = STARTED_HERE.get(str(request.url.copy_with(raw_path=b"/")).rstrip("/"))
    if sandbox is None:
        raise httpx.ConnectError("no sandbox is there", request=request)
    reply = sandbox.handle(
        request.method, str(request.url), request.headers.multi_items(), request.read()
    )
    if reply.fault in ("drop", "cut"):
        raise httpx.ReadError("the sandbox cut the response", request=request)
    return httpx.Response(reply.status, headers=reply.headers, stream=httpx.ByteStream(reply.body))


def ask_sandbox(url: str, page: str, **question: str | int) -> Any:
    """Ask one of the sandbox's own pages, which are beside the API, and never by a proxy."""
    options: dict[str, Any] = {"timeout": 10.0, "trust_env": False, "verify": trusted()}
    with httpx.Client(transport=transport_to(url), **options) as http:
        answer = http.get(f"{url}/sandbox/{page}", params=question)
    if answer.is_error:
        raise ValueError(answer.text.strip())
    return answer.json()


def _is_sandbox(url: str) -> bool:
    try:
        return bool(ask_sandbox(url, "accounts"))
    except (httpx.HTTPError, ValueError):
        return False


def sandbox_profiles(url: str) -> list[Profile]:
    """A profile for each account of a running sandbox."""
    told = ask_sandbox(url, "accounts")
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
