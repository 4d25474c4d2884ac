"""Refusals that come from HTTP and the network, alike for each API."""

from __future__ import annotations

from engagement_nb.apis.contract import Refusal
from engagement_nb.errors import BadRequestError, ServerTroubleError


def refusals_of_http(variable: str) -> tuple[Refusal, ...]:
    """The last rows of an API's refusals, which a status decides.

    Parameters
    ----------
    variable
        The environment variable that names the API's host.
    """
    return (
        Refusal(
            "not found", "", (404,), BadRequestError,
            "There is no such address at the API's host.",
            f"Check {variable}: it is scheme and host only.",
        ),
        Refusal(
            "redirect", "", tuple(range(300, 400)), BadRequestError,
            "The API's host responded with a redirect, and signed requests are not sent elsewhere.",
            f"Check {variable} and any proxy or sign-in page between here and the API.",
        ),
        Refusal(
            "proxy", "", (407,), BadRequestError,
            "A proxy between here and the API requires a user name and a password.",
            "Set HTTPS_PROXY with the proxy's address as your network's administrator gives it.",
        ),
        Refusal(
            "sign-in page", "", (511,), BadRequestError,
            "The network requires you to sign in first.",
            "Open any page in a browser, sign in to the network there, then try again.",
        ),
        Refusal(
            "bad request", "", tuple(range(400, 500)), BadRequestError,
            "The API does not accept this request.",
            "See the API's own words.",
        ),
        Refusal(
            "server trouble", "", tuple(range(500, 600)), ServerTroubleError,
            "The API is in trouble.",
            "Try again later; the package also retries automatically.",
        ),
        Refusal(
            "unreadable", "", (), ServerTroubleError,
            "The API's response cannot be read.",
            "Try again later; if it fails again, a proxy may stand between here and the API.",
        ),
    )  # fmt: skip
