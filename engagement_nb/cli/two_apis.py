"""Commands for the move to X API v2: ``snapshot`` and ``agree``."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import click

import engagement_nb as enb
from engagement_nb.cli import (
    FAILED,
    INCOMPLETE,
    cost_options,
    lasting,
    named,
    period_option,
    posted_option,
    say,
    zone_option,
)
from engagement_nb.cli.commands import command
from engagement_nb.gap.compare import agree as agreement_of
from engagement_nb.sources.v2 import V2Source
from engagement_nb.words import counted

V2_SOURCES = ("v2", "sandbox-v2")


@command()
@click.option(
    "-o", "--out", required=True, callback=lasting, help="Folder or address of the dataset."
)
@click.option(
    "--source", type=click.Choice(V2_SOURCES), default="sandbox-v2", show_default=True,
    help="X API v2 with your keys, or the sandbox's copy of it.",
)  # fmt: skip
@click.option("--profile", multiple=True, help="Whose tokens; by default the first stored.")
@cost_options
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
@click.pass_context
def snapshot(
    ctx: click.Context,
    /,
    out: str,
    source: str,
    profile: tuple[str, ...],
    as_json: bool,
    **cost: Any,
) -> None:
    """Keep today's figures of your Posts of the last 30 days, once per UTC day.

    X API v2 gives private figures for 30 days only. A snapshot each day keeps them.
    """
    with closing(enb.connect(source, profile=profile or None, **cost)) as opened:
        assert isinstance(opened, V2Source)  # noqa: S101
        run = opened.snapshot(opened.dataset_at(out))
        mark = "SANDBOX (made-up figures): " if opened.sandbox else ""
    if as_json:
        new = {"dataset": out, "new": run is not None, "sandbox": opened.sandbox}
        click.echo(json.dumps((run.to_dict() if run else {}) | new))
    if run is None:
        say(f"{mark}{out} has today's snapshot already. Nothing was requested.", err=True)
        return
    say(
        f"{mark}{counted(run.tweets, 'Post')} in {out}, snapshot {run.record.snapshot};"
        f" {counted(run.requests, 'request')}.",
        err=True,
    )
    if not run.done:
        ctx.exit(FAILED)


@command()
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option("--ids", required=True, callback=named, help="File of Tweet ids, for both sources.")
@period_option
@posted_option
@zone_option
@click.option("--by", type=click.Choice(["day", "hour"]), help="Compare each day or hour.")
@click.option("--profile", multiple=True, help="Whose tokens; by default all stored.")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
@click.option("--strict", is_flag=True, help="Exit code 3 if any metric differs.")
@click.pass_context
def agree(
    ctx: click.Context,
    /,
    a: str,
    b: str,
    ids: str,
    as_json: bool,
    strict: bool,
    profile: tuple[str, ...],
    **question: Any,
) -> None:
    """Tell whether two sources give the same figures of the same Tweets, metric by metric.

    A and B are each api, v2, sandbox, sandbox-v2, a file or a dataset. With --period the figures
    are of that period, otherwise since posting.
    """
    asked = {name: value for name, value in question.items() if value is not None}
    of_period = "period" in asked
    if "by" in asked and not of_period:
        raise click.UsageError("--by needs --period.")
    sides = []
    tweet_ids = enb.read_ids(ids)
    for where in (a, b):
        with closing(enb.connect(where, profile=profile or None)) as source:
            read = source.historical if of_period else source.totals
            sides.append(read(tweet_ids, **asked))
    names = (a, b) if a != b else (f"{a} (A)", f"{b} (B)")
    first, second = sides
    result = agreement_of(first, second, names=names)
    if as_json:
        click.echo(json.dumps(result.to_dict(), default=int))
    else:
        say(result.sentence)
        click.echo(result.table.drop(columns="label").to_string())
    if strict and not result.agree:
        ctx.exit(INCOMPLETE)
