"""Reading a dataset back: whole, by filter, or in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from engagement_nb.dataset.frames import TIME, answer_schema, in_order, sum_windows, to_frame
from engagement_nb.dataset.parts import described_parts, part_names
from engagement_nb.dataset.run import RunRecord, read_runs
from engagement_nb.errors import DatasetError, InputError
from engagement_nb.metrics import About, Metrics, problems_frame
from engagement_nb.planning.periods import Moment, answered_window, parse_moment
from engagement_nb.store import Store
from engagement_nb.vocabulary import By

ALL = "all"


def read_dataset(
    store: Store,
    source: str,
    endpoint: str | None = None,
    *,
    by: By | None = None,
    tweet_ids: Iterable[str] | None = None,
    start: Moment = None,
    end: Moment = None,
    metrics: Sequence[str] | None = None,
    snapshot: str | None = None,
) -> Metrics:
    """Read metrics back: see `Dataset.read`."""
    runs, finer = _choose(store, endpoint, by)
    first, last = parse_moment(start, "start"), parse_moment(end, "end")
    wanted = None if tweet_ids is None else [str(tweet_id) for tweet_id in tweet_ids]
    if runs[-1].windows:
        if snapshot is not None:
            runs = [run for run in runs if run.snapshot == snapshot]
        if not runs[-1].by:
            runs = _of_period(runs, first, last)
        else:
            runs = [run for run in runs if _overlaps(run, first, last)] or runs
    elif snapshot != ALL:
        label = snapshot or runs[-1].snapshot
        runs = [run for run in runs if run.snapshot == label]
    if not runs:
        labels = dict.fromkeys(run.snapshot for run in read_runs(store) if run.snapshot)
        have = ", ".join(labels) or "none"
        raise InputError(f"There is no snapshot {snapshot!r}.", advice=f"There are: {have}.")
    names = _metric_names(runs, metrics)
    return _read(
        store, source, runs, names, wanted, first, last, coarser=finer, every=snapshot == ALL
    )


def read_one_run(store: Store, source: str, run: RunRecord, tweet_ids: Sequence[str]) -> Metrics:
    """What one run gave, in the order of the Tweets that it asked for."""
    runs = [record for record in read_runs(store) if record.id == run.id]
    return _read(store, source, runs, run.metrics, list(tweet_ids), None, None)


def _read(
    store: Store,
    source: str,
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
    table, files = _read_runs(store, runs, names, wanted, start, end, every)
    if coarser:
        table = resample(table, coarser)
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
        fetched = parse_moment(min(starts), "start"), parse_moment(max(ends), "end")
        first = max((m for m in (start, fetched[0]) if m is not None), default=None)
        last = min((m for m in (end, fetched[1]) if m is not None), default=None)
    else:
        first, last, more = _answered(store, runs)
        notes += more
    about = About(
        source=source,
        endpoint=newest.endpoint,
        by=newest.by if not coarser else "day" if coarser == "day" else None,
        start=first,
        end=last,
        read_at=pc.max(stamps).as_py() if len(stamps) else None,
        requests=files,
        notes=tuple(dict.fromkeys(notes)),
    )
    problems = _problems(store, runs, frame, wanted)
    return Metrics(frame, problems, about)


def _answered(
    store: Store, runs: Sequence[RunRecord]
) -> tuple[datetime | None, datetime | None, tuple[str, ...]]:
    """From the first to the last hour that 28hr answered for; totals are of no window."""
    if runs[-1].endpoint != "28hr":
        return None, None, ()
    sets = dict.fromkeys(folder for run in runs for folder in run.sets)
    parts = described_parts(store, sets)
    return answered_window([part.answered for part in parts if part.answered])


def read_batches(
    store: Store,
    source: str,
    endpoint: str | None = None,
    *,
    by: By | None = None,
    metrics: Sequence[str] | None = None,
    snapshot: str | None = None,
    rows: int = 100_000,
) -> Iterator[pd.DataFrame]:
    """Read the frames of one run piece by piece: see `Dataset.batches`."""
    runs, finer = _choose(store, endpoint, by)
    if finer is not None:
        raise InputError(f"Only figures by {runs[-1].by} are there.", advice="Read those.")
    label = snapshot or runs[-1].snapshot
    runs = [run for run in runs if run.snapshot == label][-1:]
    if not runs:
        raise InputError(f"There is no snapshot {snapshot!r}.")
    run, names = runs[0], _metric_names(runs, metrics)
    if len(run.sets) > 1 and (not run.by or _splits_days(run)):
        whole = read_dataset(store, source, run.endpoint, by=by, metrics=metrics, snapshot=snapshot)
        for at in range(0, len(whole.frame), rows):
            yield whole.frame.iloc[at : at + rows].reset_index(drop=True)
        return
    schema = schema_of(names, run.by)
    for folder in run.sets:
        seen: set[int] = set()
        waiting: list[pa.Table] = []
        for table in tables_of(store, part_files(store, [folder]), schema):
            waiting.append(drop_seen(table, seen))
            if sum(map(len, waiting)) >= rows:
                yield _finish(pa.concat_tables(waiting), keep_read_at=not run.by)
                waiting = []
        if sum(map(len, waiting)):
            yield _finish(pa.concat_tables(waiting), keep_read_at=not run.by)


def _choose(
    store: Store, endpoint: str | None, by: str | None
) -> tuple[list[RunRecord], str | None]:
    """The runs to read, and the grouping to make from a finer one where there is no such."""
    runs = read_runs(store)
    if not runs:
        raise DatasetError(f"{store.where} is empty.", advice="Fetch into it first.")
    kinds = list(dict.fromkeys(run.kind for run in runs))
    if endpoint is None:
        if len(kinds) > 1:
            raise InputError(
                f"{store.where} holds several kinds of figures: {', '.join(kinds)}.",
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
        f"{store.where} holds no {endpoint}{f' by {by}' if by else ''}.",
        advice=f"It holds: {', '.join(kinds)}.",
    )


def _overlaps(run: RunRecord, start: datetime | None, end: datetime | None) -> bool:
    """Whether a run fetched anything of a period."""
    first, last = parse_moment(run.start, "start"), parse_moment(run.end, "end")
    before = first is not None and end is not None and first >= end
    return not before and not (last is not None and start is not None and last <= start)


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
    store: Store,
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
            files = part_files(store, [folder])
            rows = read_or_explain(partial(open_parts(store, files, schema).to_table, filter=keep))
            tables.append(deduplicate(rows))
        table = pa.concat_tables(tables)
        if len(tables) > 1 and (not by or _splits_days(run)):
            table = sum_windows(table, () if by else _ends(run))
        if every_snapshot:
            label = pa.array([run.snapshot] * len(table), pa.string())
            table = table.append_column("snapshot", label)
        found.append(table)
    table = pa.concat_tables(found)
    if len(found) > 1 and not every_snapshot:
        table = deduplicate(table)
    return table, len(part_files(store, sorted(read)))


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
    store: Store,
    runs: Sequence[RunRecord],
    frame: pd.DataFrame,
    tweet_ids: list[str] | None,
) -> pd.DataFrame:
    """The problems of these runs, but for Tweets that one of them has rows of."""
    found = []
    for run in reversed(runs):
        name = f"runs/{run.id}.problems.parquet"
        if store.exists(name):
            buffer = pa.BufferReader(store.read(name))
            found.append(read_or_explain(partial(pq.read_table, buffer)).to_pandas())
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


def schema_of(names: Sequence[str], by: By | str | None) -> pa.Schema:
    """Columns of a part's rows."""
    schema = answer_schema(names, by)  # type: ignore[arg-type]
    return schema.append(pa.field("read_at", TIME))


def part_files(store: Store, sets: Iterable[str]) -> list[str]:
    """Paths of the parts in these folders."""
    return [store.path(name) for name in part_names(store, sets)]


def open_parts(store: Store, files: list[str], schema: pa.Schema) -> ds.Dataset:
    """Parts as one Arrow dataset, wherever they lie."""
    filesystem = None if store.local else pa.fs.PyFileSystem(
        pa.fs.FSSpecHandler(store.fs)
    )  # fmt: skip
    return ds.dataset(files, schema=schema, format="parquet", filesystem=filesystem)


def tables_of(store: Store, files: Iterable[str], schema: pa.Schema) -> Iterator[pa.Table]:
    """The rows of each part."""
    for path in files:
        yield read_or_explain(open_parts(store, [path], schema).to_table)


def read_or_explain(read: Callable[[], pa.Table]) -> pa.Table:
    """The table that is read, or an error that names the damaged file and says what to do."""
    try:
        return read()
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(
            f"A part of the dataset is damaged: {error}.",
            advice="Remove that file and fetch again: only its Tweets are asked for.",
        ) from error


def deduplicate(table: pa.Table) -> pa.Table:
    """Each Tweet (and time) once; of several reads, the last known value counts."""
    keys = [name for name in ("tweet_id", "time") if name in table.column_names]
    if table.group_by(keys).aggregate([]).num_rows == len(table):
        return table
    ordered = table.sort_by("read_at")
    frame = ordered.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    merged = frame.groupby(keys, sort=False, as_index=False).last()
    return pa.Table.from_pandas(merged, preserve_index=False).cast(table.schema)


def drop_seen(table: pa.Table, seen: set[int]) -> pa.Table:
    """The rows of Tweets that no earlier part of the same window had."""
    ids = table["tweet_id"].unique().to_pylist()
    fresh = [tweet_id for tweet_id in ids if int(tweet_id) not in seen]
    seen.update(map(int, fresh))
    if len(fresh) == len(ids):
        return table
    return table.filter(pc.is_in(table["tweet_id"], pa.array(fresh, pa.string())))


def resample(table: pa.Table, by: str) -> pa.Table:
    """Days from hours, or sums from a series."""
    index = table.column_names.index("time")
    if by == "day":
        days = pc.floor_temporal(table["time"], unit="day").cast(TIME)
        return sum_windows(table.set_column(index, "time", days))
    return sum_windows(table.remove_column(index))
