"""Hidden share and engagement rate over time: table, chart, sentence."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import pytest

import engagement_nb as enb
from engagement_nb.charts import alt_text
from engagement_nb.gap.interval import share_interval
from tests.gap.accounts import COUNTED, account, as_metrics

FIRST = pd.Timestamp("2026-01-05", tz="UTC")  # a Monday


def series(days: int = 14, step: str = "D", start: pd.Timestamp = FIRST) -> pd.DataFrame:
    """Sixty Tweets with figures for each day (or hour)."""
    pieces = []
    for number in range(days):
        piece = account(60, seed=number)
        piece["created_at"] = start
        piece["time"] = start + number * pd.Timedelta(1, unit=step)
        pieces.append(piece)
    return pd.concat(pieces, ignore_index=True)


def test_weeks_of_a_series_are_sums_over_its_days_by_time_of_engagement():
    frame = series()
    table = enb.explore_gap(frame).trend("week")
    assert table.index.name == "week of engagement"
    assert [f"{day:%a %Y-%m-%d}" for day in table.index] == ["Mon 2026-01-05", "Mon 2026-01-12"]
    second = frame[frame["time"] >= FIRST + pd.Timedelta(days=7)]
    by_tweet = second.groupby("tweet_id").sum(numeric_only=True)
    hidden = by_tweet["engagements"] - by_tweet[COUNTED].sum(axis=1)
    row = table.iloc[1]
    assert row["engagements"] == by_tweet["engagements"].sum()
    assert row["hidden"] == hidden.sum()
    assert row["hidden_share"] == hidden.sum() / by_tweet["engagements"].sum()
    assert row["engagement_rate"] == by_tweet["engagements"].sum() / by_tweet["impressions"].sum()
    limits = share_interval(hidden, by_tweet["engagements"])
    assert (row["hidden_low"], row["hidden_high"]) == pytest.approx(limits)
    limits = share_interval(by_tweet["engagements"], by_tweet["impressions"])
    assert (row["rate_low"], row["rate_high"]) == pytest.approx(limits)


def test_without_a_series_tweets_stand_at_their_date_of_posting():
    frame = account()
    gap = enb.explore_gap(frame)
    table = gap.trend("month")
    assert table.index.name == "month of posting"
    months = frame.groupby(frame["created_at"].dt.month)
    assert table["engagements"].tolist() == months["engagements"].sum().tolist()
    assert table["tweets"].tolist() == months["engagements"].agg(lambda e: (e > 0).sum()).tolist()
    assert table["hidden"].sum() == gap.hidden
    assert "Newer Tweets have had less time" in gap.reading("trend")


def test_a_period_without_tweets_has_a_row_and_few_tweets_have_no_interval():
    frame = account(60)
    frame["created_at"] = FIRST
    frame.loc[50:, "created_at"] = FIRST + pd.Timedelta(days=15)
    gap = enb.explore_gap(frame)
    table = gap.trend("week")
    assert table["engagements"].tolist()[1] == 0
    assert table["hidden_share"].isna().tolist() == [False, True, False]
    assert table["hidden_low"].isna().tolist() == [False, True, True]
    assert table["rate_low"].isna().tolist() == [False, True, True]
    assert "1 week has too few Tweets for an interval" in gap.reading("trend")


@pytest.mark.parametrize(("days", "step"), [(14, "day"), (15, "week"), (250, "month")])
def test_the_step_suits_the_time_that_is_covered(days, step):
    frame = account()
    frame["created_at"] = pd.date_range(FIRST, FIRST + pd.Timedelta(days=days - 1), periods=400)
    assert enb.explore_gap(frame).trend().index.name == f"{step} of posting"


def dates(table: pd.DataFrame) -> list[str]:
    return [f"{day:%m-%d}" for day in table.index]


def test_days_begin_in_the_time_zone_for_hours_and_in_utc_for_days():
    """New York is five hours behind UTC, so its day begins at five."""
    hourly = enb.explore_gap(series(24, "h", FIRST + pd.Timedelta(hours=5)))
    assert dates(hourly.trend("day")) == ["01-05", "01-06"]
    assert dates(hourly.trend("day", "America/New_York")) == ["01-05"]
    daily = enb.explore_gap(series(3))
    assert dates(daily.trend("day", "America/New_York")) == ["01-05", "01-06", "01-07"]


def test_a_period_that_is_covered_in_part_is_marked():
    start, end = (FIRST + pd.Timedelta(days=days) for days in (2, 21))
    frame = series(21)
    about = {"source": "api", "start": start, "end": end}
    gap = enb.explore_gap(as_metrics(frame[frame["time"] >= start], **about))
    assert gap.trend()["partial"].tolist() == [True, False, False]
    assert "Covered in part only: the week of 2026-01-05." in gap.reading("trend")
    read_at = datetime(2026, 1, 20, tzinfo=UTC)
    posted = account(60)
    posted["created_at"] = pd.date_range(FIRST, read_at, periods=60)
    table = enb.explore_gap(as_metrics(posted, read_at=read_at)).trend("week")
    assert table["partial"].tolist() == [False, False, True]


def test_days_of_a_whole_account_are_days_of_engagement():
    days = account(60).drop(columns=["tweet_id", "created_at", "has_url"])
    days["time"] = pd.date_range(FIRST, periods=60, tz="UTC")
    table = enb.explore_gap(as_metrics(days, unit="day", kind="daily")).trend("month")
    assert table.index.name == "month of engagement"
    assert table["engagements"].sum() == days["engagements"].sum()
    assert table["hidden_low"].notna().tolist() == [True, True, False]


def test_figures_without_any_time_have_no_trend():
    gap = enb.explore_gap(account().drop(columns="created_at"))
    assert not gap.has_times
    with pytest.raises(enb.AnalysisError, match="not known when"):
        gap.trend()
    known = enb.explore_gap(account())
    assert known.has_times
    with pytest.raises(enb.AnalysisError, match="'Paris' is not a time zone"):
        known.trend(zone="Paris")
    with pytest.raises(enb.AnalysisError, match="'year' is not a step in time"):
        known.trend("year")  # type: ignore[arg-type]


def test_the_chart_says_its_numbers_and_stamps_sandbox_data():
    frame = account()
    gap = enb.explore_gap(as_metrics(frame, source="sandbox"))
    alt = alt_text(gap.plot_trend("month"))
    first = gap.trend("month").iloc[0]
    assert alt.startswith("SANDBOX DATA. ")
    share = f"{first['hidden_share'] * 100:.1f} %"
    assert f"2026-01-01: {first['engagements']:,} engagements, hidden share {share} (" in alt
    wide, narrow = gap.plot_trend("week").svg(), gap.plot_trend("week").narrow().svg()
    for svg in (wide, narrow):
        for words in ("hidden share", "engagement rate", "week of posting"):
            assert words in svg
    unseen = enb.explore_gap(frame.drop(columns="impressions")).plot_trend("month")
    assert "engagement rate</" not in unseen.svg()
    nobody = enb.explore_gap(frame.assign(**dict.fromkeys([*COUNTED, "engagements"], 0)))
    assert alt_text(nobody.plot_trend()) == "No Tweet has engagements to look into."


def test_the_sentence_counts_the_intervals_that_do_not_hold_the_share_of_all():
    frame = account()
    late = frame["created_at"] >= pd.Timestamp("2026-03-01", tz="UTC")
    frame.loc[late, "engagements"] += frame.loc[late, COUNTED].sum(axis=1) * 9
    gap = enb.explore_gap(frame)
    table, overall = gap.trend(), gap.hidden / gap.engagements
    outside = ((table["hidden_low"] > overall) | (table["hidden_high"] < overall)).sum()
    assert outside > 3
    told = f"outside {outside} of {table['hidden_low'].count()} intervals (chance alone: 5 %)"
    assert told in gap.reading("trend")
    same = enb.explore_gap(series().assign(engagements=lambda f: f[COUNTED].sum(axis=1)))
    assert "hidden share of all is 0.0 %, which lies outside no interval" in same.reading("trend")


def test_the_hour_is_not_known_of_figures_by_day():
    with pytest.raises(enb.AnalysisError, match="by day, so their hours are not known"):
        enb.explore_gap(series()).by("hour")
    assert "not known" in alt_text(enb.explore_gap(series()).plot_by("hour"))


def test_a_day_is_labeled_with_the_tweets_that_have_engagements_on_it():
    frame = series()
    idle = (frame["time"] == FIRST) & (frame["tweet_id"] > frame["tweet_id"].iloc[9])
    figures = [*COUNTED, "engagements", "impressions", "bookmarks", "shares"]
    frame.loc[idle, figures] = 0
    table = enb.explore_gap(frame).by("day")
    some = frame[frame["engagements"] > 0].groupby(frame["time"].dt.strftime("%Y-%m-%d")).size()
    assert table["tweets"].tolist() == some.tolist()
    assert table["tweets"].iloc[0] <= 10


def test_the_growth_of_new_tweets_is_said_in_a_sentence():
    told = enb.explore_gap(as_metrics(series(), by="day")).reading("growth")
    assert "half came by day 6 after posting, and nine tenths by day 12" in told
    late = series()
    late["created_at"] = FIRST - pd.Timedelta(days=3)
    assert "No Tweet was posted within the series" in enb.explore_gap(late).reading("growth")
