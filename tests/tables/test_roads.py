"""The same rows by every road give the same figures."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import engagement_nb as enb
from engagement_nb.errors import InputError
from engagement_nb.metrics import csv_text
from tests.tables import kinds
from tests.tables.export_files import write

pytestmark = pytest.mark.xdist_group("roads of tables")

HEAD, BODY = kinds.header("classic"), kinds.rows("classic", 60)


def table() -> pd.DataFrame:
    return pd.read_csv(io.StringIO(kinds.text(HEAD, BODY)), dtype={"Tweet id": str})


def with_categories(arrow: pa.Table) -> pa.Table:
    """Texts and bytes in the types of Arrow that polars hands over."""
    indices = pa.array([0, 1] * 30, pa.uint32())
    words = pa.DictionaryArray.from_arrays(indices, pa.array(["red", "blue"], pa.string_view()))
    dates = arrow["time"].combine_chunks().dictionary_encode()
    dates = pa.DictionaryArray.from_arrays(dates.indices, dates.dictionary.cast(pa.string_view()))
    at = arrow.column_names.index("time")
    arrow = arrow.set_column(at, "time", dates)
    raw = pa.array([b"\xff\xfe"] * 60, pa.binary(2))
    return arrow.append_column("team", words).append_column("raw", raw)


def saved(folder: Path, name: str, how: Callable[[Path], object]) -> Path:
    how(folder / name)
    return folder / name


ROADS: dict[str, Callable[[Path], Any]] = {
    "TSV": lambda folder: write(folder, kinds.text(HEAD, BODY, "\t"), "a.tsv"),
    "gzip": lambda folder: write(
        folder, gzip.compress(kinds.text(HEAD, BODY).encode()), "a.csv.gz"
    ),
    "below a title": lambda folder: write(folder, "My Tweets,,\n\n" + kinds.text(HEAD, BODY)),
    "XLSX": lambda folder: saved(folder, "a.xlsx", lambda p: table().to_excel(p, index=False)),
    "Parquet": lambda folder: saved(folder, "a.parquet", table().to_parquet),
    "JSON": lambda folder: saved(folder, "a.json", lambda p: table().to_json(p, orient="records")),
    "JSON Lines": lambda folder: saved(
        folder, "a.jsonl", lambda p: table().to_json(p, orient="records", lines=True)
    ),
    "open file": lambda folder: io.BytesIO(kinds.text(HEAD, BODY).encode()),
    "frame": lambda folder: table(),
    "shuffled": lambda folder: table().sample(frac=1, random_state=1)[[*table().columns[::-1]]],
    "repeated": lambda folder: enb.read_table(pd.concat([table()] * 2)).frame,
    "more columns": lambda folder: table().assign(team="red", number=7),
    "index": lambda folder: table().set_index("Tweet id"),
    "ids as integers": lambda folder: table().astype({"Tweet id": "int64"}),
    "Arrow": lambda folder: pa.Table.from_pandas(table()),
    "polars": lambda folder: polars.from_pandas(table()).with_columns(
        polars.Series("team", ["red", "blue"] * 30, dtype=polars.Categorical),
        polars.Series("raw", [b"\xff"] * 60),
    ),
    "categories as polars has them": lambda folder: with_categories(pa.Table.from_pandas(table())),
    "wire names": lambda folder: enb.read_table(table()).frame,
    "saved by us": lambda folder: saved(folder, "a.csv", enb.read_table(table()).to_csv),
    "split": lambda folder: [
        write(folder, kinds.text(HEAD, part), f"{len(part)}.csv") for part in (BODY[:20], BODY[20:])
    ],
}


@pytest.mark.parametrize("road", ROADS)
def test_the_same_rows_by_each_road_give_the_same_figures_and_the_same_gap(tmp_path, road):
    expected = enb.read_table(write(tmp_path, kinds.text(HEAD, BODY), "expected.csv"))
    (tmp_path / "road").mkdir()
    given = ROADS[road](tmp_path / "road")
    given = tmp_path / "road" if isinstance(given, list) else given
    metrics = enb.connect(given).totals()
    assert metrics.account.balanced
    columns = ["tweet_id", "created_at", *expected.metric_names]
    frame = metrics.frame.sort_values("tweet_id")[columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(
        frame, expected.frame.sort_values("tweet_id")[columns].reset_index(drop=True)
    )
    gap, wanted = enb.explore_gap(metrics), enb.explore_gap(expected)
    assert (gap.engagements, gap.hidden, gap.counted) == (
        wanted.engagements, wanted.hidden, wanted.counted,
    )  # fmt: skip
    if isinstance(given, pd.DataFrame | pa.Table):
        assert enb.explore_gap(given).hidden == wanted.hidden


def test_columns_of_a_frame_that_are_no_metrics_are_named_and_group_tweets():
    metrics = enb.read_table(table().assign(team=["red", "blue"] * 30))
    assert metrics.account.not_used == {"team": ""}
    assert set(enb.explore_gap(metrics).by("team").index) == {"red", "blue"}


@pytest.fixture(scope="module")
def october(tmp_path_factory):
    """Figures of a sandbox: two halves of a period, the whole, and a series by day."""
    with enb.connect("sandbox", seed=7, now="2026-11-04T15:00:00Z", tweets=60) as source:
        dates = ("2026-09-15", "2026-10-01", "2026-10-15")
        halves = [source.historical(start=a, end=b) for a, b in pairwise(dates)]
        whole = source.historical(start=dates[0], end=dates[2])
        return halves, whole, source.historical(start=dates[0], end=dates[2], by="day")


def test_two_periods_put_together_are_the_sum_of_both(october, tmp_path):
    halves, whole, _ = october
    both = pd.concat([half.frame for half in halves])
    both.to_csv(tmp_path / "both.csv", index=False)
    expected = enb.explore_gap(whole)
    for given in (both, pd.read_csv(tmp_path / "both.csv"), [half.frame for half in halves]):
        gap = enb.explore_gap(given)
        assert (gap.engagements, gap.hidden) == (expected.engagements, expected.hidden)


def test_a_series_through_a_csv_file_keeps_growth_and_days(october, tmp_path):
    _, _, days = october
    days.to_csv(tmp_path / "days.csv")
    expected = enb.explore_gap(days)
    for given in (days.frame, pd.read_csv(tmp_path / "days.csv")):
        gap = enb.explore_gap(given)
        pd.testing.assert_frame_equal(gap.growth(), expected.growth())
        pd.testing.assert_frame_equal(gap.by("day"), expected.by("day"))


def test_made_up_figures_say_so_after_they_were_saved_and_read_again(october, tmp_path):
    _, whole, days = october
    whole.to_csv(tmp_path / "figures.csv")
    enb.explore_gap(whole).save_tables(tmp_path)
    for source in ("figures.csv", "tweets.csv", "tweets.parquet"):
        metrics = enb.read_table(tmp_path / source)
        assert metrics.about.sandbox
        assert metrics.frame["engagements"].sum() == whole.frame["engagements"].sum()
        assert metrics.account.not_used == {}
    assert enb.explore_gap(days.frame).about.sandbox


def test_frames_that_other_programs_save_keep_the_sandbox_mark(october, tmp_path):
    _, whole, _ = october
    gap = enb.explore_gap(whole)
    whole.frame.to_csv(tmp_path / "pandas.csv")
    whole.frame.to_json(tmp_path / "pandas.json", orient="records", date_format="iso")
    pq.write_table(pa.Table.from_pandas(whole.frame).replace_schema_metadata(), tmp_path / "a.pq")
    for name in ("pandas.csv", "pandas.json", "a.pq"):
        metrics = enb.read_table(tmp_path / name)
        assert metrics.about.sandbox
        assert enb.explore_gap(metrics).share == gap.share
    gap.to_csv(tmp_path / "gap.csv")
    assert enb.read_table(tmp_path / "gap.csv").about.sandbox


@pytest.mark.parametrize("column", ["handle", "User name", "account"])
def test_a_column_of_accounts_says_whose_rows_are(column, tmp_path):
    unnamed = table().drop(columns="Tweet permalink")
    both = unnamed.assign(**{column: ["@Acme", "beta"] * 30})
    both.to_csv(tmp_path / "both.csv", index=False)
    for source in (both, tmp_path / "both.csv"):
        with pytest.raises(InputError, match=r"2 accounts: @acme .* and @beta"):
            enb.read_table(source)
        assert enb.TableSource(source).tables.accounts == ["acme", "beta"]
        one = enb.connect(source, profile="acme").totals()
        assert one.frame["tweet_id"].tolist() == both["Tweet id"][::2].tolist()
        assert one.account.rows_named == {"of another account": 30}
    gap = enb.explore_gap(enb.connect(both, profile="acme,beta").totals())
    assert set(gap.by(column).index) == {"@Acme", "beta"}
    # Sentences are no accounts, and one account is no choice.
    assert len(enb.read_table(unnamed.assign(**{column: ["yes (very)", "no"] * 30}))) == 60
    assert enb.read_table(unnamed.assign(**{column: "acme"})).account.known[column]


@pytest.mark.parametrize(
    ("text", "cell"),
    [("x;=1+1", "x;'=1+1"), ("\uff1d1+1", "'\uff1d1+1"), ("\n=1+1", "'\n'=1+1"), (" =1", "' =1"),
     ("a - b", "a - b"), ("-5", "'-5"), ("a\n- b", "a\n- b")],
)  # fmt: skip
def test_a_text_that_a_spreadsheet_would_run_is_written_as_a_text(text, cell):
    read = pd.read_csv(io.StringIO(csv_text(pd.DataFrame({"a": [text]}))))
    assert read["a"].tolist() == [cell]
