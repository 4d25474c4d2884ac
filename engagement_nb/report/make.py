"""One report: fetch, explore, and write files that can be sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import nbformat

from engagement_nb.client.credentials import find_profile
from engagement_nb.errors import InputError, ReportError
from engagement_nb.exports import read_export
from engagement_nb.ids import read_ids
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

HTML, GAP, DAYS, PDF = "report.html", "gap.json", "days.json", "report.pdf"
TABLES = {
    GAP: ("tweets.csv", "tweets.parquet", "metrics.csv", "metrics.parquet"),
    DAYS: ("days.csv", "days.parquet", "metrics.csv", "metrics.parquet"),
}
"""Files that a notebook writes to the folder of its parameter ``tables``, by kind of answer."""


@dataclass(frozen=True)
class Report:
    """A finished report.

    Parameters
    ----------
    folder
        Its folder.
    files
        Names of the files in that folder.
    gap
        The answer: `engagement_nb.Gap.to_dict`, or `engagement_nb.Days.to_dict` for an overview
        or video file.
    facts
        Where the figures are from, and what is missing: `Metrics.facts`.
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
        """Requested Tweets without figures for all or a part of the period."""
        return tweets_missing(self.facts.get("problems", ()))

    def to_markdown(self, title: str = "") -> str:
        """The finding, missing data and the key figures as a paragraph and a table."""
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
        A file with Tweet ids; by default all Tweets of the source.
    out
        A folder or an fsspec address for ``report.html``, ``gap.json``, the executed notebooks,
        and the dataset if one is fetched.
    parameters
        Of the notebooks, by name; text is read by the declared type.
    title
        Replaces the notebook's own.
    look
        Options of the page.
    notebooks
        A folder with your own copies of the notebooks.
    engine
        "fast" or "stock": see `engagement_nb.report.execute`.
    cell_timeout
        Longest time for one cell, in seconds.
    pdf
        Print it to PDF too; needs a browser.

    Raises
    ------
    InputError
        The source, the ids or a parameter cannot be used. Nothing was requested.
    EngagementError
        A notebook stopped; ``out`` has the notebook up to that point.
    """
    if pdf:
        require_browser()
    refuse_secrets({"title": title, "subtitle": look.subtitle}, "option")
    processes.resume()
    sweep()
    if source != "sandbox" and (chosen := set(WORLD) & set(parameters or ())):
        raise InputError(f"{', '.join(sorted(chosen))}: only the sandbox has a world to choose.")
    _, name = read_inputs(source, ids, str((parameters or {}).get("profile", "")))
    explore = find_notebook(name, notebooks)
    fetch = find_notebook(FETCH, notebooks) if source in ("sandbox", "api") else None
    for_fetch, given = _split_parameters(parameters or {}, fetch, explore)
    store = Store(out)
    _check_writable(store)

    def run(notebook: NotebookFile, passed: dict[str, Any]) -> Run:
        done = run_notebook(notebook, passed, engine=engine, cell_timeout=cell_timeout)
        store.publish(notebook.name, nbformat.writes(done.notebook).encode())
        if done.error is not None:
            if isinstance(done.error, ReportError):
                place = f"{str(out).rstrip('/')}/{notebook.name}"
                advice = f"{done.error.advice} The notebook up to that point is {place}."
                done.error.advice = advice.strip()
            raise done.error
        return done

    fetched: Mapping[str, Any] = {}
    if fetch is not None:
        dataset = f"{str(out).rstrip('/')}/dataset"
        passed = {"source": source, "dataset": dataset, "ids_file": str(ids or ""), **for_fetch}
        fetched = run(fetch, passed).facts
        # The period was resolved when it was fetched. Its name may mean other dates now.
        given |= dates_for(explore, fetched)
        # The dataset has only what was fetched: one world, and Tweets of these profiles.
        given = {name: value for name, value in given.items() if name not in (*WORLD, "profile")}
        source = dataset
    elif ids is not None:
        given.setdefault("ids_file", str(ids))
    if "tables" in explore.parameters:
        given.setdefault("tables", str(out))
    given = {"source": source, **given}
    done = run(explore, given)
    files = publish(store, done, given, title=title, look=look, fetched=fetched, pdf=pdf)
    return Report(
        folder=str(out),
        files=(*([fetch.name] if fetch else []), explore.name, *files),
        gap=done.answer,
        facts={**done.facts, **fetched},
    )


def dates_for(notebook: NotebookFile, fetched: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters with which a notebook reads exactly the period that was fetched."""
    known = [name for name in ("start", "end", "period") if name in notebook.parameters]
    if not fetched.get("start") or fetched.get("endpoint") != "historical":
        return {}
    return {name: fetched.get(name, "") for name in known}


def publish(
    store: Store,
    run: Run,
    parameters: Mapping[str, Any],
    *,
    title: str = "",
    look: Look = PLAIN,
    fetched: Mapping[str, Any] | None = None,
    pdf: bool = False,
) -> list[str]:
    """Write the page of an executed notebook, and its answer as JSON; return the names of files.

    Raises
    ------
    ReportError
        The notebook finished without an answer, or no PDF could be printed.
    """
    if not run.answer and run.error is None:
        raise ReportError(
            "The notebook ran to its end and shows no gap, so there is no answer to report.",
            advice="End it with the result of explore_gap as a cell of its own.",
        )
    files = []
    for part, name in (("gap", GAP), ("days", DAYS)):
        if (answer := run.handed.get(part)) is not None:
            text = json.dumps(answer, indent=2, ensure_ascii=False)
            store.publish(name, text.encode() + b"\n")
            files += [name, *filter(store.exists, TABLES[name])]
    page = compose(
        run.notebook, title=title, look=look, parameters=parameters, fetched=fetched,
        failure="" if run.error is None else str(run.error),
    )  # fmt: skip
    html = _without_paths(scrub(to_html(run.notebook, page)), parameters).encode()
    if pdf:
        with scratch_folder() as folder:
            (folder / HTML).write_bytes(html)
            print_pdf(folder / HTML, folder / PDF)
            store.publish(PDF, (folder / PDF).read_bytes())
        files.append(PDF)
    store.publish(HTML, html)
    return [*files, HTML]


def _without_paths(html: str, parameters: Mapping[str, Any]) -> str:
    """Replace paths of this machine by the names of their files and folders."""
    for value in parameters.values():
        if isinstance(value, str) and "/" in value.rstrip("/") and "://" not in value:
            for path in (str(Path(value).absolute()), value):
                name = escape(Path(path).name)
                html = html.replace(escape(scrub(path)), name).replace(escape(path), name)
    return html


def read_inputs(
    source: str, ids: str | Path | None = None, profile: str = ""
) -> tuple[tuple[str, ...] | None, str]:
    """Read what a report needs, to find errors before anything is started.

    ``profile`` names the tokens, or the account if export files have several.

    Returns
    -------
    tuple
        The listed Tweets, None without a list; and the name of the notebook for such a source.

    Raises
    ------
    EngagementError
        The source or the ids cannot be read.
    """
    listed, notebook = None if ids is None else tuple(read_ids(ids).ids), EXPLORE
    if source == "api":
        find_profile(profile or None)
    elif source != "sandbox" and not Store(source).exists("dataset.json"):
        kind = read_export(source, profile).about.kind
        notebook = BY_DAY if kind in ("overview", "video") else EXPLORE
    return listed, notebook


def _split_parameters(
    parameters: Mapping[str, Any], fetch: NotebookFile | None, explore: NotebookFile
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters of each notebook; an `InputError` for one that neither has."""
    notebooks = [explore] if fetch is None else [fetch, explore]
    known = dict.fromkeys(name for notebook in notebooks for name in notebook.parameters)
    if unknown := next((name for name in parameters if name not in known), None):
        raise InputError(
            f"No notebook has a parameter {unknown!r}.", advice=f"There are: {', '.join(known)}."
        )
    of_each = [
        notebook.check({k: v for k, v in parameters.items() if k in notebook.parameters})
        for notebook in notebooks
    ]
    return of_each[0] if fetch else {}, of_each[-1]


def _check_writable(store: Store) -> None:
    store.publish(".tmp-writable", b"")
    store.remove(".tmp-writable")
