"""Paths that the API does not have: index page, faults, truth, ids, tokens, log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import fields
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from engagement_nb.apis.engagement import ENDPOINTS
from engagement_nb.apis.times import as_utc
from engagement_nb.sandbox.body import RefusedError
from engagement_nb.sandbox.counters import COUNTED, HIDDEN, NAMES
from engagement_nb.sandbox.openapi import description
from engagement_nb.sandbox.service import Service, page
from engagement_nb.sandbox.settings import Settings
from engagement_nb.sandbox.world import KINDS

_MAX_IDS = 10_000
_FACTS = ("account", "deleted", "protected", "promoted", "repost")


class Control:
    """Paths under ``/sandbox``, the index page and the OpenAPI description.

    Parameters
    ----------
    service
        The sandbox.
    """

    def __init__(self, service: Service) -> None:
        self.service = service

    def routes(self) -> list[Route]:
        """Give all these paths."""
        return [
            Route("/", self.index),
            Route("/openapi.json", _json(self.openapi)),
            Route("/sandbox/faults", _json(self.faults), methods=["GET", "POST", "DELETE"]),
            Route("/sandbox/truth", _json(self.truth), methods=["GET", "POST"]),
            Route("/sandbox/ids", _json(self.ids)),
            Route("/sandbox/world", _json(self.world)),
            Route("/sandbox/accounts", _json(self.accounts)),
            Route("/sandbox/revoke", _json(self.revoke), methods=["POST"]),
            Route("/sandbox/restore", _json(self.restore), methods=["POST"]),
            Route("/sandbox/log", _json(self.log)),
        ]

    async def openapi(self, request: Request) -> Any:
        """Give the OpenAPI description."""
        return description(str(request.base_url).rstrip("/"), self.service.settings)

    async def faults(self, request: Request) -> Any:
        """GET: give the faults. POST: set them. DELETE: stop them."""
        if request.method == "POST":
            self.service.faults.configure(await self._object(request))
        elif request.method == "DELETE":
            self.service.faults.clear()
        return self.service.faults.state()

    async def truth(self, request: Request) -> Any:
        """Real counts of Tweets: ``ids`` (comma-separated, or an array), ``start``, ``end``."""
        is_post = request.method == "POST"
        given = await self._object(request) if is_post else dict(request.query_params)
        ids = given.get("ids", "")
        ids = ids.split(",") if isinstance(ids, str) else ids
        if not isinstance(ids, list) or len(ids) > _MAX_IDS:
            raise ValueError(f"ids must be at most {_MAX_IDS:,} Tweet ids.")
        texts = [str(number).strip() for number in ids if str(number).strip()]
        if not all(text.isdecimal() and len(text) <= 19 and int(text) < 2**63 for text in texts):
            raise ValueError("ids must be Tweet ids.")
        edges = (given.get("start"), given.get("end"))
        window = (None if edge is None else as_utc(str(edge)) for edge in edges)
        truth = self.service.world.truth(texts, *window)
        counted = [name for name in COUNTED if name not in HIDDEN]
        found: list[dict[str, Any]] = []
        for place, text in enumerate(texts):
            found.append({"tweet_id": text, "exists": bool(truth.exists[place])})
            if truth.exists[place]:
                counts = {name: int(truth.of(name)[place]) for name in (*NAMES, "engagements")}
                found[-1] |= {
                    "engagements": counts.pop("engagements"),
                    "metrics": {name: n for name, n in counts.items() if name not in HIDDEN},
                    "hidden": {name: counts[name] for name in HIDDEN},
                    **{name: getattr(truth.tweets, name)[place].item() for name in _FACTS},
                }
        return {"sandbox": True, "counted": counted, "tweets": found}

    async def ids(self, request: Request) -> Any:
        """Ids to try: ``kind``, ``count``, ``account``."""
        given = request.query_params
        count = min(_MAX_IDS, _whole(given.get("count", "10")))
        account = _whole(given.get("account", "0"))
        return self.service.world.pick(given.get("kind", "own"), count, account)

    async def world(self, request: Request) -> Any:
        """Which world this is; ``now`` is null unless it stands still."""
        settings = self.service.settings
        names = ("seed", "tweets", "accounts", "now")
        return {"sandbox": True, **{name: getattr(settings, name) for name in names}}

    async def accounts(self, request: Request) -> Any:
        """Accounts with tokens, and the keys of both apps."""
        keys = self.service.keys
        return {
            "sandbox": True,
            "app": keys.app,
            "app_without_access": keys.app_without_access,
            "accounts": [{**vars(a), "number": n} for n, a in enumerate(keys.accounts[:_MAX_IDS])],
        }

    async def revoke(self, request: Request) -> Any:
        """Revoke a user token or bearer token: ``{"token": "..."}``."""
        token = (await self._object(request)).get("token")
        if not isinstance(token, str) or not self.service.keys.revoke(token):
            raise ValueError("token must be a valid user token or bearer token.")
        return {"revoked": token}

    async def restore(self, request: Request) -> Any:
        """Undo all revocations."""
        self.service.keys.restore()
        return {"revoked": []}

    async def log(self, request: Request) -> Any:
        """The last requests, newest first."""
        return list(reversed(self.service.log))

    async def index(self, request: Request) -> Response:
        """The index page."""
        url = str(request.base_url).rstrip("/")
        text = page(
            "index.html",
            url=url,
            service=self.service,
            env=self.service.keys.env(url),
            endpoints=ENDPOINTS.values(),
            kinds=KINDS,
            example=self.service.world.pick("own", 2) or ["1"],
            changed=_changed(self.service.settings),
        )
        return HTMLResponse(text)

    async def _object(self, request: Request) -> dict[str, Any]:
        value = orjson.loads(await self.service.read(request))
        if not isinstance(value, dict):
            raise ValueError("The body must be a JSON object.")
        return value


def _changed(settings: Settings) -> dict[str, Any]:
    """Give the switches that differ from their defaults."""
    default = Settings()
    values = {one.name: getattr(settings, one.name) for one in fields(Settings)}
    return {
        name: value
        for name, value in values.items()
        if name != "faults" and value != getattr(default, name) and not callable(value)
    }


def _json(handle: Callable[[Request], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
    """Make a handler respond with JSON, and with status 400 to a ValueError."""

    async def handler(request: Request) -> Response:
        try:
            value = await handle(request)
        except (ValueError, OverflowError) as error:
            raise RefusedError(400, str(error)) from None
        content = orjson.dumps(value, option=orjson.OPT_INDENT_2)
        return Response(content, media_type="application/json")

    return handler


def _whole(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise ValueError("count and account must be whole numbers.")
    return int(text)
