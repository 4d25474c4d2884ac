"""The sandbox's own paths, apart from the API's: index page, faults, truth, revocation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from engagement_nb.sandbox.counters import COUNTED, HIDDEN, NAMES
from engagement_nb.sandbox.openapi import description
from engagement_nb.sandbox.question import RefusedError
from engagement_nb.sandbox.service import Service, page
from engagement_nb.sandbox.settings import Settings
from engagement_nb.sandbox.world import KINDS
from engagement_nb.vocabulary import ENDPOINTS

_MAX_IDS = 10_000
_FACTS = ("account", "deleted", "protected", "promoted", "repost")


class Control:
    """Paths under ``/sandbox``, the index page and the OpenAPI description.

    Parameters
    ----------
    service
        The sandbox they belong to.
    """

    def __init__(self, service: Service) -> None:
        self.service = service

    def routes(self) -> list[Route]:
        """All these paths."""
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
        """The OpenAPI description."""
        return description(str(request.base_url).rstrip("/"), self.service.settings)

    async def faults(self, request: Request) -> Any:
        """GET: what goes wrong. POST: set it. DELETE: nothing goes wrong any more."""
        if request.method == "POST":
            self.service.faults.configure(await self._object(request))
        elif request.method == "DELETE":
            self.service.faults.clear()
        return self.service.faults.state()

    async def truth(self, request: Request) -> Any:
        """The truth about Tweets: ``ids`` (comma-separated, or an array), ``start``, ``end``."""
        is_post = request.method == "POST"
        asked = await self._object(request) if is_post else dict(request.query_params)
        ids = asked.get("ids", "")
        ids = ids.split(",") if isinstance(ids, str) else ids
        if not isinstance(ids, list) or len(ids) > _MAX_IDS:
            raise ValueError(f"ids must be at most {_MAX_IDS:,} Tweet ids.")
        texts = [str(number).strip() for number in ids if str(number).strip()]
        if not all(text.isdecimal() and len(text) <= 19 and int(text) < 2**63 for text in texts):
            raise ValueError("ids must be Tweet ids.")
        truth = self.service.world.truth(
            texts, _moment(asked.get("start")), _moment(asked.get("end"))
        )
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
        asked = request.query_params
        count = min(_MAX_IDS, _whole(asked.get("count", "10")))
        account = _whole(asked.get("account", "0"))
        return self.service.world.pick(asked.get("kind", "own"), count, account)

    async def world(self, request: Request) -> Any:
        """Which world this is, and the moment at which it stands still, if it does."""
        settings = self.service.settings
        told = {name: getattr(settings, name) for name in ("seed", "tweets", "accounts", "now")}
        return {"sandbox": True, **told}

    async def accounts(self, request: Request) -> Any:
        """Accounts and their tokens, the app's keys, and those of the app without the product."""
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
            raise ValueError("token must be a user token or bearer token that is good.")
        return {"revoked": token}

    async def restore(self, request: Request) -> Any:
        """Undo all revocations."""
        self.service.keys.restore()
        return {"revoked": []}

    async def log(self, request: Request) -> Any:
        """The last requests, the latest first."""
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
        value = orjson.loads(await self.service.body(request))
        if not isinstance(value, dict):
            raise ValueError("The body must be a JSON object.")
        return value


def _changed(settings: Settings) -> dict[str, Any]:
    """Switches that are not at their default."""
    default = Settings()
    values = {one.name: getattr(settings, one.name) for one in fields(Settings)}
    return {
        name: value
        for name, value in values.items()
        if name != "faults" and value != getattr(default, name) and not callable(value)
    }


def _json(handle: Callable[[Request], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
    """A handler that gives JSON; its ValueErrors become responses with status 400."""

    async def handler(request: Request) -> Response:
        try:
            value = await handle(request)
        except ValueError as error:
            raise RefusedError(400, str(error)) from None
        content = orjson.dumps(value, option=orjson.OPT_INDENT_2)
        return Response(content, media_type="application/json")

    return handler


def _moment(value: Any) -> datetime | None:
    if value is None:
        return None
    moment = datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _whole(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise ValueError("count and account must be whole numbers.")
    return int(text)
