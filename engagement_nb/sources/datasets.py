"""A dataset as a source. It makes no network requests."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from datetime import datetime
from typing import Any, Unpack

import pandas as pd

from engagement_nb.apis.contract import By, Span
from engagement_nb.dataset import Dataset
from engagement_nb.dataset.snapshots import between, days_of, last_of_each
from engagement_nb.metrics import Metrics
from engagement_nb.sources.base import Source, period_words
from engagement_nb.sources.options import Options, dates_in
from engagement_nb.tables.ids import read_ids

SERIES_FROM = 7
"""Days of snapshots from which what came in between tells more than the last figures do."""


class DatasetSource(Source):
    """A dataset of figures fetched earlier.

    Parameters
    ----------
    where
        Its path or address.
    """

    name = "dataset"

    def __init__(self, where: str | os.PathLike[str]) -> None:
        self._where = where
        self.dataset = Dataset.open(where)
        self.sandbox = self.dataset.sandbox

    def _described(self) -> list[str]:
        found = [str(self._where)]
        for run in self.dataset.runs()[-1:]:
            found += [run.endpoint, *period_words(run.start, run.end)]
        return found

    def _present(self) -> datetime:
        world = self.dataset.world
        return world.now if world and world.now else super()._present()

    def _named(self, span: Span) -> str:
        named = (run.endpoint for run in reversed(self.dataset.runs()) if run.span == span)
        return next(named, None) or super()._named(span)

    def _span(self, endpoint: str) -> Span:
        spans = (run.span for run in self.dataset.runs() if run.endpoint == endpoint)
        return next(spans, None) or super()._span(endpoint)

    def tweet_ids(self, kind: str = "own", count: int | None = None) -> list[str]:
        """List ids of the Tweets with figures of the kind that was fetched last."""
        self._refuse_kind(kind)
        return self.dataset.tweet_ids()[:count]

    def _fetch(self, endpoint: str, tweet_ids: Any, **question: Unpack[Options]) -> Metrics:
        start, end = dates_in(question, self._present())
        ids = None if tweet_ids is None else read_ids(tweet_ids)
        metrics = question.get("metrics")
        by, names = question.get("by"), None if metrics is None else list(metrics)
        if days_of(self.dataset.runs()):
            of_period = self._span(endpoint) == "period"
            totals = self._named("life") if of_period else endpoint
            every = self.dataset.read(
                totals, tweet_ids=ids and ids.ids, metrics=names, snapshot="all"
            )
            found = between(every, by, start, end) if of_period else last_of_each(every)
        else:
            found = self.dataset.read(
                endpoint, by=by, tweet_ids=ids and ids.ids, start=start, end=end,
                zone=question.get("zone"), metrics=names,
            )  # fmt: skip
        if ids is None or ids.problems.empty:
            return found
        account = found.account.naming(Counter(ids.problems["reason"]))
        problems = pd.concat([found.problems, ids.problems], ignore_index=True).astype("string")
        return replace(found, problems=problems, account=account)

    def _default_figures(self, endpoint: str | None, by: By | None) -> tuple[str, By | None]:
        runs = self.dataset.runs()[::-1]
        of_periods = [run.endpoint for run in runs if run.span != "life"]
        if days := days_of(runs):
            chosen = endpoint or self._named("period" if days >= SERIES_FROM else "life")
            return chosen, by or ("day" if self._span(chosen) == "period" else None)
        chosen = endpoint or (of_periods[0] if of_periods else self._named(self.default_span))
        return chosen, by or next((run.by for run in runs if run.endpoint == chosen), None)

    def _earlier(self, endpoint: str, tweet_ids: Any) -> Metrics | None:
        runs = [run for run in self.dataset.runs() if run.endpoint == endpoint and run.snapshot]
        labels = list(dict.fromkeys(run.snapshot for run in runs))
        if len(labels) < 2:
            return None
        wanted = None if tweet_ids is None else read_ids(tweet_ids).ids
        if days_of(runs):
            every = self.dataset.read(endpoint, tweet_ids=wanted, snapshot="all")
            return last_of_each(every, before=labels[-1])
        return self.dataset.read(endpoint, by=runs[-1].by, tweet_ids=wanted, snapshot=labels[-2])
