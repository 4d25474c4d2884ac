"""The usual definitions of engagement against engagements: tables, agreement of ranks and tops."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from engagement_nb.apis.engagement import METRICS
from engagement_nb.gap import explore_gap
from engagement_nb.gap.beside import tools, top_agreement
from tests.gap.accounts import COUNTED, account

COLUMNS = ["metrics", "used_by", "pages", "read_on", "computable", "missing", "tweets", "sum",
           "difference", "share_of_engagements", "top_agreement", "rate",
           "engagement_rate"]  # fmt: skip


@pytest.fixture
def frame():
    return account()


@pytest.fixture
def table(frame):
    return explore_gap(frame).definitions()


def test_a_definition_has_its_metrics_users_sums_and_rates(frame, table):
    likes = frame[["favorites", "retweets"]].sum(axis=1)
    whole = frame["engagements"]
    users = [
        tool
        for tool in tools().itertuples()
        if set(tool.metrics.split()) == {"favorites", "retweets"}
    ]
    expected = [
        "favorites, retweets", "Keyhole, Mention", " ".join(tool.page for tool in users),
        max(tool.read_on for tool in users), True, "", 400, likes.sum(),
        likes.sum() - whole.sum(), likes.sum() / whole.sum(),
        top_agreement(likes, whole),
        likes.sum() / frame["impressions"].sum(), whole.sum() / frame["impressions"].sum(),
    ]  # fmt: skip
    assert table.columns.tolist() == COLUMNS
    assert table.index.name == "definition"
    assert table.loc["Keyhole and Mention"].tolist() == pytest.approx(expected)
    assert [str(table[name].dtype) for name in ("sum", "difference")] == ["Int64", "Int64"]


def test_definitions_of_people_come_before_those_of_tools(frame, table):
    assert table.index[:4].tolist() == [
        "likes + reposts + replies", "all public metrics", "every column",
        "the included metrics",
    ]  # fmt: skip
    assert table.loc["every column", "sum"] == explore_gap(frame).sum_of_metrics
    included = table.loc["the included metrics", "metrics"].split(", ")
    assert sorted(included) == sorted([*COUNTED, "hashtag_clicks"])
    assert table.loc["every column", "read_on"] == table.loc["every column", "used_by"] == ""
    assert "Hootsuite" in table.loc["likes + reposts + replies", "used_by"]


def test_a_definition_whose_metrics_are_lacking_is_named_with_them_and_has_no_figures(table):
    row = table.loc["Buffer and Blaze"]
    assert (row["computable"], row["missing"], row["tweets"]) == (False, "quotes", 0)
    assert row[COLUMNS[7:]].isna().all()
    assert table.loc["X's analytics", "share_of_engagements"] == 1


def test_engagements_are_lacking_where_none_is_known():
    gap = explore_gap(pd.DataFrame({"favorites": [1, 2, 3]}))
    table = gap.definitions()
    assert table.loc["X's analytics", "missing"] == "engagements"


def test_without_any_included_metric_there_is_no_row_for_them():
    frame = pd.DataFrame({"engagements": [1] * 50, "bookmarks": [2] * 50})
    names = explore_gap(frame).definitions().index.tolist()
    assert "the included metrics" not in names
    assert "X's analytics" in names


def test_tweets_without_impressions_have_no_part_in_rates():
    frame = account().assign(impressions=0)
    assert explore_gap(frame).definitions()["rate"].isna().all()
    frame.loc[0, "impressions"] = 50
    row = explore_gap(frame).definitions().loc["every column"]
    assert row["engagement_rate"] == frame.loc[0, "engagements"] / 50


def test_each_definition_of_a_tool_has_its_page_and_the_day_it_was_read():
    known = {*METRICS, "engagements"}
    assert len({*tools()["tool"]} - {"X's analytics"}) >= 6
    for tool in tools().itertuples():
        assert tool.page.startswith("http")
        assert pd.Timestamp(tool.read_on) >= pd.Timestamp("2026-11-24")
        assert set(tool.metrics.split()) <= known


def test_top_agreement_is_the_overlap_of_the_top_tenth():
    engagements = np.arange(100)
    assert top_agreement(engagements, engagements) == 1
    assert top_agreement(-engagements, engagements) == 0
    half = np.where(engagements < 95, engagements, -1)
    assert top_agreement(half, engagements) == 0.5
    middle = np.where(engagements == 50, 999, engagements)
    assert top_agreement(middle, engagements) == 0.9


def test_the_top_tenth_is_rounded_up_and_needs_ten_tweets():
    figures = np.arange(11)
    assert top_agreement(np.where(figures == 9, 99, figures), figures) == 1
    assert top_agreement(figures[:10], figures[:10]) == 1
    assert top_agreement(figures[:9], figures[:9]) is None


def test_equal_figures_at_the_border_of_the_top_are_taken_in_order():
    """Of forty Tweets, the first four are at the top where all are equal."""
    equal = np.zeros(40)
    assert top_agreement(equal, -np.arange(40)) == 1
    assert top_agreement(equal, np.arange(40)) == 0
