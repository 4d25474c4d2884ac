"""The first row of an export: which column is which, or why it is no export."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from engagement_nb.errors import InputError
from engagement_nb.vocabulary import EXPORT_ONLY_METRICS, METRICS

METRIC_WORDS = {
    **{name: (name, metric.label.lower()) for name, metric in METRICS.items()},
    **{name: (name, words) for name, words in EXPORT_ONLY_METRICS.items()},
}
_OTHER_METRIC_WORDS = {
    "favorites": ("favourites",),
    "shares": ("share",),
    "bookmarks": ("bookmark",),
    "replies": ("reply",),
    "retweets": ("retweet", "repost"),
    "quote_tweets": ("quote posts",),
    "user_follows": ("follows", "new follow"),
    "user_profile_clicks": ("profile clicks", "user profile visits"),
    "detail_expands": ("detail expand",),
    "app_install_attempts": ("app installs",),
    "email_tweet": ("email post",),
}
_OLD_WORDS = {"embedded media clicks": "media_engagements", "media clicks": "media_engagements"}
"""Columns of the oldest files; not used where a file has the newer name beside them."""
_OTHER_WORDS = {
    "tweet_id": ("tweet id", "post id"),
    "date": ("date", "time", "created at"),
    "text": ("tweet text", "post text", "text"),
    "link": ("tweet permalink", "post permalink", "permalink", "post link", "tweet link", "link"),
    "rate": ("engagement rate", "promoted engagement rate"),
}
_COLUMNS = {
    words.replace("_", " "): name
    for table in (METRIC_WORDS, _OTHER_METRIC_WORDS, _OTHER_WORDS)
    for name, spellings in table.items()
    for words in spellings
}
_NEEDED = {"tweet_id": "Post id (or Tweet id)", "impressions": "Impressions",
           "engagements": "Engagements"}  # fmt: skip

EXPORT_NAME = re.compile(r"account_analytics_content|tweet_activity_metrics", re.IGNORECASE)
HOW_TO_EXPORT = (
    "Give a file named account_analytics_content_... or tweet_activity_metrics_..., as X wrote it."
)
AGAIN = "Export it again, and do not save it from a spreadsheet."
_ENGLISH = "Set the account's display language to English and export again."


class NotAnExportError(InputError):
    """The file's header is not that of an export; ``by_day``: that of X's overview instead."""

    def __init__(self, path: Path, why: str, advice: str, *, by_day: bool = False) -> None:
        super().__init__(f"{path} is not an export of posts: {why}.", advice=advice)
        self.why = why
        self.by_day = by_day


def read_header(data: bytes) -> tuple[list[str], str]:
    """Cells of the first row, and the delimiter that makes most sense of it."""
    first = data[: 1 << 16].split(b"\n", 1)[0].decode(errors="replace").strip("\r")
    best: list[str] = []
    chosen = ","
    for delimiter in ",;\t":
        cells = next(csv.reader([first], delimiter=delimiter), [])
        if len(cells) > len(best):
            best, chosen = cells, delimiter
    return best, chosen


def _plain(cell: str) -> str:
    return " ".join(re.sub(r"[_\W]+", " ", cell.lower()).split())


def name_columns(path: Path, header: list[str], data: bytes) -> list[str]:
    """For each cell of the header, the name in our frames; "" for what is not understood."""
    names = []
    for cell in header:
        words = _plain(cell)
        promoted = words.startswith("promoted ")
        name = _COLUMNS.get(words) or _COLUMNS.get(words.removeprefix("promoted "), "")
        names.append(f"promoted_{name}" if promoted and name != "rate" and name else name)
    for i, cell in enumerate(header):
        old = _OLD_WORDS.get(_plain(cell))
        if old and old not in names:
            names[i] = old
    missing = [name for name in _NEEDED if name not in names]
    found = ", ".join(f'"{cell.strip()[:40]}"' for cell in header[:24]) or "nothing"
    if missing:
        _refuse_header(path, header, names, missing, found, data)
    parts = sum(name in METRIC_WORDS for name in names) - 2
    foreign = [cell.strip() for cell, name in zip(header, names, strict=True) if not name]
    if len([cell for cell in foreign if cell]) > max(parts, 2):
        # A new release may bring a column or two; more of them are words of another language.
        raise _foreign(path, foreign)
    for name in set(names) - {"", "rate"}:
        twice = [cell.strip() for cell, own in zip(header, names, strict=True) if own == name]
        if len(twice) > 1:
            raise InputError(
                f"{path} has {name} in several columns: {', '.join(twice)}.",
                advice="Give the file as X wrote it.",
            )
    return names


def _refuse_header(
    path: Path, header: list[str], names: list[str], missing: list[str], found: str, data: bytes
) -> None:
    known = [name for name in names if name]
    if data[:1] == b"<":
        raise NotAnExportError(path, "it is a web page", "Log in to X and export again.")
    if data[:1] in b"[{":
        raise NotAnExportError(path, "it is JSON", HOW_TO_EXPORT)
    has_ids = any(re.fullmatch(r"\d{9,19}", cell) for cell in _first_cells(data))
    if "date" in known and missing == ["tweet_id"] and not has_ids:
        raise NotAnExportError(
            path,
            "it has figures by day (an account overview), not by post",
            "Export the content (account_analytics_content_...) instead.",
            by_day=True,
        )
    if EXPORT_NAME.search(path.name) or (len(header) >= 10 and has_ids):
        raise _foreign(
            path, [cell.strip() for cell, name in zip(header, names, strict=True) if not name]
        )
    expected = ", ".join(_NEEDED[name] for name in missing)
    raise NotAnExportError(
        path, f"it has no column {expected}; its first row has {found}", HOW_TO_EXPORT
    )


def _foreign(path: Path, cells: list[str]) -> NotAnExportError:
    return NotAnExportError(
        path,
        "its header seems to be in another language than English; not understood: "
        + ", ".join(f'"{cell[:40]}"' for cell in cells),
        _ENGLISH,
    )


def _first_cells(data: bytes) -> list[str]:
    rows = csv.reader(io.StringIO(data[: 1 << 16].decode(errors="replace"), newline=""))
    try:
        return [row[0].strip() for _, row in zip(range(3), rows, strict=False) if row]
    except csv.Error:
        return []
