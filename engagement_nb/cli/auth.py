"""``engagement-nb auth``: log in with a PIN, list tokens, check that they work."""

from __future__ import annotations

import json
from typing import Any

import click

import engagement_nb as enb
from engagement_nb.apis.engagement import TOKEN_VARIABLES
from engagement_nb.cli.commands import Group
from engagement_nb.client import Client
from engagement_nb.client.checkup import TokenCheck, check_profile
from engagement_nb.client.credentials import Profile, find_profiles, places
from engagement_nb.errors import InputError

_SYMBOLS = {"works": "works", "fails": "FAILS", "unknown": "unclear", "not tried": "no tokens"}
_NO_KEYS = "No keys found. The sandbox is used, and it needs none."
_ADD_KEYS = "To use your own: engagement-nb auth login, or set the TWITTER_... variables."


@click.group(cls=Group)
def auth() -> None:
    """Tokens: log in with a PIN, list them, check that they work."""


@auth.command()
@click.option(
    "--profile", default="", help="Name to store the tokens under; by default the handle."
)
@click.option("--open/--no-open", "opens", default=True, help="Open the page in a browser.")
def login(profile: str, opens: bool) -> None:
    """Log in with a PIN, and store the tokens in a file that only you can read."""
    enb.login(
        profile,
        ask=lambda question: str(click.prompt(question.rstrip(": "), err=True)),
        ask_secret=lambda question: str(
            click.prompt(question.rstrip(": "), hide_input=True, err=True)
        ),
        show=lambda text: click.echo(text, err=True),
        open_page=click.launch if opens else None,
    )


@auth.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool) -> None:
    """Show which profiles and tokens are stored, never their values. Sends nothing."""
    profiles = find_profiles()
    looked = [
        {"place": place, "profiles": [profile.name for profile in found]}
        for place, found in places().items()
    ]
    if as_json:
        _print_json({"profiles": [_describe(p) for p in profiles], "looked_in": looked})
        return
    if not profiles:
        click.echo(_NO_KEYS)
    for profile in profiles:
        click.echo(_headline(profile))
        for part in TOKEN_VARIABLES:
            click.echo(f"  {part.replace('_', ' '):<22}{_presence(profile, part)}")
    click.echo("Looked in these places, in this order:")
    for place in looked:
        click.echo(f"  {place['place']}: {', '.join(place['profiles']) or 'nothing'}")
    if not profiles:
        click.echo(_ADD_KEYS)


@auth.command()
@click.option("--profile", "names", multiple=True, help="Only this profile; can be repeated.")
@click.option(
    "--tweet", default="", help="Id of a Tweet of the profile's user, to try all endpoints."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def check(ctx: click.Context, names: tuple[str, ...], tweet: str, as_json: bool) -> None:
    """Try each profile's tokens, with one or two requests per profile.

    The exit code is 1 if any stored tokens fail, or if the result is unclear.
    """
    if tweet and not tweet.isdecimal():
        raise InputError(
            f"{tweet!r} is not a Tweet id.", advice="Give the digits at the end of its address."
        )
    profiles = find_profiles(names or None)
    checks: list[TokenCheck] = []
    if not profiles and not as_json:
        click.echo(f"{_NO_KEYS}\n{_ADD_KEYS}")
    ledger = enb.Ledger()
    with Client(recorder=lambda response: ledger.record_use(response.request.profile)) as client:
        for profile in profiles:
            found = check_profile(profile, client, tweet)
            checks += found
            if not as_json:
                _show(profile, found)
    if as_json:
        described = [
            {**_describe(p), "checks": [vars(c) for c in checks if c.profile == p.name]}
            for p in profiles
        ]
        _print_json({"profiles": described})
    if any(found.outcome in ("fails", "unknown") for found in checks):
        ctx.exit(1)


def _show(profile: Profile, checks: list[TokenCheck]) -> None:
    click.echo(_headline(profile))
    for found in checks:
        where = f"{found.tokens}, {found.endpoint}"
        click.echo(f"  {where:<26}{_SYMBOLS[found.outcome]:<11}{found.gives}")
        if found.cause:
            click.echo(f"      {found.cause}\n      → {found.advice}")


def _headline(profile: Profile) -> str:
    user = f", user {profile.user_id}" if profile.user_id else ""
    hosts = profile.hosts
    where = "X" if hosts.name == "live" else f"{hosts.name} at {hosts.api}"
    return f"{profile.name} ({where}{user}; from {profile.found_in})"


def _presence(profile: Profile, part: str) -> str:
    if getattr(profile, part):
        return "stored"
    if part == "bearer_token" and profile.has_app:
        return "fetched when needed"
    return "missing"


def _describe(profile: Profile) -> dict[str, Any]:
    return {
        "name": profile.name,
        "found_in": profile.found_in,
        "hosts": {"name": profile.hosts.name, "api": profile.hosts.api, "auth": profile.hosts.auth},
        "sandbox": profile.hosts.sandbox,
        "user_id": profile.user_id,
        "tokens": {part: bool(getattr(profile, part)) for part in TOKEN_VARIABLES},
    }


def _print_json(document: dict[str, Any]) -> None:
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))
