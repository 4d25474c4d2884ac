"""Which metrics are part of engagements: the largest set that no Tweet contradicts.

A set of metrics that sums to more than engagements on some Tweet cannot be part of it: what
is left, the interactions that have no metric of their own, would be below zero there. Among
the sets that the Tweets allow, the one with the largest sum explains most.

**The rule.** Let ``n_j`` be the Tweets with metric ``j`` above zero and engagements known, and
``v_j(S)`` those of them on which ``S`` sums to more than engagements. ``S`` is allowed when
``v_j(S) <= tolerance * n_j`` for every ``j`` in it. A missing figure counts as 0 here, the
least it can be: a sum that is too large without it is too large with it. Every subset of an
allowed set is allowed, which makes an exact search quick: keep a list of minimal sets that are
not allowed, take the best set that holds none of them, and either it is allowed, and then it
is the best, or it holds one more such set, which joins the list (an implicit hitting set).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from engagement_nb.gap.read import Counts
from engagement_nb.vocabulary import METRICS

TOLERANCE = 0.01
"""Share of the Tweets with a metric above zero that may contradict a set which holds it."""


class Evidence:
    """What Tweets say about sets of metrics, with only the Tweets that can contradict one.

    Parameters
    ----------
    values
        (metrics, Tweets), int64, 0 where unknown.
    engagements
        (Tweets,), int64: only Tweets of which it is known.
    tolerance
        As `TOLERANCE`.
    weights
        How often each Tweet counts; None for once each.
    """

    def __init__(
        self,
        values: np.ndarray,
        engagements: np.ndarray,
        tolerance: float = TOLERANCE,
        weights: np.ndarray | None = None,
    ) -> None:
        metrics = len(values)
        above = values > 0
        self.weights = weights
        if weights is None:
            self.users = above.sum(axis=1)
        else:
            self.users = above @ weights
        self.allowed = np.floor(tolerance * self.users + 1e-9).astype(np.int64)
        alone = np.array(
            [self._weigh(values[j] > engagements) > self.allowed[j] for j in range(metrics)],
            dtype=bool,
        )
        self.impossible = alone
        viable = np.flatnonzero(~alone & (self.users > 0))
        self.viable = tuple(int(j) for j in viable)
        speaking = values[viable].sum(axis=0, dtype=np.int64) > engagements
        self.values = values[:, speaking]
        self.engagements = engagements[speaking]
        self.above = above[:, speaking]
        if weights is not None:
            self.weights = weights[speaking]

    def _weigh(self, which: np.ndarray) -> int:
        if self.weights is None:
            return int(np.count_nonzero(which))
        return int(self.weights[which].sum())

    def violations(self, members: Sequence[int]) -> np.ndarray:
        """How many Tweets contradict a set, for each of its members."""
        total = np.zeros(len(self.engagements), dtype=np.int64)
        for j in members:
            total += self.values[j]
        over = total > self.engagements
        if not over.any():
            return np.zeros(len(members), dtype=np.int64)
        above = self.above[list(members)][:, over]
        if self.weights is None:
            return above.sum(axis=1)
        return above @ self.weights[over]

    def allows(self, members: Sequence[int]) -> bool:
        """Whether a set is allowed: see the rule at the top."""
        return bool((self.violations(members) <= self.allowed[list(members)]).all())


def largest_allowed(
    evidence: Evidence, gains: Sequence[int], force: int | None = None
) -> tuple[int, ...] | None:
    """The allowed set with the largest gain: exact.

    Parameters
    ----------
    evidence
        What the Tweets say.
    gains
        What each metric adds, above zero.
    force
        A metric that has to be in the set.

    Returns
    -------
    tuple of int or None
        Positions of its metrics, ascending; None when nothing that holds ``force`` is allowed.
    """
    everything = evidence.viable
    if force is not None and not (force in everything and evidence.allows([force])):
        return None
    conflicts: list[frozenset[int]] = []
    while True:
        left_out = cheapest_hitting_set(conflicts, gains, keep=force)
        if left_out is None:
            return None
        members = tuple(j for j in everything if j not in left_out)
        if evidence.allows(members):
            return members
        conflicts.append(minimal_conflict(evidence.allows, members))


def minimal_conflict(
    allows: Callable[[Sequence[int]], bool], members: Sequence[int]
) -> frozenset[int]:
    """A part of a set that is not allowed, every smaller part of which is."""
    core = list(members)
    for j in members:
        smaller = [k for k in core if k != j]
        if smaller and not allows(smaller):
            core = smaller
    return frozenset(core)


def cheapest_hitting_set(
    conflicts: Sequence[frozenset[int]], costs: Sequence[int], keep: int | None = None
) -> frozenset[int] | None:
    """The least costly metrics to leave out so that no conflict stays whole: exact."""
    best: tuple[int, frozenset[int]] | None = None

    def search(chosen: frozenset[int], cost: int, barred: frozenset[int]) -> None:
        nonlocal best
        if best is not None and cost >= best[0]:
            return
        open_conflicts = [c - barred for c in conflicts if not c & chosen]
        if not open_conflicts:
            best = (cost, chosen)
            return
        options = sorted(min(open_conflicts, key=lambda c: len(c)), key=lambda j: costs[j])
        for position, j in enumerate(options):
            search(chosen | {j}, cost + costs[j], barred | frozenset(options[:position]))

    search(frozenset(), 0, frozenset() if keep is None else frozenset({keep}))
    return best[1] if best else None


@dataclass(frozen=True)
class Identified:
    """The set that was found, as positions in ``Counts.names``."""

    members: tuple[int, ...]
    users: np.ndarray
    tolerance: float


def identify(counts: Counts, tolerance: float = TOLERANCE) -> Identified:
    """Find the counted set of some Tweets: see the rule at the top."""
    judged = counts.judged
    values = counts.values if judged.all() else counts.values[:, judged]
    engagements = counts.engagements if judged.all() else counts.engagements[judged]
    evidence = Evidence(values, engagements, tolerance)
    members = largest_allowed(evidence, gains(counts.names, values)) or ()
    return Identified(members, evidence.users, tolerance)


def gains(names: Sequence[str], values: np.ndarray) -> list[int]:
    """What each metric adds: its sum; among equals more metrics, then the documented ones."""
    totals = [exact_sum(row) for row in values]
    documented = [name in METRICS and METRICS[name].expected == "counted" for name in names]
    return [total * 1000 + 10 + int(d) for total, d in zip(totals, documented, strict=True)]


def exact_sum(numbers: np.ndarray) -> int:
    """Sum of int64 that cannot overflow."""
    if not len(numbers):
        return 0
    biggest = max(abs(int(numbers.max())), abs(int(numbers.min())))
    if biggest * len(numbers) < 2**62:
        return int(numbers.sum())
    high, low = numbers >> 32, numbers & 0xFFFFFFFF
    return (int(high.sum()) << 32) + int(low.sum())
