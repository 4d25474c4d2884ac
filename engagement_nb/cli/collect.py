"""Commands on figures: ``plan``, ``fetch``, ``snapshot``, ``compare``, ``agree``."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import engagement_nb as enb
from engagement_nb.apis.engagement import ENDPOINTS
from engagement_nb.cli import (
    FAILED,
    INCOMPLETE,
    cost_options,
    lasting,
    named,
    options,
    period_option,
    posted_option,
    say,
    without_secrets,
    world_options,
    zone_option,
)
from engagement_nb.cli.commands import command
from engagement_nb.errors import InputError
from engagement_nb.sources.options import Options
from engagement_nb.tables.ids import read_ids
from engagement_nb.words import counted

if TYPE_CHECKING:
    from engagement_nb.fetch import Run
    from engagement_nb.usage import Check

_AGAIN = "Rerun the command: it requests only what is missing."


_question = options(
    click.argument("endpoint", type=click.Choice(list(ENDPOINTS))),
    click.option("--ids", callback=named, help="File of Tweet ids, or - for standard input."),
    click.option("--start", help="First date or time of the period; by default in UTC."),
    click.option("--end", help="End of the period, exclusive."),
    period_option,
    posted_option,
    zone_option,
    click.option("--by", type=click.Choice(["day", "hour"]), help="One row per day or hour."),
    click.option("--metrics", help="Metrics, separated by commas; by default all."),
    click.option("--profile", multiple=True, help="Whose tokens; by default all stored."),
    click.option(
        "--source", type=click.Choice(["sandbox", "api", "v2", "sandbox-v2"]), default="sandbox",
        show_default=True,
        help="The Engagement API or X API v2, or the sandbox's copy of either.",
    ),
    cost_options,
    world_options,
    click.option(
        "--max-handles", type=click.IntRange(0),
        help="Refuse a fetch beyond this number of handles per month.",
    ),
    click.option("--json", "as_json", is_flag=True, help="JSON on stdout."),
)  # fmt: skip
"""The options of both commands that fetch."""


def _check_handles(
    source: enb.ApiSource, planned: enb.Plan, max_handles: int | None = None
) -> Check | None:
    """What a fetch adds to the count of handles; None if the ledger cannot be read."""
    try:
        return source.ledger.check(planned.signers, max_handles=max_handles, sandbox=source.sandbox)
    except OSError:
        if max_handles is not None:
            raise
        return None


@command()
@_question
def plan(as_json: bool, **asked: Any) -> None:
    """Show what a fetch would cost and what is unavailable. Sends nothing.

    ENDPOINT is totals (since each Tweet was posted), 28hr (the last 28 hours) or historical
    (a period).
    """
    with closing(_open(asked)) as source:
        planned = source.plan(_ids(asked), asked["endpoint"], **_options(asked))
        check = _check_handles(source, planned, asked["max_handles"])
    found = planned.to_dict() | {
        "sandbox": source.sandbox,
        "handles_new": list(check.added) if check else None,
        "handles_this_month": check.after if check else None,
        "handles_contracted": check.contracted if check else None,
    }
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    say(_stamped(planned, source.sandbox))
    if planned.handles and check and not source.api.bills_reads:
        say(f"  {check.sentence}")


@command()
@_question
@click.option(
    "-o", "--out", required=True, callback=lasting, help="Folder or address of the dataset."
)
@click.option("--snapshot", help="Label of these figures; by default the present moment.")
@click.option("--strict", is_flag=True, help="Exit code 3 if Tweets or days are missing.")
@click.option(
    "--progress/--no-progress", default=None, help="Show a bar; by default on a terminal."
)
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
    """Fetch metrics into a dataset. Rerun the command to resume after an interruption.

    ENDPOINT is totals (since each Tweet was posted), 28hr (the last 28 hours) or historical
    (a period). Rerun a finished fetch of totals to get a new snapshot.
    """
    options = {"progress": progress, "max_handles": asked["max_handles"]}
    with closing(_open(asked, **options)) as source:

        def tell(planned: enb.Plan) -> None:
            say(_stamped(planned, source.sandbox), err=True)
            check = _check_handles(source, planned)
            # The source has already warned about a fetch over the contract.
            if check and check.added and not check.over and not source.api.bills_reads:
                say(f"  {check.sentence}", err=True)

        try:
            ended = source.fetch_into(
                source.dataset_at(out),
                asked["endpoint"],
                _ids(asked),
                snapshot=snapshot,
                before=tell,
                **_options(asked),
            )
        except KeyboardInterrupt:
            say(f"\nFinished requests are kept in {out}. {_AGAIN}", err=True)
            raise
    if as_json:
        found = ended.to_dict() | {"dataset": out, "sandbox": source.sandbox}
        click.echo(json.dumps(found, indent=1))
    say(_stamped(_summary(ended, out), source.sandbox), err=True)
    if not ended.done:
        ctx.exit(FAILED)
    if strict and (ended.missing or ended.partial):
        ctx.exit(INCOMPLETE)


def _stamped(text: object, sandbox: bool) -> str:
    return f"SANDBOX (made-up figures): {text}" if sandbox else str(text)


def _summary(ended: Run, out: str) -> str:
    snapshot = f", snapshot {ended.record.snapshot}" if ended.record.snapshot else ""
    lines = [
        f"{counted(ended.tweets, 'Tweet')} in {out}{snapshot};"
        f" {counted(ended.requests, 'request')}, {ended.rate_limited:,} with status 429",
        *(f"  {line}" for line in ended.problems.lines()),
    ]
    if not ended.done:
        lines += [f"error: Not everything could be fetched. {ended.trouble}".rstrip(), _AGAIN]
    return "\n".join(lines)


def _open(asked: dict[str, Any], **options: Any) -> enb.ApiSource:
    cost = {name: asked[name] for name in ("max_cost", "owns_app") if asked[name] is not None}
    if cost and "v2" not in asked["source"]:
        raise click.UsageError(
            "--max-cost and --owns-app are for --source v2; only X API v2 bills each Post."
        )
    if asked["source"] == "api" and not asked["ids"]:
        raise click.UsageError("--source api needs --ids FILE.")
    world = {name: asked[name] for name in ("seed", "now", "tweets") if asked[name] is not None}
    source = enb.connect(
        asked["source"], profile=asked["profile"] or None, **options, **world, **cost
    )
    assert isinstance(source, enb.ApiSource)  # noqa: S101
    return source


def _ids(asked: dict[str, Any]) -> enb.IdList | None:
    return enb.read_ids(asked["ids"]) if asked["ids"] else None


def _options(asked: dict[str, Any]) -> dict[str, Any]:
    return {name: asked[name] for name in Options.__annotations__}


_Sides = tuple[str | None, str | None]


def _for_each(_: click.Context, option: click.Parameter, given: tuple[str, ...]) -> _Sides:
    """Read an option that is given once for both sides, or once for each."""
    if len(given) > 2:
        raise click.BadParameter("give it once for both sides, or twice.")
    return (given[0], given[-1]) if given else (None, None)


@command()
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option(
    "--period", "periods", multiple=True, metavar="NAME", callback=_for_each,
    help="When people engaged, such as last week or 2026-10; once for both sides, or for each.",
)  # fmt: skip
@click.option(
    "--posted", multiple=True, metavar="NAME", callback=_for_each,
    help="Only Posts that were posted then; once for both sides, or once for each.",
)  # fmt: skip
@zone_option
@click.option("--ids", type=click.Path(), help="File with Tweet ids, for both sides.")
@click.option(
    "--profile", "profiles", multiple=True, metavar="NAME", callback=_for_each,
    help="Whose tokens, or which account of an export; once for both sides, or once for each.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON on stdout.")
def compare(
    a: str,
    b: str,
    periods: _Sides,
    posted: _Sides,
    zone: str | None,
    ids: str | None,
    profiles: _Sides,
    as_json: bool,
) -> None:
    """Show what changed between two sets of figures, and what may be chance.

    A and B are each an export file or folder, a dataset, sandbox, or api. A can be "earlier", the
    snapshot before the newest of the dataset B. To compare two periods of a source, give it
    twice, with two --period, or two --posted for the Posts of two periods.
    """
    wanted = read_ids(ids) if ids else None
    sides, names = [], []
    for where, period, when, profile in zip((a, b), periods, posted, profiles, strict=True):
        with enb.connect(b if where == "earlier" else where, profile=profile) as source:
            figures, _ = source.gather(wanted, period=period, posted=when, zone=zone, beside=False)
            if where == "earlier":
                earlier = source.earlier_snapshot(
                    figures.about.endpoint, wanted, posted=when, zone=zone
                )
                if earlier is None:
                    raise InputError(f"{b} has no snapshot before the newest.")
                figures = earlier
        sides.append(figures)
        about = [Path(where).name, profile, period, when and f"posted {when}"]
        names.append(", ".join(part for part in about if part))
    if names[0] == names[1]:
        names = [f"{names[0]} (A)", f"{names[1]} (B)"]
    found = enb.compare(*sides, names=(names[0], names[1]))
    if as_json:
        click.echo(json.dumps(found.to_dict()))
        return
    sentence, _, table = without_secrets(repr(found)).partition("\n")
    say(sentence)
    click.echo(table)


@command()
@click.option(
    "-o", "--out", required=True, callback=lasting, help="Folder or address of the dataset."
)
@click.option(
    "--source", type=click.Choice(["v2", "sandbox-v2"]), default="sandbox-v2", show_default=True,
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
        assert isinstance(opened, enb.V2Source)  # noqa: S101
        run = opened.snapshot(opened.dataset_at(out))
        sandbox = opened.sandbox
    if as_json:
        new = {"dataset": out, "new": run is not None, "sandbox": sandbox}
        click.echo(json.dumps((run.to_dict() if run else {}) | new))
    if run is None:
        told = f"{out} has today's snapshot already. Nothing was requested."
        say(_stamped(told, sandbox), err=True)
        return
    say(_stamped(_summary(run, out), sandbox), err=True)
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
    result = enb.agree(first, second, names=names)
    if as_json:
        click.echo(json.dumps(result.to_dict(), default=int))
    else:
        say(result.sentence)
        click.echo(result.table.drop(columns="label").to_string())
    if strict and not result.agree:
        ctx.exit(INCOMPLETE)
