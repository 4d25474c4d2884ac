"""``engagement-nb auth``: log in with a PIN, list tokens, check that they work."""

from __future__ import annotations

import json
from contextlib import closing
from functools import partial
from typing import Any

import click

import engagement_nb as enb
from engagement_nb.apis.engagement import TOKEN_VARIABLES
from engagement_nb.apis.v2 import LIVE_URL, PRICES, V2
from engagement_nb.cli.commands import Group
from engagement_nb.client.checkup import TokenCheck, check_profile
from engagement_nb.client.credentials import Profile, find_profile, find_profiles, oauth2, places
from engagement_nb.client.hosts import LIVE
from engagement_nb.errors import InputError
from engagement_nb.sources import ApiSource
from engagement_nb.sources.v2 import V2Source, v2_hosts

_SYMBOLS = {
    "works": "works", "fails": "FAILS", "unknown": "unclear", "not tried": "no tokens",
    "not sold": "not sold",
}  # fmt: skip
_NO_KEYS = "No keys found. The sandbox is used, and it needs none."
_ADD_KEYS = (
    "To use your own: engagement-nb auth login (with --v2 for X API v2), or set the TWITTER_..."
    " variables."
)


@click.group(
    cls=Group,
    epilog=f"X sells X API v2 for ${PRICES.post} a Post; Post analytics and the Engagement API by"
    " Enterprise contract. OAuth 1.0a, which the Engagement API needs, is being retired, without"
    f" a date. (Pages read to {PRICES.read_on}; see docs/keys.md.)",
)
def auth() -> None:
    """Tokens: log in with a PIN, list them, check that they work."""


@auth.command()
@click.option(
    "--profile", default="", help="Name to store the tokens under; by default the handle."
)
@click.option(
    "--open/--no-open", "opens", default=None,
    help="Open the page in a browser (the default), or only show its address.",
)  # fmt: skip
@click.option("--v2", is_flag=True, help="Sign in to X API v2 by OAuth 2.0 instead.")
@click.option("--port", type=click.IntRange(1, 65535), help="With --v2: of the registered address.")
@click.option(
    "--exchange", is_flag=True, help="With --v2: exchange the profile's OAuth 1.0a tokens."
)
def login(profile: str, opens: bool | None, v2: bool, port: int | None, exchange: bool) -> None:
    """Log in, and store the tokens in a file that only you can read.

    Without --v2 by PIN, for the Engagement API. With --v2 in the browser, for X API v2: register
    http://127.0.0.1:8765/callback with the app first.
    """
    show = partial(click.echo, err=True)
    if v2:
        _login_v2(profile, opens, port, exchange)
        return
    if port is not None or exchange:
        raise click.UsageError("--port and --exchange need --v2.")
    enb.login(
        profile,
        ask=lambda question: str(click.prompt(question.rstrip(": "), err=True)),
        ask_secret=lambda question: str(
            click.prompt(question.rstrip(": "), hide_input=True, err=True)
        ),
        show=show,
        open_page=None if opens is False else click.launch,
    )


def _login_v2(name: str, opens: bool | None, port: int | None, by_exchange: bool) -> None:
    if by_exchange and (port is not None or opens is not None):
        raise click.UsageError("--exchange opens no page, so it takes neither --port nor --open.")
    client_id = str(click.prompt("Client ID of the app", err=True))
    secret = str(
        click.prompt(
            "Client secret (empty for a public client)", default="", hide_input=True,
            show_default=False, err=True,
        )
    )  # fmt: skip
    oauth2.sign_in(
        V2, client_id, secret, old=find_profile(name or None) if by_exchange else None, name=name,
        hosts=v2_hosts(), port=port or oauth2.PORT, show=partial(click.echo, err=True),
        open_page=None if opens is False else click.launch,
    )  # fmt: skip


@auth.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool) -> None:
    """Show which profiles and tokens are stored, never their values. Sends nothing."""
    signed_in = oauth2.oauth2_profiles(V2, v2_hosts())
    profiles = [*find_profiles(), *signed_in]
    found = {
        **{place: [profile.name for profile in there] for place, there in places().items()},
        str(oauth2.token_store().path): [profile.name for profile in signed_in],
    }
    looked = [{"place": place, "profiles": names} for place, names in found.items()]
    if as_json:
        _print_json({"profiles": [_describe(p) for p in profiles], "looked_in": looked})
        return
    if not profiles:
        click.echo(_NO_KEYS)
    for profile in profiles:
        click.echo(_headline(profile))
        if profile in signed_in:
            click.echo(f"  {'OAuth 2.0 tokens':<22}stored; renewed when needed")
            continue
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
@click.option("--v2", is_flag=True, help="Try X API v2 instead; no user's Post is read or billed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def check(ctx: click.Context, names: tuple[str, ...], tweet: str, v2: bool, as_json: bool) -> None:
    """Try each profile's tokens, with the fewest requests.

    With --v2, --tweet reads one Post, which is billed. The exit code is 1 if any stored tokens
    fail, or if the result is unclear.
    """
    if tweet and not tweet.isdecimal():
        raise InputError(
            f"{tweet!r} is not a Tweet id.", advice="Give the digits at the end of its address."
        )
    kind = V2Source if v2 else ApiSource
    source = kind(kind.known_profiles(names or None))
    checks: list[TokenCheck] = []
    if not source.profiles and not as_json:
        click.echo(f"{_NO_KEYS}\n{_ADD_KEYS}")
    with closing(source):
        for profile in source.profiles:
            found = check_profile(profile, source.client, tweet)
            checks += found
            if not as_json:
                _show(profile, found)
    if as_json:
        described = [
            {**_describe(p), "checks": [vars(c) for c in checks if c.profile == p.name]}
            for p in source.profiles
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
    live = {LIVE.api: "X", LIVE_URL: "X API v2"}
    where = live.get(hosts.api) or f"{hosts.name} at {hosts.api}"
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
        "oauth2": profile.signs is not None,
    }


def _print_json(document: dict[str, Any]) -> None:
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))
