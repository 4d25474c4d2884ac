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
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from engagement_nb.account import Account, Coverage
from engagement_nb.apis.availability import Window
from engagement_nb.apis.contract import By
from engagement_nb.dataset.coverage import (
    Lack,
    Span,
    choose,
    clip,
    cover,
    gaps_between,
    spans_of,
    within,
)
from engagement_nb.dataset.parts import (
    RunRecord,
    RunWriter,
    described_parts,
    part_names,
    read_runs,
)
from engagement_nb.dataset.reading import (
    added_up,
    coarser,
    folders_of,
    from_ms,
    in_ms,
    missing,
    newest,
    ordered_frame,
    read_rows,
    stored_problems,
    tweets_of,
)
from engagement_nb.errors import DatasetError, InputError
from engagement_nb.metrics import About, Metrics
from engagement_nb.periods import Moment, is_utc, parse_moment, responses_window
from engagement_nb.problems import ProblemLog
from engagement_nb.store import Store

RESUME_WITHIN = timedelta(days=1)
_IDENTITY = "dataset.json"
Dates = tuple[datetime | None, datetime | None]
_SNAPSHOT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


@dataclass(frozen=True)
class World:
    """Which world a sandbox has. Its Tweets and their past don't depend on the present.

    Parameters
    ----------
    seed, tweets
        The same for two worlds that have the same Tweets.
    now
        The moment at which it stands still; None if it follows the real time.
    """

    seed: int
    tweets: int
    now: datetime | None = None

    def __str__(self) -> str:
        since = f"standing still at {self.now:%Y-%m-%d %H:%M} UTC" if self.now else "at this moment"
        return f"Sandbox world: seed {self.seed}, {self.tweets:,} Tweets, {since}."


class Dataset:
    """A dataset of fetched metrics: written request by request, read whole or in pieces.

    Made by `Dataset.open` and `Dataset.create`.

    Parameters
    ----------
    store
        Where it is.
    source
        "sandbox" or "api".
    world
        The sandbox's world, where it is known.
    """

    def __init__(self, store: Store, source: str, world: World | None = None) -> None:
        self.store = store
        self.source = source
        self.world = world

    @classmethod
    def open(cls, where: str | os.PathLike[str]) -> Dataset:
        """Open the dataset in a local folder or at an fsspec address.

        Raises
        ------
        DatasetError
            There is none, or its description is damaged.
        """
        store = Store(where)
        if not store.exists(_IDENTITY):
            raise DatasetError(
                f"{store.where} is not a dataset.",
                advice="Give a folder that engagement-nb fetch wrote.",
            )
        try:
            told = store.read_record(_IDENTITY)
            world = told.get("world")
            return cls(store, str(told["source"]), world and msgspec.convert(world, World))
        except (OSError, KeyError, ValueError) as error:
            raise DatasetError(f"{store.path(_IDENTITY)} cannot be read.") from error

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
        if not store.exists(_IDENTITY):
            if store.local and Path(store.root).is_file():
                raise DatasetError(f"{store.where} is a file.", advice="Give a folder.")
            if store.names(""):
                raise DatasetError(
                    f"{store.where} contains other files and is not a dataset.",
                    advice="Give an empty or new folder.",
                )
            dataset = cls(store, source, world)
            dataset._publish_identity()
            return dataset
        dataset = cls.open(where)
        if source != dataset.source:
            raise DatasetError(
                f"{store.where} contains figures of the {dataset.source}; these are of the"
                f" {source}.",
                advice="Choose another folder: made-up and real figures must not mix.",
            )
        dataset._move_to(world)
        return dataset

    def _move_to(self, world: World | None) -> None:
        """Refuse figures of another world, and of an earlier moment of this one."""
        mine = self.world
        if world is None or world == mine:
            return
        if mine is not None and (
            (mine.seed, mine.tweets) != (world.seed, world.tweets)
            or (mine.now and world.now and world.now < mine.now)
        ):
            raise DatasetError(
                f"{self.store.where} contains figures of another world or a later moment of it:"
                f" {mine} These are of: {world}",
                advice="Choose another folder, or the world of the dataset.",
            )
        self.world = world
        if mine is not None or not self.runs():
            # Nobody knows the world of figures that an earlier version fetched.
            self._publish_identity()

    def _publish_identity(self) -> None:
        world = {"world": self.world} if self.world else {}
        self.store.publish_record(_IDENTITY, {"source": self.source} | world)

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
            For totals and 28hr: a label, or "all" for every snapshot, with a column
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
        runs, period, coarsen = self._chosen(endpoint, by, zone, dates, snapshot)
        names = _metric_names(runs, metrics)
        labelled = snapshot == "all"
        return self._read(runs, names, wanted, period, coarsen, zone, labelled=labelled)

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
        runs = [run for run in self.runs() if run.id == record.id]
        period = _period(runs, (None, None)) if record.windows else None
        wanted = dict.fromkeys(tweet_ids)
        return self._read(runs, record.metrics, wanted, period, "day" if zone else None, zone)

    def tweet_ids(self) -> list[str]:
        """The Tweets with figures of the kind that was fetched last, in the order of posting."""
        runs = self._runs_of(None, None, None, (None, None), newest_kind=True)
        return sorted(tweets_of(self.store, runs), key=int)

    def batches(
        self,
        endpoint: str | None = None,
        *,
        by: By | None = None,
        metrics: Sequence[str] | None = None,
        snapshot: str | None = None,
        rows: int = 100_000,
    ) -> Iterator[pd.DataFrame]:
        """Read frames piece by piece, in bounded memory.

        Parameters
        ----------
        endpoint, by, metrics, snapshot
            As for `read`.
        rows
            Approximate number of rows per piece.

        Yields
        ------
        DataFrame
            Columns as in the whole frame. All rows of a Tweet are in the same piece.
        """
        runs, period, coarsen = self._chosen(endpoint, by, None, (None, None), snapshot)
        names = _metric_names(runs, metrics)
        unit, span = runs[-1].by, period[1] - period[0] if period else timedelta(hours=28)
        step = {"hour": timedelta(hours=1), "day": timedelta(days=1), None: timedelta.max}[unit]
        size = max(1, rows // (span // step + 1))
        tweets = sorted(tweets_of(self.store, runs), key=int)
        for at in range(0, len(tweets), size):
            ids = dict.fromkeys(tweets[at : at + size])
            table, _ = self._table(runs, names, ids, period, coarsen)
            if len(table):
                yield ordered_frame(table, ids)

    def _runs_of(
        self,
        endpoint: str | None,
        by: By | None,
        zone: str | None,
        dates: Dates,
        *,
        newest_kind: bool = False,
    ) -> list[RunRecord]:
        """The runs to read, oldest first: those whose grouping covers most of the period."""
        runs = self.runs()
        if not runs:
            raise DatasetError(f"{self.store.where} is empty.", advice="Fetch into it first.")
        kinds = list(dict.fromkeys(run.kind for run in runs))
        if endpoint is None:
            if len(kinds) > 1 and not newest_kind:
                raise InputError(
                    f"{self.store.where} has several kinds of figures: {', '.join(kinds)}.",
                    advice="Name the endpoint, and by day or hour for a series.",
                )
            return [run for run in runs if run.kind == runs[-1].kind]
        of_zone = by == "day" and not is_utc(zone)
        finer: tuple[By | None, ...] = {
            None: (None, "day", "hour"),
            "day": ("hour",) if of_zone else ("day", "hour"),
            "hour": ("hour",),
        }[by]
        by_unit = {
            unit: [run for run in runs if (run.endpoint, run.by) == (endpoint, unit)]
            for unit in finer
        }
        usable = [unit for unit in finer if by_unit[unit]]
        if not usable:
            what = f"hours of {endpoint}, so no days of {zone}" if of_zone else endpoint
            raise InputError(
                f"{self.store.where} has no {what}{f' by {by}' if by and not of_zone else ''}.",
                advice=f"It has: {', '.join(kinds)}.",
            )
        return by_unit[max(usable, key=lambda unit: _covered(by_unit[unit], dates))]

    def _chosen(
        self, endpoint: str | None, by: By | None, zone: str | None, dates: Dates,
        snapshot: str | None,
    ) -> tuple[list[RunRecord], Window | None, str | None]:  # fmt: skip
        """What to read: runs of one kind, the period, and what to add their rows up to."""
        runs = self._runs_of(endpoint, by, zone, dates)
        coarsen = by or "sum" if endpoint is not None and runs[-1].by != by else None
        if runs[-1].windows:
            period = _period(runs, dates)
            _check_borders(self.store.where, runs, period)
            return runs, period, coarsen
        label = runs[-1].snapshot if snapshot is None else snapshot
        chosen = [run for run in runs if label in ("all", run.snapshot)]
        if not chosen:
            have = ", ".join(self.snapshots) or "none"
            raise InputError(f"There is no snapshot {snapshot!r}.", advice=f"There are: {have}.")
        return chosen, None, coarsen

    def _table(
        self,
        runs: Sequence[RunRecord],
        names: Sequence[str],
        wanted: dict[str, None] | None,
        period: Window | None,
        coarsen: str | None = None,
        zone: str | None = None,
        *,
        labelled: bool = False,
    ) -> tuple[pa.Table, list[Lack]]:
        """Rows that count a period once, and the Tweets that lack a part of it."""
        span = None if period is None else in_ms(*period)
        table, windows = read_rows(self.store, runs, names, wanted, span)
        lacks: list[Lack] = []
        if span is not None:
            table, lacks = cover(table, windows, runs[-1].by, span)
        elif not labelled:
            table = table.drop_columns(["snapshot"])
        table = added_up(newest(table))
        if coarsen:
            table = coarser(table, coarsen, zone or "UTC")
        if lacks and "time" not in table.column_names:
            # A sum of a part of the period would look like one of all of it.
            short = pa.array([t for lack in lacks for t in lack.tweet_ids], pa.string())
            table = table.filter(pc.invert(pc.is_in(table["tweet_id"], short)))
        return table, lacks

    def _read(
        self,
        runs: Sequence[RunRecord],
        names: Sequence[str],
        wanted: dict[str, None] | None,
        period: Window | None = None,
        coarsen: str | None = None,
        zone: str | None = None,
        *,
        labelled: bool = False,
    ) -> Metrics:
        table, lacks = self._table(runs, names, wanted, period, coarsen, zone, labelled=labelled)
        frame = ordered_frame(table, wanted)
        used = [run for run in runs if period is None or _overlaps(run, period)]
        known = {} if period is None else tweets_of(self.store, runs, wanted)
        stored = [
            (Window(run.start, run.end) if run.start and run.end else None,
             stored_problems(self.store, run))
            for run in reversed(used)
        ]  # fmt: skip
        problems = missing(stored, frame, lacks, known, wanted, period)
        files = part_names(self.store, [folder for folder, _, _ in folders_of(used)])
        about = self._about(used or runs[-1:], table, period, files)
        about = replace(
            about, by=runs[-1].by if not coarsen else "day" if coarsen == "day" else None
        )
        coverage = None
        if period is not None:
            here = {*frame["tweet_id"].unique()}
            some = sum(tweet_id in here for lack in lacks for tweet_id in lack.tweet_ids)
            fetched = [window for _, window, _ in folders_of(used) if window]
            holes = tuple(from_ms(gap) for gap in gaps_between(fetched, in_ms(*period)))
            coverage = Coverage(*period, len(here) - some, some, holes)
        account = self._account(problems, frame, about, coverage)
        return Metrics(frame, problems.frame(), about, account)

    def _about(
        self,
        runs: Sequence[RunRecord],
        table: pa.Table,
        period: Window | None,
        files: Sequence[str],
    ) -> About:
        notes = [note for run in runs for note in run.notes]
        notes += [
            f"The fetch begun at {run.started_at:%Y-%m-%dT%H:%M:%SZ} is unfinished: rerun it."
            for run in runs
            if not run.done
        ]
        start, end = period or (None, None)
        if period is not None:
            fetched = [window for run in runs for window in run.windows]
            if inside := clip([in_ms(*window) for window in fetched], in_ms(*period)):
                start = from_ms(min(inside)).start
                end = from_ms(max(inside, key=lambda span: span[1])).end
        elif runs[-1].span == "recent":
            parts = described_parts(self.store, files)
            start, end, more = responses_window([part.answered for part in parts if part.answered])
            notes += more
        return About(
            source=self.source,
            endpoint=runs[-1].endpoint,
            span=runs[-1].span or "",
            start=start,
            end=end,
            read_at=pc.max(table["read_at"]).as_py(),
            requests=len(files),
            notes=tuple(dict.fromkeys(notes)),
        )

    def _account(
        self, problems: ProblemLog, frame: pd.DataFrame, about: About, coverage: Coverage | None
    ) -> Account:
        named = Counter[str]()
        for kind, tweet_ids in problems.items():
            if kind.scope == "tweet":
                named[kind.reason.value] += len(tweet_ids)
        used = frame["tweet_id"].nunique()
        return Account(
            rows_in=used + named.total(),
            rows_used=used,
            rows_named=dict(named),
            coverage=coverage,
            requests=about.requests,
            world=str(self.world or ""),
        )


def _period(runs: Sequence[RunRecord], dates: Dates) -> Window:
    """The period to read: as given, or that of the newest sums, or of the whole series."""
    of = runs if runs[-1].by else runs[-1:]
    starts, ends = zip(*(window for run in of for window in run.windows), strict=True)
    return Window(dates[0] or min(starts), dates[1] or max(ends))


def _overlaps(run: RunRecord, period: Window) -> bool:
    return bool(clip([in_ms(*window) for window in run.windows], in_ms(*period)))


def _spans(runs: Iterable[RunRecord], period: Span) -> list[Span]:
    """The spans that runs of one kind can count of a period."""
    windows = {in_ms(*window): run.by for run in runs for window in run.windows}
    if "hour" in windows.values():
        return clip(windows, period)
    spans = (span for window, by in windows.items() for span in spans_of(window, by))
    return choose(within(spans, period))


def _covered(runs: Sequence[RunRecord], dates: Dates) -> int:
    """How much of a period runs of one kind can count, in milliseconds."""
    if not runs[-1].windows:
        return 1
    period = in_ms(*_period(runs, dates))
    lacking = gaps_between(_spans(runs, period), period)
    return period[1] - period[0] - sum(end - start for start, end in lacking)


def _check_borders(where: str, runs: Sequence[RunRecord], period: Window) -> None:
    """Refuse a period that begins or ends inside of what days or sums count."""
    span = in_ms(*period)
    open_ = {moment for gap in gaps_between(_spans(runs, span), span) for moment in gap}
    windows = [in_ms(*window) for run in runs for window in run.windows]
    cut = [
        moment
        for moment in open_.intersection(span)
        if any(start < moment < end for start, end in windows)
    ]
    if not cut:
        return
    if runs[-1].by is None:
        have = dict.fromkeys(str(Window(*window)) for run in runs for window in run.windows)
        raise InputError(
            "No sums over that period were fetched.", advice=f"There are: {'; '.join(have)}."
        )
    moment = from_ms((cut[0], cut[0])).start
    raise InputError(
        f"The figures in {where} are by day in UTC, and cannot be cut at {moment:%Y-%m-%d %H:%M}"
        " UTC.",
        advice="Choose whole days in UTC, or fetch the period by hour.",
    )


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
