"""One report: fetch, explore, and write what somebody else can read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import nbformat

from engagement_nb.client.credentials import find_profile
from engagement_nb.errors import EngagementError, InputError, ReportError
from engagement_nb.exports import read_export
from engagement_nb.ids import read_ids
from engagement_nb.metrics import handed_over
from engagement_nb.problems import tweets_missing
from engagement_nb.report import processes
from engagement_nb.report.compose import compose, to_markdown
from engagement_nb.report.execute import Run, run_notebook, scrub
from engagement_nb.report.look import PLAIN, Look
from engagement_nb.report.notebooks import (
    BY_DAY,
    EXPLORE,
    FETCH,
    NotebookFile,
    find_notebook,
    refuse_secrets,
)
from engagement_nb.report.page import to_html
from engagement_nb.report.pdf import print_pdf, require_browser
from engagement_nb.report.scratch import scratch_folder, sweep
from engagement_nb.sources.sandbox import WORLD
from engagement_nb.store import Store

HTML, GAP, DAYS, PDF, DATASET = (
    "report.html", "gap.json", "days.json", "report.pdf", "dataset",
)  # fmt: skip
TABLES = {
    GAP: ("tweets.csv", "tweets.parquet", "metrics.csv", "metrics.parquet"),
    DAYS: ("days.csv", "days.parquet", "metrics.csv", "metrics.parquet"),
}
"""What a notebook writes where its parameter ``tables`` says, for each kind of answer."""


@dataclass(frozen=True)
class Report:
    """A report that was made.

    Parameters
    ----------
    folder
        Where it is.
    files
        Names of its files in there.
    gap
        The answer: `engagement_nb.Gap.to_dict`, or `engagement_nb.Days.to_dict` for an overview
        or video file.
    facts
        Where the figures are from, and what is missing.
    """

    folder: str
    files: tuple[str, ...]
    gap: Mapping[str, Any] = field(repr=False)
    facts: Mapping[str, Any] = field(repr=False)

    @property
    def html(self) -> str:
        """Path of the HTML file."""
        return f"{self.folder.rstrip('/')}/{HTML}"

    @property
    def missing_tweets(self) -> int:
        """Tweets that were asked for and are not in it, or for a part of the period only."""
        return tweets_missing(self.facts.get("problems", ()))

    def to_markdown(self, title: str = "") -> str:
        """The finding, what is missing and the key figures as a paragraph and a table."""
        return to_markdown(self.gap, self.facts, title)


def make_report(
    source: str = "sandbox",
    ids: str | Path | None = None,
    out: str | Path = "reports",
    parameters: Mapping[str, Any] | None = None,
    *,
    title: str = "",
    look: Look = PLAIN,
    notebooks: str | Path | None = None,
    engine: str = "fast",
    cell_timeout: int | None = None,
    pdf: bool = False,
) -> Report:
    """Fetch metrics, explore the gap, and write both notebooks, one HTML file and its figures.

    Parameters
    ----------
    source
        "sandbox", "api", the path of an export file or a folder of them, or a dataset.
    ids
        A file with Tweet ids; by default all that the source knows of.
    out
        A folder, or an fsspec address: it gets ``report.html``, ``gap.json``, the executed
        notebooks, and the dataset where one is fetched.
    parameters
        For the notebooks, by name; text is read by the declared type.
    title
        Instead of the notebook's own.
    look
        What is chosen about the page.
    notebooks
        A folder with your own copies of the notebooks.
    engine
        "fast" or "stock": see `engagement_nb.report.execute`.
    cell_timeout
        Seconds that one cell may take.
    pdf
        Print it to PDF as well; needs a browser.

    Raises
    ------
    InputError
        The source, the ids or a parameter cannot be used: found before anything is spent.
    EngagementError
        A notebook stopped; what was executed of it is in ``out``.
    """
    if pdf:
        require_browser()
    refuse_secrets({"title": title, "subtitle": look.subtitle}, "option")
    processes.resume()
    sweep()
    fetches = source in ("sandbox", "api")
    if source != "sandbox" and (chosen := set(WORLD) & set(parameters or ())):
        raise InputError(f"{', '.join(sorted(chosen))}: only the sandbox has a world to choose.")
    _, name = read_inputs(source, ids, str((parameters or {}).get("profile", "")))
    explore = find_notebook(name, notebooks)
    fetch = find_notebook(FETCH, notebooks) if fetches else None
    ours, theirs = _shared_out(parameters or {}, fetch, explore)
    store = Store(out)
    _check_writable(store)

    fetched: dict[str, Any] = {}
    if fetch is not None:
        dataset = f"{str(out).rstrip('/')}/{DATASET}"
        given = {"source": source, "dataset": dataset, "ids_file": str(ids or ""), **ours}
        run = run_notebook(fetch, given, engine=engine, cell_timeout=cell_timeout)
        _keep(store, run, FETCH)
        fetched = handed_over(run.notebook).get("metrics", {})
        source = dataset
        # A period by name is resolved once, when it is fetched: later it may mean other dates.
        theirs |= dates_for(explore, fetched)
        theirs = {name: value for name, value in theirs.items() if name not in WORLD}
    elif ids is not None:
        theirs.setdefault("ids_file", str(ids))
    if "tables" in explore.parameters:
        theirs.setdefault("tables", str(out))
    given = {"source": source, **theirs}
    run = run_notebook(explore, given, engine=engine, cell_timeout=cell_timeout)
    _keep(store, run, explore.name)
    files = publish(store, run.notebook, given, title=title, look=look, fetched=fetched, pdf=pdf)
    handed = handed_over(run.notebook)
    return Report(
        folder=str(out),
        files=(*((FETCH,) if fetches else ()), explore.name, *files),
        gap=answer_of(handed),
        facts={**handed.get("metrics", {}), **fetched},
    )


def dates_for(notebook: NotebookFile, fetched: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters by which a notebook reads the very period that was fetched."""
    known = [name for name in ("start", "end", "period") if name in notebook.parameters]
    if not fetched.get("start") or fetched.get("endpoint") != "historical":
        return {}
    return {name: fetched.get(name, "") for name in known}


def publish(
    store: Store,
    notebook: nbformat.NotebookNode,
    parameters: Mapping[str, Any],
    *,
    title: str = "",
    look: Look = PLAIN,
    fetched: Mapping[str, Any] | None = None,
    failure: str = "",
    pdf: bool = False,
) -> list[str]:
    """Write what an executed notebook shows and says; the names of the files.

    Raises
    ------
    ReportError
        The notebook ran and handed no answer over, or no PDF could be printed.
    """
    handed = handed_over(notebook)
    gap = handed.get("gap")
    if not answer_of(handed) and not failure:
        raise ReportError(
            "The notebook ran to its end and shows no gap, so there is no answer to report.",
            advice="End it with the result of explore_gap as a cell of its own.",
        )
    files = []
    for name, answer in ((GAP, gap), (DAYS, handed.get("days"))):
        if answer is not None:
            text = json.dumps(answer, indent=2, ensure_ascii=False)
            store.publish(name, text.encode() + b"\n")
            files += [name, *filter(store.exists, TABLES[name])]
    page = compose(
        notebook, title=title, look=look, parameters=parameters, fetched=fetched, failure=failure,
    )  # fmt: skip
    html = _without_paths(scrub(to_html(notebook, page)), parameters).encode()
    if pdf:
        with scratch_folder() as folder:
            source, printed = folder / HTML, folder / PDF
            source.write_bytes(html)
            print_pdf(source, printed)
            store.publish(PDF, printed.read_bytes())
        files.append(PDF)
    store.publish(HTML, html)
    return [*files, HTML]


def _without_paths(html: str, parameters: Mapping[str, Any]) -> str:
    """A page that names files and folders without saying where they lie on this machine."""
    for value in parameters.values():
        if isinstance(value, str) and "/" in value.rstrip("/") and "://" not in value:
            for given in (str(Path(value).absolute()), value):
                name = escape(Path(given).name)
                html = html.replace(escape(scrub(given)), name).replace(escape(given), name)
    return html


def answer_of(handed: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a notebook found: the gap, or for figures by day without one, their totals."""
    return handed.get("gap") or handed.get("days") or {}


def read_inputs(
    source: str, ids: str | Path | None = None, profile: str = ""
) -> tuple[tuple[str, ...] | None, str]:
    """Say before anything is started what is unreadable.

    ``profile`` is the account that is read of export files of several, or whose tokens are used.

    Returns
    -------
    tuple
        The listed Tweets, None without a list; and the notebook that reports on such a source.

    Raises
    ------
    EngagementError
        The source or the ids cannot be read.
    """
    listed, name = None if ids is None else tuple(read_ids(ids).ids), EXPLORE
    if source == "api":
        find_profile(profile or None)
    elif source != "sandbox" and not Store(source).exists("dataset.json"):
        kind = read_export(source, profile).about.kind
        name = BY_DAY if kind in ("overview", "video") else EXPLORE
    return listed, name


def _shared_out(
    parameters: Mapping[str, Any], fetch: NotebookFile | None, explore: NotebookFile
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters by the notebook that takes them; one that none takes is an error."""
    first = fetch.parameters if fetch else {}
    second = explore.parameters
    for name in parameters:
        if name not in first and name not in second:
            taken = ", ".join(dict.fromkeys([*first, *second]))
            raise InputError(
                f"No notebook has a parameter {name!r}.", advice=f"There are: {taken}."
            )
    ours = {name: value for name, value in parameters.items() if name in first}
    theirs = {name: value for name, value in parameters.items() if name in second}
    return fetch.check(ours) if fetch else {}, explore.check(theirs)


def _check_writable(store: Store) -> None:
    store.publish(".tmp-writable", b"")
    store.fs.rm_file(store.path(".tmp-writable"))


def _keep(store: Store, run: Run, name: str) -> None:
    """Keep an executed notebook, whole or not, before its error goes on."""
    store.publish(name, nbformat.writes(run.notebook).encode())
    if run.error is not None:
        raise _with_place(run.error, f"{store.where.rstrip('/')}/{name}")


def _with_place(error: EngagementError, place: str) -> EngagementError:
    if isinstance(error, ReportError):
        error.advice = f"{error.advice} The notebook up to there is {place}.".strip()
    return error
