"""Tweet ids from any common source: lists, CSV, JSON, archives, links, frames.

Ids are 64-bit numbers and stay text here. A float or a spreadsheet rounds ids above 2^53, and
nobody can tell which ids it rounded.
"""

from __future__ import annotations

import csv
import io
import numbers
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from engagement_nb.apis.names import column_name, name_key
from engagement_nb.apis.reasons import Reason
from engagement_nb.errors import InputError
from engagement_nb.metrics import problems_frame
from engagement_nb.tables.cells import shown
from engagement_nb.tables.textfiles import (
    as_utf8,
    is_lines,
    json_batches,
    parsed,
    read_file,
    read_stream,
    too_large,
)

_MAY_BE_IDS = ("tweet", "tweets")
_OWNER_COLUMNS = ("authorid", "userid", "ownerid", "owner", "author", "handle", "username",
                  "screenname")  # fmt: skip

ROUNDED = re.compile(r"\d+(?:[.,]\d+)?[eE]\+?\d+|\d{16,}[.,]0*")
"""A number that went through a float: ``6.49E+17``, ``649000000000000000.0``."""
STATUS_LINK = r"/status(?:es)?/\d{1,19}"
"""What the link of a Tweet contains."""
_ID = re.compile(r"[1-9]\d{0,18}")
_GUARDED = re.compile(r"""=?["']*([^"']*)["']*""")
_POST_LINK = re.compile(
    r"(?:https?://)?(?:www\.|mobile\.|m\.)?(?:twitter|x)\.com/"
    r"(?:i/web|@?(\w{1,20}))/status(?:es)?/(\d{1,19})(?!\d)",
    re.IGNORECASE,
)
_ACTIVITY = re.compile(r"tag:search\.twitter\.com,2005:(\d{1,19})")
_ACTOR = re.compile(r"id:twitter\.com:(\d+)")
_ARCHIVE = re.compile(rb"window\.[\w.]+\s*=\s*")
_MAX_ID = 2**63 - 1
_INNER = ("tweet", "status", "like", "post", "data", "statuses", "results", "tweets", "tweet_ids",
          "ids", "posts")  # fmt: skip
"""Keys of the Tweets in an object, or of the Tweet."""
_ID_KEYS = ("id_str", "id", "tweet_id", "tweetId", "post_id", "rest_id")
_CONTROL = frozenset({"info", "limit", "delete", "warning", "disconnect", "scrub_geo", "errors",
                      "error", "status_withheld", "user_withheld", "meta"})  # fmt: skip
_PIECE = 1 << 20
_MAX_LINE = 64 << 20
"""Limit in characters of one line."""
_MAX_WRONG = 1_000_000
"""Limit of the different entries that are no ids."""
_MAX_REPEATS = 3_000_000
"""Limit of the entries of which at least 99 in 100 repeat an id."""
_DEEPEST = 20
"""Limit of lists and objects within each other."""
_BATCH = 200_000
"""Lines per batch in which repeats are counted together."""
_Entry = tuple[Any, str | None, int]
"""A possible id, its owner if given, and its count."""


@dataclass(frozen=True, eq=False)
class IdList:
    """Tweet ids as they were given, each once.

    Parameters
    ----------
    ids
        The ids, as text, in the order in which they first appear.
    problems
        Entries that are not ids: a frame of problems, reason "not a Tweet id".
    owners
        User id or handle of the author, for ids whose source names one.
    duplicates
        How many entries repeated an earlier one.
    name
        What the ids were read from, for messages.
    """

    ids: list[str]
    problems: pd.DataFrame
    owners: dict[str, str]
    duplicates: int
    name: str

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def __repr__(self) -> str:
        extra = f", {self.duplicates:,} repeated" if self.duplicates else ""
        wrong = f", {len(self.problems):,} not Tweet ids (see .problems)"
        return f"{len(self.ids):,} Tweet ids from {self.name}{extra}" + (
            wrong if len(self.problems) else ""
        )


def read_ids(source: Any) -> IdList:
    """Read Tweet ids from a file, standard input, a frame or a list.

    Parameters
    ----------
    source
        Path of a file (text, CSV, JSON, JSON Lines, ``tweets.js`` of an account archive, an
        export of X; each also gzipped), "-" for standard input, an open file of bytes or its
        content, a link or a single id, a DataFrame of pandas or polars, or any iterable of ids
        and links.

    Returns
    -------
    IdList

    Raises
    ------
    InputError
        The file cannot be read, has no ids, or a spreadsheet or float rounded most of them.

    Notes
    -----
    Text may have blank lines and comments (from ``#``). JSON may come from the vendor's APIs
    (v1.1, v2, Activity Streams) or be a plain list. A repost counts under its own id.
    """
    if isinstance(source, IdList):
        return source
    if hasattr(source, "columns") and hasattr(source, "__arrow_c_stream__"):
        frame = source if isinstance(source, pd.DataFrame) else pa.table(source).to_pandas()
        return _collect(_from_frame(frame), "the frame")
    if isinstance(source, pd.Series) and pd.api.types.is_float_dtype(source.dtype):
        raise _all_rounded("the column", "it contains floats")
    if isinstance(source, str | Path):
        return _from_name(source)
    if isinstance(source, bytes | bytearray | memoryview):
        source = io.BytesIO(source)
    if hasattr(source, "read"):
        name = str(getattr(source, "name", "") or "the data")
        return _from_bytes(read_stream(source, name), name)
    if isinstance(source, numbers.Number):
        source = [source]
    try:
        entries: list[_Entry] = [(value, None, 1) for value in source]
    except TypeError:
        raise InputError(
            f"No Tweet ids can be read from a {type(source).__name__}.",
            advice="Give a file, a DataFrame or a list of ids.",
        ) from None
    return _collect(entries, "the list")


def rounded_share(ids: np.ndarray) -> float:
    """Share of ids of 17 digits or more that end in zeros after the 15th, as spreadsheets do."""
    long = ids[ids >= 10**16]
    beyond = np.select([long >= 10**18, long >= 10**17], [10**4, 10**3], 10**2)
    return float(np.mean(long % beyond == 0)) if len(long) > 1 else 0.0


def _from_name(source: str | Path) -> IdList:
    path = Path(source).expanduser()
    if isinstance(source, str) and not path.exists() and _parse(source)[0]:
        return _collect([(source, None, 1)], "the argument")
    if str(source) == "-":
        name = "Standard input"
        return _from_bytes(read_stream(sys.stdin.buffer, name), name)
    return _from_bytes(read_file(path), str(path))


def _from_bytes(data: bytes, name: str) -> IdList:
    text = as_utf8(data, name)[0].lstrip()
    archive = _ARCHIVE.match(text)
    if archive or text[:1] in (b"[", b"{"):
        return _collect(_from_json(text[archive.end() :] if archive else text, name), name)
    return _collect(_from_text(_lines(text, name), name), name)


def _lines(data: bytes, name: str) -> Iterator[str]:
    """Lines with their line ends, bounded in length."""
    text = io.TextIOWrapper(io.BytesIO(data), "utf-8", newline="")
    for line in iter(partial(text.readline, _MAX_LINE), ""):
        if len(line) == _MAX_LINE:
            raise too_large(f"A line of {name}", _MAX_LINE)
        yield line


def _from_frame(frame: pd.DataFrame) -> Iterator[_Entry]:
    if frame.index.name is not None:
        frame = frame.reset_index(allow_duplicates=True)
    place, owner, _ = _places([*map(str, frame.columns)])
    if place is None:
        raise InputError(
            f"The frame has no column of Tweet ids; it has: {', '.join(map(str, frame.columns))}.",
            advice='Name the column "tweet_id", or give the column itself.',
        )
    ids = frame.iloc[:, place]
    if pd.api.types.is_float_dtype(ids.dtype):
        raise _all_rounded(f'the column "{ids.name}"', "it contains floats")
    owners = repeat(None) if owner is None else frame.iloc[:, owner].astype("string")
    for value, whose in zip(ids, owners, strict=False):
        yield value, None if pd.isna(whose) else whose, 1


def _places(header: list[str]) -> tuple[int | None, int | None, int | None]:
    """The columns of ids, owners and links."""
    keys, names = [*map(name_key, header)], [*map(column_name, header)]
    ids = (i for i, key in enumerate(keys) if names[i] == "tweet_id" or key in _MAY_BE_IDS)
    owner = next((keys.index(key) for key in _OWNER_COLUMNS if key in keys), None)
    return next(ids, None), owner, names.index("link") if "link" in names else None


def _from_text(lines: Iterator[str], name: str) -> Iterator[_Entry]:
    first = next((line for line in lines if line.strip(" ,;\t\r\n") and line[0] != "#"), "")
    delimiter = max(",;\t", key=first.count)
    try:
        header = next(csv.reader([first], delimiter=delimiter), [])
        column, owner, link = _places(header)
        if column is None:
            yield from _from_lines(chain([first], lines))
        else:
            # The header may have a line break in quotes, so it is read again with the rows.
            table = csv.reader(chain([first], lines), delimiter=delimiter)
            yield from _from_table(table, len(header), column, owner, link)
    except csv.Error as error:
        raise InputError(
            f"{name} cannot be read as a list or a CSV file: {error}.",
            advice="Give one id per line, or a CSV file with a column tweet_id.",
        ) from None


def _from_table(
    table: Iterator[list[str]], wide: int, column: int, owner: int | None, link: int | None
) -> Iterator[_Entry]:
    next(table, None)
    for row in table:
        whose = row[owner].strip() if owner is not None and owner < len(row) else None
        if whose is None and link is not None and link < len(row):
            whose = _parse(row[link])[1]
        entry = row[column] if column < len(row) else ",".join(row).strip(", ")
        halves = ",".join(row[column : column + 2])
        if len(row) > wide and ROUNDED.fullmatch(halves):
            entry = halves  # 6,49E+17: its comma is not a delimiter.
        yield entry, whose or None, 1


def _from_lines(lines: Iterator[str]) -> Iterator[_Entry]:
    """One entry per line: the id among other words, or each item of a list."""
    while batch := Counter(islice(lines, _BATCH)):
        for line, times in batch.items():
            if len(line) > _PIECE:
                yield from _from_long_line(line, times)
                continue
            line = line.strip().rstrip(",;")
            if not _ID.fullmatch(line):
                line = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip().rstrip(",;")
            if not line:
                continue
            if _ID.fullmatch(line) or ROUNDED.fullmatch(line):
                yield line, None, times
                continue
            cells = [cell for cell in re.split(r"[,;\t ]+", line) if cell]
            ids = [cell for cell in cells if _parse(cell)[0]]
            long = [cell for cell in ids if len(cell) > 8]
            if _parse(line)[0] or not ids:
                yield line, None, times
            elif len(long) > 1 or len(ids) == len(cells):
                yield from ((cell, None, times) for cell in cells)
            else:
                yield (long or ids)[0], None, times


def _from_long_line(line: str, times: int) -> Iterator[_Entry]:
    """The items of a list in one line, some at a time."""
    cells = (match[0] for match in re.finditer(r"[^,;\t\r\n ]+", line))
    while batch := Counter(islice(cells, _BATCH)):
        yield from ((cell, None, times * count) for cell, count in batch.items())


def _from_json(data: bytes, name: str) -> Iterator[_Entry]:
    """Entries of JSON Lines, of which some may be damaged, or of one document."""
    if is_lines(data):
        for number, line in enumerate(_lines(data, name), 1):
            document = parsed(line)
            if document is not None:
                yield from _from_document(document, f"line {number}")
            elif line.strip():
                yield f"(line {number}: broken JSON)", None, 1
        return
    place = 0
    for batch in json_batches(data, name):
        if {*map(type, batch)} <= {int, str}:
            yield from ((value, None, times) for value, times in Counter(batch).items())
            place += len(batch)
            continue
        for item in batch:
            place += 1
            yield from _from_document(item, f"the file, item {place}")


def _from_document(document: Any, where: str, depth: int = 0) -> Iterator[_Entry]:
    if depth > _DEEPEST:
        yield f"({where}: lists within lists)", None, 1
        return
    if isinstance(document, list):
        for number, item in enumerate(document, 1):
            yield from _from_document(item, f"{where}, item {number}", depth + 1)
        return
    if not isinstance(document, Mapping):
        yield document, None, 1
        return
    inner = (document.get(key) for key in _INNER)
    inside = next((value for value in inner if isinstance(value, Mapping | list)), None)
    id_key = next((key for key in _ID_KEYS if key in document), None)
    if inside is not None:
        yield from _from_document(inside, where, depth + 1)
    elif id_key is not None:
        yield document[id_key], _owner(document), 1
    # Pages without results, and messages of streams and archives between Tweets.
    elif not _CONTROL & document.keys():
        yield f"({where}: no id)", None, 1


def _owner(document: Mapping[str, Any]) -> str | None:
    """The author's user id, else the handle, from v1.1, v2 or an Activity Streams object."""
    found = document.get("author_id")
    actor, user = document.get("actor"), document.get("user")
    if not found and isinstance(actor, Mapping):
        own = actor.get("id", "")
        number = _ACTOR.fullmatch(own) if isinstance(own, str) else None
        found = number[1] if number else actor.get("preferredUsername")
    elif not found and isinstance(user, Mapping):
        found = user.get("id_str") or user.get("id") or user.get("screen_name")
    return str(found) if found and isinstance(found, str | int) else None


def _parse(value: Any) -> tuple[str | None, str | None, str]:
    """Id and handle, and the reason if there is no id."""
    if isinstance(value, bool) or value is None:
        return None, None, ""
    if isinstance(value, numbers.Integral):
        number = int(value)
        good = 0 < number <= _MAX_ID
        return (str(number) if good else None), None, ""
    if isinstance(value, numbers.Number):
        return None, None, "a float: its last digits are lost"
    text = str(value).strip()
    if not _ID.fullmatch(text):
        guarded = _GUARDED.fullmatch(text)
        text = guarded[1].strip() if guarded else text
    if _ID.fullmatch(text):
        return (text if int(text) <= _MAX_ID else None), None, ""
    if ROUNDED.fullmatch(text):
        return None, None, "rounded by a spreadsheet: its last digits are lost"
    link = _POST_LINK.match(text)
    if link:
        handle = link[1] if link[1] and link[1].lower() != "i" else None
        return link[2], handle, ""
    activity = _ACTIVITY.fullmatch(text)
    return (activity[1] if activity else None), None, ""


def _missing(value: Any) -> bool:
    if isinstance(value, str):
        return not value.strip()
    return value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))


def _collect(entries: Iterable[_Entry], name: str) -> IdList:
    """Entries as an `IdList`, or an error if none is an id."""
    owners: dict[str, str] = {}
    seen: dict[str, None] = {}
    wrong: dict[str, str] = {}
    duplicates = rounded = 0
    for number, (value, whose, times) in enumerate(entries):
        if number > _MAX_REPEATS and len(seen) * 100 < number:
            raise InputError(
                f"{name} repeats the same few entries more than {_MAX_REPEATS:,} times.",
                advice="Give each Tweet once.",
            )
        if _missing(value):
            continue
        if isinstance(value, dict | list):
            # Its text could be nested without end.
            value = "a list" if isinstance(value, list) else "an object"
        tweet_id, handle, why = _parse(value)
        if tweet_id is None:
            entry = str(value).strip()[:80]
            duplicates += times - (entry not in wrong)
            rounded += times * bool(why)  # Each entry: rounding makes many ids one number.
            wrong[entry] = why
            if len(wrong) > _MAX_WRONG:
                raise InputError(
                    f"{name} has more than {_MAX_WRONG:,} entries that are no Tweet ids, the"
                    f" first: {shown(next(iter(wrong)), 80)}.",
                    advice="Give the digits of the ids, one per line, or a column tweet_id.",
                )
            continue
        duplicates += times - (tweet_id not in seen)
        seen[tweet_id] = None
        owner = whose or handle
        if owner:
            owners.setdefault(tweet_id, owner.removeprefix("@"))
    ids = list(seen)
    if rounded > len(ids) or rounded_share(np.fromiter(map(int, ids), np.int64, len(ids))) > 0.5:
        example = next((value for value, why in wrong.items() if why), None) or ids[0]
        raise _all_rounded(name, f"they read like {example}")
    if not ids:
        found = f": {shown(next(iter(wrong)), 80)} is none" if wrong else ""
        raise InputError(
            f"{name} holds no Tweet id{found}.",
            advice="Give the digits of the ids, one per line, or a column tweet_id.",
        )
    problems = problems_frame(
        {"tweet_id": value, "reason": Reason.NOT_A_TWEET_ID.value, "detail": why}
        for value, why in wrong.items()
    )
    return IdList(ids, problems, owners, duplicates, name)


def _all_rounded(name: str, how: str) -> InputError:
    return InputError(
        f"The Tweet ids in {name} are lost: {how}, which a float or a spreadsheet made of them.",
        advice="Export or save the ids again, as text, and do not open the file in a spreadsheet"
        " in between.",
    )
