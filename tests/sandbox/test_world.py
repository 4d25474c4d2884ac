"""The world behind the sandbox: laws that hold for every seed."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement_nb.apis.engagement import METRICS
from engagement_nb.apis.times import tweet_time
from engagement_nb.sandbox import KINDS, Sandbox, Settings
from engagement_nb.sandbox.counters import COUNTED, HIDDEN, NAMES
from engagement_nb.sandbox.timeline import HOUR_MS
from engagement_nb.sandbox.world import World
from tests.sandbox.helpers import post

NOW = datetime(2026, 11, 20, 21, 40, 12, tzinfo=UTC)
ALL = [*NAMES, "engagements"]
PUBLIC = [name for name in COUNTED if name not in HIDDEN]
seeds = st.integers(0, 2**40)
sizes = st.sampled_from([1, 2, 7, 1_000, 20_000, 10_000_000, 10**9])
few = settings(max_examples=25, deadline=None)


def world_of(seed: int = 1, tweets: int = 20_000, now: datetime = NOW, **options: Any) -> World:
    return World(Settings(seed=seed, tweets=tweets, clock=lambda: now, **options))


def sample(world: World, count: int = 40) -> Any:
    return world.tweets(np.unique(np.linspace(0, world.size() - 1, count).astype(np.int64)))


@few
@given(seed=seeds, tweets=sizes)
def test_ids_are_ordered_snowflakes_and_find_their_tweets(seed: int, tweets: int) -> None:
    world = world_of(seed, tweets)
    found = sample(world, 300)
    assert (np.diff(found.ids) > 0).all()
    assert (world.find(found.ids) == found.index).all()
    assert (world.find(found.ids + 1) == -1).all()
    assert (world.find(found.ids - 1) == -1).all()
    first, last = tweet_time(int(found.ids[0])), tweet_time(int(found.ids[-1]))
    assert first is not None
    assert last is not None
    assert datetime(2013, 7, 1, tzinfo=UTC) <= first <= last <= NOW


@few
@given(seed=seeds, tweets=sizes)
def test_a_world_has_its_size_on_2026_10_01_and_keeps_growing(seed: int, tweets: int) -> None:
    anchor = datetime(2026, 10, 1, tzinfo=UTC)
    # Steps are whole milliseconds, which tells in the largest worlds.
    assert world_of(seed, tweets, anchor).size() == pytest.approx(tweets, rel=0.002, abs=1)
    for now in (anchor, datetime(2015, 1, 1, tzinfo=UTC), NOW):
        world = world_of(seed, tweets, now)
        size, at = world.size(), world.now_ms()
        if size:
            assert world.posted_ms(np.array([size - 1]))[0] <= at
        if size != world.archive_size:
            assert world.posted_ms(np.array([size]))[0] > at


@few
@given(seed=seeds, hours=st.integers(0, 24 * 400))
def test_ids_stay_the_same_at_another_moment(seed: int, hours: int) -> None:
    then, later = world_of(seed), world_of(seed, now=NOW + timedelta(hours=hours))
    ids = then.pick("own", 50)
    assert (later.find(np.array(ids, dtype=np.int64)) >= 0).all()
    assert then.pick("over-90-days", 20) == world_of(seed).pick("over-90-days", 20)


@few
@given(seed=seeds, tweets=st.sampled_from([1_000, 20_000, 10_000_000]))
def test_totals_are_the_sum_of_all_hours_and_hours_are_never_negative(
    seed: int, tweets: int
) -> None:
    world = world_of(seed, tweets)
    found = sample(world, 6)
    now = world.now_ms() / HOUR_MS
    first = int(found.posted_ms.min() // HOUR_MS)
    for place in range(len(found)):
        one = found.take(np.array([place]))
        begin = int(one.posted_ms[0] // HOUR_MS)
        edges = np.minimum(np.arange(max(first, begin - 30), now + 1.0), now)
        edges = np.append(edges[: 24 * 40], now)
        shown = world.cumulative(one, edges, ALL)[0]
        hours = np.diff(shown, axis=1)
        assert (shown[:, 0] == 0).all()
        assert (hours >= 0).all()
        assert (hours.sum(axis=1) == shown[:, -1]).all()


@few
@given(
    seed=seeds,
    skew=st.sampled_from([0.0, 30.0]),
    hidden=st.booleans(),
    hours=st.lists(st.integers(0, 4_000), min_size=2, max_size=6),
)
def test_engagements_are_counted_metrics_plus_hidden_interactions_in_every_hour(
    seed: int, skew: float, hidden: bool, hours: list[int]
) -> None:
    world = world_of(seed, hidden=hidden, skew_minutes=skew)
    found = sample(world, 30)
    edges = world.now_ms() / HOUR_MS - np.sort(np.array(hours, dtype=float))[::-1]
    shown = np.diff(world.cumulative(found, edges, ALL), axis=2)
    counted = shown[:, [ALL.index(name) for name in COUNTED]].sum(axis=1)
    concealed = shown[:, [ALL.index(name) for name in HIDDEN]].sum(axis=1)
    engagements = shown[:, -1]
    assert (engagements >= 0).all()
    if not skew:
        assert (engagements == counted).all()
    assert concealed.any() <= hidden
    outside = {"impressions", "media_views", "video_views"}
    assert set(METRICS) - set(COUNTED) - {"engagements"} == outside


def test_metrics_sometimes_exceed_engagements_with_skew_and_never_without() -> None:
    contradicted = {}
    for skew in (0.0, 30.0):
        world = world_of(3, hidden=False, skew_minutes=skew)
        found = world.tweets(np.arange(world.size() - 400, world.size()))
        truth = world.truth(found.ids.tolist())
        sums = sum(truth.of(name) for name in PUBLIC)
        contradicted[skew] = int((sums > truth.of("engagements")).sum())
    assert contradicted[0.0] == 0 < contradicted[30.0] < 200


@few
@given(seed=seeds, minutes=st.lists(st.integers(1, 3_000), min_size=3, max_size=8))
def test_counters_never_fall(seed: int, minutes: list[int]) -> None:
    moments = np.cumsum(np.array(minutes)) / 60.0
    world = world_of(seed, skew_minutes=10.0)
    found = sample(world, 20)
    edges = world.now_ms() / HOUR_MS - 100.0 + moments
    assert (np.diff(world.cumulative(found, edges, ALL), axis=2) >= 0).all()


def test_media_views_were_part_of_engagements_until_2017_10_09() -> None:
    world = world_of(5, hidden=False)
    until = world.size(int(datetime(2017, 9, 1, tzinfo=UTC).timestamp() * 1000))
    found = world.tweets(np.arange(until - 600, until))
    end = datetime(2017, 10, 9, tzinfo=UTC)
    for start, stop, part in (
        (datetime(2017, 8, 1, tzinfo=UTC), end, 1),
        (end, datetime(2018, 3, 1, tzinfo=UTC), 0),
    ):
        truth = world.truth(found.ids.tolist(), start, stop)
        known = sum(truth.of(name) for name in COUNTED if name not in HIDDEN) + part * truth.of(
            "media_views"
        )
        assert (truth.of("engagements") == known).all()
        assert truth.of("media_views").sum() > 0


@pytest.mark.parametrize("endpoint", ["totals", "28hr", "historical"])
def test_all_endpoints_read_the_same_counters(
    make_sandbox: Callable[..., Sandbox], endpoint: str
) -> None:
    running = make_sandbox(clock=lambda: NOW, seed=11)
    ids = running.ids("own", 20)
    types = ["impressions", "engagements", "favorites", "retweets", "replies"]
    response = post(running, endpoint, ids, types).json()
    named = [response.get(name) for name in ("start", "end")]
    window = [moment and datetime.fromisoformat(moment) for moment in named]
    truth = running.world.truth(ids, *window)
    for place, i in enumerate(ids):
        for name in types:
            assert int(response["g"][i][name]) == truth.of(name)[place]


def test_totals_equal_historical_over_a_life_that_fits_into_28_days(
    make_sandbox: Callable[..., Sandbox],
) -> None:
    running = make_sandbox(clock=lambda: NOW)
    ids = running.ids("own", 15)
    types = ["impressions", "engagements", "favorites", "retweets", "replies"]
    totals = post(running, "totals", ids, types).json()["g"]
    by_hour = post(
        running, "historical", ids, types,
        "tweet.id", "engagement.type", "engagement.day", "engagement.hour",
    ).json()["g"]  # fmt: skip
    recent = post(
        running, "28hr", ids, types,
        "tweet.id", "engagement.type", "engagement.day", "engagement.hour",
    ).json()["g"]  # fmt: skip
    for i in ids:
        for name in types:
            days = by_hour[i][name]
            assert sum(int(n) for row in days.values() for n in row.values()) == int(
                totals[i][name]
            )
            for day, row in recent[i][name].items():
                assert row.items() <= days[day].items()


def test_reach_is_heavy_tailed_and_interactions_depend_on_content() -> None:
    world = world_of(1, 1_000_000)
    found = world.tweets(np.arange(world.size() - 60_000, world.size() - 20_000, 4))
    truth = world.truth(found.ids.tolist())
    reach = truth.of("impressions")
    assert np.percentile(reach, 99.9) > 50 * np.median(reach)
    assert reach.max() > 400 * np.median(reach)
    for metric, part in (
        ("url_clicks", "url"),
        ("hashtag_clicks", "hashtag"),
        ("video_views", "video"),
    ):
        with_it = found.has(part)
        rate = truth.of(metric) / np.maximum(reach, 1)
        assert rate[with_it].mean() > 3 * rate[~with_it].mean()
    assert truth.of("poll_votes")[~found.has("poll")].sum() == 0
    assert truth.of("media_views")[~(found.has("image") | found.has("video"))].sum() == 0
    organic = np.median(
        (truth.of("engagements") / np.maximum(reach, 1))[~found.promoted & ~found.repost]
    )
    promoted = np.median((truth.of("engagements") / np.maximum(reach, 1))[found.promoted])
    assert promoted > 2 * organic
    share = sum(truth.of(name).sum() for name in HIDDEN) / truth.of("engagements").sum()
    assert 0.03 < share < 0.4


def test_impressions_decay_with_age_and_follow_the_day() -> None:
    world = world_of(2)
    found = world.tweets(np.arange(world.size() - 3_000, world.size() - 1_500))
    posted = (found.posted_ms // HOUR_MS).astype(int)
    by_age = [0, 24, 96, 600]
    seen = []
    for age in by_age:
        edges = np.array([posted.min() + 0.0])
        totals = 0
        for place in range(0, len(found), 25):
            one = found.take(np.array([place]))
            edges = posted[place] + np.array([age, age + 24.0])
            totals += int(np.diff(world.cumulative(one, edges, ["impressions"])[0, 0])[0])
        seen.append(totals)
    assert seen[0] > 3 * seen[1] > 9 * seen[2] > 0
    mine = found.take(found.account == 0)
    start = float(posted.max() // 24 * 24 + 48)
    hours = np.diff(
        world.cumulative(mine, start + np.arange(24.0 * 14 + 1), ["impressions"]), axis=2
    )[:, 0].sum(axis=0)
    by_hour = hours.reshape(14, 24).sum(axis=0)
    assert by_hour.max() > 2 * by_hour.min()


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_of_id_is_what_its_name_says(kind: str) -> None:
    world = world_of(1, accounts=4)
    ids = world.pick(kind, 30, account=1)
    assert len(ids) >= 20 if kind != "recent" else len(ids) >= 3
    assert len(set(ids)) == len(ids)
    truth, index = world.truth(ids), world.find(np.array(ids, dtype=np.int64))
    found = world.tweets(np.maximum(index, 0))
    age = (world.now_ms() - found.posted_ms) / 86_400_000
    mine, fine = found.account == 1, found.available & truth.exists
    parts = ("url", "hashtag", "mention", "image", "video", "poll", "app")
    checks = {
        "never-existed": ~truth.exists,
        "deleted": found.deleted & mine,
        "protected": found.protected & ~found.deleted,
        "others": fine & ~mine,
        "outsider": fine & (found.outsider),
        "recent": fine & mine & (age <= 28 / 24),
        "under-90-days": fine & mine & (age < 90),
        "over-90-days": fine & mine & (age > 90) & (age < 1800),
        "over-1800-days": fine & mine & (age > 1800),
        "before-2014-09": fine & mine & (found.posted_ms < 1_409_529_600_000),
        "before-2015-09": fine & mine & (found.posted_ms < 1_442_275_200_000),
        "no-url": fine & mine & ~found.has("url"),
        "hashtag-no-url": fine & mine & found.has("hashtag") & ~found.has("url"),
        "plain": fine & mine & (found.content[:, 1:].sum(axis=1) == 0),
        "promoted": fine & mine & found.promoted,
        "repost": fine & mine & found.repost,
        "own": fine & mine & ~found.repost,
        "mixed": np.ones(len(ids), dtype=bool),
        **{part: fine & mine & found.has(part) for part in parts},
    }
    assert checks[kind].all()
    if kind == "mixed":
        assert all(
            some.any()
            for some in (
                ~truth.exists,
                truth.tweets.deleted,
                ~mine & fine,
                found.outsider,
            )
        )


def test_an_unknown_kind_or_account_is_refused_by_name() -> None:
    world = world_of()
    with pytest.raises(ValueError, match="no kind 'weekly'"):
        world.pick("weekly", 1)
    with pytest.raises(ValueError, match="account must be 0 to 2"):
        world.pick("own", 1, account=3)


@pytest.mark.parametrize(
    "options",
    [
        {"tweets": 0}, {"accounts": 0}, {"window": "rolling"}, {"bare_numbers": 2.0},
        {"per_minute": 0}, {"rates": {"likes": 1.0}}, {"faults": ["505"]},
        {"faults": {"rates": {"drop": 2.0}}}, {"faults": {"rate": {}}},
    ],
    ids=str,
)  # fmt: skip
def test_invalid_options_are_refused_with_a_sentence(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"[.]$"):
        Sandbox(**options)


def test_ten_million_tweets_take_no_more_memory_than_ten_thousand() -> None:
    peaks = []
    for tweets in (10_000, 10_000_000):
        tracemalloc.start()
        world = world_of(1, tweets)
        world.truth(world.pick("own", 20))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_a_metric_can_be_made_very_rare() -> None:
    rare = world_of(1, rates={"replies": 0.001})
    usual = world_of(1)
    ids = usual.pick("own", 200)
    assert rare.truth(ids).of("replies").sum() * 50 < usual.truth(ids).of("replies").sum()
    assert (rare.truth(ids).of("favorites") == usual.truth(ids).of("favorites")).all()


class NumpyOf32Bits:
    """numpy as on a machine whose default integer has 32 bits."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def _narrow(value: Any) -> Any:
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31:
            return np.int32(value)
        return value

    def array(self, values: Any, dtype: Any = None) -> Any:
        made = np.array(values, dtype=dtype)
        plain = dtype is None and isinstance(values, list) and made.dtype == np.int64
        typed = plain and any(isinstance(value, np.generic) for value in values)
        narrow = plain and not typed and bool((np.abs(made) < 2**31).all())
        return made.astype(np.int32) if narrow else made

    def arange(self, *bounds: Any, dtype: Any = None) -> Any:
        made = np.arange(*bounds, dtype=dtype)
        return made.astype(np.int32) if dtype is None and made.dtype == np.int64 else made

    def where(self, condition: Any, yes: Any, no: Any) -> Any:
        return np.where(condition, self._narrow(yes), self._narrow(no))


@pytest.mark.parametrize("tweets", [300, 20_000])
def test_ids_and_counts_are_the_same_where_the_default_integer_has_32_bits(
    monkeypatch: pytest.MonkeyPatch, tweets: int
) -> None:
    def read() -> list[Any]:
        world = world_of(tweets=tweets)
        ids = world.pick("own", 60) + world.pick("never-existed", 5) + world.pick("mixed", 30)
        truth = world.truth(ids)
        numbers = world.ids(np.arange(20, dtype=np.int32))
        assert all(
            array.dtype == np.int64 for array in (numbers, truth.counts, truth.tweets.account)
        )
        assert (numbers > 0).all()
        return [world.size(), ids, numbers.tolist(), truth.counts.tolist()]

    expected = read()
    package = __import__("engagement_nb.sandbox").sandbox
    for module in vars(package).values():
        if getattr(module, "np", None) is np:
            monkeypatch.setattr(module, "np", NumpyOf32Bits())
    assert read() == expected
