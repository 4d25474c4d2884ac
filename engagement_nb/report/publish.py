"""Makes a report and puts its files in their folder: page, answer, tables, notebooks, record."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping
from concurrent.futures import CancelledError
from datetime import UTC, datetime
from typing import Any

from engagement_nb.client.credentials import find_profiles, redact
from engagement_nb.engine import stopped
from engagement_nb.engine.scratch import scratch_folder
from engagement_nb.errors import EngagementError, ReportError
from engagement_nb.report.compose import account_of, compose
from engagement_nb.report.job import Failure, Job
from engagement_nb.report.notebooks import BY_DAY, EXPLORE, FETCH, as_file
from engagement_nb.report.page import to_html
from engagement_nb.report.pdf import print_pdf
from engagement_nb.report.run import Run, run
from engagement_nb.report.since import (
    BEFORE,
    LAST,
    TWEETS,
    Since,
    earlier_figures,
    same_figures,
    since_last_run,
)
from engagement_nb.store import Store

HTML, GAP, DAYS, PDF, RECORD = "report.html", "gap.json", "days.json", "report.pdf", "made.json"
TABLES = {
    GAP: ("tweets.csv", "tweets.parquet", "metrics.csv", "metrics.parquet"),
    DAYS: ("days.csv", "days.parquet", "metrics.csv", "metrics.parquet"),
}
"""Files that a notebook writes to the folder of its parameter ``tables``, by kind of answer."""
DONE, FAILED = "done", "failed"
_FIGURES = ("posts", "engagements", "sum_of_metrics", "naive_gap", "hidden", "over_count", "share",
            "hidden_share", "sentence")  # fmt: skip


def make(
    job: Job, *, alone: bool = False, stopped_by: Failure | None = None
) -> tuple[dict[str, Any], Run | None, Failure | None]:
    """Make a report, unless it is finished already (``resumed`` in its record).

    This makes no network requests but to the addresses of the source and the folder. The record is
    written last. Without one that says ``done``, a report is not finished.

    Parameters
    ----------
    job
        The report.
    alone
        Whether it is not of a batch. Then it is made also if it is finished, and one that fails
        has no page, because no index leads to it.
    stopped_by
        Why it cannot be made. Then only its record says so.

    Returns
    -------
    tuple
        Its record (see `read_record`); its run, None if it did not run; what stopped it.
    """
    store = Store(job.folder)
    before, key = read_record(store), job.key
    if not alone and not stopped_by and _is_done(store, before, key):
        return {**before, "resumed": True}, None, None
    if before.get("question", job.question) != job.question:
        before = {**before, "status": FAILED, "previous": {}}
    # Load the credentials of this machine, so that they are masked in what is written.
    with contextlib.suppress(EngagementError, OSError):
        find_profiles()
    started, done = time.monotonic(), None
    error: Failure | None
    try:
        if stopped_by is not None:
            if alone:
                _clear(store, job, before, keep=FETCH)
            raise stopped_by
        done = run(job)
        if stopped():  # The batch was interrupted, and killed the notebook.
            raise CancelledError
        told, error = _replace(store, job, before, done, alone=alone), done.error
    except (EngagementError, OSError) as failure:
        told, error = {"status": FAILED, "error": str(failure)}, failure
    seconds = round(time.monotonic() - started, 3)
    record = write_record(store, job, before, key=key, seconds=seconds, **told)
    return record, done, error


def _clear(store: Store, job: Job, record: Mapping[str, Any], keep: str) -> None:
    """Remove the files of an earlier report, but for the figures that the next is compared with."""
    if record.get("status") == DONE and (last := store.read_many([TWEETS])[0]):
        store.publish(LAST, last)
    # From here on files of two runs would be mixed if this process is killed. The record says so,
    # and keeps the earlier figures.
    write_record(store, job, record, status=FAILED, error="It was not finished.")
    tables = {*TABLES[GAP], *TABLES[DAYS]}
    names = {HTML, PDF, FETCH, EXPLORE, BY_DAY, *TABLES, *tables, *record.get("files", ())}
    store.remove(sorted(name for name in names - {keep} if "/" not in name))


def _replace(
    store: Store, job: Job, record: Mapping[str, Any], done: Run, *, alone: bool
) -> dict[str, Any]:
    """Replace the files of an earlier report by those of this one, and say what its record has.

    Raises
    ------
    ReportError
        The notebook finished without an answer, or no PDF could be printed.
    """
    since = since_last_run(store, record, done.answer, done.tables)
    fetched_by = str(job.fetched.get("notebook", ""))
    _clear(store, job, record, keep=fetched_by)
    files = {job.notebook.name: as_file(done.notebook)}
    for part, name in (("gap", GAP), ("days", DAYS)):
        if done.handed.get(part) is not None:
            files[name] = json.dumps(done.answer, indent=2, ensure_ascii=False).encode() + b"\n"
    files |= done.tables
    for name, data in files.items():
        store.publish(name, data)
    if not done.answer and done.error is None:
        raise ReportError(
            "The notebook ran to its end and shows no gap, so there is no answer to report.",
            advice="End it with the result of explore_gap as a cell of its own.",
        )
    page = {} if alone and done.error else _page(job, done, since)
    for name, data in page.items():
        store.publish(name, data)
    if done.error is None:
        if since is not None:
            store.publish(BEFORE, since.table)
        store.remove([LAST])
    sizes = {name: len(data) for name, data in {**files, **page}.items()}
    if fetched_by == FETCH:
        sizes = {fetched_by: store.fs.size(store.path(fetched_by)), **sizes}
    answer, facts = {**done.answer.get("sums", {}), **done.answer}, done.facts
    return {
        "status": FAILED if done.error else DONE,
        "error": str(done.error or ""),
        "files": sizes,
        "figures": {
            **{name: answer[name] for name in _FIGURES if name in answer},
            # Hidden engagements of other metrics are other figures.
            "definition": [
                f"{name}{'+' if of['in_hidden'] else ''}"
                for name, of in sorted(answer.get("metrics", {}).items())
            ],
        },
        "account": account_of(facts, done.profile),
        "period": done.period,
        "sandbox": bool(answer.get("sandbox") or facts.get("source") == "sandbox"),
        "problems": facts.get("problems", []),
        "facts": {
            name: facts.get(name) for name in ("source", "endpoint", "start", "end", "requests")
        },
    }


def _page(job: Job, done: Run, since: Since | None) -> dict[str, bytes]:
    """The page of a report, and its PDF if one is asked for."""
    html = redact(to_html(done.notebook, compose(job, done, since))).encode()
    if not job.pdf or done.error is not None:
        return {HTML: html}
    with scratch_folder() as folder:
        (folder / HTML).write_bytes(html)
        print_pdf(folder / HTML, folder / PDF)
        return {PDF: (folder / PDF).read_bytes(), HTML: html}


def read_record(store: Store) -> dict[str, Any]:
    """The record of the report in a folder; empty if it is missing or damaged."""
    try:
        record = store.read_record(RECORD)
    except (OSError, EngagementError):
        return {}
    wanted = {"files": dict, "figures": dict, "status": str, "name": str}
    whole = all(isinstance(record.get(name), kind) for name, kind in wanted.items())
    return record if whole else {}


def write_record(store: Store, job: Job, before: Mapping[str, Any], **made: Any) -> dict[str, Any]:
    """Write the record of a report, with the earlier figures from the record ``before`` it."""
    record: dict[str, Any] = {
        "name": job.name,
        "title": job.title,
        "folder": job.folder.rstrip("/").rpartition("/")[2],
        "question": job.question,
        "world": job.world,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "files": {},
        "figures": {},
        "problems": [],
        **made,
    }
    earlier = earlier_figures(before)
    if record["status"] == DONE:
        earlier = [figures for figures in earlier if not same_figures(figures, record["figures"])]
        earlier = earlier[:1]
    # A failed report keeps both, because it has no figures to choose by.
    record["previous"] = earlier[0] if earlier else {}
    if len(earlier) > 1:
        record["previous"]["previous"] = earlier[1]
    store.publish_record(RECORD, record)
    return record


def _is_done(store: Store, record: Mapping[str, Any], key: str) -> bool:
    """Whether a report is finished with these inputs, and its files are as they were written."""
    if record.get("status") != DONE or record.get("key") != key:
        return False
    for name, size in record["files"].items():
        try:
            if store.fs.size(store.path(name)) != size:
                return False
        except OSError:
            return False
    return True
