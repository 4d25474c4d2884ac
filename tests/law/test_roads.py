"""The same question gives the same figures by every road."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from tests.law.relations import RELATIONS, REPORTS, TABLES, check

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]


@pytest.mark.parametrize("name", [n for n in RELATIONS if RELATIONS[n][0] is not REPORTS])
def test_a_relation_holds_on_made_up_cases(name: str) -> None:
    """A few cases here; `python -m studies.law N` tries N fresh ones, and makes reports, too."""
    cases = RELATIONS[name][0]
    few = 4 if cases is TABLES else 1

    @settings(max_examples=few, deadline=None, derandomize=True, suppress_health_check=SLOW)
    @given(case=cases)
    def holds(case: object) -> None:
        check(name, case)

    holds()
