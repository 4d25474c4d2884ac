"""X API v2: Post lookup, timelines, Post analytics; limits by app and user, and prices."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
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
    PATH_LOOKUP,
    PATH_ME,
    PATH_POST,
    PATH_TIMELINE,
    PRIVATE_FOR,
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
_SCOPES = ("tweet.read", "users.read")
_NEW_FIELDS = (*ANALYTICS_FIELDS, "unfollows", "unlikes")
_OLD_FIELDS = tuple(
    name
    for name in (*ANALYTICS_FIELDS, *OLD_ANALYTICS_FIELDS)
    if name not in ("bookmarks", "shares")
)
_SERIES = "timestamped_metrics"
_EVERY_FIELD = (*_NEW_FIELDS, *OLD_ANALYTICS_FIELDS, "id", "timestamp", _SERIES)
_CODE_88 = {"code": 88, "message": "Rate limit exceeded"}
_GRANULARITIES = ("hourly", "daily", "weekly", "total")
_WHOLE_SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")
_PAGE = re.compile(r"([0-9]{1,18})\.([0-9]{1,9})")
_OTHER_WORDS = WORDS_OF_POSTS | {post: tweet for tweet, post in WORDS_OF_POSTS.items()}
_WORD = re.compile(rf"(?<![\w.])({'|'.join(map(re.escape, _OTHER_WORDS))})(?![\w.])")


class Asked(NamedTuple):
    """A request to API v2, and its sender.

    Parameters
    ----------
    query
        In the words of Tweets.
    kind, scopes
        Of the tokens.
    """

    path: str
    query: dict[str, str]
    app: App
    account: int | None
    kind: str
    scopes: tuple[str, ...] = _SCOPES


Answer = Callable[[Asked, datetime, Seen], dict[str, Any]]


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
        }

    def _route(self, path: str, answer: Answer, supported: Sequence[str]) -> Route:
        def handle(call: Call, seen: Seen) -> Reply:
            headers: dict[str, str] = {}
            try:
                asked = self._asked(call)
                name = asked.account is not None and self.keys.accounts[asked.account].handle
                seen.who = name or f"app {asked.app.name}"
                self._count(path, asked, headers)
                self._permit(asked, supported)
                self.service.trouble(seen, self.service.faults.next(seen.path))
                reply = as_json(answer(asked, self.service.now(), seen))
            except ProblemError as error:
                reply = error.reply()
                seen.note = str(error)
                if seen.note == problems.TOO_MANY.title and self.settings.too_many == "code 88":
                    reply = as_json({"errors": [_CODE_88]}, 429)
            except RefusedError as error:
                # A fault on demand.
                document = problems.IN_TROUBLE.document("")
                reply = as_json({**document, "status": error.status}, error.status)
            reply.body = self._in_words(reply.body.decode()).encode()
            reply.headers |= headers
            return reply

        return Route(handle, ("GET",), name=path)

    def _in_words(self, text: str) -> str:
        """Exchange the words of Tweets and of Posts, if the sandbox speaks those of Posts."""
        if self.settings.words == "tweet":
            return text
        return _WORD.sub(lambda word: _OTHER_WORDS[word[1]], text)

    def _asked(self, call: Call) -> Asked:
        query = {self._in_words(n): self._in_words(value) for n, value in call.query.items()}
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        bearer = scheme.lower() == "bearer"
        grant = self.pkce.find(token.strip()) if bearer else None
        if grant:
            return Asked(call.path, query, grant.app, grant.account, _OAUTH2, grant.scopes)
        try:
            caller = self.service.gate.caller(call)
        except AuthenticationError:
            self._refuse(problems.UNAUTHORIZED)
        kind = _BEARER if bearer else _OAUTH1
        return Asked(call.path, query, caller.app, caller.account, kind)

    def _count(self, path: str, asked: Asked, headers: dict[str, str]) -> None:
        """Count a request for its app, or for its user; say what is left."""
        of_user = asked.account is not None
        quota = self.settings.v2_limit or LIMITS[path][of_user]
        key = asked.app.consumer_key + (f" {asked.account}" if of_user else "")
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

    def _permit(self, asked: Asked, supported: Sequence[str]) -> None:
        # An app may sign without a user, too.
        if asked.kind not in supported or (asked.account is None and _BEARER not in supported):
            self._refuse(problems.WRONG_KIND, used=asked.kind, supported=", ".join(supported))
        if asked.kind == _OAUTH1 and self.settings.oauth1_at_v2 == "refused":
            self._refuse(problems.NO_OAUTH1)
        if not asked.app.has_access:
            self._not_enrolled(asked)
        if not {*_SCOPES} <= {*asked.scopes}:
            self._refuse(problems.FORBIDDEN)

    def _not_enrolled(self, asked: Asked) -> NoReturn:
        self._refuse(
            problems.NOT_ENROLLED,
            reason="client-not-enrolled",
            required_enrollment="Appropriate Level of API Access",
            registration_url="https://developer.twitter.com/en/docs/projects/overview",
            client_id=asked.app.client_id,
        )

    def _refuse(self, problem: Problem, **values: Any) -> NoReturn:
        raise ProblemError(problem, self.settings.problem_host, **values)

    def _not_valid(self, name: str, value: str, why: str = "is not valid") -> NoReturn:
        shown = value[:40]
        self._invalid(name, shown, f"The `{name}` query parameter value [{shown}] {why}")

    def _invalid(self, name: str, value: str, message: str) -> NoReturn:
        error = {"parameters": {name: [value]}, "message": message}
        self._refuse(problems.INVALID, errors=[error])

    def lookup(self, asked: Asked, now: datetime, seen: Seen) -> dict[str, Any]:
        """``GET /2/tweets`` and ``GET /2/tweets/:id``: Posts by their ids."""
        number = asked.path.removeprefix(PATH_LOOKUP).lstrip("/")
        parameter = "id" if number else "ids"
        self._known(asked, "tweet.fields", *([] if number else ["ids"]))
        ids = [self._whole("id", number)] if number else self._ids(asked)
        self.purse.check(now)
        fields = self._fields(asked, "tweet.fields", TWEET_FIELDS)
        seen.tweets = len(ids)
        there, errors = self._there(ids, parameter, now)
        private = set(fields) & set(PRIVATE_FIELDS)
        if private and self.settings.old_posts == "refused" and self.posts.is_old(there, now).any():
            listed = ", ".join(sorted(private))
            self._invalid("tweet.fields", listed, "Private metrics are for the last 30 days.")
        data, of_fields = self.posts.objects(there, fields, asked.account, now, parameter)
        self.purse.charge(now, "post", [post["id"] for post in data])
        shown = data[0] if number and data else data
        return _document(shown, [*errors, *of_fields])

    def _there(
        self, ids: list[int], parameter: str, now: datetime
    ) -> tuple[Any, list[dict[str, Any]]]:
        """Give the Posts that are there, and an error for each that is not."""
        tweets = self.posts.find(ids, now)
        errors = []
        for place, number in enumerate(ids):
            if tweets.index[place] < 0 or tweets.deleted[place]:
                errors.append(self._about(problems.NOT_FOUND, str(number), parameter))
            elif tweets.protected[place]:
                errors.append(self._about(problems.NOT_YOURS, str(number), parameter))
        return tweets.take((tweets.index >= 0) & tweets.available), errors

    def _about(
        self, problem: Problem, number: str, parameter: str, kind: str = "tweet"
    ) -> dict[str, Any]:
        """Give the document of a problem with one Post or user."""
        return problem.document(
            self.settings.problem_host, resource_type=kind, resource_id=number,
            parameter=parameter, value=number,
        )  # fmt: skip

    def timeline(self, asked: Asked, now: datetime, seen: Seen) -> dict[str, Any]:
        """``GET /2/users/:id/tweets``: a user's Posts, the newest first, in pages."""
        self._known(
            asked, "max_results", "pagination_token", "start_time", "end_time", "exclude",
            "tweet.fields",
        )  # fmt: skip
        self.purse.check(now)
        query = asked.query
        user_id = str(self._whole("id", asked.path.split("/")[3]))
        account = self._account(user_id)
        if account is None or account == self.settings.accounts:
            problem = problems.NOT_FOUND if account is None else problems.NOT_YOURS
            return {"errors": [self._about(problem, user_id, "id", "user")]}
        fields = self._fields(asked, "tweet.fields", TWEET_FIELDS)
        excluded = self._fields(asked, "exclude", ("replies", "retweets"))
        size = self._whole("max_results", query.get("max_results", "10"))
        if not MIN_PAGE <= size <= MAX_PAGE:
            self._not_valid("max_results", str(size), f"is not between {MIN_PAGE} and {MAX_PAGE}")
        since, until = (
            self._moment(asked, name) if query.get(name) else None
            for name in ("start_time", "end_time")
        )
        if set(fields) & set(PRIVATE_FIELDS):
            # Results adjust to the Posts that have private fields.
            since = max(since or now - PRIVATE_FOR, now - PRIVATE_FOR)
        most = TIMELINE_POSTS_WITHOUT_REPLIES if "replies" in excluded else TIMELINE_POSTS
        before, served = self._page(query.get("pagination_token", ""))
        found: list[Any] = []
        more = False
        for one in self.posts.of_account(account, before):
            at = one.posted_ms[0] / 1000.0
            if since and at < since.timestamp():
                break
            if (until and at >= until.timestamp()) or ("retweets" in excluded and one.repost[0]):
                continue
            more = len(found) == size
            if more or served + len(found) == most:
                break
            found.append(one)
        seen.tweets = len(found)
        tweets = self.posts.find([int(one.ids[0]) for one in found], now)
        data, errors = self.posts.objects(tweets, fields, asked.account, now, "id")
        meta: dict[str, Any] = {"result_count": len(data)}
        if data:
            meta |= {"newest_id": data[0]["id"], "oldest_id": data[-1]["id"]}
        if more:
            meta["next_token"] = f"{found[-1].index[0]}.{served + len(found)}"
        # The first account owns the app.
        owned = asked.account == account == 0
        self.purse.charge(now, "owned" if owned else "post", [post["id"] for post in data])
        return {"meta": meta, **_document(data, errors)}

    def analytics(self, asked: Asked, now: datetime, seen: Seen) -> dict[str, Any]:
        """``GET /2/tweets/analytics``: figures of a period, by Enterprise contract."""
        if self.settings.tier != "enterprise":
            self._not_enrolled(asked)
        self._known(asked, "ids", "start_time", "end_time", "granularity", "analytics.fields")
        ids = self._ids(asked)
        granularity = asked.query.get("granularity", "total")
        if granularity not in _GRANULARITIES:
            self._not_valid("granularity", granularity, f"is not one of {[*_GRANULARITIES]}")
        begin, finish = (self._moment(asked, name) for name in ("start_time", "end_time"))
        if begin >= finish:
            self._not_valid("start_time", wire_time(begin), "is not before end_time")
        start, end = (edge.replace(minute=0, second=0) for edge in (begin, finish))
        end += timedelta(hours=1) if end < finish else timedelta(0)
        if end - start > timedelta(days=366):
            self._not_valid("start_time", wire_time(begin), "is too early for this end_time")
        # Fields of the other description are taken, and not given.
        known = _OLD_FIELDS if self.settings.analytics_form == "timestamped" else _NEW_FIELDS
        wanted = self._fields(asked, "analytics.fields", _EVERY_FIELD)
        fields = [name for name in wanted if name in known] or list(known)
        seen.tweets = len(ids)
        there, errors = self._there(ids, "ids", now)
        mine = there.account == asked.account
        foreign = there.ids[~mine].astype(str).tolist()
        errors += [self._about(problems.NOT_YOURS, number, "ids") for number in foreign]
        own = there.take(mine)
        moments = buckets(start, end, granularity)
        starts = [wire_time(moment) for moment in moments[:-1]]
        data = [
            self._figures(str(number), starts, rows, granularity)
            for number, rows in zip(
                own.ids.tolist(), self.posts.analytics(own, fields, moments), strict=True
            )
        ]
        one = self.settings.analytics_form == "one object" and len(data) == 1
        return _document(data[0] if one else data, errors)

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

    def me(self, asked: Asked, now: datetime, seen: Seen) -> dict[str, Any]:
        """``GET /2/users/me``: whose tokens these are."""
        assert asked.account is not None  # noqa: S101
        user_id = self.keys.user_id(asked.account)
        handle = self.keys.accounts[asked.account].handle
        self.purse.charge(now, "user", [user_id])
        return {"data": {"id": user_id, "name": handle, "username": handle}}

    def _known(self, asked: Asked, *known: str) -> None:
        """Refuse parameters that the endpoint does not have."""
        for name, value in asked.query.items():
            if name not in known:
                listed = ",".join(known)
                self._invalid(name, value, f"The query parameter [{name}] is not one of [{listed}]")

    def _fields(self, asked: Asked, name: str, known: Sequence[str]) -> list[str]:
        """Give the items of a list that a parameter has."""
        wanted = [one for one in asked.query.get(name, "").split(",") if one]
        for one in wanted:
            if one not in known:
                self._not_valid(name, one, f"is not one of [{','.join(known)}]")
        return list(dict.fromkeys(wanted))

    def _ids(self, asked: Asked) -> list[int]:
        texts = [text for text in asked.query.get("ids", "").split(",") if text]
        if not 1 <= len(texts) <= MAX_LOOKUP:
            self._not_valid("ids", f"{len(texts)} values", "is not 1 to 100 of them")
        return [self._whole("ids", text) for text in dict.fromkeys(texts)]

    def _whole(self, name: str, text: str) -> int:
        """Read a number as large as an id."""
        digits = text.isascii() and text.isdigit() and len(text) <= 19
        if not digits or int(text) >= 2**63:
            self._not_valid(name, text)
        return int(text)

    def _moment(self, asked: Asked, name: str) -> datetime:
        text = asked.query.get(name, "")
        with suppress(ValueError, OverflowError):
            # Milliseconds are refused, as recorded in 2026-08.
            if _WHOLE_SECONDS.fullmatch(text):
                return as_utc(text)
        self._not_valid(name, text, "is not YYYY-MM-DDTHH:mm:ssZ")

    def _account(self, user_id: str) -> int | None:
        possible = range(int(user_id) % 1000, self.settings.accounts + 2, 1000)
        return next((n for n in possible if self.keys.user_id(n) == user_id), None)

    def _page(self, token: str) -> tuple[int, int]:
        """Read a page's token: the number before which it begins, and how many came before."""
        read = _PAGE.fullmatch(token or f"{self.service.world.size()}.0")
        if read is None:
            self._not_valid("pagination_token", token)
        return min(int(read[1]), self.service.world.size()), int(read[2])


def _document(data: Any, errors: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the document of a response; neither member is empty."""
    return {name: value for name, value in (("data", data), ("errors", errors)) if value}
