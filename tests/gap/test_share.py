"""The hidden share with its uncertainty, as every text prints it."""

from __future__ import annotations

import json

import numpy as np
import pytest

import engagement_nb as enb
from engagement_nb.gap.share import Share
from tests.gap.accounts import account


def of(hidden, least, most, whole, **how) -> Share:
    return Share.of(*(np.array(column) for column in (hidden, least, most, whole)), **how)


INTERVAL = of([3, 0, 5], [3, 0, 5], [3, 0, 6], [9, 20, 15])
BOUNDS = of([5] * 40, [0] * 40, [30] * 40, [100] * 40, undetermined=("favorites",))
UNKNOWN = of([1, 0], [0, 0], [9, 20], [9, 20], counted=False)
EXACT = of([3], [3], [3], [9])
NOTHING = of([0, 0, 0], [0, 0, 0], [0, 0, 0], [9, 20, 15])
EMPTY = of([0], [0], [0], [0])


@pytest.mark.parametrize(
    ("share", "kind", "short", "counts"),
    [
        (INTERVAL, "interval", "18.2 % (0.0–81.0 %)", "8"),
        (BOUNDS, "bounds", "0.0–30.0 %", "0 to 1,200"),
        (UNKNOWN, "unknown", "cannot tell", "0 to 29"),
        (EXACT, "exact", "33.3 %", "3"),
        (NOTHING, "interval", "0.0 % (0.0–74.0 %)", "0"),
        (EMPTY, "unknown", "no engagements", "0"),
    ],
)
def test_a_share_is_an_interval_or_bounds_or_exact_or_unknown(share, kind, short, counts):
    assert (share.kind, share.short, share.counts) == (kind, short, counts)
    assert str(share) == share.short
    assert share.short.split(" (")[0] in share.sentence + share.note
    assert (share.value is None) == (share.count is None) == (kind in ("bounds", "unknown"))


@pytest.mark.parametrize("share", [INTERVAL, BOUNDS, UNKNOWN, EXACT, NOTHING, EMPTY])
def test_a_share_survives_json(share):
    told = json.loads(json.dumps(share.to_dict()))
    assert Share.from_dict(told) == share


def test_metrics_that_may_explain_all_that_is_hidden_or_not_give_bounds():
    """Also if they are few: nothing hidden and something hidden are two answers."""
    many = [10**6, 10**6, 10**6]
    share = of([0, 0, 0], [0, 0, 0], [0, 2, 0], many, undetermined=("hashtag_clicks",))
    assert share.kind == "bounds"
    assert "0.00000–0.00007 % of them (0 to 2) match no metric" in share.sentence


def test_the_share_of_a_gap_is_that_of_its_figures():
    gap = enb.explore_gap(account())
    share = gap.share
    assert (share.count, share.whole) == (gap.hidden, gap.engagements)
    assert (share.low, share.high) == gap.sampling_interval
    assert (share.least, share.most) == (
        gap.tweets["hidden_least"].sum(), gap.tweets["hidden_most"].sum(),
    )  # fmt: skip
    assert share.sentence in gap.sentence
    assert gap.to_dict()["share"] == share.to_dict()
