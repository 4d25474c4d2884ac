"""Profiles of a sandbox's accounts, a machine without tokens, a client that paces in memory."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from engagement_nb.client import Client
from engagement_nb.client.credentials import Profile, find_profiles
from engagement_nb.client.hosts import hosts_at
from engagement_nb.client.pacing import Pacer
from engagement_nb.sandbox import Sandbox


def profile_of(sandbox: Sandbox, account: int = 0, **changes: Any) -> Profile:
    """The profile of one account of a sandbox."""
    tokens = sandbox.accounts[account]
    parts = {
        "consumer_key": sandbox.consumer_key,
        "consumer_secret": sandbox.consumer_secret,
        "access_token": tokens.access_token,
        "access_token_secret": tokens.access_token_secret,
        **changes,
    }
    return Profile(tokens.handle, hosts_at(sandbox.url), **parts)


def profiles_in(variables: Mapping[str, str], names: Sequence[str] | None = None) -> list[Profile]:
    """The profiles of these environment variables, with no file ``.env``."""
    dotenv = patch("engagement_nb.client.credentials.lookup.find_dotenv", return_value="")
    with patch.dict(os.environ, variables), dotenv:
        return find_profiles(names)


def quick_client(**options: Any) -> Client:
    """A client with a pacer of its own."""
    return Client(pacer=Pacer(), **options)


def without_keys(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    """Work in an empty directory, on a machine with no tokens in any place of the lookup."""
    monkeypatch.chdir(directory)
    monkeypatch.setenv("ENGAGEMENT_CONFIG_DIR", str(directory / "config"))
    for name in list(os.environ):
        if name.startswith("TWITTER_") or name in ("ENGAGEMENT_API_URL", "ENGAGEMENT_AUTH_URL"):
            monkeypatch.delenv(name)
