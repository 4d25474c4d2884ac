"""How all commands read their words and show their help."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any

import click

from engagement_nb.words import counted

SECTIONS = {
    "What to read": (
        "source", "ids", "start", "end", "period", "posted", "zone", "by", "metrics", "profile",
    ),
    "The sandbox's world": ("seed", "now", "tweets", "accounts"),
    "The page": ("title", "subtitle", "accent", "logo", "no-code", "pdf", "edition"),
    "What is written": (
        "out", "snapshot", "json", "markdown", "strict", "progress", "env-file", "export",
    ),
}  # fmt: skip
"""Heading of a group of options in the help, and their names."""


class Command(click.Command):
    """A command that refuses an option given twice where one counts, with its help in groups."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words after the command's name."""
        if not ctx.resilient_parsing:
            self._refuse_repeats(ctx, args)
        return super().parse_args(ctx, args)

    def _refuse_repeats(self, ctx: click.Context, args: list[str]) -> None:
        order: Iterable[click.Parameter] = self.make_parser(ctx).parse_args(args=[*args])[2]
        for param, times in Counter(order).items():
            if times > 1 and isinstance(param, click.Option) and not param.multiple:
                raise click.UsageError(f"{'/'.join(param.opts)} is given {times} times.", ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options in groups; those of no group come last."""
        rows: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            row = param.get_help_record(ctx)
            if row is not None and isinstance(param, click.Option):
                names = {name.lstrip("-") for name in param.opts}
                heading = next((h for h, of in SECTIONS.items() if names & {*of}), "Options")
                rows.setdefault(heading, []).append(row)
        for heading in (*SECTIONS, "Options"):
            if heading in rows:
                with formatter.section(heading):
                    formatter.write_dl(rows[heading])


class Group(click.Group):
    """A group that proposes the nearest command for a mistyped one."""

    command_class = Command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first word names."""
        known = self.list_commands(ctx)
        if args[0] not in known and not args[0].startswith("-") and not ctx.resilient_parsing:
            near = get_close_matches(args[0], known, 1)
            hint = f" Did you mean {near[0]!r}?" if near else f" Commands: {', '.join(known)}."
            raise click.UsageError(f"No such command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)


def lacking(missing: int, unit: str = "Tweet") -> str:
    """The subject and verb of a sentence about Tweets, or days, without figures."""
    return f"{counted(missing, unit)} {'is' if missing == 1 else 'are'}"


def command(**options: Any) -> Callable[[Callable[..., Any]], Command]:
    """Declare a command, as `click.command` does."""
    return click.command(cls=Command, **options)
