"""Tables as sources. They make no network requests."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Unpack

import pandas as pd

from engagement_nb.apis.reasons import Reason
from engagement_nb.errors import InputError
from engagement_nb.metrics import Metrics, problems_frame
from engagement_nb.sources.base import Source, period_words
from engagement_nb.sources.options import Options, dates_in, narrowed
from engagement_nb.tables import Tables
from engagement_nb.tables.covered import STEPS, with_coverage
from engagement_nb.tables.ids import read_ids


class TableSource(Source):
    """A table of figures, or a folder of them: see `engagement_nb.read_table`.

    Parameters
    ----------
    where
        The path of a file or folder, an open file, or a DataFrame.
    account
        Handles to read, separated by commas, if the files are of several accounts.
    """

    name = "export"

    def __init__(self, where: Any, account: str = "") -> None:
        self._where = where
        self.path = Path(where).expanduser() if isinstance(where, str | os.PathLike) else None
        self._account = account

    @property
    def _called(self) -> str:
        """The name of the file or folder, for sentences."""
        return self.path.name if self.path else "the table"

    def _described(self) -> list[str]:
        told = [str(self.path) if self.path else f"a {type(self._where).__name__}"]
        if self._account:
            told.append(f"account {self._account}")
        # Once they are read; a repr reads no files.
        if "metrics" in vars(self):
            told += period_words(self.metrics.about.start, self.metrics.about.end)
        return told

    @cached_property
    def tables(self) -> Tables:
        """The tables by kind: ``files()``, ``summary()``, ``reconcile()``, ``videos()``."""
        return Tables(self._where, self._account)

    @cached_property
    def metrics(self) -> Metrics:
        """Figures of the most detailed kind of file: see `engagement_nb.read_table`."""
        return self.tables.metrics()

    def tweet_ids(self, kind: str = "own", count: int | None = None) -> list[str]:
        """List ids of the Tweets: none for figures by day, and for rows without a readable id."""
        self._refuse_kind(kind)
        ids = self.metrics.frame.get("tweet_id", pd.Series(dtype="string"))
        return [i for i in ids.unique() if i.isdigit()][:count]

    def _fetch(self, endpoint: str, tweet_ids: Any, **question: Unpack[Options]) -> Metrics:
        if by := question.get("by"):
            raise InputError(
                f"by={by!r} has no effect: {self._called} has the rows that it has.",
                advice="Leave out by.",
            )
        metrics = _select(self.metrics, tweet_ids, question.get("metrics"))
        if self._span(endpoint) == "life":
            return metrics
        return self._of_period(metrics, endpoint, question)

    def _of_period(self, metrics: Metrics, endpoint: str, question: Options) -> Metrics:
        """Rows of a period in which people engaged, from figures of hours, days or periods."""
        about, frame = metrics.about, metrics.frame
        if about.start is None or about.end is None or self._span(endpoint) != "period":
            timeless = about.start is None
            has = "figures since posting" if timeless else "figures by time"
            raise InputError(
                f"{self._called} has {has}, so it cannot tell"
                f" {'when people engaged' if timeless else 'the last hours'}.",
                advice="Use posted= for Posts of a period, or give a file by day."
                if timeless
                else "Use historical(period=...).",
            )
        if (zone := question.get("zone")) and about.by == "day":
            raise InputError(
                f"zone={zone!r} has no effect: {self._called} has whole days.",
                advice="Leave out zone; the days are those of the file.",
            )
        start, end = dates_in(question, self._present())
        start, end = start or about.start, end or about.end
        step = STEPS.get(str(about.by))
        first = frame["time"] if step else frame["start"]
        last = first + step if step else frame["end"]
        keep = (first >= start) & (last <= end)
        if (cut := (first < end) & (last > start) & ~keep).any():
            raise InputError(
                f"{self._called} has figures of {first[cut].iloc[0]:%Y-%m-%d %H:%M} to"
                f" {last[cut].iloc[0]:%Y-%m-%d %H:%M} UTC, which cannot be cut.",
                advice="Choose a period that begins and ends where they do.",
            )
        if len(keep) and not keep.any():
            raise InputError(
                f"{self._called} has no figures of that period.",
                advice=f"Its figures are of {first.min():%Y-%m-%d} to {first.max():%Y-%m-%d}.",
            )
        name = question.get("period") or "the period"
        found = narrowed(metrics, keep, f"outside of {name}")
        about = replace(about, start=start, end=end)
        return with_coverage(replace(found, about=about), start, end)


def _select(found: Metrics, tweet_ids: Any, metrics: Iterable[str] | None = None) -> Metrics:
    """Select rows and columns. Ids without a row become problems."""
    frame, problems = found.frame, found.problems
    if metrics is not None:
        names = list(metrics)
        if unknown := [name for name in names if name not in found.metric_names]:
            raise InputError(
                f"This source does not have {', '.join(unknown)}.",
                advice=f"It has: {', '.join(found.metric_names)}.",
            )
        others = [name for name in found.metric_names if name not in names]
        frame = frame.drop(columns=others)
        read = found.account.metrics
        dropped = {own: "not asked for" for own, name in read.items() if name in others}
        kept = {own: name for own, name in read.items() if own not in dropped}
        not_used = {**found.account.not_used, **dropped}
        account = replace(found.account, metrics=kept, not_used=not_used)
        found = replace(found, frame=frame, account=account)
    if tweet_ids is not None:
        if found.about.unit == "day":
            raise InputError(
                "These figures are by day of the whole account, so no Tweets can be chosen.",
                advice="Leave out the ids, or give files by Post (account_analytics_content_...).",
            )
        ids = read_ids(tweet_ids)
        found = narrowed(found, frame["tweet_id"].isin(ids.ids), "not among the chosen ids")
        frame = found.frame
        problems = problems[problems["tweet_id"].isin(ids.ids)]
        told = {*frame["tweet_id"], *problems.loc[problems["scope"] == "tweet", "tweet_id"]}
        rows = [
            {"tweet_id": i, "reason": Reason.NOT_IN_SOURCE.value} for i in ids.ids if i not in told
        ]
        problems = pd.concat(
            [problems, ids.problems, problems_frame(rows)], ignore_index=True
        ).astype("string")
    return replace(found, problems=problems)
