"""A sandbox in this process: requests go to it by a function call, without sockets and threads.

It serves places that have neither, such as Python in a browser, and an event loop that is already
running.
"""

from __future__ import annotations

import httpx

from engagement_nb.sandbox import STARTED_HERE


def transport_to(url: str) -> httpx.BaseTransport | None:
    """Give the transport to a sandbox in this process; None for an address on the network."""
    return SandboxTransport() if url in STARTED_HERE else None


class SandboxTransport(httpx.BaseTransport):
    """Gives requests to the sandboxes in this process, and their responses back."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """See `httpx.BaseTransport`.

        Raises
        ------
        httpx.ConnectError
            No sandbox of this process has that address.
        httpx.ReadError
            The sandbox drops or cuts the response, as one of its faults.
        """
        sandbox = STARTED_HERE.get(str(request.url.copy_with(raw_path=b"/")).rstrip("/"))
        if sandbox is None:
            raise httpx.ConnectError("no sandbox is there", request=request)
        reply = sandbox.handle(
            request.method, str(request.url), request.headers.multi_items(), request.read()
        )
        if reply.fault in ("drop", "cut"):
            raise httpx.ReadError("the sandbox cut the response", request=request)
        return httpx.Response(
            reply.status, headers=reply.headers, stream=httpx.ByteStream(reply.body)
        )
