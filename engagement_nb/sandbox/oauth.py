"""The form of OAuth 1.0a: the Authorization header of a request, read with oauthlib."""

from __future__ import annotations

from urllib.parse import urlsplit

from oauthlib.oauth1.rfc5849 import signature, utils

from engagement_nb.sandbox.messages import FORM, Call, RefusedError

_NEEDED = (
    "oauth_consumer_key",
    "oauth_nonce",
    "oauth_signature",
    "oauth_signature_method",
    "oauth_timestamp",
)


class AuthenticationError(RefusedError):
    """A request that is not authenticated.

    Parameters
    ----------
    reason
        The real reason.
    malformed
        Whether the API cannot read the Authorization header.
    """

    def __init__(self, reason: str, *, malformed: bool = False) -> None:
        super().__init__(401, reason)
        self.malformed = malformed


def is_address(text: str) -> bool:
    """Whether a text is an http or https address."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def read_header(call: Call, *, may_repeat: bool) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Give a request's OAuth parameters, checked for form, and all signed parameters."""
    header = call.headers.get("authorization", "")
    is_form = FORM in call.headers.get("content-type", "")
    form = call.body.decode("utf-8", "replace") if is_form else ""
    try:
        oauth = {
            name: utils.unescape(value)
            for name, value in utils.parse_authorization_header(header)
            if name.startswith("oauth_")
        }
        plain = signature.collect_parameters(uri_query=call.parts.query, body=form)
        if may_repeat:
            plain = [(name, value) for name, value in plain if oauth.get(name) != value]
        params = plain + signature.collect_parameters(headers={"Authorization": header})
        signature.base_string_uri(call.url)
    except ValueError:
        raise _malformed("it cannot be parsed") from None
    missing = [name for name in _NEEDED if not oauth.get(name)]
    if missing:
        raise _malformed(f"{', '.join(missing)} missing")
    if any(name.startswith("oauth_") for name, _ in plain):
        raise _malformed("parameters outside of it")
    if oauth["oauth_signature_method"] != "HMAC-SHA1":
        raise _malformed("oauth_signature_method is not HMAC-SHA1")
    # Real clients also send 1.0A and 1.0a.
    if oauth.get("oauth_version", "1.0").lower() not in ("1.0", "1.0a"):
        raise _malformed("oauth_version is not 1.0")
    stamp = oauth["oauth_timestamp"]
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 20):
        raise _malformed("oauth_timestamp is not a whole number")
    return oauth, params


def _malformed(what: str) -> AuthenticationError:
    return AuthenticationError(f"Malformed Authorization header: {what}", malformed=True)
