"""Daily snapshots read together: the last figures of each Tweet, and what came in between."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

import pandas as pd

from engagement_nb.apis.contract import By
from engagement_nb.apis.reasons import Reason
from engagement_nb.dataset.records import RunRecord
from engagement_nb.errors import InputError
from engagement_nb.metrics import SNAPSHOTS, Metrics, metric_columns, problems_frame
from engagement_nb.metrics.account import Account, Coverage


def days_of(runs: Iterable[RunRecord]) -> int:
    """Days from the first to the last snapshot, if the runs are a series; else 0.

    A series is of figures since posting, with labels that are dates. Figures of a period tell
    more, so there is no series beside them.
    """
    runs = [*runs]
    if any(run.span != "life" for run in runs):
        return 0
    days = []
    for run in runs:
        with suppress(ValueError):
            days.append(datetime.strptime(run.snapshot, "%Y-%m-%d"))
    return (max(days) - min(days)).days if days else 0


def last_of_each(every: Metrics, before: str = "") -> Metrics:
    """The last figures of each Tweet, which a later snapshot need not have.

    Parameters
    ----------
    every
        All snapshots, with the column ``snapshot``.
    before
        Leave out the snapshot with this label.
    """
    frame = every.frame[every.frame["snapshot"] != before].sort_values("read_at", kind="stable")
    last = frame.drop_duplicates("tweet_id", keep="last").sort_index()
    return replace(every, frame=last.drop(columns="snapshot").reset_index(drop=True))


def between(every: Metrics, by: By | None, start: datetime | None, end: datetime | None) -> Metrics:
    """What Tweets gained from one snapshot to the next: rows by day, or one per Tweet.

    A gain counts on the UTC day in the middle between the two readings. A counter that fell
    gained nothing.

    Parameters
    ----------
    every
        All snapshots, with the column ``snapshot``.
    by
        "day", or None for sums.
    start, end
        Only days from ``start`` on and before ``end``.

    Raises
    ------
    InputError
        The period is not of whole UTC days, or by hour.
    """
    edges = [pd.Timestamp(edge) for edge in (start, end) if edge is not None]
    if by == "hour" or any(edge != edge.floor("D") for edge in edges):
        raise InputError(
            "Daily snapshots give whole days of UTC.",
            advice="Ask by day or for sums, and leave out the time zone.",
        )
    frame, names = every.frame.sort_values("read_at", kind="stable"), metric_columns(every.frame)
    read = frame.groupby("snapshot")["read_at"].max().sort_values()
    began = frame["snapshot"].map(read.shift())
    known = frame.groupby("tweet_id")[[*names, "read_at"]].shift()
    # A Tweet that is newer than the snapshot before gained all that it has.
    new = known["read_at"].isna() & (frame["created_at"] >= began)
    before = known[names].mask(new, 0)
    gained = (frame[names] - before).clip(lower=0)
    middle = frame["read_at"] - (frame["read_at"] - known["read_at"].fillna(began)) / 2
    rows = frame[["tweet_id", "created_at"]].assign(time=middle.dt.floor("D"), **gained)
    rows = rows.assign(read_at=frame["read_at"])[new | known["read_at"].notna()]
    first, last = (start or read.iloc[0]), (end or read.iloc[-1])
    rows = rows[(rows["time"] >= pd.Timestamp(first).floor("D")) & (rows["time"] < last)]
    keys = ["tweet_id", "created_at", *(["time"] if by else [])]
    grouped = rows.groupby(keys, sort=False)
    sums = grouped[names].sum(min_count=1).join(grouped["read_at"].max()).reset_index()
    here = {*sums["tweet_id"]}
    alone = [i for i in dict.fromkeys(every.frame["tweet_id"]) if i not in here]
    whole = {*frame.loc[frame["snapshot"] == read.index[-1], "tweet_id"]}
    covered = max(first, read.iloc[0]), min(last, read.iloc[-1])
    holes = [(a, b) for a, b in ((first, covered[0]), (covered[1], last)) if a < b]
    reason = Reason.ONE_SNAPSHOT
    others = every.problems[~every.problems["tweet_id"].isin(alone)]
    problems = [others, problems_frame({"tweet_id": i, "reason": reason.value} for i in alone)]
    named = {**every.account.rows_named, **({reason.value: len(alone)} if alone else {})}
    account = Account(
        rows_in=len(here) + sum(named.values()), rows_used=len(here), rows_named=named,
        coverage=Coverage(first, last, len(here & whole), len(here - whole), tuple(holes)),
        requests=every.account.requests, world=every.account.world,
    )  # fmt: skip
    note = f"These are gains between {len(read)} snapshots, read from {read.iloc[0]:%Y-%m-%d %H:%M}"
    about = replace(
        every.about, endpoint=SNAPSHOTS, span="period", by=by, start=covered[0], end=covered[1],
        notes=(*every.about.notes, f"{note} to {read.iloc[-1]:%Y-%m-%d %H:%M} UTC."),
    )  # fmt: skip
    return Metrics(sums, pd.concat(problems, ignore_index=True), about, account)
