"""One run into a dataset: what it asked for, and its parts as files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from engagement_nb.dataset.parts import Part, describe, described_parts, encode
from engagement_nb.errors import DatasetError
from engagement_nb.store import Store
from engagement_nb.vocabulary import By, EndpointName


@dataclass(frozen=True)
class RunRecord:
    """What a run asked for, as the dataset keeps it.

    Parameters
    ----------
    id
        Name of the run's files: when it started, and something random.
    ask
        The digest: the same for the same question.
    endpoint, by, metrics, windows, start, end
        What was asked; times as ISO texts.
    snapshot
        The snapshot that its parts belong to; empty for historical unless given.
    started_at
        When it began, as an ISO text.
    notes
        Sentences that a reader of the figures must know.
    done
        Whether nothing was left to ask.
    """

    id: str
    ask: str
    endpoint: EndpointName
    by: By | None
    metrics: tuple[str, ...]
    windows: tuple[tuple[str, str], ...]
    start: str | None
    end: str | None
    snapshot: str
    started_at: str
    notes: tuple[str, ...] = ()
    done: bool = False

    @property
    def kind(self) -> str:
        """Endpoint and grouping: the folder of its parts."""
        return f"{self.endpoint}-{self.by}" if self.by else self.endpoint

    @property
    def sets(self) -> list[str]:
        """The folders of its parts."""
        if not self.windows:
            return [f"parts/{self.kind}/{self.snapshot}"]
        return [f"parts/{self.kind}/{_set(s, e, self.snapshot)}" for s, e in self.windows]


def _set(start: str, end: str, snapshot: str) -> str:
    short = "_".join(re.sub(r"[-:]", "", moment)[:11] for moment in (start, end))
    return f"{short}_{snapshot}" if snapshot else short


def iso(moment: datetime | None) -> str | None:
    """A moment as the dataset writes it."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def begin_run(store: Store, record: RunRecord) -> None:
    """Note what a run asks for, before it asks."""
    store.publish_record(f"runs/{record.id}.json", asdict(record))


class RunWriter:
    """Where one run puts what is finished; used by several threads at once."""

    def __init__(self, store: Store, record: RunRecord) -> None:
        self._store = store
        self.record = record

    def _name(self, start: datetime | None, end: datetime | None, key: str) -> str:
        record = self.record
        name = _set(str(iso(start)), str(iso(end)), record.snapshot) if start else record.snapshot
        return f"parts/{record.kind}/{name}/{key}.parquet"

    def put(self, part: Part) -> None:
        """Write a finished request, once and whole."""
        self._store.publish(self._name(part.start, part.end, part.key), encode(part))

    def find(self, key: str, start: datetime | None, end: datetime | None) -> Part | None:
        """A request that was finished before, by this run or another; without its rows."""
        name = self._name(start, end, key)
        return describe(self._store, name) if self._store.exists(name) else None

    def parts(self) -> Iterator[Part]:
        """Everything finished so far, without its rows."""
        yield from described_parts(self._store, self.record.sets)

    def close(self, problems: pd.DataFrame, *, done: bool, summary: dict[str, Any]) -> None:
        """Keep the problems; with ``done``, nothing is left to ask."""
        buffer = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pandas(problems, preserve_index=False), buffer)
        run = f"runs/{self.record.id}"
        self._store.publish(f"{run}.problems.parquet", buffer.getvalue().to_pybytes())
        if done:
            self._store.publish_record(f"{run}.done.json", summary)


def read_runs(store: Store) -> list[RunRecord]:
    """All runs of a dataset, oldest first.

    Raises
    ------
    DatasetError
        A run's file is damaged, or of a newer version.
    """
    names = store.names("runs", ".json")
    done = {name.removesuffix(".done.json") for name in names if name.endswith(".done.json")}
    found = []
    for name in names:
        run_id = name.removesuffix(".json")
        if name.endswith(".done.json"):
            continue
        path = f"runs/{name}"
        try:
            values = store.read_record(path)
            for key in ("metrics", "notes"):
                values[key] = tuple(values[key])
            values["windows"] = tuple((str(start), str(end)) for start, end in values["windows"])
            found.append(RunRecord(**{**values, "done": run_id in done}))
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise DatasetError(
                f"{store.path(path)} is damaged.",
                advice="Remove this file and fetch again: what is there is not asked for again.",
            ) from error
    return found
