"""One export file as a table, with notes about it."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import reduce
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from engagement_nb.apis.reasons import Reason
from engagement_nb.errors import InputError
from engagement_nb.exports.cells import AGAIN, MOMENT, Cells, decimals
from engagement_nb.exports.layouts import (
    METRIC_NAMES,
    Layout,
    NotAnExportError,
    delimiter_of,
    find_layout,
    is_header,
    unknown_columns,
    video_kind,
)
from engagement_nb.textfiles import as_utf8, read_file

CUT_AT = 1000
"""Maximum number of Posts in one content file."""
STILL_GROWING = timedelta(days=3)
"""Time after posting during which most engagements of a Tweet arrive."""
_PERIOD = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)_(\d{4})-?(\d\d)-?(\d\d)(?!\d)")
_ACCOUNT = re.compile(r"(?:daily_)?tweet_activity_metrics_(\w{1,15}?)_\d{8}_", re.IGNORECASE)
_HANDLE = r"(?i)^.*(?:twitter|x)\.com/@?(?P<handle>\w{1,20})/status.*$"
_OTHER_COUNTS = frozenset({"posts", "unfollows", "watch_time_ms", "average_watch_time_ms"})
_KEYS = {"content": "tweet_id", "classic": "tweet_id", "videos": "video_id"}
_BLOCK = 1 << 30
"""Bytes that are parsed at once: no row is longer."""


class NoRowsError(InputError):
    """A header without rows: an error for a single file, but not in a folder of months."""


@dataclass
class ExportFile:
    """One file (or one table of a video file), read.

    Parameters
    ----------
    path
        Where it is.
    layout
        Its kind and columns.
    rows
        Number of rows in the file.
    table
        One row per Tweet (``tweet_id``), day (``time``) or video (``video_id``); empty after it
        was joined with the other files.
    labels
        The file's own column names, by our column name.
    notes
        Sentences about the file, without its name.
    problems
        Rows with figures and without an id.
    repeated, in_newer_file
        Number of rows that another row of the file repeats, and that a newer file has too.
    """

    path: Path
    layout: Layout
    rows: int
    table: pa.Table
    labels: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[dict[str, str]] = field(default_factory=list)
    repeated: int = 0
    in_newer_file: int = 0

    def __post_init__(self) -> None:
        self.first, self.last = self._period()

    @property
    def kind(self) -> str:
        """The kind of the file: see `Layout`."""
        return self.layout.kind

    @property
    def key(self) -> str:
        """The column that identifies a row."""
        return _KEYS.get(self.kind, "time")

    @property
    def cut(self) -> bool:
        """Whether it has the maximum number of Posts."""
        return self.kind == "content" and self.rows == CUT_AT

    @property
    def named_account(self) -> str:
        """The handle in the name of a classic file; "" without one."""
        found = _ACCOUNT.search(self.path.name)
        return found[1].lower() if found else ""

    def newness(self) -> tuple[pd.Timestamp, float, str]:
        """What orders files that hold the same Tweet: the greatest has the newest figures."""
        return (self.last, self.path.stat().st_mtime, self.path.name)

    def _period(self) -> tuple[pd.Timestamp, pd.Timestamp]:
        """First and last day, by the file's name or else by its rows."""
        if found := _PERIOD.search(self.path.name):
            days = ["-".join(found.groups()[i : i + 3]) for i in (0, 3)]
            with suppress(ValueError):
                return pd.Timestamp(days[0], tz="UTC"), pd.Timestamp(days[1], tz="UTC")
        moments = pc.min_max(self.table["created_at" if self.key == "tweet_id" else "time"])
        unknown = datetime.fromtimestamp(0, UTC)
        first, last = (pd.Timestamp(moments[side].as_py() or unknown) for side in ("min", "max"))
        return first, last


def read_one(path: Path) -> list[ExportFile]:
    """Read one file: one table, or the two of a video file.

    Raises
    ------
    InputError
        The file is not an export of X (`engagement_nb.exports.layouts.NotAnExportError`), has no
        rows (`NoRowsError`), or has a cell that cannot be read.
    """
    data, encoding = as_utf8(read_file(path), str(path))
    start = data[:1000].lstrip()[:1]
    if start == b"<":
        raise NotAnExportError(path, "it is a web page", "Log in to X and export again.")
    if start in (b"[", b"{"):
        raise NotAnExportError(path, "it is JSON")
    found = [file for cells in _tables(path, data) if (file := _read_table(cells)) is not None]
    if not found:
        raise NoRowsError(
            f"{path} has a header and no rows (no posts, no days).",
            advice="Export a period with posts in it.",
        )
    if encoding == "windows-1252":
        found[0].notes.append("is not UTF-8; the text was read as Windows-1252")
    if encoding == "damaged utf-8":
        found[0].notes.append("contains broken characters; they were replaced")
    return found


def _tables(path: Path, data: bytes) -> Iterator[Cells]:
    """The tables of a file: the one below its first row, or both of a video file."""
    line = re.split(rb"[\r\n]", data[: 1 << 16].lstrip(), maxsplit=1)[0]
    delimiter = delimiter_of(line.decode(errors="replace"))
    starts, lines = _row_starts(path, data, delimiter)
    bounds = [*starts.tolist(), len(data)]

    def row(number: int) -> list[str]:
        return _split(data[bounds[number] : bounds[number + 1]].decode(), delimiter)

    def table(header: int, end: int) -> Cells:
        body = data[bounds[header + 1] : bounds[end]]
        return _cells(path, row(header), body, lines[header + 1 : end], delimiter)

    first = next(i for i in range(len(lines)) if any(row(i)))
    if sum(map(bool, row(first))) == 1 or video_kind(row(first)):
        filled = [i for i in range(len(lines)) if any(row(i))]
        headers = [i for i in filled if video_kind(row(i))]
        # The row above a header is the title of its table.
        titles = [filled[filled.index(header) - 1] for header in headers[1:]]
        for header, end in zip(headers, [*titles, len(lines)], strict=False):
            yield table(header, end)
        if headers:
            return
    yield table(first, len(lines))


def _split(text: str, delimiter: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([text], delimiter=delimiter), [])]


def _row_starts(path: Path, data: bytes, delimiter: str) -> tuple[np.ndarray, np.ndarray]:
    """Where each row begins: its first byte and its line. A line break within quotes ends no row.

    Raises
    ------
    InputError
        A quote neither begins nor ends a cell. It could turn two rows into one.
    """
    signs = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(signs == ord('"'))
    ends = np.flatnonzero((signs == ord("\n")) | (signs == ord("\r")))
    # \r\n is one line break.
    ends = ends[(signs[ends] == ord("\n")) | (signs.take(ends + 1, mode="clip") != ord("\n"))]
    rows = np.flatnonzero((np.searchsorted(quotes, ends) % 2 == 0) & (ends + 1 < len(data)))
    starts, lines = np.append(0, ends[rows] + 1), np.append(1, rows + 2)
    # Quotes open and close by turns; a doubled quote within a cell closes and reopens it.
    outside = np.where(np.arange(len(quotes)) % 2 == 0, quotes - 1, quotes + 1)
    good = np.isin(signs.take(outside, mode="clip"), list(f'{delimiter}\r\n"'.encode()))
    good[-1:] &= len(quotes) % 2 == 0
    if not good.all():
        line = lines[np.searchsorted(starts, quotes[good.argmin()], side="right") - 1]
        raise InputError(
            f"{path}, line {line}: the quotes of this row do not match, or one is never closed.",
            advice=AGAIN,
        )
    return starts, lines


def _cells(path: Path, header: list[str], body: bytes, lines: np.ndarray, delimiter: str) -> Cells:
    """The rows that are not empty, as a table.

    Raises
    ------
    InputError
        The number of cells of a row differs from that of the header.
    """
    schema = pa.schema([(f"{i}", pa.large_string()) for i in range(len(header))])
    odd: list[pa_csv.InvalidRow] = []

    def skip(row: pa_csv.InvalidRow) -> str:
        odd.append(row)
        return "skip"

    table = schema.empty_table()
    if body:
        table = pa_csv.read_csv(
            pa.BufferReader(body),
            pa_csv.ReadOptions(
                use_threads=False, block_size=min(len(body), _BLOCK), column_names=schema.names
            ),
            pa_csv.ParseOptions(
                delimiter=delimiter,
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=skip,
            ),
            pa_csv.ConvertOptions(column_types=schema, check_utf8=False),
        )
    wrong = [row for row in odd if any(_split(row.text, delimiter))]
    if wrong:
        line = lines[wrong[0].number - 1]
        more = f", and {len(wrong) - 1:,} more rows are wrong too" if len(wrong) > 1 else ""
        raise InputError(
            f"{path}, line {line}: {wrong[0].actual_columns} cells, but the header has"
            f" {len(header)}{more}.",
            advice=AGAIN,
        )
    lines = np.delete(lines, [row.number - 1 for row in odd])
    columns = [pc.utf8_trim_whitespace(column) for column in table.columns]
    cells = Cells(path, header, pa.table(columns, schema=schema), lines)
    filled = reduce(pc.or_, (pc.not_equal(column, "") for column in columns)).to_numpy()
    return cells if filled.all() else cells.keep(filled)


def _read_table(cells: Cells) -> ExportFile | None:
    _refuse_second_header(cells)
    layout = find_layout(cells)
    if not len(cells.lines):
        return None
    rows = len(cells.lines)
    problems: list[dict[str, str]] = []
    at = {name: i for i, name in enumerate(layout.names) if name}
    columns: dict[str, pa.ChunkedArray | pa.Array]
    if layout.kind == "videos":
        columns = _videos(cells, at)
    elif layout.kind in _KEYS:
        cells, problems = _with_ids(cells, at["tweet_id"])
        ids, numbers = cells.ids(at["tweet_id"])
        columns = {"tweet_id": ids, "created_at": cells.posted(numbers, at.get("date"))}
        if "text" in at:
            columns["text"] = cells.column(at["text"])
        if "link" in at:
            columns["account"] = _accounts(cells.column(at["link"]))
    else:
        columns = {"time": cells.days(at["date"])}
    figures = _figures(cells, layout) if layout.kind != "videos" else {}
    labels = {name: cells.header[at[name]] for name in figures}
    table = pa.table(columns | figures)
    file = ExportFile(cells.path, layout, rows, table, labels, problems=problems)
    file.notes = list(_notes(cells, file))
    return file


def _notes(cells: Cells, file: ExportFile) -> Iterator[str]:
    if unknown := unknown_columns(cells.header, file.layout.names):
        yield f"has unknown columns, which are left out: {', '.join(unknown)}"
    if file.layout.checks:
        yield (
            "has a header in an unknown language, so it was read by position."
            f" Checked: {file.layout.checks}. Two swapped columns of metrics cannot be found if"
            " engagements include both of them or neither"
        )
    if file.cut:
        yield (
            f"has exactly {CUT_AT:,} Posts, the maximum of an export, so Posts are probably"
            " missing: export shorter periods"
        )


def _refuse_second_header(cells: Cells) -> None:
    """Refuse a header in mid-file: the rows below it may have other columns."""
    first = next((i for i, cell in enumerate(cells.header) if cell), 0)
    column = cells.column(first)
    words = pc.unique(column.filter(pc.invert(pc.match_substring_regex(column, r"^\d"))))
    title = cells.header[first]
    again = [w for w in words.to_pylist() if w == title or is_header(w.strip("\ufeff"))]
    if again:
        row = min(pc.index(column, pa.scalar(word, column.type)).as_py() for word in again)
        raise InputError(
            f"{cells.where(row)} is a second header: several files were joined into one.",
            advice="Put the files into one folder, as X wrote them, and give the folder.",
        )


def _with_ids(cells: Cells, at: int) -> tuple[Cells, list[dict[str, str]]]:
    """The rows with an id, and a problem for each row without one."""
    has_id = pc.not_equal(cells.column(at), "").to_numpy()
    if has_id.all():
        return cells, []
    if not has_id.any():
        raise InputError(f"{cells.path}: no row has a Tweet id.", advice=AGAIN)
    return cells.keep(has_id), [
        {
            "tweet_id": f"({cells.path.name}, line {line})",
            "reason": Reason.NOT_A_TWEET_ID.value,
            "detail": "the row has no id",
        }
        for line in cells.lines[~has_id]
    ]


def _accounts(links: pa.ChunkedArray) -> pa.ChunkedArray:
    """The handle in each link; for a link without one, the most frequent handle of the file."""
    handles = pc.utf8_lower(pc.struct_field(pc.extract_regex(links, _HANDLE), "handle"))
    handles = pc.if_else(pc.equal(handles, "i"), pa.scalar(None, handles.type), handles)
    if not handles.null_count:
        return handles
    counts = {row["values"]: row["counts"] for row in pc.value_counts(handles).to_pylist()}
    counts.pop(None, None)
    return pc.fill_null(handles, max(counts, key=counts.__getitem__)) if counts else handles


def _figures(cells: Cells, layout: Layout) -> dict[str, pa.ChunkedArray]:
    """The figures of a file by our names; promoted ones only if the file has any."""
    figures: dict[str, pa.ChunkedArray] = {}
    for i, name in enumerate(layout.names):
        if name in ("completion_rate", "estimated_revenue"):
            figures[name] = decimals(cells.column(i))
        elif name in _OTHER_COUNTS or name.removeprefix("promoted_") in METRIC_NAMES:
            values = cells.counts(i)
            if values.null_count < len(values) or not name.startswith("promoted_"):
                figures[name] = values
    return figures


def _videos(cells: Cells, at: dict[str, int]) -> dict[str, pa.ChunkedArray | pa.Array]:
    """One row per video; ``tweet_id`` if the file links its Post."""
    nothing = pa.chunked_array([pa.array([""] * len(cells.lines), pa.large_string())])

    def texts(name: str) -> pa.ChunkedArray:
        return cells.column(at[name]) if name in at else nothing

    parts = texts("duration").to_pandas().str.extract(r"^(?:(\d+):)?(\d+):(\d\d)$")
    hours, minutes, seconds = (pd.to_numeric(parts[i]) for i in range(3))
    duration = (hours.fillna(0) * 3600 + minutes * 60 + seconds).astype("Int64")
    uploaded = pd.to_datetime(texts("date").to_pandas(), errors="coerce", utc=True, format="mixed")
    link = pc.extract_regex(texts("link"), r"status(?:es)?/(?P<id>\d{1,19})")
    return {
        "video_id": texts("video_id"),
        "tweet_id": pc.struct_field(link, "id"),
        "time": pa.array(uploaded.astype("datetime64[ms, UTC]"), MOMENT),
        "title": texts("title"),
        "video_views": cells.counts(at["video_views"]),
        "duration_s": pa.array(duration),
    }
