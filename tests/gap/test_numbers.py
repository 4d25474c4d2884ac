"""No number and no sentence of a page contradicts another: `studies.gap_numbers`, small."""

from __future__ import annotations

from unittest.mock import PropertyMock, patch

import pytest

from engagement_nb.gap import Gap, explore_gap
from engagement_nb.gap.share import Share
from studies.gap_numbers import dated, page_of, worlds, wrong_numbers
from studies.gap_worlds import world

KINDS = ["tiny", "missing", "partial"]


@pytest.fixture(scope="module", params=KINDS)
def gap(request: pytest.FixtureRequest) -> Gap:
    return next(worlds(1, 4, [request.param]))[1]


def test_each_number_that_is_printed_is_one_of_the_analysis(gap: Gap) -> None:
    assert wrong_numbers(page_of(gap), gap) == []


def test_the_worlds_have_shares_of_every_kind() -> None:
    kinds = {gap.share.kind for _, gap in worlds(3, 4, KINDS)}
    assert kinds >= {"interval", "bounds", "unknown"}


def test_a_number_or_a_date_from_elsewhere_is_noticed() -> None:
    """The point that documents would choose is no figure of an analysis with bounds."""
    found = (explore_gap(dated(world("tiny", seed).frame, seed)) for seed in range(20))
    gap = next(gap for gap in found if gap.share.kind == "bounds")
    page = page_of(gap)
    with patch.object(Share, "note", PropertyMock(return_value="1,234,567 since 2019-05-06")):
        said = wrong_numbers(page_of(gap), gap)
    assert {"in-short: 2019-05-06", "in-short: 1,234,567"} <= {*said}
    engagements = f"<strong>{gap.tweets['engagements'].max()}</strong>"
    assert engagements in page
    sums = f"<td>{gap.table['sum'].iloc[0]:,}</td>"
    page = page.replace(engagements, "<strong>7</strong>").replace(sums, "<td>8</td>")
    wrong = wrong_numbers(page, gap)
    assert any("Most engagements: 7 instead of" in complaint for complaint in wrong)
    assert any("sum: 8 instead of" in complaint for complaint in wrong)
