"""Login by PIN: a user authorizes the app, and the tokens are stored.

::

    from engagement_nb.client.credentials.login import login

    login()  # in a notebook or a terminal: shows an address, asks for the PIN
"""

from __future__ import annotations

import re
from collections.abc import Callable
from getpass import getpass
from typing import Any
from urllib.parse import parse_qsl, quote

import httpx
import tomlkit

from engagement_nb.apis.engagement import (
    ENGAGEMENT,
    ENV_AUTH_URL,
    PATH_ACCESS_TOKEN,
    PATH_AUTHORIZE,
    PATH_REQUEST_TOKEN,
)
from engagement_nb.apis.refusals import error_for
from engagement_nb.client.credentials.lookup import config_file, find_profiles, read_file
from engagement_nb.client.credentials.profiles import APP_FIELDS, USER_FIELDS, Profile
from engagement_nb.client.credentials.secret import Secret, mask
from engagement_nb.client.credentials.signing import oauth1
from engagement_nb.client.credentials.tokens import send
from engagement_nb.client.hosts import LIVE, Hosts, hosts_from_env
from engagement_nb.client.owned import make_private
from engagement_nb.errors import CredentialsError, UnauthenticatedError

PIN_TRIES = 3


def login(
    name: str = "",
    *,
    consumer_key: str = "",
    consumer_secret: str = "",
    hosts: Hosts | None = None,
    ask: Callable[[str], str] = input,
    ask_secret: Callable[[str], str] = getpass,
    show: Callable[[str], object] = print,
    open_page: Callable[[str], object] | None = None,
) -> Profile:
    """Get the tokens of a user by PIN, and store them as a profile in `config_file`.

    Parameters
    ----------
    name
        The profile's name; by default the user's handle.
    consumer_key, consumer_secret
        The app's key and secret; by default those of a stored profile, else the user is asked.
    hosts
        Where to log in; by default those of the app's profile, else of the environment.
    ask, ask_secret, show
        Functions that ask the user and show text.
    open_page
        Called with the address of the page that authorizes the app, to open it.

    Returns
    -------
    Profile
        As stored.

    Raises
    ------
    CredentialsError
        No user can be asked, or the file cannot be used.
    UnauthenticatedError
        The app's key and secret are not accepted, or `PIN_TRIES` PINs are not.
    ConnectionTroubleError
        The login host does not respond.
    """
    path = config_file()
    read_file(path)  # A file that cannot be used is reported before the user does any work.
    key, secret, hosts = _app(name, consumer_key, consumer_secret, hosts, ask_secret)

    app = (key, secret)
    url = hosts.auth + PATH_REQUEST_TOKEN
    issued = _post("the request token", url, *app, callback_uri="oob")
    token, token_secret = Secret(issued["oauth_token"]), Secret(issued["oauth_token_secret"])
    page = f"{hosts.auth}{PATH_AUTHORIZE}?oauth_token={quote(token.reveal(), safe='')}"
    show(f"Open this page as the owner of the Tweets, and allow the app:\n{page}")
    if open_page is not None:
        open_page(page)
    granted = _exchange_pin((*app, token, token_secret), hosts, ask, show)
    # The server's text goes to the terminal and names a profile, so only a handle is accepted.
    handle = re.fullmatch(r"\w{1,20}", granted.get("screen_name", ""), re.ASCII)
    screen_name = handle[0] if handle else ""
    profile = Profile(
        (name or screen_name or "default").lower(),
        hosts,
        key,
        secret,
        Secret(granted["oauth_token"]),
        Secret(granted["oauth_token_secret"]),
        found_in=str(path),
    )
    store_profile(profile)
    whose = f" (@{screen_name})" if screen_name else ""
    show(f"Stored as profile {profile.name!r}{whose} in {path}.")
    return profile


def store_profile(profile: Profile) -> None:
    """Write a profile's tokens into `config_file`, which only the user can read.

    Parameters
    ----------
    profile
        The profile to store. It replaces one of the same name; the rest of the file is kept.

    Raises
    ------
    CredentialsError
        The file cannot be read or written, or others may read it.
    """
    path = config_file()
    read_file(path)
    values = {part: getattr(profile, part).reveal() for part in USER_FIELDS}
    if profile.hosts != LIVE:
        values |= {"api_url": profile.hosts.api, "auth_url": profile.hosts.auth}
    try:
        document = tomlkit.parse(path.read_text("utf-8") if path.exists() else "")
        profiles = document.setdefault("profiles", tomlkit.table(is_super_table=True))
        if "app" not in document and not profiles:
            document["app"] = {part: values[part] for part in APP_FIELDS}
        if document.get("app", {}).get("consumer_key") == values["consumer_key"]:
            values = {part: value for part, value in values.items() if part not in APP_FIELDS}
        profiles[profile.name] = values
        make_private(path.parent)
        new = path.with_suffix(".new")
        new.unlink(missing_ok=True)
        # Created with this mode, so it is never readable by others.
        new.touch(mode=0o600, exist_ok=False)
        new.write_text(tomlkit.dumps(document), "utf-8")
        new.replace(path)
    except OSError as error:
        raise CredentialsError(
            f"{path} cannot be written ({error.strerror or error}).",
            advice="Make its directory yours and writable, or name another in"
            " ENGAGEMENT_CONFIG_DIR.",
        ) from None


def _app(
    name: str,
    consumer_key: str,
    consumer_secret: str,
    hosts: Hosts | None,
    ask_secret: Callable[[str], str],
) -> tuple[Secret, Secret, Hosts]:
    if not (consumer_key and consumer_secret):
        known = [p for p in find_profiles() if p.consumer_key and p.consumer_secret]
        known.sort(key=lambda profile: profile.name != name.lower())
        if known:
            return known[0].consumer_key, known[0].consumer_secret, hosts or known[0].hosts
        consumer_key = _answer(ask_secret, "Consumer key of the app: ")
        consumer_secret = _answer(ask_secret, "Consumer secret: ")
    return Secret(consumer_key), Secret(consumer_secret), hosts or hosts_from_env()


def _exchange_pin(
    tokens: tuple[Secret, ...],
    hosts: Hosts,
    ask: Callable[[str], str],
    show: Callable[[str], object],
) -> dict[str, str]:
    """Exchange the PIN that the user enters for tokens; ask again if it is mistyped."""
    for left in reversed(range(PIN_TRIES)):
        pin = _answer(ask, "PIN shown there: ")
        try:
            return _post("the PIN", hosts.auth + PATH_ACCESS_TOKEN, *tokens, verifier=pin)
        except UnauthenticatedError:
            if not left:
                raise
            show("This PIN was not accepted. Enter it again, as the page shows it.")
    raise AssertionError  # The last try returns or raises.


def _answer(ask: Callable[[str], str], question: str) -> str:
    try:
        answer = ask(question).strip()
    except (EOFError, NotImplementedError, RuntimeError):
        # Jupyter's kernel raises a NotImplementedError of its own if no user can be asked.
        raise CredentialsError(
            "Nobody is there to answer the login's questions.",
            advice="Log in once in a terminal: engagement-nb auth login.",
        ) from None
    if not answer:
        raise CredentialsError("Nothing was entered.", advice="Start the login again.")
    return answer


def _post(what: str, url: str, *tokens: Secret, **more: Any) -> dict[str, str]:
    """Do one step of the login: send a signed request, and read the tokens that it gets.

    Raises
    ------
    ApiError
        The login host refuses.
    ConnectionTroubleError
        It does not respond in time, or its response is too large.
    CredentialsError
        Its response has no tokens.
    """
    response = send(oauth1(httpx.Request("POST", url), *tokens, **more), what, ENV_AUTH_URL)
    if not response.is_success:
        text = mask(response.text)[:200]
        raise error_for(ENGAGEMENT, response.status_code, [text] if text else [], where=what)
    issued = dict(parse_qsl(response.text))
    if not (issued.get("oauth_token") and issued.get("oauth_token_secret")):
        raise CredentialsError(
            f"{what}: the login host's response cannot be read.",
            advice="Check ENGAGEMENT_AUTH_URL, and any proxy or sign-in page in between.",
        )
    return issued
