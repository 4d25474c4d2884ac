"""What a dataset covers is known for each Tweet and period, and nothing counts twice."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from engagement_nb.apis.reasons import Reason
from engagement_nb.apis.times import snowflake
from engagement_nb.client import Request
from engagement_nb.client.credentials import Profile
from engagement_nb.dataset import Dataset, Part, RunRecord, World
from engagement_nb.dataset.coverage import Span, choose, spans_of
from engagement_nb.dataset.frames import TIME
from engagement_nb.errors import DatasetError, InputError
from engagement_nb.metrics.periods import gaps_between
from engagement_nb.metrics.problems import ProblemLog
from engagement_nb.sources import connect

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)
OLD = [str(snowflake(OCTOBER - 30 * DAY) + n) for n in range(4)]
"""Tweets posted before every period here."""


def count_of(tweet_id: str, hour: datetime) -> int:
    """Engagements of a Tweet in an hour, in a world of these tests."""
    return (int(tweet_id) + int(hour.timestamp()) // 3600) % 97


def truth(tweet_ids: Sequence[str], start: datetime, end: datetime) -> int:
    hours = (end - start) // HOUR
    return sum(count_of(t, start + n * HOUR) for t in tweet_ids for n in range(hours))


def fetched(
    dataset: Dataset,
    tweet_ids: Sequence[str],
    *windows: tuple[datetime, datetime],
    by: str | None = "day",
    problems: ProblemLog | None = None,
    metrics: tuple[str, ...] = ("engagements",),
    scale: int = 1,
    read_at: datetime = datetime(2026, 11, 4, tzinfo=UTC),
) -> RunRecord:
    """Store a fetch of these windows, as a finished run does."""
    start, end = windows[0][0], windows[-1][1]
    record = RunRecord(
        f"{start}{end}{tweet_ids}{by}{metrics}{read_at}", "historical", by, metrics,  # type: ignore[arg-type]
        windows, start, end, datetime.now(UTC),
    )  # fmt: skip
    writer = dataset.begin(record)
    for first, last in windows:
        rows = []
        for tweet_id in tweet_ids:
            hours = [first + n * HOUR for n in range((last - first) // HOUR)]
            frame = pd.DataFrame({"time": hours})
            frame["count"] = [scale * count_of(tweet_id, hour) for hour in hours]
            frame["tweet_id"] = tweet_id
            if by == "day":
                frame["time"] = frame["time"].dt.floor("D")
            keys = ["tweet_id", "time"] if by else ["tweet_id"]
            rows.append(frame.groupby(keys, as_index=False)["count"].sum())
        found = pd.concat(rows)
        columns = {"tweet_id": pa.array(found["tweet_id"], pa.string())}
        if by:
            columns["time"] = pa.array(found["time"].dt.tz_convert("UTC")).cast(TIME)
        columns |= {name: pa.array(found["count"], pa.int64()) for name in metrics}
        columns["read_at"] = pa.array([read_at] * len(found), TIME)
        request = Request("historical", tuple(tweet_ids), metrics, Profile("owner", user_id="1"),
                          by, first, last)  # type: ignore[arg-type] # fmt: skip
        writer.put(Part.of(request, read_at, table=pa.table(columns)))
    writer.close(problems or ProblemLog(), done=True)
    return record


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset.create(tmp_path / "ds", "sandbox")


def total(dataset: Dataset, **options: object) -> int:
    found = dataset.read("historical", **options)  # type: ignore[arg-type]
    return int(found.frame["engagements"].sum())


@pytest.mark.parametrize("by", ["day", "hour"])
def test_days_of_overlapping_fetches_that_begin_at_any_hour_add_up(
    dataset: Dataset, by: str
) -> None:
    """A day that one fetch covers in part does not replace the whole day of another."""
    noon = OCTOBER + 10 * DAY + 15 * HOUR
    midnight = OCTOBER + 10 * DAY
    end = OCTOBER + 20 * DAY
    fetched(dataset, OLD, (midnight, end), by=by, read_at=datetime(2026, 11, 1, tzinfo=UTC))
    fetched(dataset, OLD, (OCTOBER, noon), by=by, read_at=datetime(2026, 11, 2, tzinfo=UTC))
    found = dataset.read("historical", by=by)
    assert found.frame["engagements"].sum() == truth(OLD, OCTOBER, end)
    assert found.problems.empty
    assert found.account.coverage is not None
    assert (found.account.coverage.whole, found.account.coverage.partial) == (4, 0)
    assert found.account.balanced


def test_two_halves_of_a_day_are_one_day(dataset: Dataset) -> None:
    noon, end = OCTOBER + 5 * DAY + 12 * HOUR, OCTOBER + 9 * DAY
    fetched(dataset, OLD, (OCTOBER, noon))
    fetched(dataset, OLD, (noon, end))
    found = dataset.read("historical", by="day")
    assert len(found.frame) == 9 * len(OLD)
    assert found.frame["engagements"].sum() == truth(OLD, OCTOBER, end)
    assert found.problems.empty


def test_a_hole_between_fetches_is_named(dataset: Dataset) -> None:
    a, b, c, d = (OCTOBER + n * DAY for n in (0, 7, 14, 21))
    fetched(dataset, OLD, (a, b))
    fetched(dataset, OLD, (c, d))
    found = dataset.read("historical", by="day")
    assert found.frame["engagements"].sum() == truth(OLD, a, b) + truth(OLD, c, d)
    assert found.account.coverage is not None
    assert found.account.coverage.holes == ((b, c),)
    assert (found.account.coverage.whole, found.account.coverage.partial) == (0, 4)
    told = found.problems
    assert list(told["scope"].unique()) == ["period"]
    assert list(told["reason"].unique()) == [Reason.NOT_FETCHED.value]
    assert set(told["tweet_id"]) == {*OLD}
    assert "2026-10-08 00:00 to 2026-10-15 00:00" in told["detail"].iloc[0]


def test_two_lists_of_tweets_fetched_for_half_a_month_each_are_partial(dataset: Dataset) -> None:
    a, b, c = OCTOBER, OCTOBER + 14 * DAY, OCTOBER + 28 * DAY
    fetched(dataset, OLD[:2], (a, b))
    fetched(dataset, OLD[2:], (b, c))
    found = dataset.read("historical", by="day")
    assert found.account.coverage is not None
    assert found.account.coverage.partial == 4
    assert found.account.coverage.holes == ()
    details = found.problems.set_index("tweet_id")["detail"]
    assert details[OLD[0]] == "2026-10-15 00:00 to 2026-10-29 00:00 UTC"
    assert details[OLD[3]] == "2026-10-01 00:00 to 2026-10-15 00:00 UTC"
    half = dataset.read("historical", by="day", start=a, end=b)
    assert set(half.frame["tweet_id"]) == {*OLD[:2]}
    whole = half.problems[half.problems["scope"] == "tweet"]
    assert set(whole["tweet_id"]) == {*OLD[2:]}
    assert half.about.notes == ()
    assert half.account.rows_named == {Reason.NOT_FETCHED.value: 2}
    assert half.account.balanced


def test_a_period_that_was_never_fetched_lacks_every_tweet(dataset: Dataset) -> None:
    fetched(dataset, OLD, (OCTOBER, OCTOBER + 7 * DAY))
    found = dataset.read("historical", by="day", start="2026-09-10", end="2026-09-20")
    assert found.frame.empty
    assert set(found.problems["tweet_id"]) == {*OLD}
    assert set(found.problems["scope"]) == {"tweet"}
    assert found.account.coverage is not None
    assert len(found.account.coverage.holes) == 1
    one = dataset.read(
        "historical", by="day", tweet_ids=OLD[:1], start="2026-09-10", end="2026-09-20"
    )
    assert list(one.problems["tweet_id"]) == OLD[:1]
    later = dataset.read("historical", by="day", start="2025-09-10", end="2025-09-20")
    assert set(later.problems["reason"]) == {Reason.POSTED_LATER.value}
    assert set(later.problems["detail"]) == {"2025-09-10 00:00 to 2025-09-20 00:00 UTC"}


def test_a_gap_that_a_fetch_explains_is_named_once_and_the_rest_is_not_fetched(
    dataset: Dataset,
) -> None:
    a, b, c, d = (OCTOBER + n * DAY for n in (0, 7, 14, 21))
    lacking = ProblemLog()
    lacking.add(OLD[:2], Reason.NO_ANSWER, "period", detail="its words")
    fetched(dataset, OLD, (a, b))
    fetched(dataset, OLD[2:], (b, c), problems=lacking)
    fetched(dataset, [OLD[0], *OLD[2:]], (c, d))
    told = dataset.read("historical", by="day").problems
    assert [tuple(row) for row in told[["tweet_id", "scope", "reason", "detail"]].to_numpy()] == [
        (OLD[0], "period", "no answer", "its words"),
        (OLD[1], "period", "no answer", "its words"),
        (OLD[1], "period", "not fetched", "2026-10-08 00:00 to 2026-10-22 00:00 UTC"),
    ]


def test_a_tweet_posted_after_a_hole_is_whole(dataset: Dataset) -> None:
    a, b, c, d = (OCTOBER + n * DAY for n in (0, 7, 14, 21))
    late = str(snowflake(c + 5 * HOUR))
    fetched(dataset, OLD, (a, b))
    fetched(dataset, [*OLD, late], (c, d))
    found = dataset.read("historical", by="day")
    assert late not in set(found.problems["tweet_id"])
    assert found.account.coverage is not None
    assert found.account.coverage.whole == 1


def test_sums_of_touching_periods_add_up_and_those_of_a_part_are_left_out(
    dataset: Dataset,
) -> None:
    a, b, c = OCTOBER, OCTOBER + 14 * DAY, OCTOBER + 28 * DAY
    fetched(dataset, OLD, (a, b), by=None)
    fetched(dataset, OLD[:3], (b, c), by=None)
    assert total(dataset, start=a, end=c) == truth(OLD[:3], a, c)
    found = dataset.read("historical", start=a, end=c)
    assert set(found.frame["tweet_id"]) == {*OLD[:3]}
    assert list(found.problems["tweet_id"]) == [OLD[3]]
    assert list(found.problems["scope"]) == ["tweet"]
    # By default, sums are of the period of the newest fetch.
    assert total(dataset) == truth(OLD[:3], b, c)
    with pytest.raises(InputError) as refused:
        dataset.read("historical", start=a, end=b - DAY)
    assert str(refused.value) == (
        "No sums over that period were fetched. There are: 2026-10-01 00:00 to 2026-10-15 00:00"
        " UTC; 2026-10-15 00:00 to 2026-10-29 00:00 UTC."
    )


def test_a_period_within_a_day_comes_from_hours_or_is_refused(dataset: Dataset) -> None:
    a, b = OCTOBER, OCTOBER + 10 * DAY
    start, end = a + DAY + 7 * HOUR, a + 5 * DAY + 7 * HOUR
    fetched(dataset, OLD, (a, b))
    with pytest.raises(InputError) as refused:
        dataset.read("historical", by="day", start=start, end=end)
    assert str(refused.value) == (
        "The dataset has days in UTC, which cannot be cut at 2026-10-02 07:00 UTC."
        " Choose whole days in UTC, or fetch the period by hour."
    )
    with pytest.raises(InputError, match=r"no historical by hour, so no days of America"):
        dataset.read("historical", by="day", zone="America/Los_Angeles")
    fetched(dataset, OLD, (a, b), by="hour")
    assert total(dataset, by="day", start=start, end=end) == truth(OLD, start, end)
    found = dataset.read(
        "historical", by="day", start=start, end=end, zone="America/Los_Angeles"
    ).frame
    assert len(found) == 4 * len(OLD)
    assert set(found["time"].dt.hour) == {7}
    assert found["engagements"].sum() == truth(OLD, start, end)


def test_a_metric_that_another_fetch_knows_is_not_missing(dataset: Dataset) -> None:
    a, b = OCTOBER, OCTOBER + 3 * DAY
    lacking = ProblemLog()
    lacking.add(OLD, Reason.NEEDS_OWNER, "metrics", "impressions")
    fetched(dataset, OLD, (a, b), problems=lacking)
    fetched(dataset, OLD, (a, b), metrics=("engagements", "impressions"))
    found = dataset.read("historical", by="day")
    assert found.frame["impressions"].notna().all()
    assert found.problems.empty


def test_the_chosen_spans_cover_most_without_overlapping() -> None:
    """As good as the best of all subsets, in random cases."""
    rng = random.Random(5)

    def span(start: int, end: int) -> Span:
        return OCTOBER + start * HOUR, OCTOBER + end * HOUR

    def length(spans: Sequence[Span]) -> int:
        return sum((end - start for start, end in spans), timedelta()) // HOUR

    for _ in range(300):
        starts = [rng.randrange(12) for _ in range(rng.randrange(6))]
        spans = [span(start, start + rng.randrange(1, 7)) for start in starts]
        best = 0
        for bits in range(2 ** len(spans)):
            some = sorted(each for n, each in enumerate(spans) if bits >> n & 1)
            if all(one[1] <= two[0] for one, two in pairwise(some)):
                best = max(best, length(some))
        chosen = choose(spans)
        assert length(chosen) == best
        assert all(one[1] <= two[0] for one, two in pairwise(chosen))
        assert {*chosen} <= {*spans}
        assert length(gaps_between(chosen, span(0, 20))) == 20 - best
    assert choose([span(0, 2), span(2, 4), span(0, 4)]) == [span(0, 4)]
    assert spans_of(span(5, 9), None) == [span(5, 9)]


def test_random_fetches_count_each_hour_once(tmp_path: Path) -> None:
    """By day or hour, figures are the truth of the hours that are not named as missing."""
    rng = random.Random(7)
    for case in range(12):
        by = rng.choice(["day", "hour"])
        dataset = Dataset.create(tmp_path / f"ds{case}", "sandbox")
        windows = []
        for _ in range(rng.randrange(1, 5)):
            start = OCTOBER + rng.randrange(20 * 24) * HOUR
            windows.append((start, start + rng.randrange(1, 10 * 24) * HOUR))
            fetched(dataset, OLD[:2], windows[-1], by=by)
        found = dataset.read("historical", by=by)
        start, end = min(a for a, _ in windows), max(b for _, b in windows)
        covered = [
            hour for hour in (start + n * HOUR for n in range((end - start) // HOUR))
            if any(a <= hour < b for a, b in windows)
        ]  # fmt: skip
        most = sum(count_of(t, hour) for t in OLD[:2] for hour in covered)
        named = found.account.coverage
        assert named is not None
        got = found.frame["engagements"].sum()
        # Partial days may overlap so that no choice has all their hours; then they are named.
        assert got == most if by == "hour" else got <= most
        assert (found.problems.empty) == (got == truth(OLD[:2], start, end))


# --- a dataset knows its world


def test_a_dataset_refuses_figures_of_another_world(tmp_path: Path) -> None:
    where = tmp_path / "ds"
    now = datetime(2026, 11, 4, 15, tzinfo=UTC)
    Dataset.create(where, "sandbox", World(7, 20_000, now))
    for other in (World(8, 20_000, now), World(7, 500, now), World(7, 20_000, now - DAY)):
        with pytest.raises(DatasetError, match="another world or a later moment") as refused:
            Dataset.create(where, "sandbox", other)
        assert refused.value.advice == "Choose another folder, or the world of the dataset."
    later = World(7, 20_000, now + DAY)
    Dataset.create(where, "sandbox", later)
    assert Dataset.open(where).world == later
    assert str(later) == (
        "Sandbox world: seed 7, 20,000 Tweets, standing still at 2026-11-05 15:00 UTC."
    )
    assert str(World(8, 500)) == "Sandbox world: seed 8, 500 Tweets, at this moment."


def test_a_pinned_world_is_reread_at_its_own_present(tmp_path: Path) -> None:
    """The last month is that of the world, whatever the clock of this machine says."""
    with connect("sandbox", seed=7, now="2026-03-04T15:00", tweets=2_000,
                 dataset=tmp_path / "ds") as source:  # fmt: skip
        ids = source.tweet_ids(count=60)
        first = source.historical(ids, period="last month", by="day")
    assert len(first)
    again = connect(tmp_path / "ds").historical(period="last month", by="day")
    assert again.frame["engagements"].sum() == first.frame["engagements"].sum()
    assert again.account.world.startswith("Sandbox world: seed 7")
    with (
        connect("sandbox", seed=8, now="2026-03-04T15:00", tweets=2_000,
                dataset=tmp_path / "ds") as other,
        pytest.raises(DatasetError, match="another world"),
    ):  # fmt: skip
        other.totals()


def test_a_dataset_without_a_fetch_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Dataset.create(tmp_path / "ds", "sandbox")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(DatasetError, match="is empty"):
        connect("~/ds").tweet_ids()
