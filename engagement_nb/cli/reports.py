"""Commands on figures and notebooks: ``report``, ``compare``, ``batch``, ``lab``."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from engagement_nb.cli import without_secrets
from engagement_nb.cli.places import lasting, period_option, world_options, zone_option
from engagement_nb.errors import InputError

if TYPE_CHECKING:
    from engagement_nb.report.look import Look
    from engagement_nb.vocabulary import EndpointName


def _pairs(
    _: click.Context, __: click.Parameter, given: tuple[tuple[str, str], ...]
) -> dict[str, str]:
    """``-p name value``, each name once."""
    names = [name for name, _ in given]
    if twice := {name for name in names if names.count(name) > 1}:
        raise click.BadParameter(f"{', '.join(sorted(twice))} is given twice.")
    return dict(given)


_notebooks = click.option(
    "--notebooks", type=click.Path(file_okay=False), metavar="DIR",
    help="Your own copies of the notebooks; those missing there are the package's.",
)  # fmt: skip
_engine = click.option(
    "--engine", type=click.Choice(["fast", "stock"]), default="fast", show_default=True,
    help="fast: a copy of a warm process for each notebook; stock: papermill's own.",
)  # fmt: skip
_timeout = click.option(
    "--cell-timeout", type=click.IntRange(min=1), metavar="SECONDS",
    help="Longest time that one cell may take.",
)  # fmt: skip
_parameters = click.option(
    "-p", "--parameter", "parameters", nargs=2, multiple=True, metavar="NAME VALUE",
    callback=_pairs, help="A parameter of the notebooks.",
)  # fmt: skip
_pdf = click.option("--pdf", is_flag=True, help="Print to PDF as well; needs Chromium or Chrome.")


def _look(command: Callable[..., None]) -> Callable[..., None]:
    """Options about the page of a report, given to the command as ``look``."""

    def with_look(
        *given: Any, subtitle: str, accent: str, logo: str | None, no_code: bool, **options: Any
    ) -> None:
        # Imported here because of start-up time.
        from engagement_nb.report.look import Look, read_logo

        if "look" not in options:  # it is there where one command invokes another
            image = read_logo(logo) if logo else ""
            options["look"] = Look(subtitle, accent, image, code=not no_code)
        command(*given, **options)

    for option in (
        click.option("--no-code", is_flag=True, help="Leave the notebook's code out."),
        click.option("--logo", type=click.Path(), metavar="FILE", help="PNG, JPEG or SVG."),
        click.option("--accent", default="", metavar="COLOR", help="Such as #0b57a4."),
        click.option("--subtitle", default="", help="Instead of the line about the data."),
    ):
        with_look = option(with_look)
    return update_wrapper(with_look, command)


def _warm(engine: str) -> None:
    """Let the fork server import things while this process does."""
    # Imported before anything else is, which start-up time is all about.
    from engagement_nb.report.processes import warm

    if engine == "fast":
        warm()


def accounts_in(source: str) -> list[str]:
    """The accounts of export files.

    Raises
    ------
    InputError
        The source is no export, or its files name no account.
    """
    # Imported here so that the command line starts without pandas.
    from engagement_nb.exports import Exports

    accounts = Exports(source).accounts
    if not accounts:
        raise InputError(f"{source} names no account.", advice="Leave --by account out.")
    return accounts


@click.command()
@click.argument("path", required=False, metavar="[FILE-OR-FOLDER]")
@click.option(
    "--source", metavar="sandbox|api|PATH",
    help="Where figures come from: the sandbox (the default), the API, an export file or folder,"
    " a dataset.",
)  # fmt: skip
@click.option(
    "--by", type=click.Choice(["account"]),
    help="For export files of several accounts: one report for each, in a folder of its own.",
)  # fmt: skip
@click.option("--ids", type=click.Path(), help="File with Tweet ids.")
@click.option(
    "-o", "--out", default="reports", show_default=True, metavar="DIR", callback=lasting,
    help="Where to.",
)  # fmt: skip
@click.option("--title", default="", help="Title of the report.")
@click.option("--strict", is_flag=True, help="Exit code 3 if Tweets or days are missing.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON on stdout.")
@click.option(
    "--markdown", is_flag=True,
    help="Print the finding, missing data and key figures as a paragraph and a table on stdout.",
)  # fmt: skip
@period_option
@zone_option
@world_options
@_parameters
@_notebooks
@_engine
@_timeout
@_pdf
@_look
@click.pass_context
def report(
    ctx: click.Context,
    path: str | None,
    source: str | None,
    by: str | None,
    ids: str | None,
    out: str,
    title: str,
    strict: bool,
    as_json: bool,
    markdown: bool,
    period: str | None,
    zone: str | None,
    seed: int | None,
    now: str | None,
    tweets: int | None,
    parameters: dict[str, Any],
    notebooks: str | None,
    engine: str,
    cell_timeout: int | None,
    pdf: bool,
    look: Look,
) -> None:
    """Fetch metrics, explore the gap, write one HTML file.

    FILE-OR-FOLDER is an export of X, a folder of exports, or a dataset. Without it and without
    options it reports on the sandbox. OUT gets report.html, gap.json and the executed notebooks.
    """
    if path and source:
        raise click.UsageError(f"{path} and --source {source} both say where figures come from.")
    source = path or source or "sandbox"
    _warm(engine)
    if by:
        for account in accounts_in(source):
            ctx.invoke(
                report, path=source, ids=ids, out=f"{out}/{account}", title=title or f"@{account}",
                strict=strict, as_json=as_json, parameters={**parameters, "profile": account},
                notebooks=notebooks, engine=engine, cell_timeout=cell_timeout, pdf=pdf,
                look=look, period=period, zone=zone, markdown=markdown,
            )  # fmt: skip
        return
    from engagement_nb.report.make import make_report

    asked = {"period": period, "zone": zone, "seed": seed, "now": now, "tweets": tweets}
    click.echo(without_secrets(f"Making a report of {source} ..."), err=True)
    made = make_report(
        source,
        ids,
        out,
        {**parameters, **{name: value for name, value in asked.items() if value is not None}},
        title=title,
        notebooks=notebooks,
        engine=engine,
        cell_timeout=cell_timeout,
        pdf=pdf,
        look=look,
    )
    if made.facts.get("source") == "sandbox":
        click.echo("SANDBOX DATA: these figures are made up.", err=True)
    click.echo(made.gap["sentence"], err=True)
    if as_json:
        click.echo(json.dumps({"folder": made.folder, "files": made.files, "gap": made.gap}))
    elif markdown:
        click.echo(made.to_markdown(title))
    else:
        others = ", ".join(name for name in made.files if name != "report.html")
        click.echo(f"Report: {made.html} (beside it: {others})")
    if made.missing_tweets and strict:
        click.echo(f"{made.missing_tweets:,} Tweets are missing from it, or lack days.", err=True)
        ctx.exit(3)


def _for_each(
    _: click.Context, option: click.Parameter, given: tuple[str, ...]
) -> tuple[str | None, str | None]:
    """An option for both sides of a comparison, or one for each."""
    if len(given) > 2:
        raise click.BadParameter("give it once for both sides, or twice.")
    return (given[0], given[-1]) if given else (None, None)


@click.command()
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option(
    "--period", "periods", multiple=True, metavar="NAME", callback=_for_each,
    help="Such as last week or 2026-10; once for both sides, or once for each.",
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
    periods: tuple[str | None, str | None],
    zone: str | None,
    ids: str | None,
    profiles: tuple[str | None, str | None],
    as_json: bool,
) -> None:
    """What changed between two sets of figures, and what may be chance.

    A and B are each an export file or folder, a dataset, sandbox, or api; A may be "earlier": the
    snapshot before the newest of the dataset B. Two periods of a dataset are compared by
    giving it twice, with two --period.
    """
    from engagement_nb.gap.compare import compare as compared
    from engagement_nb.sources import connect

    sides, names = [], []
    for where, period, profile in zip((a, b), periods, profiles, strict=True):
        with connect(b if where == "earlier" else where, profile=profile) as source:
            endpoint: EndpointName | Literal[""] = "historical" if period else ""
            figures, _ = source.gather(
                ids, endpoint=endpoint, period=period, zone=zone, beside=False
            )
            if where == "earlier":
                earlier = source.earlier_snapshot(figures.about.endpoint)
                if earlier is None:
                    raise InputError(f"{b} has no snapshot before the newest.")
                figures = earlier
        sides.append(figures)
        about = [Path(where).name, profile, period]
        names.append(", ".join(part for part in about if part))
    if names[0] == names[1]:
        names = [f"{names[0]} (A)", f"{names[1]} (B)"]
    found = compared(*sides, names=(names[0], names[1]))
    click.echo(json.dumps(found.to_dict()) if as_json else without_secrets(repr(found)))


@click.command()
@click.argument("manifest", type=click.Path())
@click.option(
    "-o", "--out", required=True, metavar="DIR", callback=lasting,
    help="Where to: folder or address.",
)  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(min=1), metavar="N",
    help="Reports at a time here; by default one a processor.",
)  # fmt: skip
@click.option("--scheduler", metavar="ADDRESS", help="Dask scheduler whose workers make them.")
@click.option("--title", default="", help="Title of the index.")
@click.option("--only-failed", is_flag=True, help="Only those that failed or were never made.")
@click.option("--strict", is_flag=True, help="Exit code 3 if Tweets or days are missing.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON on stdout.")
@click.option("--progress/--no-progress", default=None, help="Show a bar; a log gets lines.")
@_notebooks
@_engine
@_timeout
@_pdf
@_look
@click.pass_context
def batch(
    ctx: click.Context,
    manifest: str,
    out: str,
    workers: int | None,
    scheduler: str | None,
    title: str,
    only_failed: bool,
    strict: bool,
    as_json: bool,
    progress: bool | None,
    notebooks: str | None,
    engine: str,
    cell_timeout: int | None,
    pdf: bool,
    look: Look,
) -> None:
    """Make a report for every row of MANIFEST (CSV or YAML), and an index of them.

    Columns: name, title; source (sandbox or api), profile, ids, endpoint, start, end, by; or
    dataset; or export; and any parameter of the notebook. Cut off and run again, it goes on.
    Exit codes: 0 all made; 1 some failed; 2 the manifest cannot be used.
    """
    if scheduler is None:
        _warm(engine)
    from engagement_nb.report.batch import make_batch

    made = make_batch(
        manifest,
        out,
        workers=workers,
        scheduler=scheduler,
        only_failed=only_failed,
        title=title,
        notebooks=notebooks,
        engine=engine,
        cell_timeout=cell_timeout or 600,
        pdf=pdf,
        look=look,
        progress=progress,
    )
    summary = made.to_dict()
    if as_json:
        click.echo(json.dumps(summary, ensure_ascii=False))
    for record in made.failed:
        click.echo(f"failed: {record['name']}: {record['error']}", err=True)
    resumed = len(made.resumed)
    there = f" ({resumed:,} {'was' if resumed == 1 else 'were'} there already)" if resumed else ""
    click.echo(
        f"{summary['done']:,} of {summary['reports']:,} reports made{there} in"
        f" {made.seconds:.0f} s: {out.rstrip('/')}/index.html",
        err=as_json,
    )
    if made.failed:
        click.echo("Run it again with --only-failed once the cause is gone.", err=True)
        ctx.exit(1)
    if strict and made.missing_tweets:
        click.echo(f"{made.missing_tweets:,} Tweets are missing from them, or lack days.", err=True)
        ctx.exit(3)


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--port", type=int, default=8888, show_default=True, help="Port; 0: any free one.")
@click.option("--no-browser", is_flag=True, help="Don't open a browser.")
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Where your copies of the notebooks go; by default ./engagement-notebooks.",
)  # fmt: skip
@click.option("--here", is_flag=True, help="Open the notebooks themselves, not copies.")
@click.argument("more", nargs=-1, type=click.UNPROCESSED)
def lab(
    port: int, no_browser: bool, folder: Path | None, here: bool, more: tuple[str, ...]
) -> None:
    """Open JupyterLab on the notebooks, on this machine only.

    It works on copies in your own directory, which are never overwritten; with --here, on the
    notebooks themselves. Further words go to JupyterLab.
    """
    from engagement_nb.report.lab import open_lab

    for word in more:
        if word.startswith(("--ip", "--ServerApp.ip")):
            raise InputError(
                f"{word} is not taken: this JupyterLab listens on this machine only.",
                advice="Start jupyter lab yourself if others should reach it.",
            )
    if here and folder:
        raise click.UsageError("--here and --folder exclude each other.")
    open_lab(folder=folder, here=here, port=port, browser=not no_browser, more=more)
