"""Which set is taken: that of the exact search, or one that more Tweets bear out.

The rule of `identify` looks at single contradictions. How Tweets *fit* tells more: with the
right set, those on which nothing is hidden have exactly its sum, and no chance makes a wrong set
fit many. So some sets are compared by their *score*: Tweets that fit exactly, less Tweets that
are exceeded; one that is exceeded beyond doubt weighs as `WEIGHT` fits do.

1. *The largest set* that the rule allows, after a **second look**: a metric that is the cause of
   more contradictions (small ones too) than exact fits leaves the set, the worst first. What
   small counts hide in the slack shows there.
2. *The same with a looser rule*, where a metric was left out for a few contradictions: a handful
   of wrong rows, or counters often read apart, must not outweigh hundreds of exact fits. It is
   taken when its score is clearly higher.
3. *The documented set*, and with it the largest that the rule allows: taken unless Tweets speak
   against it. With few Tweets many sets are possible, and what the vendor says of them is then
   the better guess than the size of their sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engagement_nb.gap.identify import Evidence, borne, gains, largest_allowed, slack
from engagement_nb.gap.read import Counts
from engagement_nb.vocabulary import METRICS

LOOSER = (0.01, 0.03)
"""Tolerances that are tried where few contradictions left a metric out."""
FEW = 0.1
"""Share of a metric's Tweets up to which its contradictions are few."""
WEIGHT = 10
"""Exact fits that make up for one Tweet that is exceeded beyond doubt."""
CLEARLY = 10
"""By how much the score of a looser set must be higher."""
CHANCE_FITS = 5
"""So many exact fits more may another set than the documented one have by chance."""


@dataclass(frozen=True)
class Choice:
    """A set of metrics, as positions in ``Counts.names``.

    Parameters
    ----------
    members
        The set, ascending.
    wrong
        (Tweets,): those that the set exceeds beyond doubt, put down to wrong rows.
    strict
        Whether counters were read together, so that no Tweet may contradict the set.
    """

    members: tuple[int, ...]
    wrong: np.ndarray
    strict: bool = False


@dataclass(frozen=True)
class Fit:
    """How Tweets fit a set: exactly, exceeded within the slack, exceeded beyond it."""

    exact: int
    small: int
    beyond: int

    @property
    def score(self) -> int:
        """What speaks for the set, less what speaks against it."""
        return self.exact - self.small - WEIGHT * self.beyond

    @property
    def good(self) -> bool:
        """Whether what speaks against the set is little beside what speaks for it."""
        return self.exact >= WEIGHT * self.beyond and self.exact >= 3 * self.small


def choose(counts: Counts, tolerance: float) -> Choice:
    """The set of some Tweets: see the top.

    Parameters
    ----------
    counts
        The Tweets.
    tolerance
        As `engagement_nb.gap.identify.TOLERANCE`.
    """
    best = second_look(counts, search(counts, tolerance), tolerance)
    score = fit_of(counts, best).score
    if few_contradictions(counts, best):
        for looser in LOOSER:
            if looser > tolerance:
                members = second_look(counts, search(counts, looser), looser)
                found = fit_of(counts, members)
                if found.good and found.score > score + CLEARLY:
                    best, score = members, found.score
    basis = documented(counts)
    if not {*basis} <= {*best} and fit_of(counts, basis).good:
        rest = counts.judged & (left_of(counts, basis) >= 0)
        members = second_look(
            counts, search(counts, tolerance, basis, among=rest), tolerance, keep=basis
        )
        found = fit_of(counts, members)
        if found.good and found.score >= score - CHANCE_FITS:
            best, score = members, found.score
    left = left_of(counts, best)
    return Choice(best, counts.judged & (-left > slack(counts.engagements)))


def grown(counts: Counts, core: Sequence[int]) -> tuple[int, ...]:
    """The largest set that holds some metrics and that no Tweet contradicts by the least.

    With the documented ones in it where no Tweet contradicts them either.
    """
    for force in (sorted({*core, *documented(counts)}), core):
        members = search(counts, 0.0, force, strict=True)
        if members:
            return members
    return ()


def search(
    counts: Counts,
    tolerance: float,
    force: Sequence[int] = (),
    *,
    among: np.ndarray | None = None,
    strict: bool = False,
) -> tuple[int, ...]:
    """The largest allowed set that holds some metrics; empty where nothing is."""
    rows = counts.judged if among is None else among
    values = counts.values if rows.all() else counts.values[:, rows]
    engagements = counts.engagements if rows.all() else counts.engagements[rows]
    evidence = Evidence(values, engagements, tolerance, strict=strict)
    force = [j for j in force if evidence.users[j]]
    return largest_allowed(evidence, gains(counts.names, values), force) or ()


def documented(counts: Counts) -> tuple[int, ...]:
    """The metrics that the vendor's documents say are part of engagements, where any is used."""
    return tuple(
        j
        for j, name in enumerate(counts.names)
        if name in METRICS
        and METRICS[name].expected == "counted"
        and ((counts.values[j] > 0) & counts.judged).any()
    )


def left_of(counts: Counts, members: Sequence[int]) -> np.ndarray:
    """What is left of engagements without some metrics, a Tweet."""
    return counts.engagements - counts.sums([counts.names[j] for j in members])


def fit_of(counts: Counts, members: Sequence[int]) -> Fit:
    """How Tweets fit a set."""
    left = left_of(counts, members)
    complete = counts.complete([counts.names[j] for j in members])
    exact = complete & (left == 0) & (counts.engagements > 0)
    over = counts.judged & (left < 0)
    beyond = over & (-left > slack(counts.engagements))
    many = [int(np.count_nonzero(which)) for which in (exact, over, beyond)]
    return Fit(many[0], many[1] - many[2], many[2])


def few_contradictions(counts: Counts, members: Sequence[int]) -> bool:
    """Whether a metric was left out of a set that few of its Tweets contradict."""
    left = left_of(counts, members)
    for j in set(range(len(counts.names))) - set(members):
        above = (counts.values[j] > 0) & counts.judged
        against = np.count_nonzero(above & (left < counts.values[j]))
        if 0 < against <= FEW * np.count_nonzero(above):
            return True
    return False


def second_look(
    counts: Counts, members: tuple[int, ...], tolerance: float, keep: Sequence[int] = ()
) -> tuple[int, ...]:
    """Leave out, the worst first, what makes more Tweets too large than it makes fit."""
    while members:
        left = counts.engagements - counts.sums([counts.names[j] for j in members])
        complete = counts.complete([counts.names[j] for j in members])
        near = np.flatnonzero(counts.judged & (left <= 0))
        left, complete = left[near], complete[near]
        if not (left < 0).any():
            return members
        worst, excess = -1, 0.0
        for j in sorted({*members} - {*keep}):
            figures = counts.values[j][near]
            above = figures > 0
            tips = int(np.count_nonzero(above & (left < 0) & (left + figures >= 0)))
            fits = int(np.count_nonzero(above & (left == 0) & complete))
            users = np.count_nonzero((counts.values[j] > 0) & counts.judged)
            too_many = max(fits, int(borne(np.array(users), tolerance)))
            strength = (tips - fits) / (tips + fits) ** 0.5 if tips > too_many else 0.0
            if strength > excess:
                worst, excess = j, strength
        if worst < 0:
            return members
        members = tuple(j for j in members if j != worst)
    return members
