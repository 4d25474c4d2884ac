"""Relations that hold between roads: the same question gives the same figures by each.

A relation is a function of a made-up case. `tests/law/test_roads.py` tries each on a few cases,
and ``python -m studies.law N`` on N fresh ones.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pandas as pd
from bs4 import BeautifulSoup
from hypothesis import strategies as st

from engagement_nb import cli, compare, connect, explore_gap
from engagement_nb.apis.times import posted_before, snowflake
from engagement_nb.client import Client
from engagement_nb.errors import EngagementError, InputError
from engagement_nb.gap import Gap
from engagement_nb.gap.share import Share
from engagement_nb.metrics import Metrics
from engagement_nb.sources import SandboxSource
from engagement_nb.store import Store

CANDIDATES = (
    "favorites", "retweets", "replies", "url_clicks", "detail_expands", "user_profile_clicks",
    "hashtag_clicks", "permalink_clicks", "user_follows",
)  # fmt: skip
NAMES = {
    "favorites": ("likes", "Like count", "FAVORITES"),
    "retweets": ("reposts", "retweet_count", "Retweets"),
    "replies": ("reply_count", "Replies"),
    "url_clicks": ("URL Clicks", "link clicks"),
    "detail_expands": ("Detail Expands", "detail expands"),
    "user_profile_clicks": ("Profile visits", "user profile clicks"),
    "engagements": ("Engagements", "ENGAGEMENTS"),
    "impressions": ("Impressions", "impression_count"),
}
"""Other names of metrics, as files and people write them."""


@dataclass(frozen=True)
class TableCase:
    """A table of Tweets with known parts of engagements.

    Parameters
    ----------
    seed
        Of all random draws.
    rows
        Number of Tweets.
    metrics
        Its columns besides ids, engagements and impressions.
    hides
        Whether engagements have a part that no column shows.
    outside
        Whether one metric is not part of engagements.
    gaps
        Whether some cells are missing.
    """

    seed: int
    rows: int
    metrics: tuple[str, ...]
    hides: bool
    outside: bool
    gaps: bool

    def draw(self) -> random.Random:
        """Random draws of this case, always the same."""
        return random.Random(self.seed)

    def frame(self, salt: int = 0) -> pd.DataFrame:
        """The table; another ``salt`` gives other Tweets of the same account."""
        draw = random.Random(self.seed + 7919 * salt)
        first = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=90 * salt)
        found = []
        for number in range(self.rows):
            figures = {name: draw.randint(0, draw.choice((2, 9, 60))) for name in self.metrics}
            counted = [*self.metrics][: -1 if self.outside else None]
            engagements = sum(figures[name] for name in counted)
            engagements += draw.randint(0, 40) if self.hides and draw.random() < 0.5 else 0
            moment = first + timedelta(hours=31 * number, minutes=draw.randint(0, 59))
            found.append(
                {
                    "tweet_id": str(snowflake(moment, number % 4096)),
                    "impressions": engagements + draw.randint(1, 3000),
                    "engagements": engagements,
                    **figures,
                }
            )
        frame = pd.DataFrame(found)
        names = ["impressions", "engagements", *self.metrics]
        frame[names] = frame[names].astype("Int64")
        if self.gaps:
            for row in range(0, self.rows, 7):
                frame.loc[row, draw.choice(names[:])] = pd.NA
        return frame


@dataclass(frozen=True)
class WorldCase:
    """A world of the sandbox and a period in it.

    Parameters
    ----------
    seed, tweets
        Of the world.
    days
        Length of the period, which ends a while before the world's present.
    back
        Days between the end of the period and the present.
    count
        Tweets to ask for.
    zone
        A time zone.
    """

    seed: int
    tweets: int
    days: int
    back: int
    count: int
    zone: str

    NOW = datetime(2026, 11, 4, 15, tzinfo=UTC)

    def draw(self) -> random.Random:
        """Random draws of this case, always the same."""
        return random.Random(self.seed)

    @property
    def end(self) -> datetime:
        """End of the period, a midnight of UTC."""
        return datetime(2026, 11, 4, tzinfo=UTC) - timedelta(days=self.back)

    @property
    def start(self) -> datetime:
        """Start of the period."""
        return self.end - timedelta(days=self.days)

    @property
    def middle(self) -> datetime:
        """A midnight within the period."""
        return self.start + timedelta(days=max(1, self.days // 2))

    @property
    def period(self) -> dict[str, Any]:
        """The period as options."""
        return {"start": self.start, "end": self.end}

    @property
    def world(self) -> dict[str, Any]:
        """The world as options."""
        return {"seed": self.seed, "tweets": self.tweets, "now": self.NOW.isoformat()}

    @contextmanager
    def open(self, **options: Any) -> Iterator[SandboxSource]:
        """A source of this world, in this process."""
        with connect("sandbox", **self.world, **options, in_process=True) as source:
            yield source


TABLES = st.builds(
    TableCase,
    seed=st.integers(0, 2**31),
    rows=st.integers(3, 60),
    metrics=st.lists(st.sampled_from(CANDIDATES), min_size=2, max_size=7, unique=True).map(tuple),
    hides=st.booleans(),
    outside=st.booleans(),
    gaps=st.booleans(),
)
WORLDS = st.builds(
    WorldCase,
    seed=st.integers(0, 10_000),
    tweets=st.integers(150, 400),
    # One request covers 28 days.
    days=st.integers(2, 9) | st.integers(2, 9) | st.integers(26, 34),
    back=st.integers(0, 20),
    count=st.integers(3, 25),
    zone=st.sampled_from(
        ["UTC", "Asia/Tokyo", "America/Los_Angeles", "Europe/Paris", "Asia/Kolkata"]
    ),
)

REPORTS = WORLDS.filter(lambda case: 6 < case.days < 10)
"""Worlds for reports, which take seconds."""
Relation = Callable[[Any, Path], None]
RELATIONS: dict[str, tuple[Any, Relation]] = {}
"""Name -> (strategy of its cases, relation of a case in an empty folder)."""


def on(cases: Any) -> Callable[[Relation], Relation]:
    """Register a relation on such cases."""

    def add(relation: Relation) -> Relation:
        RELATIONS[relation.__name__] = (cases, relation)
        return relation

    return add


def share(name: str) -> float:
    """Which part of the cases a relation gets: those that make reports are slow."""
    return 0.02 if RELATIONS[name][0] is REPORTS else 1.0


def check(name: str, case: Any) -> None:
    """Try a relation on a case."""
    with TemporaryDirectory() as folder:
        RELATIONS[name][1](case, Path(folder))


# --- what is compared


def answer(figures: Metrics | pd.DataFrame | Gap | dict[str, Any] | list[Any]) -> dict[str, Any]:
    """The finding as numbers and names, without its origin; or why there is none."""
    if not isinstance(figures, dict):
        try:
            gap = figures if isinstance(figures, Gap) else explore_gap(figures)
        except EngagementError as error:
            return {"error": type(error).__name__}
        figures = gap.to_dict()
    origin = {
        "labels", "source", "endpoint", "sandbox", "sentence", "unit", "about", "account", "notes",
        "facts", "posts_left_out", "totals",
    }  # fmt: skip
    # A series has a trend of engagement, and other figures one of posting.
    page = {k: v for k, v in (figures.get("page") or {}).items() if k != "trend"}
    return {name: _plain(v) for name, v in {**figures, "page": page}.items() if name not in origin}


def undated(told: dict[str, Any]) -> dict[str, Any]:
    """An answer without the period and the sentences that name it."""
    return {name: value for name, value in told.items() if name not in ("period", "page")}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items() if name != "label"}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value


def sums(metrics: Metrics) -> dict[str, dict[str, int]]:
    """Known figures by Tweet, summed over time; a Tweet without any is left out."""
    frame = metrics.frame
    by_tweet = frame.groupby("tweet_id")[metrics.metric_names].sum()
    return {
        str(tweet): {str(name): int(value) for name, value in row.items() if value}
        for tweet, row in by_tweet.to_dict("index").items()
    }


def added(*parts: Metrics) -> dict[str, dict[str, int]]:
    """The sums of several parts together."""
    whole: dict[str, dict[str, int]] = {}
    for part in parts:
        for tweet, figures in sums(part).items():
            mine = whole.setdefault(tweet, {})
            for name, value in figures.items():
                mine[name] = mine.get(name, 0) + value
    return whole


def nonzero(figures: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    """Tweets that have any figure above zero."""
    return {tweet: values for tweet, values in figures.items() if values}


def file(frame: pd.DataFrame, path: Path) -> Path:
    """The frame as a CSV file."""
    frame.to_csv(path, index=False)
    return path


# --- tables


@on(TABLES)
def a_frame_a_file_and_a_source_give_the_same_finding(case: TableCase, folder: Path) -> None:
    """A frame, the CSV and Parquet files of it, and `connect` of each."""
    frame = case.frame()
    right = answer(frame)
    frame.to_parquet(folder / "table.parquet")
    assert answer(connect(frame).totals()) == right
    assert answer(connect(file(frame, folder / "table.csv")).totals()) == right
    assert answer(connect(folder / "table.parquet").totals()) == right


@on(TABLES)
def the_order_of_rows_and_columns_changes_nothing(case: TableCase, folder: Path) -> None:
    """Rows and columns are shuffled, in a frame and in a file."""
    frame, draw = case.frame(), case.draw()
    right = answer(frame)
    rows, columns = [*range(len(frame))], [*frame.columns]
    draw.shuffle(rows)
    draw.shuffle(columns)
    shuffled = frame.iloc[rows][columns]
    assert answer(shuffled) == right
    assert answer(connect(file(shuffled, folder / "table.csv")).totals()) == right


@on(TABLES)
def a_table_split_into_files_is_the_same_table(case: TableCase, folder: Path) -> None:
    """A folder of two files, in either order."""
    frame = case.frame()
    right = answer(connect(file(frame, folder / "whole.csv")).totals())
    cut = case.draw().randint(1, len(frame) - 1)
    for name, parts in (("ab", (0, 1)), ("ba", (1, 0))):
        (folder / name).mkdir()
        pieces = frame.iloc[:cut], frame.iloc[cut:]
        for place, part in zip("12", parts, strict=True):
            file(pieces[part], folder / name / f"{place}.csv")
        assert answer(connect(folder / name).totals()) == right


@on(TABLES)
def a_row_given_twice_counts_once(case: TableCase, folder: Path) -> None:
    """Some rows are repeated in a file, and the account names them."""
    frame, draw = case.frame(), case.draw()
    right = answer(connect(file(frame, folder / "once.csv")).totals())
    twice = frame.iloc[[draw.randrange(len(frame)) for _ in range(3)]]
    found = connect(file(pd.concat([frame, twice]), folder / "twice.csv")).totals()
    assert answer(found) == right
    assert found.account.rows_in == len(frame) + 3
    assert found.account.rows_used == len(found) == len(frame)
    assert found.account.balanced


@on(TABLES)
def added_columns_change_nothing_and_are_named(case: TableCase, folder: Path) -> None:
    """Columns that are no metric, of text and of numbers."""
    frame = case.frame()
    right = answer(frame)
    more = frame.assign(campaign="autumn", weight_of_editor=range(len(frame)), zorp=1.5)
    for found in (connect(more).totals(), connect(file(more, folder / "more.csv")).totals()):
        assert answer(found) == right
        named = {*found.account.not_used, *found.account.known}
        assert {"campaign", "weight_of_editor", "zorp"} <= named
        assert set(found.account.metrics.values()) >= {*case.metrics}
    assert answer(more) == right


@on(TABLES)
def a_metric_by_any_name_is_the_same_metric(case: TableCase, folder: Path) -> None:
    """Columns have other names that X or people use."""
    frame, draw = case.frame(), case.draw()
    right = answer(frame)
    renamed = frame.rename(columns={n: draw.choice(o) for n, o in NAMES.items()})
    assert answer(renamed) == right
    assert answer(connect(file(renamed, folder / "renamed.csv")).totals()) == right


@on(TABLES)
def rows_in_are_rows_used_and_rows_named(case: TableCase, folder: Path) -> None:
    """Broken rows in a file are named, and the others give the same finding."""
    frame, draw = case.frame(), case.draw()
    right = answer(connect(file(frame, folder / "clean.csv")).totals())
    lines = (folder / "clean.csv").read_text().splitlines()
    lines.insert(draw.randint(1, len(lines)), ",".join(["", "1", "1"] + [""] * len(case.metrics)))
    (folder / "broken.csv").write_text("\n".join(lines) + "\n")
    try:
        found = connect(folder / "broken.csv").totals()
    except EngagementError:
        return
    assert found.account.balanced
    assert found.account.rows_in in (len(frame), len(frame) + 1)
    if len(found) == len(frame):
        assert answer(found) == right


@on(TABLES)
def posts_of_all_months_are_all_posts(case: TableCase, folder: Path) -> None:
    """The months of posting are disjoint and complete, in any time zone."""
    source = connect(file(case.frame(), folder / "table.csv"))
    whole = source.totals()
    for zone in (None, "Pacific/Kiritimati", "America/Los_Angeles"):
        parts = []
        for month in pd.period_range("2024-12", "2025-12", freq="M"):
            with suppress(InputError):
                parts.append(source.totals(posted=str(month), zone=zone))
        assert added(*parts) == sums(whole)
        assert sum(len(part) for part in parts) == len(whole)
        assert all(part.account.balanced for part in parts)
        assert all(part.account.rows_used == len(part) for part in parts)


@on(TABLES)
def a_comparison_with_itself_is_no_change_and_mirrors(case: TableCase, folder: Path) -> None:
    """`compare(a, a)` has no difference; `compare(b, a)` has the negative ones of (a, b)."""
    a, b = case.frame(), case.frame(salt=1)
    try:
        same, there, back = compare(a, a), compare(a, b), compare(b, a)
    except EngagementError:
        return
    assert all(change.difference in (0, None) for change in same.changes)
    assert all(change.verdict != "changed" for change in same.changes)
    assert same.shared == same.totals["Tweets"][0]
    for one, other in zip(there.changes, back.changes, strict=True):
        assert abs((one.difference or 0) + (other.difference or 0)) < 1e-9
        assert one.verdict == other.verdict
        if one.low is not None and other.high is not None:
            assert abs(one.low + other.high) < 1e-6
    (folder / "a.csv").write_text(a.to_csv(index=False))
    (folder / "b.csv").write_text(b.to_csv(index=False))
    words = ["compare", str(folder / "a.csv"), str(folder / "b.csv"), "--json"]
    printed = json.loads(_printed(words))
    assert _plain(printed["changes"]) == _plain(there.to_dict()["changes"])


@on(TABLES)
def a_report_s_own_tables_give_the_same_finding(case: TableCase, folder: Path) -> None:
    """`Gap.save_tables` writes what `connect` reads, as CSV and as Parquet."""
    frame = case.frame()
    try:
        gap = explore_gap(frame)
    except EngagementError:
        return
    figures = connect(frame).totals()
    figures.to_csv(folder / "figures.csv")
    assert answer(connect(folder / "figures.csv").totals()) == answer(gap)


@contextmanager
def _in_process() -> Iterator[None]:
    """Sandboxes of this process need no sockets."""
    defaults = SandboxSource.__init__.__kwdefaults__
    assert defaults is not None
    with patch.dict(defaults, in_process=True):
        yield


def _printed(words: list[str]) -> str:
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(io.StringIO()):
        assert cli.run(words) == 0
    return out.getvalue()


# --- worlds


@on(WORLDS)
def a_period_by_none_day_and_hour_is_one_period(case: WorldCase, folder: Path) -> None:
    """Sums by Tweet are equal, and so is the finding."""
    with case.open() as source:
        ids = source.tweet_ids(count=case.count)
        whole = source.historical(ids, **case.period)
        day = source.historical(ids, **case.period, by="day")
        hour = source.historical(ids, **case.period, by="hour")
    assert nonzero(sums(whole)) == nonzero(sums(day)) == nonzero(sums(hour))
    assert answer(whole) == answer(day) == answer(hour)
    for metrics in (whole, day, hour):
        assert metrics.account.balanced
        assert metrics.account.rows_in == len(ids)


@on(WORLDS)
def halves_of_a_period_add_up(case: WorldCase, folder: Path) -> None:
    """Two adjacent periods have together what the whole one has, in memory and from a dataset."""
    halves = ((case.start, case.middle), (case.middle, case.end))
    with case.open(dataset=folder / "ds") as kept, case.open() as source:
        ids = source.tweet_ids(count=case.count)
        whole = source.historical(ids, **case.period)
        parts = [source.historical(ids, start, end) for start, end in halves]
        assert nonzero(added(*parts)) == nonzero(sums(whole))
        kept.historical(ids, **case.period, by="day")
    stored = connect(folder / "ds")
    again = [stored.historical(ids, start, end, by="day") for start, end in halves]
    for one, other in zip(again, parts, strict=True):
        assert nonzero(sums(one)) == nonzero(sums(other))


@on(WORLDS)
def a_dataset_gives_what_was_fetched(case: WorldCase, folder: Path) -> None:
    """In memory, through a dataset, and read again; by the command line too."""
    with case.open() as source, case.open(dataset=folder / "ds") as kept:
        ids = source.tweet_ids(count=case.count)
        right = source.historical(ids, **case.period, by="day")
        stored = kept.historical(ids, **case.period, by="day")
    assert stored.frame.equals(right.frame)
    again = connect(folder / "ds").historical(ids, **case.period, by="day")
    assert nonzero(sums(again)) == nonzero(sums(right))
    assert answer(again) == answer(right)
    assert again.about.sandbox
    (folder / "ids.txt").write_text("\n".join(ids))
    words = ["fetch", "historical", "--by", "day", "--ids", str(folder / "ids.txt"),
             "--start", case.start.isoformat(), "--end", case.end.isoformat(), "--json",
             "--seed", str(case.seed), "--now", case.NOW.isoformat(), "--tweets",
             str(case.tweets), "-o", str(folder / "cli"), "--no-progress"]  # fmt: skip
    with _in_process():
        told = json.loads(_printed(words))
    by_command = connect(folder / "cli").historical(ids, **case.period, by="day")
    assert nonzero(sums(by_command)) == nonzero(sums(right))
    assert told["tweets"] == right.account.rows_used


@on(WORLDS)
def two_fetches_into_one_dataset_are_one(case: WorldCase, folder: Path) -> None:
    """Two lists of Tweets, and overlapping periods, give what one fetch gives."""
    later = case.start + (case.middle - case.start) / 2
    later = later.replace(hour=0, minute=0, second=0, microsecond=0)
    with case.open() as source, case.open(dataset=folder / "ds") as kept:
        ids = source.tweet_ids(count=case.count)
        right = source.historical(ids, **case.period)
        half = len(ids) // 2
        kept.historical(ids[:half], **case.period, by="day")
        kept.historical(ids[half:], case.start, case.middle, by="day")
        kept.historical(ids[half:], later, case.end, by="day")
    found = connect(folder / "ds").historical(ids, **case.period, by="day")
    assert nonzero(sums(found)) == nonzero(sums(right))


@on(WORLDS)
def parts_of_a_frame_put_together_are_the_whole(case: WorldCase, folder: Path) -> None:
    """`pd.concat` of two periods, and of pieces of a daily series, is explored as the whole."""
    with case.open() as source:
        ids = source.tweet_ids(count=case.count)
        whole = source.historical(ids, **case.period, by="day")
        one = source.historical(ids, case.start, case.middle, by="day")
        other = source.historical(ids, case.middle, case.end, by="day")
    # A frame alone knows only the days of its rows, not the period that was asked for.
    right, alone = answer(whole), answer(whole.frame)
    assert answer([one, other]) == right
    assert answer(pd.concat([one.frame, other.frame])) == alone
    assert undated(answer([one.frame, other])) == undated(right)
    rows = case.days % 3 + 1
    pieces = [whole.frame.iloc[start::rows] for start in range(rows)]
    assert answer(pd.concat(pieces)) == alone


@on(WORLDS)
def a_saved_series_is_read_back(case: WorldCase, folder: Path) -> None:
    """Figures by Tweet, day and hour through CSV have the same finding and the SANDBOX mark."""
    with case.open() as source:
        ids = source.tweet_ids(count=case.count)
        parts = [source.historical(ids, **case.period, by=by) for by in (None, "day", "hour")]
        parts.append(source.totals(ids))
    for number, metrics in enumerate(parts):
        if not len(metrics):
            continue
        metrics.to_csv(folder / f"{number}.csv")
        back = connect(folder / f"{number}.csv").totals()
        # A saved series knows only the days of its rows, not the period that was asked for.
        known = undated if metrics.about.by else dict
        assert known(answer(back)) == known(answer(metrics))
        assert back.about.sandbox
        assert nonzero(sums(back)) == nonzero(sums(metrics))


@on(WORLDS)
def posts_of_all_months_of_a_world_are_all_posts(case: WorldCase, folder: Path) -> None:
    """A fetch of the Posts of each month has together what the fetch of all has."""
    with case.open() as source:
        ids = source.tweet_ids(count=case.count)
        whole = source.totals(ids)
        months = sorted({f"{time:%Y-%m}" for time in whole.frame["created_at"]})
        parts = [source.totals(ids, posted=month) for month in months]
    assert added(*parts) == sums(whole)
    for part in parts:
        assert part.account.balanced
        assert part.account.rows_in == len(ids)


def _by_date(series: Metrics, zone: str) -> dict[tuple[str, Any], int]:
    """The impressions of each Tweet by date; an hour belongs to the day that begins in it."""
    frame = series.frame
    dates = (frame["time"] + pd.Timedelta(minutes=59)).dt.tz_convert(zone).dt.date
    found = frame["impressions"].groupby([frame["tweet_id"], dates]).sum()
    return {key: int(count) for key, count in found.items() if count}


@on(WORLDS)
def days_of_a_zone_add_up_to_its_period(case: WorldCase, folder: Path) -> None:
    """By day in a time zone, the days are that zone's, and nothing of the period is lost."""
    dates: Any = {
        "start": f"{case.start:%Y-%m-%d}",
        "end": f"{case.end - timedelta(days=1):%Y-%m-%d}",
    }
    with case.open() as source:
        ids = source.tweet_ids(count=case.count)
        if case.days < 3:
            return
        whole = source.historical(ids, **dates, zone=case.zone)
        days = source.historical(ids, **dates, zone=case.zone, by="day")
        hours = source.historical(ids, **dates, zone=case.zone, by="hour")
    assert _by_date(days, case.zone) == _by_date(hours, case.zone)
    assert nonzero(sums(days)) == nonzero(sums(whole))
    assert answer(days) == answer(whole)


@on(WORLDS)
def the_order_and_repeats_of_ids_change_nothing(case: WorldCase, folder: Path) -> None:
    """A list shuffled and with repeats gives the same figures, and the account is of Tweets."""
    with case.open() as source:
        ids = source.tweet_ids(count=case.count)
        right = source.totals(ids)
        mixed = [*ids, *ids[:3]]
        random.Random(case.seed).shuffle(mixed)
        found = source.totals(mixed)
    assert sums(found) == sums(right)
    assert answer(found) == answer(right)
    assert found.account.rows_in == len(ids)


@on(WORLDS)
def a_command_prints_what_python_gives(case: WorldCase, folder: Path) -> None:
    """`compare` of two periods of a dataset, as JSON and in Python."""
    with case.open(dataset=folder / "ds") as kept:
        kept.historical(kept.tweet_ids(count=case.count), "2026-09-01", "2026-11-01", by="day")
    path = str(folder / "ds")
    words = ["compare", path, path, "--period", "2026-09", "--period", "2026-10", "--json"]
    stored = connect(folder / "ds")
    sides = [stored.historical(period=month, by="day") for month in ("2026-09", "2026-10")]
    try:
        right = compare(*sides)
    except EngagementError:
        assert cli.run(words) == 1
        return
    told = json.loads(_printed(words))
    assert _plain(told["changes"]) == _plain(right.to_dict()["changes"])
    assert _plain(told["totals"]) == _plain(right.to_dict()["totals"])


@on(WORLDS)
def a_fetch_that_was_stopped_is_finished_by_the_next(case: WorldCase, folder: Path) -> None:
    """An interrupt after any request loses nothing, and no finished request is sent again."""
    with case.open(dataset=folder / "whole") as source:
        ids = source.tweet_ids(count=case.count)
        whole = source.historical(ids, **case.period, by="day")
    left, sent = case.draw().randint(0, 2), []
    send = Client.send

    def stopped(self: Client, request: Any) -> Any:
        if len(sent) == left:
            raise KeyboardInterrupt
        sent.append(request)
        return send(self, request)

    with case.open(dataset=folder / "cut") as source:
        ids = source.tweet_ids(count=case.count)
        with suppress(KeyboardInterrupt), patch.object(Client, "send", stopped):
            source.historical(ids, **case.period, by="day")
        again = source.historical(ids, **case.period, by="day")
    assert again.frame.equals(whole.frame)
    assert again.account.rows_named == whole.account.rows_named
    assert again.account.coverage == whole.account.coverage
    # What both runs spent together is kept with the figures.
    spent = [
        connect(folder / name).historical(by="day").account.requests for name in ("whole", "cut")
    ]
    assert spent[0] == spent[1]


@on(WORLDS)
def both_apis_give_the_same_figures(case: WorldCase, folder: Path) -> None:
    """X API v2 gives the figures of the Engagement API, at once, by day, hour and stored."""
    options: dict[str, Any] = {**case.world, "tier": "enterprise", "in_process": True}
    with connect("sandbox-v2", **options, dataset=folder / "ds") as v2, case.open() as source:
        ids = v2.tweet_ids(count=case.count)
        if not ids:
            return
        totals = v2.totals(ids)
        assert _common(totals, theirs := source.totals(ids)) == _common(theirs, totals)
        start = max(case.start, case.NOW.replace(hour=0) - timedelta(days=20))
        if start < case.end:
            one = source.historical(ids, start, case.end)
            for by in (None, "day", "hour"):
                figures = v2.historical(ids, start, case.end, by=by)
                assert _common(figures, one) == _common(one, figures)
    stored = connect(folder / "ds").totals()
    assert sums(stored) == sums(totals)
    assert answer(stored) == answer(totals)
    assert stored.about.sandbox


def _common(mine: Metrics, theirs: Metrics) -> dict[str, dict[str, int]]:
    """The sums of the metrics that both have."""
    names = {*mine.metric_names}.intersection(theirs.metric_names)
    return nonzero(
        {
            tweet: {name: n for name, n in row.items() if name in names}
            for tweet, row in sums(mine).items()
        }
    )


@on(WORLDS)
def every_road_tells_the_same_holes(case: WorldCase, folder: Path) -> None:
    """Two fetches with days between them: a dataset and its saved figures name those days."""
    gap = timedelta(days=max(1, case.days // 3))
    ids: Any
    with case.open(dataset=folder / "ds") as source:
        ids = source.tweet_ids(count=case.count)
        ids = [i for i in ids if posted_before(i, case.start)]
        if not ids:
            return
        source.historical(ids, case.start - gap, case.start, by="day")
        source.historical(ids, case.start + gap, case.end + gap, by="day") if (
            case.end + gap <= case.NOW
        ) else source.historical(ids, case.start + gap, case.NOW.replace(hour=0), by="day")
    stored = connect(folder / "ds").historical(by="day")
    if not len(stored):
        return
    stored.to_csv(folder / "saved.csv")
    saved = connect(folder / "saved.csv").totals()
    hole = (case.start, case.start + gap)
    for figures in (stored, saved):
        assert figures.account.coverage is not None
        assert [tuple(each) for each in figures.account.coverage.holes] == [hole]
        assert figures.account.coverage.whole == 0
        assert figures.account.coverage.partial == len(ids)
    # A saved series knows only the days of its rows, not the period that was asked for.
    assert undated(answer(saved)) == undated(answer(stored))


# --- reports


def _gap_json(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "gap.json").read_text())
    return told


def _words(case: WorldCase) -> list[str]:
    """The world and the period as words of a command line."""
    return [
        "--seed", str(case.seed), "--tweets", str(case.tweets), "--now", case.NOW.isoformat(),
        "-p", "start", f"{case.start:%Y-%m-%d}", "-p", "end", f"{case.end:%Y-%m-%d}",
    ]  # fmt: skip


@on(REPORTS)
def a_report_a_batch_and_python_give_one_answer(case: WorldCase, folder: Path) -> None:
    """Report, `--json`, a used folder, a report of the dataset, a batch row, and Python."""
    with case.open() as source:
        ids = source.tweet_ids(count=case.count)
        right = answer(source.historical(ids, **case.period, by="hour"))
        others = source.tweet_ids(count=case.count + 20)[case.count :]
    for name, chosen in (("ids", ids), ("others", others)):
        (folder / f"{name}.txt").write_text("\n".join(chosen))
    out = folder / "report"
    for name in ("others", "ids"):
        # The second report is made in the folder of the first.
        list_file = str(folder / f"{name}.txt")
        told = json.loads(
            _printed(["report", "--ids", list_file, "-o", str(out), "--json", *_words(case)])
        )
    assert told["gap"] == _gap_json(out)
    assert answer(told["gap"]) == right
    by_kernel = folder / "kernel"
    options = ["--engine", "stock", "--markdown"]
    said = _printed(
        ["report", "--ids", str(folder / "ids.txt"), "-o", str(by_kernel), *options, *_words(case)]
    )
    assert answer(_gap_json(by_kernel)) == right
    shown = Share.from_dict(told["gap"]["share"])
    for text in (told["gap"]["sentence"], shown.counts, "SANDBOX DATA"):
        assert text in said
    assert _printed(["report", str(out / "dataset"), "-o", str(folder / "again"), "--json"])
    assert _gap_json(folder / "again")["sandbox"]
    (folder / "rows.csv").write_text(
        "name,source,ids,start,end,seed,now,tweets\n"
        f"one,sandbox,ids.txt,{case.start:%Y-%m-%d},{case.end:%Y-%m-%d},{case.seed},"
        f"{case.NOW.isoformat()},{case.tweets}\n"
    )
    words = ["batch", str(folder / "rows.csv"), "-o", str(folder / "batch"), "--no-progress"]
    report = folder / "batch" / "reports" / "one"
    assert cli.run(words) == 0
    assert answer(_gap_json(report)) == right
    index = BeautifulSoup((folder / "batch" / "index.html").read_text("utf-8"), "html.parser")
    cells = index.get_text(" ")
    for text in (f"{told['gap']['engagements']:,}", shown.point):
        assert text in cells
    # A batch that was killed before its report was written goes on, and fetches nothing again.
    store = Store(folder / "batch")
    store.publish_record("batch.json", {**store.read_record("batch.json"), "ended": False})
    (report / "made.json").unlink()
    (report / "gap.json").unlink()
    requests = json.loads((folder / "batch" / "summary.json").read_text())["fetched"]
    assert cli.run(words) == 0
    assert answer(_gap_json(report)) == right
    assert json.loads((folder / "batch" / "summary.json").read_text())["fetched"] == requests
