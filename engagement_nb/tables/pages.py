"""JSON of X's API v2, as any client saved it, as a table.

Read are pages of Posts with ``public_metrics``, ``non_public_metrics``, ``organic_metrics`` or
``promoted_metrics`` (``/2/tweets``, ``/2/users/:id/tweets``), and answers of
``/2/tweets/analytics`` in all recorded forms; alone, in lists, or one per line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from engagement_nb.apis.names import LABELS, column_name, label
from engagement_nb.apis.reasons import Reason
from engagement_nb.tables.cells import TEXT, Cells
from engagement_nb.tables.layouts import OTHER_COUNTS, Layout, NotATableError
from engagement_nb.tables.textfiles import json_batches
from engagement_nb.words import listed

_GROUPS = ("non_public_metrics", "public_metrics", "organic_metrics")
"""Members of a Post with counts: the first that has a figure counts."""
_PATHS = {"id": "tweet_id", "tweet_id": "tweet_id", "created_at": "created_at", "text": "text",
          "author_id": "owner", "timestamp": "date"}  # fmt: skip
_LINKS = "url_link_clicks"
_DEEPEST = 6
_MOST_MEMBERS, _MOST_OTHERS = 1_000, 1_000_000
"""Different names of members, and values that are no Posts: a real file has 60, and no other."""
_REASONS = {
    "not-authorized-for-field": Reason.NOT_YOURS,
    "resource-not-found": Reason.UNAVAILABLE,
    "not-authorized-for-resource": Reason.UNAVAILABLE,
    "resource-unavailable": Reason.UNAVAILABLE,
}
_HOW_TO_ASK = (
    "Ask /2/tweets with tweet.fields=created_at,public_metrics,non_public_metrics and a user's"
    " token, or /2/tweets/analytics, and save the answers."
)


def page_table(data: bytes, name: str) -> tuple[Cells, Layout | None]:
    """The Posts of a JSON document, or of JSON Lines; without a layout if they are plain records.

    Raises
    ------
    InputError
        It is damaged, or has no Posts with metrics.
    """
    posts = _Posts(name)
    for values in json_batches(data, name):
        posts.add(values)
    return posts.table()


class _Posts:
    """Rows collected from documents: a row for each Post, or for each Post and moment."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.columns: dict[str, list[Any]] = {}
        self.rows = 0
        self.items: list[int] = []
        self.problems: list[dict[str, str]] = []
        self.keys: dict[str, None] = {}
        self.series = False
        self.of_api = False
        self._item = self._others = 0

    def add(self, value: Any, depth: int = 0) -> None:
        """Add the Posts of a document."""
        if isinstance(value, list) and depth < _DEEPEST:
            for item in value:
                self.add(item, depth + 1)
        elif isinstance(value, Mapping):
            self._errors(value.get("errors"))
            if isinstance(value.get("data"), list | dict) and depth < _DEEPEST:
                self.add(value["data"], depth + 1)
            elif any(key in value for key in ("id", "tweet_id")):
                self._item += 1
                self._post(value)
            elif any(isinstance(inner, list | Mapping) for inner in value.values()):
                self.keys.update(dict.fromkeys(list(value)[:12]))
            elif value:
                self._item += 1
                self._row(value)
            else:
                self._no_post()
        else:
            self._no_post()

    def _no_post(self) -> None:
        self._others += 1
        if self._others > _MOST_OTHERS:
            raise NotATableError(
                self._name, f"it is JSON with more than {_MOST_OTHERS:,} values that are no Posts"
            )

    def _post(self, post: Mapping[str, Any]) -> None:
        if not any(key in post for key in (*_GROUPS, "promoted_metrics", "timestamped_metrics")):
            self._row(post)
            return
        self.of_api = True
        facts = {key: post[key] for key in _PATHS if post.get(key) is not None}
        figures = {key: value for key, value in post.items() if _is_count(key, value)}
        for group in (*_GROUPS, "promoted_metrics"):
            members = post.get(group)
            if isinstance(members, Mapping):
                figures |= {f"{group}.{key}": value for key, value in members.items()}
        private = post.get(_GROUPS[0])
        if isinstance(private, Mapping) and "engagements" in private and _LINKS not in private:
            # X leaves it out of the private figures of a Post without a link.
            figures[f"{_GROUPS[0]}.{_LINKS}"] = None
            self._problem(post.get("id"), Reason.NO_LINK, "url_clicks")
        buckets = post.get("timestamped_metrics")
        steps = [b for b in buckets if isinstance(b, Mapping)] if isinstance(buckets, list) else []
        steps = [b for b in steps if isinstance(b.get("metrics"), Mapping)]
        if not any(bucket.get("timestamp") for bucket in steps):
            # A total may lack its time; the same figures may stand beside the id.
            for bucket in steps[:1]:
                figures = {**bucket["metrics"], **figures}
            steps = []
        for bucket in steps:
            self.series = True
            self._row({**facts, "timestamp": bucket.get("timestamp")} | bucket["metrics"])
        if not steps:
            facts.pop("timestamp", None)
            self._row(facts | figures)

    def _row(self, row: Mapping[str, Any]) -> None:
        for key, value in row.items():
            column = self.columns.setdefault(key, [])
            if len(self.columns) > _MOST_MEMBERS:
                raise NotATableError(
                    self._name, f"its records have more than {_MOST_MEMBERS:,} different members"
                )
            column += [None] * (self.rows - len(column))
            column.append(value)
        self.items.append(self._item)
        self.rows += 1

    def _errors(self, errors: Any) -> None:
        for error in errors if isinstance(errors, list) else ():
            if not isinstance(error, Mapping):
                continue
            kind = _text(error.get("type", "")).rsplit("/", 1)[-1]
            tweet_id = _text(error.get("resource_id") or error.get("value") or "")
            if tweet_id.isdigit() and error.get("section") != "includes":
                field = _text(error.get("field", ""))
                metric = column_name(field.rsplit(".", 1)[-1])
                reason = _REASONS.get(kind, Reason.REFUSED)
                named = metric if metric in LABELS else field
                self._problem(tweet_id, reason, named, _text(error.get("title", ""))[:200])

    def _problem(self, tweet_id: object, reason: Reason, metric: str, detail: str = "") -> None:
        self.problems.append({
            "tweet_id": _text(tweet_id),
            "reason": reason.value,
            "scope": "metrics" if metric else "tweet",
            "metrics": metric,
            "detail": detail,
        })  # fmt: skip

    def table(self) -> tuple[Cells, Layout | None]:
        """All rows, and our names of their columns."""
        name, header = self._name, list(self.columns)
        names, unused = self._names(header)
        if not self.of_api and self.rows and any(map(column_name, header)):
            columns = [self.columns[key] + [None] * self.rows for key in header]
            table = pa.table({f"{i}": _array(v[: self.rows]) for i, v in enumerate(columns)})
            numbers = np.array(self.items, dtype=np.int64)
            return Cells(name, header, table, numbers, lambda number: f"item {number}"), None
        if not any(own in LABELS for own in names):
            found = listed(header[:8] or list(self.keys)[:8]) or "nothing"
            raise NotATableError(
                name, f"it is JSON without metrics of Posts; it has {found}", _HOW_TO_ASK
            )
        arrays: list[pa.Array] = []
        for i, key in enumerate(header):
            values = self.columns[key] + [None] * (self.rows - len(self.columns[key]))
            arrays.append(_array(values))
            if names[i] in LABELS:
                for j in (j for j, why in unused.items() if why == f"{key} is used"):
                    more = self.columns[header[j]]
                    more = more + [None] * (self.rows - len(more))
                    values = [b if a is None else a for a, b in zip(values, more, strict=True)]
                    arrays[i] = _array(values)
        notes = []
        absent = [label(own) for own in LABELS if own not in names and own != "dial_phone"]
        if absent:
            notes.append(
                f"was not asked for {listed(absent)}, so these are not known (not 0), and what they"
                " count would look hidden"
            )
        if "engagements" not in names:
            notes.append("has no engagements: only the owner's token gets them")
        schema = pa.schema([(f"{i}", column.type) for i, column in enumerate(arrays)])
        cells = Cells(
            name, header, pa.table(arrays, schema), np.array(self.items, dtype=np.int64),
            lambda number: f"Post {number}", tuple(notes), series=self.series,
            problems=tuple(self.problems),
        )  # fmt: skip
        return cells, Layout("table", tuple(names), "", unused)

    def _names(self, header: list[str]) -> tuple[list[str], dict[int, str]]:
        """Our name of each member; of several with one name, the first group's is used."""
        names = [""] * len(header)
        unused: dict[int, str] = {}

        def rank(key: str) -> tuple[int, bool]:
            group = key.rpartition(".")[0]
            return (_GROUPS.index(group) if group in _GROUPS else 9, column_name(key) != key)

        for key in sorted(header, key=rank):
            i = header.index(key)
            group, _, bare = key.rpartition(".")
            own = _PATHS.get(key) or column_name(bare)
            if group == "promoted_metrics" and own in LABELS:
                own = f"promoted_{own}"
            if own in names and own:
                unused[i] = f"{header[names.index(own)]} is used"
            elif own and (own in _PATHS.values() or own.removeprefix("promoted_") in LABELS
                          or own in OTHER_COUNTS):  # fmt: skip
                names[i] = own
            else:
                unused[i] = ""
        return names, unused


def _is_count(key: str, value: Any) -> bool:
    """Whether a member beside the id is a metric."""
    own = column_name(key)
    known = own in LABELS or own in OTHER_COUNTS
    return known and (value is None or re.fullmatch(r"[0-9]+", str(value)) is not None)


def _array(values: list[Any]) -> pa.Array:
    """Counts as integers where all are, or else texts."""
    if all(v is None or (isinstance(v, int) and not isinstance(v, bool)) for v in values):
        try:
            return pa.array(values, pa.int64())
        except (pa.ArrowInvalid, OverflowError):
            pass
    return pa.array(["" if v is None else _text(v) for v in values], TEXT)


def _text(value: Any) -> str:
    try:
        return str(value)
    except RecursionError:
        return "a value nested too deep"
