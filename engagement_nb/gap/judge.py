"""What the Tweets say of each metric: in, out, or not to be told, and on what evidence.

Tweets *speak* of a metric when they have any of it and the set, with it, sums to engagements
or more. Those that fit exactly speak for it (*tight* Tweets), those that are too large against.

A metric in the set is **counted** when the Tweets that speak for it could hardly be chance.
Were it not part of engagements, what is hidden on those Tweets would have to equal it to the
unit; how often that happens, against hiding less, is read from Tweets of like size without the
metric, and taken as `BLIND_CHANCE` where there are few. Besides, at least
`FITS_PER_CONTRADICTION` Tweets must speak for it for each that speaks against it.

A metric outside the set is **not counted** when enough Tweets contradict it together with the
counted ones: beyond doubt, or more often than reading times could explain.

All else is **undetermined**: zero everywhere, too few Tweets, or nothing but silence.

**What enters the sums.** An undetermined metric that nothing contradicts is taken as part of
engagements, as the largest set has it, unless more is known of it: what the documents say is
not counted stays out, and so do views, which are no interaction, and what the exports that we
know of have outside (`OUTSIDE_ELSEWHERE`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engagement_nb.gap.choose import Choice, choose, fit_of, grown
from engagement_nb.gap.identify import borne, slack
from engagement_nb.gap.read import Counts
from engagement_nb.vocabulary import METRICS

CHANCE = 0.003
"""A verdict is given when the opposite would be less likely than this."""
BLIND_CHANCE = 0.5
"""Chance that a speaking Tweet fits exactly by accident, where Tweets do not tell."""
LEAST_CHANCE = 0.05
FITS_PER_CONTRADICTION = 3
"""Exact fits that make up for one contradiction, however many Tweets there are."""
TOGETHER = 20
"""Exact fits without a contradiction that show counters to have been read together."""
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


OUTSIDE_ELSEWHERE = frozenset({"video_views", "media_views", "bookmarks", "shares"})
"""Not part of engagements in any real export whose Tweets could tell."""


def kept_out(name: str) -> bool:
    """Whether a metric stays out of the sums when the Tweets at hand cannot tell."""
    return expected(name) == "not counted" or name in OUTSIDE_ELSEWHERE


def expected(name: str) -> str:
    """What the documents say of a metric's part in engagements."""
    return METRICS[name].expected if name in METRICS else "not said"


def find_and_judge(counts: Counts, tolerance: float) -> tuple[list[Verdict], Choice]:
    """Find the set, tolerantly, then strictly where the Tweets allow it; a verdict on each metric.

    Where the counted metrics fit `TOGETHER` Tweets or more exactly and exceed engagements on
    none, counters were read together, and nothing is put down to reading times.
    """
    choice = choose(counts, tolerance)
    verdicts = judge(counts, choice.members, tolerance)
    core = [j for j, v in enumerate(verdicts) if v.verdict == COUNTED]
    fit = fit_of(counts, core)
    if core and fit.exact >= TOGETHER and not fit.small + fit.beyond:
        choice = Choice(grown(counts, core), choice.wrong, strict=True)
        verdicts = judge(counts, choice.members, tolerance)
    return verdicts, choice


def judge(counts: Counts, members: tuple[int, ...], tolerance: float) -> list[Verdict]:
    """A verdict on every candidate, in the order of ``counts.names``."""
    names = [counts.names[j] for j in members]
    left = counts.engagements - counts.sums(names)
    complete = counts.complete(names)
    verdicts: dict[int, Verdict] = {}
    for j in members:
        speaking = Speaking.of(counts, j, left, complete)
        sure = speaking.chance(counts, j, left, complete) < CHANCE
        if sure:
            verdict, why = COUNTED, "Tweets fit exactly with it, and would not without it"
        elif speaking.tight:
            verdict, why = UNDETERMINED, "too few Tweets need it"
        else:
            verdict, why = UNDETERMINED, "nothing contradicts it, and no Tweet needs it"
        in_sums = sure or not kept_out(counts.names[j])
        verdicts[j] = speaking.verdict(counts.names[j], verdict, in_sums, why)
    core = [counts.names[j] for j in members if verdicts[j].verdict == COUNTED]
    left_by_core = counts.engagements - counts.sums(core)
    for j in set(range(len(counts.names))) - set(members):
        speaking = Speaking.of(counts, j, left - counts.values[j], complete)
        if not speaking.users:
            verdict, why = UNDETERMINED, _unused(counts, j)
        elif speaking.refuted(counts, j, left_by_core, tolerance):
            verdict, why = NOT_COUNTED, "with it, the sum is more than engagements"
        else:
            verdict, why = UNDETERMINED, "too few Tweets contradict it"
        verdicts[j] = speaking.verdict(counts.names[j], verdict, False, why)
    return [verdicts[j] for j in range(len(counts.names))]


def _unused(counts: Counts, j: int) -> str:
    if counts.known is not None and not counts.known[j].any():
        return "not known for any Tweet"
    return "zero on every Tweet"


@dataclass(frozen=True)
class Speaking:
    """The Tweets that speak of a metric: how many against it, how many for it."""

    users: int
    against: int
    tight: int
    tight_rows: np.ndarray

    @classmethod
    def of(cls, counts: Counts, j: int, left: np.ndarray, complete: np.ndarray) -> Speaking:
        """From what is left of engagements when the set, with the metric, is taken away."""
        above = (counts.values[j] > 0) & counts.judged
        tight_rows = np.flatnonzero(above & complete & (left == 0))
        against = int(np.count_nonzero(above & (left < 0)))
        return cls(int(np.count_nonzero(above)), against, len(tight_rows), tight_rows)

    def verdict(self, name: str, verdict: str, in_sums: bool, why: str) -> Verdict:
        """The evidence with what follows from it."""
        return Verdict(
            name, verdict, in_sums, self.users, self.against, self.tight, expected(name), why
        )

    def chance(self, counts: Counts, j: int, left: np.ndarray, complete: np.ndarray) -> float:
        """How likely so many exact fits would be if the metric were not counted."""
        if self.tight < FITS_PER_CONTRADICTION * self.against or not self.tight:
            return 1.0
        sizes = counts.engagements[self.tight_rows]
        alike = complete & (counts.values[j] == 0) & (left >= 0)
        alike &= (counts.engagements >= sizes.min()) & (counts.engagements <= sizes.max())
        hidden = np.sort(left[alike])
        figures, times = np.unique(counts.values[j][self.tight_rows], return_counts=True)
        up_to = np.searchsorted(hidden, figures, side="right")
        equal = up_to - np.searchsorted(hidden, figures, side="left")
        chances = (equal + 3 * BLIND_CHANCE) / (up_to + 3)
        by_chance = float(np.average(chances, weights=times))
        return at_least(self.tight, self.tight + self.against, max(by_chance, LEAST_CHANCE))

    def refuted(self, counts: Counts, j: int, left_by_core: np.ndarray, tolerance: float) -> bool:
        """Whether Tweets contradict the metric together with the counted ones."""
        above = (counts.values[j] > 0) & counts.judged
        excess = (counts.values[j] - left_by_core)[above]
        beyond = int(np.count_nonzero(excess > slack(counts.engagements[above])))
        enough = max(CONTRADICTIONS_NEEDED, int(borne(np.array(self.users), tolerance)) + 1)
        if beyond >= enough and beyond > self.tight:
            return True
        small = int(np.count_nonzero(excess > 0))
        return small >= enough and at_least(small, small + self.tight, 0.5) < CHANCE


def at_least(hits: int, tries: int, chance: float) -> float:
    """Probability of at least so many hits, each with the same chance (a binomial tail)."""
    if hits <= 0:
        return 1.0
    k = np.arange(hits, tries + 1)
    logs = np.cumsum(np.log(np.arange(1, tries + 1)))
    log_factorial = np.concatenate([[0.0], logs])
    terms = log_factorial[tries] - log_factorial[k] - log_factorial[tries - k]
    return float(np.exp(terms + k * np.log(chance) + (tries - k) * np.log1p(-chance)).sum())
