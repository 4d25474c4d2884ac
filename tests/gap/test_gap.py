from __future__ import annotations

import csv
import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from bs4 import BeautifulSoup

from engagement_nb.charts import Chart
from engagement_nb.errors import AnalysisError, InputError
from engagement_nb.gap import explore_gap
from engagement_nb.gap.shown import first_page
from tests.gap.accounts import COUNTED, account, as_metrics, in_two_days


@pytest.fixture
def frame() -> pd.DataFrame:
    return account()


def test_the_figures_add_up_and_are_those_of_the_columns(frame):
    gap = explore_gap(frame)
    assert gap.counted == COUNTED
    assert gap.not_counted == ["bookmarks", "shares"]
    assert gap.undetermined == ["hashtag_clicks"]
    columns = [*COUNTED, "hashtag_clicks", "bookmarks", "shares"]
    assert gap.posts == 400
    assert gap.engagements == frame["engagements"].sum()
    assert gap.sum_of_metrics == frame[columns].sum().sum()
    assert gap.over_count == frame[["bookmarks", "shares"]].sum().sum()
    assert gap.hidden == frame["engagements"].sum() - frame[COUNTED].sum().sum()
    assert gap.naive_gap == gap.hidden - gap.over_count
    assert gap.sum_of_metrics - gap.over_count + gap.hidden == gap.engagements
    assert gap.contradictions == 0
    assert gap.share.low < gap.hidden_share < gap.share.high


def test_each_tweet_adds_up(frame):
    tweets = explore_gap(frame).tweets
    assert tweets["naive_gap"].equals(tweets["engagements"] - tweets["sum_of_metrics"])
    assert tweets["naive_gap"].equals(tweets["hidden"] - tweets["over_count"])
    assert (tweets["hidden"] >= 0).all()
    assert tweets["tweet_id"].tolist() == frame["tweet_id"].tolist()


def test_the_table_counts_contradictions_among_tweets_that_have_the_metric(frame):
    row = explore_gap(frame).table.loc["bookmarks"]
    left = frame["engagements"] - frame[COUNTED].sum(axis=1)
    used = frame["bookmarks"] > 0
    assert row["posts_above_zero"] == used.sum()
    assert row["contradictions"] == (used & (frame["bookmarks"] > left)).sum()
    assert row["contradicted_share"] == row["contradictions"] / row["posts_above_zero"]
    likes = explore_gap(frame).table.loc["favorites"]
    assert likes["tight"] == ((frame["favorites"] > 0) & (left == 0)).sum()


def test_the_sentence_says_the_figures(frame):
    gap = explore_gap(frame)
    assert f"400 Tweets have {gap.engagements:,} engagements." in gap.sentence
    assert "Five metrics are counted." in gap.sentence
    assert f" of them ({gap.hidden:,}) match no metric; 95 % confidence interval" in gap.sentence
    assert f"Bookmarks and shares ({gap.over_count:,})" in gap.sentence


def test_the_answer_as_json_has_wire_names_and_survives_a_round_trip(frame):
    told = explore_gap(as_metrics(frame)).to_dict()
    assert json.loads(json.dumps(told)) == told
    for key in ("posts", "engagements", "sum_of_metrics", "naive_gap", "counted", "not_counted",
                "undetermined", "hidden", "over_count", "contradictions"):  # fmt: skip
        assert key in told
    assert told["not_counted"] == ["bookmarks", "shares"]
    assert told["metrics"]["shares"]["verdict"] == "not counted in full"


def test_a_display_hands_the_answer_over_to_reports(frame):
    bundle = explore_gap(as_metrics(frame))._repr_mimebundle_()
    (handed,) = [value for key, value in bundle.items() if key.endswith("+json")]
    assert handed["gap"]["posts"] == 400
    assert handed["metrics"]["source"] == "export"
    assert "aria-label=" in bundle["text/html"]
    assert "400 Tweets have" in bundle["text/plain"]


def test_the_same_figures_give_the_same_answer(frame):
    assert explore_gap(frame).to_dict() == explore_gap(frame).to_dict()


def test_the_order_of_rows_and_columns_does_not_matter(frame):
    mixed = frame.sample(frac=1, random_state=1)[sorted(frame.columns)]
    assert explore_gap(mixed).to_dict() == explore_gap(frame).to_dict()


def test_the_figures_by_tweet_can_be_taken_away(frame, tmp_path):
    gap = explore_gap(frame)
    gap.to_csv(tmp_path / "gap.csv")
    kept = pd.read_csv(tmp_path / "gap.csv", dtype={"tweet_id": "string"})
    assert kept["hidden"].sum() == gap.hidden
    assert gap.to_frame()["tweet_id"].tolist() == kept["tweet_id"].tolist()


def test_tables_to_take_away_have_every_tweet_and_metric_and_no_text(frame, tmp_path):
    """CSV and Parquet of the same figures; a text that a spreadsheet would run gets a quote."""
    frame = frame.assign(owner="=1+1", text="a secret plan")
    frame.loc[:9, "favorites"] = pd.NA
    gap = explore_gap(frame)
    gap.save_tables(tmp_path)
    tweets = pd.read_parquet(tmp_path / "tweets.parquet")
    assert tweets["tweet_id"].tolist() == frame["tweet_id"].tolist()
    assert tweets["hidden"].sum() == gap.hidden
    assert tweets["hidden"].isna().sum() == gap.posts_left_out == 10
    assert tweets["owner"].unique().tolist() == ["=1+1"]
    assert "text" not in tweets
    csv = pd.read_csv(tmp_path / "tweets.csv", dtype={"tweet_id": "string"})
    assert csv["owner"].unique().tolist() == ["'=1+1"]
    assert csv["tweet_id"].tolist() == tweets["tweet_id"].tolist()
    assert csv["favorites"].sum() == frame["favorites"].sum()
    for metrics in (
        pd.read_csv(tmp_path / "metrics.csv"),
        pd.read_parquet(tmp_path / "metrics.parquet"),
    ):
        assert metrics["metric"].tolist() == gap.table.index.tolist()
        assert metrics["sum"].tolist() == gap.table["sum"].tolist()
    assert "secret plan" not in (tmp_path / "tweets.csv").read_text()


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_of_a_csv_file_is_run_by_a_spreadsheet(frame, tmp_path, start):
    """Ids, categories and column names of a frame are its user's; counts below 0 stay numbers."""
    risky = f"{start}run"
    frame = frame.assign(tweet_id=risky + frame["tweet_id"], owner=f"me\r{risky}")
    frame[risky] = pd.Categorical([risky] * len(frame))
    gap = explore_gap(as_metrics(frame))
    for owner in (gap, as_metrics(frame)):
        owner.to_csv(tmp_path / "it.csv")
        with (tmp_path / "it.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        assert len(rows) == 401
        assert not [cell for row in rows for cell in row if cell.startswith(start + "r")]
        assert rows[1][0] == f"'{risky}{10**18}".replace("\r", "\n")
    gap.to_csv(tmp_path / "it.csv")
    gaps = pd.read_csv(tmp_path / "it.csv")["naive_gap"]
    assert gaps.tolist() == gap.tweets["naive_gap"].tolist()
    assert (gaps < 0).any()


def test_what_is_missing_is_unknown_and_not_zero(frame):
    holes = frame.copy()
    holes.loc[:9, "favorites"] = pd.NA
    gap = explore_gap(holes)
    assert (gap.posts, gap.posts_left_out) == (390, 10)
    assert gap.counted == COUNTED
    assert gap.hidden == explore_gap(frame.iloc[10:]).hidden


def test_a_missing_figure_still_contradicts_by_what_is_known():
    frame = pd.DataFrame(
        {"engagements": [10] * 30, "video_views": [500] * 30, "favorites": [pd.NA] * 30}
    ).astype("Int64")
    assert explore_gap(frame).not_counted == ["video_views"]


def test_tweets_without_engagements_say_nothing(frame):
    holes = frame.copy()
    holes.loc[:99, "engagements"] = pd.NA
    gap = explore_gap(holes)
    assert gap.posts == 300
    assert gap.table.at["favorites", "posts_above_zero"] == (frame["favorites"][100:] > 0).sum()


def test_huge_counts_are_exact():
    frame = pd.DataFrame({"tweet_id": [str(k) for k in range(200)], "favorites": 10**15})
    frame["engagements"] = frame["favorites"] + 1
    frame["views"] = 1
    gap = explore_gap(frame.astype({"favorites": "Int64", "engagements": "Int64"}))
    assert gap.hidden == 200
    assert gap.engagements == 200 * (10**15 + 1)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("favorites", -1, 'row 2, column "favorites": "-1" is negative.'),
        ("engagements", 10**18, "is above 100,000,000,000,000,000"),
    ],
)
def test_an_impossible_count_is_one_clear_error(column, value, words):
    frame = pd.DataFrame({"tweet_id": ["6", "7"], "favorites": [1, 2], "engagements": [2, 2]})
    frame.loc[1, column] = value
    with pytest.raises(InputError) as caught:
        explore_gap(frame)
    assert words in str(caught.value)


def test_a_count_that_is_not_whole_is_one_clear_error():
    with pytest.raises(InputError, match="is not a whole number"):
        explore_gap(pd.DataFrame({"favorites": [1.5], "engagements": [2]}))


def test_floats_with_nan_are_read_as_counts_with_gaps():
    gap = explore_gap(pd.DataFrame({"favorites": [1.0, np.nan], "engagements": [2.0, 3.0]}))
    assert (gap.posts, gap.hidden) == (1, 1)


def test_a_tweet_that_comes_twice_alike_is_counted_once(frame):
    twice = pd.concat([frame, frame.head(3)])
    assert explore_gap(twice).to_dict() == explore_gap(frame).to_dict()


def test_a_tweet_that_comes_twice_with_other_figures_is_one_clear_error(frame):
    other = frame.head(1).assign(favorites=frame["favorites"].head(1) + 1)
    with pytest.raises(InputError, match="occurs more than once, with different"):
        explore_gap(pd.concat([frame, other]))


def test_of_several_snapshots_the_last_counts(frame):
    early = frame.assign(read_at=pd.Timestamp("2026-02-01", tz="UTC"))
    late = frame.assign(read_at=pd.Timestamp("2026-03-01", tz="UTC"))
    early["favorites"] = 0
    assert explore_gap(pd.concat([late, early])).hidden == explore_gap(frame).hidden


def test_a_series_gives_the_answer_of_its_sums(frame):
    gap = explore_gap(in_two_days(frame))
    assert gap.hidden == explore_gap(frame).hidden
    assert gap.posts == 400
    assert gap.by("day")["hidden"].sum() == gap.hidden


def test_pieces_give_the_answer_of_the_whole(frame):
    whole = explore_gap(frame).to_dict()
    assert explore_gap(frame.iloc[k : k + 90] for k in range(0, 400, 90)).to_dict() == whole
    series = in_two_days(frame)
    series["favorites"] = series["favorites"].mask(series["tweet_id"] == frame["tweet_id"][5])
    pieces = (series.iloc[k : k + 170] for k in range(0, 800, 170))
    # Pieces keep only sums of a series, so they have no trend by time of engagement.
    sums, all_hours = explore_gap(pieces).to_dict(), explore_gap(series).to_dict()
    assert (sums.pop("page")["trend"], all_hours.pop("page")["finding"]) != (None, [])
    assert sums == all_hours


def test_no_pieces_are_no_tweets():
    assert explore_gap(iter([])).sentence == "There are no Tweets in these figures."


DULL = {
    "no Tweets": pd.DataFrame({"tweet_id": [], "engagements": [], "favorites": []}),
    "one Tweet": pd.DataFrame({"tweet_id": ["1"], "engagements": [5], "favorites": [3]}),
    "all zeros": pd.DataFrame({"engagements": [0, 0], "favorites": [0, 0]}),
    "no engagements": pd.DataFrame({"favorites": [1, 0]}),
    "unknown engagements": pd.DataFrame({"engagements": [pd.NA] * 2, "favorites": [1, 0]}),
    "no metrics": pd.DataFrame({"engagements": [1, 2]}),
    "unknown metrics": pd.DataFrame({"engagements": [1, 2], "favorites": [pd.NA] * 2}),
    "no gap": pd.DataFrame({"engagements": range(40), "favorites": range(40)}),
}
SAID = {
    "no Tweets": "There are no Tweets",
    "one Tweet": "These Tweets cannot tell which metrics are counted: 2 to 5",
    "all zeros": "2 Tweets have no engagements, so there is no gap",
    "no engagements": "compare the metrics with. Give X's own file, or add its column Engagements.",
    "unknown engagements": "Engagements are missing",
    "no metrics": "nothing to add up",
    "unknown metrics": "All metrics besides engagements are missing",
    "no gap": "The included metrics explain all of them: nothing is hidden. One metric is counted.",
}


@pytest.mark.parametrize("case", DULL)
def test_dull_and_extreme_figures_have_right_words_and_figures(case):
    gap = explore_gap(DULL[case])
    assert SAID[case] in gap.sentence
    json.dumps(gap.to_dict())
    for topic in ("columns", "evidence", "documents", "confidence", "meaning", "size",
                  "definitions", "oddities"):  # fmt: skip
        said = gap.reading(topic)
        assert said
        assert "nan" not in said.replace("tenant", "")
    for chart in (gap.plot(), gap.plot_evidence(), gap.plot_tweets(), gap.plot_by("size"),
                  gap.plot_definitions()):  # fmt: skip
        assert isinstance(chart, Chart)
        assert chart.alt
        assert chart.svg().startswith("<svg")


def test_metrics_that_exceed_engagements_everywhere_are_said_not_to_belong():
    frame = pd.DataFrame({"engagements": [1] * 50, "favorites": [2] * 50})
    gap = explore_gap(frame)
    assert gap.hidden >= 0
    assert "favorites" not in gap.counted
    assert gap.not_counted == []


def test_options_out_of_range_are_refused(frame):
    with pytest.raises(AnalysisError, match="tolerance"):
        explore_gap(frame, tolerance=1)
    with pytest.raises(AnalysisError, match="level"):
        explore_gap(frame, level=95)


def test_the_result_for_json_has_every_figure(frame):
    gap = explore_gap(as_metrics(frame, labels={"a": "b"}), level=0.9, tolerance=0.01)
    told = gap.to_dict()
    plain = ("posts", "posts_left_out", "engagements", "sum_of_metrics", "naive_gap", "counted",
             "not_counted", "undetermined", "summed", "hidden", "hidden_share", "doubtful_outside",
             "excess", "level", "over_count", "contradictions", "tolerance", "sandbox",
             "sentence")  # fmt: skip
    assert {name: told.pop(name) for name in plain} == {name: getattr(gap, name) for name in plain}
    metrics = told.pop("metrics")
    assert told == {
        "share": gap.share.to_dict(),
        "over_bounds": [gap.over_count] * 2,
        "engagement_rate": gap.engagement_rate,
        "period": gap.period,
        "zone": "UTC",
        "page": first_page(gap),
        "read_together": True,
        "labels": {"a": "b"},
        "source": "export",
        "endpoint": "export",
        "unit": "tweet",
        "ignored": [],
    }
    assert [*metrics] == [*gap.table.index]
    for name, row in gap.table.astype(object).where(gap.table.notna(), None).iterrows():
        assert metrics[name] == row.to_dict()
    assert told["share"]["low"] is not None
    assert explore_gap(frame.head(1)).to_dict()["share"]["kind"] != "interval"


def test_the_table_of_a_notebook_has_labels_and_counts_with_separators(frame):
    gap = explore_gap(frame)
    page = BeautifulSoup(gap._repr_html_(), "html.parser")
    assert page.find("p").get_text() == gap.sentence
    rows = [[cell.get_text() for cell in row.find_all(["th", "td"])] for row in page("tr")]
    assert rows[0] == ["", "sum", "verdict", "Tweets above zero", "contradictions", "exact fits"]
    assert rows[2:] == [
        [row["label"], f"{row['sum']:,}", row["verdict"], str(row["posts_above_zero"]),
         str(row["contradictions"]), str(row["tight"])]
        for row in gap.table.to_dict("records")
    ]  # fmt: skip
    assert page.find("svg")["aria-label"] == gap.plot().alt
    days = frame.drop(columns=["tweet_id", "created_at", "has_url"])
    days["time"] = pd.date_range("2025-01-01", periods=400, tz="UTC")
    by_day = explore_gap(as_metrics(days, unit="day", kind="daily"))._repr_html_()
    assert "days above zero" in by_day


def test_a_figure_is_titled_by_its_groups_and_shows_the_share_of_all(frame):
    gap = explore_gap(as_metrics(frame.assign(my_owner="me"), source="sandbox"))
    chart = gap.plot_by("my_owner")
    assert chart.title == "Hidden share by my owner"
    assert f"all: {gap.hidden_share:.1%}".replace("%", " %") in chart.svg()
    assert gap.plot_by("size").title.startswith(
        "Hidden share by engagements of the Tweet: 0.0 % to"
    )
    assert gap.plot_by("hour").title == "Hidden share by hour of the day (UTC)"
    assert gap.plot_by("hour").alt.startswith("SANDBOX DATA. These figures are sums")
    with pytest.raises(AnalysisError, match="no 'colour' to group"):
        gap.plot_by("colour")


def test_the_bridge_shows_excess_and_doubt_only_if_there_is_any(frame):
    wrong = frame.copy()
    wrong.loc[0, "engagements"] = 0
    gap = explore_gap(wrong)
    assert gap.excess > 0
    assert f"Above engagements on some Tweets: −{gap.excess:,}" in gap.plot().alt
    assert "Above engagements" not in explore_gap(frame).plot().alt
    assert "Not part of engagements" in explore_gap(frame).plot().alt
    likes = np.arange(1, 41)
    doubtful = pd.DataFrame({"favorites": likes, "engagements": likes + (likes == 40)})
    doubtful["bookmarks"] = (likes == 40).astype(int)
    gap = explore_gap(doubtful)
    assert gap.doubtful_outside == 1
    assert "Not taken as part of engagements" in gap.plot().alt


def test_growth_is_by_hour_or_by_day_as_the_figures_are(frame):
    rows = in_two_days(frame.head(30)).assign(created_at=pd.Timestamp("2026-05-01", tz="UTC"))
    assert explore_gap(as_metrics(rows, by="day")).growth().index.name == "days_since_posting"
    assert explore_gap(as_metrics(rows, by="hour")).growth().index.name == "hours_since_posting"
    drawn = explore_gap(as_metrics(rows, by="day", source="sandbox")).plot_growth().alt
    assert drawn.startswith("SANDBOX DATA. Engagements by time since posting: ")


def test_the_trend_is_drawn_in_the_time_zone(frame):
    hourly = frame.assign(time=pd.date_range("2026-01-05 22:00", periods=400, freq="min", tz="UTC"))
    here, there = (explore_gap(as_metrics(hourly), zone=z) for z in ("UTC", "America/New_York"))
    assert "2026-01-06: " in here.plot_trend("day").alt
    assert "2026-01-06: " not in there.plot_trend("day").alt


def test_tables_by_tweet_have_integers_and_no_index(frame, tmp_path):
    gap = explore_gap(frame.set_index(frame.index + 5))
    gap.save_tables(tmp_path)
    tweets = pd.read_parquet(tmp_path / "tweets.parquet")
    assert {str(tweets[name].dtype) for name in gap.tweets.columns[2:]} == {"Int64"}
    assert pq.read_schema(tmp_path / "tweets.parquet").names == [*tweets.columns]
    assert not [name for name in tweets.columns if "index" in str(name)]
    assert tweets.index.tolist() == [*range(400)]
    assert (tmp_path / "metrics.csv").read_text().startswith("metric,label,sum,verdict,")


def test_texts_of_any_language_survive_in_csv(frame, tmp_path, monkeypatch):
    """Whatever the encoding of the machine is."""
    named = frame.assign(tweet_id="木" + frame["tweet_id"])
    explore_gap(named).to_csv(tmp_path / "gap.csv")
    assert "木".encode() in (tmp_path / "gap.csv").read_bytes()


def test_metrics_are_chosen_by_any_of_their_names(frame):
    plain = explore_gap(frame)
    gap = explore_gap(frame, exclude=["Bookmarks", "share"])
    assert gap.ignored == ("bookmarks", "shares")
    assert gap.hidden == plain.hidden
    assert gap.over_count == 0
    assert gap.to_dict()["ignored"] == ["bookmarks", "shares"]
    assert "By choice, bookmarks and shares are not looked at." in gap.reading("figures")
    assert explore_gap(frame, exclude="bookmarks").ignored == ("bookmarks",)
    few = explore_gap(frame, include=["likes", "retweet_count"])
    assert few.counts.names == ("favorites", "retweets")
    with pytest.raises(InputError, match='no metric "lik"'):
        explore_gap(frame, include=["lik"])
    with pytest.raises(AnalysisError, match="impressions is not one of the metrics"):
        explore_gap(frame, exclude=["impressions"])
    with pytest.raises(AnalysisError, match="quotes is not one of the metrics"):
        explore_gap(frame, include=["quotes"])


def test_a_source_is_asked_for_what_it_tells_best(frame):
    class Source:
        def totals(self):
            raise AssertionError("totals lack clicks")

        def gather(self, *, beside):
            assert not beside
            return as_metrics(frame), None

    assert explore_gap(Source()).to_dict() == explore_gap(as_metrics(frame)).to_dict()


def test_the_result_is_written_as_json(frame, tmp_path):
    gap = explore_gap(frame)
    gap.to_json(tmp_path / "gap.json")
    assert json.loads((tmp_path / "gap.json").read_text()) == json.loads(json.dumps(gap.to_dict()))


def test_an_unknown_topic_names_those_there_are(frame):
    with pytest.raises(AnalysisError, match="There are: figures, columns, evidence") as caught:
        explore_gap(frame).reading("colors")
    assert str(caught.value).count("size") == 1
