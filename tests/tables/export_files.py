"""Synthetic export files in the formats of X, without data of real people."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engagement_nb.apis.times import snowflake, tweet_time

CURRENT = [
    "Post id", "Date", "Post text", "Post Link", "Impressions", "Likes", "Engagements",
    "Bookmarks", "Shares", "New follows", "Replies", "Reposts", "Profile visits",
    "Detail Expands", "URL Clicks", "Hashtag Clicks", "Permalink Clicks",
]  # fmt: skip
_ORGANIC = [
    "impressions", "engagements", "engagement rate", "retweets", "replies", "likes",
    "user profile clicks", "url clicks", "hashtag clicks", "detail expands", "permalink clicks",
    "app opens", "app installs", "follows", "email tweet", "dial phone", "media views",
    "media engagements",
]  # fmt: skip
CLASSIC = [
    "Tweet id", "Tweet permalink", "Tweet text", "time",
    *_ORGANIC, *[f"promoted {name}" for name in _ORGANIC],
]  # fmt: skip
FIRST = datetime(2025, 1, 3, 12, tzinfo=UTC)

Post = Mapping[str, object]


def post(number: int = 0, text: str = "a text", **figures: object) -> dict[str, object]:
    """One post: keys are column names with underscores for spaces, any case."""
    tweet_id = str(snowflake(FIRST + timedelta(hours=number), number % 4096))
    return {
        "id": tweet_id,
        "text": text,
        "link": f"https://x.com/somebody/status/{tweet_id}",
        **{name.replace("_", " ").lower(): value for name, value in figures.items()},
    }


def current(
    posts: Sequence[Post], header: Sequence[str] = CURRENT, date: str = "%a %b %d %Y"
) -> str:
    """Text of a current export; figures that a post lacks are 0."""
    return _text(posts, header, date, csv.QUOTE_MINIMAL)


def classic(posts: Sequence[Post], header: Sequence[str] = CLASSIC) -> str:
    """Text of a classic export: all cells quoted, "-" in promoted columns."""
    return _text(posts, header, "%Y-%m-%d %H:%M +0000", csv.QUOTE_ALL)


def write(folder: Path, text: str | bytes, name: str = "export.csv") -> Path:
    """A file in a folder, as UTF-8 unless given as bytes."""
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def _text(posts: Sequence[Post], header: Sequence[str], date: str, quoting: int) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=quoting)  # type: ignore[arg-type]
    writer.writerow(header)
    for row in posts:
        writer.writerow([_cell(row, column.lower(), date) for column in header])
    return out.getvalue()


def _cell(row: Post, column: str, date: str) -> object:
    if column in row:
        return row[column]
    if column in ("post id", "tweet id"):
        return row["id"]
    if column.endswith("text"):
        return row["text"]
    if column.endswith("link"):
        return row["link"]
    if column in ("date", "time"):
        tweet_id = str(row["id"])
        return ((tweet_id.isdigit() and tweet_time(tweet_id)) or FIRST).strftime(date)
    return "-" if column.startswith("promoted") else 0
