"""Checks of the files and places that commands are given."""

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
