"""Synthetic files of every kind of X, in every documented language."""

from __future__ import annotations

import csv
import io
import random
import tomllib
from collections.abc import Sequence
from datetime import timedelta
from importlib.resources import files
from pathlib import Path

from engagement_nb.apis.times import snowflake
from tests.tables.export_files import FIRST, write

_NAMES = tomllib.loads(files("engagement_nb.apis").joinpath("names.toml").read_text("utf-8"))
LAYOUTS = _NAMES["files"] | _NAMES["videos"]
ORDERS = {kind: table["names"].split(",") for kind, table in LAYOUTS.items()}
PARTS = {
    "favorites": 30, "replies": 5, "retweets": 8, "user_follows": 2, "user_profile_clicks": 6,
    "url_clicks": 7, "hashtag_clicks": 1, "detail_expands": 20, "permalink_clicks": 1,
    "app_opens": 1, "app_install_attempts": 1, "email_tweet": 1, "media_engagements": 4,
}  # fmt: skip
"""Metrics that engagements include, and the maximum of each in a row."""


def header(kind: str, language: str = "en") -> list[str]:
    """The header of a kind of file in a language; unknown words are made up."""
    words = LAYOUTS[kind][language].split(",")
    return [word or f"palavra {i}" for i, word in enumerate(words)]


def made_up(kind: str) -> list[str]:
    """The header of a kind of file in a language that nobody speaks."""
    return [f"quux{i} zorp" for i in range(len(ORDERS[kind]))]


def rows(kind: str, count: int = 60, seed: int = 1, handle: str = "somebody") -> list[list[str]]:
    """Rows of a kind of file; every second one hides engagements."""
    draw = random.Random(seed)
    found = []
    for number in range(count):
        moment = FIRST + timedelta(hours=5 * number)
        tweet_id = str(snowflake(moment, number % 4096))
        values: dict[str, object] = {
            name: draw.randint(0, most) for name, most in PARTS.items() if name in ORDERS[kind]
        }
        hidden = draw.randint(1, 90) if number % 2 else 0
        engagements = sum(int(str(value)) for value in values.values()) + hidden
        by_day = "tweet_id" not in ORDERS[kind]
        values |= {
            "tweet_id": tweet_id,
            "link": f"https://x.com/{handle}/status/{tweet_id}",
            "text": f'text {number}, "quoted"\nand a second line',
            "date": f"{FIRST + timedelta(days=number) if by_day else moment:%a, %b %d, %Y}",
            "engagements": engagements,
            "impressions": engagements + draw.randint(10, 5000),
            "rate": 0.05,
            "bookmarks": draw.randint(0, 40),
            "shares": draw.randint(0, 30),
            "media_views": draw.randint(0, 200),
            "video_views": draw.randint(0, 100),
            "posts": draw.randint(0, 9),
            "unfollows": draw.randint(0, 3),
            "dial_phone": 0,
        }
        found.append([str(values.get(name, "")) for name in ORDERS[kind]])
    return found


def text(head: Sequence[str], body: Sequence[Sequence[str]], delimiter: str = ",") -> str:
    """A file as X writes it."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(head)
    writer.writerows(body)
    return out.getvalue()


VIDEO = (
    "Video overview,,,,,\r\n"
    "Date,Views,Watch Time (ms),Completion Rate,Average Watch Time (ms),Estimated Revenue\r\n"
    '"Sat, Jan 04, 2025",10,5000,12.5%,500,0\r\n'
    '"Fri, Jan 03, 2025",20,9000,50%,450,0\r\n'
    ",,,,,\r\n"
    "Your videos,,,,,\r\n"
    "Uploaded on,Video ID,Video title,Views,Duration,Video Link,Monetized,Estimated revenue,"
    "Published date,Post link\r\n"
    '"Fri, Jan 03, 2025",77,"a title, with a comma",30,1:05,https://x.com/v/77,No,0,,{link}\r\n'
)
"""X's video file with its two tables; ``link`` is that of the video's Post."""


def mixed(folder: Path) -> list[list[str]]:
    """Write two monthly classic files, two overlapping current ones, an overview and a video file.

    Returns the rows of the current files.
    """
    content, classic = rows("content", 60), rows("classic", 40, seed=2)
    for number, part in enumerate((classic[:20], classic[20:]), 1):
        for row in part:
            row[0] = str(int(row[0]) - 2**55)
            row[1] = f"https://twitter.com/somebody/status/{row[0]}"
        name = f"tweet_activity_metrics_somebody_20230{number}01_20230{number}28_en.csv"
        write(folder, text(header("classic"), part), name)
    for first, part in ((3, content[:40]), (9, content[20:])):
        name = f"account_analytics_content_2025-01-0{first}_2025-01-1{first}.csv"
        write(folder, text(header("content"), part), name)
    overview = text(header("overview"), rows("overview", 12, seed=5))
    write(folder, overview, "account_overview_analytics.csv")
    write(folder, VIDEO.format(link=content[0][3]), "video_overview_analytics.csv")
    return content
