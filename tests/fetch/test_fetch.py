"""Collecting, over a real socket, against the sandbox and its troubles."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from engagement_nb.apis.engagement import ENDPOINTS, PUBLIC_COUNTS_KNOWN_FROM
from engagement_nb.apis.times import tweet_time, wire_time
from engagement_nb.client import Client
from engagement_nb.client.hosts import hosts_at
from engagement_nb.client.pacing import Pacer
from engagement_nb.dataset import Dataset
from engagement_nb.errors import (
    BadRequestError,
    ConnectionTroubleError,
    ServerTroubleError,
    UnauthenticatedError,
)
from engagement_nb.fetch import Run, make_plan, record_of
from engagement_nb.sandbox import FAULTS, Sandbox
from engagement_nb.sources import sandbox_profiles
from tests.fetch.fetching import (
    Asked,
    account_for_each,
    ask_of,
    equal_to_truth,
    fetch,
    mixed_ids,
    reasons,
    run_plan,
    strangers,
    writer_for,
)
from tests.fetch.misbehaving import Document, Reply, misbehaving

NOW = datetime.now(UTC)
MIDNIGHT = NOW.replace(hour=0, minute=0, second=0, microsecond=0)


def days_ago(days: int) -> datetime:
    return MIDNIGHT - timedelta(days=days)


def test_four_thousand_mixed_ids_under_faults_are_accounted_for_and_true(
    make_sandbox: Callable[..., Sandbox],
) -> None:
    """Totals of 4,000 ids under 5 % faults: each id once, true values, unknown is <NA>."""
    rates = {fault: 0.05 / len(FAULTS) * (1 + (fault in ("cut", "drop"))) for fault in FAULTS}
    sandbox = make_sandbox(
        seed=5,
        tweets=12_000,
        clock=lambda: NOW,
        faults={"rates": rates, "slow_seconds": 0.1, "script": list(FAULTS)},
    )
    ids, kinds = mixed_ids(sandbox, 4_000)
    assert len(ids) == 4_000
    metrics = fetch(sandbox, ids)
    account_for_each(metrics, ids)
    # On totals the figure is that of all Tweets with the same video.
    equal_to_truth(metrics, sandbox, skip=["video_views"])
    why = reasons(metrics)
    assert why["unavailable/tweet"] == (
        kinds["deleted"] | kinds["protected"] | kinds["never-existed"]
    )
    assert why["not a Tweet id/tweet"] == kinds["malformed"]
    assert "request failed/tweet" not in why
    frame = metrics.frame.set_index("tweet_id")
    assert frame.loc[sorted(kinds["over-1800-days"]), "video_views"].isna().all()
    old = frame.loc[sorted(kinds["over-90-days"])]
    assert old[["impressions", "engagements"]].isna().all(axis=None)
    recent = {i for i in kinds["own"] if tweet_time(i) > NOW - timedelta(days=89)}
    assert frame.loc[sorted(recent), list(metrics.metric_names)].notna().all(axis=None)
    public = [i for i in kinds["others"] if tweet_time(i) > NOW - timedelta(days=89)]
    assert why["needs the owner's tokens/metrics"] >= set(public)
    assert frame.loc[public, "favorites"].notna().all()
    assert any(seen.fault for seen in sandbox.log)


def test_historical_of_many_owners_goes_to_the_right_tokens(
    make_sandbox: Callable[..., Sandbox],
) -> None:
    """Sums over two months are the truth under faults, for three owners and others."""
    rates = {fault: 0.05 / len(FAULTS) for fault in FAULTS}
    sandbox = make_sandbox(faults={"rates": rates, "slow_seconds": 0.1}, others_texts="by author")
    ids = [i for account in range(3) for i in sandbox.ids("own", 60, account)]
    others = strangers(sandbox, 40)
    given = [*ids, *others, *sandbox.ids("deleted", 5)]
    metrics = fetch(sandbox, given, "historical", start=days_ago(60), end=days_ago(1))
    account_for_each(metrics, given)
    equal_to_truth(metrics, sandbox, start=days_ago(60), end=days_ago(1))
    why = reasons(metrics)
    later = {i for i in given if tweet_time(i) >= days_ago(1)}
    assert why["posted later/tweet"] == later
    assert why["not yours/tweet"] == set(others) - later
    assert set(ids) - later <= set(metrics.frame["tweet_id"])


@pytest.mark.parametrize("by", ["day", "hour"])
def test_series_add_up_to_the_truth(sandbox: Sandbox, by: str) -> None:
    """Days and hours of touching windows come once each, and sum to the truth."""
    ids = sandbox.ids("own", 30)
    start, end = days_ago(40) + timedelta(hours=5), days_ago(1) + timedelta(hours=7)
    metrics = fetch(sandbox, ids, "historical", start=start, end=end, by=by)
    frame = metrics.frame
    assert not frame.duplicated(["tweet_id", "time"]).any()
    assert str(frame["time"].dtype) == "datetime64[ms, UTC]"
    sums = frame.groupby("tweet_id", sort=False)[metrics.metric_names].sum()
    truth = sandbox.truth(list(sums.index), start, end)
    for name in metrics.metric_names:
        assert (sums[name].to_numpy(dtype="int64") == truth.of(name)).all(), name


def test_zeros_that_mean_unknown_are_missing(make_sandbox: Callable[..., Sandbox]) -> None:
    """Likes, replies and reposts before 2015-09-15 are <NA>, and so are sums that include them."""
    sandbox = make_sandbox(lookback_days=None, tweets=20_000)
    ids = sandbox.ids("before-2015-09", 20)
    border = PUBLIC_COUNTS_KNOWN_FROM
    window = {"start": border - timedelta(days=5), "end": border + timedelta(days=5)}
    series = fetch(sandbox, ids, "historical", by="day", **window)
    early = series.frame["time"] < border
    for name in ("favorites", "replies", "retweets"):
        assert series.frame[name][early].isna().all()
        assert series.frame[name][~early].notna().all()
    assert series.frame["impressions"].notna().all()
    sums = fetch(sandbox, ids, "historical", **window)
    assert sums.frame[["favorites", "replies", "retweets"]].isna().all(axis=None)
    assert reasons(sums)["before 2015-09-15/metrics"] == set(sums.frame["tweet_id"])
    later = fetch(sandbox, ids, "historical", start=border, end=window["end"])
    assert later.frame["favorites"].notna().all()


def test_a_video_older_than_1800_days_has_no_count(sandbox: Sandbox) -> None:
    """The zero that the API sends for old videos is <NA> on every endpoint."""
    ids = sandbox.ids("over-1800-days", 30)
    for endpoint in ("totals", "28hr"):
        metrics = fetch(sandbox, ids, endpoint)
        assert metrics.frame["video_views"].isna().all()
        assert metrics.frame["favorites"].notna().all()
        assert reasons(metrics)["older than 1800 days/metrics"] == set(ids)
    # A recent span is the one that the response names, in full hours.
    assert metrics.about.start is not None
    assert metrics.about.end is not None
    assert metrics.about.end - metrics.about.start in (timedelta(hours=28), timedelta(hours=29))


def test_one_tweet_of_another_user_costs_only_itself(sandbox: Sandbox) -> None:
    """A refusal that names a Tweet costs that Tweet and no other."""
    mine = sandbox.ids("own", 24)
    stranger = next(i for i in sandbox.ids("others", 50, 0) if tweet_time(i) < days_ago(1))
    metrics = fetch(sandbox, [*mine[:12], stranger, *mine[12:]], "28hr", accounts=[0])
    assert list(metrics.frame["tweet_id"]) == mine
    assert reasons(metrics) == {"not yours/tweet": {stranger}}


class Unnamed(httpx.BaseTransport):
    """Forwards to the sandbox, and removes the ids from its refusals."""

    def __init__(self) -> None:
        self._real = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._real.handle_request(request)
        raw = response.read()
        if response.status_code != 403:
            headers = [(k, v) for k, v in response.headers.items() if k != "content-encoding"]
            return httpx.Response(response.status_code, headers=headers, content=raw)
        return httpx.Response(403, content=re.sub(rb": [\d, ]+", b"", raw))


def test_tweets_of_unknown_owners_cost_one_refusal_and_not_one_per_window(
    sandbox: Sandbox,
) -> None:
    before = sandbox.requests_seen["historical 403"]
    period = {"start": days_ago(60), "end": days_ago(1)}
    ids = [i for i in strangers(sandbox, 400) if tweet_time(i) < days_ago(35)][:10]
    metrics = fetch(sandbox, ids, "historical", accounts=[0], **period)
    assert reasons(metrics) == {"not yours/tweet": set(ids)}
    assert sandbox.requests_seen["historical 403"] - before == 1


def test_a_refusal_without_names_is_halved(sandbox: Sandbox) -> None:
    """Halving finds the two Tweets of others among 25 if the refusal names none."""
    mine = sandbox.ids("own", 23)
    others = [i for i in sandbox.ids("others", 50) if tweet_time(i) < days_ago(1)][:2]
    given = [*mine[:5], others[0], *mine[5:20], others[1], *mine[20:]]
    before = sandbox.requests_seen["28hr 403"]
    metrics = fetch(sandbox, given, "28hr", accounts=[0], transport=Unnamed())
    account_for_each(metrics, given)
    assert set(metrics.frame["tweet_id"]) == set(mine)
    assert reasons(metrics) == {"not yours/tweet": set(others)}
    assert sandbox.requests_seen["28hr 403"] - before <= 2 * 5 + 1


def test_user_tokens_never_request_public_metrics_from_totals(sandbox: Sandbox) -> None:
    """Public metrics use the bearer token, so no request is refused."""
    before = sandbox.requests_seen["totals 403"]
    ids = sandbox.ids("others", 300)
    metrics = fetch(sandbox, ids, metrics=["favorites", "replies"])
    assert len(metrics) == 300
    assert list(metrics.metric_names) == ["favorites", "replies"]
    assert sandbox.requests_seen["totals 403"] == before


def test_the_response_to_a_retry_is_used(make_sandbox: Callable[..., Sandbox]) -> None:
    """Data that follows six kinds of trouble is used."""
    script = ["500", "502-html", "503-empty", "drop", "garble", "cut"]
    sandbox = make_sandbox(faults={"script": script})
    ids = sandbox.ids("own", 5)
    waits: list[float] = []
    plan = make_plan(ids, profiles=sandbox_profiles(sandbox.url))
    with Client() as client:
        run = Run(plan, client, writer_for(plan), progress=False, sleep=waits.append)
        run.go()
    assert run.state.in_frame() == ids
    assert len(waits) == len(script)
    assert all(0.25 * 2**n <= wait <= 0.5 * 2**n for n, wait in enumerate(waits))


def test_a_429_is_counted_and_the_run_continues(make_sandbox: Callable[..., Sandbox]) -> None:
    """A request waits if another client has spent the quota, and then gets its Tweets."""
    seconds = [0.0]
    sandbox = make_sandbox(per_minute=2, window_seconds=1.0, monotonic=lambda: seconds[0])
    ids = sandbox.ids("own", 60)
    profiles = sandbox_profiles(sandbox.url)
    stranger = make_plan(ids[:1], "28hr", profiles=profiles)
    refused: list[float] = []

    def new_window(wait: float) -> None:
        refused.append(wait)
        seconds[0] += 1.0

    apart = Pacer(window=1.0), Pacer(window=1.0)
    with (
        Client(pacer=apart[0]) as other,
        Client(pacer=apart[1]) as own,
    ):
        for _ in range(2):
            other.send(stranger.requests[0])
        plan = make_plan(ids, "28hr", profiles=profiles)
        metrics = run_plan(plan, own, source="sandbox", progress=False, sleep=new_window)
    assert len(metrics) == 60
    assert refused


def test_dead_tokens_of_one_owner_cost_the_others_nothing(
    make_sandbox: Callable[..., Sandbox],
) -> None:
    """A revoked profile is not used again, and only its owner lacks figures."""
    sandbox = make_sandbox()
    sandbox.keys.revoke(sandbox.accounts[1].access_token)
    ids = {account: sandbox.ids("own", 30, account) for account in range(3)}
    owners = {i: sandbox.accounts[a].user_id for a, found in ids.items() for i in found}
    metrics = fetch(sandbox, list(owners), "28hr", owners=owners)
    account_for_each(metrics, list(owners))
    assert set(metrics.frame["tweet_id"]) == {*ids[0], *ids[2]}
    assert reasons(metrics) == {"not authenticated/tweet": set(ids[1])}
    assert sandbox.requests_seen["28hr 401"] <= 4


def test_only_handles_of_the_plan_are_used(
    make_sandbox: Callable[..., Sandbox],
) -> None:
    """Tokens of other owners cost money, so a dead bearer or a wrong owner does not use them."""
    sandbox = make_sandbox()
    sandbox.keys.revoke(sandbox.bearer_token)
    own = sandbox.ids("under-90-days", 3, 0)
    old = {account: sandbox.ids("over-90-days", 3, account) for account in (0, 1)}
    ids = [*own, *old[0], *old[1]]
    owners = {i: sandbox.accounts[a].user_id for a in (0, 1) for i in [*own * (not a), *old[a]]}
    asked = Asked(sandbox)
    metrics = fetch(sandbox, ids, owners=owners)
    account_for_each(metrics, ids)
    assert asked.accounts == {0}
    assert reasons(metrics)["not authenticated/tweet"] == set(old[1])
    with pytest.raises(UnauthenticatedError):
        fetch(sandbox, [*old[0], *old[1]])
    wrong = {
        **dict.fromkeys(own, sandbox.accounts[0].user_id),
        old[1][0]: sandbox.accounts[0].user_id,
    }
    metrics = fetch(sandbox, list(wrong), "28hr", owners=wrong)
    assert reasons(metrics)["not yours/tweet"] == {old[1][0]}
    assert asked.accounts == {0}


def test_a_run_with_only_refused_tokens_is_an_error(make_sandbox: Callable[..., Sandbox]) -> None:
    """A run without any figure raises the API's refusal instead of returning an empty frame."""
    sandbox = make_sandbox()
    sandbox.keys.revoke(sandbox.accounts[0].access_token)
    with pytest.raises(UnauthenticatedError):
        fetch(sandbox, sandbox.ids("own", 5), "28hr", accounts=[0])


def test_a_refused_period_is_requested_once(make_sandbox: Callable[..., Sandbox]) -> None:
    """A window beyond the look-back is refused once, not once per 25 Tweets."""
    sandbox = make_sandbox(lookback_days=365)
    ids = [i for i in sandbox.ids("over-90-days", 4_000) if tweet_time(i) < days_ago(500)][:200]
    with pytest.raises(BadRequestError):
        fetch(sandbox, ids, "historical", start=days_ago(450), end=days_ago(430), workers=1)
    assert sandbox.requests_seen["historical"] == 1
    period = {"start": days_ago(378), "end": days_ago(330)}
    metrics = fetch(sandbox, ids[:25], "historical", by="day", **period)
    account_for_each(metrics, ids[:25])
    assert reasons(metrics)["refused/period"] == set(ids[:25])
    assert (metrics.frame["time"] >= days_ago(358)).all()
    # A sum of the other part would look like one of the whole period.
    sums = fetch(sandbox, ids[:25], "historical", **period)
    assert sums.frame.empty
    assert reasons(sums) == {"refused/tweet": set(ids[:25])}


@pytest.mark.parametrize(("endpoint", "count"), [("totals", 600), ("28hr", 60), ("historical", 60)])
def test_an_empty_400_whose_retry_succeeds_costs_no_other_tweets(endpoint: str, count: int) -> None:
    """It used to mark the window dead, which all of totals share: 500 of 600 were refused."""

    def rejects_once(asked: Document, answer: Document) -> Reply | Document:
        return Reply(b"", status=400) if len(proxy.asked) == 1 else answer

    with misbehaving(rejects_once, tweets=3_000) as proxy:
        ids = proxy.sandbox.ids("own", count)
        plan = make_plan(ids, endpoint, profiles=sandbox_profiles(proxy.url)[:1])
        with Client() as client:
            run = Run(plan, client, writer_for(plan), progress=False, workers=1, sleep=print)
            run.go()
    assert run.state.in_frame() == list(plan.tweet_ids)
    assert not run.problems.of_scope("tweet")
    assert run.done
    assert run.requests == len(proxy.asked) == len(plan.requests) + 1


def test_one_rejected_request_does_not_lose_the_others_of_its_period() -> None:
    """A rejection may be about one Tweet; the period is given up after the second."""

    def rejects_one(asked: Document, answer: Document) -> Reply | Document:
        refused = Reply({"errors": ["Something is wrong."]}, status=400)
        return refused if ids[0] in asked["tweet_ids"] else answer

    with misbehaving(rejects_one, tweets=3_000) as proxy:
        ids = proxy.sandbox.ids("own", 75)
        plan = make_plan(ids, "historical", profiles=sandbox_profiles(proxy.url)[:1])
        first = plan.requests[0].tweet_ids
        with Client() as client:
            run = Run(plan, client, writer_for(plan), progress=False, workers=1, sleep=print)
            run.go()
    assert run.problems.of_scope("tweet") >= {*first}
    ended = run.to_dict()
    assert (ended["start"], ended["end"]) == tuple(map(wire_time, plan.question.period or ()))
    assert run.state.in_frame() == [i for i in plan.tweet_ids if i not in first]


def test_a_run_that_is_stopped_after_its_refusals_goes_on_from_them(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stored refusals tell whose Tweets these are not; without that, no resumed run ended."""
    ids = [i for account in (0, 1) for i in sandbox.ids("own", 30, account)]
    plan = make_plan(ids, "28hr", profiles=sandbox_profiles(sandbox.url)[:2])
    dataset = Dataset.create(tmp_path / "ds", "sandbox")
    with Client() as client:
        writer = dataset.begin(record_of(plan, ask_of(plan)))
        run = Run(plan, client, writer, progress=False)
        waves = iter([run._wave])

        def one_wave(*args: Any) -> None:
            for wave in waves:
                wave(*args)
                return
            raise KeyboardInterrupt

        monkeypatch.setattr(run, "_wave", one_wave)
        with pytest.raises(KeyboardInterrupt):
            run.go()
        assert run.requests
        writer = dataset.begin(record_of(plan, ask_of(plan)))
        resumed = Run(plan, client, writer, progress=False)
        resumed.go()
    assert resumed.done
    assert resumed.state.in_frame() == list(plan.tweet_ids)


def test_a_dead_server_ends_the_run(make_sandbox: Callable[..., Sandbox]) -> None:
    """A run whose server stops responding ends soon, with an error that says so."""
    sandbox = make_sandbox(faults={"rates": {"503": 1.0}})
    plan = make_plan(sandbox.ids("own", 2_500), "28hr", profiles=sandbox_profiles(sandbox.url))
    with Client() as client:
        run = Run(plan, client, writer_for(plan), progress=False, sleep=lambda seconds: None)
        with pytest.raises(ServerTroubleError):
            run.go()
    assert sandbox.requests_seen["28hr"] < 100


@pytest.mark.parametrize("workers", [0, 1])
def test_failures_with_a_response_between_them_do_not_end_the_run(workers: int) -> None:
    """Two requests of four fail, each despite all retries."""

    def fails_for_two(asked: Document, answer: Document) -> Reply | Document:
        fails = {ids[0], ids[50]} & {*asked["tweet_ids"]}
        return Reply(b"", status=503) if fails else answer

    with misbehaving(fails_for_two, tweets=3_000) as proxy:
        ids = proxy.sandbox.ids("own", 100)
        plan = make_plan(ids, "28hr", profiles=sandbox_profiles(proxy.url)[:1])
        with Client() as client:
            run = Run(plan, client, writer_for(plan), progress=False, workers=workers, sleep=print)
            run.go()
    assert run.state.in_frame() == [*ids[25:50], *ids[75:]]
    assert run.error is not None
    counts = run.problems.counts()
    assert {row["reason"] for row in counts} == {"request failed"}
    assert run.to_dict() == {
        "endpoint": "28hr", "span": "recent", "by": None, "zone": "UTC", "start": None, "end": None,
        "snapshot": run.record.snapshot, "tweets": 50, "missing": 50, "partial": 0,
        "requests": 2 + 2 * 8, "rate_limited": 0, "done": False, "problems": counts,
    }  # fmt: skip


def test_an_address_without_a_server_is_one_clear_error(sandbox: Sandbox) -> None:
    """Without a server, one sentence says what to check."""
    profile = sandbox_profiles(sandbox.url)[0]
    nowhere = replace(profile, hosts=hosts_at("http://127.0.0.1:9"))
    plan = make_plan(sandbox.ids("own", 2), profiles=[nowhere])
    with Client() as client:
        run = Run(plan, client, writer_for(plan), progress=False, sleep=lambda seconds: None)
        with pytest.raises(ConnectionTroubleError, match="could not be reached"):
            run.go()


def test_unrequested_metrics_are_absent_and_unoffered_ones_are_problems(
    sandbox: Sandbox,
) -> None:
    """The frame has the requested columns only; what the endpoint lacks is <NA>."""
    ids = sandbox.ids("own", 3)
    metrics = fetch(sandbox, ids, "28hr", metrics=["quote_tweets", "favorites"])
    assert metrics.metric_names == ["favorites", "quote_tweets"]
    assert metrics.frame["quote_tweets"].isna().all()
    assert reasons(metrics) == {"metric not offered/metrics": set(ids)}


def test_counts_are_integers_however_they_are_written(
    make_sandbox: Callable[..., Sandbox],
) -> None:
    """Bare numbers among the texts make no difference."""
    sandbox = make_sandbox(bare_numbers=0.5, clock=lambda: NOW)
    ids = sandbox.ids("own", 50)
    metrics = fetch(sandbox, ids)
    equal_to_truth(metrics, sandbox, skip=["video_views"])
    assert {str(metrics.frame[name].dtype) for name in metrics.metric_names} == {"Int64"}
    assert list(metrics.frame["tweet_id"]) == ids
    assert set(metrics.metric_names) == {*ENDPOINTS["totals"].metrics}


def test_a_run_requests_nothing_twice(make_sandbox: Callable[..., Sandbox]) -> None:
    """Every Tweet has one response per window, with many owners and windows."""
    sandbox = make_sandbox()
    asked = Asked(sandbox)
    ids = [i for account in range(3) for i in sandbox.ids("own", 40, account)]
    fetch(sandbox, ids, "historical", start=days_ago(50), end=days_ago(1))
    assert max(asked.pairs.values()) == 1


def test_the_progress_bar_shows_requests_tweets_and_the_quota(
    make_sandbox: Callable[..., Sandbox],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Long runs show a bar; short ones and those without progress show none."""
    sandbox = make_sandbox(per_minute=600, latency=0.12)
    plan = make_plan(sandbox.ids("own", 150), "28hr", profiles=sandbox_profiles(sandbox.url))
    with Client() as client:
        run_plan(plan, client, source="sandbox", progress=True)
        assert "request" not in capsys.readouterr().err
        monkeypatch.setattr("engagement_nb.fetch.run.BAR_AFTER", 0.0)
        run_plan(plan, client, source="sandbox", progress=True, workers=1)
        talk = capsys.readouterr().err
        assert re.search(r"\d/6 .*\d+ Tweets, \d+ of 600 left this minute", talk)
        assert {"1", "3", "5"} & {*re.findall(r"(\d)/6 ", talk)}
        run_plan(plan, client, source="sandbox", progress=False)
        assert not capsys.readouterr().err
