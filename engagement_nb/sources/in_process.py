"""A sandbox in this process: requests go to it by a function call, without sockets and threads.

It serves places that have neither, such as Python in a browser, and an event loop that is already
running.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import httpx

from engagement_nb.client.credentials import Profile
from engagement_nb.client.pacing import Pacer, Rows

if TYPE_CHECKING:
    from engagement_nb.sandbox import Sandbox

URL = "http://127.0.0.1"
"""The address by which the sandbox is called; nothing listens there."""
NEEDED = sys.platform == "emscripten"
"""Whether this place has no sockets and no threads."""


class SandboxTransport(httpx.BaseTransport):
    """Gives requests to a sandbox, and its responses back.

    Parameters
    ----------
    sandbox
        The sandbox; it need not be started.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """See `httpx.BaseTransport`.

        Raises
        ------
        httpx.ReadError
            The sandbox drops or cuts the response, as one of its faults.
        """
        reply = self._sandbox.handle(
            request.method, str(request.url), request.headers.multi_items(), request.read()
        )
        if reply.fault in ("drop", "cut"):
            raise httpx.ReadError("the sandbox cut the response", request=request)
        return httpx.Response(
            reply.status, headers=reply.headers, stream=httpx.ByteStream(reply.body)
        )


class MemoryPacers:
    """A pacer for each profile, with its quota in memory: no other process has this sandbox."""

    def __init__(self, **options: Any) -> None:
        self._options = options
        self._pacers: dict[str, Pacer] = {}

    def __call__(self, profile: Profile) -> Pacer:
        """Give the pacer of a profile."""
        key = profile.consumer_key.reveal()
        if key not in self._pacers:
            self._pacers[key] = Pacer(Rows(), **self._options)
        return self._pacers[key]
