"""The client: build a request, wait for the quota, send it, read the response.

::

    with Client() as client:
        response = client.send(Request("totals", ids, ("favorites",), profile=find_profile()))
        response.groups  # {"1060976163948904448": {"favorites": "12"}}

`Client.send` sends a request once. `engagement_nb.fetch` decides about retries.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Self, TypeVar

import httpx

from engagement_nb.apis.contract import Auth
from engagement_nb.client.adapters import Adapter, refusal_of, unreadable
from engagement_nb.client.adapters.engagement import EngagementAdapter
from engagement_nb.client.bounds import (
    MAX_BYTES,
    BoundedConnection,
)
from engagement_nb.client.credentials import Profile, Secret, auth_for
from engagement_nb.client.credentials.secret import mask
from engagement_nb.client.pacing import Pacer, Quota, server_time, state_file
from engagement_nb.client.request import Request, Response
from engagement_nb.errors import ConnectionTroubleError

DEFAULT_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
DEFAULT_DEADLINE = 120.0

_LARGE = 500_000
"""Bytes from which `Client.parse_offloaded` uses the parsing thread."""

_T = TypeVar("_T")

_log = logging.getLogger(__name__)


def utc_now() -> datetime:
    """The present moment of this machine's clock."""
    return datetime.now(UTC)


class Client:
    """Sends requests as fast as the quota allows. Threads may share a client.

    Parameters
    ----------
    adapter
        Builds the requests of an API and reads its responses; by default the Engagement API's.
    pacer
        Waits for the quota; by default one that all processes of this user on this machine share.
    timeout
        Seconds between two bytes, or an ``httpx.Timeout``.
    deadline
        Seconds for a whole response, however steadily its bytes arrive.
    max_bytes
        Size of a whole response, decoded.
    recorder
        Called with each response that has counts and may be billed: those to requests signed
        with a user's tokens, whose handle counts then, and those of an API that bills reads.
    now
        Gives the moment at which a response is read, UTC; by default this machine's clock.
        Ages of Tweets are counted at it, so a sandbox whose world stands still gives its own.
    transport
        For tests: an ``httpx.BaseTransport`` instead of the network.
    """

    def __init__(
        self,
        adapter: Adapter | None = None,
        *,
        pacer: Pacer | None = None,
        timeout: float | httpx.Timeout = DEFAULT_TIMEOUT,
        deadline: float = DEFAULT_DEADLINE,
        max_bytes: int = MAX_BYTES,
        recorder: Callable[[Response], None] | None = None,
        now: Callable[[], datetime] = utc_now,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.adapter: Adapter = adapter or EngagementAdapter()
        self.pacer = pacer or Pacer(state_file(), buckets=self.adapter.api.buckets)
        self._recorder = recorder
        self.now = now
        self._timeout = timeout
        self._deadline = deadline
        self._max_bytes = max_bytes
        self._transport = transport
        self._bearers: dict[str, Secret] = {}
        self._large = threading.Lock()
        self._idle: deque[BoundedConnection] = deque()
        self._opened: list[BoundedConnection] = []
        self._reader = ThreadPoolExecutor(1, "read-responses")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop all waits for the quota and close all connections."""
        self.stop()
        self._reader.shutdown(wait=False)
        for connection in self._opened:
            connection.http.close()

    def parse_offloaded(self, raw: bytes, make: Callable[..., _T], *given: Any) -> _T:
        """Call ``make`` on ``given``; for a large response, in the parsing thread.

        Each thread keeps the memory that it once used, and a large response needs much. So the
        many threads that wait for responses leave the parsing to one.
        """
        if len(raw) < _LARGE or self._transport is not None:
            return make(*given)
        return self._reader.submit(make, *given).result()

    def stop(self) -> None:
        """Stop the waits for the quota with `WaitStoppedError`; requests already sent continue.

        The client can be used again afterwards.
        """
        self.pacer.stop()

    @contextmanager
    def _connection(self) -> Iterator[BoundedConnection]:
        """Give a connection for this thread alone: the last used, if one is free.

        One httpx client for all threads would search all of its connections under one lock at
        each request. With hundreds in flight, that is slower than the quota.
        """
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = BoundedConnection(
                self._deadline,
                self._max_bytes,
                self._large,
                timeout=self._timeout,
                transport=self._transport,
            )
            self._opened.append(connection)
        try:
            yield connection
        finally:
            self._idle.append(connection)

    def quota(self, profile: Profile, endpoint: str, auth: Auth = "user") -> Quota:
        """Tell what is known of the quota in which requests of a profile count."""
        return self.pacer.state(endpoint, *self._holder(profile, auth))

    def _holder(self, profile: Profile, auth: Auth) -> tuple[str, str]:
        """Whose quota requests count in: the app, and the user if the API has quotas of users."""
        secret = (profile.consumer_key or profile.bearer_token).reveal()
        app = hashlib.sha256(f"{profile.hosts.api}\n{secret}".encode()).hexdigest()[:24]
        of_users = any(bucket.scope == "user" for bucket in self.adapter.api.buckets)
        return app, profile.user_id or profile.name if of_users and auth == "user" else ""

    def send(self, request: Request) -> Response:
        """Wait for the quota, send one request once, and return its response.

        Raises
        ------
        ApiError
            One of its subclasses, if the response has no data.
        ConnectionTroubleError
            There is no complete response.
        CredentialsError
            The profile lacks the tokens that the request needs.
        WaitStoppedError
            The client was stopped while the request waited for the quota.
        """
        profile = request.profile
        auth = auth_for(profile, request.auth, self._bearers)
        call = self.adapter.call(request)
        url = profile.hosts.api + call.path
        ticket = self.pacer.acquire(request.endpoint, *self._holder(profile, request.auth))
        began = time.monotonic()
        response = None
        try:
            with self._connection() as connection, connection.exchange() as extensions:
                http = connection.http
                built = http.build_request(
                    call.method,
                    url,
                    params=call.query or None,
                    content=call.content,
                    headers=call.headers,
                    extensions=extensions,
                )
                response = http.send(built, auth=auth, stream=True)
                try:
                    # Before the body is read: the pacer measures the time to the headers.
                    self.pacer.learn(ticket, response.headers, response.status_code)
                    raw = response.read()
                finally:
                    response.close()
                read = self.parse_offloaded(raw, self._read, request, response, raw, self.now())
        except httpx.HTTPError as error:
            # From None, because httpx's error contains the request and its signature.
            raise _connection_trouble(error, url, request.tweet_ids) from None
        finally:
            if response is None:
                self.pacer.learn(ticket, None)
            _log.debug(
                "%s for %d Tweets: status %s after %.2f s",
                request.endpoint,
                len(request.tweet_ids),
                "unknown" if response is None else response.status_code,
                time.monotonic() - began,
            )
        billed = request.auth == "user" or self.adapter.api.bills_reads
        if self._recorder is not None and billed and read.counts:
            self._recorder(read)
        return read

    def _read(
        self, request: Request, answer: httpx.Response, raw: bytes, read_at: datetime
    ) -> Response:
        """The figures of a response; raises what it says where it has none."""
        try:
            if answer.is_success:
                return self.adapter.read(request, raw, read_at)
            texts = self.adapter.texts(raw)
        except RecursionError:
            raise unreadable(request, "nested too deep to be one", answer.status_code) from None
        there = server_time(answer.headers)
        if answer.is_redirect:
            target = answer.headers.get("location", "")
            host = httpx.URL(target).host if target.startswith("http") else ""
            texts = (f"redirect to {host or 'another address'}",)
        off = None if there is None else timedelta(seconds=time.time() - there)
        raise refusal_of(self.adapter.api, request, answer.status_code, texts, clock_off=off)


def _connection_trouble(
    error: httpx.HTTPError, url: str, tweet_ids: tuple[str, ...]
) -> ConnectionTroubleError:
    host = httpx.URL(url).host
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        what = f"{host} could not be reached ({mask(str(error))})."
        advice = "Check the network, and ENGAGEMENT_API_URL or ENGAGEMENT_V2_URL if it is set."
    elif isinstance(error, httpx.ProxyError):
        what = f"The proxy on the way to {host} refused the connection ({mask(str(error))})."
        advice = (
            "Check HTTPS_PROXY: your network's administrator knows its address, user name and"
            " password, and whether it lets this host through."
        )
    elif isinstance(error, httpx.TimeoutException):
        what = f"{host} did not respond in time ({error or 'no byte came'})."
        advice = "Try again. If the network is slow, raise the client's deadline."
    else:
        why = mask(str(error)) or type(error).__name__
        what = f"The response of {host} was cut off or cannot be read: {why}."
        advice = "Try again. If this continues, check any proxy between here and the API."
    return ConnectionTroubleError(what, advice=advice, tweet_ids=tweet_ids)
