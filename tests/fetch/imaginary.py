"""An API that nobody has: its facts, its adapter, and a small server.

It is asked with GET, has other names and another age rule, and a quota of 15 minutes per user.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from engagement_nb.apis.contract import Api, Bucket, Endpoint, QuotaHeaders, Refusal, Rule
from engagement_nb.apis.reasons import Reason
from engagement_nb.apis.times import tweet_time
from engagement_nb.client.adapters import Call, refusal_of
from engagement_nb.client.request import Request, Response
from engagement_nb.errors import BadRequestError, ForbiddenTweetsError, ServerTroubleError

NAMES = {
    "impressions": "seen", "engagements": "acts", "favorites": "loves", "retweets": "echoes",
    "replies": "words", "url_clicks": "taps",
}  # fmt: skip
HEADERS = QuotaHeaders("allowance", "allowance-left", "allowance-from")
QUARTER = Bucket("imaginary", "quarter", "user", timedelta(minutes=15), HEADERS, by_endpoint=False)
_YOUNG = Rule(Reason.OLDER_THAN_30_DAYS, frozenset({"impressions"}), timedelta(days=30))
ENDPOINTS = {
    "ever": Endpoint(
        "ever", "/v9/ever", max_ids=40, span="life", metrics=tuple(NAMES)[:5],
        public=frozenset({"favorites"}), rules=(_YOUNG,), buckets=("quarter",),
    ),
    "daily": Endpoint(
        "daily", "/v9/daily", max_ids=10, span="period", metrics=tuple(NAMES), steps=("day",),
        length=timedelta(days=7), rules=(_YOUNG,), buckets=("quarter",),
    ),
}  # fmt: skip
IMAGINARY = Api(
    name="imaginary",
    title="Imaginary API",
    endpoints=ENDPOINTS,
    buckets=(QUARTER,),
    refusals=(
        Refusal("strangers", "strangers", (403,), ForbiddenTweetsError, "Not yours.", "Ask them."),
        Refusal("request", "", range(400, 500), BadRequestError, "It says no.", "Ask otherwise."),
        Refusal("trouble", "", (), ServerTroubleError, "It is in trouble.", "Try again."),
    ),
)
"""The facts: all that plans, fetches, datasets and sources know of this API."""


class ImaginaryAdapter:
    """Builds its requests and reads its responses."""

    api = IMAGINARY

    def call(self, request: Request) -> Call:
        """A GET with everything in the address."""
        query = {"posts": " ".join(request.tweet_ids)}
        query["what"] = " ".join(NAMES[name] for name in request.metrics)
        if request.window:
            query["days"] = " ".join(f"{moment:%Y%m%d}" for moment in request.window)
        if request.by:
            query["each"] = request.by
        return Call("GET", self.api.endpoint(request.endpoint).path, query)

    def read(self, request: Request, raw: bytes, read_at: datetime) -> Response:
        """A list of posts; a series is a list of counts, one for each day."""
        document = json.loads(raw)
        if "posts" not in document:
            raise refusal_of(self.api, request, 200, self.texts(raw))
        counts = {
            post["post"]: {
                name: _by_day(post[NAMES[name]], request) for name in request.metrics
                if NAMES[name] in post
            }
            for post in document["posts"]
        }  # fmt: skip
        return Response(request, raw, counts, read_at, unavailable=tuple(document["lost"]))

    def texts(self, raw: bytes) -> tuple[str, ...]:
        """One sentence."""
        return (json.loads(raw)["sorry"],) if raw.startswith(b"{") else ()


def _by_day(counts: Any, request: Request) -> Any:
    if not request.by or request.window is None:
        return counts
    first = request.window.start
    return {f"{first + timedelta(days=n):%Y-%m-%d}": count for n, count in enumerate(counts)}


class Server(ThreadingHTTPServer):
    """Serves posts whose figures are known: `truth`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.asked: list[dict[str, str]] = []
        self.lost: set[str] = set()
        self.strangers: set[str] = set()
        self.sorry: list[tuple[int, str]] = []


@contextmanager
def serving() -> Iterator[Server]:
    """The server, while it is used."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def truth(tweet_id: str, name: str, day: date) -> int:
    """What a post collected on a day: engagements are all others, and one more in three days."""
    posted = tweet_time(tweet_id)
    if posted is None or day < posted.date():
        return 0
    seed = int(tweet_id) // 7 + day.toordinal()
    parts = {"favorites": seed % 5, "retweets": seed % 3, "replies": seed % 2,
             "url_clicks": seed // 3 % 4}  # fmt: skip
    total = sum(parts.values()) + (seed % 3 == 0)
    return {**parts, "engagements": total, "impressions": 10 * total + seed % 7}[name]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(address.query).items()}
        server = self.server
        server.asked.append({"path": address.path, **asked})
        ids = asked["posts"].split()
        if server.sorry:
            self._send(*server.sorry.pop(0))
        elif not self.headers["Authorization"]:
            self._send(401, "who are you")
        elif strange := [i for i in ids if i in server.strangers]:
            self._send(403, f"strangers wrote {', '.join(strange)}")
        else:
            there = [i for i in ids if i not in server.lost]
            posts = [{"post": i, **_figures(i, asked)} for i in there]
            self._answer(200, {"posts": posts, "lost": [i for i in ids if i in server.lost]})

    def _send(self, status: int, sorry: str) -> None:
        self._answer(status, {"sorry": sorry})

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        left = 500 - len(self.server.asked)
        values = {HEADERS.limit: 500, HEADERS.remaining: left, HEADERS.reset: time.time() + 900}
        for name, value in values.items():
            self.send_header(name, str(int(value)))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Keep standard error clean."""


def _is_young(tweet_id: str) -> bool:
    posted = tweet_time(tweet_id)
    return posted is not None and datetime.now(UTC) - posted < timedelta(days=30)


def _figures(tweet_id: str, asked: dict[str, str]) -> dict[str, Any]:
    """The figures of a post by this API's names."""
    ours = {theirs: name for name, theirs in NAMES.items()}
    first, after = (tweet_time(tweet_id) or datetime.now(UTC)), datetime.now(UTC)
    if "days" in asked:
        first, after = (datetime.strptime(day, "%Y%m%d") for day in asked["days"].split())
    days = [first.date() + timedelta(days=n) for n in range((after.date() - first.date()).days)]
    series = {
        what: [truth(tweet_id, ours[what], day) for day in days]
        for what in asked["what"].split()
        if what != NAMES["impressions"] or _is_young(tweet_id)
    }
    return series if "each" in asked else {what: sum(counts) for what, counts in series.items()}
