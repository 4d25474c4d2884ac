"""Where reports are, and their fetches: each is made once, for all reports that share it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any

import msgspec

from engagement_nb.dataset.folder import RESUME_WITHIN
from engagement_nb.errors import EngagementError, HandlesWarning, ReportError
from engagement_nb.report.job import Failure, Job, absolute, digest, fingerprint, slug
from engagement_nb.report.notebooks import FETCH, as_file
from engagement_nb.report.run import Run, run
from engagement_nb.report.subject import Subject
from engagement_nb.sources import FETCHED, ApiSource, connect
from engagement_nb.store import Store
from engagement_nb.usage import Ledger

STATE, DATASETS, FETCHES, REPORTS = "batch.json", "datasets", "fetches", "reports"
"""The state of a batch, folders of figures, the notebooks that fetched them, and the reports."""


@dataclass(frozen=True)
class Layout:
    """Where everything of a batch is, or of a report alone.

    Parameters
    ----------
    store
        The folder of the batch, or of the report.
    dataset
        Where a report alone keeps figures that it fetches; empty for a batch.
    """

    store: Store
    dataset: str = ""

    def at(self, name: str) -> str:
        """The path or address of one of its folders."""
        return self.dataset or f"{absolute(self.store.where).rstrip('/')}/{name}"

    def report(self, subject: Subject) -> str:
        """Folder of a report."""
        if self.dataset:
            return absolute(self.store.where).rstrip("/")
        return self.at(f"{REPORTS}/{slug(subject.name)}")

    def fetched(self, subject: Subject) -> str:
        """Name of the folder of what is fetched for a subject, the same in every run.

        Reports without a list of Tweets share none with others, because theirs are those that the
        source offers.
        """
        assert subject.fetch is not None  # noqa: S101 - for the type checker
        asked, listed = subject.fetch.identity, subject.inputs.ids is not None
        told = digest(asked | dict(subject.fetch.chosen))[:8]
        parts = (asked["source"], asked["profile"], asked["endpoint"], told)
        return f"{DATASETS}/{slug('-'.join(filter(None, (*parts, '' if listed else 'all'))))}"

    def notebook(self, name: str) -> str:
        """Name of the notebook that fetched a folder of figures."""
        return FETCH if self.dataset else f"{FETCHES}/{name.rpartition('/')[2]}.ipynb"


@dataclass
class RunState:
    """What a run has fetched, so that it can be resumed.

    Parameters
    ----------
    started_at
        When the run began.
    fetched
        What was fetched, by dataset.
    requested
        Digests of lists of Tweets, by dataset.
    offered
        The Tweets that the source offered, one per line, by dataset of reports without a list.
    ended
        Whether the run finished.
    """

    started_at: datetime
    fetched: dict[str, dict[str, Any]] = field(default_factory=dict)
    requested: dict[str, list[str]] = field(default_factory=dict)
    offered: dict[str, str] = field(default_factory=dict)
    ended: bool = False

    @classmethod
    def open(cls, store: Store, now: datetime, *, resume: bool) -> RunState:
        """The state of the last run if it was cut off, or with ``resume``; else a new state.

        A file that cannot be read is kept as ``batch.json.damaged``.
        """
        state = cls(now)
        if store.exists(STATE):
            try:
                state = msgspec.convert(store.read_record(STATE), cls)
            except (EngagementError, msgspec.ValidationError):
                store.publish(f"{STATE}.damaged", store.read(STATE))
        if state.ended and not resume:
            state = cls(now)
        state.keep(store)
        return state

    def keep(self, store: Store) -> None:
        """Write it to its file."""
        store.publish_record(STATE, vars(self))


def prepare(
    subjects: Sequence[Subject],
    chosen: Collection[str],
    layout: Layout,
    state: RunState,
    now: datetime,
    **options: Any,
) -> Iterator[tuple[Job, Failure | None]]:
    """Fetch what the chosen subjects need, then give the job of each, and why it cannot be done.

    Parameters
    ----------
    subjects, chosen
        All of a batch, and the names of those to make.
    layout
        Where everything is.
    state
        What the run has fetched; it is changed.
    now
        The moment from which relative periods are counted.
    **options
        Of the jobs.
    """
    unfetched = _fetch_all(subjects, chosen, layout, state, now, options)
    fingerprint_once = cache(fingerprint)  # Hundreds of reports may share a source.
    for subject in subjects:
        if subject.name not in chosen:
            continue
        ids, name = subject.inputs.ids, layout.fetched(subject) if subject.fetch else ""
        source = layout.at(name) if name else subject.source
        failure: Failure | None = unfetched.get(subject.name)
        if subject.inputs.broken:
            failure = ReportError(subject.inputs.broken)
        depends_on: list[Any] = []
        if failure is None and not layout.dataset:
            asked = [ids.ids, len(ids.problems)] if ids else []
            depends_on = [fingerprint_once(source), digest(asked)]
        job = Job.of(
            subject, layout.report(subject), source, fetched=state.fetched.get(name, {}),
            ids=state.offered.get(name), depends_on=depends_on, **options,
        )  # fmt: skip
        yield job, failure


def _fetch_all(
    subjects: Iterable[Subject], chosen: Collection[str], layout: Layout, state: RunState,
    now: datetime, options: Mapping[str, Any],
) -> dict[str, Failure]:  # fmt: skip
    """What stopped a fetch, by subject, after all is fetched that this run has not fetched yet."""
    groups: dict[str, list[Subject]] = {}
    for subject in subjects:
        if subject.fetch is not None and not subject.inputs.broken:
            groups.setdefault(layout.fetched(subject), []).append(subject)
    # Figures that were read days apart are not one snapshot.
    resumed = now - state.started_at < RESUME_WITHIN
    todo: list[tuple[str, list[Subject], dict[str, Any]]] = []
    for name, sharing in groups.items():
        wanted = [subject for subject in sharing if subject.name in chosen]
        ids_known = name in state.offered or sharing[0].inputs.ids is not None
        known = {*state.requested.get(name, ())} if ids_known else set()
        if {_digest(subject) for subject in wanted} <= known:
            continue
        if resumed and name in state.fetched:
            todo.append((name, sharing, state.fetched[name]))
        else:
            todo.append((name, wanted, {}))
    _guard(todo)
    failed: dict[str, Failure] = {}
    for number, (name, sharing, before) in enumerate(todo, start=1):
        if not layout.dataset:
            print(f"Fetching {number} of {len(todo)}: {name} ...", file=sys.stderr)
        moment = state.started_at if resumed else now
        try:
            done = _fetch(layout, name, sharing, before, moment, options)
            state.fetched[name] = dict(done.fetched)
            state.requested[name] = sorted({_digest(subject) for subject in sharing})
            if sharing[0].inputs.ids is None:
                state.offered[name] = done.ids
            if not layout.dataset:
                state.keep(layout.store)
        except (EngagementError, OSError) as error:
            failure: Failure = error
            if not layout.dataset:
                failure = ReportError(f"Nothing could be fetched. {error}")
            failed |= {each.name: failure for each in sharing if each.name in chosen}
    return failed


def _digest(subject: Subject) -> str:
    """A digest of the Tweets of a subject."""
    return digest(subject.inputs.ids.ids if subject.inputs.ids else "every")[:16]


def _guard(todo: Sequence[tuple[str, Sequence[Subject], Any]]) -> None:
    """Warn if all owners of the manifest together exceed the handles of the contract."""
    users: dict[bool, dict[str, str]] = {}
    for _, sharing, _ in todo:
        fetch = sharing[0].fetch
        # An error of the plan comes up again in the fetch.
        with suppress(EngagementError):
            if fetch and not fetch.made_up and not FETCHED[fetch.source].asks().bills_reads:
                asked = fetch.identity
                with closing(connect(fetch.source, profile=asked["profile"] or None)) as source:
                    assert isinstance(source, ApiSource)  # noqa: S101 - for the type checker
                    signers = source.plan(_ids(sharing), asked["endpoint"]).signers
                    users.setdefault(source.sandbox, {}).update(signers)
    for sandbox, signers in users.items():
        with warnings.catch_warnings():
            warnings.simplefilter("always", HandlesWarning)
            Ledger().guard(signers, sandbox=sandbox)


def _ids(sharing: Iterable[Subject]) -> list[str]:
    return list(dict.fromkeys(i for each in sharing for i in (each.inputs.ids or ())))


def _fetch(
    layout: Layout, name: str, sharing: Sequence[Subject], before: Mapping[str, Any],
    moment: datetime, options: Mapping[str, Any],
) -> Run:  # fmt: skip
    """Fetch the Tweets of subjects into a dataset, except those that the run fetched ``before``.

    A relative period is counted from ``moment``, the start of the run.
    """
    fetch, ids = sharing[0].fetch, sharing[0].inputs.ids
    assert fetch is not None  # noqa: S101 - for the type checker
    dates = fetch.dates(moment)
    if fetch.takes_period and before.get("start"):
        dates = {"start": before["start"], "end": before["end"], "period": ""}
    # A dataset resumes by itself what one report asked of it.
    label = before.get("snapshot") or ("" if layout.dataset else f"{moment:%Y%m%dT%H%M%S.%fZ}")
    passed = {**fetch.parameters(), **dates, "snapshot": label}
    places = {"dataset": layout.at(name), "ids_file": sharing[0].ids_file}
    if len(sharing) > 1 or not places["ids_file"]:
        del places["ids_file"]
    job = Job(
        name, layout.store.where, fetch.notebook,
        {name: value for name, value in passed.items() if name in fetch.notebook.parameters},
        places, ids=None if ids is None else "\n".join(_ids(sharing)), engine=options["engine"],
        # A fetch for many may wait for its quota as long as it must.
        cell_timeout=options["cell_timeout"] if layout.dataset else None,
    )  # fmt: skip
    done = run(job)
    notebook = layout.notebook(name)
    layout.store.publish(notebook, as_file(done.notebook))
    if done.error is not None:
        raise done.error
    told = {**done.handed.get("metrics", {}), **done.handed.get("fetch", {})}
    told = {k: v for k, v in told.items() if k not in ("problems", "posted", "account")}
    if told.get("done") is False:
        raise ReportError(
            f"The fetch did not finish: {told.get('trouble') or 'see its dataset'}",
            advice="Run the same command again: it requests only what is missing.",
        )
    for count in ("requests", "rate_limited"):
        told[count] = told.get(count, 0) + before.get(count, 0)
    told |= {"profile": fetch.identity["profile"], "notebook": notebook, "shared": len(sharing)}
    return replace(done, fetched=told)
