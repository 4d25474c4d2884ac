"""Credentials: where profiles are found, how requests are signed, how a person logs in."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement_nb.client import Client, Request
from engagement_nb.client.credentials import (
    Profile,
    auth_for,
    config_file,
    find_profile,
    find_profiles,
)
from engagement_nb.client.credentials.login import login, store_profile
from engagement_nb.client.credentials.secret import Secret, mask
from engagement_nb.client.hosts import LIVE, Hosts, hosts_at
from engagement_nb.errors import (
    ApiError,
    ConnectionTroubleError,
    CredentialsError,
    UnauthenticatedError,
)
from engagement_nb.sandbox import Sandbox
from tests.client.hostile import Behavior, drips_body, drips_headers, responds, serving
from tests.client.logins import Person, pin_from
from tests.client.profiles import profile_of, profiles_in, quick_client, without_keys

MakeSandbox = Callable[..., Sandbox]

APP = {"TWITTER_CONSUMER_KEY": "app key", "TWITTER_CONSUMER_SECRET": "app secret"}
USER = {"TWITTER_ACCESS_TOKEN": "12-token", "TWITTER_ACCESS_TOKEN_SECRET": "token secret"}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory to work in, with no .env and no stored profiles."""
    without_keys(monkeypatch, tmp_path)
    return tmp_path


def write_private(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_the_ecosystems_variables_make_the_default_profile() -> None:
    (profile,) = profiles_in({**APP, **USER, "TWITTER_BEARER_TOKEN": "bearer"})
    assert profile.name == "default"
    assert profile.hosts == LIVE
    assert profile.user_id == "12"
    assert profile.bearer_token.reveal() == "bearer"
    assert profile.has_user
    assert profile.has_app


def test_further_owners_have_two_underscores_and_a_name() -> None:
    profiles = profiles_in(
        {
            **APP,
            **USER,
            "TWITTER_ACCESS_TOKEN__ACME": "13-token",
            "TWITTER_ACCESS_TOKEN_SECRET__ACME": "other",
        }
    )
    assert [(p.name, p.user_id, p.has_user) for p in profiles] == [
        ("default", "12", True),
        ("acme", "13", True),
    ]


def test_blanks_around_a_token_are_removed() -> None:
    (profile,) = profiles_in({"TWITTER_BEARER_TOKEN": " bearer\n", "TWITTER_CONSUMER_KEY": "  "})
    assert profile.bearer_token.reveal() == "bearer"
    assert not profile.consumer_key


def test_the_first_place_that_has_a_name_is_used(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (files / ".env").write_text("TWITTER_ACCESS_TOKEN=22-dotenv\nTWITTER_ACCESS_TOKEN__B=23-b\n")
    write_private(
        config_file(),
        '[profiles.default]\naccess_token = "32-file"\n[profiles.b]\naccess_token = "33-file"\n'
        '[profiles.c]\naccess_token = "34-file"\n',
    )
    for name, value in {**APP, **USER}.items():
        monkeypatch.setenv(name, value)
    ids = {p.name: p.user_id for p in find_profiles()}
    assert ids == {"default": "12", "b": "23", "c": "34"}


def test_dotenv_is_found_above_the_working_directory_and_left_out_of_the_environment(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (files / ".env").write_text("TWITTER_BEARER_TOKEN='A$B${C}D'\n")
    (files / "below").mkdir()
    monkeypatch.chdir(files / "below")
    assert find_profile().bearer_token.reveal() == "A$B${C}D"
    assert "TWITTER_BEARER_TOKEN" not in os.environ


def test_a_profile_without_an_app_takes_one_of_the_same_hosts_only(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_private(
        config_file(),
        '[profiles.live]\naccess_token = "1-x"\naccess_token_secret = "y"\n'
        '[profiles.local]\napi_url = "http://127.0.0.1:9"\naccess_token = "2-x"\n',
    )
    for name, value in APP.items():
        monkeypatch.setenv(name, value)
    profiles = {p.name: p for p in find_profiles()}
    assert profiles["live"].consumer_key.reveal() == "app key"
    assert not profiles["local"].consumer_key


def test_hosts_of_the_environment_apply_to_all_profiles_and_those_of_dotenv_to_its_own(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A .env that lies in a directory by chance does not send stored tokens elsewhere."""
    (files / ".env").write_text(
        "TWITTER_BEARER_TOKEN__D=dotenv\nENGAGEMENT_API_URL=https://evil.example\n"
    )
    write_private(config_file(), '[profiles.f]\nbearer_token = "file"\n')
    hosts = {p.name: p.hosts.api for p in find_profiles()}
    assert hosts == {"d": "https://evil.example", "f": LIVE.api}
    monkeypatch.setenv("ENGAGEMENT_API_URL", "http://127.0.0.1:9")
    assert {p.hosts.api for p in find_profiles()} == {"http://127.0.0.1:9"}


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_file_that_others_may_read_is_refused_in_one_sentence(files: Path, mode: int) -> None:
    path = write_private(config_file(), '[profiles.a]\nbearer_token = "planted"\n')
    path.chmod(mode)
    with pytest.raises(CredentialsError, match=r"can be read by others.*chmod 600") as caught:
        find_profiles()
    assert "\n" not in str(caught.value)
    path.chmod(0o600)
    assert find_profile().bearer_token.reveal() == "planted"


@pytest.mark.parametrize(
    "text",
    [
        'bearer_token = "planted',
        "[profiles.a]\nbearer_token = planted-secret\n",
        '[profiles.a]\nbearer = "planted-secret"\n',
        "[profiles.a]\nbearer_token = 12\n",
        'profiles = "planted-secret"\n',
        '[profiles]\na = "planted-secret"\n',
        "\xff",
    ],
)
def test_an_unusable_file_is_reported_without_its_content(files: Path, text: str) -> None:
    write_private(config_file(), "").write_bytes(text.encode("latin-1"))
    with pytest.raises(CredentialsError, match="cannot be used") as caught:
        find_profiles()
    assert "planted" not in str(caught.value)


def test_no_keys_at_all_points_to_the_sandbox(files: Path) -> None:
    assert find_profiles() == []
    with pytest.raises(CredentialsError, match="sandbox, which needs none"):
        find_profile()


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(CredentialsError, match="no profile 'x'; there are: default"):
        profiles_in(APP, ["x"])


def test_missing_tokens_are_named() -> None:
    (profile,) = profiles_in({**APP, "TWITTER_ACCESS_TOKEN": "12-token"})
    with pytest.raises(CredentialsError, match="has no access token secret"):
        auth_for(profile, "user")
    (profile,) = profiles_in(USER)
    with pytest.raises(CredentialsError, match="no consumer key and no consumer secret"):
        auth_for(profile, "app")


@pytest.mark.parametrize(("token", "user_id"), [("12-x", "12"), ("x", ""), ("x-12", ""), ("", "")])
def test_the_user_is_read_from_the_access_token(token: str, user_id: str) -> None:
    assert Profile("a", access_token=Secret(token)).user_id == user_id


# -- signing -------------------------------------------------------------------------------------


def signed_by_hand(header: str, method: str, url: str, secrets: tuple[str, str]) -> bool:
    """Check an OAuth 1.0a signature as RFC 5849 says, with the standard library alone."""
    fields = {name: unquote(value) for name, value in re.findall(r'(\w+)="([^"]*)"', header)}
    signature = fields.pop("oauth_signature")
    pairs = sorted((quote(k, safe="~"), quote(v, safe="~")) for k, v in fields.items())
    parameters = "&".join(f"{k}={v}" for k, v in pairs)
    base = "&".join(quote(part, safe="~") for part in (method, url, parameters))
    key = "&".join(quote(part, safe="~") for part in secrets)
    digest = hmac.new(key.encode(), base.encode(), hashlib.sha1).digest()
    return hmac.compare_digest(base64.b64encode(digest).decode(), signature)


tokens = st.text(st.characters(codec="ascii", min_codepoint=33), min_size=1, max_size=60)


@settings(deadline=None)
@given(tokens, tokens, tokens, tokens, st.binary(max_size=50))
def test_signatures_are_right_by_the_standard_and_leave_the_body_out(
    key: str, secret: str, token: str, token_secret: str, body: bytes
) -> None:
    url = "https://data-api.twitter.com/insights/engagement/totals"
    request = httpx.Request("POST", url, content=body, headers={"Content-Type": "application/json"})
    tokens = [Secret(part) for part in (key, secret, token, token_secret)]
    signer = auth_for(Profile("me", LIVE, *tokens), "user")
    header = next(signer.auth_flow(request)).headers["Authorization"]
    assert header.startswith("OAuth ")
    assert 'oauth_signature_method="HMAC-SHA1"' in header
    assert "oauth_body_hash" not in header
    assert signed_by_hand(header, "POST", url, (secret, token_secret))
    assert not signed_by_hand(header, "POST", url, (secret, token_secret + "x"))


def test_every_signature_has_its_own_nonce(sandbox: Sandbox) -> None:
    signer = auth_for(profile_of(sandbox), "user")
    headers = {
        next(signer.auth_flow(httpx.Request("POST", sandbox.url))).headers["Authorization"]
        for _ in range(50)
    }
    nonces = {re.search('oauth_nonce="([^"]+)"', header)[1] for header in headers}  # type: ignore[index]
    assert len(nonces) == 50


def test_a_bearer_token_is_fetched_once_and_kept(make_sandbox: MakeSandbox) -> None:
    sandbox = make_sandbox(tweets=300, seed=77)
    ids = tuple(sandbox.ids("own", 1))
    with quick_client() as client:
        for _ in range(3):
            # A profile is made anew each time: the token is kept by app, not by profile.
            profile = profile_of(sandbox)
            client.send(Request("totals", ids, ("favorites",), profile, auth="app"))
    paths = [seen.path for seen in sandbox.log]
    assert paths.count("/oauth2/token") == 1
    assert paths.count("/insights/engagement/totals") == 3


def test_a_revoked_bearer_token_is_fetched_again_once(make_sandbox: MakeSandbox) -> None:
    sandbox = make_sandbox(tweets=300, seed=78)
    request = Request(
        "totals", tuple(sandbox.ids("own", 1)), ("favorites",), profile_of(sandbox), auth="app"
    )
    with quick_client() as client:
        client.send(request)
        sandbox.keys.revoke(sandbox.bearer_token)
        with pytest.raises(UnauthenticatedError):
            client.send(request)
    paths = [seen.path for seen in sandbox.log]
    assert paths.count("/oauth2/token") == 2


# -- login ---------------------------------------------------------------------------------------


def test_a_login_stores_a_profile_that_works(files: Path, sandbox: Sandbox) -> None:
    person = Person(lambda page: pin_from(page, account=1))
    stored = login(
        consumer_key=sandbox.consumer_key,
        consumer_secret=sandbox.consumer_secret,
        hosts=hosts_at(sandbox.url),
        ask=person.ask,
        show=person.show,
    )
    account = sandbox.accounts[1]
    assert stored.user_id == account.user_id
    assert stored.name == account.handle
    (again,) = find_profiles()
    assert again == stored
    own = tuple(sandbox.ids("own", 2, account=1))
    with quick_client() as client:
        assert client.send(Request("totals", own, ("impressions",), again)).groups
    assert stat.S_IMODE(config_file().stat().st_mode) == 0o600
    assert list(config_file().parent.iterdir()) == [config_file()]


def test_a_second_login_uses_the_stored_app(files: Path, sandbox: Sandbox) -> None:
    for account, name in ((0, "Zero"), (1, "")):
        person = Person(lambda page, account=account: pin_from(page, account))  # type: ignore[misc]
        first = account == 0
        login(
            name,
            consumer_key=sandbox.consumer_key if first else "",
            consumer_secret=sandbox.consumer_secret if first else "",
            hosts=hosts_at(sandbox.url) if first else None,
            ask=person.ask,
            ask_secret=lambda _: pytest.fail("the app is known"),
            show=person.show,
        )
    profiles = find_profiles()
    assert [p.name for p in profiles] == ["zero", sandbox.accounts[1].handle]
    assert all(p.has_user and p.has_app for p in profiles)


def test_other_content_of_the_file_is_kept(files: Path) -> None:
    text = '# mine\n[profiles.other]\naccess_token = "1-x"  # hers\n'
    path = write_private(config_file(), text)
    profile = Profile("new", LIVE, "key-of-app", "part-of-app", "2-y", "z")  # type: ignore[arg-type]
    for _ in range(2):
        store_profile(profile)
    kept = path.read_text()
    assert "# mine" in kept
    assert "# hers" in kept
    assert kept.count("[profiles.new]") == 1
    assert {p.name: p.user_id for p in find_profiles()} == {"other": "1", "new": "2"}


def test_a_wrong_pin_is_reported_and_nothing_is_stored(files: Path, sandbox: Sandbox) -> None:
    person = Person(lambda page: pin_from(page) and "0000000")
    with pytest.raises(UnauthenticatedError, match="PIN"):
        login(
            consumer_key=sandbox.consumer_key,
            consumer_secret=sandbox.consumer_secret,
            hosts=hosts_at(sandbox.url),
            ask=person.ask,
            show=person.show,
        )
    assert not config_file().exists()
    assert sum("Enter it again" in text for text in person.shown) == 2


def test_a_mistyped_pin_is_asked_for_again(files: Path, sandbox: Sandbox) -> None:
    pages: list[str] = []
    typed: list[str] = []

    def ask(question: str) -> str:
        typed.append("0000000" if not typed else pin_from(pages[0]))
        return typed[-1]

    stored = login(
        consumer_key=sandbox.consumer_key,
        consumer_secret=sandbox.consumer_secret,
        hosts=hosts_at(sandbox.url),
        ask=ask,
        show=lambda text: None,
        open_page=pages.append,
    )
    assert len(typed) == 2
    assert stored.user_id == sandbox.accounts[0].user_id


def test_nothing_from_the_login_host_reaches_the_terminal_unescaped(files: Path) -> None:
    escape = quote("\x1b]0;owned\x07 & x=1\n")
    granted = f"oauth_token=a{escape}&oauth_token_secret=b&screen_name={escape}"
    body = f"{granted}&oauth_callback_confirmed=true".encode()
    shown: list[str] = []
    with serving(responds(body)) as url:
        stored = login(
            consumer_key="key of app",
            consumer_secret="secret of app",
            hosts=hosts_at(url),
            ask=lambda question: "1234567",
            show=shown.append,
            open_page=shown.append,
        )
    text = "".join(shown)
    assert text.replace("\n", "").isprintable()
    assert f"oauth_token=a{escape.replace('&', '%26')}" in text.replace("/", "%2F")
    assert stored.name == "default"


@pytest.mark.parametrize("status", ["401 Unauthorized", "500 Internal Server Error"])
def test_the_text_of_a_login_host_that_refuses_is_escaped(files: Path, status: str) -> None:
    with serving(responds(b"\x1b]0;owned\x07", status)) as url, pytest.raises(ApiError) as caught:
        login(consumer_key="key of app", consumer_secret="secret of app", hosts=hosts_at(url))
    assert str(caught.value).isprintable()


def test_a_wrong_app_is_reported_before_the_page_opens(files: Path, sandbox: Sandbox) -> None:
    person = Person()
    with pytest.raises(UnauthenticatedError, match="request token"):
        login(
            consumer_key="planted-wrong",
            consumer_secret="planted-wrong",
            hosts=hosts_at(sandbox.url),
            ask=person.ask,
            show=person.show,
        )
    assert person.shown == []


@pytest.mark.parametrize("error", [EOFError(), NotImplementedError()])
def test_a_login_that_nobody_answers_says_so(
    files: Path, sandbox: Sandbox, error: Exception
) -> None:
    def nobody(question: str) -> str:
        raise error

    with pytest.raises(CredentialsError, match="Nobody is there"):
        login(hosts=hosts_at(sandbox.url), ask_secret=nobody, ask=nobody)


def test_a_login_without_a_host_says_so(files: Path) -> None:
    with pytest.raises(ConnectionTroubleError, match="did not respond"):
        login(
            consumer_key="some key",
            consumer_secret="some secret",
            hosts=Hosts("http://127.0.0.1:9", "http://127.0.0.1:9"),
        )


def test_a_directory_that_cannot_be_written_is_one_sentence(files: Path) -> None:
    (files / "config").write_text("a file where the directory should be")
    with pytest.raises(CredentialsError, match=r"credentials\.toml"):
        store_profile(Profile("a"))


def test_profiles_work_with_a_client(sandbox: Sandbox, files: Path) -> None:
    profile = profiles_in(sandbox.env)[0]
    with Client() as client:
        own = tuple(sandbox.ids("own", 1))
        assert client.send(Request("totals", own, ("favorites",), profile)).groups


# -- files of others, fetched tokens, logins that never end ---------------------------------------


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="needs two users")
def test_a_dotenv_of_another_user_is_ignored_and_said_so(
    files: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It overrode the user's own file, and figures came from its server."""
    write_private(config_file(), '[profiles.mine]\naccess_token = "1-mine"\n')
    dotenv = files / ".env"
    dotenv.write_text("TWITTER_ACCESS_TOKEN=2-theirs\nENGAGEMENT_API_URL=https://their.example\n")
    os.chown(dotenv, 12345, 12345)
    assert [profile.name for profile in find_profiles()] == ["mine"]
    assert "is ignored, because it belongs to another user" in caplog.text


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_a_dotenv_that_others_can_change_is_ignored_and_said_so(
    files: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dotenv = files / ".env"
    dotenv.write_text("TWITTER_ACCESS_TOKEN=2-theirs\n")
    dotenv.chmod(0o646)
    assert find_profiles() == []
    assert "is ignored, because it can be changed by others (mode 0646)" in caplog.text


def test_lines_of_a_dotenv_that_cannot_be_read_are_named_once(
    files: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (files / ".env").write_text("# mine\nthis is junk\nTWITTER_BEARER_TOKEN=a\n")
    names = [profile.name for profile in [*find_profiles(), *find_profiles()]]
    assert names == ["default", "default"]
    said = f"{files / '.env'}, line 2 is ignored, because it is not NAME=value."
    assert caplog.messages == [said]


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="needs two users")
def test_stored_profiles_of_another_user_are_ignored_and_said_so(
    files: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_private(config_file(), '[profiles.mine]\naccess_token = "1-mine"\n')
    os.chown(config_file(), 12345, 12345)
    assert find_profiles() == []
    assert "belongs to another user" in caplog.text


def test_the_part_of_a_token_after_its_dash_is_masked_too() -> None:
    Profile("me", access_token="123456789-PartAfterTheDash")
    assert mask("refused: PartAfterTheDash of user 123456789") == (
        "refused: [secret] of user 123456789"
    )


@pytest.mark.parametrize("behave", [drips_headers, drips_body, responds(b"x" * 1_000_000)])
def test_a_login_host_has_little_time_and_space(
    files: Path, behave: Behavior, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dripped bytes kept a login for 131 s, and 300 MB were stored as a secret."""
    monkeypatch.setattr("engagement_nb.client.credentials.tokens.TIMEOUT", 0.5)
    with serving(behave) as url, pytest.raises(ConnectionTroubleError, match="request token"):
        login("me", consumer_key="key", consumer_secret="secret", hosts=hosts_at(url))


def test_a_bearer_token_is_fetched_kept_and_renewed_without_a_network() -> None:
    profile, tokens = Profile("me", LIVE, "a key", "a secret"), dict[str, Secret]()

    def flow() -> Any:
        return auth_for(profile, "app", tokens).auth_flow(
            httpx.Request("POST", LIVE.api + "/totals")
        )

    def issued(token: str) -> httpx.Response:
        return httpx.Response(200, json={"token_type": "bearer", "access_token": token})

    first = flow()
    assert next(first).url.path == "/oauth2/token"
    assert first.send(issued("FirstToken")).headers["Authorization"] == "Bearer FirstToken"
    second = flow()
    assert next(second).headers["Authorization"] == "Bearer FirstToken"
    assert second.send(httpx.Response(401)).url.path == "/oauth2/token"
    assert second.send(issued("SecondToken")).headers["Authorization"] == "Bearer SecondToken"
    assert len(tokens) == 1
    assert "SecondToken" not in f"{tokens!r}"
