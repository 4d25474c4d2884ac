"""The OpenAPI 3.1 description of the sandbox."""

from __future__ import annotations

from typing import Any

from engagement_nb.apis.contract import Endpoint
from engagement_nb.apis.engagement import (
    ENDPOINTS,
    MAX_GROUPINGS,
    METRIC_ALIASES,
    MINUTE,
    UNAVAILABLE,
    UNSUPPORTED_IMPRESSIONS,
    UNSUPPORTED_VIDEO,
)
from engagement_nb.sandbox.settings import Settings


def _array(items: dict[str, Any], **limits: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **limits}


def _object(properties: dict[str, Any], required: list[str], **more: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties, **more}


_ID = {"type": "string", "pattern": r"^\s*[0-9]{1,19}\s*$", "description": "A Tweet id."}
_ERRORS = _object({"errors": _array({"type": "string"})}, ["errors"])
_COUNTS: dict[str, Any] = {
    "description": "A count, or counts nested in the order of group_by.",
    "oneOf": [
        {"type": "string", "pattern": "^[0-9]+$"},
        {"type": "integer", "minimum": 0},
        {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/Counts"}},
    ],
}
_REFUSALS = {
    "400": "The request is refused, or all of its Tweets are unavailable.",
    "401": "The request is not authenticated.",
    "403": "Tweets of others, metrics not given, or an app without access.",
    "413": "The body is too large.",
    "429": "The limit is spent.",
    "500": "Trouble on demand.",
    "502": "Trouble on demand.",
    "503": "Trouble on demand.",
}


def description(url: str, settings: Settings) -> dict[str, Any]:
    """Describe a sandbox at an address, as OpenAPI."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "SANDBOX of the Engagement API",
            "version": "1",
            "description": "Made-up data on this machine; not the API of X.",
        },
        "servers": [{"url": url}],
        "paths": {
            endpoint.path: {"post": _operation(endpoint, settings)}
            for endpoint in ENDPOINTS.values()
        },
        "components": {
            "schemas": {"Errors": _ERRORS, "Counts": _COUNTS, "Answer": _data()},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "oauth1": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "OAuth 1.0a, HMAC-SHA1, in the header.",
                },
            },
        },
    }


def _operation(endpoint: Endpoint, settings: Settings) -> dict[str, Any]:
    names = [*endpoint.metrics, *(o for o, n in METRIC_ALIASES.items() if n in endpoint.metrics)]
    group_by = {"type": "string", "enum": [*endpoint.group_by, "Tweet.id"]}
    items = _array(group_by, minItems=1, maxItems=4, uniqueItems=True)
    ids = (
        {"anyOf": [_ID, {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}]}
        if settings.lenient_ids
        else _ID
    )
    properties: dict[str, Any] = {
        "tweet_ids": _array(ids, minItems=1, maxItems=endpoint.max_ids),
        "engagement_types": _array({"type": "string", "enum": names}, minItems=1),
        "groupings": {
            "type": "object",
            "minProperties": 1,
            "maxProperties": MAX_GROUPINGS,
            "additionalProperties": _object({"group_by": items}, ["group_by"]),
        },
    }
    if endpoint.name == "historical":
        moment = {"type": ["string", "null"], "examples": ["2026-01-31", "2026-01-31T12:00:00Z"]}
        properties |= {"start": moment, "end": moment}
    required = ["tweet_ids", "engagement_types", "groupings"]
    unknown = settings.unknown_keys == "ignored"
    schema = _object(properties, required, additionalProperties=unknown)
    limit = {"schema": {"type": "string", "pattern": "^[0-9]+$"}}
    data = {"$ref": "#/components/schemas/Answer"}
    refusal = {"application/json": {"schema": {"$ref": "#/components/schemas/Errors"}}}
    security: list[dict[str, list[str]]] = [{"oauth1": []}]
    return {
        "operationId": f"engagement_{endpoint.name}",
        "summary": f"Engagement metrics, {endpoint.name}",
        "security": security if endpoint.own_only else [*security, {"bearer": []}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {
            "200": {
                "description": "Counts by grouping, and what could not be given.",
                "headers": dict.fromkeys(MINUTE.headers[:2], limit),
                "content": {"application/json": {"schema": data}},
            },
            **{
                status: {"description": text, "content": refusal}
                for status, text in _REFUSALS.items()
            },
        },
    }


def _data() -> dict[str, Any]:
    ids = _array({"type": "string", "pattern": "^[0-9]+$"})
    # A grouping with the name of one of these keys replaces it.
    grouping = {"$ref": "#/components/schemas/Counts"}
    beside = {
        "errors": _array({"type": "string"}),
        "start": {"type": "string", "format": "date-time"},
        "end": {"type": "string", "format": "date-time"},
        UNAVAILABLE: ids,
        UNSUPPORTED_IMPRESSIONS: ids,
        UNSUPPORTED_VIDEO: ids,
    }
    return {
        "type": "object",
        "properties": {name: {"anyOf": [schema, grouping]} for name, schema in beside.items()},
        "additionalProperties": grouping,
    }
