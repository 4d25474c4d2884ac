"""``engagement-nb auth``: which tokens are stored, what works, and what to do otherwise."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from engagement_nb.apis.engagement import TOKEN_VARIABLES
from engagement_nb.cli.auth import auth
from engagement_nb.client.credentials import config_file, find_profiles
from engagement_nb.errors import CredentialsError, InputError
from engagement_nb.sandbox import Sandbox
from tests.client.logins import pin_from
from tests.client.profiles import without_keys

MakeSandbox = Callable[..., Sandbox]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Call ``auth`` with the variables given, on a machine without keys."""
    without_keys(monkeypatch, tmp_path)

    def run(*arguments: str, env: dict[str, str] | None = None, typed: Any = None) -> Result:
        return CliRunner().invoke(auth, arguments, env=env, input=typed)

    return run


def checks_in(result: Result) -> list[dict[str, Any]]:
    profiles = json.loads(result.stdout)["profiles"]
    return [check for profile in profiles for check in profile["checks"]]


@pytest.mark.parametrize("command", ["status", "check"])
def test_without_keys_the_sandbox_is_named_and_nothing_fails(
    run: Callable[..., Result], command: str
) -> None:
    result = run(command)
    assert result.exit_code == 0
    assert "sandbox is used, and it needs none" in result.stdout
    assert "auth login" in result.stdout
    assert json.loads(run(command, "--json").stdout)["profiles"] == []


def test_status_lists_the_stored_tokens(run: Callable[..., Result], sandbox: Sandbox) -> None:
    env = dict(sandbox.env)
    del env[TOKEN_VARIABLES["bearer_token"]], env[TOKEN_VARIABLES["access_token"]]
    result = run("status", env=env)
    assert result.exit_code == 0
    lines = {" ".join(line.split()) for line in result.stdout.splitlines()}
    assert {
        "consumer key stored",
        "access token missing",
        "bearer token fetched when needed",
    } <= lines
    (profile,) = json.loads(run("status", "--json", env=env).stdout)["profiles"]
    assert profile["tokens"] == {
        "consumer_key": True,
        "consumer_secret": True,
        "access_token": False,
        "access_token_secret": True,
        "bearer_token": False,
    }


def test_check_tries_each_kind_of_token_with_one_request(
    run: Callable[..., Result], make_sandbox: MakeSandbox
) -> None:
    sandbox = make_sandbox(tweets=300)
    result = run("check", "--json", env=sandbox.env)
    assert result.exit_code == 0
    assert [(c["tokens"], c["outcome"]) for c in checks_in(result)] == [
        ("bearer token", "works"),
        ("user tokens", "works"),
    ]
    assert len(sandbox.log) == 2


def test_check_with_a_tweet_tries_the_three_endpoints(
    run: Callable[..., Result], make_sandbox: MakeSandbox
) -> None:
    sandbox = make_sandbox(tweets=300)
    (own,), (other,) = sandbox.ids("own", 1), sandbox.ids("others", 1)
    result = run("check", "--json", "--tweet", own, env=sandbox.env)
    assert [(c["endpoint"], c["outcome"]) for c in checks_in(result)] == [
        ("totals", "works"),
        ("totals", "works"),
        ("28hr", "works"),
        ("historical", "works"),
    ]
    result = run("check", "--tweet", other, env=sandbox.env)
    assert result.exit_code == 1
    assert "another user's Tweets" in result.stdout


def test_check_names_the_cause_and_the_next_step(
    run: Callable[..., Result], make_sandbox: MakeSandbox
) -> None:
    sandbox = make_sandbox(tweets=300, reasons="detailed")
    env = {**sandbox.env, TOKEN_VARIABLES["consumer_secret"]: "wrong-secret"}
    result = run("check", env=env)
    assert result.exit_code == 1
    assert "signature is not accepted" in result.stdout
    assert "→ Copy both secrets again" in result.stdout
    failing = [c for c in checks_in(run("check", "--json", env=env)) if c["outcome"] == "fails"]
    assert [(c["tokens"], c["status"]) for c in failing] == [("user tokens", 401)]


@pytest.mark.parametrize(
    ("options", "outcome"),
    [
        ({"faults": {"rates": {"503": 1.0}}}, "unknown"),
        ({"faults": {"rates": {"drop": 1.0}}}, "unknown"),
        ({"per_minute": 1}, "unknown"),
    ],
)
def test_check_distinguishes_network_trouble_from_failing_tokens(
    run: Callable[..., Result], make_sandbox: MakeSandbox, options: dict[str, Any], outcome: str
) -> None:
    sandbox = make_sandbox(tweets=300, **options)
    if options.get("per_minute"):
        sandbox.minute.spend(sandbox.consumer_key)  # type: ignore[union-attr]
    env = {**sandbox.env, "TWITTER_BEARER_TOKEN": "", "TWITTER_ACCESS_TOKEN": ""}
    result = run("check", "--json", env=env)
    assert result.exit_code == 1
    assert [c["outcome"] for c in checks_in(result)] == [outcome, "not tried"]


def test_missing_tokens_are_not_tried_and_are_no_failure(
    run: Callable[..., Result], make_sandbox: MakeSandbox
) -> None:
    sandbox = make_sandbox(tweets=300)
    env = {**sandbox.env, "TWITTER_ACCESS_TOKEN": ""}
    result = run("check", env=env)
    assert result.exit_code == 0
    assert "cannot sign as a user: it has no access token." in result.stdout
    assert len(sandbox.log) == 1


class Typing(io.RawIOBase):
    """A person at the keyboard: each line is computed when it is read."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        line = next(self._lines, "").encode() if len(buffer) else b""
        buffer[: len(line)] = line
        return len(line)


def test_login_asks_for_a_pin_and_stores_tokens(
    run: Callable[..., Result], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The PIN is read from the sandbox's page between two questions, as a person would."""
    pages: list[str] = []

    def lines() -> Iterator[str]:
        yield f"{sandbox.consumer_key}\n"
        yield f"{sandbox.consumer_secret}\n"
        yield f"{pin_from(pages[-1])}\n"

    monkeypatch.setattr("click.launch", pages.append)
    env = {k: v for k, v in sandbox.env.items() if k.startswith("ENGAGEMENT_")}
    result = run("login", "--profile", "mine", env=env, typed=io.BufferedReader(Typing(lines())))
    assert result.exit_code == 0, result.output
    assert "Open this page" in result.stderr
    assert "Stored as profile 'mine'" in result.stderr
    assert sandbox.consumer_secret not in result.output
    (profile,) = find_profiles()
    assert profile.user_id == sandbox.accounts[0].user_id
    assert config_file().exists()


def test_wrong_use_is_explained(run: Callable[..., Result], sandbox: Sandbox) -> None:
    assert isinstance(run("check", "--tweet", "6.49E+17", env=sandbox.env).exception, InputError)
    unknown = run("check", "--profile", "nobody", env=sandbox.env).exception
    assert isinstance(unknown, CredentialsError)
    assert "there are: default" in str(unknown)


def test_check_of_v2_reads_no_post_and_says_what_the_plan_includes(
    run: Callable[..., Result], make_sandbox: MakeSandbox
) -> None:
    """A Post that is not there is not billed, and an app that pays per use has no analytics."""
    sandbox = make_sandbox(tweets=300, tier="pay per use")
    result = run("check", "--v2", env=sandbox.env)
    assert result.exit_code == 0, result.output
    assert "user tokens, totals       works" in result.stdout
    assert "user tokens, historical   not sold" in result.stdout
    assert "sold with Enterprise contracts" in result.stdout
    assert sandbox.v2.purse.spent == 0
    [own] = sandbox.ids("own", 1)
    outcomes = [c["outcome"] for c in checks_in(run("check", "--v2", "--tweet", own, "--json",
                                                    env=sandbox.env))]  # fmt: skip
    assert outcomes == ["works", "not sold"]
    [other] = sandbox.ids("others", 1)
    failed = run("check", "--v2", "--tweet", other, env=sandbox.env)
    assert failed.exit_code == 1
    assert f"no such figures of Tweet {other}" in failed.stdout


def test_status_and_check_know_who_signed_in_to_v2(
    run: Callable[..., Result], sandbox: Sandbox
) -> None:
    """Old tokens are exchanged at the terminal, which opens no page and says so."""
    typed = f"{sandbox.client_id}\n{sandbox.client_secret}\n"
    for option in ("--no-open", "--port=8000"):
        refused = run("login", "--v2", "--exchange", option, env=sandbox.env, typed=typed)
        assert refused.exit_code == 2
        assert "neither --port nor --open" in refused.output
    made = run("login", "--v2", "--exchange", env=sandbox.env, typed=typed)
    assert made.exit_code == 0, made.output
    shown = run("status", env=sandbox.env)
    assert "stored; renewed when needed" in shown.stdout
    profiles = json.loads(run("check", "--v2", "--json", env=sandbox.env).stdout)["profiles"]
    assert [profile["oauth2"] for profile in profiles] == [True]
