"""Parquet on local disk or any fsspec address: one immutable part per finished request.

::

    DATASET/
      dataset.json                  what this is, and whether its figures are the sandbox's
      parts/KIND/SET/KEY.parquet    one finished request; its description is in the footer
      index/KIND/SET.parquet        which part has which Tweet; without it, all parts are opened
      runs/STARTED-RANDOM.json      what a run asked for; .done.json when nothing is missing
      runs/STARTED-RANDOM.problems.parquet

KIND is the endpoint and grouping (``totals``, ``historical-hour``). SET is the window for
historical. Figures of totals and 28hr change with the moment of reading, so their SET is the
snapshot. KEY is a digest of the request, so the same request has the same file. An atomic rename
publishes each part: it is on disk whole, or not at all. Names that begin with ``.tmp-`` are
unfinished and ignored.

A fetch belongs to a snapshot. Its label is given, or is the moment when the fetch began. An
interrupted fetch resumes its snapshot if it is rerun within a day. Later it begins a new one:
figures read a week apart are not one snapshot.
"""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import orjson
import pandas as pd
import pyarrow.compute as pc

from engagement_nb.apis.contract import By
from engagement_nb.dataset.parts import (
    RunRecord,
    RunWriter,
    described_parts,
    part_names,
    read_runs,
)
from engagement_nb.dataset.reading import ordered_frame, read_problems, read_rows
from engagement_nb.errors import DatasetError, InputError
from engagement_nb.metrics import About, Metrics
from engagement_nb.periods import Moment, parse_moment, responses_window
from engagement_nb.store import Store

RESUME_WITHIN = timedelta(days=1)
_SNAPSHOT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


class Dataset:
    """A dataset of fetched metrics: written request by request, read whole or in pieces.

    Parameters
    ----------
    where
        A local folder or an fsspec address.
    source
        "sandbox" or "api": creates the dataset if there is none, and refuses a dataset of the
        other source. None opens an existing dataset.

    Raises
    ------
    DatasetError
        There is no dataset, it has figures of the other source, or it cannot be written to.
    """

    def __init__(self, where: str | os.PathLike[str], source: str | None = None) -> None:
        self.store = Store(where)
        if not self.store.exists("dataset.json"):
            if source is None:
                raise DatasetError(
                    f"{self.store.where} is not a dataset.",
                    advice="Give a folder that engagement-nb fetch wrote.",
                )
            if self.store.local and Path(self.store.root).is_file():
                raise DatasetError(f"{self.store.where} is a file.", advice="Give a folder.")
            if self.store.names(""):
                raise DatasetError(
                    f"{self.store.where} contains other files and is not a dataset.",
                    advice="Give an empty or new folder.",
                )
            self.store.publish_record("dataset.json", {"source": source})
        try:
            self.source = str(self.store.read_record("dataset.json")["source"])
        except (OSError, KeyError) as error:
            raise DatasetError(f"{self.store.where}/dataset.json cannot be read.") from error
        if source is not None and source != self.source:
            raise DatasetError(
                f"{self.store.where} contains figures of the {self.source}; these are of the"
                f" {source}.",
                advice="Choose another folder: made-up and real figures must not mix.",
            )

    @property
    def sandbox(self) -> bool:
        """Whether the figures are made up by the sandbox."""
        return self.source == "sandbox"

    def __repr__(self) -> str:
        return f"<Dataset: {self.source} figures in {self.store.where}>"

    def begin(self, record: RunRecord) -> RunWriter:
        """Resume the unfinished run of the same question, or begin one and give it an id."""
        self.store.remove_stale()
        label, moment = record.snapshot, record.started_at
        begun = self.unfinished(record.ask, label or None, moment)
        if begun is not None:
            return RunWriter(self.store, begun)
        if label and not _SNAPSHOT.fullmatch(label):
            raise InputError(
                f"{label!r} is not a label for a snapshot.",
                advice="Use up to 80 letters, digits, dots, dashes and underscores.",
            )
        if not label and not record.windows:
            label = f"{moment:%Y%m%dT%H%M%SZ}"
        run = f"{moment:%Y%m%dT%H%M%S.%fZ}-{uuid.uuid4().hex[:8]}"
        record = replace(record, id=run, snapshot=label)
        self.store.publish_record(f"runs/{run}.json", vars(record))
        return RunWriter(self.store, record)

    def unfinished(self, ask: str, snapshot: str | None, now: datetime) -> RunRecord | None:
        """The newest unfinished run of a question; without a label, within `RESUME_WITHIN`."""
        for record in reversed(self.runs()):
            recent = snapshot is None and record.started_at >= now - RESUME_WITHIN
            if record.ask == ask and not record.done and (recent or record.snapshot == snapshot):
                return record
        return None

    def runs(self) -> list[RunRecord]:
        """All runs, oldest first."""
        return read_runs(self.store)

    @property
    def snapshots(self) -> list[str]:
        """Labels of all snapshots, oldest first."""
        return list(dict.fromkeys(record.snapshot for record in self.runs() if record.snapshot))

    def read(
        self,
        endpoint: str | None = None,
        *,
        by: By | None = None,
        tweet_ids: Iterable[str] | None = None,
        start: Moment = None,
        end: Moment = None,
        metrics: Sequence[str] | None = None,
        snapshot: str | None = None,
    ) -> Metrics:
        """Read metrics back.

        Parameters
        ----------
        endpoint, by
            What to read; not needed if the dataset has one kind of figures. Days and sums are
            computed from hours if only hours were fetched.
        tweet_ids
            Only these Tweets.
        start, end
            For a series: the period to read, ``end`` exclusive. For sums over a period: the
            fetched period.
        metrics
            Only these columns.
        snapshot
            For totals and 28hr: a label, or "all" for every snapshot, with a column
            ``snapshot``. By default the newest.

        Returns
        -------
        Metrics
            The newest figures where fetched periods overlap.

        Raises
        ------
        DatasetError
            The dataset is empty or damaged.
        InputError
            It has no such figures, or several kinds and the call names none.
        """
        first, last = parse_moment(start, "start"), parse_moment(end, "end")
        wanted = None if tweet_ids is None else list(map(str, tweet_ids))
        runs, coarser = self._runs_of(endpoint, by, snapshot)
        runs = _of_period(runs, first, last) if runs[-1].windows else runs
        names = _metric_names(runs, metrics)
        return self._read(runs, names, wanted, first, last, coarser, labelled=snapshot == "all")

    def read_run(self, record: RunRecord, tweet_ids: Sequence[str]) -> Metrics:
        """Read the figures of one run, in the order of its Tweets."""
        runs = [run for run in self.runs() if run.id == record.id]
        return self._read(runs, record.metrics, list(tweet_ids))

    def batches(
        self,
        endpoint: str | None = None,
        *,
        by: By | None = None,
        metrics: Sequence[str] | None = None,
        snapshot: str | None = None,
        rows: int = 100_000,
    ) -> Iterator[pd.DataFrame]:
        """Read the frames of one run piece by piece, in bounded memory.

        Parameters
        ----------
        endpoint, by, metrics, snapshot
            As for `read`; reads the newest of several runs.
        rows
            Approximate number of rows per piece.

        Yields
        ------
        DataFrame
            Columns as in the whole frame. All rows of a Tweet are in the same piece.
        """
        runs, coarser = self._runs_of(endpoint, by, snapshot)
        run, columns = runs[-1], _metric_names(runs[-1:], metrics)
        span = run.end - run.start if run.start and run.end else timedelta(hours=28)
        rows_of_tweet = {"hour": span // timedelta(hours=1), "day": span.days + 1, None: 1}[run.by]
        size = max(1, rows // rows_of_tweet)
        pieces: dict[str, int] = {}
        files: dict[int, list[str]] = {}
        names = part_names(self.store, run.sets)
        for name, part in zip(names, described_parts(self.store, names), strict=True):
            for tweet_id in part.tweet_ids:
                pieces.setdefault(tweet_id, len(pieces) // size)
            for piece in {pieces[tweet_id] for tweet_id in part.tweet_ids}:
                files.setdefault(piece, []).append(name)
        tweets = list(pieces)
        for piece in sorted(files):
            ids = tweets[piece * size : (piece + 1) * size]
            table = read_rows(self.store, [run], columns, ids, coarser=coarser, files=files[piece])
            if len(table):
                yield ordered_frame(table, ids)

    def _runs_of(
        self, endpoint: str | None, by: By | None, snapshot: str | None
    ) -> tuple[list[RunRecord], str | None]:
        """The runs to read, and the coarser grouping to compute from them, if any."""
        runs, coarser = self.runs(), None
        if not runs:
            raise DatasetError(f"{self.store.where} is empty.", advice="Fetch into it first.")
        kinds = list(dict.fromkeys(run.kind for run in runs))
        if endpoint is not None:
            finer = {None: (None, "day", "hour"), "day": ("day", "hour"), "hour": ("hour",)}[by]
            here = {run.by for run in runs if run.endpoint == endpoint}
            unit = next((unit for unit in finer if unit in here), "none")
            runs = [run for run in runs if (run.endpoint, run.by) == (endpoint, unit)]
            coarser = None if unit == by else by or "sum"
            if not runs:
                raise InputError(
                    f"{self.store.where} has no {endpoint}{f' by {by}' if by else ''}.",
                    advice=f"It has: {', '.join(kinds)}.",
                )
        elif len(kinds) > 1:
            raise InputError(
                f"{self.store.where} has several kinds of figures: {', '.join(kinds)}.",
                advice="Name the endpoint, and by day or hour for a series.",
            )
        if snapshot is None and not runs[-1].windows:
            snapshot = runs[-1].snapshot
        if snapshot not in (None, "all"):
            runs = [run for run in runs if run.snapshot == snapshot]
        if not runs:
            have = ", ".join(self.snapshots) or "none"
            raise InputError(f"There is no snapshot {snapshot!r}.", advice=f"There are: {have}.")
        return runs, coarser

    def _read(
        self,
        runs: Sequence[RunRecord],
        names: Sequence[str],
        wanted: list[str] | None,
        start: datetime | None = None,
        end: datetime | None = None,
        coarser: str | None = None,
        *,
        labelled: bool = False,
    ) -> Metrics:
        newest = runs[-1]
        table = read_rows(
            self.store, runs, names, wanted, start, end, coarser=coarser, labelled=labelled
        )
        frame = ordered_frame(table, wanted)
        notes = [note for run in runs for note in run.notes]
        notes += [
            f"The fetch begun at {run.started_at:%Y-%m-%dT%H:%M:%SZ} is unfinished: rerun it."
            for run in runs
            if not run.done
        ]
        files = part_names(self.store, sorted({folder for run in runs for folder in run.sets}))
        if newest.windows:
            begun = min(run.start for run in runs if run.start)
            ended = max(run.end for run in runs if run.end)
            start, end = max(start or begun, begun), min(end or ended, ended)
        elif newest.endpoint == "28hr":
            parts = described_parts(self.store, files)
            start, end, more = responses_window([part.answered for part in parts if part.answered])
            notes += more
        else:
            start = end = None
        about = About(
            source=self.source,
            endpoint=newest.endpoint,
            by=newest.by if not coarser else "day" if coarser == "day" else None,
            start=start,
            end=end,
            read_at=pc.max(table["read_at"]).as_py(),
            requests=len(files),
            notes=tuple(dict.fromkeys(notes)),
        )
        problems = read_problems(self.store, runs, frame["tweet_id"].unique(), wanted)
        return Metrics(frame, problems, about)


def _of_period(
    runs: list[RunRecord], start: datetime | None, end: datetime | None
) -> list[RunRecord]:
    """The series that overlap a period, or the sums over exactly that period."""
    newest = runs[-1]
    if newest.by:
        return [
            run
            for run in runs
            if not (run.start and end and run.start >= end)
            and not (run.end and start and run.end <= start)
        ] or runs
    wanted = (start or newest.start, end or newest.end)
    found = [run for run in runs if (run.start, run.end) == wanted]
    if not found:
        have = "; ".join(
            dict.fromkeys(f"{run.start:%Y-%m-%d %H:%M} to {run.end:%Y-%m-%d %H:%M}" for run in runs)
        )
        raise InputError("No sums over that period were fetched.", advice=f"There are: {have}.")
    return found


def _metric_names(runs: Sequence[RunRecord], metrics: Sequence[str] | None) -> list[str]:
    have = list(dict.fromkeys(name for run in runs for name in run.metrics))
    for name in metrics or ():
        if name not in have:
            raise InputError(f"{name} was not fetched.", advice=f"There are: {', '.join(have)}.")
    return [name for name in have if metrics is None or name in metrics]


def ask_digest(
    endpoint: str,
    tweet_ids: Iterable[str],
    *,
    by: str | None,
    metrics: Sequence[str],
    period: Sequence[str | None],
) -> str:
    """A digest of a user's question, which identifies its unfinished run."""
    digest = hashlib.sha256(orjson.dumps([endpoint, by, sorted(metrics), list(period)]))
    for tweet_id in sorted(tweet_ids):
        digest.update(tweet_id.encode() + b"\n")
    return digest.hexdigest()[:32]
