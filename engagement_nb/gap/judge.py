"""What the Tweets say of each metric: in, out, or not to be told, and on what evidence.

A metric is **counted** when it is in the largest set that the Tweets allow and *tight* Tweets
need it there: Tweets with the metric above zero on which the set sums to engagements exactly.
It is **not counted** when enough of the Tweets that have any of it contradict its adding.
All else is **undetermined**: zero everywhere, too few Tweets, or nothing but silence.

**What enters the sums.** An undetermined metric that nothing contradicts is taken as part of
engagements, as the largest set has it, unless the documents say that it is not (media views).
``hidden`` and ``over_count`` follow that; `Verdicts.doubtful` is the sum in doubt.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engagement_nb.gap.identify import Identified
from engagement_nb.gap.read import Counts
from engagement_nb.vocabulary import METRICS

TIGHT_NEEDED = 3
"""Tight Tweets that a metric needs to be called counted."""
CONTRADICTIONS_NEEDED = 3
"""Contradictions that a metric needs to be called not counted."""

COUNTED, NOT_COUNTED, UNDETERMINED = "counted", "not counted", "undetermined"


@dataclass(frozen=True)
class Verdict:
    """What the Tweets say of one metric."""

    name: str
    verdict: str
    in_sums: bool
    users: int
    contradictions: int
    tight: int
    expected: str
    why: str

    @property
    def contradicted_share(self) -> float | None:
        """Share of the Tweets with any of it that contradict it; None where none has any."""
        return self.contradictions / self.users if self.users else None


def expected(name: str) -> str:
    """What the documents say of a metric's part in engagements."""
    return METRICS[name].expected if name in METRICS else "not said"


def judge(counts: Counts, found: Identified) -> list[Verdict]:
    """A verdict on every candidate, in the order of ``counts.names``."""
    members = [counts.names[j] for j in found.members]
    total = counts.sums(members)
    complete = counts.complete(members)
    left = counts.engagements - total
    tight = complete & (left == 0)
    over = counts.judged & (left < 0)
    verdicts = []
    for j, name in enumerate(counts.names):
        above = counts.values[j] > 0
        users = int(found.users[j])
        if j in found.members:
            against = int(np.count_nonzero(over & above))
            fitting = int(np.count_nonzero(tight & above))
            verdict, why = _of_member(users, fitting)
        else:
            further = left - counts.values[j]
            against = int(np.count_nonzero(counts.judged & above & (further < 0)))
            fitting = int(np.count_nonzero(complete & above & (further == 0)))
            verdict, why = _of_outsider(users, against, found.tolerance)
        in_sums = j in found.members and not (
            verdict == UNDETERMINED and expected(name) == "not counted"
        )
        verdicts.append(
            Verdict(name, verdict, in_sums, users, against, fitting, expected(name), why)
        )
    return verdicts


def _of_member(users: int, tight: int) -> tuple[str, str]:
    if tight >= TIGHT_NEEDED:
        return COUNTED, "Tweets fit exactly with it, and would not without it"
    if tight:
        return UNDETERMINED, "too few Tweets need it"
    return UNDETERMINED, "nothing contradicts it, and no Tweet needs it"


def _of_outsider(users: int, contradictions: int, tolerance: float) -> tuple[str, str]:
    if not users:
        return UNDETERMINED, "zero on every Tweet"
    if contradictions >= CONTRADICTIONS_NEEDED and contradictions > tolerance * users:
        return NOT_COUNTED, "with it, the sum is more than engagements"
    return UNDETERMINED, "too few Tweets contradict it"
