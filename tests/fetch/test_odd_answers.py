"""Responses that are wrong although they look like data: nothing is lost, nothing is made up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engagement_nb.client import Client
from engagement_nb.dataset import Dataset
from engagement_nb.dataset.files import Files
from engagement_nb.errors import ForbiddenMetricsError, ServerTroubleError
from engagement_nb.fetch import make_plan
from engagement_nb.metrics import Metrics
from engagement_nb.sources import sandbox_profiles
from studies.odd_answers import run_study
from tests.fetch.fetching import account_for_each, equal_to_truth, reasons, run_plan
from tests.fetch.misbehaving import (
    Change,
    Document,
    Proxy,
    hold_nothing,
    leave_out,
    misbehaving,
    nest_otherwise,
    of_another_year,
    with_one_day,
)

NOW = datetime.now(UTC)
MIDNIGHT = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
NINE_DAYS = {"start": MIDNIGHT - timedelta(days=10), "end": MIDNIGHT - timedelta(days=1)}


def into(folder: Path, proxy: Proxy, ids: list[str], endpoint: str, **options: Any) -> Metrics:
    """Fetch into a dataset through the proxy, as the sandbox's first account, without waits."""
    plan = make_plan(ids, endpoint, profiles=sandbox_profiles(proxy.url)[:1], **options)
    with Client() as client:
        return run_plan(
            plan,
            client,
            source="sandbox",
            dataset=Dataset.create(folder, "sandbox"),
            snapshot="one",
            progress=False,
            sleep=lambda seconds: None,
        )


@pytest.mark.parametrize(
    ("change", "endpoint", "by"),
    [
        (hold_nothing, "totals", None),
        (hold_nothing, "28hr", None),
        (hold_nothing, "historical", "hour"),
        (nest_otherwise, "totals", None),
        (nest_otherwise, "historical", "day"),
        (of_another_year, "28hr", "hour"),
        (of_another_year, "historical", None),
        (of_another_year, "historical", "day"),
        (with_one_day, "28hr", "day"),
        (with_one_day, "historical", "day"),
        (with_one_day, "historical", "hour"),
    ],
)
def test_a_wrong_response_is_never_stored_and_a_later_run_completes(
    tmp_path: Path, change: Change, endpoint: str, by: str | None
) -> None:
    """Every response is wrong in the same way; then the server recovers."""
    with misbehaving(change) as proxy:
        ids = [*proxy.sandbox.ids("own", 30), *proxy.sandbox.ids("deleted", 2)]
        options = {**(NINE_DAYS if endpoint == "historical" else {}), "by": by}
        with pytest.raises(ServerTroubleError, match="API's response") as refused:
            into(tmp_path / "ds", proxy, ids, endpoint, **options)
        assert refused.value.advice.startswith("Run the same command again")
        dataset = Dataset.open(tmp_path / "ds")
        (run,) = dataset.runs()
        assert not run.done
        assert {
            i for part in Files(dataset.store).parts(run.sets).values() for i in part.tweet_ids
        } <= {*ids[30:]}
        proxy.change = None
        metrics = into(tmp_path / "ds", proxy, ids, endpoint, **options)
        account_for_each(metrics, ids)
        assert reasons(metrics)["unavailable/tweet"] == {*ids[30:]}
        if by is None and endpoint == "historical":
            equal_to_truth(metrics, proxy.sandbox, **NINE_DAYS)


def test_a_figure_that_a_response_lacks_is_named(tmp_path: Path) -> None:
    """A Tweet of that age has it by the API's facts, so the response is the reason."""

    def lacks_likes(asked: Document, answer: Document) -> Document:
        answer["metrics"].get(ids[0], {}).pop("favorites", None)
        return answer

    with misbehaving(lacks_likes) as proxy:
        ids = proxy.sandbox.ids("under-90-days", 3)
        metrics = into(tmp_path / "ds", proxy, ids, "totals", metrics=["favorites", "replies"])
    [told] = metrics.problems.to_dict("records")
    assert (told["tweet_id"], told["reason"]) == (ids[0], "metric not offered")
    assert (told["metrics"], told["detail"]) == ("favorites", "The response has no such figure.")
    assert metrics.frame["favorites"].isna().tolist() == [True, False, False]


def test_words_in_a_response_without_data_explain_it(tmp_path: Path) -> None:
    """The words of a refusal count even where the status says that all is well."""

    def refuses(asked: Document, answer: Document) -> Document:
        return {**answer, "metrics": {}, "errors": ["Forbidden to access metrics: impressions"]}

    with misbehaving(refuses) as proxy:
        ids = proxy.sandbox.ids("own", 3)
        with pytest.raises(ForbiddenMetricsError, match=r"^totals: This endpoint") as refused:
            into(tmp_path / "ds", proxy, ids, "totals", metrics=["favorites"])
    assert len(proxy.asked) == 1
    assert refused.value.status == 200


@pytest.mark.parametrize("endpoint", ["totals", "28hr"])
def test_a_tweet_left_out_of_responses_is_requested_again_and_ends_as_no_answer(
    tmp_path: Path, endpoint: str
) -> None:
    """The rest is kept; the next run requests only the Tweets that were left out."""
    with misbehaving() as proxy:
        ids = proxy.sandbox.ids("own", 40)
        lost = {ids[3], ids[30]}
        proxy.change = leave_out(*lost)
        metrics = into(tmp_path / "ds", proxy, ids, endpoint)
        account_for_each(metrics, ids)
        assert {"no answer/tweet": lost}.items() <= reasons(metrics).items()
        times = [sum(i in document["tweet_ids"] for document in proxy.asked) for i in lost]
        assert all(2 <= n <= 8 for n in times)
        assert not Dataset.open(tmp_path / "ds").runs()[0].done
        proxy.change = None
        proxy.asked.clear()
        metrics = into(tmp_path / "ds", proxy, ids, endpoint)
        assert {i for document in proxy.asked for i in document["tweet_ids"]} == lost
        assert list(metrics.frame["tweet_id"]) == ids
        assert Dataset.open(tmp_path / "ds").runs()[0].done


def test_ids_of_every_kind_from_a_server_with_one_wrong_response_in_five() -> None:
    """A small version of ``python -m studies.odd_answers``: the long one fetches 10,000 ids.

    Each id is once in the data or in the problems, the values are true, and a second run from
    the healthy server gets what is left, and nothing twice.
    """
    result = run_study(400, deadline=10.0)
    assert result.wrong >= 11, "each way of being wrong had its turn"
    assert result.unanswered >= 10
    assert (result.unfinished, result.asked_again) == (0, 0)


def test_a_tweet_left_out_once_comes_with_the_next_response() -> None:
    left_out: list[str] = []

    def change(asked: Document, answer: Document) -> Document:
        if left_out:
            return answer
        left_out.append(asked["tweet_ids"][0])
        return leave_out(*left_out)(asked, answer)  # type: ignore[return-value]

    with misbehaving(change) as proxy:
        ids = proxy.sandbox.ids("own", 40)
        plan = make_plan(ids, profiles=sandbox_profiles(proxy.url)[:1])
        with Client() as client:
            metrics = run_plan(plan, client, source="sandbox", progress=False)
        account_for_each(metrics, ids)
        equal_to_truth(metrics, proxy.sandbox, skip=["video_views"])
        assert list(metrics.frame["tweet_id"]) == ids
        assert left_out
