from __future__ import annotations

import requests
from jsonschema import Draft202012Validator

from engagement_nb.apis.engagement import ENDPOINTS
from engagement_nb.sandbox import Sandbox
from tests.sandbox.bodies import body_schema
from tests.sandbox.fuzz import fuzz


def test_random_bodies_get_documented_responses_and_never_a_5xx(sandbox: Sandbox) -> None:
    found = fuzz(sandbox, 120)
    assert found["bodies"] >= 90
    assert found["statuses"][200] > 6
    assert found["statuses"][400] > 25


def test_the_description_is_valid_and_names_all_endpoints(sandbox: Sandbox) -> None:
    description = requests.get(sandbox.url + "/openapi.json").json()
    assert description["openapi"].startswith("3.1")
    assert set(description["paths"]) == {endpoint.path for endpoint in ENDPOINTS.values()}
    assert description["servers"] == [{"url": sandbox.url}]
    for endpoint in ENDPOINTS.values():
        schema = body_schema(description, endpoint.path)
        Draft202012Validator.check_schema(schema)
        body = {
            "tweet_ids": sandbox.ids("own", 2),
            "engagement_types": list(endpoint.metrics),
            "groupings": {"g": {"group_by": list(endpoint.group_by)}},
        }
        Draft202012Validator(schema).validate(body)
        too_many = {**body, "tweet_ids": ["1"] * (endpoint.max_ids + 1)}
        assert not Draft202012Validator(schema).is_valid(too_many)
    for name in ("Answer", "Errors", "Counts"):
        Draft202012Validator.check_schema(description["components"]["schemas"][name])
