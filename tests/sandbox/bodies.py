"""Random request bodies from the sandbox's own OpenAPI description, valid and invalid."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st
from jsonschema import Draft202012Validator

PATHS = tuple(f"/insights/engagement/{name}" for name in ("totals", "28hr", "historical"))

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.text(max_size=8)
    | st.sampled_from(["9" * 40, "engagement.hour", "impressions", "2026-11-01", "\ud800", "\0"])
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
)


def from_schema(schema: dict[str, Any], ids: Sequence[str], name: str = "") -> st.SearchStrategy:
    """Values that a schema allows; Tweet ids are mostly those given."""
    if "anyOf" in schema:
        return st.one_of([from_schema(one, ids, name) for one in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if "null" in kinds:
        days = st.integers(-40, 2).map(lambda day: date.today() + timedelta(days=day)).map(str)
        return st.none() | days | days.map(lambda day: day + "T10:20:30Z")
    [kind] = kinds
    if kind == "integer":
        return st.sampled_from([int(i) for i in ids]) | st.integers(1, schema["maximum"])
    if kind == "string":
        return st.sampled_from(ids)
    if kind == "array":
        items = from_schema(schema["items"], ids)
        most = min(schema.get("maxItems", 8), 30)
        unique = schema.get("uniqueItems", False)
        return st.lists(items, min_size=schema.get("minItems", 0), max_size=most, unique=unique)
    if "properties" in schema:
        required = set(schema.get("required", ()))
        parts = {key: from_schema(part, ids, key) for key, part in schema["properties"].items()}
        return st.fixed_dictionaries(
            {key: part for key, part in parts.items() if key in required},
            optional={key: part for key, part in parts.items() if key not in required},
        )
    values = from_schema(schema["additionalProperties"], ids)
    names = st.text(max_size=6) | st.sampled_from(["errors", "start", "unavailable_tweet_ids"])
    return st.dictionaries(
        names, values, min_size=schema["minProperties"], max_size=schema["maxProperties"]
    )


def body_schema(description: dict[str, Any], path: str) -> dict[str, Any]:
    operation = description["paths"][path]["post"]
    schema: dict[str, Any] = operation["requestBody"]["content"]["application/json"]["schema"]
    return schema


@st.composite
def _spoiled(draw: st.DrawFn, good: st.SearchStrategy) -> Any:
    """A valid body with one invalid value."""
    body = json.loads(json.dumps(draw(good)))
    at = body
    while isinstance(at, (dict, list)) and at:
        key = draw(st.sampled_from(list(at) if isinstance(at, dict) else list(range(len(at)))))
        if not isinstance(at[key], (dict, list)) or not at[key] or draw(st.booleans()):
            at[key] = draw(anything)
            break
        at = at[key]
    return body


def bodies(description: dict[str, Any], path: str, ids: Sequence[str]) -> st.SearchStrategy:
    """Bytes to post: valid bodies, almost valid ones, other JSON, and any bytes."""
    good = from_schema(body_schema(description, path), ids)
    spoiled = _spoiled(good)
    with_json = st.one_of(good, good, good, good, spoiled, anything).map(
        lambda value: json.dumps(value).encode()
    )
    cut = st.tuples(with_json, st.integers(0, 200)).map(lambda pair: pair[0][: -1 - pair[1]])
    return st.one_of(with_json, with_json, with_json, cut, st.binary(max_size=60))


def checkers(description: dict[str, Any]) -> dict[str, Draft202012Validator]:
    """Validators of a response with data and of a refusal."""
    return {
        name: Draft202012Validator(
            {"$ref": f"#/components/schemas/{name}", "components": description["components"]}
        )
        for name in ("Answer", "Errors")
    }
