"""One export file as a frame: its text, its rows, its columns, and what must be said about it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from engagement_nb.availability import Reason
from engagement_nb.errors import InputError
from engagement_nb.exports.cells import AGAIN, counts, days, posted, tweet_ids
from engagement_nb.exports.layouts import (
    METRIC_NAMES,
    Layout,
    NotAnExportError,
    find_layout,
    is_header,
    read_header,
    unknown_columns,
    video_kind,
    video_layout,
)
from engagement_nb.textfiles import as_utf8, read_file

CUT_AT = 1000
"""Posts that X writes into one content file at most."""
STILL_GROWING = timedelta(days=3)
"""Time after posting during which most engagements of a Tweet arrive."""
_PERIOD = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)_(\d{4})-?(\d\d)-?(\d\d)(?!\d)")
_DAILY_ACCOUNT = re.compile(r"(?:daily_)?tweet_activity_metrics_(\w{1,15}?)_\d{8}_", re.IGNORECASE)
_HANDLE = r"(?i)^.*(?:twitter|x)\.com/@?(?P<handle>\w{1,20})/status.*$"
_DURATION = r"^(?:(\d+):)?(\d+):(\d\d)$"


class NoRowsError(InputError):
    """A header with nothing below it: an error alone, but not in a folder of months."""


@dataclass
class ExportFile:
    """One file (or one table of a video file), read.

    Parameters
    ----------
    path
        Where it is.
    kind
        "content", "classic", "daily", "overview", "video" or "videos".
    frame
        One row a Tweet (``tweet_id``), day (``time``) or video (``video_id``).
    labels
        The file's own column names, by our column name.
    checks
        What was checked because the header is in an unknown language; else empty.
    rows, repeated
        Rows that the file holds, and those of them that repeat another one.
    notes
        Sentences about the file that do not name it.
    problems
        Rows that hold figures and no id.
    """

    path: Path
    kind: str
    frame: pd.DataFrame
    labels: dict[str, str] = field(default_factory=dict)
    checks: str = ""
    rows: int = 0
    repeated: int = 0
    notes: list[str] = field(default_factory=list)
    problems: list[dict[str, str]] = field(default_factory=list)

    @property
    def key(self) -> str:
        """The column that tells its rows apart."""
        return {"content": "tweet_id", "classic": "tweet_id", "videos": "video_id"}.get(
            self.kind, "time"
        )

    def period(self) -> tuple[pd.Timestamp, pd.Timestamp]:
        """First and last day: by the file's name, else by its rows."""
        found = _PERIOD.search(self.path.name)
        if found:
            first, last = ("-".join(found.groups()[i : i + 3]) for i in (0, 3))
            try:
                return pd.Timestamp(first, tz="UTC"), pd.Timestamp(last, tz="UTC")
            except ValueError:
                pass
        moments = self.frame["created_at" if self.key == "tweet_id" else "time"]
        unknown = pd.Timestamp(0, tz="UTC")
        return (unknown, unknown) if moments.isna().all() else (moments.min(), moments.max())

    def newness(self) -> tuple[pd.Timestamp, float, str]:
        """What orders files that hold the same Tweet: the greatest has the newest figures."""
        return (self.period()[1], self.path.stat().st_mtime, self.path.name)


def read_one(path: Path) -> list[ExportFile]:
    """Read one file: one table, or the two of a video file.

    Raises
    ------
    InputError
        It is no export of X (`engagement_nb.exports.layouts.NotAnExportError`), holds no rows
        (`NoRowsError`), or a cell of it cannot be read.
    """
    data, encoding = as_utf8(read_file(path), str(path))
    data = data.lstrip()
    if data[:1] == b"<":
        raise NotAnExportError(path, "it is a web page", "Log in to X and export again.")
    if data[:1] in (b"[", b"{"):
        raise NotAnExportError(path, "it is JSON")
    tables = [_Table(path, data)]
    header = tables[0].header
    if sum(bool(cell.strip()) for cell in header) == 1 or video_kind(header):
        tables = _video_tables(path, data) or tables
    found = [file for table in tables if (file := _read_table(table)) is not None]
    if not found:
        raise NoRowsError(
            f"{path} has a header and no rows (no posts, no days).",
            advice="Export a period with posts in it.",
        )
    if encoding == "windows-1252":
        found[0].notes.append("is not UTF-8; the text was read as Windows-1252")
    if encoding == "damaged utf-8":
        found[0].notes.append("holds broken characters; they were replaced")
    return found


class _Table:
    """The rows below a header, all cells as text, and where each stands in the file."""

    def __init__(self, path: Path, data: bytes, first_line: int = 1) -> None:
        self.path = path
        self.data = data
        self.first_line = first_line
        line = re.split(rb"[\r\n]", data[: 1 << 16], maxsplit=1)[0]
        self.header, self.delimiter = read_header(line.decode(errors="replace"))
        self.kept: np.ndarray | None = None

    def where(self, row: int) -> str:
        """The place in words of a row, counted among those `kept` where some are left out."""
        at = row if self.kept is None else int(self.kept[row])
        return f"{self.path}, line {self.lines([at])[0]}"

    def lines(self, rows: Iterable[int]) -> list[int]:
        """The lines of the file on which rows (from 0) begin; cells may hold line breaks."""
        wanted = set(rows)
        found: dict[int, int] = {}
        text = io.StringIO(self.data.decode(errors="replace"), newline="")
        reader = csv.reader(text, delimiter=self.delimiter)
        next(reader, None)
        row, begins = 0, reader.line_num
        for cells in reader:
            if any(cell.strip() for cell in cells):
                if row in wanted:
                    found[row] = begins + self.first_line
                row += 1
            begins = reader.line_num
        return [found.get(row, 0) for row in rows]

    def rows(self) -> pa.Table:
        """The rows that hold anything.

        Raises
        ------
        InputError
            A row has another number of cells than the header, or repeats it.
        """
        table, wrong = self._read()
        if wrong:
            number, cells = self._first_wrong()
            more = f", and {wrong - 1:,} more rows are wrong too" if wrong > 1 else ""
            raise InputError(
                f"{self.path}, line {number}: {cells} cells where the header has"
                f" {len(self.header)}{more}.",
                advice=AGAIN,
            )
        trimmed = [pc.utf8_trim_whitespace(column) for column in table.columns]
        filled = pc.not_equal(trimmed[0], "")
        for column in trimmed[1:]:
            if pc.all(filled).as_py():
                break
            filled = pc.or_(filled, pc.not_equal(column, ""))
        return pa.table(trimmed, names=table.column_names).filter(filled)

    def _read(self) -> tuple[pa.Table, int]:
        """All rows, and how many have another number of cells than the header."""
        wrong = 0

        def note(row: pyarrow.csv.InvalidRow) -> str:
            nonlocal wrong
            wrong += any(cell.strip('" \r') for cell in row.text.split(self.delimiter))
            return "skip"

        names = [f"{i}" for i in range(len(self.header))]
        try:
            table = pyarrow.csv.read_csv(
                pa.BufferReader(self.data),
                read_options=pyarrow.csv.ReadOptions(
                    block_size=1 << 22, column_names=names, skip_rows=1
                ),
                parse_options=pyarrow.csv.ParseOptions(
                    delimiter=self.delimiter, newlines_in_values=True, invalid_row_handler=note
                ),
                convert_options=pyarrow.csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.large_string()),
                    strings_can_be_null=False,
                ),
            )
        except pa.ArrowInvalid as error:
            if "Empty CSV" in str(error) or "skip initial" in str(error):
                return pa.table({name: pa.array([], pa.large_string()) for name in names}), 0
            raise InputError(
                f"{self.path} cannot be read as CSV: a quote is opened and never closed.",
                advice=AGAIN,
            ) from None
        return table, wrong

    def _first_wrong(self) -> tuple[int, int]:
        """Line and number of cells of the first row that does not fit the header."""
        text = io.StringIO(self.data.decode(errors="replace"), newline="")
        reader = csv.reader(text, delimiter=self.delimiter)
        begins = 0
        for cells in reader:
            if len(cells) != len(self.header) and any(cell.strip() for cell in cells):
                return begins + self.first_line, len(cells)
            begins = reader.line_num
        return 0, 0


def _video_tables(path: Path, data: bytes) -> list[_Table]:
    """The parts of a video file that begin with a header."""
    lines = data.splitlines(keepends=True)
    starts = [
        i for i, line in enumerate(lines)
        if video_kind(read_header(line.decode(errors="replace").strip())[0])
    ]  # fmt: skip
    tables = []
    for start, following in zip(starts, [*starts, len(lines)][1:], strict=True):
        last = following
        if following < len(lines):
            # The line above a header is the title of its table.
            last -= 1
        tables.append(_Table(path, b"".join(lines[start:last]), start + 1))
    return tables


def _read_table(table: _Table) -> ExportFile | None:
    cells = table.rows()
    kind = video_kind(table.header)
    if kind:
        layout = video_layout(kind, table.header)
    else:
        _refuse_second_header(table, cells)
        layout = find_layout(table.path, table.header, cells)
    if not cells.num_rows:
        return None
    file = ExportFile(table.path, layout.kind, pd.DataFrame(), checks=layout.checks)
    file.rows = cells.num_rows
    if unknown := unknown_columns(table.header, layout):
        file.notes.append(f"has columns that are not understood and left out: {', '.join(unknown)}")
    if layout.checks:
        file.notes.append(
            f"has a header in an unknown language, so it was read by position: {layout.checks}. The"
            " order of likes, replies, reposts and clicks among themselves cannot be checked"
        )
    at = {name: i for i, name in enumerate(layout.names) if name}
    if file.kind == "videos":
        file.frame = _videos(table, cells, at)
    elif file.key == "time":
        file.frame = pd.DataFrame(
            {"time": days(table.where, cells.column(at["date"]))}
            | _figures(file, table, cells, layout)
        )
    else:
        cells = _with_ids(file, table, cells, at["tweet_id"])
        file.frame = _tweets(file, table, cells, layout, at)
    once = file.frame.drop_duplicates(file.key, keep="last", ignore_index=True)
    if file.kind != "videos" and len(once) < len(file.frame):
        file.repeated = len(file.frame) - len(once)
        what = "post" if file.key == "tweet_id" else "day"
        file.notes.append(
            f"repeats a {what} in {file.repeated:,} rows; the last row of each is used"
        )
        file.frame = once
    if file.kind == "content" and file.rows == CUT_AT:
        file.notes.append(
            f"holds exactly {CUT_AT:,} Posts, where X cuts an export off, so Posts are probably"
            " missing: export shorter periods"
        )
    return file


def _refuse_second_header(table: _Table, cells: pa.Table) -> None:
    """A header in mid-file: files were joined, and whose columns the rows below have is unsure."""
    first = next((i for i, cell in enumerate(table.header) if cell.strip()), 0)
    column = cells.column(first)
    words = {value for value in pc.unique(column).to_pylist()[:100_000] if not value[:1].isdigit()}
    again = [w for w in words if w == table.header[first].strip() or is_header(w.strip("\ufeff"))]
    if again:
        row = min(pc.index(column, pa.scalar(word, column.type)).as_py() for word in again)
        raise InputError(
            f"{table.where(row)} is a second header: several files were joined into one.",
            advice="Put the files into one folder instead, as X wrote them, and give the folder.",
        )


def _with_ids(file: ExportFile, table: _Table, cells: pa.Table, column: int) -> pa.Table:
    """The rows that have an id; those that have none are put among the problems."""
    has_id = pc.not_equal(cells.column(column), "")
    if pc.all(has_id).as_py():
        return cells
    missing = np.flatnonzero(~has_id.to_numpy())
    if len(missing) == cells.num_rows:
        raise InputError(f"{file.path}: no row has a Tweet id.", advice=AGAIN)
    file.problems = [
        {
            "tweet_id": f"({file.path.name}, line {line})",
            "reason": Reason.NOT_A_TWEET_ID.value,
            "detail": "the row has no id",
        }
        for line in table.lines(missing.tolist())
    ]
    table.kept = np.flatnonzero(has_id.to_numpy())
    return cells.filter(has_id)


def _tweets(
    file: ExportFile, table: _Table, cells: pa.Table, layout: Layout, at: dict[str, int]
) -> pd.DataFrame:
    ids, numbers = tweet_ids(table.where, cells.column(at["tweet_id"]))
    frame: dict[str, object] = {
        "tweet_id": ids,
        "created_at": posted(numbers, cells.column(at["date"]) if "date" in at else None),
    }
    figures = _figures(file, table, cells, layout)
    if "text" in at:
        frame["text"] = cells.column(at["text"]).to_pandas().astype("string")
    if "link" in at:
        frame["account"] = _accounts(cells.column(at["link"]))
    frame |= figures
    parts = [figures[n] for n in ("favorites", "replies", "retweets") if n in figures]
    if parts:
        above = sum(part.fillna(0) for part in parts) > figures["engagements"]
        if above.fillna(False).mean() > 0.02:
            file.notes.append(
                f"has engagements below likes, replies and reposts on {int(above.sum()):,} Posts:"
                " its columns may be mixed up"
            )
    return pd.DataFrame(frame)


def _accounts(links: pa.ChunkedArray) -> pd.Series:
    """The handle in each link; where a link has none, the most frequent of the file."""
    handles = pc.utf8_lower(pc.struct_field(pc.extract_regex(links, _HANDLE), "handle"))
    found = handles.dictionary_encode().to_pandas().astype("category")
    found = found.cat.remove_categories([c for c in ("i",) if c in found.cat.categories])
    return found.fillna(found.mode().iloc[0]) if found.notna().any() else found


def _figures(
    file: ExportFile, table: _Table, cells: pa.Table, layout: Layout
) -> dict[str, pd.Series]:
    """The counts of a file by our names; promoted ones only where the file has any."""
    figures: dict[str, pd.Series] = {}
    for i, name in enumerate(layout.names):
        label = table.header[i].strip()
        if name in ("completion_rate", "estimated_revenue"):
            figures[name] = _decimals(cells.column(i))
        elif name in _OTHER_COUNTS or name.removeprefix("promoted_") in METRIC_NAMES:
            values = counts(table.where, label, cells.column(i))
            if values.null_count < len(values) or not name.startswith("promoted_"):
                figures[name] = values.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
                file.labels[name] = label
    return figures


_OTHER_COUNTS = frozenset({"posts", "unfollows", "watch_time_ms", "average_watch_time_ms"})


def _decimals(column: pa.ChunkedArray) -> pd.Series:
    texts = column.to_pandas().str.replace(r"[%$€£\s]", "", regex=True)
    return pd.to_numeric(texts.str.replace(",", ".", regex=False), errors="coerce")


def _videos(table: _Table, cells: pa.Table, at: dict[str, int]) -> pd.DataFrame:
    """One row a video; ``tweet_id`` where the file has the link of its Post."""
    nothing = pd.Series([""] * cells.num_rows)

    def texts(name: str) -> pd.Series:
        return cells.column(at[name]).to_pandas() if name in at else nothing

    parts = texts("duration").str.extract(_DURATION).apply(pd.to_numeric)
    seconds = (parts[0].fillna(0) * 3600 + parts[1] * 60 + parts[2]).astype("Int64")
    views = counts(table.where, table.header[at["video_views"]], cells.column(at["video_views"]))
    return pd.DataFrame(
        {
            "video_id": texts("video_id").astype("string"),
            "tweet_id": texts("link").str.extract(r"status(?:es)?/(\d{1,19})")[0].astype("string"),
            "time": pd.to_datetime(texts("date"), errors="coerce", utc=True, format="mixed"),
            "title": texts("title").astype("string"),
            "video_views": views.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get),
            "duration_s": seconds,
        }
    )


def account_of_name(path: Path) -> str:
    """The handle in the name of a classic file, or ""."""
    found = _DAILY_ACCOUNT.search(path.name)
    return found[1].lower() if found else ""
