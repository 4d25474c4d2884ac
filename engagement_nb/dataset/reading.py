"""Reading a dataset back: whole, by filter, or in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from engagement_nb.dataset.folder import Dataset
from engagement_nb.dataset.frames import TIME, in_order, sum_windows, to_frame
from engagement_nb.dataset.run import RunRecord, described_parts
from engagement_nb.dataset.tables import (
    guarded,
    made_coarser,
    once,
    opened,
    part_files,
    schema_of,
    tables_of,
    unseen,
)
from engagement_nb.errors import DatasetError, InputError
from engagement_nb.metrics import About, Metrics, problems_frame
from engagement_nb.planning.periods import Moment, answered_window, parse_moment
from engagement_nb.vocabulary import By

ALL = "all"


def read_dataset(
    dataset: Dataset,
    endpoint: str | None = None,
    *,
    by: By | None = None,
    tweet_ids: Iterable[str] | None = None,
    start: Moment = None,
    end: Moment = None,
    metrics: Sequence[str] | None = None,
    snapshot: str | None = None,
) -> Metrics:
    """Read metrics back from a dataset.

    Parameters
    ----------
    dataset
        The dataset.
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
    runs, finer = _choose(dataset, endpoint, by)
    first, last = parse_moment(start, "start"), parse_moment(end, "end")
    wanted = None if tweet_ids is None else [str(tweet_id) for tweet_id in tweet_ids]
    if runs[-1].windows:
        if snapshot is not None:
            runs = [run for run in runs if run.snapshot == snapshot]
        if not runs[-1].by:
            runs = _of_period(runs, first, last)
    elif snapshot != ALL:
        label = snapshot or runs[-1].snapshot
        runs = [run for run in runs if run.snapshot == label]
    if not runs:
        have = ", ".join(dataset.snapshots) or "none"
        raise InputError(f"There is no snapshot {snapshot!r}.", advice=f"There are: {have}.")
    names = _metric_names(runs, metrics)
    return _read(dataset, runs, names, wanted, first, last, coarser=finer, every=snapshot == ALL)


def read_one_run(dataset: Dataset, run: RunRecord, tweet_ids: Sequence[str]) -> Metrics:
    """What one run gave, in the order of the Tweets that it asked for."""
    runs = [record for record in dataset.runs() if record.id == run.id]
    return _read(dataset, runs, run.metrics, list(tweet_ids), None, None)


def _read(
    dataset: Dataset,
    runs: Sequence[RunRecord],
    names: Sequence[str],
    wanted: list[str] | None,
    start: datetime | None,
    end: datetime | None,
    *,
    coarser: str | None = None,
    every: bool = False,
) -> Metrics:
    newest = runs[-1]
    table, files = _read_runs(dataset, runs, names, wanted, start, end, every)
    if coarser:
        table = made_coarser(table, coarser)
    table = in_order(table, wanted)
    stamps = table["read_at"]
    frame = _finish(table, keep_read_at="time" not in table.column_names)
    notes = [note for run in runs for note in run.notes]
    notes += [
        f"The fetch begun at {run.started_at} has not come to its end: run it again."
        for run in runs
        if not run.done
    ]
    if newest.windows:
        starts, ends = [r.start for r in runs if r.start], [r.end for r in runs if r.end]
        first, last = parse_moment(min(starts), "start"), parse_moment(max(ends), "end")
    else:
        first, last, more = _answered(dataset, runs)
        notes += more
    about = About(
        source=dataset.source,
        endpoint=newest.endpoint,
        by=newest.by if not coarser else "day" if coarser == "day" else None,
        start=first,
        end=last,
        read_at=pc.max(stamps).as_py() if len(stamps) else None,
        requests=files,
        notes=tuple(dict.fromkeys(notes)),
    )
    problems = _problems(dataset, runs, frame, wanted)
    return Metrics(frame, problems, about)


def _answered(
    dataset: Dataset, runs: Sequence[RunRecord]
) -> tuple[datetime | None, datetime | None, tuple[str, ...]]:
    """From the first to the last hour that 28hr answered for; totals are of no window."""
    if runs[-1].endpoint != "28hr":
        return None, None, ()
    sets = dict.fromkeys(folder for run in runs for folder in run.sets)
    parts = described_parts(dataset.store, sets)
    return answered_window([part.answered for part in parts if part.answered])


def read_batches(
    dataset: Dataset,
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
    dataset, endpoint, by, metrics, snapshot
        As for `read_dataset`; of several runs, the newest is read.
    rows
        About how many rows a piece has.

    Yields
    ------
    DataFrame
        Columns as in the whole frame; each Tweet's rows of one window stay together.
    """
    runs, finer = _choose(dataset, endpoint, by)
    if finer is not None:
        raise InputError(f"Only figures by {runs[-1].by} are there.", advice="Read those.")
    label = snapshot or runs[-1].snapshot
    runs = [run for run in runs if run.snapshot == label][-1:]
    if not runs:
        raise InputError(f"There is no snapshot {snapshot!r}.")
    run, names = runs[0], _metric_names(runs, metrics)
    if len(run.sets) > 1 and (not run.by or _splits_days(run)):
        whole = read_dataset(dataset, run.endpoint, by=by, metrics=metrics, snapshot=snapshot)
        for at in range(0, len(whole.frame), rows):
            yield whole.frame.iloc[at : at + rows].reset_index(drop=True)
        return
    schema = schema_of(names, run.by)
    for folder in run.sets:
        seen: set[int] = set()
        waiting: list[pa.Table] = []
        for table in tables_of(dataset, part_files(dataset, [folder]), schema):
            waiting.append(unseen(table, seen))
            if sum(map(len, waiting)) >= rows:
                yield _finish(pa.concat_tables(waiting), keep_read_at=not run.by)
                waiting = []
        if sum(map(len, waiting)):
            yield _finish(pa.concat_tables(waiting), keep_read_at=not run.by)


def _choose(
    dataset: Dataset, endpoint: str | None, by: str | None
) -> tuple[list[RunRecord], str | None]:
    """The runs to read, and the grouping to make from a finer one where there is no such."""
    runs = dataset.runs()
    if not runs:
        raise DatasetError(f"{dataset.store.where} is empty.", advice="Fetch into it first.")
    kinds = list(dict.fromkeys(run.kind for run in runs))
    if endpoint is None:
        if len(kinds) > 1:
            raise InputError(
                f"{dataset.store.where} holds several kinds of figures: {', '.join(kinds)}.",
                advice="Say which endpoint, and by day or hour if so.",
            )
        return runs, None
    exact = [run for run in runs if run.endpoint == endpoint and run.by == by]
    if exact:
        return exact, None
    for finer in ("day", "hour"):
        found = [run for run in runs if run.endpoint == endpoint and run.by == finer]
        if found and by not in (finer, "hour"):
            return found, by or "sum"
    raise InputError(
        f"{dataset.store.where} holds no {endpoint}{f' by {by}' if by else ''}.",
        advice=f"It holds: {', '.join(kinds)}.",
    )


def _of_period(
    runs: list[RunRecord], start: datetime | None, end: datetime | None
) -> list[RunRecord]:
    """The runs that summed over one period: the one asked for, or the newest one's."""
    newest = runs[-1]
    wanted = (
        start or parse_moment(newest.start, "start"),
        end or parse_moment(newest.end, "end"),
    )
    found = [
        run
        for run in runs
        if (parse_moment(run.start, "start"), parse_moment(run.end, "end")) == wanted
    ]
    if not found:
        have = "; ".join(dict.fromkeys(f"{run.start} to {run.end}" for run in runs))
        raise InputError("No sums over that period were fetched.", advice=f"There are: {have}.")
    return found


def _metric_names(runs: Sequence[RunRecord], metrics: Sequence[str] | None) -> list[str]:
    have = list(dict.fromkeys(name for run in runs for name in run.metrics))
    if metrics is None:
        return have
    for name in metrics:
        if name not in have:
            raise InputError(f"{name} was not fetched.", advice=f"There are: {', '.join(have)}.")
    return [name for name in have if name in metrics]


def _read_runs(
    dataset: Dataset,
    runs: Sequence[RunRecord],
    names: Sequence[str],
    tweet_ids: list[str] | None,
    start: datetime | None,
    end: datetime | None,
    every_snapshot: bool,
) -> tuple[pa.Table, int]:
    """The rows of all runs, each Tweet and time once, and the number of files."""
    by = runs[-1].by
    schema = schema_of(names, by)
    keep = None
    if tweet_ids is not None:
        keep = ds.field("tweet_id").isin(pa.array(tweet_ids, pa.string()))
    if by and start is not None:
        later = ds.field("time") >= pa.scalar(start, TIME)
        keep = later if keep is None else keep & later
    if by and end is not None:
        earlier = ds.field("time") < pa.scalar(end, TIME)
        keep = earlier if keep is None else keep & earlier
    found: list[pa.Table] = []
    read: set[str] = set()
    for run in reversed(runs):
        if set(run.sets) <= read:
            continue
        read.update(run.sets)
        tables = []
        for folder in run.sets:
            files = part_files(dataset, [folder])
            source = opened(dataset, files, schema)
            rows = guarded(lambda source=source: source.to_table(filter=keep))
            tables.append(once(rows))
        table = pa.concat_tables(tables)
        if len(tables) > 1 and (not by or _splits_days(run)):
            table = sum_windows(table, () if by else _ends(run))
        if every_snapshot:
            label = pa.array([run.snapshot] * len(table), pa.string())
            table = table.append_column("snapshot", label)
        found.append(table)
    table = pa.concat_tables(found)
    if len(found) > 1 and not every_snapshot:
        table = once(table)
    return table, len(part_files(dataset, sorted(read)))


def _ends(run: RunRecord) -> list[datetime]:
    return [datetime.fromisoformat(end) for _, end in run.windows]


def _splits_days(run: RunRecord) -> bool:
    """Whether a day's figures can be in two of a run's windows."""
    return run.by == "day" and any("T00:" not in start for start, _ in run.windows[1:])


def _finish(table: pa.Table, *, keep_read_at: bool) -> pd.DataFrame:
    if not keep_read_at:
        table = table.drop_columns(["read_at"])
    return to_frame(table)


def _problems(
    dataset: Dataset,
    runs: Sequence[RunRecord],
    frame: pd.DataFrame,
    tweet_ids: list[str] | None,
) -> pd.DataFrame:
    """The problems of these runs, but for Tweets that one of them has rows of."""
    found = []
    for run in reversed(runs):
        name = f"runs/{run.id}.problems.parquet"
        if dataset.store.exists(name):
            buffer = pa.BufferReader(dataset.store.read(name))
            found.append(guarded(lambda buffer=buffer: pq.read_table(buffer)).to_pandas())
    if not found:
        return problems_frame()
    problems = pd.concat(found, ignore_index=True).astype("string")
    keys = problems[["tweet_id", "reason", "scope", "metrics"]]
    parts = problems["detail"].where(problems["scope"] == "period", "")
    problems = problems[~keys.assign(part=parts).duplicated()]
    has_rows = problems["tweet_id"].isin(frame["tweet_id"].unique())
    keep = np.where(problems["scope"] == "tweet", ~has_rows, has_rows)
    if tweet_ids is not None:
        keep &= problems["tweet_id"].isin(tweet_ids).to_numpy()
    once_each = problems[keep]
    whole = once_each["scope"] == "tweet"
    repeated = whole & once_each.duplicated(["tweet_id", "scope"])
    return once_each[~repeated].reset_index(drop=True)
