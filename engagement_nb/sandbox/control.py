"""Paths that the API does not have: index page, faults, truth, ids, tokens, log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
import orjson
from msgspec import Meta, Struct

from engagement_nb.apis.engagement import (
    ENDPOINTS,
    MAX_GROUPINGS,
    METRIC_ALIASES,
    MINUTE,
    UNAVAILABLE,
    UNSUPPORTED_IMPRESSIONS,
    UNSUPPORTED_VIDEO,
)
from engagement_nb.apis.times import as_utc
from engagement_nb.apis.v2 import LIMITS
from engagement_nb.sandbox.counters import COUNTED, HIDDEN, NAMES
from engagement_nb.sandbox.messages import Call, RefusedError, Reply, as_html, as_json
from engagement_nb.sandbox.service import Handler, Route, Seen, Service, page
from engagement_nb.sandbox.settings import Settings, switches, written
from engagement_nb.sandbox.world import KINDS

_MAX_IDS = 10_000
_FACTS = ("account", "deleted", "protected", "promoted", "repost")


class _Ids(Struct):
    """What ``/sandbox/ids`` takes."""

    kind: str = "own"
    count: Annotated[int, Meta(ge=0, le=1_000_000)] = 10
    account: Annotated[int, Meta(ge=0)] = 0


class _Truth(Struct):
    """What ``/sandbox/truth`` takes."""

    ids: Annotated[list[Annotated[int, Meta(ge=0, le=2**63 - 1)]], Meta(max_length=_MAX_IDS)] = []
    start: str | None = None
    end: str | None = None


class Control:
    """Paths under ``/sandbox``, the index page and the OpenAPI description.

    Parameters
    ----------
    service
        The sandbox.
    """

    def __init__(self, service: Service) -> None:
        self.service = service

    def routes(self) -> dict[str, Route]:
        """Give all these paths."""
        return {
            "/": Route(self.index, ("GET",)),
            "/openapi.json": Route(_json(self.openapi), ("GET",)),
            "/sandbox/faults": Route(_json(self.faults), ("GET", "POST", "DELETE")),
            "/sandbox/truth": Route(_json(self.truth), ("GET", "POST")),
            "/sandbox/ids": Route(_json(self.ids), ("GET",)),
            "/sandbox/world": Route(_json(self.world), ("GET",)),
            "/sandbox/accounts": Route(_json(self.accounts), ("GET",)),
            "/sandbox/revoke": Route(_json(self.revoke)),
            "/sandbox/restore": Route(_json(self.restore)),
            "/sandbox/log": Route(_json(self.log), ("GET",)),
        }

    def openapi(self, call: Call) -> Any:
        """Give the OpenAPI 3.1 description."""
        text = page(
            "openapi.json",
            url=call.base,
            settings=self.service.settings,
            endpoints=ENDPOINTS.values(),
            aliases=METRIC_ALIASES,
            max_groupings=MAX_GROUPINGS,
            headers=MINUTE.headers[:2],
            lists=[UNAVAILABLE, UNSUPPORTED_IMPRESSIONS, UNSUPPORTED_VIDEO],
        )
        return orjson.loads(text)

    def faults(self, call: Call) -> Any:
        """GET: give the faults. POST: set them. DELETE: stop them."""
        if call.method == "POST":
            self.service.faults.configure(_document(call))
        elif call.method == "DELETE":
            self.service.faults.clear()
        return msgspec.to_builtins(self.service.faults)

    def truth(self, call: Call) -> Any:
        """Real counts of Tweets: ``ids`` (comma-separated, or an array), ``start``, ``end``."""
        given = _document(call) if call.method == "POST" else dict[str, Any](call.query)
        if isinstance(given.get("ids"), str):
            given["ids"] = [one.strip() for one in given["ids"].split(",") if one]
        asked = msgspec.convert(given, _Truth, strict=False)
        texts = [str(number) for number in asked.ids]
        window = (None if edge is None else as_utc(edge) for edge in (asked.start, asked.end))
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

    def ids(self, call: Call) -> Any:
        """Ids to try: ``kind``, ``count``, ``account``."""
        asked = msgspec.convert(call.query, _Ids, strict=False)
        return self.service.world.pick(asked.kind, asked.count, asked.account)

    def world(self, call: Call) -> Any:
        """Which world this is; ``now`` is null unless it stands still."""
        settings = self.service.settings
        names = ("seed", "tweets", "accounts", "now")
        return {"sandbox": True, **{name: getattr(settings, name) for name in names}}

    def accounts(self, call: Call) -> Any:
        """Accounts with tokens, and the keys of both apps."""
        keys = self.service.keys
        return {
            "sandbox": True,
            "app": keys.app,
            "app_without_access": keys.app_without_access,
            "accounts": [{**vars(a), "number": n} for n, a in enumerate(keys.accounts[:_MAX_IDS])],
        }

    def revoke(self, call: Call) -> Any:
        """Revoke a user token or bearer token: ``{"token": "..."}``."""
        token = str(_document(call).get("token"))
        if not self.service.keys.revoke(token):
            raise ValueError("token must be a valid user token or bearer token.")
        return {"revoked": token}

    def restore(self, call: Call) -> Any:
        """Undo all revocations."""
        self.service.keys.restore()
        return {"revoked": []}

    def log(self, call: Call) -> Any:
        """The last requests, newest first."""
        return list(reversed(self.service.log))

    def index(self, call: Call, seen: Seen) -> Reply:
        """The index page."""
        text = page(
            "index.html",
            url=call.base,
            service=self.service,
            env=self.service.keys.env(call.base),
            endpoints=ENDPOINTS.values(),
            v2=LIMITS,
            kinds=KINDS,
            example=self.service.world.pick("own", 2) or ["1"],
            changed=_changed(self.service.settings),
        )
        return as_html(text)


def _changed(settings: Settings) -> dict[str, str]:
    """Give the switches that differ from their defaults."""
    return {
        name: written(getattr(settings, name))
        for name, switch in switches().items()
        if switch.simple and getattr(settings, name) != switch.default
    }


def _json(handle: Callable[[Call], Any]) -> Handler:
    """Make a handler respond with JSON, and with status 400 to a ValueError."""

    def handler(call: Call, seen: Seen) -> Reply:
        try:
            return as_json(handle(call), indent=True)
        except (ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
            raise RefusedError(400, str(error)) from None

    return handler


def _document(call: Call) -> dict[str, Any]:
    return msgspec.json.decode(call.body, type=dict[str, Any])
