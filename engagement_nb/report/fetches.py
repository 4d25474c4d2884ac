"""The fetches of a batch: each is made once, by its notebook, for all reports that share it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Collection, Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from engagement_nb.dataset.folder import RESUME_WITHIN
from engagement_nb.errors import EngagementError, HandlesWarning, ReportError
from engagement_nb.report.job import Job, absolute, digest, fetching, slug
from engagement_nb.report.notebooks import as_file
from engagement_nb.report.run import run
from engagement_nb.report.subject import Fetch, Subject
from engagement_nb.sources import FETCHED, ApiSource, connect
from engagement_nb.store import Store
from engagement_nb.usage import Ledger

STATE, DATASETS, FETCHES = "batch.json", "datasets", "fetches"
"""The state of a run, folders of figures, and the folder of the notebooks that fetched them."""


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
    ended
        Whether the run finished.
    """

    started_at: datetime
    fetched: dict[str, dict[str, Any]] = field(default_factory=dict)
    requested: dict[str, list[str]] = field(default_factory=dict)
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


def dataset_name(fetch: Fetch, listed: bool) -> str:
    """Folder of what is fetched for reports that share it: the same in every run.

    Reports without a list of Tweets share none with others, because theirs are those that the
    source offers.
    """
    asked = fetch.identity
    told = digest(asked | dict(fetch.chosen))[:8]
    parts = (fetch.source, asked["profile"], asked["endpoint"], told, "" if listed else "all")
    return f"{DATASETS}/{slug('-'.join(part for part in parts if part))}"


def ids_of(store: Store, name: str) -> str | None:
    """The Tweets that a source offered for a dataset, one per line; None for lists of ids."""
    kept = f"{_beside(name)}.ids.txt"
    return store.read(kept).decode() if store.exists(kept) else None


def _beside(name: str) -> str:
    """Where the notebook that fetched a dataset is, without its ending."""
    return f"{FETCHES}/{name.rpartition('/')[2]}"


def fetch_all(
    subjects: Iterable[Subject],
    chosen: Collection[str],
    store: Store,
    state: RunState,
    now: datetime,
    *,
    engine: str = "fast",
) -> dict[str, str]:
    """Fetch what the chosen subjects need and this run has not fetched yet.

    Returns
    -------
    dict
        Why nothing could be fetched, by the name of the subject.
    """
    groups: dict[str, list[Subject]] = {}
    for subject in subjects:
        if subject.fetch is not None and not subject.inputs.broken:
            name = dataset_name(subject.fetch, subject.inputs.ids is not None)
            groups.setdefault(name, []).append(subject)
    # Figures that were read days apart are not one snapshot.
    resumed = now - state.started_at < RESUME_WITHIN
    todo: list[tuple[str, list[Subject], dict[str, Any]]] = []
    for name, sharing in groups.items():
        wanted = [subject for subject in sharing if subject.name in chosen]
        if {_digest(subject) for subject in wanted} <= {*state.requested.get(name, ())}:
            continue
        if resumed and name in state.fetched:
            todo.append((name, sharing, state.fetched[name]))
        else:
            todo.append((name, wanted, {}))
    _guard(todo)
    failed: dict[str, str] = {}
    for number, (name, sharing, before) in enumerate(todo, start=1):
        print(f"Fetching {number} of {len(todo)}: {name} ...", file=sys.stderr)
        moment = state.started_at if resumed else now
        try:
            told = _fetch(store, name, sharing, before, moment, engine)
            state.fetched[name] = told
            state.requested[name] = sorted({_digest(subject) for subject in sharing})
            state.keep(store)
        except (EngagementError, OSError) as error:
            failed |= {each.name: str(error) for each in sharing if each.name in chosen}
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
    store: Store,
    name: str,
    sharing: Sequence[Subject],
    before: dict[str, Any],
    moment: datetime,
    engine: str,
) -> dict[str, Any]:
    """Fetch the Tweets of subjects into a dataset, except those that the run fetched ``before``.

    A relative period is counted from ``moment``, the start of the run.
    """
    fetch, listed = sharing[0].fetch, sharing[0].inputs.ids is not None
    assert fetch is not None  # noqa: S101 - for the type checker
    dates = fetch.dates(moment)
    if fetch.takes_period and before.get("start"):
        dates = {"start": before["start"], "end": before["end"], "period": ""}
    step = fetching(
        fetch,
        f"{absolute(store.where).rstrip('/')}/{name}",
        dates,
        snapshot=before.get("snapshot") or f"{moment:%Y%m%dT%H%M%S.%fZ}",
    )
    ids = "\n".join(_ids(sharing)) if listed else None
    done = run(Job(name=name, folder=store.where, steps=(step,), ids=ids, engine=engine))
    notebook = f"{_beside(name)}.ipynb"
    store.publish(notebook, as_file(done.last))
    if done.error is not None:
        raise done.error
    if not listed and done.ids:
        store.publish(f"{_beside(name)}.ids.txt", done.ids.encode())
    told = {k: v for k, v in done.fetched.items() if k not in ("problems", "posted", "account")}
    if told.get("done") is False:
        raise ReportError(
            f"The fetch did not finish: {told.get('trouble') or 'see its dataset'}",
            advice="Run the same command again: it requests only what is missing.",
        )
    for count in ("requests", "rate_limited"):
        told[count] = told.get(count, 0) + before.get(count, 0)
    return {**told, "notebook": notebook, "shared": len(sharing)}
