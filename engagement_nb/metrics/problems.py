"""Problems grouped by kind, so that half a million of them take little memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import pandas as pd

from engagement_nb.apis.reasons import Reason
from engagement_nb.metrics import PROBLEM_COLUMNS, problems_frame
from engagement_nb.words import counted

SCOPES = {"tweet": "", "period": "part of the period", "metrics": "some metrics"}
"""The part of a Tweet's figures that is missing; empty for all of them."""


def tweets_missing(rows: Iterable[Mapping[str, Any]]) -> int:
    """Tweets (or days of an account) without figures for all or a part of the period.

    The rows are counts as in `Metrics.facts`.
    """
    return sum(row["tweets"] for row in rows if row["scope"] in ("tweet", "period"))


def unit_of(facts: Mapping[str, Any]) -> str:
    """What a row of some figures is about, as a noun, from `Metrics.facts`."""
    return "day" if facts.get("unit") == "day" else "Tweet"


class Problem(NamedTuple):
    """What the problems of many Tweets have in common: the columns of `PROBLEM_COLUMNS`."""

    reason: Reason
    scope: str = "tweet"
    metrics: str = ""
    detail: str = ""


class ProblemLog:
    """Tweets by kind of problem; the same problem of the same Tweet is kept once."""

    def __init__(self) -> None:
        self._ids: dict[Problem, dict[str, None]] = {}

    def add(self, tweet_ids: Iterable[str], reason: Reason, *kind: str, **more: str) -> None:
        """Add a problem of these Tweets: the reason and other fields of `Problem`."""
        if found := dict.fromkeys(tweet_ids):
            self._ids.setdefault(Problem(reason, *kind, **more), {}).update(found)

    def items(self) -> Iterator[tuple[Problem, list[str]]]:
        """Kinds of problems, and the Tweets that have them."""
        return iter([(kind, list(ids)) for kind, ids in self._ids.items()])

    def counts(self) -> list[dict[str, Any]]:
        """How many Tweets each reason and scope concerns, as plain values for JSON."""
        found: dict[tuple[Reason, str], set[str]] = {}
        for kind, ids in self._ids.items():
            found.setdefault((kind.reason, kind.scope), set()).update(ids)
        return [
            {"reason": reason.value, "scope": scope, "tweets": len(ids)}
            for (reason, scope), ids in found.items()
        ]

    def without_figures(self) -> dict[str, int]:
        """How many Tweets have no figures at all, by reason."""
        return {row["reason"]: row["tweets"] for row in self.counts() if row["scope"] == "tweet"}

    def lines(self, label: str = "") -> list[str]:
        """The counts in words: ``"2 Tweets: not yours (some metrics)"``.

        Parameters
        ----------
        label
            Begins each line, except the line about entries that are not Tweet ids.
        """
        lines = []
        entries = "entry that is not a Tweet id", "entries that are not Tweet ids"
        for row in self.counts():
            some = f" ({SCOPES[row['scope']]})" if SCOPES[row["scope"]] else ""
            if row["reason"] == Reason.NOT_A_TWEET_ID:
                lines.append(f"skipped: {counted(row['tweets'], *entries)}")
            else:
                lines.append(f"{label}{counted(row['tweets'], 'Tweet')}: {row['reason']}{some}")
        return lines

    def of_scope(self, scope: str) -> set[str]:
        """The Tweets that have a problem of this scope."""
        return {i for kind, ids in self._ids.items() if kind.scope == scope for i in ids}

    def frame(self) -> pd.DataFrame:
        """All as a frame of problems."""
        frames = [
            pd.DataFrame(
                {"tweet_id": list(ids), **kind._asdict(), "advice": kind.reason.advice},
                columns=PROBLEM_COLUMNS,
                dtype="string",
            )
            for kind, ids in self._ids.items()
        ]
        return pd.concat(frames, ignore_index=True) if frames else problems_frame()

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]]) -> ProblemLog:
        """A log of the rows of a frame of problems."""
        log = cls()
        for row in rows:
            more = {name: str(row[name]) for name in Problem._fields[1:] if row.get(name)}
            log.add([str(row["tweet_id"])], Reason(str(row["reason"])), **more)
        return log
