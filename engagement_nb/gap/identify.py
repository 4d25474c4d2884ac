"""Which metrics are part of engagements: the largest set that the Tweets allow.

A set of metrics that sums to more than engagements on some Tweet cannot be part of it: what
is left, the interactions that have no metric of their own, would be below zero there. Among
the sets that the Tweets allow, the one with the largest sum explains most.

**The rule.** A Tweet contradicts a set *beyond doubt* when the set sums to more than
engagements by more than `SLACK` of engagements, and by more than one: less can come from
counters that were read at different moments. Let ``n_j`` be the Tweets with metric ``j`` above
zero and engagements known. A set is allowed when, for every ``j`` in it, at most
``tolerance * n_j`` of those Tweets contradict it beyond doubt, and one more from `SPARE_FROM`
Tweets on (a wrong row). A missing figure counts as 0 here, the least it can be: a sum that is
too large without it is too large with it.

Every part of an allowed set is allowed, which makes an exact search quick: keep a list of
minimal sets that are not allowed, take the best set that holds none of them, and either it is
allowed, and then it is the best, or it holds one more such set, which joins the list (an
implicit hitting set). Where nearly every set is contradicted, the list grows without end, and
sets are tried one after the other instead, best metrics first, with the same result.

What a rule about single contradictions cannot see is judged in `choose`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from engagement_nb.vocabulary import METRICS

TOLERANCE = 0.002
"""Share of the Tweets with a metric above zero that may contradict a set which holds it."""
SPARE_FROM = 10
"""One contradiction more is borne from so many Tweets on: a wrong row must not decide."""
MANY_CONFLICTS = 100
"""Beyond so many the conflicts are no help any more, and sets are tried one after the other."""
FIRST = 128
"""Tweets that are asked first whether they refuse a set."""
SLACK = 0.02
"""Share of engagements by which counters read at different moments may differ."""


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
    strict
        Whether the least excess on any Tweet is a contradiction, and none is borne.
    """

    def __init__(
        self,
        values: np.ndarray,
        engagements: np.ndarray,
        tolerance: float = TOLERANCE,
        weights: np.ndarray | None = None,
        *,
        strict: bool = False,
    ) -> None:
        metrics = len(values)
        above = values > 0
        self.weights = weights
        self.tried = 0
        if weights is None:
            self.users = above.sum(axis=1)
        else:
            self.users = above @ weights
        self.allowed = self.users * 0 if strict else borne(self.users, tolerance)
        if not strict:
            engagements = engagements + slack(engagements)
        alone = [self._weigh(values[j] > engagements) > self.allowed[j] for j in range(metrics)]
        viable = np.flatnonzero(~np.array(alone, dtype=bool) & (self.users > 0))
        self.viable = tuple(int(j) for j in viable)
        most = values[viable].sum(axis=0, dtype=np.int64)
        speaking = np.flatnonzero(most > engagements)
        # The Tweets that are exceeded most come first: see `allows_sum`.
        speaking = speaking[np.argsort(engagements[speaking] / most[speaking], kind="stable")]
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
        """How many Tweets contradict a set beyond doubt, for each of its members."""
        total = np.zeros(len(self.engagements), dtype=np.int64)
        for j in members:
            total += self.values[j]
        return self._against(members, total)

    def _against(self, members: Sequence[int], total: np.ndarray) -> np.ndarray:
        over = np.flatnonzero(total > self.engagements[: len(total)])
        self.tried += 1
        if not len(over):
            return np.zeros(len(members), dtype=np.int64)
        above = self.above[np.array(members)[:, None], over]
        return above.sum(axis=1) if self.weights is None else above @ self.weights[over]

    def allows(self, members: Sequence[int]) -> bool:
        """Whether a set is allowed: see the rule at the top."""
        return bool((self.violations(members) <= self.allowed[list(members)]).all())

    def allows_sum(self, members: Sequence[int], total: np.ndarray) -> bool:
        """The same for a set whose sums are known; the first Tweets alone often refuse it."""
        bearable = self.allowed[list(members)]
        if len(total) > 2 * FIRST and (self._against(members, total[:FIRST]) > bearable).any():
            return False
        return bool((self._against(members, total) <= bearable).all())


def largest_allowed(
    evidence: Evidence, gains: Sequence[int], force: Sequence[int] = ()
) -> tuple[int, ...] | None:
    """The allowed set with the largest gain: exact.

    Parameters
    ----------
    evidence
        What the Tweets say.
    gains
        What each metric adds, above zero.
    force
        Metrics that have to be in the set.

    Returns
    -------
    tuple of int or None
        Positions of its metrics, ascending; None when nothing that holds ``force`` is allowed.
    """
    everything = evidence.viable
    if not (set(force) <= set(everything) and evidence.allows(force)):
        return None
    conflicts: list[frozenset[int]] = []
    while len(conflicts) < MANY_CONFLICTS:
        left_out = cheapest_hitting_set(conflicts, gains, keep=force)
        if left_out is None:
            return None
        members = tuple(j for j in everything if j not in left_out)
        if evidence.allows(members):
            return members
        conflicts.append(minimal_conflict(evidence.allows, members))
    return best_by_trying(evidence, gains, force)


def best_by_trying(
    evidence: Evidence, gains: Sequence[int], force: Sequence[int]
) -> tuple[int, ...]:
    """The same by depth-first search: for figures of which most sets are contradicted."""
    free = sorted((j for j in evidence.viable if j not in force), key=lambda j: -gains[j])
    to_come = [sum(gains[j] for j in free[k:]) for k in range(len(free) + 1)]
    best, best_members = -1, tuple(force)

    def search(at: int, members: list[int], total: np.ndarray, gain: int) -> None:
        nonlocal best, best_members
        if gain > best:
            best, best_members = gain, tuple(members)
        if gain + to_come[at] <= best:
            return
        # The next metric that is left out comes after those that are taken before it.
        for k in range(at, len(free)):
            if gain + to_come[k] <= best:
                return
            j = free[k]
            further = total + evidence.values[j]
            if evidence.allows_sum([*members, j], further):
                search(k + 1, [*members, j], further, gain + gains[j])

    start = evidence.values[list(force)].sum(axis=0, dtype=np.int64)
    search(0, list(force), start, sum(gains[j] for j in force))
    return tuple(sorted(best_members))


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
    conflicts: Sequence[frozenset[int]], costs: Sequence[int], keep: Sequence[int] = ()
) -> frozenset[int] | None:
    """The least costly metrics to leave out so that no conflict stays whole: exact."""
    best: tuple[int, frozenset[int]] | None = None

    def search(chosen: frozenset[int], cost: int, barred: frozenset[int]) -> None:
        nonlocal best
        if best is not None and cost >= best[0]:
            return
        still_whole = [sorted(c - barred) for c in conflicts if not c & chosen]
        if not still_whole:
            best = (cost, chosen)
            return
        shortest = min((len(c), c) for c in still_whole)[1]
        options = sorted(shortest, key=lambda j: costs[j])
        for position, j in enumerate(options):
            search(chosen | {j}, cost + costs[j], barred | frozenset(options[:position]))

    search(frozenset(), 0, frozenset(keep))
    return best[1] if best else None


def slack(engagements: np.ndarray) -> np.ndarray:
    """By how much a sum may exceed engagements and still be a matter of reading times."""
    return np.maximum(1, (engagements * SLACK).astype(np.int64))


def borne(users: np.ndarray, tolerance: float) -> np.ndarray:
    """How many contradictions are borne, by the number of Tweets that have any of a metric."""
    return np.floor(tolerance * users + 1e-9).astype(np.int64) + (users >= SPARE_FROM)


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
