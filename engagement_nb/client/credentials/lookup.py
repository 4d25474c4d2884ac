"""Lookup of profiles, in this order; the first place that has a name is used.

1. Environment variables: ``TWITTER_CONSUMER_KEY``, ``TWITTER_CONSUMER_SECRET``,
   ``TWITTER_ACCESS_TOKEN``, ``TWITTER_ACCESS_TOKEN_SECRET``, ``TWITTER_BEARER_TOKEN`` make the
   profile ``default``. For other owners, add two underscores and a name:
   ``TWITTER_ACCESS_TOKEN__ACME`` and ``TWITTER_ACCESS_TOKEN_SECRET__ACME`` make ``acme``. It
   has the same app unless ``TWITTER_CONSUMER_KEY__ACME`` names another.
2. The same names in a file ``.env``, in the working directory or the nearest one above it.
3. ``credentials.toml`` in the user's config directory, readable by the user alone (mode 0600)::

       [app]                          # for all profiles that do not name their own
       consumer_key = "..."
       consumer_secret = "..."

       [profiles.acme]
       access_token = "..."
       access_token_secret = "..."

A profile without an app takes the app of its place, else the first app found if it is for the
same hosts.
``ENGAGEMENT_API_URL`` and ``ENGAGEMENT_AUTH_URL`` in the environment set the hosts of every
profile. In ``.env`` they set the hosts of the profiles found there only. So a file that happens to
be in a directory cannot redirect the tokens of another place. A file that another user owns or
can change is ignored, and a warning says so.
"""

from __future__ import annotations

import logging
import os
import stat
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import platformdirs
from dotenv import find_dotenv
from dotenv.parser import parse_stream

from engagement_nb.apis.engagement import ENV_API_URL, ENV_AUTH_URL, TOKEN_VARIABLES
from engagement_nb.client.credentials.profiles import APP_FIELDS, Profile
from engagement_nb.client.credentials.secret import Secret, mask
from engagement_nb.client.hosts import Hosts, hosts_at, hosts_from_env
from engagement_nb.client.owned import changeable_by
from engagement_nb.errors import CredentialsError, EngagementError

_log = logging.getLogger(__name__)

DEFAULT = "default"
_HOST_KEYS = ("api_url", "auth_url")
ENV_CONFIG_DIR = "ENGAGEMENT_CONFIG_DIR"

_LARGEST = 1_000_000
"""Bytes of a file of tokens."""


def config_file() -> Path:
    """Give the file of stored profiles: ``credentials.toml`` in the user's config directory.

    ``ENGAGEMENT_CONFIG_DIR`` names another directory.
    """
    directory = os.environ.get(ENV_CONFIG_DIR) or platformdirs.user_config_dir("engagement-nb")
    return Path(directory) / "credentials.toml"


def find_profiles(names: Iterable[str] | None = None) -> list[Profile]:
    """Find the profiles of this user: in the environment, ``.env``, and the user's file.

    Parameters
    ----------
    names
        Only these, in this order; None for all.

    Returns
    -------
    list of Profile
        In order of lookup; empty if there are none and no names were given.

    Raises
    ------
    CredentialsError
        No place has a name, or a file cannot be used.
    """
    found: dict[str, Profile] = {}
    for profiles in places().values():
        for profile in profiles:
            found.setdefault(profile.name, profile)
    app = next((p for p in found.values() if p.consumer_key and p.consumer_secret), None)
    for name, profile in found.items():
        without = not profile.consumer_key and not profile.consumer_secret
        if app is not None and without and profile.hosts == app.hosts:
            found[name] = replace(
                profile,
                consumer_key=app.consumer_key,
                consumer_secret=app.consumer_secret,
                bearer_token=profile.bearer_token or app.bearer_token,
            )
    if names is None:
        return list(found.values())
    wanted = [name.lower() for name in names]
    for name in wanted:
        if name not in found:
            have = f"there are: {', '.join(found)}" if found else "there are none at all"
            raise CredentialsError(
                f"There is no profile {name!r}; {have}.",
                advice="Store it with engagement-nb auth login --profile NAME.",
            )
    return [found[name] for name in wanted]


def find_profile(name: str | None = None) -> Profile:
    """Find one profile: by its name, or the first one.

    Raises
    ------
    CredentialsError
        There is no such profile, or none at all.
    """
    profiles = find_profiles(None if name is None else [name])
    if not profiles:
        raise CredentialsError(
            "No keys were found: not in TWITTER_... environment variables, not in .env, not in"
            f" {config_file()}.",
            advice="Store yours with engagement-nb auth login, or use the sandbox, which needs"
            " none.",
        )
    return profiles[0]


def places() -> dict[str, list[Profile]]:
    """Give every place of the lookup, in order, with its profiles."""
    forced = os.environ.get(ENV_API_URL) or os.environ.get(ENV_AUTH_URL)
    hosts, place = hosts_from_env(), "environment variables"
    path, file = find_dotenv(usecwd=True), config_file()
    values = {} if not path or _is_of_others(Path(path)) else _read_dotenv(path)
    own_hosts = hosts if forced else hosts_from_env(values)
    return {
        place: _in_variables(os.environ, place, hosts),
        path or ".env": _in_variables(values, path, own_hosts),
        str(file): [] if _is_of_others(file) else _in_file(file, hosts if forced else None),
    }


def redact(text: str) -> str:
    """Mask every secret seen by this process, or found in any place of the lookup, in a text."""
    with suppress(EngagementError):
        # The lookup makes them known. A file that cannot be read cannot be compared either.
        places()
    return mask(text)


def _read_dotenv(path: str) -> dict[str, str]:
    try:
        if Path(path).stat().st_size > _LARGEST:
            raise _bad_file(Path(path), "it has more than a million bytes")
        with Path(path).open(encoding="utf-8") as file:
            # A $ in a token is not a variable.
            statements = [*parse_stream(file)]
    except (OSError, UnicodeDecodeError) as error:
        raise CredentialsError(
            f"{path} cannot be read ({type(error).__name__}).",
            advice="Make it a readable text file, or remove it.",
        ) from None
    for statement in statements:
        if statement.error:
            line = statement.original.line
            _warn_once(f"{path}, line {line} is ignored, because it is not NAME=value.")
    return {one.key: one.value for one in statements if one.key and one.value is not None}


def _in_variables(variables: Mapping[str, str], place: str, hosts: Hosts) -> list[Profile]:
    found: dict[str, dict[str, str]] = {}
    parts = {variable: part for part, variable in TOKEN_VARIABLES.items()}
    for variable, value in variables.items():
        stem, _, name = variable.partition("__")
        if stem in parts and value.strip():
            found.setdefault(name.lower() or DEFAULT, {})[parts[stem]] = value.strip()
    app = found.get(DEFAULT, {})
    # The default profile first, because it is used if none is named.
    names = sorted(found, key=lambda name: (name != DEFAULT, name))
    return [_profile(name, found[name], app, hosts, place) for name in names]


def _is_of_others(path: Path) -> bool:
    """Whether a file is ignored, because somebody else decides what it says."""
    try:
        others = changeable_by(path)
    except OSError:
        return False  # Reading it says what is wrong.
    if others:
        _warn_once(
            f"{path} is ignored, because it {others}. Make it yours alone to use it (chown, chmod"
            " 600)."
        )
    return bool(others)


@cache
def _warn_once(text: str) -> None:
    _log.warning("%s", text)


def _in_file(path: Path, forced: Hosts | None) -> list[Profile]:
    document = read_file(path)
    tables = document.get("profiles", {})
    if not isinstance(tables, dict):
        raise _bad_file(path, "[profiles] is not a table of profiles")
    app = _texts(document.get("app", {}), "app", path)
    entries = {name: _texts(table, f"profiles.{name}", path) for name, table in tables.items()}
    if app and not entries:
        entries = {DEFAULT: app}
    profiles = []
    for name, values in entries.items():
        api, auth = (values.get(url, app.get(url, "")) for url in _HOST_KEYS)
        hosts = forced or hosts_at(api, auth)
        profiles.append(_profile(name.lower(), values, app, hosts, str(path)))
    return profiles


def read_file(path: Path) -> dict[str, Any]:
    """Read the stored profiles, as TOML has them; empty if there is no file.

    Raises
    ------
    CredentialsError
        Others may read the file, or it is not TOML.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if os.name == "posix" and mode & 0o077:
                raise CredentialsError(
                    f"{path} can be read by others (mode {mode:04o}).",
                    advice=f"Make it yours alone: chmod 600 {path}",
                )
            if os.fstat(file.fileno()).st_size > _LARGEST:
                raise _bad_file(path, "it has more than a million bytes")
            return tomllib.load(file)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise _bad_file(path, str(error.strerror)) from None
    except (ValueError, RecursionError):
        # The parser's own message may quote a line that contains a token.
        raise _bad_file(path, "it is not valid TOML") from None


def _bad_file(path: Path, why: str) -> CredentialsError:
    return CredentialsError(
        f"{path} cannot be used: {why}.",
        advice="Correct it, or remove it and store the profiles again with engagement-nb auth"
        " login.",
    )


def _texts(table: object, where: str, path: Path) -> dict[str, str]:
    if not isinstance(table, dict):
        raise _bad_file(path, f"[{where}] is not a table")
    for key, value in table.items():
        if key not in (*TOKEN_VARIABLES, *_HOST_KEYS):
            raise _bad_file(path, f"[{where}] has an unknown key {key!r}")
        if not isinstance(value, str):
            raise _bad_file(path, f"{key} in [{where}] is not a text in quotes")
    return {key: value.strip() for key, value in table.items()}


def _profile(
    name: str, values: Mapping[str, str], app: Mapping[str, str], hosts: Hosts, place: str
) -> Profile:
    """Make a profile; it takes the app of its place unless it names its own."""
    if not any(values.get(part) for part in APP_FIELDS):
        values = {**{part: app.get(part, "") for part in (*APP_FIELDS, "bearer_token")}, **values}
    tokens: dict[str, Any] = {part: Secret(values.get(part, "")) for part in TOKEN_VARIABLES}
    return Profile(name, hosts, found_in=place, **tokens)
