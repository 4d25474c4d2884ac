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
from engagement_nb.tables.cells import Cells, cell_text, column_of, shown
from engagement_nb.tables.layouts import OTHER_COUNTS, NotATableError
from engagement_nb.tables.textfiles import json_batches
from engagement_nb.words import listed

_GROUPS = ("non_public_metrics", "public_metrics", "organic_metrics")
"""Members of a Post with counts: the first that has a figure counts."""
_FACTS = {"id": "tweet_id", "tweet_id": "tweet_id", "created_at": "created_at", "text": "text",
          "author_id": "owner", "timestamp": "timestamp"}  # fmt: skip
"""Our names of what a Post has besides counts."""
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


def page_table(data: bytes, name: str) -> Cells:
    """The Posts of a JSON document, or of JSON Lines, or plain records.

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
        self._said: dict[str, str] = {}

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
        facts = {key: post[key] for key in _FACTS if post.get(key) is not None}
        figures: dict[str, Any] = {}
        for group in _GROUPS:
            self._add(figures, post.get(group))
        self._add(figures, {key: value for key, value in post.items() if _is_count(key, value)})
        self._add(figures, post.get("promoted_metrics"), "promoted_")
        private = post.get(_GROUPS[0])
        if isinstance(private, Mapping) and "engagements" in private and _LINKS not in private:
            # X leaves it out of the private figures of a Post without a link.
            self._add(figures, {_LINKS: None})
            self._problem(post.get("id"), Reason.NO_LINK, "url_clicks")
        buckets = post.get("timestamped_metrics")
        steps = [b for b in buckets if isinstance(b, Mapping)] if isinstance(buckets, list) else []
        steps = [b for b in steps if isinstance(b.get("metrics"), Mapping)]
        if any(bucket.get("timestamp") for bucket in steps):
            self.series = True
            for bucket in steps:
                row = {**facts, "timestamp": bucket.get("timestamp")}
                self._add(row, bucket["metrics"])
                self._row(row)
            return
        for bucket in steps[:1]:
            # A total may lack its time; the same figures may stand beside the id.
            self._add(figures, bucket["metrics"])
        facts.pop("timestamp", None)
        self._row(facts | figures)

    def _add(self, row: dict[str, Any], members: Any, prefix: str = "") -> None:
        """Add the figures of a group to a row: of several for one metric, the first counts."""
        for key, value in members.items() if isinstance(members, Mapping) else ():
            name = self._said.setdefault(prefix + (column_name(key) or key), prefix + key)
            if row.get(name) is None:
                row[name] = value

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
            kind = cell_text(error.get("type", "")).rsplit("/", 1)[-1]
            tweet_id = cell_text(error.get("resource_id") or error.get("value") or "")
            if tweet_id.isdigit() and error.get("section") != "includes":
                field = cell_text(error.get("field", ""))
                metric = column_name(field.rsplit(".", 1)[-1])
                reason = _REASONS.get(kind, Reason.REFUSED)
                named = metric if metric in LABELS else field
                self._problem(tweet_id, reason, named, cell_text(error.get("title", ""))[:200])

    def _problem(self, tweet_id: object, reason: Reason, metric: str, detail: str = "") -> None:
        self.problems.append({
            "tweet_id": cell_text(tweet_id),
            "reason": reason.value,
            "scope": "metrics" if metric else "tweet",
            "metrics": metric,
            "detail": detail,
        })  # fmt: skip

    def table(self) -> Cells:
        """All rows, under the names that their members have."""
        header = [_FACTS.get(key, key) if self.of_api else key for key in self.columns]
        names = {*map(column_name, header)}
        if not self.rows or not (names & LABELS.keys() if self.of_api else any(names)):
            members = [*self.columns][:8] or [*self.keys][:8]
            found = listed([shown(name, 60)[1:-1] for name in members]) or "nothing"
            raise NotATableError(
                self._name, f"it is JSON without metrics of Posts; it has {found}", _HOW_TO_ASK
            )
        columns = (column + [None] * self.rows for column in self.columns.values())
        table = pa.table({f"{i}": column_of(v[: self.rows]) for i, v in enumerate(columns)})
        notes = []
        absent = [label(own) for own in LABELS if own not in names and own != "dial_phone"]
        if self.of_api and absent:
            notes.append(
                f"was not asked for {listed(absent)}, so these are not known (not 0), and what they"
                " count would look hidden"
            )
        if self.of_api and "engagements" not in names:
            notes.append("has no engagements: only the owner's token gets them")
        what = "Post" if self.of_api else "item"
        return Cells(
            self._name, header, table, np.array(self.items, dtype=np.int64),
            lambda number: f"{what} {number}", tuple(notes),
            series=self.series if self.of_api else None, problems=tuple(self.problems),
        )  # fmt: skip


def _is_count(key: str, value: Any) -> bool:
    """Whether a member beside the id is a metric."""
    own = column_name(key)
    known = own in LABELS or own in OTHER_COUNTS
    return known and (value is None or re.fullmatch(r"[0-9]+", str(value)) is not None)
