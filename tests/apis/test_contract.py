"""What an API says of itself, whatever API it is."""

from __future__ import annotations

import dataclasses

import pytest

from engagement_nb.apis.engagement import ENGAGEMENT
from engagement_nb.errors import InputError


def test_the_first_endpoint_with_a_span_is_asked_for_it() -> None:
    spans = {span: ENGAGEMENT.of_span(span).name for span in ("life", "recent", "period")}
    assert spans == {"life": "totals", "recent": "28hr", "period": "historical"}


@pytest.mark.parametrize(
    ("span", "lacking"),
    [("life", "since posting"), ("recent", "of the last hours"), ("period", "of a period")],
)
def test_a_span_that_no_endpoint_has_is_refused_with_those_that_there_are(span, lacking) -> None:
    others = {n: one for n, one in ENGAGEMENT.endpoints.items() if one.span != span}
    api = dataclasses.replace(ENGAGEMENT, endpoints=others)
    with pytest.raises(InputError) as refused:
        api.of_span(span)
    assert refused.value.what == f"{ENGAGEMENT.title} has no figures {lacking}."
    assert refused.value.advice == f"It has: {', '.join(others)}."
