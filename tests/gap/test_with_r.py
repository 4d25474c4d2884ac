"""The package's intervals and tests against R's results, which are kept in with_r.json."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from engagement_nb.gap import groups
from engagement_nb.gap.interval import ratio_interval, share_interval
from studies import with_r

FIXTURES: dict[str, Any] = json.loads(with_r.FIXTURES.read_text())
GIVEN, THEIRS = FIXTURES["inputs"], FIXTURES["r"]
SIX_DIGITS = {"abs": 5e-7, "rel": 0}


def arrays(one: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    return np.array(one["part"]), np.array(one["whole"])


@pytest.mark.parametrize("name", [n for n, one in GIVEN["share"].items() if any(one["part"])])
def test_the_interval_of_a_share_is_r_s_with_r_s_variance_and_wider_with_ours(name: str) -> None:
    """``svyciprop(method="beta")`` to six digits; the printed interval is never narrower."""
    part, whole = arrays(GIVEN["share"][name])
    r = THEIRS["share"][name]
    assert r["value"] == pytest.approx(part.sum() / whole.sum(), **SIX_DIGITS)
    assert with_r.beta_interval(part, whole) == pytest.approx((r["low"], r["high"]), **SIX_DIGITS)
    printed = share_interval(part, whole)
    assert printed.low <= r["low"]
    assert printed.high >= r["high"]


def test_the_interval_is_defined_where_r_s_is_not() -> None:
    """If nothing is hidden, R's variance is 0."""
    part, whole = arrays(GIVEN["share"]["nothing hidden"])
    assert not part.any()
    assert share_interval(part, whole).high > 0.01


@pytest.mark.parametrize("name", GIVEN["ratio"])
def test_the_interval_of_a_ratio_is_r_s(name: str) -> None:
    """``svycontrast`` of the logarithm, to six digits."""
    part, whole = arrays(GIVEN["ratio"][name])
    r = THEIRS["ratio"][name]
    assert ratio_interval(part, whole) == pytest.approx((r["low"], r["high"]), **SIX_DIGITS)


@pytest.mark.parametrize("name", GIVEN["difference"])
def test_the_interval_of_a_difference_is_newcombe_s_with_wilson_s_limits(name: str) -> None:
    """Zou and Donner's formula, with the limits of R's ``prop.test``."""
    one, r = GIVEN["difference"][name], THEIRS["difference"][name]
    ours = with_r.wilson_difference(one, r["wilson"])
    assert ours == pytest.approx((r["low"], r["high"]), **SIX_DIGITS)


def test_newcombe_s_published_example_is_met() -> None:
    """Four digits are printed in the article of 1998."""
    r = THEIRS["difference"]["Newcombe's example"]
    assert (round(r["low"], 4), round(r["high"], 4)) == (0.0524, 0.3339)


@pytest.mark.parametrize("name", GIVEN["permutation"])
def test_permutation_p_values_are_coin_s(name: str) -> None:
    """Exact p-values within four standard errors of the draws; normal ones to six digits."""
    r = THEIRS["permutation"][name]
    drawn, normal = with_r.permutation(GIVEN["permutation"][name])
    draws = min(groups.DRAWS, groups.ENOUGH / r["exact"])
    error = (r["exact"] * (1 - r["exact"]) / draws) ** 0.5
    assert drawn == pytest.approx(r["exact"], abs=4 * error + 1 / groups.DRAWS)
    assert normal == pytest.approx(r["normal"], **SIX_DIGITS)


@pytest.mark.parametrize("name", GIVEN["holm"])
def test_p_values_are_adjusted_as_by_r(name: str) -> None:
    """``p.adjust(method="holm")``."""
    assert groups.holm(GIVEN["holm"][name]) == pytest.approx(THEIRS["holm"][name], **SIX_DIGITS)


def test_every_number_of_the_page_is_computed_from_the_fixtures() -> None:
    """The page is written by the study; nobody edits its numbers."""
    assert with_r.PAGE.read_text(encoding="utf-8") == with_r.page(FIXTURES)
