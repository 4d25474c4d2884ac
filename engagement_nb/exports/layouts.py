"""Which column of an export is which: by the words of its header, else by their order.

The words are data (``layouts.toml``). The order of the columns is the same in every language, so
a header in an unknown language is read by position, once the figures have been checked.
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

from engagement_nb.errors import InputError
from engagement_nb.exports.cells import DATE, numbers_or_none
from engagement_nb.vocabulary import EXPORT_ONLY_METRICS, METRICS
from engagement_nb.words import listed, percent

_DATA = tomllib.loads(files(__package__).joinpath("layouts.toml").read_text(encoding="utf-8"))
METRIC_NAMES = (*METRICS, *EXPORT_ONLY_METRICS)
ORDERS = {
    kind: tuple(words["names"].split(",")) for kind, words in _DATA.items() if "names" in words
}
"""Our names of the columns of each kind of file, in X's order."""
COUNTED = tuple(
    name for name, m in METRICS.items() if m.expected == "counted" and name != "engagements"
)
"""Metrics that the documents count among engagements: their sum can't exceed engagements."""
_CLASSIC_ONLY = frozenset({"rate", "app_opens", "app_install_attempts", "email_tweet"})
_BY_DAY_CLICKS = frozenset({"url_clicks", "detail_expands", "rate"})
_MOST = 0.98
"""Share of the rows on which a check must hold before a file is read by position."""

HOW_TO_EXPORT = (
    "Give a file as X wrote it: account_analytics_content_..., account_overview_analytics,"
    " video_overview_analytics, tweet_activity_metrics_... or daily_tweet_activity_metrics_...."
)


class NotAnExportError(InputError):
    """The file is none of X's exports."""

    def __init__(self, path: Path, why: str, advice: str = HOW_TO_EXPORT) -> None:
        super().__init__(f"{path} is not an export of X: {why}.", advice=advice)
        self.why = why


@dataclass(frozen=True)
class Layout:
    """What the columns of one file are.

    Parameters
    ----------
    kind
        "content", "classic", "daily", "overview", "video" or "videos".
    names
        For each column our name, or "" for what is not understood.
    checks
        What was checked because the file is read by position; empty for a known header.
    """

    kind: str
    names: tuple[str, ...]
    checks: str = ""


def plain(cell: str) -> str:
    """Words of a header cell, without case, signs and repeated spaces."""
    return " ".join(re.sub(r"[_\W]+", " ", cell.lower()).split())


def words_of(kinds: Sequence[str]) -> dict[str, str]:
    """Our name for each known word of some kinds of files, in every language."""
    found: dict[str, str] = {}
    for kind in kinds:
        names = ORDERS[kind]
        for language, cells in _DATA[kind].items():
            if language != "names":
                found |= {plain(c): n for c, n in zip(cells.split(","), names, strict=True) if c}
    return found


_VIDEO_WORDS = {kind: words_of([kind]) for kind in ("video", "videos")}
_WORDS = {
    **{plain(name): name for name in METRIC_NAMES},
    **{metric.label.lower(): name for name, metric in METRICS.items()},
    **{plain(c): name for name, cells in _DATA["also"].items() for c in cells.split(",")},
    **words_of(["content", "classic", "daily", "overview"]),
}
_OLD = {plain(c): name for name, cells in _DATA["old"].items() for c in cells.split(",")}


def is_header(cell: str) -> bool:
    """Whether a cell is a known word for the column of ids or dates: a header in mid-file."""
    return _WORDS.get(plain(cell)) in ("tweet_id", "date")


def read_header(line: str) -> tuple[list[str], str]:
    """Cells of a header, and the delimiter that makes most sense of it."""
    best: list[str] = []
    chosen = ","
    for delimiter in ",;\t":
        cells = next(csv.reader([line], delimiter=delimiter), [])
        if len(cells) > len(best):
            best, chosen = cells, delimiter
    return best, chosen


def video_kind(header: Sequence[str]) -> str:
    """The kind of a header of X's video file: "video", "videos", or "" for another file."""
    for kind, words in _VIDEO_WORDS.items():
        known = [words.get(plain(cell)) for cell in header if cell.strip()]
        if len(known) >= 4 and known.count(None) <= 1 and "video_views" in known:
            return kind
    return ""


def video_layout(kind: str, header: Sequence[str]) -> Layout:
    """The columns of one of the two tables of a video file."""
    return Layout(kind, tuple(_VIDEO_WORDS[kind].get(plain(cell), "") for cell in header))


def find_layout(path: Path, header: Sequence[str], table: pa.Table) -> Layout:
    """What each column of a file is.

    Parameters
    ----------
    path
        The file, for errors.
    header
        Cells of its first row.
    table
        The rows below it, all text; a row that repeats the header is refused elsewhere.

    Raises
    ------
    InputError
        The file is no export of X; it is in an unknown language and the figures do not fit X's
        order of columns; or a column comes twice.
    """
    names = [_named(cell) for cell in header]
    for i, cell in enumerate(header):
        old = _OLD.get(plain(cell))
        if old and old not in names:
            names[i] = old
    cells = [column[0].as_py() for column in table.columns] if table.num_rows else []
    has_ids = any(re.fullmatch(r"[1-9]\d{14,18}", cell) for cell in cells) or any(
        re.fullmatch(r"[1-9]\d{8,14}", cell) for cell in cells[:2]
    )
    foreign = [c.strip() for c, name in zip(header, names, strict=True) if not name and _said(c)]
    parts = sum(name in METRIC_NAMES for name in names) - 2
    kind = _kind(names, has_ids)
    # A new release may bring a column or two; more of them are words of another language.
    if not kind or len(foreign) > max(parts, 2):
        return _by_position(path, header, names, foreign, table)
    for name in set(names) - {"", "rate"}:
        twice = [c.strip() for c, own in zip(header, names, strict=True) if own == name]
        if len(twice) > 1:
            raise InputError(
                f"{path} has {name} in several columns: {', '.join(twice)}.",
                advice="Give the file as X wrote it.",
            )
    return Layout(kind, tuple(names))


def unknown_columns(header: Sequence[str], layout: Layout) -> list[str]:
    """Columns that are not understood, by their own words."""
    return [c.strip() for c, n in zip(header, layout.names, strict=True) if not n and _said(c)]


def _named(cell: str) -> str:
    words = plain(cell)
    name = _WORDS.get(words) or _WORDS.get(words.removeprefix("promoted "), "")
    promoted = words.startswith("promoted ") and name and name != "rate"
    return f"promoted_{name}" if promoted else name


def _said(cell: str) -> bool:
    """Whether a header cell says anything: an index column written by a script does not."""
    return bool(cell.strip()) and not re.fullmatch(r"unnamed \d+", plain(cell))


def _kind(names: Sequence[str], has_ids: bool) -> str:
    have = set(names)
    if not {"impressions", "engagements"} <= have:
        return ""
    if "tweet_id" in have:
        return "classic" if have & _CLASSIC_ONLY else "content"
    if "date" in have and not has_ids:
        return "daily" if have & _BY_DAY_CLICKS else "overview"
    return ""


def _by_position(
    path: Path, header: Sequence[str], names: Sequence[str], foreign: list[str], table: pa.Table
) -> Layout:
    skip = next((i for i, cell in enumerate(header) if _said(cell) or names[i]), 0)
    skip = 0 if skip > 1 else skip
    cells, known = header[skip:], names[skip:]
    reasons = []
    for kind in ("content", "classic", "daily", "overview"):
        order = ORDERS[kind]
        if kind in ("classic", "daily"):
            first = order.index("impressions")
            promoted = tuple("rate" if n == "rate" else f"promoted_{n}" for n in order[first:])
            order = (*order, *promoted) if len(cells) >= len(order) + len(promoted) else order
        if len(cells) < len(order) or (kind == "overview" and len(cells) > len(order) + 2):
            continue
        moved = [
            f'"{cell.strip()}"'
            for cell, name, expected in zip(cells, known, order, strict=False)
            if name and name != expected
        ]
        if moved:
            reasons.append((len(moved), f"{listed(moved[:3])} would stand in another column"))
            continue
        full = ("",) * skip + order + ("",) * (len(cells) - len(order))
        wrong = _check(kind, full, table)
        if not wrong:
            return Layout(kind, full, _WHAT_WAS_CHECKED[kind])
        reasons.append((0, wrong))
    if not table.num_rows and not reasons:
        reasons.append((0, "no row says what they are"))
    _refuse(path, header, names, foreign, min(reasons)[1] if reasons else "")
    raise AssertionError


_ALWAYS = "engagements are not below the sum of the metrics counted in them, nor above impressions"
_WHAT_WAS_CHECKED = {
    "content": f"ids, English dates and links stand where X writes them, and {_ALWAYS}",
    "classic": f"ids, dates and links stand where X writes them, and {_ALWAYS}",
    "daily": f"dates stand where X writes them, and {_ALWAYS}",
    "overview": f"dates stand where X writes them, and {_ALWAYS}",
}


def _check(kind: str, names: Sequence[str], table: pa.Table) -> str:
    """Why the figures do not fit X's order of columns; "" if they do."""
    if not table.num_rows:
        return "no row says what they are"
    at = {name: table.column(i) for i, name in enumerate(names) if name}
    if "tweet_id" in at:
        ids = pc.replace_substring_regex(at["tweet_id"], r"""^=?["']+|["']+$""", "")
        linked = pc.replace_substring_regex(at["link"], r"^.*/status(?:es)?/(\d+).*$", r"\1")
        # Empty and rounded ids are told elsewhere.
        excused = pc.match_substring_regex(ids, r"^$|^\d+(?:[.,]\d+)?[eE]\+?\d+$")
        if _share(pc.or_(pc.equal(linked, ids), excused)) < _MOST:
            return "the columns of ids and links hold something else"
    if _share(pc.match_substring_regex(at["date"], DATE)) < _MOST:
        return "the column of dates holds something else"
    figures: dict[str, np.ndarray] = {}
    for name, column in at.items():
        if name in METRIC_NAMES or name in ("posts", "unfollows"):
            values = numbers_or_none(column)
            if values is None:
                return f"the column of {name} holds something else than counts"
            figures[name] = pc.fill_null(values, 0).to_numpy()
    engagements = figures["engagements"]
    counted = [name for name in COUNTED if name in figures]
    total = np.sum([figures[name] for name in counted], axis=0)
    if np.mean(total <= engagements) < _MOST:
        share = percent(float(np.mean(total > engagements)))
        return f"on {share} of the rows engagements would be below the metrics counted in them"
    if np.mean(engagements <= figures["impressions"]) < _MOST:
        return "engagements would be above impressions"
    # Columns that are exchanged fit better once they are exchanged back.
    for other in ("bookmarks", "shares", "media_views"):
        for name in counted if other in figures else ():
            swapped = total - figures[name] + figures[other]
            if np.mean(swapped <= engagements) < _MOST:
                continue
            if _fits(swapped, engagements) > 1.5 * _fits(total, engagements) + 3:
                return f"{name} and {other} seem to be exchanged"
    return ""


def _fits(total: np.ndarray, engagements: np.ndarray) -> int:
    return int(np.sum((total == engagements) & (engagements > 0)))


def _share(matches: pa.ChunkedArray) -> float:
    return float(pc.mean(matches).as_py() or 0)


def _refuse(
    path: Path, header: Sequence[str], names: Sequence[str], foreign: list[str], why: str
) -> None:
    found = ", ".join(f'"{cell.strip()[:40]}"' for cell in header[:24]) or "nothing"
    if why:
        shown = ", ".join(f'"{cell[:40]}"' for cell in foreign) or "(no unknown words)"
        raise NotAnExportError(
            path,
            f"its header is in another language than English, Japanese, German or Portuguese"
            f" ({shown}), and read by position {why}",
            "Set the account's display language to English and export again.",
        )
    known = [name for name in names if name]
    missing = [
        words
        for name, words in (
            ("tweet_id", "Post id (or Date, for figures by day)"),
            ("impressions", "Impressions"),
            ("engagements", "Engagements"),
        )
        if name not in known
    ]
    if len(foreign) > 2 and (known or len(header) >= 10):
        raise NotAnExportError(
            path,
            "its header seems to be in another language than English; not understood: "
            + ", ".join(f'"{cell[:40]}"' for cell in foreign),
            "Set the account's display language to English and export again.",
        )
    raise NotAnExportError(
        path, f"it has no column {', '.join(missing)}; its first row has {found}", HOW_TO_EXPORT
    )
