"""Export files and datasets as sources: nothing is asked of the network."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from engagement_nb.availability import Reason
from engagement_nb.dataset import Dataset
from engagement_nb.errors import InputError
from engagement_nb.exports import Exports
from engagement_nb.ids import read_ids
from engagement_nb.metrics import Metrics, problems_frame
from engagement_nb.planning.periods import Moment, dates_of
from engagement_nb.sources.base import MetricNames, Source
from engagement_nb.vocabulary import By, EndpointName


class ExportSource(Source):
    """An export file of X, or a folder of them: see `engagement_nb.read_export`.

    Parameters
    ----------
    path
        The file or folder.
    account
        Handles to read, separated by commas, where the files are of several accounts.
    """

    name = "export"

    def __init__(self, path: str | os.PathLike[str], account: str = "") -> None:
        self.path = Path(path).expanduser()
        self._account = account

    @cached_property
    def exports(self) -> Exports:
        """The files, each kind apart: ``files()``, ``summary()``, ``reconcile()``, ``videos()``."""
        return Exports(self.path, self._account)

    @cached_property
    def metrics(self) -> Metrics:
        """The figures of the kind of file that tells most: see `engagement_nb.read_export`."""
        return self.exports.metrics()

    def tweet_ids(self, kind: str = "all", count: int | None = None) -> list[str]:
        """Ids of the Tweets; none for files by day."""
        frame = self.metrics.frame
        return list(frame["tweet_id"].unique())[:count] if "tweet_id" in frame else []

    def totals(self, tweet_ids: Any = None, metrics: Iterable[str] | None = None) -> Metrics:
        """The file's figures: see `Source.totals`."""
        return _only(self.metrics, tweet_ids, metrics)


class DatasetSource(Source):
    """A dataset that was fetched before; asks nothing of the network.

    Parameters
    ----------
    where
        Its path or address.
    """

    name = "dataset"

    def __init__(self, where: str | os.PathLike[str]) -> None:
        self.dataset = Dataset(where)
        self.sandbox = self.dataset.sandbox

    def tweet_ids(self, kind: str = "all", count: int | None = None) -> list[str]:
        """Ids of the Tweets that the newest fetch has figures of."""
        newest = self.dataset.runs()[-1]
        frame = self.dataset.read(newest.endpoint, by=newest.by).frame
        return list(frame["tweet_id"].unique())[:count]

    def _figures(
        self,
        endpoint: EndpointName,
        tweet_ids: Any,
        metrics: MetricNames,
        by: By | None = None,
        start: Moment = None,
        end: Moment = None,
        period: str | None = None,
        zone: str | None = None,
    ) -> Metrics:
        start, end = dates_of(start, end, period, zone, datetime.now(UTC))
        wanted = None if tweet_ids is None else read_ids(tweet_ids).ids
        names = None if metrics is None else list(metrics)
        found = self.dataset.read(
            endpoint, by=by, tweet_ids=wanted, start=start, end=end, metrics=names
        )
        return _only(found, wanted, None)

    def _most_telling(
        self, endpoint: EndpointName | None, by: By | None
    ) -> tuple[EndpointName, By | None]:
        kept = [(run.endpoint, run.by) for run in reversed(self.dataset.runs())]
        windowed = [name for name, _ in kept if name != "totals"]
        chosen = endpoint or (windowed[0] if windowed else "totals")
        unit = by or next((unit for name, unit in kept if name == chosen), None)
        return chosen, unit

    def earlier_snapshot(self, endpoint: EndpointName) -> Metrics | None:
        """The snapshot before the newest; None where the dataset has no two of them."""
        runs = [run for run in self.dataset.runs() if run.endpoint == endpoint and run.snapshot]
        labels = list(dict.fromkeys(run.snapshot for run in runs))
        if len(labels) < 2:
            return None
        return self.dataset.read(endpoint, by=runs[-1].by, snapshot=labels[-2])


def _only(found: Metrics, tweet_ids: Any, metrics: Iterable[str] | None) -> Metrics:
    """The rows and columns asked for; ids that are not there become problems."""
    frame, problems = found.frame, found.problems
    if metrics is not None:
        names = list(metrics)
        unknown = [name for name in names if name not in found.metric_names]
        if unknown:
            raise InputError(
                f"This source has no {', '.join(unknown)}.",
                advice=f"It has: {', '.join(found.metric_names)}.",
            )
        drop = [name for name in found.metric_names if name not in names]
        frame = frame.drop(columns=drop)
    if tweet_ids is not None:
        if found.about.unit == "day":
            raise InputError(
                "These figures are by day of the whole account, so no Tweets can be chosen.",
                advice="Leave the ids out, or give files by Post (account_analytics_content_...).",
            )
        ids = read_ids(tweet_ids)
        frame = frame[frame["tweet_id"].isin(ids.ids)].reset_index(drop=True)
        problems = problems[problems["tweet_id"].isin(ids.ids)]
        told = {*frame["tweet_id"], *problems.loc[problems["scope"] == "tweet", "tweet_id"]}
        rows = [
            {"tweet_id": i, "reason": Reason.NOT_IN_SOURCE.value} for i in ids.ids if i not in told
        ]
        problems = pd.concat(
            [problems, ids.problems, problems_frame(rows)], ignore_index=True
        ).astype("string")
    return Metrics(frame, problems, found.about)
