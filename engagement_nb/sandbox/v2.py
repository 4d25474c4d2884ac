"""X API v2: Post lookup, timelines, Post analytics, usage; limits by app and user, and prices."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, NoReturn

from engagement_nb.apis.times import as_utc, wire_time
from engagement_nb.apis.v2 import (
    ANALYTICS_FIELDS,
    APP,
    LIMITS,
    MAX_LOOKUP,
    MAX_PAGE,
    MIN_PAGE,
    OLD_ANALYTICS_FIELDS,
    PATH_ANALYTICS,
    PATH_CREDITS,
    PATH_LOOKUP,
    PATH_ME,
    PATH_POST,
    PATH_TIMELINE,
    PATH_USAGE,
    TIMELINE_POSTS,
    TIMELINE_POSTS_WITHOUT_REPLIES,
    WINDOW,
    WORDS_OF_POSTS,
)
from engagement_nb.sandbox import problems
from engagement_nb.sandbox.keys import App
from engagement_nb.sandbox.limits import Limit
from engagement_nb.sandbox.messages import Call, RefusedError, Reply, as_json
from engagement_nb.sandbox.oauth import AuthenticationError
from engagement_nb.sandbox.pkce import Pkce
from engagement_nb.sandbox.posts import PRIVATE_FIELDS, TWEET_FIELDS, Posts, buckets
from engagement_nb.sandbox.problems import Problem, ProblemError
from engagement_nb.sandbox.purse import Purse
from engagement_nb.sandbox.service import Route, Seen, Service

_BEARER, _OAUTH1, _OAUTH2 = (
    "OAuth 2.0 Application-Only",
    "OAuth 1.0a User Context",
    "OAuth 2.0 User Context",
)
_USER = (_OAUTH1, _OAUTH2)
_ANY = (_BEARER, *_USER)
_NEW_FIELDS = (*ANALYTICS_FIELDS, "unfollows", "unlikes")
_OLD_FIELDS = tuple(
    name
    for name in (*ANALYTICS_FIELDS, *OLD_ANALYTICS_FIELDS)
    if name not in ("bookmarks", "shares")
)
_SERIES = "timestamped_metrics"
_CODE_88 = {"code": 88, "message": "Rate limit exceeded"}
_GRANULARITIES = ("hourly", "daily", "weekly", "total")
_WHOLE_SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")


class Asker(NamedTuple):
    """The sender of a request to API v2."""

    app: App
    account: int | None
    kind: str
    scopes: tuple[str, ...]


Answer = Callable[[Call, Asker, datetime, Seen], dict[str, Any]]


class V2:
    """The paths of API v2.

    Parameters
    ----------
    service
        The sandbox.

    Attributes
    ----------
    purse, pkce
        The money, and the tokens of OAuth 2.0.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self.settings = service.settings
        self.keys = service.keys
        self.pkce = Pkce(service)
        self.purse = Purse(self.settings)
        self.posts = Posts(service.world, service.keys, self.settings)
        self._limits: dict[tuple[str, str], Limit] = {}

    def routes(self) -> dict[str, Route]:
        """Give all paths; ``{}`` stands for an id."""
        return {
            **self.pkce.routes(),
            PATH_LOOKUP: self._route(PATH_LOOKUP, self.lookup, _ANY),
            PATH_POST: self._route(PATH_POST, self.lookup, _ANY),
            PATH_TIMELINE: self._route(PATH_TIMELINE, self.timeline, _ANY),
            PATH_ANALYTICS: self._route(PATH_ANALYTICS, self.analytics, _USER),
            PATH_ME: self._route(PATH_ME, self.me, _USER),
            PATH_USAGE: self._route(PATH_USAGE, self.usage, (_BEARER,)),
            PATH_CREDITS: self._route(PATH_CREDITS, self.credits, _ANY),
        }

    def _route(self, path: str, answer: Answer, supported: Sequence[str]) -> Route:
        def handle(call: Call, seen: Seen) -> Reply:
            headers: dict[str, str] = {}
            try:
                asker = self._asker(call)
                name = asker.account is not None and self.keys.accounts[asker.account].handle
                seen.who = name or f"app {asker.app.name}"
                self._count(path, asker, headers)
                self._permit(asker, supported)
                self.service.trouble(seen, self.service.faults.next(seen.path))
                document = answer(call, asker, self.service.now(), seen)
                reply = as_json(self._speak(document))
            except ProblemError as error:
                reply = error.reply()
                seen.note = str(error)
                if seen.note == problems.TOO_MANY.title and self.settings.too_many == "code 88":
                    reply = as_json({"errors": [_CODE_88]}, 429)
            except RefusedError as error:
                # A fault on demand.
                document = problems.IN_TROUBLE.document("")
                reply = as_json({**document, "status": error.status}, error.status)
            reply.headers |= headers
            return reply

        return Route(handle, ("GET",), name=path)

    def _asker(self, call: Call) -> Asker:
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        found = self.pkce.find(token.strip()) if scheme.lower() == "bearer" else None
        if found:
            caller, scopes = found
            return Asker(caller.app, caller.account, _OAUTH2, scopes)
        try:
            caller = self.service.gate.caller(call)
        except AuthenticationError:
            self._refuse(problems.UNAUTHORIZED)
        kind = _BEARER if scheme.lower() == "bearer" else _OAUTH1
        return Asker(caller.app, caller.account, kind, ("tweet.read", "users.read"))

    def _count(self, path: str, asker: Asker, headers: dict[str, str]) -> None:
        """Count a request for its app, or for its user; say what is left."""
        of_user = asker.account is not None
        per_app, per_user = LIMITS[path]
        quota = self.settings.v2_limit or (per_user if of_user else per_app) or per_app
        key = asker.app.consumer_key + (f" {asker.account}" if of_user else "")
        limit = self._limits.setdefault(
            (path, key),
            Limit(quota, WINDOW.total_seconds(), "fixed", self.settings.monotonic),
        )
        allowed = limit.remaining(key) > 0
        if allowed:
            limit.spend(key)
        names = APP.headers
        reset = self.settings.auth_clock() + limit.resets_in(key)
        headers |= {
            names.limit: str(quota),
            names.remaining: str(limit.remaining(key)),
            names.reset: str(int(reset) + 1),
            "x-access-level": "read",
        }
        if not allowed:
            self._refuse(problems.TOO_MANY)

    def _permit(self, asker: Asker, supported: Sequence[str]) -> None:
        if asker.kind not in supported:
            listed = ", ".join(supported)
            raise ProblemError(
                problems.WRONG_KIND, self.settings.problem_host, used=asker.kind, supported=listed
            )
        if asker.kind == _OAUTH1 and self.settings.oauth1_at_v2 == "refused":
            self._refuse(problems.NO_OAUTH1)
        if not asker.app.has_access:
            self._not_enrolled(asker)
        if not {"tweet.read", "users.read"} <= set(asker.scopes):
            self._refuse(problems.FORBIDDEN)

    def _not_enrolled(self, asker: Asker) -> NoReturn:
        self._refuse(
            problems.NOT_ENROLLED,
            reason="client-not-enrolled",
            required_enrollment="Appropriate Level of API Access",
            registration_url="https://developer.twitter.com/en/docs/projects/overview",
            client_id=asker.app.client_id,
        )

    def _refuse(self, problem: Problem, **values: Any) -> NoReturn:
        raise ProblemError(problem, self.settings.problem_host, **values)

    def _not_valid(self, name: str, value: str, why: str = "is not valid") -> NoReturn:
        shown = value[:40]
        self._invalid(name, shown, f"The `{name}` query parameter value [{shown}] {why}")

    def _invalid(self, name: str, value: str, message: str) -> NoReturn:
        error = {"parameters": {name: [value]}, "message": message}
        self._refuse(problems.INVALID, errors=[error])

    def lookup(self, call: Call, asker: Asker, now: datetime, seen: Seen) -> dict[str, Any]:
        """``GET /2/tweets`` and ``GET /2/tweets/:id``: Posts by their ids."""
        number = call.path.removeprefix(PATH_LOOKUP).lstrip("/")
        if not number:
            self._known(call, "ids", "tweet.fields")
            return self._found(call, asker, now, seen, self._ids(call), "ids")
        self._known(call, "tweet.fields")
        ids = [self._id("id", number)]
        document = self._found(call, asker, now, seen, ids, "id")
        if "data" in document:
            document["data"] = document["data"][0]
        return document

    def _found(
        self, call: Call, asker: Asker, now: datetime, seen: Seen, ids: list[int], parameter: str
    ) -> dict[str, Any]:
        self.purse.check(now)
        fields = self._fields(call, "tweet.fields", TWEET_FIELDS)
        tweets = self.posts.find(ids, now)
        seen.tweets = len(ids)
        errors = self._absent(ids, tweets, parameter)
        there = tweets.take((tweets.index >= 0) & tweets.available)
        private = set(fields) & set(PRIVATE_FIELDS)
        if private and self.settings.old_posts == "refused" and self.posts.is_old(there, now).any():
            listed = ", ".join(sorted(private))
            self._invalid("tweet.fields", listed, "Private metrics are for the last 30 days.")
        many = parameter == "ids"
        data, of_fields = self.posts.objects(there, fields, asker.account, now, many)
        document: dict[str, Any] = {"data": data} if data else {}
        if errors or of_fields:
            document["errors"] = [*errors, *of_fields]
        self.purse.charge(now, [post["id"] for post in data])
        return document

    def _absent(self, ids: list[int], tweets: Any, parameter: str) -> list[dict[str, Any]]:
        """Give an error for each id that was never there, deleted, or protected."""
        errors = []
        for place, number in enumerate(ids):
            if tweets.index[place] < 0 or tweets.deleted[place]:
                errors.append(self._about(problems.NOT_FOUND, str(number), parameter))
            elif tweets.protected[place]:
                errors.append(self._about(problems.NOT_YOURS, str(number), parameter))
        return errors

    def _about(
        self, problem: Problem, number: str, parameter: str, kind: str = "tweet"
    ) -> dict[str, Any]:
        """Give the document of a problem with one Post or user."""
        return problem.document(
            self.settings.problem_host, resource_type=kind, resource_id=number,
            parameter=parameter, value=number,
        )  # fmt: skip

    def timeline(self, call: Call, asker: Asker, now: datetime, seen: Seen) -> dict[str, Any]:
        """``GET /2/users/:id/tweets``: a user's Posts, the newest first, in pages."""
        self._known(
            call, "max_results", "pagination_token", "start_time", "end_time", "exclude",
            "tweet.fields",
        )  # fmt: skip
        self.purse.check(now)
        query = call.query
        user_id = str(self._id("id", call.path.split("/")[3]))
        account = self._account(user_id)
        if account is None or account == self.settings.accounts:
            problem = problems.NOT_FOUND if account is None else problems.NOT_YOURS
            return {"errors": [self._about(problem, user_id, "id", "user")]}
        fields = self._fields(call, "tweet.fields", TWEET_FIELDS)
        excluded = [name for name in query.get("exclude", "").split(",") if name]
        for name in excluded:
            if name not in ("replies", "retweets"):
                self._not_valid("exclude", name, "is not one of [replies,retweets]")
        size = self._whole("max_results", query.get("max_results", "10"), MIN_PAGE, MAX_PAGE)
        since, until = (self._moment(call, name) for name in ("start_time", "end_time"))
        if set(fields) & set(PRIVATE_FIELDS):
            # Results adjust to the Posts that have private fields.
            month = now - timedelta(days=30)
            since = max(since, month) if since else month
        most = TIMELINE_POSTS_WITHOUT_REPLIES if "replies" in excluded else TIMELINE_POSTS
        before, served = self._page(query.get("pagination_token", ""))
        found: list[Any] = []
        more = False
        for index, one in self.posts.of_account(account, min(before, self.service.world.size())):
            at = one.posted_ms[0] / 1000.0
            if since and at < since.timestamp():
                break
            if (until and at >= until.timestamp()) or ("retweets" in excluded and one.repost[0]):
                continue
            more = len(found) == size
            if more or served + len(found) == most:
                break
            found.append((index, one))
        seen.tweets = len(found)
        tweets = self.posts.find([int(one.ids[0]) for _, one in found], now)
        data, errors = self.posts.objects(tweets, fields, asker.account, now, many=False)
        meta: dict[str, Any] = {"result_count": len(data)}
        document: dict[str, Any] = {"meta": meta}
        if data:
            document["data"] = data
            meta |= {"newest_id": data[0]["id"], "oldest_id": data[-1]["id"]}
        if more:
            meta["next_token"] = _token(found[-1][0], served + len(found))
        if errors:
            document["errors"] = errors
        # The first account owns the app.
        owned = asker.account == account == 0
        self.purse.charge(now, [post["id"] for post in data], owned=owned)
        return document

    def analytics(self, call: Call, asker: Asker, now: datetime, seen: Seen) -> dict[str, Any]:
        """``GET /2/tweets/analytics``: figures of a period, by Enterprise contract."""
        if self.settings.tier != "enterprise":
            self._not_enrolled(asker)
        self._known(call, "ids", "start_time", "end_time", "granularity", "analytics.fields")
        ids = self._ids(call)
        granularity = call.query.get("granularity", "total")
        if granularity not in _GRANULARITIES:
            self._not_valid("granularity", granularity, f"is not one of {[*_GRANULARITIES]}")
        edges = [self._moment(call, name, needed=True) for name in ("start_time", "end_time")]
        begin, finish = (edge for edge in edges if edge is not None)
        if begin >= finish:
            self._not_valid("start_time", wire_time(begin), "is not before end_time")
        hour = timedelta(hours=1)
        start = begin.replace(minute=0, second=0)
        end = finish.replace(minute=0, second=0)
        end += hour if end < finish else timedelta(0)
        if end - start > timedelta(days=366):
            self._not_valid("start_time", wire_time(begin), "is too early for this end_time")
        of_2166 = self.settings.analytics_form == "timestamped"
        known = _OLD_FIELDS if of_2166 else _NEW_FIELDS
        asked = self._fields(call, "analytics.fields", (*known, "id", "timestamp", _SERIES))
        fields = [name for name in asked if name in known] or list(known)
        tweets = self.posts.find(ids, now)
        seen.tweets = len(ids)
        errors = self._absent(ids, tweets, "ids")
        there = tweets.take((tweets.index >= 0) & tweets.available)
        foreign = there.ids[there.account != asker.account].astype(str).tolist()
        errors += [self._about(problems.NOT_YOURS, number, "ids") for number in foreign]
        own = there.take(there.account == asker.account)
        moments = buckets(start, end, granularity)
        starts = [wire_time(moment) for moment in moments[:-1]]
        data = [
            self._figures(str(number), starts, rows, granularity)
            for number, rows in zip(
                own.ids.tolist(), self.posts.analytics(own, fields, moments), strict=True
            )
        ]
        document: dict[str, Any] = {"data": data} if data else {}
        if self.settings.analytics_form == "one object" and len(data) == 1:
            document["data"] = data[0]
        if errors:
            document["errors"] = errors
        return document

    def _figures(
        self, number: str, starts: list[str], rows: list[dict[str, int]], granularity: str
    ) -> dict[str, Any]:
        """Give the figures of one Post in one of the forms that sources show."""
        series = [{"metrics": row, "timestamp": at} for row, at in zip(rows, starts, strict=True)]
        form = self.settings.analytics_form
        if form == "timestamped" or (form == "by granularity" and granularity != "total"):
            return {"id": number, _SERIES: series}
        together = {name: sum(row[name] for row in rows) for name in rows[0]}
        if form == "by granularity":
            return {"id": number, **together}
        return {"id": number, "timestamp": starts[0], **together, _SERIES: series}

    def me(self, call: Call, asker: Asker, now: datetime, seen: Seen) -> dict[str, Any]:
        """``GET /2/users/me``: whose tokens these are."""
        assert asker.account is not None  # noqa: S101
        user = self.posts.user(asker.account)
        self.purse.charge(now, (), [user["id"]])
        return {"data": user}

    def usage(self, call: Call, asker: Asker, now: datetime, seen: Seen) -> dict[str, Any]:
        """``GET /2/usage/tweets``: Posts read this month, and by day."""
        days = self._whole("days", call.query.get("days", "7"), 1, 90)
        return self.purse.usage(now, days)

    def credits(self, call: Call, asker: Asker, now: datetime, seen: Seen) -> dict[str, Any]:
        """``GET /2/usage/credits``: what is left; 404 with a bearer token, as recorded."""
        if asker.account is None:
            self._refuse(problems.NO_SUCH_PATH)
        return self.purse.credits(now)

    def _known(self, call: Call, *names: str) -> None:
        """Refuse parameters that the endpoint does not have, in the words of Tweets or Posts."""
        known = [self._word(name) for name in names]
        for name, value in call.query.items():
            if name not in known:
                listed = ",".join(known)
                self._invalid(name, value, f"The query parameter [{name}] is not one of [{listed}]")

    def _fields(self, call: Call, name: str, known: Sequence[str]) -> list[str]:
        """Give the fields that a parameter names, in the words of Tweets."""
        name = self._word(name)
        words = {self._word(one): one for one in known}
        asked = [one for one in call.query.get(name, "").split(",") if one]
        for one in asked:
            if one not in words:
                self._not_valid(name, one, f"is not one of [{','.join(words)}]")
        return [words[one] for one in dict.fromkeys(asked)]

    def _ids(self, call: Call) -> list[int]:
        texts = [text for text in call.query.get("ids", "").split(",") if text]
        if not 1 <= len(texts) <= MAX_LOOKUP:
            self._not_valid("ids", f"{len(texts)} values", "is not 1 to 100 of them")
        return [self._id("ids", text) for text in dict.fromkeys(texts)]

    def _id(self, name: str, text: str) -> int:
        digits = text.isascii() and text.isdigit() and len(text) <= 19
        if not digits or int(text) >= 2**63:
            self._not_valid(name, text)
        return int(text)

    def _whole(self, name: str, text: str, least: int, most: int) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 9 and least <= int(text) <= most):
            self._not_valid(name, text, f"is not between {least} and {most}")
        return int(text)

    def _moment(self, call: Call, name: str, *, needed: bool = False) -> datetime | None:
        text = call.query.get(name, "")
        if not text and not needed:
            return None
        try:
            # Milliseconds are refused, as recorded in 2026-08.
            if _WHOLE_SECONDS.fullmatch(text):
                return as_utc(text)
        except (ValueError, OverflowError):
            pass
        self._not_valid(name, text, "is not YYYY-MM-DDTHH:mm:ssZ")

    def _account(self, user_id: str) -> int | None:
        number = int(user_id) % 1000
        for account in range(number, self.settings.accounts + 2, 1000):
            if self.keys.user_id(account) == user_id:
                return account
        return None

    def _page(self, token: str) -> tuple[int, int]:
        """Read a page's token: the number before which it begins, and how many came before."""
        if not token:
            return 2**62, 0
        try:
            index, served = base64.urlsafe_b64decode(token + "==").decode().split(".")
            return int(index), int(served)
        except (binascii.Error, ValueError):
            self._not_valid("pagination_token", token)

    def _word(self, name: str) -> str:
        return WORDS_OF_POSTS.get(name, name) if self.settings.words == "post" else name

    def _speak(self, value: Any) -> Any:
        """Say a document in the words of Posts, if the sandbox speaks them."""
        if self.settings.words == "tweet":
            return value
        if isinstance(value, list):
            return [self._speak(one) for one in value]
        if not isinstance(value, dict):
            return value
        said = {self._word(name): self._speak(one) for name, one in value.items()}
        if said.get("resource_type") == "tweet":
            said["resource_type"] = "post"
        return said


def _token(index: int, served: int) -> str:
    return base64.urlsafe_b64encode(f"{index}.{served}".encode()).decode().rstrip("=")
