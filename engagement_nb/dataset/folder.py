"""Parquet on local disk or any fsspec address: one immutable part a finished request.

::

    DATASET/
      dataset.json                  what this is, and whether its figures are the sandbox's
      parts/KIND/SET/KEY.parquet    one finished request; its description is in the footer
      runs/STARTED-RANDOM.json      what a run asked for; .done.json when nothing is missing
      runs/STARTED-RANDOM.problems.parquet

KIND is the endpoint and grouping (``totals``, ``historical-hour``); SET is the snapshot for
totals and 28hr, whose figures are of the moment when they are read, and the window for
historical. KEY names the request by what it asked, so that the same question has the same
file. A part appears under its name by an atomic rename, whole and on disk, or not at all.
Names that begin with ``.tmp-`` are unfinished and read by nobody.

A fetch belongs to a snapshot. Its label is given, or else is the moment when the fetch began;
a fetch that was cut off and is asked for again within a day goes on in the snapshot that it
began. Later it begins a new one: figures read a week apart are not one snapshot.
"""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pandas as pd

from engagement_nb.dataset.reading import read_batches, read_dataset, read_one_run
from engagement_nb.dataset.run import RunRecord, RunWriter, begin_run, iso, read_runs
from engagement_nb.errors import DatasetError, InputError
from engagement_nb.metrics import Metrics
from engagement_nb.planning.periods import Moment
from engagement_nb.store import Store
from engagement_nb.vocabulary import By, EndpointName

GO_ON_WITHIN = timedelta(days=1)
_SNAPSHOT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


class Dataset:
    """A dataset of fetched metrics: written a request at a time, read whole or in pieces.

    Parameters
    ----------
    where
        A local folder or an fsspec address.
    source
        "sandbox" or "api": makes the dataset if there is none, and refuses one of the other
        kind. None opens an existing one.

    Raises
    ------
    DatasetError
        There is no dataset, or one of other figures, or it cannot be written to.
    """

    def __init__(self, where: str | os.PathLike[str], source: str | None = None) -> None:
        self.store = Store(where)
        if not self.store.exists("dataset.json"):
            if source is None:
                raise DatasetError(
                    f"{self.store.where} is not a dataset.",
                    advice="Give a folder that engagement-nb fetch wrote.",
                )
            self._refuse_foreign_folder()
            self.store.publish_record("dataset.json", {"source": source})
        self.source = self._read_about(source)

    def _refuse_foreign_folder(self) -> None:
        if self.store.local and Path(self.store.root).is_file():
            raise DatasetError(f"{self.store.where} is a file.", advice="Give a folder.")
        if self.store.names(""):
            raise DatasetError(
                f"{self.store.where} holds other files and is not a dataset.",
                advice="Give an empty or new folder.",
            )

    def _read_about(self, source: str | None) -> str:
        try:
            found = str(self.store.read_record("dataset.json")["source"])
        except (OSError, KeyError) as error:
            raise DatasetError(f"{self.store.where}/dataset.json cannot be read.") from error
        if source is not None and source != found:
            raise DatasetError(
                f"{self.store.where} holds figures of the {found}, and these are of the {source}.",
                advice="Choose another folder: made-up and real figures are not mixed.",
            )
        return found

    @property
    def sandbox(self) -> bool:
        """Whether the figures are made up by the sandbox."""
        return self.source == "sandbox"

    def __repr__(self) -> str:
        return f"<Dataset: {self.source} figures in {self.store.where}>"

    # --- writing

    def begin(
        self,
        ask: str,
        *,
        endpoint: EndpointName,
        by: By | None,
        metrics: Sequence[str],
        windows: Sequence[tuple[datetime, datetime]],
        start: datetime | None,
        end: datetime | None,
        snapshot: str | None = None,
        notes: Sequence[str] = (),
        now: datetime | None = None,
    ) -> RunWriter:
        """Begin a run, or go on with the one that was cut off.

        Parameters
        ----------
        ask
            Digest of what was asked: see `ask_digest`.
        endpoint, by, metrics, windows, start, end, notes
            What is asked.
        snapshot
            A label; by default the moment, or that of the unfinished run of the same ask.
        now
            The present moment; for tests.
        """
        self.store.remove_stale()
        moment = now or datetime.now(UTC)
        record = self.unfinished(ask, snapshot, moment)
        if record is None:
            label = check_snapshot(snapshot)
            if not label and not windows:
                label = moment.strftime("%Y%m%dT%H%M%SZ")
            record = RunRecord(
                id=f"{moment.strftime('%Y%m%dT%H%M%S.%fZ')}-{uuid.uuid4().hex[:8]}",
                ask=ask,
                endpoint=endpoint,
                by=by,
                metrics=tuple(metrics),
                windows=tuple((str(iso(s)), str(iso(e))) for s, e in windows),
                start=iso(start),
                end=iso(end),
                snapshot=label,
                started_at=str(iso(moment)),
                notes=tuple(notes),
            )
            begin_run(self.store, record)
        return RunWriter(self.store, record)

    def unfinished(
        self, ask: str, snapshot: str | None = None, now: datetime | None = None
    ) -> RunRecord | None:
        """The newest run of this ask that has something left to ask, if any to go on with.

        Parameters
        ----------
        ask
            Digest of what was asked.
        snapshot
            Its label; without one, only runs begun within `GO_ON_WITHIN` are gone on with.
        now
            The present moment; for tests.
        """
        since = str(iso((now or datetime.now(UTC)) - GO_ON_WITHIN))
        for record in reversed(self.runs()):
            if record.ask == ask and not record.done:
                label_fits = record.snapshot == snapshot
                if label_fits or (snapshot is None and record.started_at >= since):
                    return record
        return None

    def runs(self) -> list[RunRecord]:
        """All runs, oldest first."""
        return read_runs(self.store)

    # --- reading: see engagement_nb.dataset.reading

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
            What to read; not needed where the dataset holds one kind of figures only. Days and
            sums are made from hours where only those were fetched.
        tweet_ids
            Only these Tweets.
        start, end
            Only figures of this time, ``end`` exclusive: for a series. For sums over a period, the
            period that was fetched.
        metrics
            Only these columns.
        snapshot
            For totals and 28hr: a label, or "all" to have every snapshot, with a column
            ``snapshot``. By default the newest.

        Returns
        -------
        Metrics
            Where periods fetched at different times overlap, the newest reading counts.

        Raises
        ------
        DatasetError
            The dataset is empty or damaged.
        InputError
            It holds no such figures, or several kinds and none was named.
        """
        return read_dataset(
            self.store, self.source, endpoint, by=by, tweet_ids=tweet_ids, start=start, end=end,
            metrics=metrics, snapshot=snapshot,
        )  # fmt: skip

    def read_run(self, record: RunRecord, tweet_ids: Sequence[str]) -> Metrics:
        """What one run gave, in the order of the Tweets that it asked for."""
        return read_one_run(self.store, self.source, record, tweet_ids)

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
            As for `read`; of several runs, the newest is read.
        rows
            About how many rows a piece has.

        Yields
        ------
        DataFrame
            Columns as in the whole frame; each Tweet's rows of one window stay together.
        """
        return read_batches(
            self.store, self.source, endpoint, by=by, metrics=metrics, snapshot=snapshot, rows=rows
        )

    @property
    def snapshots(self) -> list[str]:
        """Labels of all snapshots, oldest first."""
        return list(dict.fromkeys(record.snapshot for record in self.runs() if record.snapshot))


def check_snapshot(label: str | None) -> str:
    """A snapshot's label, fit for a file's name."""
    if label and not _SNAPSHOT.fullmatch(label):
        raise InputError(
            f"{label!r} is no label for a snapshot.",
            advice="Use up to 80 letters, digits, dots, dashes and underscores.",
        )
    return label or ""


def ask_digest(
    endpoint: str,
    tweet_ids: Iterable[str],
    *,
    by: str | None,
    metrics: Sequence[str],
    period: Sequence[str | None],
) -> str:
    """A digest of a question as a person asked it, by which an unfinished run is found again."""
    digest = hashlib.sha256(orjson.dumps([endpoint, by, sorted(metrics), list(period)]))
    for tweet_id in sorted(tweet_ids):
        digest.update(tweet_id.encode() + b"\n")
    return digest.hexdigest()[:32]
