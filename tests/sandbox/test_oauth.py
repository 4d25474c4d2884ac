"""Signatures: made here by the letter of RFC 5849, judged by the sandbox with oauthlib."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from oauthlib.oauth1 import Client

from engagement_nb.sandbox import Sandbox
from engagement_nb.sandbox.keys import App, Caller, Keys
from engagement_nb.sandbox.oauth import AuthenticationError, Call
from engagement_nb.sandbox.settings import Settings

NOW = 1_318_622_958
Pairs = Sequence[tuple[str, str]]


def encoded(text: str) -> str:
    return quote(text.encode(), safe="-._~")


def base_string(method: str, url: str, oauth: Pairs, form: Pairs = ()) -> str:
    """RFC 5849, section 3.4.1."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if parts.port not in (None, {"http": 80, "https": 443}[parts.scheme]):
        host += f":{parts.port}"
    address = f"{parts.scheme}://{host}{parts.path or '/'}"
    query = parse_qsl(parts.query, keep_blank_values=True)
    pairs = sorted((encoded(k), encoded(v)) for k, v in [*query, *form, *oauth])
    listed = "&".join(f"{k}={v}" for k, v in pairs)
    return "&".join([method.upper(), encoded(address), encoded(listed)])


def signed(
    method: str,
    url: str,
    secrets: tuple[str, str],
    oauth: Pairs,
    form: Pairs = (),
    realm: str = "",
) -> str:
    """An Authorization header."""
    key = "&".join(map(encoded, secrets)).encode()
    digest = hmac.digest(key, base_string(method, url, oauth, form).encode(), "sha1")
    pairs = [*oauth, ("oauth_signature", base64.b64encode(digest).decode())]
    listed = ", ".join(f'{encoded(k)}="{encoded(v)}"' for k, v in pairs)
    return "OAuth " + (f'realm="{realm}", ' if realm else "") + listed


def gate(app: App, token: str, secret: str, now: float = NOW, tolerance: float = 300) -> Keys:
    keys = Keys(Settings(accounts=1, timestamp_tolerance=tolerance), lambda: now)
    keys.apps[app.consumer_key] = app
    keys.tokens[token] = (Caller(app, 0), secret)
    return keys


APP = App("mine", "the key", "the&secret=%", "a bearer token")
TOKEN, SECRET = "7-token/+", "token secret ü"
URL = "http://127.0.0.1:8080/insights/engagement/totals"


def parameters(**changes: str) -> list[tuple[str, str]]:
    plain = {
        "oauth_consumer_key": APP.consumer_key,
        "oauth_nonce": "nonce",
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": str(NOW),
        "oauth_token": TOKEN,
        "oauth_version": "1.0",
    }
    return [(key, value) for key, value in {**plain, **changes}.items() if value]


def ask(
    door: Keys, header: str, url: str = URL, method: str = "POST", body: bytes = b"", kind: str = ""
) -> Any:
    return door.caller(Call(method, url, {"authorization": header, "content-type": kind}, body))


def refused(*arguments: Any, **options: Any) -> str:
    with pytest.raises(AuthenticationError) as caught:
        ask(*arguments, **options)
    return str(caught.value)


def mine(**options: Any) -> Keys:
    return gate(APP, TOKEN, SECRET, **options)


def test_the_vendors_published_example_verifies() -> None:
    app = App(
        "example",
        "xvz1evFS4wEEPTGEFPHBog",
        "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw",
        "bearer",
    )
    token = "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb"
    door = gate(app, token, "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE")
    header = (
        'OAuth oauth_consumer_key="xvz1evFS4wEEPTGEFPHBog", '
        'oauth_nonce="kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg", '
        'oauth_signature="hCtSmYh%2BiHYCEqBWrE7C7hYmtUk%3D", '
        'oauth_signature_method="HMAC-SHA1", oauth_timestamp="1318622958", '
        f'oauth_token="{token}", oauth_version="1.0"'
    )
    url = "https://api.twitter.com/1.1/statuses/update.json?include_entities=true"
    body = b"status=Hello%20Ladies%20%2B%20Gentlemen%2C%20a%20signed%20OAuth%20request%21"
    form = "application/x-www-form-urlencoded"
    assert ask(door, header, url, "POST", body, form).app is app
    other = gate(app, token, "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE")
    assert refused(other, header, url, "POST", body.replace(b"Ladies", b"Lad1es"), form)


def test_the_example_of_rfc_5849_verifies() -> None:
    """Section 1.2: the photo, fetched with query parameters and a nine-digit timestamp."""
    app = App("printer", "dpf43f3p2l4k3l03", "kd94hf93k423kf44", "bearer")
    header = (
        'OAuth realm="Photos", oauth_consumer_key="dpf43f3p2l4k3l03", '
        'oauth_token="nnch734d00sl2jdk", oauth_signature_method="HMAC-SHA1", '
        'oauth_timestamp="137131202", oauth_nonce="chapoH", '
        'oauth_signature="MdpQcU8iPSUjWoN%2FUDMsK2sui9I%3D"'
    )
    url = "http://photos.example.net/photos?file=vacation.jpg&size=original"
    door = gate(app, "nnch734d00sl2jdk", "pfkkdhi9sl3r4s00", now=137_131_202)
    assert ask(door, header, url, "GET").app is app


def test_the_base_string_of_rfc_5849_is_the_one_verified() -> None:
    """Section 3.4.1.1: an upper-case host with its default port, names twice, odd encodings."""
    url = "http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b"
    app = App("rfc", "9djdj82h48djs9d2", "j49sk3j29djd", "bearer")
    oauth = [
        ("oauth_consumer_key", "9djdj82h48djs9d2"),
        ("oauth_token", "kkk9d7dh3k39sjv7"),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", "137131201"),
        ("oauth_nonce", "7d8f3e4a"),
    ]
    form = [("c2", ""), ("a3", "2 q")]
    assert base_string("post", url, oauth, form) == (
        "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q"
        "%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_"
        "key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_m"
        "ethod%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk"
        "9d7dh3k39sjv7"
    )
    door = gate(app, "kkk9d7dh3k39sjv7", "dh893hdasih9", now=137_131_201)
    header = signed("POST", url, ("j49sk3j29djd", "dh893hdasih9"), oauth, form, "Example")
    assert ask(door, header, url, "POST", b"c2&a3=2+q", "application/x-www-form-urlencoded")


@pytest.mark.parametrize(
    ("url", "method"),
    [
        ("http://127.0.0.2:8080/insights/engagement/totals", "POST"),
        ("http://127.0.0.1:8081/insights/engagement/totals", "POST"),
        ("http://127.0.0.1/insights/engagement/totals", "POST"),
        ("https://127.0.0.1:8080/insights/engagement/totals", "POST"),
        ("http://127.0.0.1:8080/insights/engagement/28hr", "POST"),
        ("http://127.0.0.1:8080/insights/engagement/totals/", "POST"),
        (URL, "PUT"),
        (URL + "?a=1", "POST"),
    ],
)
def test_a_signature_for_another_host_port_scheme_path_or_method_is_refused(
    url: str, method: str
) -> None:
    header = signed("POST", URL, (APP.consumer_secret, SECRET), parameters())
    assert refused(mine(), header, url, method) == "Invalid signature"
    assert ask(mine(), header).account == 0


@pytest.mark.parametrize(
    ("signed_as", "sent_as"),
    [
        ("http://Example.COM/x", "http://example.com/x"),
        ("http://example.com:80/x", "http://example.com/x"),
        ("https://example.com:443/x", "https://example.com/x"),
        ("http://example.com/x?b=2&a=1", "http://example.com/x?a=1&b=2"),
        ("http://example.com/x?a=%7E%2d", "http://example.com/x?a=~-"),
        ("http://example.com/x?a=b%20c", "http://example.com/x?a=b+c"),
        ("http://example.com/x?a=2&a=1", "http://example.com/x?a=1&a=2"),
        ("http://example.com/x?a", "http://example.com/x?a="),
    ],
)
def test_spellings_that_rfc_5849_calls_the_same_are_accepted(signed_as: str, sent_as: str) -> None:
    header = signed("POST", sent_as, (APP.consumer_secret, SECRET), parameters())
    assert ask(mine(), header, signed_as).account == 0
    header = signed("POST", "http://example.com/y", (APP.consumer_secret, SECRET), parameters())
    assert refused(mine(), header, signed_as)


def test_an_oauth_parameter_given_twice_is_refused_and_another_is_not() -> None:
    secrets = (APP.consumer_secret, SECRET)
    twice = [*parameters(), ("oauth_nonce", "another")]
    assert refused(mine(), signed("POST", URL, secrets, twice))
    url = URL + "?a=1&a=1"
    assert ask(mine(), signed("POST", url, secrets, parameters()), url).account == 0
    assert refused(mine(), signed("POST", url, secrets, parameters()), URL + "?a=1")


def test_a_json_body_is_not_signed_and_a_form_is() -> None:
    header = signed("POST", URL, (APP.consumer_secret, SECRET), parameters())
    assert ask(mine(), header, body=b'{"a": 1}', kind="application/json").account == 0
    kind = "application/x-www-form-urlencoded"
    assert refused(mine(), header, body=b"a=1", kind=kind)
    form = signed("POST", URL, (APP.consumer_secret, SECRET), parameters(), [("a", "1")])
    assert ask(mine(), form, body=b"a=1", kind=kind).account == 0


def test_a_nonce_is_valid_once_and_a_refused_request_does_not_use_it_up() -> None:
    door, header = mine(), signed("POST", URL, (APP.consumer_secret, SECRET), parameters())
    wrong = signed("POST", URL, ("not the secret", SECRET), parameters())
    assert refused(door, wrong) == "Invalid signature"
    assert ask(door, header).account == 0
    assert refused(door, header) == "Nonce already used"
    later = parameters(oauth_timestamp=str(NOW + 1))
    assert ask(door, signed("POST", URL, (APP.consumer_secret, SECRET), later)).account == 0


@pytest.mark.parametrize("offset", [-301, 301, -NOW + 1])
def test_a_stale_or_future_timestamp_is_refused(offset: int) -> None:
    oauth = parameters(oauth_timestamp=str(NOW + offset))
    header = signed("POST", URL, (APP.consumer_secret, SECRET), oauth)
    assert refused(mine(), header) == "Timestamp out of bounds"


@pytest.mark.parametrize(
    "changes",
    [
        {"oauth_consumer_key": "nobody"},
        {"oauth_consumer_key": ""},
        {"oauth_token": "1-nobody"},
        {"oauth_nonce": ""},
        {"oauth_timestamp": ""},
        {"oauth_timestamp": "soon"},
        {"oauth_timestamp": "+318622958"},
        {"oauth_timestamp": "1_31862295"},
        {"oauth_signature_method": "PLAINTEXT"},
        {"oauth_signature_method": "HMAC-SHA256"},
        {"oauth_signature_method": ""},
        {"oauth_version": "2.0"},
    ],
    ids=str,
)
def test_missing_or_unknown_parameters_are_refused(changes: dict[str, str]) -> None:
    header = signed("POST", URL, (APP.consumer_secret, SECRET), parameters(**changes))
    assert refused(mine(), header)


def test_version_may_be_left_out() -> None:
    header = signed("POST", URL, (APP.consumer_secret, SECRET), parameters(oauth_version=""))
    assert ask(mine(), header).account == 0


def test_version_1_0a_is_accepted_because_real_clients_send_it() -> None:
    oauth = parameters(oauth_version="1.0A")
    header = signed("POST", URL, (APP.consumer_secret, SECRET), oauth)
    assert ask(mine(), header).account == 0


@pytest.mark.parametrize("token", ["", None])
def test_an_app_may_sign_without_a_user(token: str | None) -> None:
    oauth = [pair for pair in parameters() if pair[0] != "oauth_token"]
    oauth += [] if token is None else [("oauth_token", token)]
    caller = ask(mine(), signed("POST", URL, (APP.consumer_secret, ""), oauth))
    assert (caller.app, caller.account) == (APP, None)
    assert refused(mine(), signed("POST", URL, ("wrong", ""), oauth)) == "Invalid signature"


@pytest.mark.parametrize("token", ["", None])
def test_an_app_without_a_user_gets_public_metrics_on_totals_and_nothing_else(
    sandbox: Sandbox, token: str | None
) -> None:
    ids = sandbox.ids("others", 1)
    for endpoint, metric, status in (
        ("totals", "favorites", 200),
        ("totals", "impressions", 400),
        ("historical", "favorites", 400),
    ):
        client = Client(sandbox.consumer_key, sandbox.consumer_secret, resource_owner_key=token)
        url = f"{sandbox.url}/insights/engagement/{endpoint}"
        _, headers, _ = client.sign(url, "POST")
        body = {
            "tweet_ids": ids,
            "engagement_types": [metric],
            "groupings": {"g": {"group_by": ["tweet.id", "engagement.type"]}},
        }
        response = requests.post(url, json=body, headers=headers)
        assert response.status_code == status, response.text


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"oauth_nonce": ""}, "Malformed Authorization header: oauth_nonce missing"),
        ({"oauth_version": "2.0"}, "Malformed Authorization header: oauth_version is not 1.0"),
        ({"oauth_timestamp": "1"}, "Timestamp out of bounds"),
        ({"oauth_consumer_key": "nobody"}, "Consumer key not found"),
        ({"oauth_token": "1-nobody"}, "Access token not found"),
        ({"oauth_signature_method": "PLAINTEXT"},
         "Malformed Authorization header: oauth_signature_method is not HMAC-SHA1"),
        ({}, "Invalid signature"),
    ],
    ids=str,
)  # fmt: skip
def test_detailed_reasons_distinguish_malformed_headers_from_bad_signatures(
    make_sandbox: Callable[..., Sandbox], changes: dict[str, str], reason: str
) -> None:
    sandbox = make_sandbox(reasons="detailed")
    url = sandbox.url + "/insights/engagement/totals"
    known = {
        "oauth_consumer_key": sandbox.consumer_key,
        "oauth_token": sandbox.accounts[0].access_token,
        "oauth_timestamp": str(int(time.time())),
    }
    header = signed("POST", url, ("x", "y"), parameters(**{**known, **changes}))
    response = requests.post(url, data=b"{}", headers={"Authorization": header})
    text = f"Your account could not be authenticated. Reason: {reason}"
    assert (response.status_code, response.json()) == (401, {"errors": [text]})


def test_the_tolerance_of_timestamps_is_a_switch(make_sandbox: Callable[..., Sandbox]) -> None:
    """A signature of 400 seconds ago is refused by default, and accepted within 600 seconds."""
    for options, status in (({}, 401), ({"timestamp_tolerance": 600}, 400)):
        sandbox = make_sandbox(auth_clock=lambda: NOW + 400.0, **options)
        url, first = sandbox.url + "/insights/engagement/totals", sandbox.accounts[0]
        client = Client(
            sandbox.consumer_key,
            sandbox.consumer_secret,
            resource_owner_key=first.access_token,
            resource_owner_secret=first.access_token_secret,
            timestamp=str(NOW),
        )
        _, headers, _ = client.sign(url, "POST")
        assert requests.post(url, json={}, headers=headers).status_code == status


def test_a_signature_may_cover_the_address_of_a_tls_proxy(
    make_sandbox: Callable[..., Sandbox],
) -> None:
    public = "https://data-api.twitter.com"
    sandbox = make_sandbox(public_url=public)
    first = sandbox.accounts[0]
    client = Client(
        sandbox.consumer_key,
        sandbox.consumer_secret,
        resource_owner_key=first.access_token,
        resource_owner_secret=first.access_token_secret,
    )
    path = "/insights/engagement/totals"
    _, headers, _ = client.sign(public + path, "POST")
    sent = {**headers, "Host": "data-api.twitter.com"}
    assert requests.post(sandbox.url + path, json={}, headers=sent).status_code == 400
    refused_here = requests.post(sandbox.url + path, json={}, headers=headers)
    assert refused_here.status_code == 401


texts = st.text(max_size=12)
queries = st.lists(st.tuples(texts, texts), max_size=4)


@given(
    query=queries,
    nonce=st.text(min_size=1, max_size=30),
    key=st.text(min_size=1, max_size=12),
    secrets=st.tuples(texts, texts),
    token=st.text(min_size=1, max_size=12),
    method=st.sampled_from(["GET", "POST", "put"]),
)
def test_every_correct_signature_verifies(
    query: list[tuple[str, str]],
    nonce: str,
    key: str,
    secrets: tuple[str, str],
    token: str,
    method: str,
) -> None:
    app = App("any", key, secrets[0], "bearer")
    listed = "&".join(f"{encoded(k)}={encoded(v)}" for k, v in query)
    url = f"http://example.com/path?{listed}" if query else "http://example.com/path"
    oauth = parameters(oauth_consumer_key=key, oauth_nonce=nonce, oauth_token=token)
    header = signed(method, url, secrets, oauth)
    assert ask(gate(app, token, secrets[1]), header, url, method).app is app


@given(data=st.data())
def test_a_flipped_bit_anywhere_in_the_header_is_refused(data: st.DataObject) -> None:
    header = signed("POST", URL, (APP.consumer_secret, SECRET), parameters())
    begin = header.index("oauth_consumer_key")
    place = data.draw(st.integers(begin, len(header) - 1))
    flipped = chr(ord(header[place]) ^ (1 << data.draw(st.integers(0, 6))))
    changed = header[:place] + flipped + header[place + 1 :]
    # Blanks between parameters, and the case of a percent-encoding's digits, mean nothing.
    if parsed(changed) != parsed(header):
        refused(mine(), changed)


def parsed(header: str) -> list[tuple[str, ...]]:
    pairs = (part.strip().partition("=") for part in header[len("OAuth ") :].split(","))
    return [tuple(map(unquote, pair)) for pair in pairs]


@given(st.text(max_size=80) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")))
def test_any_malformed_header_is_refused(text: str) -> None:
    assert refused(mine(), text)
    assert refused(mine(), "OAuth " + text)
    assert refused(mine(), 'OAuth oauth_consumer_key="' + text)


def test_over_the_wire_each_refusal_is_a_401_with_the_published_text(sandbox: Sandbox) -> None:
    url = sandbox.url + "/insights/engagement/totals"
    first = sandbox.accounts[0]
    secrets = (sandbox.consumer_secret, first.access_token_secret)
    oauth = parameters(
        oauth_consumer_key=sandbox.consumer_key,
        oauth_token=first.access_token,
        oauth_timestamp=str(int(time.time())),
    )
    good = signed("POST", url, secrets, oauth)
    wrong = signed("POST", url, ("x", "y"), oauth)
    stale = signed("POST", url, secrets, [*parameters(oauth_token=first.access_token)])
    text = "Your account could not be authenticated. Reason: "
    for header, reason in (
        (wrong, "Access token not found"),
        (stale, "Access token not found"),
        ("Bearer nonsense", "Access token not found"),
        ("", "Unknown Authorization Type"),
        ("Basic abc", "Unknown Authorization Type"),
        ("OAuth", "Unknown Authorization Type"),
        ("OAuth nonsense", "Unknown Authorization Type"),
    ):
        response = requests.post(url, data=b"{}", headers={"Authorization": header})
        assert (response.status_code, response.json()) == (401, {"errors": [text + reason]}), header
    body = json.dumps({"tweet_ids": sandbox.ids("own", 1)})
    assert requests.post(url, data=body, headers={"Authorization": good}).status_code == 400
    assert requests.post(url, data=body, headers={"Authorization": good}).status_code == 401
