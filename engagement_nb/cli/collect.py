"""``engagement-nb plan`` and ``engagement-nb fetch``."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from typing import Any, TypeVar

import click

from engagement_nb.cli import say
from engagement_nb.cli.places import lasting, named, period_option, world_options, zone_option
from engagement_nb.collect import Collected
from engagement_nb.dataset import Dataset
from engagement_nb.ids import IdList, read_ids
from engagement_nb.planning import Plan
from engagement_nb.sources import ApiSource, connect
from engagement_nb.vocabulary import ENDPOINTS

_AGAIN = "Run the same command again: it requests only what is missing."

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _question(command: _Command) -> _Command:
    """Add the options that both commands have."""
    for decorate in reversed(
        (
            click.argument("endpoint", type=click.Choice(list(ENDPOINTS))),
            click.option(
                "--ids", callback=named, help="File of Tweet ids, or - for standard input."
            ),
            click.option("--start", help="Date or time, UTC unless it says otherwise."),
            click.option("--end", help="Date or time, exclusive."),
            period_option,
            zone_option,
            click.option("--by", type=click.Choice(["day", "hour"]), help="A series."),
            click.option("--metrics", help="Wire names, separated by commas; else all."),
            click.option("--profile", multiple=True, help="Whose tokens; else all there are."),
            click.option(
                "--source",
                type=click.Choice(["sandbox", "api"]),
                default="sandbox",
                show_default=True,
                help="The copy of the API on this machine, or the API.",
            ),
            world_options,
            click.option(
                "--max-handles",
                type=click.IntRange(0),
                help="Refuse to go over this number of handles a month.",
            ),
            click.option("--json", "as_json", is_flag=True, help="JSON on stdout."),
        )
    ):
        command = decorate(command)
    return command


@click.command()
@_question
def plan(as_json: bool, **asked: Any) -> None:
    """Tell what a fetch would cost and what is unavailable. Sends nothing.

    ENDPOINT is totals (since each Tweet was posted), 28hr (the last 28 hours) or historical
    (a period).
    """
    with closing(_open(asked)) as source:
        planned = source.plan(_ids(asked), asked["endpoint"], **_options(asked))
        check = source.ledger.check(
            planned.signers, max_handles=asked["max_handles"], sandbox=source.sandbox
        )
    found = planned.to_dict() | {
        "sandbox": source.sandbox,
        "handles_new": list(check.added),
        "handles_this_month": check.after,
        "handles_contracted": check.contracted,
    }
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    say(_stamped(planned, source.sandbox))
    if planned.handles:
        say(f"  {check.sentence}")


@click.command()
@_question
@click.option(
    "-o", "--out", required=True, callback=lasting, help="Folder or address of the dataset."
)
@click.option("--snapshot", help="Label for figures of this moment; else the moment itself.")
@click.option("--strict", is_flag=True, help="Exit code 3 if Tweets or days are missing.")
@click.option("--progress/--no-progress", default=None, help="A bar; else on a terminal only.")
@click.pass_context
def fetch(
    ctx: click.Context,
    /,
    as_json: bool,
    out: str,
    snapshot: str | None,
    strict: bool,
    progress: bool | None,
    **asked: Any,
) -> None:
    """Fetch metrics into a dataset. Run again after an interruption, it resumes.

    ENDPOINT is totals (since each Tweet was posted), 28hr (the last 28 hours) or historical
    (a period). A finished totals fetch that is run again makes a new snapshot.
    """
    options = {"progress": progress, "max_handles": asked["max_handles"]}
    with closing(_open(asked, **options)) as source:

        def tell(planned: Plan) -> None:
            say(_stamped(planned, source.sandbox), err=True)
            check = source.ledger.check(planned.signers, sandbox=source.sandbox)
            # Over the contract, the source has warned already.
            if check.added and not check.over:
                say(f"  {check.sentence}", err=True)

        try:
            ended = source.fetch_into(
                Dataset(out, source.figures),
                asked["endpoint"],
                _ids(asked),
                snapshot=snapshot,
                before=tell,
                **_options(asked),
            )
        except KeyboardInterrupt:
            say(f"\nWhat was finished is kept in {out}. {_AGAIN}", err=True)
            raise
    if as_json:
        found = ended.to_dict() | {"dataset": out, "sandbox": source.sandbox}
        click.echo(json.dumps(found, indent=1))
    say(_stamped(_summary(ended, out), source.sandbox), err=True)
    if not ended.done:
        ctx.exit(1)
    if strict and (ended.missing or ended.partial):
        ctx.exit(3)


def _stamped(text: object, sandbox: bool) -> str:
    return f"SANDBOX (made-up figures): {text}" if sandbox else str(text)


def _summary(ended: Collected, out: str) -> str:
    snapshot = f", snapshot {ended.record.snapshot}" if ended.record.snapshot else ""
    lines = [
        f"{ended.tweets:,} Tweets in {out}{snapshot}; {ended.requests:,} requests,"
        f" {ended.rate_limited:,} answered 429",
        *(f"  {line}" for line in ended.problems.lines()),
    ]
    if not ended.done:
        lines += [f"error: Not everything could be fetched. {ended.trouble}".rstrip(), _AGAIN]
    return "\n".join(lines)


def _open(asked: dict[str, Any], **options: Any) -> ApiSource:
    if asked["source"] == "api" and not asked["ids"]:
        raise click.UsageError("--source api needs --ids FILE.")
    world = {name: asked[name] for name in ("seed", "now", "tweets") if asked[name] is not None}
    source = connect(asked["source"], profile=asked["profile"] or None, **options, **world)
    assert isinstance(source, ApiSource)  # noqa: S101
    return source


def _ids(asked: dict[str, Any]) -> IdList | None:
    return read_ids(asked["ids"]) if asked["ids"] else None


def _options(asked: dict[str, Any]) -> dict[str, Any]:
    names = [name.strip() for name in (asked["metrics"] or "").split(",") if name.strip()]
    options = {name: asked[name] for name in ("start", "end", "period", "zone", "by")}
    return options | {"metrics": names or None}
