"""One run into a dataset: what it asked for, and its parts as files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from engagement_nb.dataset.parts import METADATA_KEY, Part
from engagement_nb.errors import DatasetError
from engagement_nb.store import Store


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
    endpoint: str
    by: str | None
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
        try:
            self._store.publish(self._name(part.start, part.end, part.key), encode(part))
        except DatasetError as error:
            error.advice = f"What was fetched so far is kept. {error.advice}"
            raise

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
            self._store.publish(f"{run}.done.json", to_json(summary))


def encode(part: Part) -> bytes:
    """A part as the bytes of a Parquet file."""
    table = (
        part.table if part.table is not None else pa.table({"tweet_id": pa.array([], pa.string())})
    )
    table = table.replace_schema_metadata({METADATA_KEY: part.description()})
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression="zstd")
    return bytes(buffer.getvalue())


def describe(store: Store, name: str) -> Part:
    """A part without its rows.

    Raises
    ------
    DatasetError
        The file is damaged.
    """
    try:
        with store.fs.open(store.path(name), "rb") as file:
            schema = pq.read_schema(file)
        return Part.described(schema.metadata[METADATA_KEY])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f"{store.path(name)} is damaged ({error}).",
            advice="Remove this file and fetch again: only its Tweets are asked for.",
        ) from error


def part_names(store: Store, sets: Iterable[str]) -> list[str]:
    """The files of the parts in these folders."""
    return [f"{folder}/{name}" for folder in sets for name in store.names(folder, ".parquet")]


def described_parts(store: Store, sets: Iterable[str]) -> Iterator[Part]:
    """The parts in these folders, without their rows."""
    names = part_names(store, sets)
    if len(names) < 50:
        yield from (describe(store, name) for name in names)
        return
    with ThreadPoolExecutor(8) as pool:
        yield from pool.map(lambda name: describe(store, name), names)


def to_json(value: Any) -> bytes:
    """A description as the dataset keeps it, for people to read too."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2)


def load(store: Store, name: str) -> dict[str, Any]:
    """The values of a run's file."""
    try:
        values: dict[str, Any] = orjson.loads(store.read(name))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{store.path(name)} cannot be read ({error}).") from error
    for key in ("metrics", "notes"):
        values[key] = tuple(values[key])
    values["windows"] = tuple(tuple(pair) for pair in values["windows"])
    return values
