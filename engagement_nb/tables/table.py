"""One table: its rows as Tweets, days or videos, and what became of each row and column."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from engagement_nb.apis.names import LABELS, TRUTH, name_key
from engagement_nb.apis.times import FIRST_SNOWFLAKE_ID, SNOWFLAKE_EPOCH_MS
from engagement_nb.errors import InputError
from engagement_nb.tables.cells import (
    MOMENT,
    TEXT,
    Cells,
    decimal_sign,
    decimals,
    doubt,
    milliseconds,
    shown,
    swapped,
    swapped_days,
)
from engagement_nb.tables.ids import ROUNDED, rounded_share
from engagement_nb.tables.layouts import (
    FACTS,
    MADE,
    OTHER_COUNTS,
    POSTS,
    Layout,
    find_layout,
)
from engagement_nb.tables.rows import (
    BY_X,
    DAMAGED,
    computed,
    damaged,
    is_figure,
    labelled,
    without_figures,
)
from engagement_nb.words import counted

CUT_AT = 1000
"""Maximum number of Posts in one content file."""
AGAIN, NEWER = "repeated in the same table", "a newer row has the same Tweet or day"
OTHERS = "of another account"
"""Why rows are not used."""
STILL_GROWING = timedelta(days=3)
"""Time after posting during which most engagements of a Tweet arrive."""
ACCOUNT = ".account"
"""Column of a table that says whose each row is."""
_PERIOD = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)_(\d{4})-?(\d\d)-?(\d\d)(?!\d)")
_ACCOUNT = re.compile(r"(?:daily_)?tweet_activity_metrics_(\w{1,15}?)_\d{8}_", re.IGNORECASE)
_HANDLE = r"(?i)^.*(?:twitter|x)\.com/@?(?P<handle>\w{1,20})/status.*$"
_ID = r"^[1-9]\d{0,18}$"
_GUARD = r"""^(?:=?["']+)(.*?)["']*$"""


class NoRowsError(InputError):
    """A header without rows: an error for a single file, but not in a folder of months."""


@dataclass
class OneTable:
    """One table: a file, a sheet, a frame, or one of the two tables of a video file.

    Parameters
    ----------
    cells
        Its rows that are used; none after they were read.
    layout
        Its kind and columns.
    rows
        Number of its rows that are not empty.
    written
        When the file was written, in seconds; 0 if that is not known.
    notes
        Sentences about the table, without its name.
    """

    cells: Cells
    layout: Layout
    rows: int
    written: float = 0
    notes: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter, init=False)
    """How many rows are not used, by the reason."""
    unnamed: int = field(default=0, init=False)
    """Rows whose Tweet is named by a row number."""

    def read_as(self, table: pa.Table) -> OneTable:
        """The table with its figures.

        Parameters
        ----------
        table
            One row per Tweet (``tweet_id``, with ``time`` for a series), day (``time``) or video
            (``video_id``); empty after it was joined with the other tables.
        """
        has = ACCOUNT in table.column_names
        if has and table[ACCOUNT].null_count == table.num_rows:
            table, has = table.drop_columns([ACCOUNT]), False
        if not has and (named := _ACCOUNT.search(self.file)):
            handles = pa.repeat(pa.scalar(named[1].lower(), TEXT), table.num_rows)
            table = table.append_column(ACCOUNT, handles)
        self.table = table
        self.cells = self.cells.emptied()
        self.first, self.last = self._period()
        return self

    def leave_out(self, no_rows: Mapping[str, np.ndarray]) -> bool:
        """Leave out rows by the reason, with a note on the first; whether there are any."""
        cells, out = self.cells, np.zeros(len(self.cells), dtype=bool)
        for why, found in no_rows.items():
            found = found & ~out
            if found.any():
                self.left_out[why] = number = int(found.sum())
                place = cells.place(int(cells.numbers[found.argmax()]))
                self.notes.append(
                    f"has {counted(number, 'empty row')} that X itself wrote (no id, no date, only"
                    " zeros); nothing is missing there"
                    if why == BY_X
                    else f"has {why} in {counted(number, 'row')} ({place}), not used"
                )
                out |= found
        if out.any():
            self.cells = cells.keep(~out)
        return bool(out.any())

    @property
    def name(self) -> str:
        """The file or sheet."""
        return self.cells.name

    @property
    def header(self) -> list[str]:
        """The table's own column names."""
        return self.cells.header

    @property
    def kind(self) -> str:
        """The kind of the table: see `Layout`."""
        return self.layout.kind

    @property
    def file(self) -> str:
        """The name of the file (and sheet) without its folder."""
        return self.name.rsplit("/", 1)[-1]

    @property
    def used(self) -> int:
        """Rows that are in the joined frame."""
        return self.rows - self.left_out.total()

    @property
    def cut(self) -> bool:
        """Whether it has the maximum number of Posts."""
        return self.kind == "content" and self.rows == CUT_AT

    def newness(self) -> tuple[pd.Timestamp, float, str]:
        """What orders tables that hold the same Tweet: the greatest has the newest figures."""
        return (self.last, self.written, self.name)

    @property
    def labels(self) -> dict[str, str]:
        """The table's own names of the figures, by our name."""
        return {
            name: self.header[i]
            for name, i in self.layout.at.items()
            if name in LABELS or name in OTHER_COUNTS or name.startswith("promoted_")
        }

    def columns(self) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
        """Metrics, other known columns and columns not used, by the table's own names."""
        metrics = {said: name for name, said in self.labels.items() if name not in OTHER_COUNTS}
        unused = {self.header[i]: why for i, why in self.layout.unused.items()}
        places = self.layout.at.items()
        known = {self.header[i]: name for name, i in places if self.header[i] not in metrics}
        for said in self.header:
            if said not in metrics and said not in known and said not in unused:
                made = "a figure that a report added" if said in MADE else "an index"
                known[said] = made if said else "a column without a name"
        return metrics, known, unused

    def _period(self) -> tuple[pd.Timestamp, pd.Timestamp]:
        """First and last day, by the file's name or else by its rows."""
        if match := _PERIOD.search(self.file):
            days = ["-".join(match.groups()[i : i + 3]) for i in (0, 3)]
            with suppress(ValueError):
                return pd.Timestamp(days[0], tz="UTC"), pd.Timestamp(days[1], tz="UTC")
        moments = pc.min_max(self.table["created_at" if self.kind in POSTS else "time"])
        unknown = datetime.fromtimestamp(0, UTC)
        try:
            first, last = (
                pd.Timestamp(moments[side].as_py() or unknown) for side in ("min", "max")
            )
        except OverflowError:
            raise InputError(
                f"{self.file}: the time of a row is outside the years 1 to 9999.",
                advice="Correct it, or leave the cell empty.",
            ) from None
        return first, last


def read_table_of(cells: Cells, written: float = 0) -> OneTable:
    """Read one table below its header.

    Parameters
    ----------
    cells
        The table.
    written
        When the file was written, in seconds.

    Raises
    ------
    InputError
        It has no figures (`NotATableError`), no rows (`NoRowsError`), or a cell that cannot be
        read.
    """
    _refuse_second_header(cells)
    layout = find_layout(cells)
    if not len(cells) and not cells.extras:
        raise NoRowsError(
            f"{cells.name} has a header and no rows (no posts, no days).",
            advice="Export a period with posts in it.",
        )
    at = layout.at
    if "source" in at and "sandbox" in pc.unique(cells.texts(at["source"])).to_pylist():
        cells = replace(cells, marks={**cells.marks, "source": "sandbox"})
    one = OneTable(cells, layout, len(cells), written, list(cells.notes))
    if "date" in at and (told := doubt(cells.texts(at["date"]))):
        one.notes.append(told)
    tweets, unread, odd = _unread(cells, layout)
    no_rows = labelled(cells, layout, odd) | {DAMAGED: damaged(cells, layout, unread)}
    if one.leave_out(no_rows):
        tweets, unread, odd = _unread(one.cells, layout)
    figures, unclear = _figures(one.cells, layout)
    no_rows = without_figures(one.cells, layout, figures, unread) | computed(figures, unread, odd)
    if one.leave_out(no_rows):
        tweets, *_ = _unread(one.cells, layout)
        figures, unclear = _figures(one.cells, layout)
    cells = one.cells
    one.notes += [*unclear, *_lacks_last(cells, layout, figures)]
    columns: dict[str, pa.ChunkedArray | pa.Array]
    if layout.kind == "videos":
        columns, told = _videos(cells, at)
        figures = {}
    elif tweets is not None:
        columns, one.unnamed, told = tweets.columns(), tweets.unnamed, ""
        one.notes += tweets.notes
    else:
        columns = {"time": cells.days(at["date"])} | _accounts(cells, at)
        told = swapped_days(cells.moments(at["date"]))
    one.notes += [told] if told else []
    if cells.extras:
        columns["row"] = pa.array(cells.numbers)
    return one.read_as(pa.table(columns | figures))


def _unread(cells: Cells, layout: Layout) -> tuple[_Tweets | None, np.ndarray, np.ndarray]:
    """The Tweets, if any, the rows without a readable name, and those without a date, too."""
    at = layout.at
    if layout.kind == "videos":
        unread = pc.equal(cells.texts(at["video_id"]), "").to_numpy()
        return None, unread, unread
    undated = np.isnat(cells.moments(at["date"])) if "date" in at else np.ones(len(cells), bool)
    if layout.kind not in POSTS:
        return None, undated, undated
    tweets = _Tweets(cells, layout)
    unread = tweets.numbers == 0
    return tweets, unread, unread & undated


def split(
    one: OneTable, parts: Sequence[int], files: Iterable[tuple[str, float]]
) -> list[OneTable]:
    """The tables of several files that were read as one.

    Parameters
    ----------
    one
        All of their rows.
    parts
        Where the rows of the second file and of each later one begin.
    files
        The name of each, and when it was written.
    """
    borders = pairwise([0, *parts, one.rows])
    return [
        OneTable(replace(one.cells, name=name), one.layout, end - at, written).read_as(
            one.table.slice(at, end - at)
        )
        for (at, end), (name, written) in zip(borders, files, strict=True)
    ]


def notes_on_columns(one: OneTable) -> Iterator[str]:
    """Sentences on columns that are not used, and on what the layout and the size tell."""
    unused = one.columns()[2]
    if names := [name for name, why in unused.items() if not why]:
        yield f"has unknown columns, which are not used: {_listed(names)}"
    for name, why in unused.items():
        if why:
            yield f"has the column {shown(name, 60)}, which is not used: {why}"
    if one.layout.checks:
        yield (
            "has a header in an unknown language, so it was read by position."
            f" Checked: {one.layout.checks}. Two swapped columns of metrics cannot be found if"
            " engagements include both of them or neither"
        )
    if one.cut:
        yield (
            f"has exactly {CUT_AT:,} Posts, the maximum of an export, so Posts are probably"
            " missing: export shorter periods"
        )


def _listed(names: list[str]) -> str:
    told = ", ".join(shown(name, 60) for name in names[:12])
    return told + (f" and {len(names) - 12:,} more" if len(names) > 12 else "")


def _refuse_second_header(cells: Cells) -> None:
    """Refuse a header in mid-file: the rows below it may have other columns."""
    titles = {i: said for i, said in enumerate(cells.header) if said}
    last = max(titles, default=-1)  # A byte order mark may precede the first.
    if last < 0 or not pa.types.is_large_string(cells.column(last).type):
        return
    for row in np.flatnonzero(pc.equal(cells.column(last), titles[last]).to_numpy()):
        of_row = [str(cells.column(i)[row].as_py()).strip() == said for i, said in titles.items()]
        if sum(of_row) > len(of_row) // 2:
            raise InputError(
                f"{cells.where(int(row))} is a second header: several files were joined into one.",
                advice="Put the files into one folder, as X wrote them, and give the folder.",
            )


class _Tweets:
    """The names and times of the rows of a table by Tweet, and its facts."""

    def __init__(self, cells: Cells, layout: Layout) -> None:
        self.cells, self.at = cells, layout.at
        self.notes: list[str] = []
        self.links = cells.texts(self.at["link"]) if "link" in self.at else None
        self.names: Any = pa.array([""] * len(cells), TEXT)
        """Names that a table has in place of ids, "" where there is none."""
        self.numbers = self._ids()
        """The ids as numbers, 0 for a row without a readable id."""
        self.unnamed = self._unnamed()

    def columns(self) -> dict[str, pa.ChunkedArray | pa.Array]:
        """``tweet_id``, ``created_at``, ``time`` of a series, and what else is known."""
        at, cells = self.at, self.cells
        ids = pc.cast(pa.array(self.numbers), TEXT)
        if not self.numbers.all():
            rows = pa.array([f"row {number}" for number in cells.numbers], TEXT)
            others = pc.if_else(pc.equal(self.names, ""), rows, self.names)
            ids = pc.if_else(pa.array(self.numbers > 0), ids, others)
        columns: dict[str, pa.ChunkedArray | pa.Array] = {"tweet_id": ids}
        dates = cells.moments(at["date"]) if "date" in at else None
        if dates is not None:
            said = cells.texts(at["date"])
            lost = np.isnat(dates) & (self.numbers == 0) & pc.not_equal(said, "").to_numpy()
            if lost.any():
                self.notes.append(
                    f"has {counted(int(lost.sum()), 'row')} whose date cannot be read (as"
                    f" {shown(said[int(lost.argmax())].as_py())}), so these Tweets have no time"
                )
        series = cells.series if cells.series is not None else self._is_series(dates)
        posted = dates
        if "created_at" in at:
            posted = cells.moments(at["created_at"])
            wrong = np.isnat(posted) & pc.not_equal(cells.texts(at["created_at"]), "").to_numpy()
            if wrong.any():
                raise InputError(
                    f"{cells.name}: the column created_at contains values that are not timestamps.",
                    advice="Give times as 2026-01-31T12:00:00Z, or leave the column out.",
                )
        columns["created_at"] = pa.array(self._posted(None if series else posted), MOMENT)
        if series:
            columns["time"] = cells.days(at["date"])
        if "text" in at:
            columns["text"] = cells.texts(at["text"])
        columns |= _accounts(cells, at)
        for name, kind in FACTS.items():
            if name in at and name not in ("created_at", "source"):
                columns[name] = _fact(cells, at[name], kind)
        return columns

    def _ids(self) -> np.ndarray:
        cells, at = self.cells, self.at
        numbers = np.zeros(len(cells), dtype=np.int64)
        rounded = 0
        if "tweet_id" in at:
            texts = cells.texts(at["tweet_id"])
            numbers = _as_numbers(texts)
            if not numbers.all():
                texts = pc.replace_substring_regex(texts, _GUARD, r"\1")
                numbers = _as_numbers(texts)
            if not numbers.all():
                lost = pc.match_substring_regex(texts, f"^(?:{ROUNDED.pattern})$")
                rounded = pc.sum(lost).as_py() or 0
                # No spreadsheet makes such a name, so it was chosen, perhaps for privacy.
                own = pc.and_(pc.invert(lost), pc.less(pc.utf8_length(texts), 100))
                own = pc.and_(own, pa.array(numbers == 0))
                self.names = pc.if_else(own, texts, "")
            of_each = np.split(numbers, cells.parts)
            if any(rounded_share(part[part > 0]) > 0.5 for part in of_each):
                rounded += int((numbers > 0).sum())
                numbers[:] = 0
        if self.links is not None:
            numbers = self._with_links(numbers, rounded)
        self.rounded = rounded
        return numbers

    def _unnamed(self) -> int:
        """How many Tweets are named by row number; notes say why."""
        no_id = self.numbers == 0
        if not no_id.any():
            return 0
        named = pc.not_equal(self.names, "").to_numpy(zero_copy_only=False) & no_id
        if named.any():
            example = self.names[int(named.argmax())].as_py()
            self.notes.append(
                f"has {counted(int(named.sum()), 'row')} whose id is not a Tweet id (as"
                f" {shown(example)}); it serves as a name"
            )
        missing = int((no_id & ~named).sum())
        if missing:
            why = "a spreadsheet rounded its ids" if self.rounded else "there is no readable id"
            if "tweet_id" not in self.at and self.links is None:
                why = "it has no column of ids"
            self.notes.append(
                f"names {counted(missing, 'Tweet')} by row number: {why}. Figures are complete, but"
                " these Tweets cannot be fetched, resumed or dated by id"
            )
        return missing

    def _with_links(self, numbers: np.ndarray, rounded: int) -> np.ndarray:
        """The ids, with those of the links where they differ: no program rounds a link."""
        if not rounded and numbers.all():
            return numbers
        link = pc.extract_regex(self.links, r"status(?:es)?/(?P<id>\d{1,19})(?:\D.*)?$")
        linked = _as_numbers(pc.fill_null(pc.struct_field(link, "id"), ""))
        taken = (linked > 0) & (linked != numbers)
        if taken.any():
            lost = "a spreadsheet rounded its ids" if rounded else "the row has none"
            self.notes.append(f"has {counted(int(taken.sum()), 'id')} read from the links: {lost}")
        return np.where(linked > 0, linked, numbers)

    def _posted(self, dates: np.ndarray | None) -> np.ndarray:
        """Posting times from the ids; from the time column where there is none, or another one."""
        moments = ((self.numbers >> 22) + SNOWFLAKE_EPOCH_MS).astype("datetime64[ms]")
        no_time = self.numbers < FIRST_SNOWFLAKE_ID
        if dates is not None:
            dated = ~np.isnat(dates)
            day = np.timedelta64(1, "D")
            clock = (dates[dated] != dates[dated].astype("datetime64[D]")).any()
            late = moments - dates
            wrong = dated & ~no_time & ((late < -day) | (late > (day if clock else 2 * day)))
            if wrong.any():
                late = moments - swapped(dates)
                mixed = wrong & (late >= -day) & (late <= 2 * day)
                if mixed.any():
                    wrong &= ~mixed
                    example = np.datetime_as_string(dates[mixed][0], "D")
                    self.notes.append(
                        f"has {counted(int(mixed.sum()), 'date')} (as {example}) whose day and"
                        " month a spreadsheet swapped, as the ids show; the times of these Tweets"
                        " are taken from the ids"
                    )
            if wrong.any():
                self.notes.append(
                    f"has {counted(int(wrong.sum()), 'id')} whose own time is not that of the time"
                    " column, so the times of these Tweets are taken from the column"
                )
            of_dates = no_time | wrong
            if of_dates.any() and (told := swapped_days(dates[of_dates])):
                self.notes.append(told)
            moments = np.where(of_dates, dates, moments)
        else:
            moments[no_time] = np.datetime64("NaT")
        return moments

    def _is_series(self, dates: np.ndarray | None) -> bool:
        """Whether ``time`` is when people engaged, so that a Tweet has a row per hour or day."""
        if dates is None or not {"time", "tweet_id"} <= {*self.cells.header}:
            return False
        if "created_at" in self.at:
            return True
        named = self.numbers[self.numbers > 0]
        return len(np.unique(named)) < len(named)


def _as_numbers(texts: pa.ChunkedArray) -> np.ndarray:
    """Tweet ids as numbers, 0 for a text that is none."""
    try:
        ids = pc.cast(texts, pa.int64()).to_numpy()
        if len(ids) and ids.min() > 0 and not pc.any(pc.match_substring(texts, "x")).as_py():
            return np.array(ids)
    except pa.ArrowInvalid:
        pass
    good = pc.match_substring_regex(texts, _ID)
    numbers = pc.if_else(good, texts, "0")
    try:
        return np.array(pc.cast(numbers, pa.int64()).to_numpy())
    except pa.ArrowInvalid:  # Above 2^63.
        ids = [int(text) for text in numbers.to_pylist()]
        return np.array([number if number < 2**63 else 0 for number in ids], dtype=np.int64)


def _accounts(cells: Cells, at: Mapping[str, int]) -> dict[str, pa.ChunkedArray | pa.Array]:
    """Whose each row is: the handle in its link, or else in a column of handles.

    A row without one is of the most frequent account of its file.
    """
    said = []
    if "link" in at:
        links = cells.texts(at["link"])
        first = re.match(r"https://(?:twitter|x)\.com/(\w{1,20})/status/", links[0].as_py())
        if first and first[1] != "i" and pc.all(pc.starts_with(links, first[0])).as_py():
            return {ACCOUNT: pa.repeat(pa.scalar(first[1].lower(), TEXT), len(links))}
        said.append(pc.struct_field(pc.extract_regex(links, _HANDLE), "handle"))
    if "account" in at:
        said.append(pc.utf8_ltrim(cells.texts(at["account"]), "@"))
    if not said:
        return {}
    none, nobody = pa.scalar(None, TEXT), pa.array(["", "i"], TEXT)
    known = [pc.if_else(pc.is_in(names, nobody), none, names) for names in said]
    handles = pc.utf8_lower(pc.coalesce(*known))
    if not handles.null_count:
        return {ACCOUNT: handles}
    of_each = (handles.slice(a, b - a) for a, b in pairwise([0, *cells.parts, len(handles)]))
    filled = [c for part in of_each for c in _most_frequent_for_null(part).chunks]
    return {ACCOUNT: pa.chunked_array(filled)}


def _most_frequent_for_null(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    counts = {row["values"]: row["counts"] for row in pc.value_counts(texts).to_pylist()}
    counts.pop(None, None)
    return pc.fill_null(texts, max(counts, key=counts.__getitem__)) if counts else texts


def _fact(cells: Cells, at: int, kind: str) -> pa.ChunkedArray | pa.Array:
    """A column of our own frames."""
    if kind == "moment":
        return pa.array(cells.moments(at), MOMENT)
    if kind == "count":
        return cells.counts(at)
    if kind == "yes or no" and not pa.types.is_boolean(cells.column(at).type):
        different = pc.unique(cells.texts(at))
        words = [TRUTH.get(name_key(text)) for text in different.to_pylist()]
        known = pa.array([None if word is None else word == "yes" for word in words], pa.bool_())
        return pc.take(known, pc.index_in(cells.texts(at), different))
    return cells.column(at) if kind == "yes or no" else cells.texts(at)


def _figures(cells: Cells, layout: Layout) -> tuple[dict[str, pa.ChunkedArray], list[str]]:
    """The figures of a table by our names, promoted ones only if there are any; and notes."""
    figures: dict[str, pa.ChunkedArray] = {}
    notes: list[str] = []
    for name, i in layout.at.items():
        if name in ("completion_rate", "estimated_revenue"):
            of_table = _decimal_sign(cells, layout, i, is_share=name == "completion_rate")
            figures[name], unknown = decimals(cells.texts(i).to_pylist(), of_table)
            notes += [
                f"has cells of {shown(cells.header[i], 60)} that {why} (as {shown(texts[0])}), in"
                f" {counted(len(texts), 'row')}, so they are not known"
                for why, texts in unknown.items()
            ]
        elif is_figure(name):
            values = cells.counts(i, of_time=name.endswith("_ms"))
            if values.null_count < len(values) or not name.startswith("promoted_"):
                figures[name] = values
    return figures, notes


def _lacks_last(
    cells: Cells, layout: Layout, figures: Mapping[str, pa.ChunkedArray]
) -> Iterator[str]:
    """A sentence on rows of a file of X in which a figure may have been deleted."""
    if layout.kind not in ("content", "classic") or not figures or layout.unused:
        return
    *others, last = sorted(figures, key=layout.at.__getitem__)
    if not figures[last].null_count:
        return
    rows = figures[last].is_null().to_numpy()
    rows &= np.all([figures[name].is_valid().to_numpy() for name in others], axis=0)
    if 0 < rows.sum() * 2 <= len(cells):
        yield (
            f"lacks only its last figure in {counted(int(rows.sum()), 'row')}"
            f" ({cells.place(int(cells.numbers[rows.argmax()]))}): if a cell was deleted there,"
            " figures are under wrong columns"
        )


def _decimal_sign(cells: Cells, layout: Layout, at: int, *, is_share: bool) -> str:
    """The sign before the decimals of a column, or else of its table; "" if nothing tells."""
    texts = pc.unique(cells.texts(at)).to_pylist()
    if is_share:
        # No share is above 100 %, so that what looks like thousands has decimals.
        unsettled = (text for text in texts if decimal_sign(text) is None)
        return re.sub(r"[^.,]", "", next(unsettled, ""))
    signs = {*map(decimal_sign, texts)} - {"", None}
    for name, i in layout.at.items():
        if not signs and (is_figure(name) or name == "completion_rate"):
            texts = pc.unique(cells.texts(i)).to_pylist()
            signs = {decimal_sign(text, whole=is_figure(name)) for text in texts} - {"", None}
    return str(signs.pop()) if len(signs) == 1 else ""


def _videos(cells: Cells, at: dict[str, int]) -> tuple[dict[str, pa.ChunkedArray | pa.Array], str]:
    """One row per video, with ``tweet_id`` if the file links its Post; and a note, or ""."""
    nothing = pa.chunked_array([pa.array([""] * len(cells), TEXT)])

    def texts(name: str) -> pa.ChunkedArray:
        return cells.texts(at[name]) if name in at else nothing

    lasts, told = milliseconds(texts("duration"), whole=False), ""
    said = pc.drop_null(pc.if_else(lasts.is_valid(), texts("duration"), pa.scalar(None, TEXT)))
    if len(said) and pc.all(pc.match_substring_regex(said, r":\d+:00$")).as_py():
        lasts = pc.if_else(False, lasts, pa.scalar(None, lasts.type))
        told = (
            f"has durations that all end in full minutes (as {shown(said[0].as_py())}), so a"
            " spreadsheet may have taken minutes for hours, and they are not known"
        )
    none = np.full(len(cells), "NaT", "datetime64[ms]")
    link = pc.extract_regex(texts("link"), r"status(?:es)?/(?P<id>\d{1,19})")
    columns = {
        "video_id": texts("video_id"),
        "tweet_id": pc.struct_field(link, "id"),
        "time": pa.array(cells.moments(at["date"]) if "date" in at else none, MOMENT),
        "title": texts("title"),
        "video_views": cells.counts(at["video_views"]),
        "duration_s": pc.divide(lasts, 1000),
    }
    return columns, told
