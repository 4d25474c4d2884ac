"""DataFrames, anything with an Arrow stream, and Parquet files as tables."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from engagement_nb.errors import InputError
from engagement_nb.metrics import MARK
from engagement_nb.tables.cells import TEXT, Cells, cell_text

_MOST_CELLS = 50_000_000
_MOST_BYTES = 400 << 20
"""Of the columns of a Parquet file in memory: a million rows with texts have 320 MB."""


def is_frame(source: Any) -> bool:
    """Whether something is a table in memory."""
    return isinstance(source, pd.DataFrame) or hasattr(source, "__arrow_c_stream__")


def frame_table(frame: Any, name: str = "the table") -> Cells:
    """A DataFrame of pandas or polars, or an Arrow table.

    Raises
    ------
    InputError
        A column occurs twice, or it cannot be turned into Arrow.
    """
    marks: dict[str, str] = {}
    if isinstance(frame, pd.DataFrame):
        marks = dict(frame.attrs.get(MARK, {}))
        if any(part is not None for part in frame.index.names):
            frame = frame.reset_index(allow_duplicates=True)
        said = [str(column).strip() for column in frame.columns]
        columns = [_from_pandas(frame.iloc[:, i], said[i], name) for i in range(len(said))]
        table = pa.table(columns, names=[f"{i}" for i in range(len(said))])
    else:
        try:
            table = pa.table(frame)
        except (pa.ArrowException, TypeError, ValueError):
            raise InputError(
                f"{name} is no table that Arrow can read.", advice="Give a DataFrame or a file."
            ) from None
        marks = _marks(table.schema)
        said = [column.strip() for column in table.column_names]
        table = table.rename_columns([f"{i}" for i in range(len(said))])
    for i, column in enumerate(table.columns):
        table = table.set_column(i, f"{i}", _plain(column))
    numbers = np.arange(1, table.num_rows + 1)
    return Cells(
        name, said, table, numbers, lambda number: f"row {number}", marks=marks,
        extras=isinstance(frame, pd.DataFrame),
    )  # fmt: skip


def parquet_table(data: bytes, name: str) -> Cells:
    """A Parquet file.

    Raises
    ------
    InputError
        It is damaged, or too large for memory.
    """
    try:
        schema = pq.read_schema(pa.BufferReader(data))
        texts = [field.name for field in schema if str(field.type).endswith(("string", "binary"))]
        # As dictionaries, because a text that is stored once may stand in every row.
        file = pq.ParquetFile(pa.BufferReader(data), read_dictionary=texts)
        about = file.metadata
        size = sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))
        large = about.num_rows * about.num_columns > _MOST_CELLS or size > _MOST_BYTES
        table = None if large else file.read()
        if table is None or sum(map(_size, table.columns)) > _MOST_BYTES:
            raise InputError(
                f"{name} is too large for memory ({about.num_rows:,} rows).",
                advice="Select its rows or columns, and save them as another file.",
            )
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError):
        raise InputError(
            f"{name} is a damaged Parquet file.", advice="Download or write it again."
        ) from None
    return frame_table(table, name)


def _size(column: pa.ChunkedArray) -> int:
    """Bytes of a column when its values are no longer in a dictionary."""
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    if not str(column.type.value_type).endswith(("string", "binary")):
        return 8 * len(column)
    lengths = (
        pc.sum(pc.take(pc.binary_length(chunk.dictionary), chunk.indices)).as_py()
        for chunk in column.chunks
    )
    return 8 * len(column) + sum(length or 0 for length in lengths)


def _marks(schema: pa.Schema) -> dict[str, str]:
    """What a frame that pandas saved says of its figures."""
    stored = (schema.metadata or {}).get(b"pandas", b"{}")
    try:
        marks = json.loads(stored)["attributes"][MARK]
    except (ValueError, LookupError, TypeError):
        return {}
    return {str(k): str(v) for k, v in marks.items()} if isinstance(marks, dict) else {}


def _from_pandas(column: pd.Series, said: str, name: str) -> pa.Array | pa.ChunkedArray:
    if isinstance(column.dtype, pd.CategoricalDtype | pd.PeriodDtype | pd.IntervalDtype):
        column = column.astype("string")
    try:
        return pa.array(column, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        told = (str(cell).encode(errors="replace").decode() for cell in column)
        cells = zip(told, column.isna(), strict=True)
        return pa.array([None if missing else text for text, missing in cells], TEXT)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts of any Arrow type as one type; lists and the like as texts."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        chunks = [(_plain(pa.chunked_array([c.dictionary])), c.indices) for c in column.chunks]
        return pa.chunked_array(
            [values.combine_chunks().take(indices) for values, indices in chunks],
            None if chunks else TEXT,
        )
    if pa.types.is_duration(kind) or pa.types.is_time(kind):
        texts_of = ["" if x is None else cell_text(x) for x in column.to_pylist()]
        return pa.chunked_array([pa.array(texts_of, TEXT)])
    other = isinstance(kind, pa.BaseExtensionType)
    if other or pa.types.is_nested(kind) or "binary" in str(kind):
        return pa.chunked_array([pa.array([str(x) for x in column.to_pylist()], TEXT)])
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    if any(is_text(kind) for is_text in texts) or pa.types.is_null(kind):
        return column.cast(TEXT).fill_null("") if not pa.types.is_null(kind) else column
    return column
