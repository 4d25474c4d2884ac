"""Options that several commands share, and checks of the places that they are given."""

from __future__ import annotations

import re

import click


def named(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """A name or none: what a script's unset variable leaves is a mistake, not a default."""
    if value is not None and not value.strip():
        raise click.BadParameter("it is empty.")
    return value


def lasting(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """A place to write to that is still there when the command has ended."""
    named(ctx, param, value)
    if re.search(r"(^|::)memory:", value):
        raise click.BadParameter("what is in memory is gone when the command ends; give a folder.")
    return value


period_option = click.option(
    "--period", metavar="NAME",
    help="Instead of --start and --end: last week, last month, last 7 days, since monday, 2026-10.",
)  # fmt: skip
zone_option = click.option("--zone", help="Time zone of the dates, as Europe/Paris; else UTC.")
