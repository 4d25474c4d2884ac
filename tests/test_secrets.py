"""Secrets: planted, run through everything that can fail, and looked for in all that is left."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from click.testing import CliRunner

from engagement_nb.cli.auth import auth
from engagement_nb.client import Client, Request
from engagement_nb.client.credentials import (
    Profile,
    Secret,
    auth_for,
    redact,
)
from engagement_nb.client.credentials.login import login
from engagement_nb.client.hosts import hosts_at
from engagement_nb.client.pacing import Pacer
from engagement_nb.errors import EngagementError
from engagement_nb.sandbox import Sandbox
from tests.client.logins import Person, pin_from
from tests.client.profiles import profiles_in

PLANTED = {
    "TWITTER_CONSUMER_KEY": "PLANTED-consumer-key",
    "TWITTER_CONSUMER_SECRET": "PLANTED/consumer+secret=",
    "TWITTER_ACCESS_TOKEN": "12-PLANTEDaccesstoken",
    "TWITTER_ACCESS_TOKEN_SECRET": "PLANTED%access&token secret",
    "TWITTER_BEARER_TOKEN": "PLANTED%2Fbearer%3D",
}


@pytest.fixture
def everything_said(
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Callable[[], str]]:
    """All that was logged, at debug level and from every logger, and all that was printed."""
    noisy = [name for name in logging.root.manager.loggerDict if "oauth" in name or "http" in name]
    with caplog.at_level(logging.DEBUG):
        for name in noisy:
            # A person may turn each library's own logger up by name.
            caplog.set_level(logging.DEBUG, logger=name)

        def said() -> str:
            printed = capsys.readouterr()
            messages = [f"{r.getMessage()} {r.args} {r.exc_text}" for r in caplog.records]
            return "\n".join([printed.out, printed.err, caplog.text, *messages])

        yield said


def leaks_in(text: str, secrets: Iterator[str] | list[str]) -> list[str]:
    return [secret for secret in secrets if secret in text]


def told(error: BaseException) -> str:
    parts = [repr(error), str(error), str(error.args), str(vars(error))]
    return "\n".join([*parts, *traceback.format_exception(error)])


def test_a_secret_is_shown_by_nothing() -> None:
    secret = Secret("PLANTED-value")
    shown = f"{secret} {secret!r} {secret!s} {[secret]} {asdict(Profile('a', bearer_token=secret))}"
    assert "PLANTED" not in shown + str(vars(Profile("a", bearer_token=secret)))
    assert secret.reveal() == "PLANTED-value"
    assert copy.deepcopy(secret) == secret
    assert secret != Secret("another")
    assert not Secret("")
    with pytest.raises(TypeError):
        json.dumps(secret)
    with pytest.raises(TypeError):
        "".join([secret])  # type: ignore[list-item]


def test_a_profile_is_not_pickled() -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(Profile("a", bearer_token=Secret("PLANTED-value")))


def test_profiles_and_requests_show_no_token() -> None:
    [profile] = profiles_in(PLANTED)
    request = Request("totals", ("1",), ("favorites",), profile)
    shown = (
        f"{profile} {profile!r} {request} {request!r} {auth_for(profile, 'user')!r} {vars(profile)}"
    )
    assert "PLANTED" not in shown
    assert "'[secret]'" in shown


def test_texts_are_cleaned_of_tokens_in_every_form_the_wire_has() -> None:
    profiles_in(PLANTED)
    once = "PLANTED%2Fconsumer%2Bsecret%3D"
    twice = "PLANTED%252Fconsumer%252Bsecret%253D"
    bearer = "PLANTED%2Fbearer%3D PLANTED/bearer="
    clean = redact(f"oauth: PLANTED/consumer+secret= {once} {twice} {bearer}; the rest")
    assert "PLANTED" not in clean
    assert clean.endswith("; the rest")


def test_tokens_of_the_environment_are_known_before_a_profile_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TWITTER_ACCESS_TOKEN_SECRET__ACME", "PLANTED-of-acme")
    assert "PLANTED" not in redact("PLANTED-of-acme")
    assert redact(Secret("short").reveal()) == "short"


def test_stored_tokens_are_known_before_a_profile_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ENGAGEMENT_CONFIG_DIR", str(tmp_path))
    path = tmp_path / "credentials.toml"
    path.write_text('[profiles.a]\nbearer_token = "PLANTED-stored"\n')
    assert "PLANTED" in redact("PLANTED-stored")  # Others may read it: it is refused.
    path.chmod(0o600)
    assert "PLANTED" not in redact("PLANTED-stored")


def test_no_failure_says_a_secret(
    everything_said: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right and wrong tokens, refusals, faults, redirects, the bearer and the PIN sign-in."""
    monkeypatch.setenv("ENGAGEMENT_CONFIG_DIR", str(tmp_path / "stored"))
    faults = ["500", "502-html", "garble", "cut", "drop"]
    with Sandbox(tweets=300, per_minute=1_000_000, faults={"script": faults}) as sandbox:
        own, others = tuple(sandbox.ids("own", 30)), tuple(sandbox.ids("others", 2))
        env = {**sandbox.env}
        del env["TWITTER_BEARER_TOKEN"]
        good = profiles_in(env)[0]
        urls = {name: env[name] for name in ("ENGAGEMENT_API_URL", "ENGAGEMENT_AUTH_URL")}
        bad = profiles_in({**PLANTED, **urls})[0]
        gone = Profile("gone", hosts_at("http://127.0.0.1:9"), *_tokens_of(good))
        unfetched = Profile("unfetched", bad.hosts, bad.consumer_key, bad.consumer_secret)
        requests = [Request("totals", own, ("favorites",), good) for _ in faults]
        requests += [
            Request("totals", own, ("favorites",), good),
            Request("totals", own, ("favorites",), good, auth="app"),
            Request("totals", others, ("favorites",), good),
            Request("28hr", own[:2], ("quote_tweets",), good),
            Request("totals", own, ("favorites",), bad),
            Request("totals", own, ("favorites",), bad, auth="app"),
            Request("totals", own, ("favorites",), unfetched, auth="app"),
            Request("totals", own, ("favorites",), unfetched),
            Request("totals", own, ("favorites",), gone),
        ]
        errors = []
        with Client(pacer=Pacer(tmp_path / "quota.sqlite3")) as client:
            for request in requests:
                try:
                    client.send(request)
                except EngagementError as error:
                    errors.append(told(error))
        assert len(errors) >= 11
        person = Person()
        granted = login(
            consumer_key=sandbox.consumer_key,
            consumer_secret=sandbox.consumer_secret,
            hosts=hosts_at(sandbox.url),
            ask=person.ask,
            show=person.show,
        )
        for key, answer in (("wrong-PLANTED", pin_from), (sandbox.consumer_key, lambda _: "1")):
            person = Person(answer)
            with pytest.raises(EngagementError) as caught:
                login(
                    consumer_key=key,
                    consumer_secret=sandbox.consumer_secret,
                    hosts=hosts_at(sandbox.url),
                    ask=person.ask,
                    show=person.show,
                )
            errors.append(told(caught.value))
        secrets = [
            *PLANTED.values(),
            "wrong-PLANTED",
            *(part.reveal() for part in (*_tokens_of(good), *_tokens_of(granted))),
            sandbox.bearer_token,
        ]
    said = everything_said()
    assert "HTTP Request: POST" in said  # The libraries' logs are really on.
    left = [
        path.read_text("utf-8", "replace")
        for path in tmp_path.rglob("*")
        if path.is_file() and path.name != "credentials.toml"
    ]
    assert left
    for text in (said, *errors, *left):
        assert leaks_in(text, secrets) == []
        assert "oauth_signature=" not in text


def _tokens_of(profile: Profile) -> tuple[Secret, Secret, Secret, Secret]:
    return (
        profile.consumer_key,
        profile.consumer_secret,
        profile.access_token,
        profile.access_token_secret,
    )


def test_the_command_line_says_no_secret(
    everything_said: Callable[[], str], monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    for environ in (sandbox.env, {**sandbox.env, **PLANTED}):
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        for arguments in (["status"], ["status", "--json"], ["check"], ["check", "--json"]):
            result = CliRunner().invoke(auth, arguments)
            assert result.exception is None or isinstance(result.exception, SystemExit)
            secrets = [environ[name] for name in PLANTED]
            assert leaks_in(result.output, secrets) == []
    assert leaks_in(everything_said(), [*PLANTED.values(), *sandbox.env.values()][:10]) == []


def test_a_secret_that_the_mask_spells_does_not_garble_the_mask(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Masking twice equals masking once, for any secrets."""
    monkeypatch.setattr("engagement_nb.client.credentials.secret._seen", set())
    Secret("secret")
    once = redact("a secret, and another secret")
    assert once == "a [secret], and another [secret]"
    assert redact(once) == once
