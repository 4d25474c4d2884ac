"""The fetch of a batch: once, for all its rows, before anything is rendered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import datetime
from typing import Any

from engagement_nb.dataset import Dataset
from engagement_nb.errors import EngagementError, ReportError
from engagement_nb.report.manifest import Fetch, Row, slug
from engagement_nb.store import Store

STATE, DATASETS = "batch.json", "datasets"


class RunState:
    """What a batch has fetched, so that one that was cut off does not fetch it again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._said: dict[str, Any] = {"fetched": {}, "ended": False}
        if store.exists(STATE):
            self._said |= json.loads(store.read(STATE))

    @property
    def fetched(self) -> dict[str, Any]:
        """What was fetched in this run, by dataset."""
        return dict(self._said["fetched"])

    def begin(self, now: datetime) -> None:
        """A new run, unless the last one was cut off."""
        if self._said["ended"] or "started_at" not in self._said:
            self._said = {"started_at": now.isoformat(), "fetched": {}, "ended": False}
        self._keep()

    def has(self, dataset: str) -> bool:
        """Whether this run has fetched it."""
        return dataset in self._said["fetched"]

    def add(self, dataset: str, found: Mapping[str, Any]) -> None:
        """Note a finished fetch."""
        self._said["fetched"][dataset] = dict(found)
        self._keep()

    def end(self) -> None:
        """The run has come to its end."""
        self._said["ended"] = True
        self._keep()

    def _keep(self) -> None:
        self._store.publish(STATE, json.dumps(self._said, indent=1).encode())


def dataset_name(fetch: Fetch) -> str:
    """Folder of what is fetched for rows that share it: the same in every run."""
    digest = hashlib.sha256(json.dumps(asdict(fetch), sort_keys=True).encode()).hexdigest()[:8]
    parts = (fetch.source, fetch.profile, fetch.endpoint, digest)
    return f"{DATASETS}/{slug('-'.join(part for part in parts if part))}"


def fetch_all(
    rows: Sequence[Row], store: Store, state: RunState, progress: bool | None
) -> dict[Fetch, str]:
    """Fetch what rows want, each Tweet once; what went wrong, by what was wanted."""
    wanted: dict[Fetch, list[Row]] = {}
    for row in rows:
        if row.fetch is not None:
            wanted.setdefault(row.fetch, []).append(row)
    troubles = {}
    for fetch, sharing in wanted.items():
        name = dataset_name(fetch)
        if state.has(name):
            continue
        try:
            state.add(
                name, _fetch_one(fetch, sharing, f"{store.where.rstrip('/')}/{name}", progress)
            )
        except (EngagementError, OSError) as error:
            troubles[fetch] = str(error)
    return troubles


def _fetch_one(
    fetch: Fetch, rows: Sequence[Row], where: str, progress: bool | None
) -> dict[str, Any]:
    from engagement_nb.ids import read_ids
    from engagement_nb.sources import ApiSource, open_source

    with closing(
        open_source(fetch.source, profile=fetch.profile or None, progress=progress)
    ) as source:
        if not isinstance(source, ApiSource):
            raise ReportError(f"Nothing is fetched from {fetch.source}.")
        ids: dict[str, None] = {}
        for row in rows:
            listed = read_ids(row.ids).ids if row.ids else source.tweet_ids()
            ids |= dict.fromkeys(listed)
        dataset = Dataset(where, source.figures)
        period: dict[str, Any] = {
            name: getattr(fetch, name) or None for name in ("start", "end", "by")
        }
        ended = source.fetch_into(dataset, fetch.endpoint, list(ids), **period)
        if fetch.endpoint == "historical":
            source.fetch_into(dataset, "totals", list(ids))
    if not ended.done:
        raise ReportError(
            f"The fetch did not come to its end: {ended.trouble or 'see its dataset'}",
            advice="Run the same command again: it asks only for what is missing.",
        )
    return ended.to_dict()
