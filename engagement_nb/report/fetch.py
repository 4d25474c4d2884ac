"""The fetch of a batch: once, for all its rows, before anything is rendered."""

from __future__ import annotations

import contextlib
import hashlib
import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import datetime
from typing import Any

from engagement_nb.dataset import Dataset
from engagement_nb.dataset.folder import RESUME_WITHIN
from engagement_nb.errors import EngagementError, HandlesWarning, ReportError
from engagement_nb.planning.periods import dates_of
from engagement_nb.report.manifest import Fetch, Row, slug
from engagement_nb.store import Store
from engagement_nb.usage import Ledger

STATE, DATASETS = "batch.json", "datasets"
VERSION = 1
"""Format of the files in which a batch and its reports are recorded."""
ASKED = ".asked.txt"
"""Beside a dataset: the Tweets that the run has asked for, with figures or without."""
EVERY = "every"
"""Stands in there for all Tweets of a source that lists its own."""


class RunState:
    """What a batch has fetched, so that one that was cut off does not fetch it again.

    A damaged file is set aside as ``batch.json.damaged``, and all is fetched again.

    Raises
    ------
    ReportError
        The file is of a newer version.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._said: dict[str, Any] = {"version": VERSION, "fetched": {}, "ended": False}
        if store.exists(STATE):
            data = store.read(STATE)
            if (said := _read_state(data)) is None:
                store.publish(f"{STATE}.damaged", data)
                said = {}
            check_version(said, f"{store.where.rstrip('/')}/{STATE}")
            self._said |= said

    @property
    def fetched(self) -> dict[str, Any]:
        """What was fetched in this run, by dataset."""
        return dict(self._said["fetched"])

    def begin(self, now: datetime) -> None:
        """A new run, unless the last one was cut off."""
        if self._said["ended"] or "started_at" not in self._said:
            self._said = {
                "version": VERSION,
                "started_at": now.isoformat(),
                "fetched": {},
                "ended": False,
            }
        self._keep()

    def began_at(self) -> datetime | None:
        """When this run began; None where there was none."""
        began = self._said.get("started_at")
        return datetime.fromisoformat(began) if began else None

    def asked(self, dataset: str) -> set[str]:
        """Tweets that this run has asked for, and `EVERY` where all of the source were."""
        name = f"{dataset}{ASKED}"
        if dataset not in self._said["fetched"] or not self._store.exists(name):
            return set()
        return set(self._store.read(name).decode().split())

    def add(self, dataset: str, found: Mapping[str, Any], asked: Iterable[str]) -> None:
        """Note a finished fetch, and all that was asked for until now."""
        # In a file of its own: the state is written again after each fetch of hundreds.
        self._store.publish(f"{dataset}{ASKED}", "\n".join(sorted(asked)).encode())
        self._said["fetched"][dataset] = dict(found)
        self._keep()

    def end(self) -> None:
        """The run has come to its end."""
        self._said["ended"] = True
        self._keep()

    def _keep(self) -> None:
        self._store.publish(STATE, json.dumps(self._said, indent=1).encode())


def check_version(found: Mapping[str, Any], where: str) -> None:
    """Refuse a file that a newer version of this package wrote.

    Raises
    ------
    ReportError
        It is of a newer version.
    """
    version = found.get("version", VERSION)
    if not isinstance(version, int) or version > VERSION:
        raise ReportError(
            f"{where} was written by a newer version of engagement-nb (format {version!r}).",
            advice="Update the package, or choose another folder.",
        )


def _read_state(data: bytes) -> dict[str, Any] | None:
    """What a state file says; None if that cannot be relied on."""
    try:
        said = json.loads(data)
        if "started_at" in said:
            datetime.fromisoformat(said["started_at"])
        for name, found in said.get("fetched", {}).items():
            if not (isinstance(name, str) and isinstance(found, dict)):
                return None
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    return said if isinstance(said.get("ended", False), bool) else None


def dataset_name(fetch: Fetch) -> str:
    """Folder of what is fetched for rows that share it: the same in every run."""
    digest = hashlib.sha256(json.dumps(asdict(fetch), sort_keys=True).encode()).hexdigest()[:8]
    parts = (fetch.source, fetch.profile, fetch.endpoint, digest)
    return f"{DATASETS}/{slug('-'.join(part for part in parts if part))}"


def fetch_all(
    rows: Sequence[Row], store: Store, state: RunState, progress: bool | None, now: datetime
) -> dict[str, str]:
    """Fetch what rows want and this run has not, each Tweet once; what went wrong, by row."""
    wanted: dict[Fetch, list[Row]] = {}
    for row in rows:
        if row.fetch is not None:
            wanted.setdefault(row.fetch, []).append(row)
    began = state.began_at()
    recent = began is not None and now - began < RESUME_WITHIN
    todo: list[tuple[Fetch, dict[str, None], Mapping[str, Any], set[str], list[str]]] = []
    for fetch, sharing in wanted.items():
        name = dataset_name(fetch)
        asked = state.asked(name)
        wants = {row.name: _wanted(row) for row in sharing}
        short = [row for row, ids in wants.items() if not ids.keys() <= asked]
        if not short:
            continue
        # Figures read days apart are not one snapshot: then all are read again.
        before = state.fetched.get(name, {}) if recent else {}
        if not before:
            short, asked = list(wants), set()
        ids = {tweet: None for row in short for tweet in wants[row] if tweet not in asked}
        todo.append((fetch, ids, before, asked, short))
    _guard([(fetch, ids) for fetch, ids, *_ in todo])
    troubles: dict[str, str] = {}
    for fetch, ids, before, asked, short in todo:
        name = dataset_name(fetch)
        where = f"{store.where.rstrip('/')}/{name}"
        try:
            with warnings.catch_warnings():
                # All owners together have been checked, and warned of once.
                warnings.simplefilter("ignore", HandlesWarning)
                found = _fetch_one(fetch, ids, where, before, progress, began or now)
            state.add(name, found, asked | ids.keys())
        except (EngagementError, OSError) as error:
            troubles |= dict.fromkeys(short, str(error))
    return troubles


def _guard(wanted: Sequence[tuple[Fetch, Mapping[str, None]]]) -> None:
    """Warn if the owners of a whole manifest take the month's handles beyond the contract."""
    from engagement_nb.sources import ApiSource, connect

    users: dict[str, str] = {}
    for fetch, ids in wanted:
        # The sandbox is not billed. What cannot be planned is told of when it is fetched.
        with contextlib.suppress(EngagementError):
            if fetch.source == "api" and EVERY not in ids:
                with closing(connect("api", profile=fetch.profile or None)) as source:
                    assert isinstance(source, ApiSource)  # noqa: S101
                    if not source.sandbox:
                        users |= source.plan(list(ids), fetch.endpoint).signers
    if users:
        Ledger().guard(users)


def _wanted(row: Row) -> dict[str, None]:
    from engagement_nb.ids import read_ids

    return dict.fromkeys(read_ids(row.ids).ids if row.ids else [EVERY])


def _fetch_one(
    fetch: Fetch,
    ids: Mapping[str, None],
    where: str,
    before: Mapping[str, Any],
    progress: bool | None,
    began: datetime,
) -> dict[str, Any]:
    """Fetch Tweets into a dataset, beside those that this run has fetched ``before``.

    A relative period is counted from the moment when the run ``began``.
    """
    from engagement_nb.sources import ApiSource, SandboxSource, connect

    options: dict[str, Any] = {"profile": fetch.profile or None, "progress": progress}
    with closing(connect(fetch.source, seed=fetch.seed, now=fetch.now, **options)) as source:
        if not isinstance(source, ApiSource):
            raise ReportError(f"Nothing is fetched from {fetch.source}.")
        every = source.tweet_ids(count=fetch.tweets) if EVERY in ids else []
        listed = dict.fromkeys([tweet for tweet in [*ids, *every] if tweet != EVERY])
        dataset = Dataset(where, source.figures)
        world = source if isinstance(source, SandboxSource) and source.pinned else None
        moment = world.now if world and world.now else began
        start, end = dates_of(fetch.start, fetch.end, fetch.period, fetch.zone, moment)
        period = {"start": before.get("start") or start, "end": before.get("end") or end}
        asked: dict[str, Any] = {"by": fetch.by or None, "snapshot": before.get("snapshot")}
        if fetch.endpoint == "historical":
            asked |= period
        ended = source.fetch_into(dataset, fetch.endpoint, list(listed), **asked)
        found = ended.to_dict() | {"notes": [world.world] if world else []}
        if fetch.endpoint == "historical":
            label = before.get("totals_snapshot")
            beside = source.fetch_into(dataset, "totals", list(listed), snapshot=label)
            found["totals_snapshot"] = beside.record.snapshot
            found["requests"] += beside.requests
            found["rate_limited"] += beside.rate_limited
    if not ended.done:
        raise ReportError(
            f"The fetch did not come to its end: {ended.trouble or 'see its dataset'}",
            advice="Run the same command again: it asks only for what is missing.",
        )
    for name in ("tweets", "missing", "requests", "rate_limited", "problems"):
        found[name] = before[name] + found[name] if before else found[name]
    return found
