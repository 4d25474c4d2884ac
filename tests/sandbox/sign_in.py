"""The PIN flow, done by requests-oauthlib."""

from __future__ import annotations

import re
from typing import Any

import requests
from requests_oauthlib import OAuth1Session

from engagement_nb.sandbox import Sandbox


def session(sandbox: Sandbox, **options: Any) -> OAuth1Session:
    return OAuth1Session(sandbox.consumer_key, sandbox.consumer_secret, **options)


def start(sandbox: Sandbox) -> dict[str, str]:
    response: dict[str, str] = session(sandbox, callback_uri="oob").fetch_request_token(
        sandbox.url + "/oauth/request_token"
    )
    return response


def authorize(sandbox: Sandbox, token: str, account: int = 0) -> str:
    form = {"oauth_token": token, "account": str(account)}
    text = requests.post(sandbox.url + "/oauth/authorize", data=form).text
    found = re.search(r'id="pin">([0-9]{7})<', text)
    assert found, text
    return found[1]


def finish(sandbox: Sandbox, request_token: dict[str, str], pin: str) -> dict[str, str]:
    last = session(
        sandbox,
        resource_owner_key=request_token["oauth_token"],
        resource_owner_secret=request_token["oauth_token_secret"],
        verifier=pin,
    )
    response: dict[str, str] = last.fetch_access_token(sandbox.url + "/oauth/access_token")
    return response
