"""No number and no sentence of a report contradicts another: `studies.gap_numbers`, small."""

from __future__ import annotations

from unittest.mock import PropertyMock, patch

import pytest

from engagement_nb.gap import Gap, explore_gap
from engagement_nb.gap.share import Share
from studies.gap_numbers import dated, wrong_numbers
from studies.gap_worlds import KINDS, world


def made(kind: str, seed: int) -> Gap:
    return explore_gap(dated(world(kind, seed).frame, seed))


@pytest.mark.parametrize("kind", KINDS)
def test_each_number_that_is_printed_is_one_of_the_analysis(kind):
    for seed in range(3):
        assert wrong_numbers(made(kind, seed)) == [], seed


def test_the_worlds_have_shares_of_every_kind():
    kinds = {made(kind, seed).share.kind for kind in KINDS for seed in range(3)}
    assert kinds >= {"interval", "bounds", "unknown"}


def test_a_number_from_elsewhere_is_noticed():
    """The point that documents would choose is no figure of an analysis with bounds."""
    gap = next(g for s in range(20) if (g := made("tiny", s)).share.kind == "bounds" or s == 19)
    point = f"{gap.hidden + 1_234_567:,} of them are hidden"
    with patch.object(Share, "sentence", PropertyMock(return_value=point)):
        assert any(point.split()[0] in complaint for complaint in wrong_numbers(gap))
