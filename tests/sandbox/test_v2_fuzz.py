"""Random requests to API v2 and its token endpoint: never a 5xx, always a document."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engagement_nb.apis.v2 import GRANT_EXCHANGE, OAUTH1_TOKEN_TYPE
from engagement_nb.sandbox import Sandbox
from engagement_nb.sandbox.pkce import Grant

SANDBOX = Sandbox(now="2026-11-20", tier="enterprise", v2_limit=10**9, credits=10**9)
IDS = [*SANDBOX.ids("own", 5), *SANDBOX.ids("deleted", 2), "0", "1", str(2**63), "x", ""]
TIMES = ["2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z", "2014-01-01T00:00:00+05:00", "soon",
         "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2026-11-01T00:00:00.1Z"]  # fmt: skip
FIELDS = ["public_metrics", "non_public_metrics", "organic_metrics", "likes", "created_at", "ä"]
listed = st.lists(st.sampled_from(IDS) | st.text(max_size=4), max_size=5).map(",".join)
fields = st.lists(st.sampled_from(FIELDS), max_size=4).map(",".join)
odd = st.text(max_size=12)
QUERY: dict[str, Any] = {
    "ids": listed,
    "tweet.fields": fields | odd,
    "analytics.fields": fields | odd,
    "expansions": st.sampled_from(["author_id", "attachments.media_keys", "x", "", ","]),
    "start_time": st.sampled_from(TIMES),
    "end_time": st.sampled_from(TIMES),
    "granularity": st.sampled_from(["hourly", "daily", "weekly", "total", "yearly"]),
    "max_results": st.sampled_from(["5", "100", "0", "-1", "²", "9" * 400]) | odd,
    "pagination_token": st.sampled_from(["21617.5", "", "1.2", "-1.0"]) | odd,
    "exclude": st.sampled_from(["retweets", "replies", "replies,retweets", "x"]),
}
PATHS = ["/2/tweets", "/2/tweets/{}", "/2/users/{}/tweets", "/2/tweets/analytics", "/2/users/me",
         "/2/tweets/analytics/x", "/2/nowhere"]  # fmt: skip
PLACES = [*IDS, SANDBOX.accounts[0].user_id, SANDBOX.keys.user_id(3), "me", "%00", "a%2Fb"]
GRANT = Grant(SANDBOX.keys.app, 0, ("tweet.read", "users.read"))
USER = str(SANDBOX.v2.pkce.issue(GRANT)["access_token"])


def ask(method: str, path: str, query: str, headers: dict[str, str], body: bytes = b"") -> Any:
    reply = SANDBOX.handle(method, f"http://127.0.0.1{path}?{query}", headers, body)
    assert reply.status < 500, (path, query, body)
    return reply.status, json.loads(reply.body)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    path=st.sampled_from(PATHS),
    place=st.sampled_from(PLACES),
    query=st.fixed_dictionaries({}, optional=QUERY),
    token=st.sampled_from([USER, SANDBOX.bearer_token, "x"]),
)
def test_random_queries_get_a_document_and_never_a_5xx(
    path: str, place: str, query: dict[str, str], token: str
) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    status, told = ask("GET", path.format(place), urlencode(query), headers)
    assert isinstance(told, dict)
    if status == 200:
        assert set(told) <= {"data", "errors", "meta"}
    elif "title" in told:
        assert told["status"] == status


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    form=st.fixed_dictionaries(
        {"grant_type": st.sampled_from(
            ["authorization_code", "refresh_token", GRANT_EXCHANGE, "client_credentials", ""]
        )},
        optional={
            "client_id": st.sampled_from([SANDBOX.client_id, "x"]),
            "code": odd, "code_verifier": odd, "redirect_uri": odd, "refresh_token": odd,
            "subject_token": st.sampled_from([SANDBOX.accounts[0].access_token, "x"]),
            "subject_token_type": st.sampled_from([OAUTH1_TOKEN_TYPE, "x"]),
            "oauth_token_secret": odd, "scope": odd,
        },
    ),
    header=st.sampled_from(["", "Basic ", "Basic eDp5", "Bearer x"]) | odd,
    raw=st.none() | st.binary(max_size=40),
)  # fmt: skip
def test_random_forms_get_a_document_and_never_a_5xx(
    form: dict[str, str], header: str, raw: bytes | None
) -> None:
    headers = {"Authorization": header} if header else {}
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    status, told = ask("POST", "/2/oauth2/token", "", headers, raw or urlencode(form).encode())
    assert status in (200, 400, 401)
    assert isinstance(told, dict)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    query=st.fixed_dictionaries(
        {},
        optional={
            "response_type": st.sampled_from(["code", "token"]),
            "client_id": st.sampled_from([SANDBOX.client_id, "x"]),
            "redirect_uri": st.sampled_from(["http://127.0.0.1/", "http://[", "x:y", "//"]) | odd,
            "scope": st.sampled_from(["tweet.read", "x", " "]),
            "state": odd, "code_challenge": odd, "account": odd,
            "code_challenge_method": st.sampled_from(["S256", "plain", "x"]),
        },
    ),
    method=st.sampled_from(["GET", "POST"]),
)  # fmt: skip
def test_the_page_takes_anything(query: dict[str, str], method: str) -> None:
    coded = urlencode(query)
    url = "http://127.0.0.1/i/oauth2/authorize"
    reply = SANDBOX.handle(method, f"{url}?{coded}", {}, coded.encode())
    assert reply.status in (200, 303, 400)
