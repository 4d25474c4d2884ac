"""The PIN flow with its pages, bearer tokens, and what revocation does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests
from requests_oauthlib import OAuth1, OAuth1Session
from requests_oauthlib.oauth1_session import TokenRequestDenied

from engagement_nb.sandbox import Sandbox
from tests.sandbox.helpers import post
from tests.sandbox.sign_in import authorize, finish, session, start

Make = Callable[..., Sandbox]


def test_the_pin_flow_ends_with_the_tokens_of_the_chosen_account(sandbox: Sandbox) -> None:
    token = start(sandbox)
    assert token["oauth_callback_confirmed"] == "true"
    shown = requests.get(
        sandbox.url + "/oauth/authorize", params={"oauth_token": token["oauth_token"]}
    )
    assert shown.status_code == 200
    assert "SANDBOX" in shown.text
    assert all(account.handle in shown.text for account in sandbox.accounts)
    mine = finish(sandbox, token, authorize(sandbox, token["oauth_token"], 1))
    second = sandbox.accounts[1]
    assert mine["user_id"] == second.user_id
    assert mine["screen_name"] == second.handle
    assert mine["oauth_token"].startswith(second.user_id + "-")
    auth = OAuth1(
        sandbox.consumer_key,
        sandbox.consumer_secret,
        mine["oauth_token"],
        mine["oauth_token_secret"],
    )
    response = requests.post(
        sandbox.url + "/insights/engagement/28hr",
        auth=auth,
        json={
            "tweet_ids": sandbox.ids("own", 2, 1),
            "engagement_types": ["impressions"],
            "groupings": {"g": {"group_by": ["tweet.id"]}},
        },
    )
    assert response.status_code == 200


@pytest.mark.parametrize("path", ["/oauth/authorize", "/oauth/authenticate"])
@pytest.mark.parametrize("callback", ["http://127.0.0.1:9/back", "https://app.example/in?from=x"])
def test_the_web_flow_returns_to_the_callback_with_a_verifier(
    sandbox: Sandbox, path: str, callback: str
) -> None:
    token = session(sandbox, callback_uri=callback).fetch_request_token(
        sandbox.url + "/oauth/request_token"
    )
    url = sandbox.url + path
    shown = requests.get(url, params={"oauth_token": token["oauth_token"]})
    assert "go back to the program" in shown.text
    form = {"oauth_token": token["oauth_token"], "account": "1"}
    response = requests.post(url, data=form, allow_redirects=False)
    assert response.status_code == 303
    back = session(sandbox)
    assert response.headers["location"].startswith(callback)
    told = back.parse_authorization_response(response.headers["location"])
    assert told["oauth_token"] == token["oauth_token"]
    mine = finish(sandbox, token, told["oauth_verifier"])
    assert mine["user_id"] == sandbox.accounts[1].user_id


def test_a_login_that_is_cancelled_returns_to_the_callback_and_says_so(sandbox: Sandbox) -> None:
    callback = "http://127.0.0.1:9/back"
    token = session(sandbox, callback_uri=callback).fetch_request_token(
        sandbox.url + "/oauth/request_token"
    )["oauth_token"]
    form = {"oauth_token": token, "cancel": "1"}
    response = requests.post(sandbox.url + "/oauth/authorize", data=form, allow_redirects=False)
    assert response.headers["location"] == f"{callback}?denied={token}"


def test_a_wrong_pin_gets_nothing_and_the_right_one_still_works_once(sandbox: Sandbox) -> None:
    token = start(sandbox)
    for guess in ("0000000", "00000000"):
        with pytest.raises(TokenRequestDenied) as denied:
            finish(sandbox, token, guess)
        assert denied.value.status_code == 401
    pin = authorize(sandbox, token["oauth_token"])
    with pytest.raises(TokenRequestDenied):
        finish(sandbox, token, str((int(pin) + 1) % 10**7))
    assert finish(sandbox, token, pin)["oauth_token"]
    with pytest.raises(TokenRequestDenied):
        finish(sandbox, token, pin)


def test_a_request_token_needs_a_good_signature_and_a_callback(sandbox: Sandbox) -> None:
    url = sandbox.url + "/oauth/request_token"
    with pytest.raises(TokenRequestDenied) as denied:
        OAuth1Session(sandbox.consumer_key, "wrong", callback_uri="oob").fetch_request_token(url)
    assert denied.value.status_code == 401
    with pytest.raises(TokenRequestDenied):
        session(sandbox, callback_uri="not an address").fetch_request_token(url)
    assert requests.post(url).status_code == 401
    assert requests.post(url, headers={"Authorization": "OAuth ü"}).status_code == 401


def test_a_request_token_can_be_cancelled_and_expires(make_sandbox: Make) -> None:
    moment = {"now": 1_790_000_000.0}
    sandbox = make_sandbox(auth_clock=lambda: moment["now"], timestamp_tolerance=10**6)
    from time import time

    moment["now"] = time()
    token = start(sandbox)["oauth_token"]
    form = {"oauth_token": token, "account": "0", "cancel": "1"}
    assert "Cancelled" in requests.post(sandbox.url + "/oauth/authorize", data=form).text
    old = start(sandbox)["oauth_token"]
    moment["now"] += 1000
    start(sandbox)
    for gone in (token, old, "nonsense", ""):
        response = requests.get(sandbox.url + "/oauth/authorize", params={"oauth_token": gone})
        assert response.status_code == 404
        assert "Start the login again" in response.text


@pytest.mark.parametrize("account", ["99", "9" * 5000, "-1", "²", "x"])
def test_an_unknown_account_shows_the_page_again(sandbox: Sandbox, account: str) -> None:
    form = {"oauth_token": start(sandbox)["oauth_token"], "account": account}
    response = requests.post(sandbox.url + "/oauth/authorize", data=form)
    assert response.status_code == 200
    assert "Authorize the app" in response.text
    assert 'id="pin"' not in response.text


def test_the_bearer_endpoint_checks_key_secret_and_grant(sandbox: Sandbox) -> None:
    url, good = sandbox.url + "/oauth2/token", (sandbox.consumer_key, sandbox.consumer_secret)
    grant = {"grant_type": "client_credentials"}
    response = requests.post(url, auth=good, data=grant)
    assert response.json() == {"token_type": "bearer", "access_token": sandbox.bearer_token}
    assert requests.post(url, auth=(good[0], "wrong"), data=grant).status_code == 403
    assert requests.post(url, auth=("nobody", good[1]), data=grant).status_code == 403
    assert requests.post(url, data=grant).status_code == 403
    assert requests.post(url, auth=good, data={"grant_type": "password"}).status_code == 400
    assert requests.post(url, auth=good).status_code == 400
    headers = {"Authorization": "Basic \xff\xff"}
    assert requests.post(url, data=grant, headers=headers).status_code == 403


def test_a_revoked_user_token_is_a_401_until_a_new_login(make_sandbox: Make) -> None:
    sandbox = make_sandbox()
    ids, token = sandbox.ids("own", 1), sandbox.accounts[0].access_token
    assert post(sandbox, "totals", ids, ["favorites"]).status_code == 200
    assert requests.post(sandbox.url + "/sandbox/revoke", json={"token": token}).ok
    response = post(sandbox, "totals", ids, ["favorites"])
    assert response.status_code == 401
    assert response.json()["errors"][0].endswith("Reason: Access token not found")
    assert requests.post(sandbox.url + "/sandbox/revoke", json={"token": token}).status_code == 400
    request_token = start(sandbox)
    new = finish(sandbox, request_token, authorize(sandbox, request_token["oauth_token"]))
    assert new["oauth_token"] != token
    assert new["user_id"] == sandbox.accounts[0].user_id
    assert requests.post(sandbox.url + "/sandbox/restore").ok
    assert post(sandbox, "totals", ids, ["favorites"]).status_code == 200


def test_an_invalidated_bearer_token_is_a_401(make_sandbox: Make) -> None:
    sandbox = make_sandbox()
    response = requests.post(
        sandbox.url + "/oauth2/invalidate_token",
        auth=(sandbox.consumer_key, sandbox.consumer_secret),
        data="access_token=" + sandbox.bearer_token,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert response.json() == {"access_token": sandbox.bearer_token}
    response = post(sandbox, "totals", ["1"], ["favorites"], account=None)
    assert response.status_code == 401


def test_tokens_of_one_app_do_not_work_with_the_keys_of_another(sandbox: Sandbox) -> None:
    blocked, first = sandbox.keys.app_without_access, sandbox.accounts[0]
    auth = OAuth1(
        blocked.consumer_key,
        blocked.consumer_secret,
        first.access_token,
        first.access_token_secret,
    )
    response = requests.post(sandbox.url + "/insights/engagement/totals", json={}, auth=auth)
    assert response.status_code == 401
    assert response.json()["errors"][0].endswith("Access token not found")


def test_user_tokens_of_an_app_without_access_are_refused(make_sandbox: Make) -> None:
    sandbox = make_sandbox()
    blocked = sandbox.keys.app_without_access
    token, secret = sandbox.keys.issue(blocked, 0)
    auth = OAuth1(blocked.consumer_key, blocked.consumer_secret, token, secret)
    response = requests.post(sandbox.url + "/insights/engagement/totals", json={}, auth=auth)
    assert response.json() == {"errors": ["Your application id is not authorized."]}
