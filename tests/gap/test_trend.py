"""Hidden share and engagement rate over time: table, chart, sentence."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import pytest

import engagement_nb as enb
from engagement_nb.gap import sentences
from engagement_nb.gap.interval import ratio_interval, share_interval
from tests.gap.accounts import COUNTED, account, as_metrics

FIRST = pd.Timestamp("2026-01-05", tz="UTC")  # a Monday


def series(days: int = 14, step: str = "D", start: pd.Timestamp = FIRST) -> pd.DataFrame:
    """Sixty Tweets with figures for each day (or hour); every other one hides nothing."""
    pieces = []
    for number in range(days):
        piece = account(60, seed=number)
        piece.loc[::2, "engagements"] = piece.loc[::2, COUNTED].sum(axis=1)
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
    assert "1 day has too few Tweets for an interval" in gap.reading("trend")


@pytest.mark.parametrize(
    ("days", "step"), [(32, "day"), (33, "week"), (250, "month"), (1200, "year")]
)
def test_the_step_suits_the_time_that_is_covered(days, step):
    frame = account()
    frame["created_at"] = pd.date_range(FIRST, FIRST + pd.Timedelta(days=days - 1), periods=400)
    assert enb.explore_gap(frame).trend().index.name == f"{step} of posting"


def dates(table: pd.DataFrame) -> list[str]:
    return [f"{day:%m-%d}" for day in table.index]


def test_days_begin_in_the_time_zone_for_hours_and_in_utc_for_days():
    """New York is five hours behind UTC, so its day begins at five."""
    hours, zone = series(24, "h", FIRST + pd.Timedelta(hours=5)), "America/New_York"
    assert dates(enb.explore_gap(hours).trend("day")) == ["01-05", "01-06"]
    assert dates(enb.explore_gap(hours, zone=zone).trend("day")) == ["01-05"]
    daily = enb.explore_gap(series(3), zone=zone)
    assert dates(daily.trend("day")) == ["01-05", "01-06", "01-07"]


def test_a_period_that_is_covered_in_part_is_marked():
    start, end = (FIRST + pd.Timedelta(days=days) for days in (2, 21))
    frame = series(21)
    about = {"source": "api", "start": start, "end": end}
    gap = enb.explore_gap(as_metrics(frame[frame["time"] >= start], **about))
    weeks = gap.trend("week")
    assert weeks["partial"].tolist() == [True, False, False]
    assert "Covered in part only: the week of 2026-01-05." in sentences.trend(gap, weeks)
    assert "(hollow: covered in part)" in gap.plot_trend("week").svg()
    assert gap.plot_trend("week").svg().count("class='h'") == 4, "one dot in each panel"
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
    gap = enb.explore_gap(as_metrics(account().drop(columns="created_at")))
    assert not gap.has_times
    with pytest.raises(enb.AnalysisError, match="not known when"):
        gap.trend()
    known = enb.explore_gap(account())
    assert known.has_times
    with pytest.raises(enb.AnalysisError, match="'decade' is not a step in time"):
        known.trend("decade")  # type: ignore[arg-type]


def test_the_chart_says_its_numbers_and_stamps_sandbox_data():
    frame = account()
    gap = enb.explore_gap(as_metrics(frame, source="sandbox"))
    alt = gap.plot_trend("month").alt
    first = gap.trend("month").iloc[0]
    assert alt.startswith("SANDBOX DATA. ")
    share = f"{first['hidden_share'] * 100:.1f} %"
    assert f"2026-01: {first['engagements']:,} engagements, hidden share {share} (" in alt
    for words in ("hidden share", "engagement rate", "week of posting"):
        assert words in gap.plot_trend("week").svg()
    unseen = enb.explore_gap(frame.drop(columns="impressions")).plot_trend("month")
    assert "engagement rate</" not in unseen.svg()
    nobody = enb.explore_gap(account().assign(**dict.fromkeys([*COUNTED, "engagements"], 0)))
    assert nobody.plot_trend().alt == "No Tweet has engagements to look into."


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
    assert "not known" in enb.explore_gap(series()).plot_by("hour").alt


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


def test_the_table_has_counts_as_integers_and_ratios_that_may_be_missing():
    table = enb.explore_gap(series()).trend("week")
    assert table.columns.tolist() == [
        "tweets", "engagements", "hidden", "hidden_least", "hidden_most", "hidden_share",
        "hidden_low", "hidden_high", "impressions", "engagement_rate", "rate_low", "rate_high",
        "partial",
    ]  # fmt: skip
    ratios = table.columns[[5, 6, 7, 9, 10, 11]]
    assert {str(table[name].dtype) for name in ratios} == {"Float64"}
    assert {str(table[name].dtype) for name in table.columns.difference(ratios)} == {
        "int64", "bool"
    }  # fmt: skip


def test_times_without_a_zone_are_those_of_utc():
    frame = account(60)
    frame["time"] = pd.date_range("2026-01-05", periods=60, freq="h")
    known = frame.assign(time=frame["time"].dt.tz_localize("UTC"))
    gaps = [enb.explore_gap(given, zone="Asia/Tokyo") for given in (frame, known)]
    tables = [gap.trend("day") for gap in gaps]
    pd.testing.assert_frame_equal(*tables)
    assert dates(tables[0]) == ["01-05", "01-06", "01-07"]


def test_the_rate_is_over_tweets_with_impressions_in_the_period():
    frame = account(60).assign(created_at=FIRST)
    frame.loc[0, "impressions"], frame.loc[1, "impressions"] = 0, pd.NA
    frame.loc[2, ["impressions", "engagements"]] = [1, 1]
    frame.loc[2, COUNTED] = 0
    row = enb.explore_gap(frame).trend("week").iloc[0]
    told = frame.drop(index=[0, 1])
    assert row["engagement_rate"] == told["engagements"].sum() / told["impressions"].sum()
    assert row["impressions"] == told["impressions"].sum()


def test_intervals_need_twenty_tweets_and_have_the_level_of_the_analysis():
    frame = account(41)
    frame[["engagements", "favorites"]] += 1
    frame["created_at"] = FIRST
    frame.loc[20:39, "created_at"] = FIRST + pd.Timedelta(days=7)
    frame.loc[40, "created_at"] = FIRST + pd.Timedelta(days=7)
    frame.loc[[0, 20, 21], "engagements"] = 0
    frame.loc[[0, 20, 21], COUNTED] = 0
    table = enb.explore_gap(frame, level=0.8).trend("week")
    assert table["tweets"].tolist() == [19, 19]
    assert table["hidden_low"].isna().all()
    frame.loc[0, ["engagements", *COUNTED]] = [5, 1, 1, 1, 1, 1]
    row = enb.explore_gap(frame, level=0.8).trend("week").iloc[0]
    hidden = frame["engagements"][:20] - frame[COUNTED][:20].sum(axis=1)
    assert (row["hidden_low"], row["hidden_high"]) == pytest.approx(
        share_interval(hidden, frame["engagements"][:20], 0.8)
    )


def test_a_rate_above_one_has_the_interval_of_a_ratio():
    """Promoted engagements are counted, and promoted impressions are not."""
    frame = account(60).assign(created_at=FIRST)
    for factor, interval_of in ((1, share_interval), (3, ratio_interval)):
        seen = (frame["engagements"] // factor).clip(lower=1)
        gap = enb.explore_gap(frame.assign(impressions=seen), level=0.9)
        row = gap.trend("week").iloc[0]
        engaged = frame["engagements"] > 0
        seen = seen.where(engaged, 1)
        assert (row["rate_low"], row["rate_high"]) == pytest.approx(
            interval_of(frame["engagements"], seen, 0.9)
        )


def test_periods_add_up_to_all_and_none_hides_less_than_nothing():
    """Counters of one day may exceed engagements of that day, and fall short on another."""
    frame = series(2)
    frame.loc[5, "engagements"] = 0
    gap = enb.explore_gap(frame)
    row = gap.trend("day").iloc[0]
    first = frame[frame["time"] == FIRST]
    left = first["engagements"] - first[gap.summed].sum(axis=1)
    assert left.min() < 0
    assert row["hidden"] == left.sum()
    frame.loc[frame["time"] == FIRST, "engagements"] = 0
    assert enb.explore_gap(frame).trend("day")["hidden"].iloc[0] == 0


def test_periods_are_covered_in_full_if_they_begin_and_end_with_the_figures():
    about = {"source": "api", "start": FIRST, "end": FIRST + pd.Timedelta(days=14)}
    assert enb.explore_gap(as_metrics(series(), **about)).trend("week")["partial"].tolist() == [
        False, False
    ]  # fmt: skip
    read_at = FIRST + pd.Timedelta(days=30)
    cut = as_metrics(series(), **{**about, "end": FIRST + pd.Timedelta(days=13)}, read_at=read_at)
    assert enb.explore_gap(cut).trend("week")["partial"].tolist() == [False, True]


def test_what_is_covered_is_told_in_the_time_zone_of_the_days():
    start = FIRST + pd.Timedelta(hours=5)
    given = as_metrics(series(24, "h", start), start=start)
    there = enb.explore_gap(given, zone="America/New_York")
    assert there.trend("day")["partial"].tolist() == [False]
    assert enb.explore_gap(given).trend("day")["partial"].tolist() == [True, False]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            {"zone": "Paris"},
            "'Paris' is not a time zone. Give an IANA name, such as Europe/Paris or Asia/Tokyo.",
        ),
        (
            {"by": "decade"},
            '\'decade\' is not a step in time. Use "day", "week", "month" or "year".',
        ),
    ],
)
def test_an_unknown_step_or_zone_is_refused_with_advice(arguments, words):
    with pytest.raises((enb.AnalysisError, enb.InputError)) as caught:
        enb.explore_gap(account(), zone=arguments.pop("zone", None)).trend(**arguments)
    assert str(caught.value) == words
