"""Where profiles are looked up, in this order; the first place that has a name wins it.

1. Environment variables: ``TWITTER_CONSUMER_KEY``, ``TWITTER_CONSUMER_SECRET``,
   ``TWITTER_ACCESS_TOKEN``, ``TWITTER_ACCESS_TOKEN_SECRET``, ``TWITTER_BEARER_TOKEN`` make the
   profile ``default``. Further owners have two underscores and a name after the variable:
   ``TWITTER_ACCESS_TOKEN__ACME`` and ``TWITTER_ACCESS_TOKEN_SECRET__ACME`` make ``acme``, of
   the same app unless ``TWITTER_CONSUMER_KEY__ACME`` names another.
2. The same names in a file ``.env``, in the working directory or the nearest one above it.
3. ``credentials.toml`` in the user's config directory, readable by the user alone (mode 0600)::

       [app]                          # of all profiles that don't name their own
       consumer_key = "..."
       consumer_secret = "..."

       [profiles.acme]
       access_token = "..."
       access_token_secret = "..."

A profile that names no app takes the app of the first place that has one.
``ENGAGEMENT_API_URL`` and ``ENGAGEMENT_AUTH_URL`` in the environment set the hosts of every
profile; in ``.env`` those of the profiles found there only, so that a file which happens to lie
in a directory cannot send elsewhere the tokens of another place.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import platformdirs
from dotenv import dotenv_values, find_dotenv

from engagement_nb.client.credentials import secret
from engagement_nb.client.credentials.profiles import TOKEN_FIELDS, Profile
from engagement_nb.client.credentials.secret import SECRET_VARIABLES, Secret
from engagement_nb.client.hosts import LIVE, Hosts, hosts_at, hosts_from_env
from engagement_nb.errors import CredentialsError, EngagementError
from engagement_nb.vocabulary import ENV_API_URL, ENV_AUTH_URL

DEFAULT = "default"
ENV_CONFIG_DIR = "ENGAGEMENT_CONFIG_DIR"
_FIELD_OF = {variable: variable.removeprefix("TWITTER_").lower() for variable in SECRET_VARIABLES}
_HOST_KEYS = ("api_url", "auth_url")


@dataclass(frozen=True)
class Place:
    """One place where profiles are looked up, and what it holds."""

    name: str
    profiles: tuple[Profile, ...]


def config_file() -> Path:
    """The file of stored profiles: ``credentials.toml`` in the user's config directory.

    ``ENGAGEMENT_CONFIG_DIR`` names another directory.
    """
    directory = os.environ.get(ENV_CONFIG_DIR) or platformdirs.user_config_dir("engagement-nb")
    return Path(directory) / "credentials.toml"


def find_profiles(
    names: Iterable[str] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    dotenv: str | Path | None = None,
    config: str | Path | None = None,
) -> list[Profile]:
    """Find the profiles of this user: in the environment, ``.env``, and the user's file.

    Parameters
    ----------
    names
        Only these, in this order; None for all.
    environ
        The environment variables; this process's own unless given.
    dotenv
        The file to read as ``.env``; empty for none, None to look for it.
    config
        The file of stored profiles; `config_file` unless given.

    Returns
    -------
    list of Profile
        In order of lookup; empty where there are none and no names were asked for.

    Raises
    ------
    CredentialsError
        A name that no place has, or a file that cannot be used.
    """
    found: dict[str, Profile] = {}
    for place in places(environ=environ, dotenv=dotenv, config=config):
        for profile in place.profiles:
            found.setdefault(profile.name, profile)
    profiles = _lend_app(list(found.values()))
    if names is None:
        return profiles
    by_name = {profile.name: profile for profile in profiles}
    wanted = [name.lower() for name in names]
    for name in wanted:
        if name not in by_name:
            have = f"there are: {', '.join(by_name)}" if by_name else "there are none at all"
            raise CredentialsError(
                f"There is no profile {name!r}; {have}.",
                advice="Store it with engagement-nb auth login --profile NAME.",
            )
    return [by_name[name] for name in wanted]


def find_profile(
    name: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    dotenv: str | Path | None = None,
    config: str | Path | None = None,
) -> Profile:
    """Find one profile: by its name, or the first one there is.

    Raises
    ------
    CredentialsError
        No such profile, or none at all.
    """
    names = None if name is None else [name]
    profiles = find_profiles(names, environ=environ, dotenv=dotenv, config=config)
    if not profiles:
        raise CredentialsError(
            "No keys were found: not in TWITTER_... environment variables, not in .env, not in"
            f" {config or config_file()}.",
            advice="Store yours with engagement-nb auth login, or use the sandbox, which needs"
            " none.",
        )
    return profiles[0]


def places(
    *,
    environ: Mapping[str, str] | None = None,
    dotenv: str | Path | None = None,
    config: str | Path | None = None,
) -> list[Place]:
    """Every place of the lookup with the profiles it holds, in order.

    Parameters
    ----------
    environ, dotenv, config
        As for `find_profiles`.
    """
    environ = os.environ if environ is None else environ
    forced = environ.get(ENV_API_URL) or environ.get(ENV_AUTH_URL)
    hosts = hosts_from_env(environ) if forced else None

    in_env = Place(
        "environment variables", _from_variables(environ, "environment variables", hosts)
    )

    path = find_dotenv(usecwd=True) if dotenv is None else str(dotenv)
    values = _read_dotenv(path) if path else {}
    dotenv_hosts = hosts or hosts_from_env(values)
    in_dotenv = Place(path or ".env", _from_variables(values, path, dotenv_hosts))

    file = Path(config) if config is not None else config_file()
    in_file = Place(str(file), _from_file(file, hosts))
    return [in_env, in_dotenv, in_file]


def known_secrets() -> frozenset[str]:
    """Every secret that this process has met, or that any place of the lookup holds.

    Returns
    -------
    frozenset of str
        For comparing only, for instance to refuse a notebook parameter that holds one of them.
    """
    with suppress(EngagementError):
        # Looking there makes them known; what can't be read can't be compared with either.
        places()
    return secret.known_secrets()


def redact(text: str) -> str:
    """A text with every known secret masked: those met, and those that any place holds."""
    known_secrets()
    return secret.redact(text)


def _read_dotenv(path: str) -> dict[str, str]:
    try:
        # Tokens are taken as they stand: no $ in them is a variable.
        values = dotenv_values(path, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise CredentialsError(
            f"{path} cannot be read ({type(error).__name__}).",
            advice="Make it a readable text file, or remove it.",
        ) from None
    return {name: value for name, value in values.items() if value is not None}


def _from_variables(
    variables: Mapping[str, str], found_in: str, hosts: Hosts | None
) -> tuple[Profile, ...]:
    parts: dict[str, dict[str, str]] = {}
    for variable, value in variables.items():
        stem, _, name = variable.partition("__")
        if stem in _FIELD_OF and value.strip():
            parts.setdefault(name.lower() or DEFAULT, {})[_FIELD_OF[stem]] = value.strip()
    app = parts.get(DEFAULT, {})
    # The default profile first: it is the one that a person gets without naming any.
    return tuple(
        _profile(name, _with_app(parts[name], app), hosts or LIVE, found_in)
        for name in sorted(parts, key=lambda name: (name != DEFAULT, name))
    )


def _from_file(path: Path, forced: Hosts | None) -> tuple[Profile, ...]:
    table = read_file(path)
    app = _strings(table.get("app", {}), "app", path)
    profiles = table.get("profiles", {})
    if not isinstance(profiles, dict):
        raise _bad_file(path, "[profiles] is not a table of profiles")
    made = []
    for name, entry in profiles.items():
        values = _strings(entry, f"profiles.{name}", path)
        urls = {**app, **values}
        hosts = forced or hosts_at(urls.get("api_url", ""), urls.get("auth_url", ""))
        made.append(_profile(name.lower(), _with_app(values, app), hosts, str(path)))
    if app and not made:
        hosts = forced or hosts_at(app.get("api_url", ""), app.get("auth_url", ""))
        made.append(_profile(DEFAULT, app, hosts, str(path)))
    return tuple(made)


def read_file(path: Path) -> dict[str, Any]:
    """The stored profiles as TOML has them; empty where there is no file.

    Raises
    ------
    CredentialsError
        Others may read the file, or it is no TOML.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if os.name == "posix" and mode & 0o077:
                raise CredentialsError(
                    f"{path} can be read by others (mode {mode:04o}).",
                    advice=f"Make it yours alone: chmod 600 {path}",
                )
            return tomllib.load(file)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _bad_file(path, str(error.strerror)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        # The parser's own message may quote the line that holds a token.
        raise _bad_file(path, "it is not valid TOML") from None


def _bad_file(path: Path, why: str) -> CredentialsError:
    return CredentialsError(
        f"{path} cannot be used: {why}.",
        advice="Mend it, or remove it and store the profiles again with engagement-nb auth login.",
    )


def _strings(entry: object, where: str, path: Path) -> dict[str, str]:
    if not isinstance(entry, dict):
        raise _bad_file(path, f"[{where}] is not a table")
    for key, value in entry.items():
        if key not in (*TOKEN_FIELDS, *_HOST_KEYS):
            raise _bad_file(path, f"[{where}] has an unknown key {key!r}")
        if not isinstance(value, str):
            raise _bad_file(path, f"{key} in [{where}] is not a text in quotes")
    return {key: value.strip() for key, value in entry.items()}


def _with_app(values: Mapping[str, str], app: Mapping[str, str]) -> dict[str, str]:
    """A profile's values, with the app of its place where it names none of its own."""
    if values.get("consumer_key") or values.get("consumer_secret"):
        return dict(values)
    lent = {key: app[key] for key in APP_FIELDS if key in app}
    return {**lent, **values}


def _lend_app(profiles: list[Profile]) -> list[Profile]:
    lender = next((p for p in profiles if p.consumer_key and p.consumer_secret), None)
    if lender is None:
        return profiles
    return [
        replace(
            profile,
            consumer_key=lender.consumer_key,
            consumer_secret=lender.consumer_secret,
            bearer_token=profile.bearer_token or lender.bearer_token,
        )
        if not profile.consumer_key
        and not profile.consumer_secret
        and profile.hosts == lender.hosts
        else profile
        for profile in profiles
    ]


def _profile(name: str, values: Mapping[str, str], hosts: Hosts, found_in: str) -> Profile:
    tokens = {part: Secret(values.get(part, "")) for part in TOKEN_FIELDS}
    return Profile(name, hosts, found_in=found_in, **tokens)


APP_FIELDS = ("consumer_key", "consumer_secret", "bearer_token")
