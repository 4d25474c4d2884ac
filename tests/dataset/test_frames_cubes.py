"""Regular answers read from their bytes: never other than what the plain way gives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement_nb.apis.times import snowflake
from engagement_nb.client import cubes
from engagement_nb.client.cubes import read_cube
from engagement_nb.dataset.frames import TIME, response_table, to_frame
from engagement_nb.errors import ServerTroubleError

NAMES = ("favorites", "impressions", "url_clicks")
FIRST = datetime(2026, 10, 1, 5, tzinfo=UTC)
COUNTS = ["0", "0", "0", "1", "7", "42", "12345", "999999999999999999"]
ODD = [0, 12, "", "-1", "1.5", "1e3", " 1", "٣", None, True, [], {}, "9" * 19, 2**63, "}", ':"1']


def answer(random: Random, tweets: int, metrics: int, steps: int, by: Any) -> dict[str, Any]:
    """A response whose Tweets all have the same metrics and times."""
    moments = [FIRST + timedelta(hours=n * (1 if by == "hour" else 24)) for n in range(steps)]
    groups: dict[str, Any] = {}
    for n in range(tweets):
        groups[str(snowflake(FIRST, n))] = values = {}
        for name in NAMES[:metrics]:
            days: Any = {}
            for moment in moments:
                day, count = f"{moment:%Y-%m-%d}", random.choice(COUNTS)
                if by == "hour":
                    days.setdefault(day, {})[f"{moment:%H}"] = count
                else:
                    days[day] = count
            values[name] = days if by else random.choice(COUNTS)
    beside = {"start": "2026-10-01T05:00:00Z", "unavailable_tweet_ids": ["1"], "errors": ["x: {}"]}
    pairs = [*random.sample(sorted(beside.items()), random.randint(0, 3)), ("metrics", groups)]
    random.shuffle(pairs)
    return dict(pairs)


def spoil(random: Random, document: dict[str, Any]) -> None:
    """Change something in one place of the groups."""
    here = document["metrics"]
    while True:
        key = random.choice(list(here))
        inner = here[key]
        if isinstance(inner, dict) and inner and random.random() < 0.7:
            here = inner
            continue
        kind = random.choice(["odd", "drop", "rename", "add"])
        if kind in ("drop", "rename"):
            del here[key]
        if kind != "drop":
            name = (
                key if kind == "odd" else random.choice(["x", "07", 'a"b', "a:", "", "2026-10-09"])
            )
            here[name] = inner if kind != "odd" else random.choice(ODD)
        return


def plain(raw: bytes, names: tuple[str, ...], by: Any) -> Any:
    try:
        return response_table(orjson.loads(raw)["metrics"], names, by)
    except (ServerTroubleError, orjson.JSONDecodeError, KeyError):
        return None


shapes = given(
    st.integers(1, 5), st.integers(1, 3), st.integers(1, 30),
    st.sampled_from([None, "day", "hour"]), st.integers().map(Random),
)  # fmt: skip


@shapes
@settings(max_examples=80, deadline=None)
def test_a_regular_response_is_read_from_its_bytes(
    tweets: int, metrics: int, steps: int, by: Any, random: Random
) -> None:
    document = answer(random, tweets, metrics, steps, by)
    raw = orjson.dumps(document) + random.choice([b"", b"\n"])
    found = read_cube(raw, "metrics", NAMES[:metrics], by)
    assert found is not None
    beside, cube = found
    assert beside == {**document, "metrics": {}}
    assert response_table(cube, NAMES[:metrics], by).equals(plain(raw, NAMES[:metrics], by))


@shapes
@settings(max_examples=400, deadline=None)
def test_an_irregular_response_is_read_like_the_plain_way_or_left_to_it(
    tweets: int, metrics: int, steps: int, by: Any, random: Random
) -> None:
    document = answer(random, tweets, metrics, steps, by)
    for _ in range(random.randint(0, 2)):
        if document["metrics"]:
            spoil(random, document)
    raw = bytearray(orjson.dumps(document, option=random.choice([0, 0, orjson.OPT_INDENT_2])))
    for _ in range(random.randint(0, 2)):
        raw[random.randrange(len(raw))] = random.choice(b'"{}:,0919\\ ')
    names = NAMES[: random.randint(1, 3)]
    asked_by = random.choice([by, by, None, "day", "hour"])
    found = read_cube(bytes(raw), "metrics", names, asked_by)
    if found is not None:
        beside, cube = found
        assert beside == {**orjson.loads(raw), "metrics": {}}
        expected = plain(bytes(raw), names, asked_by)
        assert expected is not None
        keys = [
            (name, "ascending") for name in ("tweet_id", "time") if name in expected.schema.names
        ]
        table = response_table(cube, names, asked_by)
        assert table.sort_by(keys).equals(expected.sort_by(keys))


def test_pieces_of_any_size_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = {
        str(snowflake(FIRST, n)): {
            name: {f"2026-10-{day:02}": {f"{hour:02}": str(7**hour) for hour in range(20)}
                   for day in range(1, 20)} for name in NAMES
        } for n in range(3)
    }  # fmt: skip
    raw = orjson.dumps({"metrics": groups})
    for size in (1, 50, 1_000, 10_000_000):
        monkeypatch.setattr(cubes, "_PIECE", size)
        found = read_cube(raw, "metrics", NAMES, "hour")
        assert found is not None
        assert response_table(found[1], NAMES, "hour").equals(plain(raw, NAMES, "hour"))


@pytest.mark.parametrize(
    "raw",
    [
        b'{"metrics":{"1":{"favorites":"1"},"1":{"favorites":"2"}}}',
        b'{"metrics":{"1":{"favorites":"1","favorites":"2"}}}',
        b'{"metrics":{"1":{"favorites":"1"}},"metrics":{}}',
        b'{"errors":[{"metrics":{"1":{"favorites":"1"}}}],"metrics":{}}',
        b'{"metrics":{"1":{"favorites":"1"}},"errors":["\\""]}',
        b'{"metrics":{"1":{"favorites":"1"}}',
        b'{"metrics":{"one":{"favorites":"1"}}}',
        b'{"metrics":{}}',
        b"{}",
        b"",
    ],
)
def test_an_irregular_response_is_left_to_the_plain_way(raw: bytes) -> None:
    assert read_cube(raw, "metrics", ("favorites",), None) is None


def test_some_tweets_of_a_cube() -> None:
    raw = b'{"metrics":{"1":{"favorites":"1"},"2":{"favorites":"2"},"3":{"favorites":"3"}}}'
    found = read_cube(raw, "metrics", ("favorites",), None)
    assert found is not None
    table = response_table(found[1].only({"3", "1"}), ("favorites",))
    assert table.to_pydict() == {"tweet_id": ["1", "3"], "favorites": [1, 3]}
    assert len(response_table(found[1].only(set()), ("favorites",))) == 0


@given(st.integers(1, 4), st.integers(1, 3), st.integers().map(Random))
@settings(max_examples=20, deadline=None)
def test_long_runs_are_put_in_order_as_short_ones(tweets: int, parts: int, random: Random) -> None:
    rows = [(str(n), part * 200 + hour) for part in range(parts) for n in range(tweets)
            for hour in range(200)]  # fmt: skip
    pieces = [rows[at : at + 200] for at in range(0, len(rows), 200)]
    random.shuffle(pieces)
    given_rows = [row for piece in pieces for row in piece]
    table = pa.table(
        {
            "tweet_id": pa.array([tweet_id for tweet_id, _ in given_rows]),
            "time": pa.array([time for _, time in given_rows], pa.int64()).cast(TIME),
        }
    )
    ordered = to_frame(table)
    times = ordered["time"].astype("int64").tolist()
    assert list(zip(ordered["tweet_id"], times, strict=True)) == sorted(rows)
