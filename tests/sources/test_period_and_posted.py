"""`period` is when people engaged, `posted` when Posts were posted: alike for every source."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engagement_nb import connect
from engagement_nb.errors import InputError
from engagement_nb.sources import SandboxSource, Source
from tests.tables.kinds import header, rows, text

pytestmark = pytest.mark.xdist_group("posted")

WORLD: dict[str, Any] = {"seed": 7, "now": "2026-11-04T15:00", "tweets": 600}


@pytest.fixture(scope="module")
def sandbox_source() -> Iterator[SandboxSource]:
    with connect("sandbox", **WORLD) as source:
        yield source


@pytest.fixture(scope="module")
def sources(
    sandbox_source: SandboxSource, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Source]:
    """The same totals as a sandbox, a table and a dataset."""
    folder = tmp_path_factory.mktemp("sources")
    ids = sandbox_source.tweet_ids(count=600)
    sandbox_source.totals(ids).to_csv(folder / "mine.csv")
    with connect("sandbox", dataset=folder / "kept", **WORLD) as keeping:
        keeping.totals(ids)
        keeping.historical(ids, period="2026-10", by="day")
    return {
        "sandbox": sandbox_source,
        "table": connect(folder / "mine.csv"),
        "dataset": connect(folder / "kept"),
    }


@pytest.mark.parametrize("zone", [None, "Asia/Kathmandu", "America/Los_Angeles"])
def test_posts_of_a_month_are_the_same_in_every_source(
    sources: dict[str, Source], zone: str | None
) -> None:
    """A filter on `created_at` with the months of the zone, and the account names the others."""
    place = ZoneInfo(zone or "UTC")
    whole = sources["table"].totals()
    times = whole.frame["created_at"].dt.tz_convert(place)
    right = set(whole.frame.loc[times.dt.strftime("%Y-%m") == "2026-09", "tweet_id"])
    assert 5 < len(right) < len(whole)
    for name, source in sources.items():
        found = source.totals(posted="2026-09", zone=zone)
        assert set(found.frame["tweet_id"]) == right, name
        assert "posted outside of 2026-09" in found.account.rows_named, name
        assert found.account.options["posted"] == "2026-09"
        assert {*found.problems["tweet_id"]} <= right


def test_months_of_posting_add_up_to_the_whole(sources: dict[str, Source]) -> None:
    for source in sources.values():
        whole = source.totals(posted="last 3 months") if source.sandbox else None
        months = [source.totals(posted=month) for month in ("2026-08", "2026-09", "2026-10")]
        assert sum(map(len, months)) > 0
        if whole is not None and source.name == "sandbox":
            assert sum(map(len, months)) == len(whole)


def test_posted_can_be_combined_with_a_period(sources: dict[str, Source]) -> None:
    for name in ("sandbox", "dataset"):
        found = sources[name].historical(period="2026-10", posted="2026-09", by="day")
        assert found.about.start == datetime(2026, 10, 1, tzinfo=UTC)
        assert set(found.frame["created_at"].dt.strftime("%Y-%m")) == {"2026-09"}
        assert found.account.options == {"by": "day", "period": "2026-10", "posted": "2026-09"}


@pytest.fixture
def daily(tmp_path: Path) -> Source:
    (tmp_path / "days.csv").write_text(text(header("daily"), rows("daily", 60)), "utf-8")
    return connect(tmp_path / "days.csv")


def test_a_file_by_day_answers_a_period_and_says_that_it_cannot_tell_posts(daily: Source) -> None:
    times = daily.totals().frame["time"]
    month = f"{times.iloc[len(times) // 2]:%Y-%m}"
    found = daily.historical(period=month)
    assert set(found.frame["time"].dt.strftime("%Y-%m")) == {month}
    assert len(found) == (times.dt.strftime("%Y-%m") == month).sum()
    assert found.account.rows_named[f"outside of {month}"] == len(times) - len(found)
    assert len(daily.gather(period=month)[0]) == len(found)
    for call, words in (
        (lambda: daily.totals(posted=month), "Use period= for when people engaged"),
        (lambda: daily.historical(period="1999-01"), "no figures of that period"),
        (lambda: daily.historical(period=month, zone="Asia/Tokyo"), "has whole days"),
        (lambda: daily.historical(period=month, by="hour"), "by='hour' has no effect"),
        (lambda: daily.last_28_hours(), "cannot tell the last hours"),
    ):
        with pytest.raises(InputError, match=words):
            call()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"endpoint": "totals", "period": "2026-10"}, "period='2026-10' has no effect"),
        ({"endpoint": "28hr", "start": "2026-10-01"}, "start='2026-10-01' has no effect"),
        ({"zone": "Asia/Tokyo"}, "zone='Asia/Tokyo' has no effect without dates"),
        ({"endpoint": "totals", "by": "day"}, "totals gives no series|by=|no totals by"),
        ({"posted": "1999-01"}, "No Post was posted in '1999-01'"),
        ({"posted": "next week"}, "'next week' is not a period"),
    ],
)
def test_an_option_without_effect_is_refused(
    sources: dict[str, Source], options: dict[str, Any], words: str
) -> None:
    # By day, as this dataset is, a zone is that of the days.
    chosen = ("sandbox",) if "zone" in options else ("sandbox", "dataset")
    for name in chosen:
        with pytest.raises(InputError, match=words):
            sources[name].gather(**options)


def test_a_table_by_tweet_says_that_it_answers_posted(sources: dict[str, Source]) -> None:
    for question in ({"period": "2026-10"}, {"start": "2026-10-01"}):
        with pytest.raises(InputError, match="Use posted= for Posts of a period"):
            sources["table"].gather(**question)  # type: ignore[arg-type]


def test_ids_without_rows_in_a_frame_of_days_are_named(sources: dict[str, Source]) -> None:
    """Nothing is cut out of an empty table, whose first day is not known."""
    days = connect(sources["dataset"].historical(by="day").frame)
    found = days.historical(["20", "30"])
    assert len(found) == 0
    assert set(found.problems["reason"]) == {"not in this source"}
    assert found.account.balanced


def test_totals_that_cannot_be_read_beside_the_figures_are_named(tmp_path: Path) -> None:
    with connect("sandbox", dataset=tmp_path / "kept", **WORLD) as keeping:
        keeping.historical(keeping.tweet_ids(count=5), period="2026-10")
    figures, totals = connect(tmp_path / "kept").gather()
    assert totals is None
    assert any("There are no totals beside these figures" in note for note in figures.about.notes)


@pytest.mark.parametrize("option", [{"profile": "a"}, {"dataset": "x"}, {"max_handles": 3}])
def test_a_dataset_and_a_file_refuse_options_of_a_fetch(
    tmp_path: Path, option: dict[str, Any], sources: dict[str, Source]
) -> None:
    with connect("sandbox", dataset=tmp_path / "kept", **WORLD) as keeping:
        keeping.totals(keeping.tweet_ids(count=2))
        keeping.totals().to_csv(tmp_path / "mine.csv")
    name = next(iter(option))
    with pytest.raises(InputError, match=f"has no option {name}"):
        connect(tmp_path / "kept", **option)
    if name != "profile":
        with pytest.raises(InputError, match=f"has no option {name}"):
            connect(tmp_path / "mine.csv", **option)


def test_a_dataset_below_the_home_folder_is_known_by_its_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with connect("sandbox", dataset=tmp_path / "ds", **WORLD) as keeping:
        keeping.totals(keeping.tweet_ids(count=2))
    assert connect("~/ds").name == "dataset"


def test_the_sandbox_is_never_reached_by_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with connect("sandbox", **WORLD) as source:
        assert len(source.totals(source.tweet_ids(count=3))) == 3


def test_any_name_of_a_metric_is_understood(sources: dict[str, Source]) -> None:
    for source in sources.values():
        found = source.totals(metrics=["likes", "Reposts"])
        assert found.metric_names == ["favorites", "retweets"]
        assert found["Likes"].equals(found.frame["favorites"])
        with pytest.raises(InputError, match="no metric"):
            source.totals(metrics=["lkies"])


def test_the_repr_of_a_source_names_its_place_and_period(sources: dict[str, Source]) -> None:
    assert "mine.csv" in repr(sources["table"])
    assert "2026-10-01 00:00 to 2026-11-01 00:00 UTC" in repr(sources["dataset"])
    assert "seed 7" in repr(sources["sandbox"])
