"""Routing: whose tokens request a Tweet, given what is known of tokens and owners."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engagement_nb.apis.availability import Window
from engagement_nb.client import Request
from engagement_nb.client.credentials import Profile
from engagement_nb.client.hosts import hosts_at
from engagement_nb.fetch import Plan
from engagement_nb.fetch.router import Known, Router
from engagement_nb.usage import user_of
from tests.fetch.plans import APP, NOW, ids, owner, plan

BOTH = ["impressions", "favorites"]
NEW, OLD = ids(1, days=10)[0], ids(1, days=100)[0]
USERS_DEAD = {(0, "user"), (1, "user")}
APPS_DEAD = {(0, "app"), (1, "app")}


def router(planned: Plan, known: Known) -> Router:
    return Router(planned.question, planned.profiles, known)


def routed(tweet_id: str, endpoint: str, known: Known, profiles: list[Profile]) -> str:
    """The profile, the authentication and the metrics of the only request, or the reason."""
    found = plan([tweet_id], endpoint, metrics=BOTH, profiles=profiles)
    requests, hopeless = router(found, known).requests(found.tweets_by_window())
    if not requests:
        assert list(hopeless) == [tweet_id]
        return str(hopeless[tweet_id])
    assert not hopeless
    [one] = requests
    return " ".join([one.profile.name, one.auth, *one.metrics])


@pytest.mark.parametrize(
    ("known", "route"),
    [
        (Known(), "owner1 user impressions favorites"),
        (Known(refused={NEW: {"1"}}), "owner2 user impressions favorites"),
        (Known(refused={OLD: {"1"}}), "owner1 user impressions favorites"),
        (Known(refused={NEW: {"1", "2"}}), "not yours"),
        (Known(dead={(0, "user")}), "owner2 user impressions favorites"),
        (Known(dead=USERS_DEAD), "not authenticated"),
        (Known(dead=APPS_DEAD), "owner1 user impressions favorites"),
        (Known(refused={NEW: {"1"}}, dead={(1, "user")}), "not authenticated"),
        (Known(owners={NEW: "2"}), "owner2 user impressions favorites"),
        (Known(owners={NEW: "2"}, refused={NEW: {"2"}}), "not yours"),
        (Known(owners={NEW: "99"}), "not yours"),
        (Known(denied={"user": {"favorites"}}), "owner1 user impressions"),
        (Known(denied={"app": {"favorites"}}), "owner1 user impressions favorites"),
        (Known(denied={"user": {*BOTH}}), "metric not offered"),
        (Known(approved_handles=["2"]), "owner2 user impressions favorites"),
        (Known(approved_handles=[]), "needs the owner's tokens"),
    ],
)
def test_endpoints_for_owners_use_the_first_user_tokens_that_may_work(
    known: Known, route: str
) -> None:
    """Tokens that were refused, are dead or are not approved are skipped, or else the reason."""
    assert routed(NEW, "28hr", known, [owner(1), owner(2)]) == route


@pytest.mark.parametrize(
    ("tweet_id", "known", "route"),
    [
        (NEW, Known(), "owner1 user impressions favorites"),
        (NEW, Known(dead=APPS_DEAD), "owner1 user impressions favorites"),
        (NEW, Known(refused={NEW: {"1"}}), "owner2 user impressions favorites"),
        (NEW, Known(refused={NEW: {"1", "2"}}), "owner1 app favorites"),
        (NEW, Known(owners={NEW: "99"}), "owner1 app favorites"),
        (NEW, Known(owners={NEW: "99"}, dead={(0, "app")}), "owner2 app favorites"),
        (NEW, Known(owners={NEW: "99"}, dead=APPS_DEAD), "not authenticated"),
        (NEW, Known(owners={NEW: "99"}, denied={"app": {"favorites"}}), "not yours"),
        (NEW, Known(denied={"user": {"impressions"}}), "owner1 app favorites"),
        (OLD, Known(), "owner1 app favorites"),
        (OLD, Known(dead={(0, "app")}), "owner2 app favorites"),
        (OLD, Known(dead=APPS_DEAD), "owner1 user impressions favorites"),
        (OLD, Known(dead=APPS_DEAD, refused={OLD: {"1"}}), "owner2 user impressions favorites"),
        (OLD, Known(dead=APPS_DEAD, refused={OLD: {"1", "2"}}), "not authenticated"),
        (OLD, Known(denied={"app": {"favorites"}}), "needs the owner's tokens"),
        (
            OLD,
            Known(denied={"app": {"favorites"}}, dead={(0, "user")}),
            "needs the owner's tokens",
        ),
    ],
)
def test_totals_uses_user_tokens_only_where_they_give_more_than_the_bearer(
    tweet_id: str, known: Known, route: str
) -> None:
    """User tokens also stand in for bearers that the API no longer accepts."""
    assert routed(tweet_id, "totals", known, [owner(1), owner(2)]) == route


def test_profiles_without_the_needed_tokens_are_skipped() -> None:
    """Without user tokens only public metrics remain, and without any tokens nothing."""
    none = Profile("none", hosts_at("http://127.0.0.1:8642"))
    assert routed(NEW, "totals", Known(), [none, APP]) == "app app favorites"
    assert routed(NEW, "totals", Known(), [none]) == "needs the owner's tokens"
    assert routed(NEW, "28hr", Known(), [APP]) == "needs the owner's tokens"


def test_the_reason_why_a_tweet_is_not_its_owners_is_told_with_the_route() -> None:
    """A route to public metrics names the reason for the missing ones, if there is one."""
    found = plan([NEW, OLD], metrics=BOTH)
    route = router(found, Known(refused={NEW: {"1"}})).lane
    lane, reason = route(NEW)
    assert (lane, reason) == ((0, "app", ("favorites",)), "not yours")
    assert route(OLD) == (lane, None)


def test_each_window_is_one_request_from_the_last_to_the_first() -> None:
    """A request has the endpoint, the Tweets, the metrics, the grouping and the window."""
    first, middle, last = (datetime(2026, 9, day, tzinfo=UTC) for day in (1, 2, 30))
    found = plan([NEW, OLD], "historical", start=first, end=last, by="day", metrics=BOTH)
    expected = [
        Request("historical", (OLD,), ("impressions", "favorites"), owner(), "day", *window, "user")
        for window in (Window(middle, last), Window(first, middle))
    ]
    assert list(found.requests) == expected
    later = {found.windows[1]: [OLD]}
    assert router(found, Known()).requests(later) == (expected[:1], {})


def test_probing_requests_unproven_tweets_in_one_window_only() -> None:
    found = plan(ids(30, days=90), "historical", start="2026-09-04", end=NOW)
    outstanding = found.tweets_by_window()
    first, _ = router(found, Known()).requests(outstanding, probe=True)
    assert [(r.tweet_ids, r.window) for r in first] == [
        (found.tweet_ids[:25], found.windows[-1]),
        (found.tweet_ids[25:], found.windows[-1]),
    ]
    proven = Known(owners=dict.fromkeys(found.tweet_ids, user_of(found.profiles[0])))
    everything, _ = router(found, proven).requests(outstanding, probe=True)
    assert len(everything) == len(found.requests) == 6
