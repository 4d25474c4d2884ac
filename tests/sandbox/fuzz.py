"""The long fuzzing study: ``python -m tests.sandbox.fuzz 10000``.

Every response must come in time, be described by the sandbox's own OpenAPI description, and be
no 5xx; a short version runs with the tests.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from typing import Any

import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from requests_oauthlib import OAuth1

from engagement_nb.sandbox import Sandbox
from tests.sandbox.bodies import PATHS, bodies, checkers
from tests.sandbox.helpers import owner

PATIENCE = 10.0


def fuzz(sandbox: Sandbox, count: int) -> dict[str, Any]:
    """Post made-up bodies; count the statuses.

    Raises
    ------
    AssertionError
        With the body that got a response that it should not get.
    """
    description = requests.get(sandbox.url + "/openapi.json", timeout=PATIENCE).json()
    good = checkers(description)
    ids = [*sandbox.ids("own", 20), *sandbox.ids("over-1800-days", 5), *sandbox.ids("deleted", 3)]
    cases = st.sampled_from(PATHS).flatmap(
        lambda path: st.tuples(st.just(path), bodies(description, path, ids), st.booleans())
    )
    statuses: Counter[int] = Counter()
    slowest = 0.0
    session = requests.Session()
    auth = owner(sandbox)

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases)
    def one(case: tuple[str, bytes, bool]) -> None:
        nonlocal slowest
        path, body, app_only = case
        bearer: OAuth1 | None = None if app_only else auth
        headers = {"Content-Type": "application/json"}
        if app_only:
            headers["Authorization"] = f"Bearer {sandbox.bearer_token}"
        began = time.perf_counter()
        response = session.post(
            sandbox.url + path, data=body, headers=headers, auth=bearer, timeout=PATIENCE
        )
        slowest = max(slowest, time.perf_counter() - began)
        statuses[response.status_code] += 1
        assert response.status_code < 500, body
        assert str(response.status_code) in description["paths"][path]["post"]["responses"], body
        shape = good["Answer" if response.status_code == 200 else "Errors"]
        shape.validate(json.loads(response.content))

    one()
    return {"bodies": sum(statuses.values()), "slowest_s": round(slowest, 3), "statuses": statuses}


def main() -> None:
    """Fuzz a sandbox of its own."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    began = time.perf_counter()
    with Sandbox(per_minute=None) as sandbox:
        found = fuzz(sandbox, count)
    print(json.dumps({**found, "seconds": round(time.perf_counter() - began, 1)}))


if __name__ == "__main__":
    main()
