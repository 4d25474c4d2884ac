"""Options that several commands share, and checks of the places that they are given."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])


def named(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """A name or none: an empty one is the unset variable of a script, and a mistake."""
    if value is not None and not value.strip():
        raise click.BadParameter("it is empty.")
    return value


def lasting(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """A place to write to that is still there when the command has ended."""
    named(ctx, param, value)
    if re.search(r"(^|::)memory:", value):
        raise click.BadParameter("what is in memory is gone when the command ends; give a folder.")
    return value


def world_options(command: _Command) -> _Command:
    """Add the options that choose the sandbox's world."""
    for option in (
        click.option("--tweets", type=click.IntRange(1), help="How many Tweets the sandbox has."),
        click.option("--now", help="Moment at which the sandbox's world stands still."),
        click.option("--seed", type=int, help="The sandbox's world; with --now always the same."),
    ):
        command = option(command)
    return command


period_option = click.option(
    "--period", metavar="NAME",
    help="Instead of --start and --end: last week, last month, last 7 days, since monday, 2026-10.",
)  # fmt: skip
zone_option = click.option("--zone", help="Time zone of the dates, as Europe/Paris; else UTC.")
