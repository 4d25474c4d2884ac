"""X API v2: Post lookup, timelines, Post analytics; limits by app and user, and prices."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

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
    SCOPES,
    TIMELINE_POSTS,
    TIMELINE_POSTS_WITHOUT_REPLIES,
    WINDOW,
    WORDS_OF_POSTS,
)
from engagement_nb.sandbox import problems
from engagement_nb.sandbox.keys import App, Caller
from engagement_nb.sandbox.limits import Limit
from engagement_nb.sandbox.messages import Call, RefusedError, Reply, as_json
from engagement_nb.sandbox.oauth import AuthenticationError
from engagement_nb.sandbox.pkce import Grant, Pkce
from engagement_nb.sandbox.posts import PRIVATE_FIELDS, TWEET_FIELDS, Posts
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
_EVERY_FIELD = (*_NEW_FIELDS, *OLD_ANALYTICS_FIELDS, "id", "timestamp", _SERIES)
_LONGEST = timedelta(days=366)
_STEPS = {"hourly": 1, "daily": 24, "weekly": 168, "total": _LONGEST // timedelta(hours=1) + 1}
"""Hours of the buckets of each granularity."""
_CODE_88 = {"code": 88, "message": "Rate limit exceeded"}
_WHOLE_SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")
_PAGE = re.compile(r"([0-9]{1,18})\.([0-9]{1,9})")
_OTHER_WORDS = WORDS_OF_POSTS | {post: tweet for tweet, post in WORDS_OF_POSTS.items()}
_WORD = re.compile(rf"(?<![\w.])({'|'.join(map(re.escape, _OTHER_WORDS))})(?![\w.])")

Query = dict[str, str]
"""In the words of Tweets."""
Answer = Callable[[str, Query, Caller, Seen], dict[str, Any]]
"""Gives a document for the id in the path ("" if there is none), the query and its sender."""


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
        self.posts = Posts(service.world, service.keys)

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
        length, monotonic = WINDOW.total_seconds(), self.settings.monotonic
        # For the app, and for a user.
        limits = [
            Limit(self.settings.v2_limit or quota, length, "fixed", monotonic)
            for quota in LIMITS[path]
        ]

        def handle(call: Call, seen: Seen) -> Reply:
            headers: dict[str, str] = {}
            try:
                query = {self._in_words(n): self._in_words(text) for n, text in call.query.items()}
                caller, kind = self._caller(call)
                name = caller.account is not None and self.keys.accounts[caller.account].handle
                seen.who = name or f"app {caller.app.name}"
                self._count(limits[caller.account is not None], caller, headers)
                self._permit(caller, kind, supported)
                seen.fault = self.service.faults.next(seen.path)
                if seen.fault[:1] == "5":
                    raise replace(problems.IN_TROUBLE, status=int(seen.fault[:3])).error()
                number = call.path.split("/")[3] if "{}" in path else ""
                reply = as_json(answer(number, query, caller, seen))
            except RefusedError as error:
                seen.note = str(error)
                reply = error.reply()
            text = self._in_words(reply.body.decode())
            types = problems.TYPES.format(self.settings.problem_host)
            reply.body = text.replace(problems.TYPES.format(problems.HOST), types).encode()
            reply.headers |= headers
            return reply

        return Route(handle, ("GET",), name=path)

    def _in_words(self, text: str) -> str:
        """Exchange the words of Tweets and of Posts, if the sandbox speaks those of Posts."""
        if self.settings.words == "tweet":
            return text
        return _WORD.sub(lambda word: _OTHER_WORDS[word[1]], text)

    def _caller(self, call: Call) -> tuple[Caller, str]:
        """Give the sender of a request, and the kind of its tokens."""
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        bearer = scheme.lower() == "bearer"
        grant = self.pkce.find(token.strip()) if bearer else None
        if grant:
            return grant, _OAUTH2
        try:
            return self.keys.caller(call), _BEARER if bearer else _OAUTH1
        except AuthenticationError:
            raise problems.UNAUTHORIZED.error() from None

    def _count(self, limit: Limit, caller: Caller, headers: dict[str, str]) -> None:
        """Count a request for its app, or for its user; say what is left."""
        key = f"{caller.app.consumer_key} {caller.account}"
        allowed = limit.remaining(key) > 0
        if allowed:
            limit.spend(key)
        headers |= limit.headers(key, APP.headers, self.settings.auth_clock())
        headers["x-access-level"] = "read"
        if not allowed:
            error = problems.TOO_MANY.error()
            if self.settings.too_many == "code 88":
                error.document = {"errors": [_CODE_88]}
            raise error

    def _permit(self, caller: Caller, kind: str, supported: Sequence[str]) -> None:
        # An app may sign without a user, too.
        if kind not in supported or (caller.account is None and _BEARER not in supported):
            raise problems.WRONG_KIND.error(used=kind, supported=", ".join(supported))
        if kind == _OAUTH1 and self.settings.oauth1_at_v2 == "refused":
            raise problems.NO_OAUTH1.error()
        if not caller.app.has_access:
            _not_enrolled(caller.app)
        if isinstance(caller, Grant) and not {*SCOPES[:2]} <= {*caller.scopes}:
            raise problems.FORBIDDEN.error()

    def lookup(self, number: str, query: Query, caller: Caller, seen: Seen) -> dict[str, Any]:
        """``GET /2/tweets`` and ``GET /2/tweets/:id``: Posts by their ids."""
        parameter = "id" if number else "ids"
        _known(query, "tweet.fields", *([] if number else ["ids"]))
        ids = [_whole("id", number)] if number else _ids(query)
        self.purse.check()
        fields = _fields(query, "tweet.fields", TWEET_FIELDS)
        seen.tweets = len(ids)
        there, errors = self.posts.find(ids, parameter)
        private = set(fields) & set(PRIVATE_FIELDS)
        if private and self.settings.old_posts == "refused" and self.posts.is_old(there).any():
            listed = ", ".join(sorted(private))
            _invalid("tweet.fields", listed, "Private metrics are for the last 30 days.")
        data, of_fields = self.posts.objects(there, fields, caller.account, parameter)
        self.purse.charge("post", data)
        shown = data[0] if number and data else data
        return _document(shown, [*errors, *of_fields])

    def timeline(self, user_id: str, query: Query, caller: Caller, seen: Seen) -> dict[str, Any]:
        """``GET /2/users/:id/tweets``: a user's Posts, the newest first, in pages."""
        _known(
            query, "max_results", "pagination_token", "start_time", "end_time", "exclude",
            "tweet.fields",
        )  # fmt: skip
        self.purse.check()
        number = _whole("id", user_id)
        account = self._account(number)
        if account is None or account == self.settings.accounts:
            problem = problems.NOT_FOUND if account is None else problems.NOT_YOURS
            return {"errors": [problem.about(number, "id", resource_type="user")]}
        fields = _fields(query, "tweet.fields", TWEET_FIELDS)
        excluded = _fields(query, "exclude", ("replies", "retweets"))
        size = _whole("max_results", query.get("max_results", "10"))
        if not MIN_PAGE <= size <= MAX_PAGE:
            _not_valid("max_results", str(size), f"is not between {MIN_PAGE} and {MAX_PAGE}")
        since, until = (
            _moment(query, name) if query.get(name) else None for name in ("start_time", "end_time")
        )
        if set(fields) & set(PRIVATE_FIELDS):
            # Results adjust to the Posts that have private fields.
            oldest = self.service.now() - PRIVATE_FOR
            since = max(since or oldest, oldest)
        most = TIMELINE_POSTS_WITHOUT_REPLIES if "replies" in excluded else TIMELINE_POSTS
        before, served = self._page(query.get("pagination_token", ""))
        found: list[int] = []
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
            found.append(int(one.index[0]))
        seen.tweets = len(found)
        tweets = self.service.world.tweets(found)
        data, errors = self.posts.objects(tweets, fields, caller.account, "id")
        meta: dict[str, Any] = {"result_count": len(data)}
        if data:
            meta |= {"newest_id": data[0]["id"], "oldest_id": data[-1]["id"]}
        if more:
            meta["next_token"] = f"{found[-1]}.{served + len(found)}"
        # The first account owns the app.
        self.purse.charge("owned" if caller.account == account == 0 else "post", data)
        return {"meta": meta, **_document(data, errors)}

    def analytics(self, number: str, query: Query, caller: Caller, seen: Seen) -> dict[str, Any]:
        """``GET /2/tweets/analytics``: figures of a period, by Enterprise contract."""
        if self.settings.tier != "enterprise":
            _not_enrolled(caller.app)
        _known(query, "ids", "start_time", "end_time", "granularity", "analytics.fields")
        ids = _ids(query)
        granularity = query.get("granularity", "total")
        if granularity not in _STEPS:
            _not_valid("granularity", granularity, f"is not one of {[*_STEPS]}")
        start, end = (_moment(query, name) for name in ("start_time", "end_time"))
        if start >= end:
            _not_valid("start_time", wire_time(start), "is not before end_time")
        if end - start > _LONGEST:
            _not_valid("start_time", wire_time(start), "is too early for this end_time")
        # Fields of the other description are taken, and not given.
        known = _OLD_FIELDS if self.settings.analytics_form == "timestamped" else _NEW_FIELDS
        wanted = _fields(query, "analytics.fields", _EVERY_FIELD)
        fields = [name for name in wanted if name in known] or list(known)
        seen.tweets = len(ids)
        there, errors = self.posts.find(ids, "ids")
        mine = there.account == caller.account
        errors += [problems.NOT_YOURS.about(other, "ids") for other in there.ids[~mine].tolist()]
        own = there.take(mine)
        first, last = int(start.timestamp()) // 3600, -(-int(end.timestamp()) // 3600)
        # Days are those of UTC. Weeks begin with the period.
        step, before = _STEPS[granularity], first % 24 if granularity == "daily" else 0
        hours = [first, *range(first - before + step, last, step), last]
        starts = [wire_time(datetime.fromtimestamp(3600 * hour, UTC)) for hour in hours[:-1]]
        data = [
            self._figures(post_id, starts, rows, granularity)
            for post_id, rows in zip(
                own.ids.astype(str).tolist(), self.posts.analytics(own, fields, hours), strict=True
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

    def me(self, number: str, query: Query, caller: Caller, seen: Seen) -> dict[str, Any]:
        """``GET /2/users/me``: whose tokens these are."""
        assert caller.account is not None  # noqa: S101
        account = self.keys.accounts[caller.account]
        user = {"id": account.user_id, "name": account.handle, "username": account.handle}
        self.purse.charge("user", [user])
        return {"data": user}

    def _account(self, user_id: int) -> int | None:
        possible = range(user_id % 1000, self.settings.accounts + 2, 1000)
        return next((n for n in possible if self.keys.user_id(n) == str(user_id)), None)

    def _page(self, token: str) -> tuple[int, int]:
        """Read a page's token: the number before which it begins, and how many came before."""
        read = _PAGE.fullmatch(token or f"{self.service.world.size()}.0")
        if read is None:
            _not_valid("pagination_token", token)
        return min(int(read[1]), self.service.world.size()), int(read[2])


def _not_enrolled(app: App) -> NoReturn:
    raise problems.NOT_ENROLLED.error(
        reason="client-not-enrolled",
        required_enrollment="Appropriate Level of API Access",
        registration_url="https://developer.twitter.com/en/docs/projects/overview",
        client_id=app.client_id,
    )


def _not_valid(name: str, value: str, why: str = "is not valid") -> NoReturn:
    shown = value[:40]
    _invalid(name, shown, f"The `{name}` query parameter value [{shown}] {why}")


def _invalid(name: str, value: str, message: str) -> NoReturn:
    error = {"parameters": {name: [value]}, "message": message}
    raise problems.INVALID.error(errors=[error])


def _known(query: Query, *known: str) -> None:
    """Refuse parameters that the endpoint does not have."""
    for name, value in query.items():
        if name not in known:
            listed = ",".join(known)
            _invalid(name, value, f"The query parameter [{name}] is not one of [{listed}]")


def _fields(query: Query, name: str, known: Sequence[str]) -> list[str]:
    """Give the items of a list that a parameter has."""
    wanted = [one for one in query.get(name, "").split(",") if one]
    for one in wanted:
        if one not in known:
            _not_valid(name, one, f"is not one of [{','.join(known)}]")
    return list(dict.fromkeys(wanted))


def _ids(query: Query) -> list[int]:
    texts = [text for text in query.get("ids", "").split(",") if text]
    if not 1 <= len(texts) <= MAX_LOOKUP:
        _not_valid("ids", f"{len(texts)} values", "is not 1 to 100 of them")
    return [_whole("ids", text) for text in dict.fromkeys(texts)]


def _whole(name: str, text: str) -> int:
    """Read a number as large as an id."""
    digits = text.isascii() and text.isdigit() and len(text) <= 19
    if not digits or int(text) >= 2**63:
        _not_valid(name, text)
    return int(text)


def _moment(query: Query, name: str) -> datetime:
    text = query.get(name, "")
    with suppress(ValueError, OverflowError):
        # Milliseconds are refused, as recorded in 2026-08.
        if _WHOLE_SECONDS.fullmatch(text):
            return as_utc(text)
    _not_valid(name, text, "is not YYYY-MM-DDTHH:mm:ssZ")


def _document(data: Any, errors: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the document of a response; neither member is empty."""
    return {name: value for name, value in (("data", data), ("errors", errors)) if value}
