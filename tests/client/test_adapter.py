"""The adapter of the Engagement API: what it makes of a response."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest

from engagement_nb.client import Request
from engagement_nb.client.adapters.engagement import EngagementAdapter
from engagement_nb.client.credentials import Profile

NOW = datetime(2026, 11, 23, tzinfo=UTC)
REQUEST = Request("historical", ("1",), ("media_engagements",), Profile("me"))


@pytest.mark.parametrize(
    "values",
    [
        {"media_clicks": "5"},
        {"media_engagements": "5"},
        {"media_clicks": "4", "media_engagements": "5"},
        {"media_engagements": "5", "media_clicks": "4"},
    ],
)
def test_an_old_name_of_a_metric_counts_where_the_present_one_lacks(
    values: dict[str, str],
) -> None:
    raw = orjson.dumps({"metrics": {" 1\n": values}, "other": "\\"})
    response = EngagementAdapter().read(REQUEST, raw, NOW)
    assert response.groups == {"1": {"media_engagements": "5"}}
