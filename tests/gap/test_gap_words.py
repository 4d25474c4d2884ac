"""Numbers in sentences read right at both ends of the scale."""

from __future__ import annotations

import pytest

from engagement_nb.words import interval


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.243, 0.301, "24.3–30.1 %"),
        (0.0, 0.0, "0.0–0.0 %"),
        (0.0001, 0.0004, "0.01–0.04 %"),
        (0.0, 0.00003, "0.000–0.003 %"),
        (None, 0.3, "not known"),
    ],
)
def test_an_interval_has_the_digits_that_its_size_needs(low, high, text):
    """A small share does not read as an interval from nothing to nothing."""
    assert interval(low, high) == text
