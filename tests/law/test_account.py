"""The account of figures says the same by every road, and names what is not there."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from engagement_nb import cli, connect, explore_days, explore_gap
from engagement_nb.errors import InputError
from engagement_nb.sandbox import Sandbox
from engagement_nb.sources import SandboxSource
from tests.law.relations import answer, sums
from tests.tables.kinds import header, rows, text

pytestmark = pytest.mark.xdist_group("account")

PERIOD: dict[str, Any] = {"start": "2026-10-01", "end": "2026-10-08"}


@pytest.fixture(scope="module")
def world() -> Iterator[SandboxSource]:
    with connect("sandbox", seed=7, now="2026-11-04T15:00", tweets=400, in_process=True) as source:
        yield source


def by_day(path: Path, kind: str, *, without: slice = slice(0, 0)) -> Path:
    """A file of 60 days, of which some are missing."""
    lines = rows(kind, 60)
    del lines[without]
    path.write_text(text(header(kind), lines), "utf-8")
    return path


def ran(*words: Any) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = cli.run([str(word) for word in words])
    return code, out.getvalue(), err.getvalue()


@pytest.mark.parametrize("kind", ["daily", "overview"])
def test_days_that_a_file_lacks_are_missing(kind: str, tmp_path: Path) -> None:
    """They are holes of the account, problems, and said beside the totals."""
    source = connect(by_day(tmp_path / "days.csv", kind, without=slice(20, 30)))
    metrics = source.totals()
    assert metrics.account.coverage is not None
    assert len(metrics.account.coverage.holes) == 1
    assert "no figures from 2025-01-23 00:00 to 2025-02-02 00:00 UTC" in metrics.account.lines()
    assert [*metrics.problems["tweet_id"]] == [
        f"{day:%Y-%m-%d}" for day in pd.date_range("2025-01-23", periods=10)
    ]
    after = source.historical(start="2025-02-02")
    assert not len(after.problems)
    # More days are asked for than the file has.
    asked = source.historical(start="2025-02-02", end="2025-03-10")
    assert len(asked.problems) == 6
    if kind == "overview":
        days = explore_days(metrics)
        assert "10 days missing" in days.sentence
        assert days.trend("week")["partial"].sum() == 4


def test_a_whole_file_by_day_lacks_nothing(tmp_path: Path) -> None:
    metrics = connect(by_day(tmp_path / "days.csv", "overview")).totals()
    assert metrics.account.coverage is not None
    assert metrics.account.coverage.holes == ()
    assert not len(metrics.problems)
    assert "missing" not in explore_days(metrics).sentence


def test_a_report_of_days_says_which_are_missing(tmp_path: Path) -> None:
    """On its page, in its JSON, and by the exit code of --strict."""
    path = by_day(tmp_path / "days.csv", "overview", without=slice(20, 21))
    code, out, err = ran("report", path, "-o", tmp_path / "out", "--strict", "--json")
    assert code == 3
    assert "1 day is missing from the report" in err
    told = json.loads(out)
    assert told["account"]["coverage"]["holes"]
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "no figures from 2025-01-23" in page
    assert '<th scope="col">Days</th>' in page


def test_a_day_cannot_be_cut(tmp_path: Path) -> None:
    """A period that begins within a day is refused, for a file as for a dataset."""
    source = connect(by_day(tmp_path / "days.csv", "overview"))
    with pytest.raises(InputError, match="cannot be cut"):
        source.historical(start="2025-01-10T12:00", end="2025-02-01")


@pytest.mark.parametrize("by", [None, "day", "hour"])
def test_saved_figures_cover_what_the_fetched_ones_did(
    world: SandboxSource, by: Any, tmp_path: Path
) -> None:
    """The coverage of a file is that of the fetch; a part of its period is that part."""
    ids = world.tweet_ids(count=12)
    fetched = world.historical(ids, **PERIOD, by=by)
    fetched.to_csv(tmp_path / "saved.csv")
    fetched.frame.to_parquet(tmp_path / "saved.parquet")
    for name in ("saved.csv", "saved.parquet"):
        read = connect(tmp_path / name)
        assert read.totals().account.coverage == fetched.account.coverage
        assert read.totals().about.sandbox
        again = read.historical(**PERIOD)
        assert sums(again) == sums(fetched)
        assert answer(again) == answer(fetched)
    if by:
        part = {"start": "2026-10-03", "end": "2026-10-05"}
        assert sums(connect(tmp_path / "saved.csv").historical(**part)) == sums(
            world.historical(ids, **part)
        )


def test_the_world_is_in_the_account_with_and_without_a_dataset(tmp_path: Path) -> None:
    pinned: dict[str, Any] = {"seed": 7, "now": "2026-11-04T15:00", "tweets": 300}
    found = []
    for where in (None, tmp_path / "dataset"):
        with connect("sandbox", **pinned, dataset=where, in_process=True) as source:
            found.append(source.totals(source.tweet_ids(count=3)).account)
    found.append(connect(tmp_path / "dataset").totals().account)
    assert {each.world for each in found} == {found[0].world}
    assert "seed 7" in found[0].world


def test_a_dataset_has_only_the_posts_that_were_asked_for(tmp_path: Path) -> None:
    """A page of a timeline has others, too, which X API v2 gave without being asked."""
    pinned: dict[str, Any] = {"seed": 7, "now": "2026-11-04T15:00"}
    with connect("sandbox-v2", **pinned, dataset=tmp_path / "ds", in_process=True) as source:
        ids = source.tweet_ids()[5:15]
        asked = source.totals(ids)
    stored = connect(tmp_path / "ds").totals()
    assert sorted(stored.frame["tweet_id"]) == sorted(ids)
    assert answer(stored) == answer(asked) == answer(explore_gap([asked]))


def test_sums_of_other_periods_are_named(tmp_path: Path) -> None:
    """A dataset with sums of two periods gives the newest, and a note names the other."""
    pinned: dict[str, Any] = {"seed": 7, "now": "2026-11-04T15:00", "tweets": 300}
    with connect("sandbox", **pinned, dataset=tmp_path / "ds", in_process=True) as source:
        ids = source.tweet_ids(count=5)
        source.historical(ids, period="2026-09")
        newest = source.historical(ids, period="2026-10")
    read = connect(tmp_path / "ds").historical()
    assert sums(read) == sums(newest)
    assert "Not in these sums: those of 2026-09-01" in " ".join(read.about.notes)
    assert "Not in these sums" not in " ".join(newest.about.notes)


def test_rounded_moments_are_named(world: SandboxSource) -> None:
    notes = world.historical(
        world.tweet_ids(count=2), "2026-10-01T05:30", "2026-10-02T07:10"
    ).about.notes
    assert "The API counts whole hours: the period starts at 05:00 UTC." in notes
    assert "The API counts whole hours: the period ends at 08:00 UTC." in notes


def test_pieces_that_overlap_are_refused_and_keep_the_mark(world: SandboxSource) -> None:
    """Hours in two pieces would count twice; a made-up piece makes the whole made up."""
    ids = world.tweet_ids(count=6)
    frame = world.historical(ids, **PERIOD, by="hour").frame
    with pytest.raises(InputError, match="overlap"):
        explore_gap([frame.iloc[:300], frame.iloc[280:]])
    other = pd.DataFrame({"tweet_id": ["5"], "engagements": [3], "favorites": [1]})
    assert explore_gap([other, world.totals(ids)]).to_dict()["sandbox"]


def test_no_own_tweets_are_no_tweets(world: SandboxSource) -> None:
    """A count of 0 is 0, and not the default."""
    assert world.tweet_ids(count=0) == []
    assert len(world.tweet_ids(count=7)) == 7


def test_a_switch_given_twice_is_refused() -> None:
    code, _, err = ran("sandbox", "serve", "--port", "0", *["--set", 'faults=["500"]'] * 2)
    assert code in (1, 2)
    assert "is given twice" in err


def test_requests_of_a_report_are_one_number_and_its_folder_has_one_question(
    tmp_path: Path,
) -> None:
    """Its account and its line of requests say what the sandbox saw; a file then replaces all."""
    with (
        Sandbox(seed=7, now="2026-11-04T15:00", tweets=300) as sandbox,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in sandbox.env.items():
            patch.setenv(name, value)
        out = tmp_path / "out"
        words = ("report", "-p", "count", 20, "-p", "awkward", 0, "-o", out, "--json")
        told = json.loads(ran(*words)[1])
        seen = sum(sandbox.requests_seen[name] for name in ("totals", "28hr", "historical"))
    assert told["requests"] == told["account"]["requests"] == seen
    assert f"{seen} requests" in (out / "report.html").read_text("utf-8")
    told = json.loads(ran("report", by_day(tmp_path / "a.csv", "video"), "-o", out, "--json")[1])
    assert sorted(path.name for path in out.iterdir()) == sorted([*told["files"], "made.json"])


@pytest.mark.parametrize("name", ["Total", ""])
def test_a_row_of_sums_is_no_tweet(name: str, world: SandboxSource, tmp_path: Path) -> None:
    """A spreadsheet's last row has the sums of the others, which would count twice."""
    metrics = world.totals(world.tweet_ids(count=20))
    frame = metrics.frame.drop(columns="read_at").astype(object)
    last = {**metrics.frame[metrics.metric_names].sum().to_dict(), "tweet_id": name}
    pd.concat([frame, pd.DataFrame([last])]).to_csv(tmp_path / "sums.csv", index=False)
    read = connect(tmp_path / "sums.csv").totals()
    assert sums(read) == sums(metrics)
    assert read.account.rows_named == {"the sum of the other rows": 1}
    assert read.account.balanced


def test_rows_of_a_table_are_counted_as_rows(world: SandboxSource, tmp_path: Path) -> None:
    """The account of a part of a table is of its rows, also where a Tweet has many."""
    world.historical(world.tweet_ids(count=6), **PERIOD, by="hour").to_csv(tmp_path / "a.csv")
    source = connect(tmp_path / "a.csv")
    part = source.historical(start="2026-10-03", end="2026-10-05")
    assert part.account.balanced
    assert part.account.rows_used == len(part)
    assert part.account.rows_in == len(source.totals())


def test_a_piece_without_rows_changes_nothing() -> None:
    """It was a traceback: the largest of no counts is unknown."""
    with connect("sandbox", in_process=True, seed=7, tweets=300, now="2026-11-02") as source:
        whole = source.historical(source.tweet_ids(count=5), by="day").frame
    assert explore_gap([whole.iloc[:0], whole]).share == explore_gap(whole).share
