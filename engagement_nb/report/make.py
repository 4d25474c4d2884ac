"""One report: a batch of one, without an index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from engagement_nb import engine as engine_room
from engagement_nb.dataset import Dataset
from engagement_nb.engine.scratch import scratch_folder, sweep
from engagement_nb.errors import EngagementError, InputError, ReportError
from engagement_nb.metrics import Metrics, save_tables
from engagement_nb.metrics.problems import tweets_missing
from engagement_nb.report.compose import to_markdown
from engagement_nb.report.fetches import Layout, RunState, prepare
from engagement_nb.report.job import absolute, digest
from engagement_nb.report.look import PLAIN, Look
from engagement_nb.report.notebooks import FETCH, find_notebook, refuse_secrets
from engagement_nb.report.pdf import require_browser
from engagement_nb.report.publish import HTML, make, read_record
from engagement_nb.report.subject import Subject, ask, endpoint_of, read_inputs
from engagement_nb.sources import FETCHED
from engagement_nb.store import Store
from engagement_nb.tables import read_table


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
    source: str | Path | Metrics | Any = "sandbox",
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
    """Fetch metrics, explore the gap, and write the notebooks, one HTML file and its figures.

    Parameters
    ----------
    source
        A source that is fetched ("sandbox", "api": see `engagement_nb.connect`), the path of a
        table of figures or a folder of them, a dataset, `Metrics`, or a frame.
    ids
        A file with Tweet ids; by default all Tweets of the source.
    out
        A folder or an fsspec address for ``report.html``, ``gap.json``, the executed notebooks,
        and the dataset if one is fetched. A report that is there already is replaced.
    parameters
        Of the notebooks, by name; text is read by the declared type.
    title
        Replaces the notebook's own.
    look
        Options of the page.
    notebooks
        A folder with your own copies of the notebooks.
    engine
        "fast" or "stock": see `engagement_nb.report.run`.
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
    engine_room.resume()
    sweep()
    with scratch_folder() as folder:
        if not isinstance(source, str | Path):
            metrics = source if isinstance(source, Metrics) else read_table(source)
            if not len(metrics):
                raise InputError(
                    "These figures have no rows.", advice="Choose other Tweets or dates."
                )
            save_tables(folder, figures=metrics.frame)
            source = folder / "figures.parquet"
        subject, dataset = _question(str(source), ids, parameters or {}, title, notebooks)
        store = Store(out)
        store.publish(".tmp-writable", b"")
        store.remove([".tmp-writable"])
        own = f"{absolute(str(out)).rstrip('/')}/dataset"
        world = subject.fetch.world() if subject.fetch else []
        if not dataset and own != subject.source.rstrip("/"):
            _retire(store, own, world)
        about = [subject.source, subject.ids_file, subject.fetch and subject.fetch.identity]
        now, layout = datetime.now(UTC), Layout(store, absolute(dataset) if dataset else own)
        ((job, failure),) = prepare(
            [subject], {subject.name}, layout, RunState(now), now, cell_timeout=cell_timeout,
            engine=engine, pdf=pdf, look=look, question=digest(about)[:16], world=world,
        )  # fmt: skip
        record, done, error = make(job, alone=True, stopped_by=failure)
    if isinstance(error, ReportError) and (done or failure):
        name = job.notebook.name if done else FETCH
        place = f"{str(out).rstrip('/')}/{name}"
        error.advice = f"{error.advice} The notebook up to that point is {place}.".strip()
    if error is not None:
        raise error
    assert done is not None  # noqa: S101 - it ran, or there is an error
    return Report(folder=str(out), files=tuple(record["files"]), gap=done.answer, facts=done.facts)


def _question(
    source: str,
    ids: str | Path | None,
    parameters: Mapping[str, Any],
    title: str,
    notebooks: str | Path | None,
) -> tuple[Subject, str]:
    """The subject of a report, and the dataset that was chosen for its figures."""
    given = dict(parameters)
    if given.get("ids_file") and ids is not None:
        raise InputError("ids and ids_file both name a list.", advice="Give one of them.")
    ids = str(given.pop("ids_file", "") or ids or "")
    dataset = str(given.pop("dataset", ""))
    find = partial(find_notebook, given=notebooks)
    endpoint = given.get("endpoint") or endpoint_of(source)
    if source in FETCHED and FETCHED[source].asks().endpoint(endpoint).steps:
        given.setdefault("by", find(FETCH).parameters["by"].default)
    inputs = read_inputs(source, ids, str(given.get("profile", "")))
    if dataset and inputs.kind != "fetch":
        given["dataset"] = dataset
    place = source if source in FETCHED else absolute(source)
    ids = absolute(ids) if ids else ""
    return ask(place, given, inputs, find, title=title, ids_file=ids), dataset


def _retire(store: Store, own: str, world: list[Any]) -> None:
    """Remove a report's own dataset if its figures are made up, and of another world."""
    try:
        sandbox = Dataset.open(own).sandbox
    except EngagementError:
        return
    if sandbox and read_record(store).get("world", []) != world:
        store.fs.rm(store.path("dataset"), recursive=True)
