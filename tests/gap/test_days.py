"""Figures of a whole account by day: totals and trend, and no claim on what is hidden."""

from __future__ import annotations

import pandas as pd
import pytest

import engagement_nb as enb
from tests.exports import kinds
from tests.exports.export_files import write

VIDEO = kinds.VIDEO.format(link="https://x.com/somebody/status/1886483849795768598")


def overview(folder, count=60):
    body = kinds.rows("overview", count)
    return body, enb.read_export(write(folder, kinds.text(kinds.header("overview"), body)))


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
    alt = found.plot_trend().get_label()
    assert "engagement rate" in alt
    assert "hidden" not in alt


def test_the_share_of_videos_watched_to_the_end_counts_each_view_once(tmp_path):
    days = enb.explore_days(enb.read_export(write(tmp_path, VIDEO)))
    # 12.5 % of 10 views and 50 % of 20, in whole views.
    assert days.ratio("completion_rate") == pytest.approx(11 / 30)
    assert days.ratio("engagement_rate") is None
    assert "30 video views" in days.sentence
    assert days.sentence.endswith("A video file has no engagements.")


def test_figures_by_tweet_are_refused(tmp_path):
    content = write(tmp_path, kinds.text(kinds.header("content"), kinds.rows("content")))
    with pytest.raises(enb.AnalysisError, match="not by day"):
        enb.explore_days(enb.read_export(content))
    with pytest.raises(enb.AnalysisError, match="is not a step in time"):
        enb.explore_days(overview(tmp_path)[1]).trend("year")
