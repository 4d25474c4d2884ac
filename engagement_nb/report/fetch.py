"""The fetch of a batch: once for all rows, before any report is rendered."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Collection, Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from engagement_nb.dataset.folder import RESUME_WITHIN
from engagement_nb.errors import EngagementError, HandlesWarning, ReportError
from engagement_nb.periods import dates_of
from engagement_nb.report.manifest import Fetch, Row, slug
from engagement_nb.sources import ApiSource, SandboxSource, connect
from engagement_nb.sources.sandbox import WORLD
from engagement_nb.store import Store
from engagement_nb.usage import Ledger

STATE, DATASETS = "batch.json", "datasets"


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
                state = cls._from(store.read_record(STATE))
            except (EngagementError, ValueError, TypeError, KeyError):
                store.publish(f"{STATE}.damaged", store.read(STATE))
        if state.ended and not resume:
            state = cls(now)
        state.keep(store)
        return state

    @classmethod
    def _from(cls, values: dict[str, Any]) -> RunState:
        return cls(
            datetime.fromisoformat(values["started_at"]),
            {name: dict(found) for name, found in values["fetched"].items()},
            {name: list(lists) for name, lists in values.get("requested", {}).items()},
            bool(values["ended"]),
        )

    def keep(self, store: Store) -> None:
        """Write it to its file."""
        store.publish_record(STATE, vars(self))


def dataset_name(fetch: Fetch) -> str:
    """Folder of what is fetched for rows that share it: the same in every run."""
    digest = hashlib.sha256(json.dumps(asdict(fetch), sort_keys=True).encode()).hexdigest()[:8]
    parts = (fetch.source, fetch.profile, fetch.endpoint, digest)
    return f"{DATASETS}/{slug('-'.join(part for part in parts if part))}"


def fetch_all(
    rows: Iterable[Row],
    chosen: Collection[str],
    store: Store,
    state: RunState,
    now: datetime,
    progress: bool | None,
) -> dict[str, str]:
    """Fetch what the chosen rows need and this run has not fetched yet.

    Returns
    -------
    dict
        Why nothing could be fetched, by the name of the row.
    """
    groups: dict[Fetch, list[Row]] = {}
    for row in rows:
        if row.fetch is not None and not row.broken:
            groups.setdefault(row.fetch, []).append(row)
    todo: list[tuple[Fetch, list[Row], dict[str, Any]]] = []
    for fetch, sharing in groups.items():
        name = dataset_name(fetch)
        wanted = [row for row in sharing if row.name in chosen]
        if {_digest(row) for row in wanted} <= {*state.requested.get(name, ())}:
            continue
        # Figures that were read days apart are not one snapshot.
        if now - state.started_at < RESUME_WITHIN and name in state.fetched:
            todo.append((fetch, sharing, state.fetched[name]))
        else:
            todo.append((fetch, wanted, {}))
    _guard(todo)
    failed: dict[str, str] = {}
    for fetch, sharing, before in todo:
        name = dataset_name(fetch)
        dataset = f"{store.where.rstrip('/')}/{name}"
        try:
            with warnings.catch_warnings():
                # `_guard` has warned once, of all owners together.
                warnings.simplefilter("ignore", HandlesWarning)
                found = _fetch(fetch, sharing, dataset, before, state.started_at, progress)
            state.fetched[name] = found
            state.requested[name] = sorted({_digest(row) for row in sharing})
            state.keep(store)
        except (EngagementError, OSError) as error:
            failed |= {row.name: str(error) for row in sharing if row.name in chosen}
    return failed


def _digest(row: Row) -> str:
    """A digest of the Tweets of a row."""
    return hashlib.sha256("\n".join(row.ids or ["every"]).encode()).hexdigest()[:16]


def _guard(todo: Sequence[tuple[Fetch, Sequence[Row], Any]]) -> None:
    """Warn if all owners of the manifest together exceed the handles of the contract."""
    users: dict[str, str] = {}
    for fetch, sharing, _ in todo:
        # The sandbox is not billed. An error of the plan comes up again in the fetch.
        with suppress(EngagementError):
            if fetch.source == "api":
                with closing(connect("api", profile=fetch.profile or None)) as source:
                    if not source.sandbox:
                        users |= source.plan(_ids(sharing), fetch.endpoint).signers
    if users:
        Ledger().guard(users)


def _ids(rows: Iterable[Row]) -> list[str]:
    return list(dict.fromkeys(tweet_id for row in rows for tweet_id in row.ids or ()))


def _fetch(
    fetch: Fetch,
    rows: Sequence[Row],
    where: str,
    before: dict[str, Any],
    started_at: datetime,
    progress: bool | None,
) -> dict[str, Any]:
    """Fetch the Tweets of rows into a dataset, except those that the run fetched ``before``.

    A relative period is counted from the moment ``started_at``, the start of the run.
    """
    options: dict[str, Any] = {"profile": fetch.profile or None, "progress": progress}
    options |= {name: getattr(fetch, name) for name in WORLD}
    with closing(connect(fetch.source, **options)) as source:
        assert isinstance(source, ApiSource)  # noqa: S101 - the manifest has checked it
        dataset = source.dataset_at(where)
        ids = _ids(rows)
        if any(row.ids is None for row in rows):
            ids = list(dict.fromkeys([*ids, *source.tweet_ids(count=fetch.count)]))
        world = source if isinstance(source, SandboxSource) and source.pinned else None
        wanted: dict[str, Any] = {"by": fetch.by or None}
        if fetch.endpoint == "historical":
            moment = world.now if world and world.now else started_at
            start, end = dates_of(fetch.start, fetch.end, fetch.period, fetch.zone, moment)
            wanted |= {"start": before.get("start") or start, "end": before.get("end") or end}
        label = before.get("snapshot")
        ended = source.fetch_into(dataset, fetch.endpoint, ids, snapshot=label, **wanted)
        found = ended.to_dict() | {"notes": [world.world] if world else []}
        if fetch.endpoint == "historical":
            label = before.get("totals_snapshot")
            beside = source.fetch_into(dataset, "totals", ids, snapshot=label)
            found["totals_snapshot"] = beside.record.snapshot
            found["requests"] += beside.requests
            found["rate_limited"] += beside.rate_limited
    if not ended.done:
        raise ReportError(
            f"The fetch did not finish: {ended.trouble or 'see its dataset'}",
            advice="Run the same command again: it requests only what is missing.",
        )
    for name in ("requests", "rate_limited"):
        found[name] += before.get(name, 0)
    return found
