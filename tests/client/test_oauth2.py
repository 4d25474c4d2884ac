"""Signing in to X API v2 by OAuth 2.0 on the sandbox, renewing once, and exchanging old tokens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
import requests

import engagement_nb as enb
from engagement_nb.apis.v2 import V2
from engagement_nb.client.credentials import oauth2
from engagement_nb.client.credentials.secret import Secret
from engagement_nb.client.credentials.tokens import TokenStore, bearer_in
from engagement_nb.client.hosts import Hosts
from engagement_nb.errors import CredentialsError, EngagementError, UnauthenticatedError
from engagement_nb.sandbox import Sandbox
from engagement_nb.sources import sandbox_profiles
from engagement_nb.sources.v2 import V2Source
from engagement_nb.usage import ENV_LEDGER

QUIET: dict[str, Any] = {"show": lambda text: None}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=7, tweets=20_000, now="2026-11-04T15:00") as running:
        yield running


@pytest.fixture
def store(tmp_path, monkeypatch) -> TokenStore:
    monkeypatch.setenv(ENV_LEDGER, str(tmp_path / "ledger"))
    return TokenStore(tmp_path / "own" / "tokens.sqlite")


def hosts_of(sandbox: Sandbox) -> Hosts:
    return Hosts(sandbox.url, sandbox.url)


def person(account: int = 0, **changed: str) -> Callable[[str], object]:
    """Somebody who chooses an account on the page, and comes back in a browser of their own."""

    def allow(address: str) -> None:
        form = {n: v[0] for n, v in parse_qs(urlsplit(address).query).items()}
        response = requests.post(
            address.partition("?")[0], form | {"account": str(account)}, allow_redirects=False
        )
        back = urlsplit(response.headers["location"])
        query = {n: v[0] for n, v in parse_qs(back.query).items()} | changed
        requests.get(back._replace(query=urlencode(query)).geturl(), timeout=10)

    return lambda address: threading.Thread(target=allow, args=[address]).start()


def signed_in(sandbox: Sandbox, store: TokenStore, **options: Any) -> Any:
    options = {"open_page": person(), "port": 0, **QUIET, **options}
    return oauth2.sign_in(
        V2, sandbox.client_id, options.pop("secret", sandbox.client_secret),
        hosts=hosts_of(sandbox), store=store, **options,
    )  # fmt: skip


def read_one(sandbox: Sandbox, profile: Any) -> enb.Metrics:
    with V2Source([profile], progress=False) as source:
        source.now = sandbox.world.settings.clock()
        return source.totals(sandbox.ids("own", 2))


def test_a_user_signs_in_by_the_browser_and_reads_private_figures(sandbox, store):
    """The profile is named for the handle, and knows its user for the timeline."""
    profile = signed_in(sandbox, store)
    account = sandbox.accounts[0]
    assert profile.name == account.handle.lower()
    assert profile.user_id == account.user_id
    assert read_one(sandbox, profile).frame["engagements"].notna().all()
    [kept] = oauth2.oauth2_profiles(V2, hosts_of(sandbox), store)
    assert kept.user_id == account.user_id


def test_a_public_client_signs_in_without_a_secret(sandbox, store):
    """It sends its id in the body."""
    assert (
        read_one(sandbox, signed_in(sandbox, store, secret="")).frame["engagements"].notna().all()
    )


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"state": "of-another-sign-in"}, "another sign-in"),
        ({"code": "", "error": "access_denied"}, "not allowed"),
    ],
)
def test_an_answer_that_is_not_of_this_sign_in_is_refused(sandbox, store, changed, words):
    """Nothing is stored."""
    with pytest.raises(CredentialsError, match=words):
        signed_in(sandbox, store, open_page=person(**changed))
    assert oauth2.oauth2_profiles(V2, hosts_of(sandbox), store) == []


def expire(sandbox: Sandbox, store: TokenStore, name: str) -> None:
    tokens = store.get(sandbox.url, name)
    assert tokens is not None
    store.put(sandbox.url, name, replace(tokens, expires=0.0))


def test_two_readers_of_an_expired_token_renew_it_once_and_both_go_on(sandbox, store):
    """The refresh token can be used once, so a second renewal would fail."""
    profile = signed_in(sandbox, store)
    expire(sandbox, store, profile.name)
    before = sandbox.requests_seen["/2/oauth2/token"]
    # Each store has its own connection to the file, as two processes have.
    readers = [
        replace(profile, signs=partial(oauth2.OAuth2User, V2, TokenStore(store.path)))
        for _ in range(2)
    ]
    with ThreadPoolExecutor(2) as pool:
        frames = [*pool.map(lambda one: read_one(sandbox, one).frame, readers)]
    assert all(frame["engagements"].notna().all() for frame in frames)
    assert sandbox.requests_seen["/2/oauth2/token"] - before == 1


def test_a_token_that_the_api_no_longer_accepts_is_renewed_once(sandbox, store):
    """Revoked, or expired early."""
    profile = signed_in(sandbox, store)
    tokens = store.get(sandbox.url, profile.name)
    store.put(sandbox.url, profile.name, replace(tokens, access=Secret("no-longer-accepted")))
    assert read_one(sandbox, profile).frame["engagements"].notna().all()


def test_a_refresh_token_that_was_used_elsewhere_is_one_sentence(sandbox, store):
    """The user has to sign in again."""
    profile = signed_in(sandbox, store)
    tokens = store.get(sandbox.url, profile.name)
    store.put(sandbox.url, profile.name, replace(tokens, refresh=Secret("used"), expires=0.0))
    with pytest.raises(UnauthenticatedError, match="Sign in again"):
        read_one(sandbox, profile)


def test_old_tokens_are_exchanged_for_a_pair(sandbox, store):
    """The user's OAuth 1.0a token and secret are enough."""
    old = sandbox_profiles(sandbox.url)[0]
    profile = oauth2.sign_in(
        V2,
        sandbox.client_id,
        sandbox.client_secret,
        old=old,
        hosts=hosts_of(sandbox),
        store=store,
        **QUIET,
    )
    assert read_one(sandbox, profile).frame["engagements"].notna().all()


def test_no_secret_is_shown(sandbox, store, caplog):
    """Neither by a repr, nor by what is shown, nor by the log."""
    shown: list[str] = []
    profile = signed_in(sandbox, store, show=shown.append)
    tokens = store.get(sandbox.url, profile.name)
    text = "\n".join([*shown, repr(profile), repr(tokens), caplog.text])
    for secret in (tokens.access, tokens.refresh, tokens.client_secret):
        assert secret.reveal() not in text
    assert store.path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("life", ["[" * 900 + "]" * 900, str(10**400), '"x"'])
@pytest.mark.parametrize("member", ["token_type", "expires_in", "refresh_token", "error"])
def test_an_answer_of_a_token_endpoint_that_is_no_token_is_one_sentence(
    member: str, life: str
) -> None:
    """Nested without end, it was a traceback."""
    body = f'{{"token_type": "no", "access_token": "a", "{member}": {life}}}'
    response = httpx.Response(200, content=body)
    with pytest.raises(EngagementError, match="the tokens"):
        bearer_in(response, V2, "the tokens")
    body = body.replace('"no"', '"bearer"')
    with suppress(EngagementError):
        bearer_in(httpx.Response(200, content=body), V2, "the tokens")
