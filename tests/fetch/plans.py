"""Plans to test: at one moment, for Tweets of some age, with tokens of owners or of an app."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from engagement_nb.apis.times import snowflake
from engagement_nb.client.credentials import Profile
from engagement_nb.client.hosts import hosts_at
from engagement_nb.fetch import Plan, make_plan

NOW = datetime(2026, 11, 23, 10, 17, 30, tzinfo=UTC)


def owner(number: int = 1) -> Profile:
    return Profile(
        f"owner{number}",
        hosts_at("http://127.0.0.1:8642"),
        consumer_key="key-of-the-app",
        consumer_secret="secret-of-the-app",
        access_token=f"{number}-token-of-owner",
        access_token_secret="secret-of-the-token",
    )


APP = Profile("app", hosts_at("http://127.0.0.1:8642"), bearer_token="bearer-of-the-app")


def ids(count: int, days: float = 10, low: int = 0) -> list[str]:
    """Ids of Tweets posted so many days ago."""
    return [str(snowflake(NOW - timedelta(days=days), low + n)) for n in range(count)]


def plan(tweet_ids: list[str], endpoint: str = "totals", **options: object) -> Plan:
    return make_plan(tweet_ids, endpoint, **{"profiles": [owner()], "now": NOW, **options})
