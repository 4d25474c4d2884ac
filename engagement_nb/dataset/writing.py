"""Writing one run: a journal of parts, and then one sealed file.

Each finished request is published as a part. When nothing is missing, all parts of the run are
put into one file, which is published at once, and are then removed. A run that is killed between
has its figures in both, and `Files` counts them once.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import replace

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from engagement_nb.client.request import Request
from engagement_nb.dataset.files import IDENTITY, RUNS, Files, explained, steady
from engagement_nb.dataset.frames import TIME, response_schema
from engagement_nb.dataset.records import (
    METADATA_KEY,
    SEALED_KEY,
    Identity,
    Part,
    RunRecord,
    Sealed,
    encode,
    kinds_of,
)
from engagement_nb.errors import DatasetError
from engagement_nb.metrics.problems import ProblemLog

ROWS_AT_ONCE = 500_000
"""Rows that sealing holds in memory."""
ROWS_PER_GROUP = 32_768
"""Rows of a row group, the unit that a reader skips if it has none of the wanted Tweets."""


class RunWriter:
    """Stores the parts of one run in a dataset; used by several threads at once.

    Parameters
    ----------
    files, identity
        The dataset.
    record
        The run.
    resumed
        Whether it was begun by another process, which may still be at work on it. It is sealed
        under an id of its own then, so that neither file takes the place of the other.
    """

    def __init__(
        self, files: Files, identity: Identity, record: RunRecord, *, resumed: bool = False
    ) -> None:
        self._files = files
        self._identity = identity
        self.record = record
        self._resumed = resumed
        if resumed:
            # A process that was killed could not tell what it had spent.
            there = sum(len(self._files.open_parts(folder)) for folder in record.sets)
            self.record = replace(record, requests=max(record.requests or 0, there))
        self._before: dict[str, Part] = {}
        self._settled: set[str] = set()

    def _name(self, request: Request) -> str:
        return f"{self.record.folder(request.start, request.end)}/{request.key}.parquet"

    def put(self, part: Part) -> None:
        """Write a finished request, whole or not at all."""
        table = part.table
        if table is None:
            table = pa.table({"tweet_id": pa.array([], pa.string())})
        name, description = self._name(part.request), msgspec.structs.replace(part, table=None)
        schema = table.schema.with_metadata({METADATA_KEY: encode(description)})
        self._files.store.publish(name, _parquet(schema, [table]))
        self._settled.add(name)

    def find(self, request: Request) -> Part | None:
        """The part of the same request from an earlier run, without its rows."""
        name = self._name(request)
        if name in self._before:
            return self._before[name]

        def read() -> Part | None:
            here = self._files.store.exists(name)
            return self._files.footer(name, Part) if here else None

        part = steady(read)
        self._settled |= {name} if part else set()
        return part

    def parts(self) -> Iterator[Part]:
        """Everything finished so far, by this run or others, without its rows."""
        self._before = self._files.parts(self.record.sets)
        self._settled.update(self._before)
        yield from self._before.values()

    def spend(self, requests: int) -> None:
        """Store how many requests were answered besides those that the record counts."""
        self.record = replace(self.record, requests=(self.record.requests or 0) + requests)
        self._files.store.publish(f"{RUNS}/{self.record.id}.json", encode(self.record))

    def close(self, problems: ProblemLog, *, done: bool, requests: int | None = None) -> None:
        """Store the problems and the requests spent; seal the run if it is done.

        Raises
        ------
        DatasetError
            Somebody has removed files of the dataset since the run began.
        """
        begun = self.record = replace(self.record, problems=kinds_of(problems), done=done)
        if requests is None:
            self._files.store.publish(f"{RUNS}/{begun.id}.json", encode(begun))
        else:
            self.spend(requests)
        if done:
            if self._resumed:
                began = self.record.id.rpartition("-")[0]
                self.record = replace(self.record, id=f"{began}-{uuid.uuid4().hex[:8]}")
            self._files.store.publish(f"{RUNS}/{self.record.id}.parquet", steady(self._sealed))
            self._files.tidy(begun)

    def _sealed(self) -> pa.Buffer:
        """The file of all open parts of the run: by the ids' text, then time."""
        names = [n for folder in self.record.sets for n in self._files.open_parts(folder)]
        lost = self._settled.difference(names, self._files.sealed_parts())
        if lost or not self._files.store.exists(IDENTITY):
            raise DatasetError(
                f"Files of {self._files.store.where} were removed while it was written.",
                advice="Fetch again; into a new folder if this one is no longer a dataset.",
            )
        parts = self._files.footers(names, Part)
        metrics = dict.fromkeys([*self.record.metrics, *(m for p in parts for m in p.metrics)])
        schema = response_schema([*metrics], self.record.by).append(pa.field("read_at", TIME))
        rows = self._files.rows(names, schema)
        ids = sorted({tweet_id for part in parts for tweet_id in part.tweet_ids})
        at_once = max(1, ROWS_AT_ONCE * len(ids) // max(1, explained(rows.count_rows)))
        keys = [(name, "ascending") for name in ("tweet_id", "time") if name in schema.names]
        number = {fragment.path: n for n, fragment in enumerate(rows.get_fragments())}
        for name in ("start", "end"):
            schema = schema.append(pa.field(name, TIME))
        schema = schema.append(pa.field("part", pa.int32()))

        def pieces() -> Iterator[pa.Table]:
            for at in range(0, len(ids), at_once):
                some = ds.field("tweet_id").isin(pa.array(ids[at : at + at_once], pa.string()))
                tables = [schema.empty_table()]
                for tagged in rows.scanner(filter=some).scan_batches():
                    n, batch = number[tagged.fragment.path], tagged.record_batch
                    here = {*pc.unique(batch["tweet_id"]).to_pylist()}
                    # The rows themselves tell these; a million ids would make the footer large.
                    parts[n].tweet_ids = tuple(t for t in parts[n].tweet_ids if t not in here)
                    window = parts[n].answered or (parts[n].start, parts[n].end)
                    more = [pa.repeat(pa.scalar(moment, TIME), len(batch)) for moment in window]
                    more.append(pa.repeat(pa.scalar(n, pa.int32()), len(batch)))
                    tables.append(pa.table([*batch.columns, *more], schema=schema))
                yield pa.concat_tables(tables).sort_by(keys)

        schema = schema.with_metadata({METADATA_KEY: encode(self._identity)})
        footer = Sealed(self.record, parts)
        return explained(lambda: _parquet(schema, pieces(), footer))


def _parquet(
    schema: pa.Schema, tables: Iterable[pa.Table], footer: Sealed | None = None
) -> pa.Buffer:
    """The bytes of a Parquet file; the footer is encoded when all rows are written."""
    buffer = pa.BufferOutputStream()
    with pq.ParquetWriter(buffer, schema, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table, ROWS_PER_GROUP)
        if footer is not None:
            writer.add_key_value_metadata({SEALED_KEY: encode(footer)})
    return buffer.getvalue()
