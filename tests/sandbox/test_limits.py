"""Quotas, on a clock of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engagement_nb.sandbox import Sandbox
from engagement_nb.sandbox.limits import Limit
from tests.sandbox.helpers import post

Make = Callable[..., Sandbox]


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def ask(sandbox: Sandbox, endpoint: str = "totals", **options: Any) -> tuple[int, int]:
    response = post(sandbox, endpoint, sandbox.ids("own", 1), ["favorites"], **options)
    return response.status_code, int(response.headers["x-per-minute-remaining"])


def test_every_response_has_the_limit_headers_and_beyond_the_limit_comes_a_429(
    make_sandbox: Make,
) -> None:
    hand = Hand()
    sandbox = make_sandbox(per_minute=3, monotonic=hand)
    assert [ask(sandbox) for _ in range(4)] == [(200, 2), (200, 1), (200, 0), (429, 0)]
    refused = post(sandbox, "totals", ["1"], ["favorites"])
    assert refused.status_code == 429
    assert "rate limit" in refused.json()["errors"][0]
    assert refused.headers["x-per-minute-limit"] == "3"
    assert "retry-after" not in refused.headers
    hand.seconds += 60
    assert ask(sandbox) == (200, 2)


def test_refused_requests_count_and_unauthenticated_ones_do_not(make_sandbox: Make) -> None:
    sandbox = make_sandbox(per_minute=5, monotonic=Hand())
    assert post(sandbox, "totals", [], []).headers["x-per-minute-remaining"] == "4"
    response = post(
        sandbox, "totals", ["1"], ["favorites"], account=None, headers={"Authorization": "x"}
    )
    assert response.headers["x-per-minute-remaining"] == "3"
    import requests

    url = sandbox.url + "/insights/engagement/totals"
    response = requests.post(url, headers={"Authorization": "nonsense"})
    assert (response.status_code, response.headers["x-per-minute-limit"]) == (401, "5")
    assert ask(sandbox) == (200, 2)


@pytest.mark.parametrize("shared", [True, False])
def test_a_401_has_the_limit_headers_of_its_app(make_sandbox: Make, shared: bool) -> None:
    sandbox = make_sandbox(per_minute=5, monotonic=Hand(), shared=shared)
    assert ask(sandbox) == (200, 4)
    token = sandbox.accounts[0].access_token
    sandbox.keys.revoke(token)
    assert ask(sandbox) == (401, 4)
    assert ask(sandbox) == (401, 4)


def test_a_fixed_window_resets_at_once_and_a_sliding_one_gradually(
    make_sandbox: Make,
) -> None:
    for window, left in (("fixed", 1), ("sliding", 0)):
        hand = Hand()
        sandbox = make_sandbox(per_minute=2, window=window, monotonic=hand)
        began = hand.seconds
        seen = []
        for at in (0, 50, 61):
            hand.seconds = began + at
            seen.append(ask(sandbox))
        assert seen == [(200, 1), (200, 0), (200, left)], window
        hand.seconds = began + 172
        assert ask(sandbox) == (200, 1)


def test_each_app_has_its_own_limit() -> None:
    limit = Limit(2, 60.0, "fixed", Hand())
    limit.spend("app")
    assert (limit.remaining("app"), limit.remaining("another app")) == (1, 2)


@pytest.mark.parametrize("shared", [True, False])
def test_endpoints_share_the_quota_or_have_one_each(make_sandbox: Make, shared: bool) -> None:
    sandbox = make_sandbox(per_minute=4, shared=shared, monotonic=Hand())
    ask(sandbox, "totals")
    ask(sandbox, "28hr")
    assert ask(sandbox, "historical") == (200, 1 if shared else 3)


def test_user_tokens_and_the_bearer_of_an_app_share_its_quota(make_sandbox: Make) -> None:
    sandbox = make_sandbox(per_minute=4, monotonic=Hand())
    assert ask(sandbox) == (200, 3)
    assert ask(sandbox, account=None) == (200, 2)
    response = post(sandbox, "totals", sandbox.ids("own", 1, 1), ["favorites"], account=1)
    assert response.headers["x-per-minute-remaining"] == "1"


def test_a_limit_per_second_has_its_own_headers(make_sandbox: Make) -> None:
    hand = Hand()
    sandbox = make_sandbox(per_minute=100, per_second=2, monotonic=hand)
    responses = [post(sandbox, "totals", sandbox.ids("own", 1), ["favorites"]) for _ in range(3)]
    assert [a.status_code for a in responses] == [200, 200, 429]
    assert [a.headers["x-per-second-remaining"] for a in responses] == ["1", "0", "0"]
    assert responses[2].headers["x-per-minute-remaining"] == "98"
    assert responses[0].headers["x-per-second-limit"] == "2"
    hand.seconds += 1
    assert ask(sandbox) == (200, 97)


def test_reset_headers_are_epoch_seconds_of_the_real_clock(make_sandbox: Make) -> None:
    hand, real = Hand(), 1_790_000_000.0
    sandbox = make_sandbox(
        per_minute=2, per_second=1, window_seconds=10, monotonic=hand, auth_clock=lambda: real,
        now="2026-11-20", limit_headers="full",
    )  # fmt: skip
    hand.seconds += 4
    response = post(sandbox, "totals", sandbox.ids("own", 1), ["favorites"], account=None)
    assert 6 <= int(response.headers["x-per-minute-reset"]) - real <= 7
    assert 1 <= int(response.headers["x-per-second-reset"]) - real <= 2


def test_headers_for_seconds_and_resets_are_off_by_default(make_sandbox: Make) -> None:
    names = {"x-per-minute-limit", "x-per-minute-remaining"}
    recorded = {"x-per-minute-reset"} | {
        f"x-per-second-{name}" for name in ("limit", "remaining", "reset")
    }
    for options, expected in (({}, names), ({"limit_headers": "full"}, names | recorded)):
        sandbox = make_sandbox(per_minute=9, monotonic=Hand(), **options)
        response = post(sandbox, "totals", sandbox.ids("own", 1), ["favorites"])
        assert {name for name in response.headers if name.startswith("x-per")} == expected
    # No limit a second: a second is limited by what the minute has left.
    assert response.headers["x-per-second-remaining"] == response.headers["x-per-minute-remaining"]


def test_no_limit_means_no_headers(make_sandbox: Make) -> None:
    sandbox = make_sandbox(per_minute=None)
    response = post(sandbox, "totals", sandbox.ids("own", 1), ["favorites"])
    assert not [name for name in response.headers if name.startswith("x-per")]
