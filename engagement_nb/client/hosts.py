"""Addresses of the API and its authentication, and which addresses may receive tokens."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from engagement_nb.apis.engagement import ENV_API_URL, ENV_AUTH_URL, LIVE_API_URL, LIVE_AUTH_URL
from engagement_nb.errors import InputError


@dataclass(frozen=True)
class Hosts:
    """The two hosts that a profile's tokens are for.

    Parameters
    ----------
    api
        Base URL of the Engagement API.
    auth
        Base URL of the host that issues tokens.

    Raises
    ------
    InputError
        Tokens must not be sent to a URL: plain http to any host but loopback, or not a URL.
    """

    api: str
    auth: str

    def __post_init__(self) -> None:
        for url in (self.api, self.auth):
            require_safe(url)

    @property
    def name(self) -> str:
        """Name the hosts: "live", "sandbox" (loopback) or "custom"."""
        return "live" if self == LIVE else "sandbox" if self.sandbox else "custom"

    @property
    def sandbox(self) -> bool:
        """Whether the API is on this machine, so its figures are made up."""
        return is_loopback(self.api)


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine, by its address or the name ``localhost``."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def require_safe(url: str) -> None:
    """Refuse a URL that tokens must not be sent to.

    Raises
    ------
    InputError
        Neither https nor loopback; or a URL with a user, a query or a fragment.
    """
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        usable = False
    if not usable or parts.scheme not in ("http", "https") or set("?#") & set(url):
        # The URL is not shown, because people paste tokens into the wrong variable.
        raise InputError(
            f"The address given for the API ({ENV_API_URL}, {ENV_AUTH_URL}) is not a base URL.",
            advice=f"Give scheme and host only, such as {LIVE_API_URL}.",
        )
    if parts.scheme == "http" and not is_loopback(url):
        raise InputError(
            f"Tokens are not sent to {parts.hostname} over plain http.",
            advice="Use https; http is for the sandbox on this machine only.",
        )


LIVE = Hosts(LIVE_API_URL, LIVE_AUTH_URL)


def hosts_at(api: str, auth: str = "") -> Hosts:
    """Make the hosts of given base URLs.

    Parameters
    ----------
    api
        Base URL of the Engagement API; empty for the live one.
    auth
        Base URL of the host that issues tokens; if empty, the API's own if that is loopback,
        else the live one.
    """
    api = (api or LIVE_API_URL).rstrip("/")
    auth = (auth or (api if is_loopback(api) else LIVE_AUTH_URL)).rstrip("/")
    return Hosts(api, auth)


def hosts_from_env(environ: Mapping[str, str] = os.environ) -> Hosts:
    """Make the hosts of ``ENGAGEMENT_API_URL`` and ``ENGAGEMENT_AUTH_URL``, else the live ones."""
    return hosts_at(environ.get(ENV_API_URL, ""), environ.get(ENV_AUTH_URL, ""))
