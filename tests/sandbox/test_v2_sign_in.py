"""OAuth 2.0 of API v2, by stock clients: unchanged but for the address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from requests.adapters import HTTPAdapter
from requests_oauthlib import OAuth2Session

from engagement_nb.apis.v2 import GRANT_EXCHANGE, OAUTH1_TOKEN_TYPE
from engagement_nb.sandbox import Sandbox

Make = Callable[..., Sandbox]
BACK = "http://127.0.0.1:8765/callback"
SCOPE = ["tweet.read", "users.read", "offline.access"]


@pytest.fixture(autouse=True)
def _plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """oauthlib refuses plain HTTP, as real clients should."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")


def choose(address: str, account: int = 0, **more: str) -> str:
    """Choose an account on the page, as a person does; give the address to which it leads."""
    shown = requests.get(address)
    assert shown.status_code == 200
    assert "Authorize the app" in shown.text
    form = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    page = address.partition("?")[0]
    form |= {"account": str(account), **more}
    response = requests.post(page, form, allow_redirects=False)
    assert response.status_code == 303
    return str(response.headers["location"])


def by_authlib(sandbox: Sandbox, account: int = 0, **options: Any) -> AuthlibSession:
    session = AuthlibSession(
        sandbox.client_id,
        sandbox.client_secret,
        scope=" ".join(SCOPE),
        redirect_uri=BACK,
        code_challenge_method="S256",
        **options,
    )
    verifier = "v" * 64
    address, state = session.create_authorization_url(
        sandbox.url + "/i/oauth2/authorize", code_verifier=verifier
    )
    back = choose(address, account)
    assert f"state={state}" in back
    session.fetch_token(
        sandbox.url + "/2/oauth2/token", authorization_response=back, code_verifier=verifier
    )
    return session


def me(sandbox: Sandbox, token: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(sandbox.url + "/2/users/me", headers=headers)


def test_authlib_signs_in_with_s256_and_reads(sandbox: Sandbox) -> None:
    session = by_authlib(sandbox, account=1)
    told = session.get(sandbox.url + "/2/users/me").json()["data"]
    assert told["username"] == sandbox.accounts[1].handle
    assert session.token["expires_in"] == 7200
    assert session.token["scope"] == " ".join(SCOPE)
    number = sandbox.ids("under-90-days", 1, 1)[0]
    told = session.get(
        f"{sandbox.url}/2/tweets/{number}", params={"tweet.fields": "non_public_metrics"}
    ).json()
    assert told["data"]["non_public_metrics"]["engagements"] >= 0


def test_authlib_refreshes_an_expired_token_by_itself(make_sandbox: Make) -> None:
    moment = {"now": 1_790_000_000.0}
    sandbox = make_sandbox(auth_clock=lambda: moment["now"], access_token_seconds=600)
    session = by_authlib(sandbox)
    first = dict(session.token)
    assert first["expires_in"] == 600
    moment["now"] += 601
    assert me(sandbox, first["access_token"]).status_code == 401
    session.refresh_token(sandbox.url + "/2/oauth2/token")
    assert session.get(sandbox.url + "/2/users/me").status_code == 200
    assert session.token["refresh_token"] != first["refresh_token"]
    # A refresh token works once.
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    again = requests.post(
        sandbox.url + "/2/oauth2/token", form, auth=(sandbox.client_id, sandbox.client_secret)
    )
    assert (again.status_code, again.json()["error"]) == (400, "invalid_request")
    assert session.get(sandbox.url + "/2/users/me").status_code == 200


@pytest.mark.parametrize("confidential", [True, False])
def test_requests_oauthlib_signs_in_with_the_plain_challenge_of_the_guide(
    sandbox: Sandbox, confidential: bool
) -> None:
    session = OAuth2Session(sandbox.client_id, redirect_uri=BACK, scope=SCOPE)
    address, _ = session.authorization_url(
        sandbox.url + "/i/oauth2/authorize",
        code_challenge="challenge",
        code_challenge_method="plain",
    )
    more: dict[str, Any] = (
        {"client_secret": sandbox.client_secret} if confidential else {"include_client_id": True}
    )
    session.fetch_token(
        sandbox.url + "/2/oauth2/token",
        authorization_response=choose(address, 2),
        code_verifier="challenge",
        **more,
    )
    told = session.get(sandbox.url + "/2/users/me").json()["data"]
    assert told["id"] == sandbox.accounts[2].user_id


def code_for(sandbox: Sandbox, **changes: str) -> str:
    query = {
        "response_type": "code", "client_id": sandbox.client_id, "redirect_uri": BACK,
        "scope": "tweet.read users.read", "state": "s", "code_challenge": "challenge", **changes,
    }  # fmt: skip
    address = requests.Request("GET", sandbox.url + "/i/oauth2/authorize", params=query).prepare()
    back = choose(str(address.url))
    return parse_qs(urlsplit(back).query)["code"][0]


def exchange(sandbox: Sandbox, code: str, **changes: str) -> requests.Response:
    form = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": BACK,
        "client_id": sandbox.client_id, "code_verifier": "challenge", **changes,
    }  # fmt: skip
    return requests.post(sandbox.url + "/2/oauth2/token", form)


def test_a_code_lives_30_seconds_and_works_once_with_its_verifier_and_address(
    make_sandbox: Make,
) -> None:
    moment = {"now": 1_790_000_000.0}
    sandbox = make_sandbox(auth_clock=lambda: moment["now"])
    code = code_for(sandbox)
    moment["now"] += 29
    told = exchange(sandbox, code)
    assert told.status_code == 200
    assert "refresh_token" not in told.json()
    assert exchange(sandbox, code).status_code == 400
    late = code_for(sandbox)
    moment["now"] += 31
    assert exchange(sandbox, late).json()["error"] == "invalid_request"
    for wrong in (
        {"code_verifier": "another"}, {"redirect_uri": "http://127.0.0.1:9/"},
        {"client_id": "another"}, {"grant_type": "password"}, {"code": "another"},
    ):  # fmt: skip
        response = exchange(sandbox, **{"code": code_for(sandbox), **wrong})
        assert response.status_code in (400, 401), wrong
        assert set(response.json()) == {"error", "error_description"}
    wrong_secret = requests.post(
        sandbox.url + "/2/oauth2/token", {"grant_type": "refresh_token"},
        auth=(sandbox.client_id, "wrong"),
    )  # fmt: skip
    assert (wrong_secret.status_code, wrong_secret.json()["error"]) == (401, "unauthorized_client")


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "another"}, {"response_type": "token"}, {"state": ""},
        {"redirect_uri": "http://localhost:8765/"}, {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": "http://["}, {"code_challenge": ""}, {"code_challenge_method": "S512"},
        {"scope": "likes"}, {"scope": ""},
    ],
)  # fmt: skip
def test_a_mistake_of_the_app_is_told_to_the_person_and_not_sent_on(
    sandbox: Sandbox, changes: dict[str, str]
) -> None:
    query = {
        "response_type": "code", "client_id": sandbox.client_id, "redirect_uri": BACK,
        "scope": "tweet.read", "state": "s", "code_challenge": "challenge", **changes,
    }  # fmt: skip
    url = sandbox.url + "/i/oauth2/authorize"
    for response in (
        requests.get(url, query, allow_redirects=False),
        requests.post(url, {**query, "account": "0"}, allow_redirects=False),
    ):
        assert response.status_code == 400
        assert next(iter(changes)) in response.text


def test_cancelling_returns_to_the_app_and_says_so(sandbox: Sandbox) -> None:
    session = OAuth2Session(sandbox.client_id, redirect_uri=BACK, scope=SCOPE)
    address, state = session.authorization_url(
        sandbox.url + "/i/oauth2/authorize", code_challenge="c"
    )
    back = choose(address, cancel="1")
    assert back == f"{BACK}?error=access_denied&state={state}"


def test_scopes_limit_what_a_token_reads(sandbox: Sandbox) -> None:
    told = exchange(sandbox, code_for(sandbox, scope="users.read")).json()
    assert me(sandbox, told["access_token"]).status_code == 403


def test_a_token_of_oauth_1_is_exchanged_for_a_pair_and_stays_valid(sandbox: Sandbox) -> None:
    first = sandbox.accounts[0]
    url = sandbox.url + "/2/oauth2/token"
    keys = (sandbox.client_id, sandbox.client_secret)
    form = {
        "grant_type": GRANT_EXCHANGE, "subject_token": first.access_token,
        "subject_token_type": OAUTH1_TOKEN_TYPE, "oauth_token_secret": first.access_token_secret,
    }  # fmt: skip
    told = requests.post(url, form, auth=keys).json()
    assert "offline.access" in told["scope"].split()
    assert me(sandbox, told["access_token"]).json()["data"]["id"] == first.user_id
    again = requests.post(url, form, auth=keys).json()
    assert me(sandbox, told["access_token"]).status_code == 401
    assert me(sandbox, again["access_token"]).status_code == 200
    public = requests.post(url, {**form, "client_id": sandbox.client_id, "scope": "tweet.read"})
    assert public.json()["scope"] == "tweet.read offline.access"
    for changes, error in (
        ({"oauth_token_secret": "wrong"}, "invalid_grant"),
        ({"subject_token": "wrong"}, "invalid_grant"),
        ({"subject_token": sandbox.bearer_token}, "invalid_grant"),
        ({"subject_token_type": "wrong"}, "invalid_request"),
        ({"oauth_token_secret": ""}, "invalid_request"),
        ({"scope": "dm.write"}, "invalid_scope"),
    ):
        response = requests.post(url, {**form, **changes}, auth=keys)
        assert (response.status_code, response.json()["error"]) == (400, error)


class Here(HTTPAdapter):
    """Sends requests for the API's hosts to the sandbox, as a TLS proxy on this machine does."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__()
        self.url = sandbox.url

    def send(self, request: Any, **options: Any) -> requests.Response:  # type: ignore[override]
        parts = urlsplit(request.url)
        request.headers["Host"] = parts.netloc
        request.url = self.url + request.url[len(f"{parts.scheme}://{parts.netloc}") :]
        return super().send(request, **options)


@pytest.mark.parametrize("kind", ["OAuth 1.0a", "OAuth 2.0", "bearer"])
def test_tweepy_reads_posts_and_metrics(make_sandbox: Make, kind: str) -> None:
    tweepy = pytest.importorskip("tweepy", reason="tweepy pins an older oauthlib")
    hosts = ["https://api.twitter.com", "https://api.x.com"]
    sandbox = make_sandbox(public_url=hosts)
    first = sandbox.accounts[0]
    options: dict[str, Any] = {
        "OAuth 1.0a": {
            "consumer_key": sandbox.consumer_key, "consumer_secret": sandbox.consumer_secret,
            "access_token": first.access_token,
            "access_token_secret": first.access_token_secret,
        },
        "bearer": {"bearer_token": sandbox.bearer_token},
        "OAuth 2.0": {},
    }[kind]  # fmt: skip
    if kind == "OAuth 2.0":
        options["bearer_token"] = by_authlib(sandbox).token["access_token"]
    client = tweepy.Client(**options)
    for host in hosts:
        client.session.mount(host, Here(sandbox))
    signed = {"user_auth": kind == "OAuth 1.0a"}
    ids = sandbox.ids("under-90-days", 3)
    fields = ["public_metrics"] + (["non_public_metrics"] if kind != "bearer" else [])
    response = client.get_tweets(
        ids=[*ids, *sandbox.ids("deleted", 1)], tweet_fields=fields, **signed
    )
    assert [str(one.id) for one in response.data] == ids
    assert response.errors[0]["title"] == "Not Found Error"
    likes = sandbox.truth(ids).of("favorites")
    for one, expected in zip(response.data, likes, strict=True):
        assert one.public_metrics["like_count"] <= expected
        if kind != "bearer":
            assert one.non_public_metrics["engagements"] >= 0
    pages = tweepy.Paginator(
        client.get_users_tweets, first.user_id, max_results=10, limit=3, **signed
    )
    assert [page.meta["result_count"] for page in pages] == [10, 10, 10]
    if kind == "OAuth 1.0a":
        assert client.get_me(**signed).data.username == first.handle
