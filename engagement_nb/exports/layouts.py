"""Identify the columns of an export by the words of its header, or else by their order.

The words are data (``layouts.toml``). The order of the columns is the same in every language, so
a header in an unknown language is read by position, after the figures have been checked.
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engagement_nb.apis.engagement import METRICS
from engagement_nb.apis.names import LABELS
from engagement_nb.errors import InputError
from engagement_nb.exports.cells import DATE, Cells, whole_numbers
from engagement_nb.textfiles import plain_words
from engagement_nb.words import listed, percent

_DATA = tomllib.loads(files(__package__).joinpath("layouts.toml").read_text(encoding="utf-8"))
METRIC_NAMES = tuple(LABELS)
ORDERS = {
    kind: tuple(words["names"].split(",")) for kind, words in _DATA.items() if "names" in words
}
"""Our names of the columns of each kind of file, in X's order."""
COUNTED = tuple(
    name for name, m in METRICS.items() if m.expected == "counted" and name != "engagements"
)
"""Metrics that X's documents count as engagements: their sum cannot exceed engagements."""
_CLASSIC_ONLY = frozenset({"rate", "app_opens", "app_install_attempts", "email_tweet"})
_BY_DAY_CLICKS = frozenset({"url_clicks", "detail_expands", "rate"})
_MOST = 0.98
"""Share of the rows that must pass each check before a file is read by position."""

_IN_ENGLISH = "Set the account's display language to English and export again."
HOW_TO_EXPORT = (
    "Give a file as X wrote it: account_analytics_content_..., account_overview_analytics,"
    " video_overview_analytics, tweet_activity_metrics_... or daily_tweet_activity_metrics_...."
)


class NotAnExportError(InputError):
    """The file is not an export of X."""

    def __init__(self, path: Path, why: str, advice: str = HOW_TO_EXPORT) -> None:
        super().__init__(f"{path} is not an export of X: {why}.", advice=advice)
        self.why = why


@dataclass(frozen=True)
class Layout:
    """The columns of one file: our name of each, or "" if it is unknown.

    ``kind`` is "content", "classic", "daily", "overview", "video" or "videos". ``checks`` says
    what was checked if the file is read by position; it is empty for a known header.
    """

    kind: str
    names: tuple[str, ...]
    checks: str = ""


def _words_of(*kinds: str) -> dict[str, str]:
    """Our name for each known header cell of some kinds of files, in every language."""
    return {
        plain_words(cell): name
        for kind in kinds
        for language, cells in _DATA[kind].items()
        for cell, name in zip(cells.split(","), ORDERS[kind], strict=True)
        if cell and language != "names"
    }


def _other_words(table: str) -> dict[str, str]:
    return {plain_words(c): name for name, cells in _DATA[table].items() for c in cells.split(",")}


_VIDEO_WORDS = {kind: _words_of(kind) for kind in ("video", "videos")}
_WORDS = {
    **{plain_words(name): name for name in METRIC_NAMES},
    **{LABELS[name].lower(): name for name in METRICS},
    **_other_words("also"),
    **_words_of("content", "classic", "daily", "overview"),
}
_OLD = _other_words("old")


def is_header(cell: str) -> bool:
    """Whether a cell is a known header of the column of ids or dates."""
    return _WORDS.get(plain_words(cell)) in ("tweet_id", "date")


def delimiter_of(line: str) -> str:
    """The delimiter that splits a header into most cells."""
    return max(",;\t", key=lambda sign: len(next(csv.reader([line], delimiter=sign), [])))


def video_kind(header: Sequence[str]) -> str:
    """The kind of table of a video file, "video" or "videos"; "" for any other header."""
    for kind, words in _VIDEO_WORDS.items():
        known = [words.get(plain_words(cell)) for cell in header if cell]
        if len(known) >= 4 and known.count(None) <= 1 and "video_views" in known:
            return kind
    return ""


def find_layout(cells: Cells) -> Layout:
    """Identify each column of a file.

    Raises
    ------
    InputError
        The file is not an export of X; or its language is unknown and its figures do not fit
        X's order of columns; or a column is repeated.
    """
    header = cells.header
    if kind := video_kind(header):
        return Layout(kind, tuple(_VIDEO_WORDS[kind].get(plain_words(cell), "") for cell in header))
    names = [_named(cell) for cell in header]
    for i, cell in enumerate(header):
        old = _OLD.get(plain_words(cell))
        if old and old not in names:
            names[i] = old
    foreign = unknown_columns(header, names)
    parts = sum(name in METRIC_NAMES for name in names) - 2
    kind = _kind(names, cells)
    # A new release may add a column or two. More unknown words mean another language.
    if not kind or len(foreign) > max(parts, 2):
        return _by_position(cells, names, foreign)
    for name in set(names) - {"", "rate"}:
        twice = [cell for cell, own in zip(header, names, strict=True) if own == name]
        if len(twice) > 1:
            raise InputError(
                f"{cells.path} has {name} in several columns: {', '.join(twice)}.",
                advice="Give the file as X wrote it.",
            )
    return Layout(kind, tuple(names))


def unknown_columns(header: Sequence[str], names: Sequence[str]) -> list[str]:
    """Unknown columns, by their own words."""
    return [cell for cell, name in zip(header, names, strict=True) if not name and _said(cell)]


def _named(cell: str) -> str:
    words = plain_words(cell)
    name = _WORDS.get(words) or _WORDS.get(words.removeprefix("promoted "), "")
    promoted = words.startswith("promoted ") and name and name != "rate"
    return f"promoted_{name}" if promoted else name


def _said(cell: str) -> bool:
    """Whether a header cell has a name; the index column of a script has none."""
    return bool(cell) and not re.fullmatch(r"unnamed \d+", plain_words(cell))


def _kind(names: Sequence[str], cells: Cells) -> str:
    have = set(names)
    if not {"impressions", "engagements"} <= have:
        return ""
    if "tweet_id" in have:
        return "classic" if have & _CLASSIC_ONLY else "content"
    first = [column[0].as_py() for column in cells.table.columns if len(column)]
    ids = [cell for cell in first if re.fullmatch(r"[1-9]\d{14,18}", cell)]
    old_ids = [cell for cell in first[:2] if re.fullmatch(r"[1-9]\d{8,13}", cell)]
    if "date" in have and not (ids or old_ids):
        return "daily" if have & _BY_DAY_CLICKS else "overview"
    return ""


def _by_position(cells: Cells, names: Sequence[str], foreign: Sequence[str]) -> Layout:
    skip = next((i for i, cell in enumerate(cells.header) if _said(cell) or names[i]), 0)
    skip = 0 if skip > 1 else skip
    header, known = cells.header[skip:], names[skip:]
    reasons = []
    for kind in ("content", "classic", "daily", "overview"):
        order = ORDERS[kind]
        if kind in ("classic", "daily"):
            organic = order[order.index("impressions") :]
            promoted = tuple("rate" if name == "rate" else f"promoted_{name}" for name in organic)
            order += promoted if len(header) >= len(order) + len(promoted) else ()
        if len(header) < len(order) or (kind == "overview" and len(header) > len(order) + 2):
            continue
        moved = [
            f'"{cell}"'
            for cell, name, expected in zip(header, known, order, strict=False)
            if name and name != expected
        ]
        full = ("",) * skip + order + ("",) * (len(header) - len(order))
        if moved:
            reasons.append((len(moved), f"{listed(moved[:3])} would be in another column"))
        elif wrong := _check(full, cells):
            reasons.append((0, wrong))
        else:
            where = "ids, dates and links are" if "tweet_id" in order else "dates are"
            return Layout(kind, full, f"{where} {_WHAT_WAS_CHECKED}")
    if reasons:
        shown = ", ".join(f'"{cell[:40]}"' for cell in foreign) or "(no unknown words)"
        raise NotAnExportError(
            cells.path,
            "its header is in another language than English, Japanese, German or Portuguese"
            f" ({shown}), and if it is read by position, {min(reasons)[1]}",
            _IN_ENGLISH,
        )
    words = {"tweet_id": "Post id (or Date, for figures by day)", "impressions": "Impressions",
             "engagements": "Engagements"}  # fmt: skip
    missing = ", ".join(said for name, said in words.items() if name not in names)
    found = ", ".join(f'"{cell[:40]}"' for cell in cells.header[:24])
    raise NotAnExportError(
        cells.path,
        f"it has no column {missing}, or it is in another language; its first row is {found}",
        _IN_ENGLISH if len(foreign) > 2 else HOW_TO_EXPORT,
    )


_WHAT_WAS_CHECKED = (
    "where X writes them, and engagements are neither below the sum of the metrics that they"
    " include nor above impressions"
)


def _check(names: Sequence[str], cells: Cells) -> str:
    """Why the figures do not fit X's order of columns; "" if they do."""
    if not len(cells.lines):
        return "there are no rows to check"
    at = {name: cells.column(i) for i, name in enumerate(names) if name}
    if "tweet_id" in at:
        ids = pc.replace_substring_regex(at["tweet_id"], r"""^=?["']+|["']+$""", "")
        linked = pc.replace_substring_regex(at["link"], r"^.*/status(?:es)?/(\d+).*$", r"\1")
        # Empty and rounded ids are reported elsewhere.
        excused = pc.match_substring_regex(ids, r"^$|^\d+(?:[.,]\d+)?[eE]\+?\d+$")
        if _share(pc.or_(pc.equal(linked, ids), excused)) < _MOST:
            return "the columns of ids and links contain something else"
    if _share(pc.match_substring_regex(at["date"], DATE)) < _MOST:
        return "the column of dates contains something else"
    figures: dict[str, np.ndarray] = {}
    for name, column in at.items():
        if name in METRIC_NAMES or name in ("posts", "unfollows"):
            values = whole_numbers(column)
            if values is None:
                return f"the column of {name} contains something else than counts"
            figures[name] = pc.fill_null(values, 0).to_numpy()
    engagements = figures["engagements"]
    counted = [name for name in COUNTED if name in figures]
    total = np.sum([figures[name] for name in counted], axis=0)
    if np.mean(total <= engagements) < _MOST:
        share = percent(float(np.mean(total > engagements)))
        return f"in {share} of the rows, engagements would be below the metrics that they include"
    if np.mean(engagements <= figures["impressions"]) < _MOST:
        return "engagements would be above impressions"
    # Swapped columns fit better after they are swapped back.
    for other in ("bookmarks", "shares", "media_views"):
        for name in counted if other in figures else ():
            swapped = total - figures[name] + figures[other]
            if np.mean(swapped <= engagements) < _MOST:
                continue
            if _fits(swapped, engagements) > 1.5 * _fits(total, engagements) + 3:
                return f"{name} and {other} seem to be swapped"
    return ""


def _fits(total: np.ndarray, engagements: np.ndarray) -> int:
    return int(np.sum((total == engagements) & (engagements > 0)))


def _share(matches: pa.ChunkedArray) -> float:
    return float(pc.mean(matches).as_py() or 0)
