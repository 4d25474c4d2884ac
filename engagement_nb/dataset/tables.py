"""Parts as Arrow tables: opened, put together, each Tweet once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from engagement_nb.dataset.folder import Dataset
from engagement_nb.dataset.frames import TIME, answer_schema, sum_windows
from engagement_nb.dataset.run import part_names
from engagement_nb.errors import DatasetError
from engagement_nb.vocabulary import By


def schema_of(names: Sequence[str], by: By | str | None) -> pa.Schema:
    """Columns of a part's rows."""
    schema = answer_schema(names, by)  # type: ignore[arg-type]
    return schema.append(pa.field("read_at", TIME))


def part_files(dataset: Dataset, sets: Iterable[str]) -> list[str]:
    """Paths of the parts in these folders."""
    return [dataset.store.path(name) for name in part_names(dataset.store, sets)]


def opened(dataset: Dataset, files: list[str], schema: pa.Schema) -> ds.Dataset:
    """Parts as one Arrow dataset, wherever they lie."""
    filesystem = None if dataset.store.local else pa.fs.PyFileSystem(
        pa.fs.FSSpecHandler(dataset.store.fs)
    )  # fmt: skip
    return ds.dataset(files, schema=schema, format="parquet", filesystem=filesystem)


def tables_of(dataset: Dataset, files: Iterable[str], schema: pa.Schema) -> Iterator[pa.Table]:
    """The rows of each part."""
    for path in files:
        yield guarded(lambda path=path: opened(dataset, [path], schema).to_table())


def guarded(read: Any) -> pa.Table:
    """What a reading gives, or which file is damaged and what to do."""
    try:
        return read()
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(
            f"A part of the dataset is damaged: {error}.",
            advice="Remove that file and fetch again: only its Tweets are asked for.",
        ) from error


def once(table: pa.Table) -> pa.Table:
    """Each Tweet (and time) once; of several readings, the last that knows counts."""
    keys = [name for name in ("tweet_id", "time") if name in table.column_names]
    if table.group_by(keys).aggregate([]).num_rows == len(table):
        return table
    ordered = table.sort_by("read_at")
    frame = ordered.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    merged = frame.groupby(keys, sort=False, as_index=False).last()
    return pa.Table.from_pandas(merged, preserve_index=False).cast(table.schema)


def unseen(table: pa.Table, seen: set[int]) -> pa.Table:
    """The rows of Tweets that no earlier part of the same window had."""
    ids = table["tweet_id"].unique().to_pylist()
    fresh = [tweet_id for tweet_id in ids if int(tweet_id) not in seen]
    seen.update(map(int, fresh))
    if len(fresh) == len(ids):
        return table
    return table.filter(pc.is_in(table["tweet_id"], pa.array(fresh, pa.string())))


def made_coarser(table: pa.Table, by: str) -> pa.Table:
    """Days from hours, or sums from a series."""
    index = table.column_names.index("time")
    if by == "day":
        days = pc.floor_temporal(table["time"], unit="day").cast(TIME)
        return sum_windows(table.set_column(index, "time", days))
    return sum_windows(table.remove_column(index))
