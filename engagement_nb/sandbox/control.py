"""The sandbox's own paths, apart from the API's: index page, faults, truth, revocation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from engagement_nb.sandbox.openapi import description
from engagement_nb.sandbox.question import RefusedError
from engagement_nb.sandbox.service import Service, page, read_body
from engagement_nb.sandbox.settings import Settings
from engagement_nb.sandbox.world import KINDS
from engagement_nb.vocabulary import ENDPOINTS

_MAX_IDS = 10_000


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
            Route("/openapi.json", self.openapi),
            Route("/sandbox/faults", _guarded(self.faults), methods=["GET", "POST", "DELETE"]),
            Route("/sandbox/truth", _guarded(self.truth), methods=["GET", "POST"]),
            Route("/sandbox/ids", _guarded(self.ids)),
            Route("/sandbox/world", _guarded(self.world)),
            Route("/sandbox/accounts", _guarded(self.accounts)),
            Route("/sandbox/revoke", _guarded(self.revoke), methods=["POST"]),
            Route("/sandbox/restore", _guarded(self.restore), methods=["POST"]),
            Route("/sandbox/log", _guarded(self.log)),
        ]

    async def openapi(self, request: Request) -> Response:
        """The OpenAPI description."""
        return _json(description(str(request.base_url).rstrip("/"), self.service.settings))

    async def faults(self, request: Request) -> Response:
        """GET: what goes wrong. POST: set it. DELETE: nothing goes wrong any more."""
        if request.method == "POST":
            self.service.faults.configure(await self._object(request))
        elif request.method == "DELETE":
            self.service.faults.clear()
        return _json(self.service.faults.state())

    async def truth(self, request: Request) -> Response:
        """The truth about Tweets: ``ids`` (comma-separated, or an array), ``start``, ``end``."""
        given = await self._given(request)
        ids = given.get("ids", "")
        numbers = ids.split(",") if isinstance(ids, str) else ids
        if not isinstance(numbers, list) or len(numbers) > _MAX_IDS:
            raise ValueError(f"ids must be at most {_MAX_IDS:,} Tweet ids.")
        texts = [str(number).strip() for number in numbers if str(number).strip()]
        if not all(text.isdecimal() and len(text) <= 19 and int(text) < 2**63 for text in texts):
            raise ValueError("ids must be Tweet ids.")
        start, end = (_moment(given.get(name)) for name in ("start", "end"))
        truth = self.service.world.truth(texts, start, end)
        found = []
        for place, text in enumerate(truth.tweet_ids):
            row: dict[str, Any] = {"tweet_id": text, "exists": bool(truth.exists[place])}
            if row["exists"]:
                row |= {
                    "engagements": int(truth.engagements[place]),
                    "metrics": dict(zip(truth.metrics, truth.counts[place].tolist(), strict=True)),
                    "hidden": dict(
                        zip(truth.hidden_kinds, truth.hidden[place].tolist(), strict=True)
                    ),
                    "account": int(truth.account[place]),
                    "deleted": bool(truth.deleted[place]),
                    "protected": bool(truth.protected[place]),
                    "promoted": bool(truth.promoted[place]),
                    "repost": bool(truth.repost[place]),
                }
            found.append(row)
        return _json({"sandbox": True, "counted": truth.counted, "tweets": found})

    async def ids(self, request: Request) -> Response:
        """Ids to try: ``kind``, ``count``, ``account``."""
        given = request.query_params
        count = min(_MAX_IDS, _whole(given.get("count", "10")))
        account = _whole(given.get("account", "0"))
        return _json(self.service.world.pick(given.get("kind", "own"), count, account))

    async def world(self, request: Request) -> Response:
        """Which world this is, and the moment at which it stands still, if it does."""
        settings = self.service.settings
        told = {name: getattr(settings, name) for name in ("seed", "tweets", "accounts", "now")}
        return _json({"sandbox": True, **told})

    async def accounts(self, request: Request) -> Response:
        """Accounts and their tokens; ``?without_access=1`` for the app without the product."""
        keys = self.service.keys
        numbers = range(min(self.service.settings.accounts, _MAX_IDS))
        shown = [{**vars(keys.account(n)), "number": n} for n in numbers]
        return _json(
            {
                "sandbox": True,
                "app": vars(keys.app),
                "app_without_access": vars(keys.app_without_access),
                "accounts": shown,
            }
        )

    async def revoke(self, request: Request) -> Response:
        """Make a user token or bearer token useless: ``{"token": "..."}``."""
        token = (await self._object(request)).get("token")
        if not isinstance(token, str) or not self.service.keys.revoke(token):
            raise ValueError("token must be a user token or bearer token that is good.")
        return _json({"revoked": token})

    async def restore(self, request: Request) -> Response:
        """Take back all revocations."""
        self.service.keys.restore()
        return _json({"revoked": []})

    async def log(self, request: Request) -> Response:
        """The last requests, the latest first."""
        return _json([seen.as_dict() for seen in reversed(self.service.log)])

    async def index(self, request: Request) -> Response:
        """The index page."""
        service = self.service
        settings = service.settings
        base = str(request.base_url).rstrip("/")
        example = service.world.pick("own", 2) or ["1"]
        text = page(
            "index.html",
            url=base,
            settings=settings,
            app=service.keys.app,
            blocked=service.keys.app_without_access,
            accounts=[service.keys.account(n) for n in range(min(5, settings.accounts))],
            more_accounts=max(0, settings.accounts - 5),
            env=service.keys.env(base),
            endpoints=list(ENDPOINTS.values()),
            kinds=list(KINDS),
            example=example,
            seen=list(reversed(service.log))[:25],
            changed=_changed(settings),
            faults=service.faults.state(),
            size=service.world.size(),
            now=service.now(),
        )
        return HTMLResponse(text)

    async def _object(self, request: Request) -> dict[str, Any]:
        value = orjson.loads(await read_body(request, self.service.settings.request_timeout))
        if not isinstance(value, dict):
            raise ValueError("The body must be a JSON object.")
        return value

    async def _given(self, request: Request) -> dict[str, Any]:
        if request.method == "GET":
            return dict(request.query_params)
        return await self._object(request)


def _changed(settings: Settings) -> dict[str, Any]:
    """Switches that are not at their default."""
    values = {f.name: getattr(settings, f.name) for f in fields(Settings) if f.name != "faults"}
    given = {f.name: f.default for f in fields(Settings)} | {"rates": {}}
    return {
        name: value
        for name, value in values.items()
        if value != given[name] and not callable(value)
    }


def _guarded(handle: Callable[[Request], Any]) -> Callable[[Request], Any]:
    """A handler whose ValueErrors become answers with status 400."""

    async def guarded(request: Request) -> Response:
        try:
            answer: Response = await handle(request)
            return answer
        except ValueError as error:
            return _json({"errors": [str(error)]}, 400)
        except RefusedError as error:
            return _json({"errors": list(error.texts)}, error.status)

    return guarded


def _json(value: Any, status: int = 200) -> Response:
    content = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)
    return Response(content, status, media_type="application/json")


def _moment(value: Any) -> datetime | None:
    if value is None:
        return None
    moment = datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _whole(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise ValueError("count and account must be whole numbers.")
    return int(text)
