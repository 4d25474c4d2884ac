"""``engagement-nb study``: long studies of how well this package does; not listed in the help."""

from __future__ import annotations

import importlib

import click

STUDIES = {"gap": "study_gap:gap", "kills": "study_kills:kills"}
"""Study -> "module:command" in this package."""


class _Studies(click.Group):
    """A group whose studies are imported when they are run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(STUDIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in STUDIES:
            return None
        module, _, attribute = STUDIES[cmd_name].partition(":")
        command: click.Command = getattr(
            importlib.import_module(f"engagement_nb.cli.{module}"), attribute
        )
        return command


@click.group(cls=_Studies)
def study() -> None:
    """Long studies: how right, how sure, how robust. Each prints a table."""
