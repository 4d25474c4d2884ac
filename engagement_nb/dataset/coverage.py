"""Which rows of overlapping fetches count, and what each Tweet lacks of a period.

A row counts a span of time: its hour; its day, or the part of that day which its request asked
for; or, for sums, the whole window of its request. Rows of several fetches may overlap. A period
is counted by rows that lie within it and don't overlap, so nothing counts twice, and what they
leave open is missing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa

from engagement_nb.apis.availability import Window
from engagement_nb.apis.contract import By
from engagement_nb.apis.reasons import Reason
from engagement_nb.apis.times import posted_before
from engagement_nb.metrics import created_at
from engagement_nb.metrics.periods import DAY, HOUR, gaps_between
from engagement_nb.metrics.problems import ProblemLog

Span = tuple[datetime, datetime]
"""Start and end in UTC, the end exclusive."""
Lacks = dict[str, tuple[Span, ...]]
"""The parts without figures, by Tweet: of those that have figures for a part of a period only."""


def spans_of(window: Span, by: By | None) -> list[Span]:
    """The spans of the rows of one window: its days, or the whole of it."""
    if by is None:
        return [window]
    step = DAY if by == "day" else HOUR
    at = window[0] - (window[0] - datetime(1970, 1, 1, tzinfo=UTC)) % step
    borders = [window[0]]
    while (at := at + step) < window[1]:
        borders.append(at)
    return list(pairwise([*borders, window[1]]))


def choose(spans: Iterable[Span]) -> list[Span]:
    """The spans that cover most without overlapping; the fewest of equally good ones."""
    ordered = sorted(set(spans), key=lambda span: (span[1], span[0]))
    ends = [end for _, end in ordered]
    # What the first n spans can cover, and with how many.
    best = [(timedelta(), 0)]
    before = [bisect_right(ends, start, 0, n) for n, (start, _) in enumerate(ordered)]
    for n, (start, end) in enumerate(ordered):
        covered, minus_count = best[before[n]]
        best.append(max(best[n], (covered + end - start, minus_count - 1)))
    chosen, n = [], len(ordered)
    while n:
        if best[n] == best[n - 1]:
            n -= 1
        else:
            chosen.append(ordered[n - 1])
            n = before[n - 1]
    return chosen[::-1]


def within(spans: Iterable[Span], period: Span) -> list[Span]:
    """The spans that lie within a period."""
    return [span for span in spans if period[0] <= span[0] and span[1] <= period[1]]


def clip(spans: Iterable[Span], period: Span) -> list[Span]:
    """The parts of spans that lie within a period."""
    clipped = ((max(a, period[0]), min(b, period[1])) for a, b in spans)
    return [(a, b) for a, b in clipped if a < b]


def cover(table: pa.Table, by: By | None, period: Span) -> tuple[pa.Table, Lacks]:
    """The rows that count a period, and what Tweets lack of it.

    Parameters
    ----------
    table
        Rows with ``tweet_id``, ``time`` for a series, and ``start`` and ``end`` of the window
        whose request returned the row. By hour, only rows within the period.
    by
        The grouping of the rows.
    period
        What is to be counted.

    Returns
    -------
    tuple
        The rows without ``start`` and ``end``, and by day and for sums with ``since``, the start
        of the row's span; and the Tweets that have rows, but not for all of the period since
        posting.
    """
    first, last = (table[name].to_numpy() for name in ("start", "end"))
    table = table.drop_columns(["start", "end"])
    if not len(table):
        return table, {}
    coded = table["tweet_id"].combine_chunks().dictionary_encode()
    ids, tweets = coded.dictionary.to_pylist(), coded.indices.to_numpy()
    numbers, windows = _distinct(first, last)
    has = np.zeros((len(ids), len(windows)), bool)
    has[tweets, numbers] = True
    # Few sets of windows occur, however many Tweets there are.
    sets, set_of = np.unique(np.packbits(has, axis=1), axis=0, return_inverse=True)
    set_of = set_of.reshape(-1)
    chosen: list[list[Span]] = []
    for bits in sets:
        mine = [w for w, bit in zip(windows, np.unpackbits(bits), strict=False) if bit]
        if by == "hour":
            chosen.append(clip(mine, period))
        else:
            chosen.append(choose(within((s for w in mine for s in spans_of(w, by)), period)))
    lacks = _lacks(ids, set_of, chosen, period)
    if by == "hour":
        return table, lacks
    if by == "day":
        days = table["time"].to_numpy()
        first, last = np.maximum(first, days), np.minimum(last, days + np.timedelta64(DAY))
    span_of, spans = _distinct(first, last)
    allowed = np.array([[span in each for span in spans] for each in map(set, chosen)], bool)
    keep = allowed[set_of[tweets], span_of]
    table = table.append_column("since", pa.array(first))
    return (table if keep.all() else table.filter(pa.array(keep))), lacks


def _distinct(first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, list[Span]]:
    """The number of each span among the different ones, and these."""
    (starts, of_starts), (ends, of_ends) = pd.factorize(first), pd.factorize(last)
    numbers, pairs = pd.factorize(starts * len(of_ends) + ends)
    utc = [[m.replace(tzinfo=UTC) for m in each.tolist()] for each in (of_starts, of_ends)]
    spans = (divmod(pair, len(of_ends)) for pair in pairs.tolist())
    return numbers, [(utc[0][a], utc[1][b]) for a, b in spans]


def _lacks(
    ids: Sequence[str], set_of: np.ndarray, chosen: Sequence[Sequence[Span]], period: Span
) -> Lacks:
    lacks: Lacks = {}
    posted = created_at(ids)
    for n, spans in enumerate(chosen):
        gaps = gaps_between(spans, period)
        if gaps and spans:
            # An id without a time is older than every period.
            mine = np.flatnonzero((set_of == n) & ~(posted >= gaps[-1][1]).to_numpy())
            lacks |= {ids[at]: gaps for at in mine.tolist()}
    return lacks


def missing(
    stored: Sequence[tuple[Window | None, ProblemLog]],
    frame: pd.DataFrame,
    here: Collection[str],
    lacks: Lacks,
    known: Collection[str],
    wanted: Collection[str] | None,
    period: Window | None,
) -> ProblemLog:
    """What is missing in a frame, and why.

    Parameters
    ----------
    stored
        Period and problems of each run, the newest first.
    frame, here
        The frame, and its Tweets.
    lacks
        The Tweets with figures of a part of the period only. A sum leaves them out.
    known
        The Tweets that have figures of any period.
    wanted
        The requested Tweets; None for all that are known.
    period
        The period to read; None for snapshots.

    Returns
    -------
    ProblemLog
        Each requested Tweet without rows, once; each part of the period that a Tweet lacks; and
        the metrics that are unknown.
    """
    log = ProblemLog()
    gone: set[str] = set()
    explained: dict[str, list[Span]] = {}

    def lose(tweet_ids: Iterable[str], reason: Reason, detail: str) -> None:
        lost = [t for t in tweet_ids if t not in here and t not in gone]
        gone.update(lost)
        log.add(lost, reason, detail=detail)

    def lack(tweet_ids: Collection[str], reason: Reason, detail: str) -> None:
        log.add([t for t in tweet_ids if t in here], reason, "period", detail=detail)
        lose(tweet_ids, reason, detail)

    for of_run, problems in stored:
        for kind, ids in problems.items():
            mine = ids if wanted is None else [t for t in ids if t in wanted]
            if kind.scope == "tweet":
                lose(mine, kind.reason, kind.detail)
            elif kind.scope == "period":
                mine = [t for t in mine if t in lacks]
                lack(mine, kind.reason, kind.detail)
                if of_run is not None:
                    explained |= {t: [*explained.get(t, ()), of_run] for t in mine}
            else:
                unknown: Collection[str] = here
                if len(stored) > 1 and (names := {*kind.metrics.split(", ")} & {*frame.columns}):
                    # Another run may know what this one did not.
                    unknown = {*frame.loc[frame[[*names]].isna().any(axis=1), "tweet_id"]}
                log.add([t for t in mine if t in unknown], *kind)
    for tweet_id, gaps in lacks.items():
        spans = explained.get(tweet_id, [])
        if rest := [gap for gap in gaps if not any(clip([gap], span) == [gap] for span in spans)]:
            detail = "; ".join(str(Window(*gap)) for gap in rest)
            lack([tweet_id], Reason.NOT_FETCHED, detail)
    if period is not None:
        late = [t for t in known if not posted_before(t, period.end)]
        lose(late, Reason.POSTED_LATER, str(period))
        lose(known, Reason.NOT_FETCHED, str(period))
    lose(wanted or (), Reason.NOT_IN_SOURCE, "")
    return log
