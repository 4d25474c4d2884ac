"""Hosts: which addresses tokens may be sent to."""

from __future__ import annotations

import pytest

from engagement_nb.client.hosts import LIVE, Hosts, hosts_at, hosts_from_env, is_loopback
from engagement_nb.errors import InputError


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8642",
        "http://localhost:1",
        "http://[::1]:9",
        "https://data-api.twitter.com",
    ],
)
def test_tokens_may_go_to_https_and_to_this_machine(url: str) -> None:
    assert Hosts(url, url).api == url


@pytest.mark.parametrize(
    "url",
    [
        "http://data-api.twitter.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://10.0.0.1",
        "ftp://127.0.0.1",
        "data-api.twitter.com",
        "https://",
        "https://user:password@data-api.twitter.com",
        "https://:password@data-api.twitter.com",
        "https://@data-api.twitter.com",
        "https://data-api.twitter.com?x=1",
        "https://data-api.twitter.com?",
        "https://data-api.twitter.com/#fragment",
        "http://127.0.0.1:99999",
        "https://[",
    ],
)
def test_tokens_go_nowhere_else(url: str) -> None:
    with pytest.raises(InputError):
        hosts_at(url)
    with pytest.raises(InputError):
        Hosts(url, LIVE.auth)
    with pytest.raises(InputError):
        Hosts(LIVE.api, url)


def test_without_variables_the_live_hosts_are_used() -> None:
    assert hosts_from_env({}) == LIVE


def test_variables_name_other_hosts() -> None:
    hosts = hosts_from_env(
        {"ENGAGEMENT_API_URL": "http://127.0.0.1:1/", "ENGAGEMENT_AUTH_URL": "http://127.0.0.1:2"}
    )
    assert (hosts.name, hosts.api, hosts.auth) == (
        "sandbox",
        "http://127.0.0.1:1",
        "http://127.0.0.1:2",
    )
    assert hosts.sandbox


def test_a_sandbox_issues_its_own_tokens() -> None:
    """The key and secret of a sandbox are not sent to the live auth host by omission."""
    assert hosts_at("http://127.0.0.1:1").auth == "http://127.0.0.1:1"


def test_an_address_with_a_password_is_not_repeated_in_the_error() -> None:
    with pytest.raises(InputError) as caught:
        hosts_at("https://me:planted-password@example.com")
    assert "planted-password" not in str(caught.value)


def test_loopback_is_recognized_by_address_and_not_by_prefix() -> None:
    assert is_loopback("http://127.8.9.1")
    assert not is_loopback("http://127.0.0.1.example.com")
