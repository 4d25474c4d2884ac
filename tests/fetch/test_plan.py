"""What a plan says: its text for people and its values for JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd
import pytest

from engagement_nb.apis.times import snowflake
from engagement_nb.client.credentials.secret import Secret
from engagement_nb.fetch import make_plan
from tests.fetch.plans import APP, ids, owner, plan

OWN, HERS = ids(3), ids(2, low=100)
OWNERS = {**dict.fromkeys(OWN, "1"), **dict.fromkeys(HERS, "2")}
OWNERS_UNKNOWN = (
    "Owners unknown for {} Tweets: refused requests are retried with other profiles, at extra"
    " cost, and may count their handles. Add a column of user ids or handles beside the ids."
)


def test_a_plan_of_two_owners_tells_the_requests_of_each() -> None:
    """Requests are counted by profile and kind of tokens, and handles by user tokens."""
    tweets = [*OWN, *HERS, *ids(260, days=100, low=200)]
    found = plan(tweets, profiles=[owner(1), owner(2)], owners=OWNERS, limit=48)
    assert str(found) == (
        "totals, 265 Tweets\n"
        "  requests  4; less than a minute at 48 per minute\n"
        "            1 by owner1 (user tokens)\n"
        "            1 by owner2 (user tokens)\n"
        "            2 by owner1 (bearer, public metrics)\n"
        "  handles   2 counted for this billing month"
    )
    assert found.to_dict() == {
        "endpoint": "totals",
        "by": None, "zone": "UTC",
        "start": None,
        "end": None,
        "windows": 1,
        "metrics": ["impressions", "engagements", "favorites", "retweets", "replies",
                    "video_views", "quote_tweets"],
        "tweets_given": 265,
        "tweets": 265,
        "requests": 4,
        "limit_per_minute": 48,
        "minutes": 0.08,
        "handles": ["1", "2"],
        "by_owner": [
            {"profile": "owner1", "auth": "user", "requests": 1},
            {"profile": "owner2", "auth": "user", "requests": 1},
            {"profile": "owner1", "auth": "app", "requests": 2},
        ],
        "problems": [],
        "notes": [],
    }  # fmt: skip


def test_a_plan_over_several_windows_tells_its_period_and_what_is_unavailable() -> None:
    """Notes about the period and the ids come first, then hints about the price."""
    middle = ids(1_500, days=30)
    late, early = ids(1, days=1)[0], str(snowflake(datetime(2013, 1, 1, tzinfo=UTC)))
    found = plan(
        [*middle, *middle[:2], late, early, "12x"],
        "historical",
        by="day",
        start="2026-09-01T05:00",
        end="2026-11-01T07:00",
        metrics=["quote_tweets", "favorites"],
        profiles=[owner(1), owner(2), APP],
    )
    notes = [
        "The first or last day of the period is incomplete.",
        "Repeated ids, which are counted once: 2.",
        OWNERS_UNKNOWN.format("1,501"),
    ]
    what = "historical, 1,501 Tweets by day, 2026-09-01 05:00 to 2026-11-01 07:00 UTC"
    assert repr(found) == f"<Plan: {what}>"
    assert str(found) == (
        f"{what}\n"
        "  requests  63; the first response tells the limit per minute\n"
        "            63 by owner1 (user tokens)\n"
        "  handles   up to 2 counted for this billing month\n"
        "  skipped: 1 entry that is not a Tweet id\n"
        "  unavailable  1 Tweet: posted later\n"
        "  unavailable  1,501 Tweets: metric not offered (some metrics)\n"
        f"  note      {notes[0]}\n  note      {notes[1]}\n  note      {notes[2]}"
    )
    assert json.loads(json.dumps(found.to_dict())) == {
        "endpoint": "historical",
        "by": "day",
        "zone": "UTC",
        "start": "2026-09-01T05:00:00Z",
        "end": "2026-11-01T07:00:00Z",
        "windows": 3,
        "metrics": ["favorites", "quote_tweets"],
        "tweets_given": 1_503,
        "tweets": 1_501,
        "requests": 63,
        "limit_per_minute": None,
        "minutes": None,
        "handles": ["1", "2"],
        "by_owner": [{"profile": "owner1", "auth": "user", "requests": 63}],
        "problems": [
            {"reason": "not a Tweet id", "scope": "tweet", "tweets": 1},
            {"reason": "posted later", "scope": "tweet", "tweets": 1},
            {"reason": "metric not offered", "scope": "metrics", "tweets": 1_501},
        ],
        "notes": notes,
    }
    windows = found.tweets_by_window()
    assert tuple(w for w, posted in windows.items() if early in posted) == found.windows
    assert tuple(w for w, posted in windows.items() if middle[0] in posted) == found.windows[2:]
    assert [*plan(OWN).tweets_by_window()] == [None]


@pytest.mark.parametrize(
    ("tweets", "limit", "time"),
    [
        (25, None, "the first response tells the limit per minute"),
        (50, 3, "less than a minute at 3 per minute"),
        (75, 3, "1.0 minutes at 3 per minute"),
        (100, 3, "1.3 minutes at 3 per minute"),
        (25, 0.5, "2.0 minutes at 0.5 per minute"),
    ],
)
def test_the_time_is_in_minutes_from_one_minute_on(
    tweets: int, limit: float | None, time: str
) -> None:
    lines = str(plan(ids(tweets), "28hr", limit=limit)).splitlines()
    assert lines[1].split("; ")[1] == time
    assert lines[-1] == "  handles   1 counted for this billing month"


def test_the_price_contains_no_token() -> None:
    found = plan(OWN)
    assert "token" not in repr(found).lower() + str(found.to_dict()).lower()


@pytest.mark.parametrize(
    ("profiles", "options", "hints"),
    [
        ([owner()], {}, []),
        ([owner(1), owner(2)], {}, [OWNERS_UNKNOWN.format(5)]),
        ([owner(1), owner(2)], {"owners": dict.fromkeys(OWN, "1")}, [OWNERS_UNKNOWN.format(2)]),
        ([owner(1), owner(2)], {"owners": OWNERS}, []),
        ([owner(1), owner(2)], {"metrics": ["favorites"]}, []),
        ([owner(1), APP], {"owners": OWNERS}, []),
    ],
)
def test_a_hint_asks_for_owners_if_several_tokens_may_be_tried(
    profiles: list, options: dict[str, object], hints: list[str]
) -> None:
    """Only Tweets of unknown owner that are requested with user tokens matter."""
    assert list(plan([*OWN, *HERS], profiles=profiles, **options).hints) == hints


def test_a_profile_that_lacks_a_part_of_its_tokens_is_named() -> None:
    """A profile with incomplete tokens cannot sign, and the plan says what it lacks."""
    halved = replace(owner(), consumer_key=Secret(), consumer_secret=Secret())
    found = plan(OWN, "28hr", profiles=[halved])
    assert not found.requests
    assert found.hints == (
        "3 Tweets cannot be requested: needs the owner's tokens.",
        "Profile 'owner1' has an access token but no consumer key and no consumer secret:"
        " it cannot sign for its user.",
    )
    assert not plan(OWN, profiles=[APP]).hints


def test_handles_beside_the_ids_are_the_names_of_profiles() -> None:
    """A handle with or without "@" in any case is a profile's, a number is a user id."""
    rows = {"id": [*OWN, *HERS], "owner": ["@Owner2", "oWNER1", "2", "@nobody", "77"]}
    at = replace(owner(1), name="@Owner1")
    found = plan(pd.DataFrame(rows), profiles=[at, owner(2)])  # type: ignore[arg-type]
    assert found.owners == {OWN[0]: "2", OWN[1]: "1", OWN[2]: "2", HERS[1]: "77"}
    told = plan(pd.DataFrame(rows), profiles=[at], owners={OWN[0]: "5"})  # type: ignore[arg-type]
    assert told.owners == {OWN[0]: "5", OWN[1]: "1", OWN[2]: "2", HERS[1]: "77"}


def test_without_an_endpoint_and_a_moment_it_is_totals_now() -> None:
    before = datetime.now(UTC)
    found = make_plan(ids(1))
    assert found.question.endpoint.name == "totals"
    assert before <= found.question.asked_at <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("tweets", "options", "problems"),
    [
        (
            ids(1, days=100),
            {"metrics": ["engagements", "impressions", "url_clicks"]},
            [("older than 90 days", "tweet", "impressions, engagements")],
        ),
        (
            ids(1),
            {"metrics": ["favorites", "url_clicks", "media_views"]},
            [("metric not offered", "metrics", "media_views, url_clicks")],
        ),
        (
            ids(1, days=1),
            {"start": "2026-10-01", "end": "2026-11-01"},
            [("posted later", "tweet", "")],
        ),
        (
            [str(snowflake(datetime(2013, 1, 1, tzinfo=UTC)))],
            {"start": "2014-08-01", "end": "2014-09-05", "metrics": ["impressions", "url_clicks"]},
            [("before 2014-09-01", "metrics", "impressions, url_clicks")],
        ),
        (
            [str(snowflake(datetime(2015, 1, 1, tzinfo=UTC)))],
            {"start": "2015-09-01", "end": "2015-09-15", "metrics": ["retweets"]},
            [("before 2015-09-15", "tweet", "retweets")],
        ),
        (
            [str(snowflake(datetime(2015, 1, 1, tzinfo=UTC)))],
            {"start": "2015-09-01", "end": "2015-09-15T01:00", "metrics": ["retweets"]},
            [],
        ),
    ],
)
def test_problems_name_the_metrics_that_are_missing(
    tweets: list[str], options: dict[str, object], problems: list[tuple[str, str, str]]
) -> None:
    """A Tweet has the problem if it lacks all metrics even in the last hour of the period."""
    found = plan(tweets, "historical" if "start" in options else "totals", **options).problems
    assert [*zip(found["reason"], found["scope"], found["metrics"], strict=True)] == problems
