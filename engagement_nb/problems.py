"""Problems kept by kind while a run goes on, so that half a million of them take little room."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import pandas as pd

from engagement_nb.metrics import PROBLEM_COLUMNS, problems_frame
from engagement_nb.vocabulary import REASONS

SCOPES = {"tweet": "", "period": "part of the period", "metrics": "some metrics"}
"""What is missing of a Tweet, in words; empty for all of it."""


def tweets_missing(rows: Iterable[Mapping[str, Any]]) -> int:
    """Tweets without figures for all or a part of the period, of counts as in `Metrics.facts`."""
    return sum(row["tweets"] for row in rows if row["scope"] in ("tweet", "period"))


class Kind(NamedTuple):
    """What problems of many Tweets have in common: see `PROBLEM_COLUMNS`."""

    reason: str
    scope: str = "tweet"
    metrics: str = ""
    detail: str = ""


class ProblemLog:
    """Tweets by kind of problem; the same problem of the same Tweet is kept once."""

    def __init__(self) -> None:
        self._ids: dict[Kind, dict[str, None]] = {}

    def add(
        self,
        tweet_ids: Iterable[str],
        reason: str,
        scope: str = "tweet",
        metrics: str = "",
        detail: str = "",
    ) -> None:
        """Note that these Tweets have this problem."""
        found = dict.fromkeys(tweet_ids)
        if found:
            self._ids.setdefault(Kind(reason, scope, metrics, detail), {}).update(found)

    def update(self, other: ProblemLog) -> None:
        """Take over all problems of another log."""
        for kind, ids in other.items():
            self.add(ids, *kind)

    def items(self) -> Iterator[tuple[Kind, list[str]]]:
        """Kinds of problems, and the Tweets that have them."""
        return iter([(kind, list(ids)) for kind, ids in self._ids.items()])

    def counts(self) -> list[dict[str, Any]]:
        """How many Tweets each reason and scope concerns, as plain values for JSON."""
        found: dict[tuple[str, str], set[str]] = {}
        for kind, ids in self._ids.items():
            found.setdefault((kind.reason, kind.scope), set()).update(ids)
        return [
            {"reason": reason, "scope": scope, "tweets": len(ids)}
            for (reason, scope), ids in found.items()
        ]

    def lines(self) -> list[str]:
        """The counts in words: ``"2 Tweets: not yours (some metrics)"``."""
        counted = [(row, SCOPES[row["scope"]]) for row in self.counts()]
        return [
            f"{row['tweets']:,} Tweets: {row['reason']}{f' ({some})' if some else ''}"
            for row, some in counted
        ]

    def of_scope(self, scope: str) -> set[str]:
        """The Tweets that have a problem of this scope."""
        return {i for kind, ids in self._ids.items() if kind.scope == scope for i in ids}

    def frame(self) -> pd.DataFrame:
        """All as a frame of problems."""
        frames = [
            pd.DataFrame(
                {"tweet_id": list(ids), **kind._asdict(), "advice": REASONS[kind.reason].advice},
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
            log.add(
                [str(row["tweet_id"])],
                str(row["reason"]),
                str(row.get("scope") or "tweet"),
                str(row.get("metrics") or ""),
                str(row.get("detail") or ""),
            )
        return log
