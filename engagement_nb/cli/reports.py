"""Commands that make reports from notebooks: ``report``, ``batch``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

import engagement_nb as enb
from engagement_nb.cli import (
    FAILED,
    INCOMPLETE,
    cost_options,
    lasting,
    options,
    period_option,
    posted_option,
    without_secrets,
    world_options,
    zone_option,
)
from engagement_nb.cli.commands import command, lacking
from engagement_nb.engine import preload
from engagement_nb.engine.scratch import scratch_folder
from engagement_nb.errors import InputError
from engagement_nb.metrics.problems import unit_of
from engagement_nb.report.look import Look, read_logo


def _pairs(
    _: click.Context, __: click.Parameter, given: tuple[tuple[str, str], ...]
) -> dict[str, str]:
    """Read ``-p name value``; each name can be given once."""
    names = [name for name, _ in given]
    if twice := {name for name in names if names.count(name) > 1}:
        raise click.BadParameter(f"{', '.join(sorted(twice))} is given twice.")
    return dict(given)


_parameters = click.option(
    "-p", "--parameter", "parameters", nargs=2, multiple=True, metavar="NAME VALUE",
    callback=_pairs, help="A parameter of the notebooks.",
)  # fmt: skip
_making_options = options(
    click.option(
        "--notebooks", type=click.Path(file_okay=False), metavar="DIR",
        help="Folder with your own copies of notebooks; others come from the package.",
    ),
    click.option(
        "--engine", type=click.Choice(["fast", "stock"]), default="fast", show_default=True,
        help="fast: a fork of a prepared process per notebook; stock: papermill's own.",
    ),
    click.option(
        "--cell-timeout", type=click.IntRange(min=1), metavar="SECONDS",
        help="Time limit of one cell.",
    ),
    click.option("--pdf", is_flag=True, help="Also write a PDF; needs Chromium or Chrome."),
    click.option("--subtitle", default="", help="Replaces the line about the data."),
    click.option("--accent", default="", metavar="COLOR", help="Color, such as #0b57a4."),
    click.option("--logo", type=click.Path(), metavar="FILE", help="Logo: PNG, JPEG or SVG."),
    click.option("--no-code", is_flag=True, help="Omit the notebook's code."),
)  # fmt: skip


def _making(options: dict[str, Any]) -> dict[str, Any]:
    """Take the options for making reports out of those of a command."""
    logo = options.pop("logo")
    look = Look(
        options.pop("subtitle"),
        options.pop("accent"),
        read_logo(logo) if logo else "",
        code=not options.pop("no_code"),
    )
    names = ("notebooks", "engine", "cell_timeout", "pdf")
    making = {name: value for name in names if (value := options.pop(name)) is not None}
    if making["engine"] == "fast" and not options.get("scheduler"):
        # The engine imports the libraries while this process does.
        preload("engagement_nb.report.warm")
    return {**making, "look": look}


def accounts_in(source: str) -> list[str]:
    """The accounts of export files; an `InputError` if the files name none."""
    accounts = enb.TableSource(source).tables.accounts
    if not accounts:
        raise InputError(f"{source} names no account.", advice="Leave out --by account.")
    return accounts


@contextmanager
def _listed(ids: str | None) -> Iterator[str | None]:
    """The path of a list of ids; standard input is read once, into a temporary file."""
    if ids != "-":
        yield ids
        return
    with scratch_folder() as folder:
        (folder / "ids.txt").write_bytes(sys.stdin.buffer.read())
        yield str(folder / "ids.txt")


def _say(made: enb.Report, heading: str, *, as_json: bool, markdown: bool) -> None:
    if made.facts.get("source") == "sandbox":
        click.echo("SANDBOX DATA: these figures are made up.", err=True)
    click.echo(made.gap["sentence"], err=True)
    if as_json:
        told: dict[str, Any] = {"folder": made.folder, "files": made.files, "gap": made.gap}
        told |= {name: made.facts.get(name) for name in ("account", "requests", "problems")}
        click.echo(json.dumps(told))
    elif markdown:
        click.echo(made.to_markdown(heading))
    else:
        others = ", ".join(name for name in made.files if name != "report.html")
        click.echo(f"Report: {made.html} (beside it: {others})")


@command()
@click.argument("path", required=False, metavar="[FILE-OR-FOLDER]")
@click.option(
    "--source", metavar="sandbox|api|v2|PATH",
    help="Where figures come from: the sandbox (the default; sandbox-v2 is its X API v2), an API,"
    " an export file or folder, or a dataset.",
)  # fmt: skip
@click.option(
    "--by", type=click.Choice(["account"]),
    help="For export files of several accounts: one report per account, in a folder of its own.",
)  # fmt: skip
@click.option("--ids", type=click.Path(), help="File with Tweet ids; - reads standard input.")
@click.option(
    "-o", "--out", default="reports", show_default=True, metavar="DIR", callback=lasting,
    help="Folder for the report.",
)  # fmt: skip
@click.option("--title", default="", help="Title of the report.")
@click.option("--strict", is_flag=True, help="Exit code 3 if Tweets or days are missing.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON on stdout.")
@click.option(
    "--markdown", is_flag=True,
    help="Print the finding, missing data and key figures as a paragraph and a table on stdout.",
)  # fmt: skip
@period_option
@posted_option
@zone_option
@cost_options
@world_options
@_parameters
@_making_options
@click.pass_context
def report(
    ctx: click.Context,
    /,
    path: str | None,
    source: str | None,
    by: str | None,
    ids: str | None,
    out: str,
    title: str,
    strict: bool,
    as_json: bool,
    markdown: bool,
    parameters: dict[str, Any],
    **asked: Any,
) -> None:
    """Fetch metrics, explore the gap, write one HTML file.

    FILE-OR-FOLDER is an export of X, a folder of exports, or a dataset. Without it, the report is
    on the sandbox. The output folder gets report.html, gap.json (days.json for figures by day
    without a gap), tables, and the executed notebooks.
    """
    if path and source:
        raise click.UsageError(f"{path} and --source {source} both name a source; give one.")
    if as_json and markdown:
        raise click.UsageError("--json and --markdown both write to stdout; give one.")
    if by and "profile" in parameters:
        raise click.UsageError("--by account makes all accounts, and -p profile names one.")
    source = path or source or "sandbox"
    making = _making(asked)
    for name, value in asked.items():
        if value is not None and parameters.setdefault(name, value) != value:
            raise click.UsageError(f"--{name} and -p {name} differ; give one.")
    wanted = [(out, title, parameters)]
    if by:
        wanted = [
            (f"{out}/{account}", title or f"@{account}", {**parameters, "profile": account})
            for account in accounts_in(source)
        ]
    reports = []
    with _listed(ids) as place:
        for folder, heading, given in wanted:
            click.echo(without_secrets(f"Making a report of {source} ..."), err=True)
            made = enb.make_report(source, place, folder, given, title=heading, **making)
            reports.append(made)
            _say(made, heading, as_json=as_json, markdown=markdown)
    missing = sum(each.missing_tweets for each in reports)
    if missing and strict:
        subject = lacking(missing, unit_of(reports[0].facts))
        click.echo(f"{subject} missing from the report, in whole or in part.", err=True)
        ctx.exit(INCOMPLETE)


@command()
@click.argument("manifest", type=click.Path())
@click.option(
    "-o", "--out", required=True, metavar="DIR", callback=lasting,
    help="Folder or address for the reports.",
)  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(min=1), metavar="N",
    help="Number of reports at a time; by default one per processor.",
)  # fmt: skip
@click.option(
    "--scheduler", metavar="ADDRESS", help="Dask scheduler whose workers make the reports."
)
@click.option("--title", default="", help="Title of the index.")
@click.option("--only-failed", is_flag=True, help="Only reports that failed or were never made.")
@click.option("--strict", is_flag=True, help="Exit code 3 if Tweets or days are missing.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON on stdout.")
@click.option("--progress/--no-progress", default=None, help="Show a bar, or lines in a log.")
@_making_options
@click.pass_context
def batch(
    ctx: click.Context,
    /,
    manifest: str,
    out: str,
    strict: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Make a report for every row of MANIFEST (CSV or YAML), and an index.

    Columns: name, title; source (sandbox, api or v2), profile, ids, endpoint, start, end, by; or
    dataset; or export; and any parameter of the notebook. Rerun the command to resume.
    Exit codes: 0 all were made; 1 some failed; 2 the manifest cannot be used.
    """
    made = enb.make_batch(manifest, out, **_making(options), **options)
    summary = made.to_dict()
    if as_json:
        click.echo(json.dumps(summary, ensure_ascii=False))
    for record in made.failed:
        click.echo(f"failed: {record['name']}: {record['error']}", err=True)
    resumed = len(made.resumed)
    there = f" ({resumed:,} {'was' if resumed == 1 else 'were'} already there)" if resumed else ""
    click.echo(
        f"{summary['done']:,} of {summary['reports']:,} reports made{there} in"
        f" {made.seconds:.0f} s: {out.rstrip('/')}/index.html",
        err=as_json,
    )
    if made.failed:
        click.echo("Mend the cause, then rerun the command with --only-failed.", err=True)
        ctx.exit(FAILED)
    if strict and made.missing_tweets:
        click.echo(
            f"{lacking(made.missing_tweets)} missing from the reports, in whole or in part.",
            err=True,
        )
        ctx.exit(INCOMPLETE)
