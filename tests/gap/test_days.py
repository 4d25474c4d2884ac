"""Figures of a whole account by day: totals and trend, and no claim on what is hidden."""

from __future__ import annotations

import pandas as pd
import pytest
from bs4 import BeautifulSoup

import engagement_nb as enb
from tests.gap.accounts import account, as_metrics
from tests.tables import kinds
from tests.tables.export_files import write

VIDEO = kinds.VIDEO.format(link="https://x.com/somebody/status/1886483849795768598")


def overview(folder, count=60):
    body = kinds.rows("overview", count)
    return body, enb.read_table(write(folder, kinds.text(kinds.header("overview"), body)))


def test_totals_and_weeks_of_an_overview_are_the_sums_of_its_rows(tmp_path):
    body, metrics = overview(tmp_path)
    days = enb.explore_days(metrics)
    engagements, impressions = (sum(int(row[i]) for row in body) for i in (3, 1))
    assert days.table.at["engagements", "sum"] == engagements
    assert days.ratio("engagement_rate") == pytest.approx(engagements / impressions)
    weeks = days.trend("week")
    assert weeks["engagements"].sum() == engagements
    assert set(weeks.index.day_name()) == {"Monday"}
    assert weeks.index.name == "week of engagement"
    first = metrics.frame["time"].min().tz_localize(None)
    rows = metrics.frame["time"].dt.tz_localize(None) < weeks.index[0] + pd.Timedelta(days=7)
    assert weeks["engagements"].iloc[0] == metrics.frame.loc[rows, "engagements"].sum()
    assert weeks["partial"].iloc[0] == (first.day_name() != "Monday")


def test_nothing_is_said_about_what_an_overview_hides(tmp_path):
    found = enb.explore_days(overview(tmp_path)[1])
    assert "hidden" not in found.to_dict()
    assert "hidden_share" not in found.trend()
    assert found.sentence.endswith("so it cannot tell what is hidden.")
    alt = found.plot_trend().alt
    assert "engagement rate" in alt
    assert "hidden" not in alt


def test_the_share_of_videos_watched_to_the_end_counts_each_view_once(tmp_path):
    days = enb.explore_days(enb.read_table(write(tmp_path, VIDEO)))
    # 12.5 % of 10 views and 50 % of 20, in whole views.
    assert days.ratio("completion_rate") == pytest.approx(11 / 30)
    assert days.ratio("engagement_rate") is None
    assert "30 video views" in days.sentence
    assert days.sentence.endswith("A video file has no engagements.")


def test_figures_by_tweet_are_refused(tmp_path):
    content = write(tmp_path, kinds.text(kinds.header("content"), kinds.rows("content")))
    with pytest.raises(enb.AnalysisError, match="not by day"):
        enb.explore_days(enb.read_table(content))
    with pytest.raises(enb.AnalysisError, match="is not a step in time"):
        enb.explore_days(overview(tmp_path)[1]).trend("decade")


def test_the_figures_of_an_overview_for_json_and_for_a_notebook(tmp_path):
    body, metrics = overview(tmp_path)
    days = enb.explore_days(metrics)
    told, sums = days.to_dict(), days.table["sum"]
    page = told.pop("page")
    rate = sums["engagements"] / sums["impressions"]
    assert told == {
        "sentence": days.sentence,
        "days": len(body),
        "sums": sums.to_dict(),
        "engagement_rate": pytest.approx(rate),
        "completion_rate": None,
        "cards": [
            ["Days", str(len(body)), ""],
            ["Posts", f"{sums['posts']:,}", ""],
            ["Impressions", f"{sums['impressions']:,}", ""],
            ["Engagements", f"{sums['engagements']:,}", ""],
            ["New follows", f"{sums['user_follows']:,}", ""],
            ["Engagement rate", f"{rate:.2%}".replace("%", " %"), "engagements / impressions"],
        ],
        "sandbox": False,
    }
    shown = days._repr_mimebundle_()
    assert shown["text/plain"] == f"{days.sentence}\n{days.table.to_string()}"
    (handed,) = [value for name, value in shown.items() if name.endswith("+json")]
    assert handed["days"].pop("page") == page
    assert " ".join(page["finding"]) == days.sentence
    assert any("export the content" in said for said in page["means"])
    assert page["trend"]["name"] == str(days.trend().index.name)
    assert len(page["trend"]["rows"]) == len(days.trend())
    assert handed == {"days": told, "metrics": metrics.facts()}
    page = BeautifulSoup(shown["text/html"], "html.parser")
    assert page.find("p").get_text() == days.sentence
    rows = [[cell.get_text() for cell in row.find_all(["th", "td"])] for row in page("tr")]
    assert rows[0] == ["", "sum", "per day", "most", "day"]
    assert rows[1] == ["figure", "", "", "", ""]
    for cells, row in zip(rows[2:], days.table.to_dict("records"), strict=True):
        assert cells == [row["label"], f"{row['sum']:,}", f"{row['per_day']:,.1f}",
                         f"{row['most']:,}", str(row["day"])]  # fmt: skip


def test_a_video_file_has_its_views_as_key_figure(tmp_path):
    told = enb.explore_days(enb.read_table(write(tmp_path, VIDEO))).to_dict()
    assert told["engagement_rate"] is None
    assert told["completion_rate"] == pytest.approx(11 / 30)
    assert told["cards"][1:] == [
        ["Video views", "30", ""],
        ["Watched to the end", "36.7 %", "completed / video views"],
    ]


def by_day(start: str = "2026-01-05", days: int = 14, **columns) -> enb.Days:
    """Days of an account, from a Monday on."""
    frame = pd.DataFrame({"time": pd.date_range(start, periods=days, tz="UTC"), **columns})
    return enb.explore_days(as_metrics(frame, unit="day", kind="overview"))


def test_ratios_over_time_are_of_sums_and_missing_without_impressions():
    days = by_day(engagements=[1] * 14, impressions=[4, 0, 3] + [0] * 4 + [1] + [0] * 6)
    table = days.trend("week")
    assert table["engagement_rate"].tolist() == [1.0, 7.0]
    assert days.trend("day")["engagement_rate"].isna().sum() == 11
    assert by_day(engagements=[1] * 14).trend("week").columns.tolist() == ["engagements", "partial"]
    assert by_day(engagements=[1] * 14, impressions=[0] * 14).ratio("engagement_rate") is None


def test_weeks_that_a_file_covers_in_part_are_marked():
    assert by_day(engagements=[1] * 14).trend("week")["partial"].tolist() == [False, False]
    late = by_day("2026-01-06", 14, engagements=[1] * 14)
    assert late.trend("week")["partial"].tolist() == [True, False, True]


def test_a_week_without_figures_has_a_row():
    frame = pd.DataFrame({"time": pd.to_datetime(["2026-01-05", "2026-01-20"], utc=True)})
    days = enb.explore_days(as_metrics(frame.assign(engagements=[1, 2]), unit="day"))
    assert days.trend("week")["engagements"].fillna(0).tolist() == [1, 0, 2]


def test_the_chart_is_by_the_step_that_is_given():
    assert "by month of engagement" in by_day(engagements=[1] * 14).plot_trend("month").alt


@pytest.mark.parametrize(
    ("words", "true_of", "not_of"),
    [
        ("An overview lacks clicks and expands, so it cannot tell what is hidden.", "overview",
         "video"),
        ("A video file has no engagements.", "video", "overview"),
        ("Engagement rate: ", "overview", "video"),
        ("Watched to the end: 36.7 %.", "video", "overview"),
    ],
)  # fmt: skip
def test_a_sentence_of_an_account_by_day_is_said_only_if_it_is_true(
    tmp_path, words, true_of, not_of
):
    said = {
        "overview": enb.explore_days(overview(tmp_path)[1]).sentence,
        "video": enb.explore_days(enb.read_table(write(tmp_path, VIDEO))).sentence,
    }
    assert words in said[true_of]
    assert words not in said[not_of]


def test_days_of_the_sandbox_are_labelled_and_no_files_of_x():
    made = enb.connect("sandbox", in_process=True, tweets=200, now="2026-11-02")
    frame = made.historical(by="day").frame
    by_day = frame.groupby("time")[["impressions", "engagements"]].sum().assign(source="sandbox")
    metrics = enb.connect(by_day.reset_index(names="date")).totals()
    assert enb.explore_days(metrics).sentence.startswith("SANDBOX DATA (made up): ")
    assert not [note for note in metrics.about.notes if "files of X" in note]


def test_figures_by_tweet_are_refused_with_advice():
    with pytest.raises(enb.AnalysisError, match=r"Use explore_gap for figures by Tweet\.$"):
        enb.explore_days(as_metrics(account()))
