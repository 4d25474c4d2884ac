"""What a frame read from a dataset lacks, and why."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import pandas as pd

from engagement_nb.apis.availability import Window
from engagement_nb.apis.reasons import Reason
from engagement_nb.apis.times import posted_before
from engagement_nb.dataset.coverage import Lacks, Span, clip, from_ms, in_ms
from engagement_nb.metrics.problems import ProblemLog


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
                    span = in_ms(of_run.start, of_run.end)
                    explained |= {t: [*explained.get(t, ()), span] for t in mine}
            else:
                unknown: Collection[str] = here
                if len(stored) > 1 and (names := {*kind.metrics.split(", ")} & {*frame.columns}):
                    # Another run may know what this one did not.
                    unknown = {*frame.loc[frame[[*names]].isna().any(axis=1), "tweet_id"]}
                log.add([t for t in mine if t in unknown], *kind)
    for tweet_id, gaps in lacks.items():
        spans = explained.get(tweet_id, [])
        if rest := [gap for gap in gaps if not any(clip([gap], span) == [gap] for span in spans)]:
            detail = "; ".join(str(from_ms(gap)) for gap in rest)
            lack([tweet_id], Reason.NOT_FETCHED, detail)
    if period is not None:
        late = [t for t in known if not posted_before(t, period.end)]
        lose(late, Reason.POSTED_LATER, str(period))
        lose(known, Reason.NOT_FETCHED, str(period))
    lose(wanted or (), Reason.NOT_IN_SOURCE, "")
    return log
