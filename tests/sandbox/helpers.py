"""A plain client for these tests: requests and requests_oauthlib, none of the project's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import requests
from requests_oauthlib import OAuth1

from engagement_nb.sandbox import Sandbox

PER_TWEET = ("tweet.id", "engagement.type")


def owner(sandbox: Sandbox, account: int = 0) -> OAuth1:
    tokens = sandbox.accounts[account]
    return OAuth1(
        sandbox.consumer_key,
        sandbox.consumer_secret,
        tokens.access_token,
        tokens.access_token_secret,
    )


def post(
    sandbox: Sandbox,
    endpoint: str,
    ids: Sequence[Any],
    types: Sequence[str],
    *group_by: str,
    account: int | None = 0,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> requests.Response:
    """One request; with the bearer token if there is no account."""
    groupings = {"g": {"group_by": list(group_by or PER_TWEET)}}
    body = {
        "tweet_ids": list(ids),
        "engagement_types": list(types),
        "groupings": groupings,
        **more,
    }
    sent = dict(headers or {})
    if account is None:
        sent["Authorization"] = f"Bearer {sandbox.bearer_token}"
    return requests.post(
        f"{sandbox.url}/insights/engagement/{endpoint}",
        json=body,
        headers=sent,
        auth=None if account is None else owner(sandbox, account),
        timeout=30,
    )
