"""Parquet on local disk or any fsspec address: a journal of finished requests, then sealed runs.

::

    DATASET/
      dataset.json                  what this is: its source, and the sandbox's world
      runs/STARTED-RANDOM.parquet   a finished run: its rows; its record is in the footer
      runs/STARTED-RANDOM.json      an unfinished run: what it asked for, and what is missing
      parts/KIND/SET/KEY.parquet    one finished request of an unfinished run

KIND is the endpoint and grouping (``totals``, ``historical-hour``). SET is the window of figures
of a period. Other figures change with the moment of reading, so their SET is the snapshot. KEY is
a digest of the request, so the same request has the same file. An atomic rename publishes each
file: it is on disk whole, or not at all. Names that begin with ``.tmp-`` are unfinished and
ignored.

A finished run is sealed: all its parts become one file, with the rows in the order of the ids'
text, so that a few Tweets of a million are read quickly. Its columns are ``tweet_id``, ``time``
for a series, the metrics, ``read_at``, ``start`` and ``end`` of the period that was requested, and
``part``, the number of the request. Datasets of version 0.1.0, which kept all parts, are read.

A fetch belongs to a snapshot. Its label is given, or is the moment when the fetch began. An
interrupted fetch resumes its snapshot if it is rerun within a day. Later it begins a new one:
figures read a week apart are not one snapshot.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import orjson
import pyarrow.compute as pc

from engagement_nb.apis.availability import Window
from engagement_nb.apis.contract import By
from engagement_nb.dataset.coverage import clip, missing
from engagement_nb.dataset.files import IDENTITY, RUNS, Files, explained, steady
from engagement_nb.dataset.frames import to_frame
from engagement_nb.dataset.reading import Choice, choice_of, figures, period_of, tweets_of
from engagement_nb.dataset.records import FORMAT, NAME, Identity, RunRecord, World, encode
from engagement_nb.dataset.writing import RunWriter
from engagement_nb.errors import DatasetError, InputError
from engagement_nb.metrics import About, Metrics
from engagement_nb.metrics.account import Account, Coverage
from engagement_nb.metrics.periods import Moment, gaps_between, parse_moment
from engagement_nb.store import Store

RESUME_WITHIN = timedelta(days=1)


class Dataset:
    """A dataset of fetched metrics: written request by request, read whole or in pieces.

    Made by `Dataset.open` and `Dataset.create`.

    Parameters
    ----------
    store
        Where it is.
    identity
        What it is.

    Attributes
    ----------
    source
        Origin of the figures: "sandbox" or "api".
    world
        The sandbox's world; None where it is not known.
    sandbox
        Whether the figures are made up by the sandbox.
    """

    def __init__(self, store: Store, identity: Identity) -> None:
        self.store = store
        self._identity = identity
        self.source, self.world = identity.source, identity.world
        self.sandbox = self.source == "sandbox"
        self._files = Files(store)

    @classmethod
    def open(cls, where: str | os.PathLike[str]) -> Dataset:
        """Open the dataset in a local folder or at an fsspec address.

        Raises
        ------
        DatasetError
            There is none, or its description is damaged.
        """
        store = Store(where)
        if not store.exists(IDENTITY):
            raise DatasetError(
                f"{store.where} is not a dataset.",
                advice="Give a folder that engagement-nb fetch wrote.",
            )
        return cls(store, Files(store).record(IDENTITY, Identity))

    @classmethod
    def create(
        cls, where: str | os.PathLike[str], source: str, world: World | None = None
    ) -> Dataset:
        """Open the dataset of a source, or make one where there is none.

        Parameters
        ----------
        where
            A local folder or an fsspec address.
        source
            "sandbox" or "api".
        world
            The sandbox's world. A dataset keeps figures of one world, at its latest moment.

        Raises
        ------
        DatasetError
            The place has other files, or figures of another source or world; or it cannot be
            written to.
        """
        store = Store(where)
        if not store.exists(IDENTITY):
            store.check_folder()
            if store.names(""):
                raise DatasetError(
                    f"{store.where} contains other files and is not a dataset.",
                    advice="Give an empty or new folder.",
                )
            return cls(store, Identity(source, world))._published()
        dataset = cls.open(where)
        if source != dataset.source:
            raise DatasetError(
                f"{store.where} contains figures of the {dataset.source}; these are of the"
                f" {source}.",
                advice="Choose another folder: made-up and real figures must not mix.",
            )
        moved = dataset._moved_to(world)
        if moved == dataset._identity and moved.format == FORMAT:
            return dataset
        return cls(store, moved)._published()

    def _published(self) -> Dataset:
        self.store.publish(IDENTITY, encode(self._identity))
        return self

    def _moved_to(self, world: World | None) -> Identity:
        """The dataset at the present of a world; refuses another world, or an earlier present."""
        mine = self.world
        if mine is None and self.runs():
            # Nobody knows the world of figures that an earlier version fetched.
            return self._identity
        if world is None or mine is None:
            return replace(self._identity, world=world or mine)
        earlier = mine.now is not None and world.now is not None and world.now < mine.now
        if earlier or (mine.seed, mine.tweets) != (world.seed, world.tweets):
            raise DatasetError(
                f"{self.store.where} contains figures of another world or a later moment of it:"
                f" {mine} These are of: {world}",
                advice="Choose another folder, or the world of the dataset.",
            )
        return replace(self._identity, world=world)

    def __repr__(self) -> str:
        return f"<Dataset: {self.source} figures in {self.store.where}>"

    def begin(self, record: RunRecord) -> RunWriter:
        """Resume the unfinished run of the same question, or begin one and give it an id."""
        self._files.sweep()
        label, moment = record.snapshot, record.started_at
        begun = self.unfinished(record.ask, label or None, moment)
        resumed = begun is not None
        if begun is None:
            if not label and not record.windows:
                label = f"{moment:%Y%m%dT%H%M%SZ}"
            if label and not NAME.fullmatch(label):
                raise InputError(
                    f"{label!r} is not a label for a snapshot.",
                    advice="Use up to 80 letters, digits, dots, dashes and underscores.",
                )
            run = f"{moment:%Y%m%dT%H%M%S.%fZ}-{uuid.uuid4().hex[:8]}"
            begun = replace(record, id=run, snapshot=label)
            self.store.publish(f"{RUNS}/{run}.json", encode(begun))
        return RunWriter(self._files, self._identity, begun, resumed=resumed)

    def unfinished(self, ask: str, snapshot: str | None, now: datetime) -> RunRecord | None:
        """The newest unfinished run of a question; without a label, within `RESUME_WITHIN`."""
        for record in reversed(self.runs()):
            recent = snapshot is None and record.started_at >= now - RESUME_WITHIN
            if record.ask == ask and not record.done and (recent or record.snapshot == snapshot):
                return record
        return None

    def runs(self) -> list[RunRecord]:
        """All runs, oldest first."""
        return self._files.runs()

    def part_names(self) -> list[str]:
        """Names of all finished requests, whether they are sealed or not."""
        return sorted(self._files.described(_sets(self.runs())))

    def read(
        self,
        endpoint: str | None = None,
        *,
        by: By | None = None,
        tweet_ids: Iterable[str] | None = None,
        start: Moment = None,
        end: Moment = None,
        zone: str | None = None,
        metrics: Sequence[str] | None = None,
        snapshot: str | None = None,
    ) -> Metrics:
        """Read metrics back.

        Parameters
        ----------
        endpoint, by
            What to read; not needed if the dataset has one kind of figures. Days and sums are
            computed from hours or days if these cover more of the period.
        tweet_ids
            Only these Tweets; by default all with figures of this kind.
        start, end
            The period to read, ``end`` exclusive. By default everything that was fetched; for
            sums that were fetched as such, the period of the newest.
        zone
            IANA name of the time zone of days; they are made from hours. By default UTC.
        metrics
            Only these columns.
        snapshot
            For figures without a period: a label, or "all" for every snapshot, with a column
            ``snapshot``. By default the newest.

        Returns
        -------
        Metrics
            The newest figures where fetched periods overlap; nothing counts twice. The problems
            name each Tweet, and each part of the period of a Tweet, that was not fetched.

        Raises
        ------
        DatasetError
            The dataset is empty or damaged.
        InputError
            It has no such figures, or several kinds and the call names none; or they cannot be
            cut where the period begins or ends.
        """
        dates = parse_moment(start, "start"), parse_moment(end, "end")
        wanted = None if tweet_ids is None else dict.fromkeys(map(str, tweet_ids))
        choice = choice_of(self.runs(), endpoint, by, dates, zone, snapshot)
        return self._read(choice, _metric_names(choice.runs, metrics), wanted)

    def read_run(
        self, record: RunRecord, tweet_ids: Sequence[str], zone: str | None = None
    ) -> Metrics:
        """Read the figures of one run, in the order of its Tweets.

        Parameters
        ----------
        record
            The run.
        tweet_ids
            Its Tweets.
        zone
            To add its hours up to days: the time zone of the days.
        """
        runs = [run for run in self.runs() if run.id == record.id] or [record]
        period = period_of(runs) if record.windows else None
        choice = Choice(runs, "day" if zone else record.by, period, zone or "UTC")
        return self._read(choice, record.metrics, dict.fromkeys(tweet_ids), whole_run=True)

    def tweet_ids(self) -> list[str]:
        """The Tweets with figures of the kind that was fetched last, in the order of posting."""
        runs = self.runs()
        choice = choice_of([run for run in runs if run.kind == runs[-1].kind], None, None,
                           (None, None), None, "all")  # fmt: skip
        return sorted(tweets_of(self._files, choice.runs), key=int)

    def _read(
        self,
        choice: Choice,
        names: Sequence[str],
        wanted: Mapping[str, None] | None,
        *,
        whole_run: bool = False,
    ) -> Metrics:
        table, lacks = steady(lambda: figures(self._files, choice, names, wanted))
        frame = explained(lambda: to_frame(table, wanted))
        here, period = dict.fromkeys(pc.unique(table["tweet_id"]).to_pylist()), choice.period
        known = dict(here)
        if period is not None:
            known |= tweets_of(self._files, choice.runs, wanted, period)
        stored = [
            (Window(run.start, run.end) if run.start and run.end else None,
             self._files.problems(run))
            for run in reversed(choice.used)
        ]  # fmt: skip
        # A run also names entries that are no Tweets.
        of = None if whole_run else wanted
        problems = missing(stored, frame, here, lacks, known, of, period)
        about = self._about(choice, explained(lambda: pc.max(table["read_at"]).as_py()))
        named = problems.without_figures()
        coverage = None
        if period is not None:
            partial = len(lacks.keys() & here)
            holes = gaps_between((w for run in choice.used for w in run.windows), period)
            coverage = Coverage(*period, len(here) - partial, partial, holes)
        account = Account(
            rows_in=len(here) + sum(named.values()),
            rows_used=len(here),
            rows_named=named,
            coverage=coverage,
            requests=about.requests,
            world=str(self.world or ""),
        )
        return Metrics(frame, problems.frame(), about, account)

    def _about(self, choice: Choice, read_at: datetime | None) -> About:
        runs = choice.used or choice.runs[-1:]
        notes = [note for run in runs for note in run.notes]
        notes += [
            f"The fetch begun at {run.started_at:%Y-%m-%dT%H:%M:%SZ} is unfinished: rerun it."
            for run in runs
            if not run.done
        ]
        parts = self._files.described(_sets(runs))
        if choice.period is not None and choice.unit is None:
            others = {period_of([run]) for run in choice.runs if run not in runs}
            notes += [f"Not in these sums: those of {other}." for other in sorted(others)]
        spent = [run.requests for run in runs]
        if choice.period is None:
            answered = {(p.answered[0], p.answered[1]) for p in parts.values() if p.answered}
            start = min((window[0] for window in answered), default=None)
            end = max((window[1] for window in answered), default=None)
            if len(answered) > 1:
                notes.append(
                    "The hour changed while it was read: the 28 hours of some Tweets are an hour"
                    " later."
                )
        else:
            fetched = clip((w for run in runs for w in run.windows), choice.period)
            start = min((a for a, _ in fetched), default=choice.period.start)
            end = max((b for _, b in fetched), default=choice.period.end)
        return About(
            source=self.source,
            endpoint=runs[-1].endpoint,
            span=runs[-1].span or "",
            by=choice.by,
            start=start,
            end=end,
            read_at=read_at,
            requests=len(parts) if None in spent else sum(n for n in spent if n),
            notes=tuple(dict.fromkeys(notes)),
        )


def _sets(runs: Iterable[RunRecord]) -> set[str]:
    """The folders of the parts of runs."""
    return {folder for run in runs for folder in run.sets}


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
