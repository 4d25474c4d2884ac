"""Export files of X: the same frames for whoever has no API access, only a download.

Two formats are read: the classic one (analytics.twitter.com, ``tweet_activity_metrics_...csv``,
to 2024) and the current one (``account_analytics_content_...csv``). Both change in small ways
from release to release, so columns are found by their words, whatever their case and order.
What is wrong is refused: a figure that was guessed would be worse than none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from engagement_nb.errors import InputError
from engagement_nb.exports.cells import counts, posted, read_ids_column
from engagement_nb.exports.content import content_facts
from engagement_nb.exports.header import (
    AGAIN,
    EXPORT_NAME,
    HOW_TO_EXPORT,
    METRIC_WORDS,
    NotAnExportError,
    name_columns,
    read_header,
)
from engagement_nb.metrics import About, Metrics, problems_frame
from engagement_nb.textfiles import as_utf8, read_file
from engagement_nb.vocabulary import EXPORT_ONLY_METRICS, METRICS

__all__ = ["content_facts", "read_export"]

_PERIOD = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)_(\d{4})-?(\d\d)-?(\d\d)(?!\d)")


class _NoPostsError(InputError):
    """A header with nothing below it: an error alone, but not in a folder of months."""


@dataclass
class _File:
    """One file, read."""

    path: Path
    frame: pd.DataFrame
    labels: dict[str, str]
    notes: list[str] = field(default_factory=list)
    problems: list[dict[str, str]] = field(default_factory=list)

    def newness(self) -> tuple[pd.Timestamp, float, str]:
        return (_period_end(self.path, self.frame), self.path.stat().st_mtime, self.path.name)


def read_export(source: str | Path) -> Metrics:
    """Read one export file of X, or a folder of them.

    Parameters
    ----------
    source
        Path of a CSV file, or of a folder whose CSV files are read together.

    Returns
    -------
    Metrics
        ``about.source`` and ``about.endpoint`` are "export". The frame has one row a Tweet:
        ``tweet_id``, ``created_at``, what the text tells (`content.content_facts`), ``text``,
        the metrics under their wire names, and ``promoted_<metric>`` where the file has any
        promoted figure. Cells that are empty or "-" are ``<NA>``. ``about.labels`` has the
        file's own column names.

    Raises
    ------
    InputError
        Something is not an export, or holds what cannot be read as such.

    Notes
    -----
    A Tweet that several files hold is counted once, with the figures of the newest file: the
    one whose period (in its name; else its latest post) ends last; of those, the one written
    to disk last. ``created_at`` is read from the id; for ids from before 2010-11-04, which
    carry no time, from the date column.
    """
    path = Path(source).expanduser()
    notes: list[str] = []
    if not path.is_dir():
        files = [_read_file(path)]
    else:
        files, notes = _read_folder(path)
    files.sort(key=_File.newness, reverse=True)
    labels: dict[str, str] = {}
    for file in reversed(files):
        labels.update(file.labels)
        notes.extend(note for note in file.notes if note not in notes)
    frame = files[0].frame if len(files) == 1 else _join(files, notes)
    frame = _in_order(frame)
    about = About(source="export", endpoint="export", labels=labels, notes=tuple(notes))
    problems = problems_frame(row for file in files for row in file.problems)
    return Metrics(frame, problems, about)


def _read_folder(folder: Path) -> tuple[list[_File], list[str]]:
    try:
        paths = sorted(
            entry
            for entry in folder.iterdir()
            if entry.suffix.lower() == ".csv" and not entry.name.startswith((".", "~"))
        )
    except PermissionError:
        raise InputError(
            f"{folder}: no permission to look into it.", advice="Ask its owner, or copy it."
        ) from None
    files: list[_File] = []
    notes: list[str] = []
    for path in paths:
        try:
            files.append(_read_file(path))
        except NotAnExportError as error:
            if EXPORT_NAME.search(path.name) and not error.by_day:
                raise
            notes.append(f"{path.name} was left out: {error.why}.")
        except _NoPostsError:
            notes.append(f"{path.name} holds no posts.")
    if not files:
        raise InputError(
            f"{folder} holds no export of X ({len(paths)} CSV files looked at).",
            advice=HOW_TO_EXPORT,
        )
    return files, notes


def _join(files: list[_File], notes: list[str]) -> pd.DataFrame:
    joined = pd.concat([file.frame for file in files], ignore_index=True)
    once = joined.drop_duplicates("tweet_id", keep="first", ignore_index=True)
    repeated = len(joined) - len(once)
    if repeated:
        notes.append(f"{repeated:,} rows were left out because a newer file holds the same post.")
    for file in files:
        lacking = [name for name in METRIC_WORDS if name in once and name not in file.frame]
        if lacking:
            notes.append(f"{file.path.name} does not tell: {', '.join(lacking)}.")
    return once


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    metrics = [*METRICS, *EXPORT_ONLY_METRICS]
    known = [name for name in metrics if name in frame]
    promoted = [f"promoted_{name}" for name in metrics if f"promoted_{name}" in frame]
    rest = [name for name in frame.columns if name not in {*known, *promoted}]
    return frame[[*rest, *known, *promoted]]


def _read_file(path: Path) -> _File:
    data, encoding = as_utf8(read_file(path), str(path))
    data = data.lstrip()
    header, delimiter = read_header(data)
    columns = name_columns(path, header, data)
    table = _table(path, data, header, delimiter)
    file = _File(path, pd.DataFrame(), {})
    if encoding == "windows-1252":
        file.notes.append(f"{path.name} is not UTF-8; its text was read as Windows-1252.")
    if encoding == "damaged utf-8":
        file.notes.append(f"{path.name} holds broken characters; they were replaced.")
    unknown = [cell.strip() for i, cell in enumerate(header) if not columns[i] and cell.strip()]
    if unknown:
        file.notes.append(
            f"Columns of {path.name} that are not understood and left out: {', '.join(unknown)}."
        )
    position = {name: i for i, name in enumerate(columns) if name}
    table = _with_ids(file, table, position["tweet_id"])
    ids, numbers = read_ids_column(path, table.column(position["tweet_id"]))
    frame: dict[str, object] = {"tweet_id": ids}
    dates = table.column(position["date"]) if "date" in position else None
    frame["created_at"] = posted(numbers, dates)
    metrics: dict[str, pd.Series] = {}
    for name, i in position.items():
        if name.removeprefix("promoted_") in METRIC_WORDS:
            values = counts(path, header[i].strip(), table.column(i))
            if values.null_count < len(values) or not name.startswith("promoted_"):
                metrics[name] = values.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
                file.labels[name] = header[i].strip()
    if "text" in position:
        text = table.column(position["text"])
        frame.update(content_facts(text, metrics))
        frame["text"] = text.to_pandas().astype("string")
    frame.update(metrics)
    file.frame = pd.DataFrame(frame)
    once = file.frame.drop_duplicates("tweet_id", keep="last", ignore_index=True)
    if len(once) < len(file.frame):
        file.notes.append(
            f"{len(file.frame) - len(once):,} rows of {path.name} repeat a post;"
            " its last row is used."
        )
        file.frame = once
    return file


def _with_ids(file: _File, table: pa.Table, column: int) -> pa.Table:
    """The rows that have an id; those that have none are put among the problems."""
    has_id = pc.not_equal(table.column(column), "")
    if pc.all(has_id).as_py():
        return table
    rows = np.flatnonzero(~has_id.to_numpy()) + 2
    if len(rows) == table.num_rows:
        raise InputError(f"{file.path}: no row has a Tweet id.", advice=AGAIN)
    file.problems = [
        {
            "tweet_id": f"({file.path.name}, row {row})",
            "reason": "not a Tweet id",
            "detail": "the row has no id",
        }
        for row in rows
    ]
    return table.filter(has_id)


def _table(path: Path, data: bytes, header: list[str], delimiter: str) -> pa.Table:
    """The rows below the header, all cells as text."""
    try:
        table, wrong = _cells(data, len(header), delimiter, threads=True)
        if wrong:
            # Only one thread counts rows, and a refusal must say which row it means.
            wrong = _cells(data, len(header), delimiter, threads=False)[1]
    except pa.ArrowInvalid as error:
        if "Empty CSV" not in str(error):
            raise InputError(
                f"{path} cannot be read as CSV: a quote is opened and never closed.",
                advice=AGAIN,
            ) from None
        table, wrong = pa.table({f"{i}": pa.array([], pa.string()) for i in range(len(header))}), []
    if wrong:
        number, cells = wrong[0]
        more = f", and {len(wrong) - 1:,} more rows are wrong too" if len(wrong) > 1 else ""
        raise InputError(
            f"{path}, row {number}: {cells} cells where the header has {len(header)}{more}.",
            advice=AGAIN,
        )
    table = pa.table(
        [pc.utf8_trim_whitespace(column) for column in table.columns], names=table.column_names
    )
    filled = pc.not_equal(table.column(0), "")
    for column in table.columns[1:]:
        if pc.all(filled).as_py():
            break
        filled = pc.or_(filled, pc.not_equal(column, ""))
    table = table.filter(filled)
    if not table.num_rows:
        raise _NoPostsError(
            f"{path} has a header and no posts.", advice="Export a period with posts in it."
        )
    return table


def _cells(
    data: bytes, columns: int, delimiter: str, *, threads: bool
) -> tuple[pa.Table, list[tuple[int | None, int]]]:
    """Cells by column; and rows with another number of cells: their number, and how many."""
    wrong: list[tuple[int | None, int]] = []

    def note(row: pyarrow.csv.InvalidRow) -> str:
        if any(cell.strip('" \r') for cell in row.text.split(delimiter)):
            wrong.append((row.number, row.actual_columns))
        return "skip"

    names = [f"{i}" for i in range(columns)]
    table = pyarrow.csv.read_csv(
        pa.BufferReader(data),
        read_options=pyarrow.csv.ReadOptions(
            use_threads=threads, block_size=1 << 22, column_names=names, skip_rows=1
        ),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=delimiter, newlines_in_values=True, invalid_row_handler=note
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types={name: pa.large_string() for name in names}, strings_can_be_null=False
        ),
    )
    return table, wrong


def _period_end(path: Path, frame: pd.DataFrame) -> pd.Timestamp:
    """End of the file's period by its name, else its latest post."""
    found = _PERIOD.search(path.name)
    if found:
        year, month, day = (int(part) for part in found.groups()[3:])
        try:
            return pd.Timestamp(datetime(year, month, day, tzinfo=UTC))
        except ValueError:
            pass
    latest = frame["created_at"].max()
    return pd.Timestamp(0, tz="UTC") if pd.isna(latest) else latest
