"""Which metrics are part of engagements, and which the Tweets leave undetermined.

A set of metrics *fits* a Tweet if it sums to engagements exactly. It *exceeds* a Tweet if it sums
to more, which the true set cannot do if all counters were read at one moment. The score of a set is
the number of Tweets that it fits, less `FITS_PER_EXCESS` for each Tweet that it exceeds.

1. *The best set* is the one with the highest score. A local search finds it by adding, removing
   or exchanging one metric at a time, from several starts.
2. A metric is *counted* if more Tweets than chance explains fit with it and not without it, and if
   the best set without it also loses more fits than chance explains, so that no other metric can
   stand in for it.
3. A metric is *not counted in full* if, on enough Tweets, the counted metrics leave less than
   `HARDLY_ANY` of it.
4. Every other metric is *undetermined*.

No step uses a name or the order of columns or rows, so neither can change a verdict.
`docs/method.md` has the reasons, a study of each constant, and the limits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy.special import bdtrc

from engagement_nb.apis.engagement import METRICS
from engagement_nb.gap.read import Counts, exact_sum
from engagement_nb.words import counted

TOLERANCE = 0.002
"""Share of the Tweets with a metric that may contradict it because their rows are wrong."""
CHANCE = 0.003
"""Evidence for a verdict must be less probable than this if the verdict is false."""
FITS_PER_EXCESS = 3
"""Tweets for a verdict that outweigh one Tweet against it."""
LEAST_TWEETS = 3
"""Tweets that a verdict needs, however improbable chance is."""
TOGETHER = 20
"""Exact fits of the counted metrics, without an excess, that show counters read together."""
SEARCHED = 20_000
"""Tweets that the search uses, for speed; verdicts use all Tweets."""
HARDLY_ANY = 0.25
"""A Tweet that leaves less than this share of a metric is evidence against the metric."""

COUNTED, NOT_COUNTED, UNDETERMINED = "counted", "not counted in full", "undetermined"


@dataclass(frozen=True)
class Verdict:
    """The verdict on one metric, with its evidence.

    Parameters
    ----------
    name
        Wire name.
    verdict
        `COUNTED`, `NOT_COUNTED` or `UNDETERMINED`.
    in_hidden
        Whether hidden engagement is computed with this metric as part of engagements.
    posts_above_zero
        Tweets with the metric above zero and engagements known.
    contradictions, contradicted_share
        Number and share of the Tweets above zero that the included metrics, with this one,
        exceed; the share is None if no Tweet is above zero.
    tight
        Tweets above zero that they fit exactly.
    weight
        Share of the metric that engagements include, for a metric not counted in full; None if
        the Tweets do not show one. A diagnostic.
    stand_in
        Wire name of a metric that could stand in for this one; empty if there is none.
    expected
        What the vendor's documents say: "counted", "not counted" or "not said".
    why
        The reason for the verdict, as a clause.
    """

    name: str
    verdict: str
    in_hidden: bool
    posts_above_zero: int
    contradictions: int
    contradicted_share: float | None
    tight: int
    weight: float | None
    stand_in: str
    expected: str
    why: str


@dataclass(frozen=True)
class MetricSet:
    """A set of metrics (positions), and what it leaves of the engagements of each Tweet."""

    members: frozenset[int]
    left: np.ndarray

    @property
    def fits(self) -> np.ndarray:
        """Tweets that it sums to exactly."""
        return np.asarray(self.left == 0)

    @property
    def exceeds(self) -> np.ndarray:
        """Tweets that it sums to more than."""
        return self.left < 0


Score = Callable[[np.ndarray], float]
Step = tuple[tuple[int, ...], tuple[int, ...]]


class Tweets:
    """The Tweets that are evidence, and the search for a set.

    An unknown figure counts as 0, the least it can be: a set that exceeds a Tweet without the
    figure also exceeds it with the figure.
    """

    def __init__(self, values: np.ndarray, engagements: np.ndarray) -> None:
        self.values, self.engagements = values, engagements
        self.above = self.values > 0
        self.n_nonzero = self.above.sum(axis=1)
        self.used = [j for j in range(len(self.values)) if self.n_nonzero[j]]
        # Ties of the search are broken by the figures, never by a name or a position.
        self.size = {
            j: (exact_sum(self.values[j]), int(self.n_nonzero[j]), int(self.values[j].max()))
            for j in self.used
        }
        self._scale = 1 / np.maximum(self.engagements, 1)

    @classmethod
    def of(cls, counts: Counts) -> Tweets:
        """Tweets with known engagements and any figure above zero."""
        used = counts.judged & ((counts.engagements > 0) | (counts.values > 0).any(axis=0))
        return cls(counts.values[:, used], counts.engagements[used])

    def thinned(self) -> Tweets:
        """At most `SEARCHED` of the Tweets, spread evenly over their sizes."""
        if len(self.engagements) <= SEARCHED:
            return self
        order = np.lexsort((self.values.sum(axis=0), self.engagements))
        rows = order[:: -(-len(order) // SEARCHED)]
        return Tweets(self.values[:, rows], self.engagements[rows])

    def set_of(self, members: Iterable[int]) -> MetricSet:
        """A set, and what it leaves."""
        chosen = frozenset(members)
        left = self.engagements - self.values[sorted(chosen)].sum(axis=0, dtype=np.int64)
        return MetricSet(chosen, left)

    def step(
        self, given: MetricSet, add: Iterable[int] = (), drop: Iterable[int] = ()
    ) -> MetricSet:
        """The same set with metrics added and dropped."""
        left = given.left
        for j in add:
            left = left - self.values[j]
        for j in drop:
            left = left + self.values[j]
        return MetricSet((given.members | {*add}) - {*drop}, left)

    def best(self) -> MetricSet:
        """The set with the highest score, with all metrics that do not change the score."""
        plain = [self.set_of(self.used), self.set_of(())]
        # Exact fits are rare among all sets; a score that rewards nearness leads to them.
        starts = [*plain, *(self.climb(given, self._nearness) for given in plain)]
        found = max((self.climb(given, score) for given in starts), key=lambda s: score(s.left))
        for j in sorted(set(self.used) - found.members, key=self.size.__getitem__, reverse=True):
            wider = self.step(found, [j])
            if score(wider.left) >= score(found.left):
                found = wider
        return found

    def climb(self, given: MetricSet, by: Score, fixed: frozenset[int] = frozenset()) -> MetricSet:
        """Improve a set step by step to a local optimum, without moving metrics of ``fixed``."""
        free = [j for j in self.used if j not in fixed]
        while True:
            inside = [j for j in free if j in given.members]
            outside = [j for j in free if j not in given.members]
            singles: list[Step] = [*(((j,), ()) for j in outside), *(((), (j,)) for j in inside)]
            step = self._better(given, by, singles)
            if step is None:
                step = self._better(given, by, [((k,), (j,)) for j in inside for k in outside])
            if step is None:
                return given
            given = self.step(given, *step)

    def _better(self, given: MetricSet, by: Score, steps: list[Step]) -> Step | None:
        """The step that raises the score most; None if none does."""
        top = by(given.left) + 1e-9
        scored = [(by(self.step(given, *step).left), step) for step in steps]
        higher = [(value, step) for value, step in scored if value > top]
        return max(higher, key=lambda found: self._key(*found))[1] if higher else None

    def _key(self, value: float, step: Step) -> tuple[object, ...]:
        add, drop = step
        sizes = [self.size[j] for j in add] + [tuple(-x for x in self.size[j]) for j in drop]
        return (value, *sizes)

    def _nearness(self, left: np.ndarray) -> float:
        """Minus the sum of what is left and, weighted, of what is too much, per engagement."""
        shares = left * self._scale
        return -float(np.where(shares < 0, np.minimum(-shares, 1) * FITS_PER_EXCESS, shares).sum())


def score(left: np.ndarray) -> float:
    """Tweets that fit, less `FITS_PER_EXCESS` for each that is exceeded."""
    exceeded = int(np.count_nonzero(left < 0))
    return len(left) - int(np.count_nonzero(left)) - FITS_PER_EXCESS * exceeded


def convincing(tweets_for: int, against: int, chance: float) -> bool:
    """Whether the Tweets for a verdict outweigh those against it and are not due to chance.

    Parameters
    ----------
    tweets_for, against
        Tweets on either side.
    chance
        Probability that a Tweet is for the verdict if the verdict is false (a sign test).
    """
    if tweets_for < LEAST_TWEETS or tweets_for < FITS_PER_EXCESS * against:
        return False
    return float(bdtrc(tweets_for - 1, tweets_for + against, chance)) < CHANCE


SETTLED = "settled on"
"""How the reason for a verdict begins that a longer history gave."""


def settled_on(history: Counts, tolerance: float = TOLERANCE) -> dict[str, tuple[str, str]]:
    """Verdicts that a longer history of the account settles, with the reason, by metric."""
    verdicts, _ = judge(history, tolerance)
    why = f"{SETTLED} {counted(int(history.judged.sum()), 'Tweet')} of a longer history"
    return {v.name: (v.verdict, why) for v in verdicts if v.verdict != UNDETERMINED}


def judge(
    counts: Counts,
    tolerance: float = TOLERANCE,
    settled: Mapping[str, tuple[str, str]] = MappingProxyType({}),
) -> tuple[list[Verdict], bool]:
    """A verdict on each candidate, in the order of ``counts.names``.

    Parameters
    ----------
    counts
        The figures.
    tolerance
        Share of the Tweets with a metric that may contradict it.
    settled
        Verdicts for metrics that these Tweets leave undetermined: see `settled_on`. One that
        these Tweets contradict is not taken.

    Returns
    -------
    tuple
        The verdicts; and whether the counters were evidently read together.
    """
    tweets = Tweets.of(counts)
    few = tweets.thinned()
    best = tweets.set_of(few.best().members)
    stand_ins = {j: _stand_in(tweets, few, best, j) for j in best.members}
    core = tweets.set_of(j for j, other in stand_ins.items() if other == ())
    exact = int(np.count_nonzero(core.fits & (tweets.engagements > 0)))
    exceeded = int(np.count_nonzero(core.exceeds))
    together = exact >= TOGETHER and exceeded <= tolerance * len(core.left) and bool(core.members)
    known = (counts.known & counts.judged).any(axis=1)
    found: list[tuple[str, str]] = []
    for j in range(len(counts.names)):
        fits, against = _speaking(tweets, best, j)
        verdict = UNDETERMINED
        if j in core.members:
            verdict, why = COUNTED, "Tweets fit exactly with it and not without it"
        elif not tweets.n_nonzero[j]:
            zero = "zero on every Tweet, so it may not be measured"
            why = zero if known[j] else "not known for any Tweet"
        elif _starves(tweets, core, j, tolerance, together):
            verdict, why = NOT_COUNTED, "the counted metrics leave too little of engagements for it"
        elif stand_ins.get(j):
            why = "another metric fits as well in its place"
        elif against:
            why = "the Tweets that contradict it are too few or too ambiguous for a verdict"
        elif fits:
            why = "too few Tweets fit exactly with it"
        else:
            why = "no Tweet contradicts it, and none fits exactly with it"
        found.append((verdict, why))
    for j, (verdict, _) in enumerate(found):
        if verdict == UNDETERMINED and tweets.n_nonzero[j] and counts.names[j] in settled:
            wider = tweets.step(core, [j])
            if settled[counts.names[j]][0] == NOT_COUNTED:
                found[j] = settled[counts.names[j]]
            elif score(wider.left) >= score(core.left):
                found[j], core = settled[counts.names[j]], wider
    undetermined = [j for j, told in enumerate(found) if told[0] == UNDETERMINED and known[j]]
    taken = _take_as_part(tweets, core, undetermined, counts.names)
    verdicts = []
    for j, (verdict, why) in enumerate(found):
        fits, against = _speaking(tweets, taken, j)
        others = stand_ins.get(j) if verdict == UNDETERMINED else None
        verdicts.append(
            Verdict(
                name=counts.names[j],
                verdict=verdict,
                in_hidden=j in taken.members,
                posts_above_zero=(nonzero := int(tweets.n_nonzero[j])),
                contradictions=against,
                contradicted_share=against / nonzero if nonzero else None,
                tight=fits,
                weight=_weight(tweets, core, j) if verdict == NOT_COUNTED else None,
                stand_in=counts.names[others[0]] if others else "",
                expected=_expected(counts.names[j]),
                why=why,
            )
        )
    return verdicts, together


def _speaking(tweets: Tweets, given: MetricSet, j: int) -> tuple[int, int]:
    """Tweets above zero that the set with the metric fits, and that it exceeds."""
    given = given if j in given.members else tweets.step(given, [j])
    above = tweets.above[j]
    return int(np.count_nonzero(above & given.fits)), int(np.count_nonzero(above & given.exceeds))


def _stand_in(tweets: Tweets, few: Tweets, best: MetricSet, j: int) -> tuple[int, ...] | None:
    """Metrics that can stand in for one of the best set: () if it is counted, None if unknown."""
    fits, against = _speaking(tweets, best, j)
    chance = _chance_fit(tweets, best, j)
    if not convincing(fits, against, chance):
        return None
    without = best.members - {j}
    found = few.climb(few.set_of(without), score, frozenset([j])).members
    if found == without:
        return ()
    rival = tweets.set_of(found)
    lost = int(np.count_nonzero(best.fits & ~rival.fits))
    won = int(np.count_nonzero((rival.fits & ~best.fits) | (best.exceeds & ~rival.exceeds)))
    others = sorted(rival.members - best.members, key=tweets.size.__getitem__, reverse=True)
    return () if convincing(lost, won, chance) else tuple(others) or None


def _chance_fit(tweets: Tweets, best: MetricSet, j: int) -> float:
    """Probability that a Tweet fits by accident if the metric is not counted.

    What the other metrics leave would then equal the metric exactly. How often that happens, and
    how often less is left, is counted on Tweets of similar size without the metric.
    """
    fit = tweets.above[j] & best.fits
    if not fit.any():
        return 1.0
    sizes = tweets.engagements[fit]
    alike = ~tweets.above[j] & ~best.exceeds
    alike &= (tweets.engagements >= sizes.min()) & (tweets.engagements <= sizes.max())
    left = np.sort(best.left[alike])
    figures, times = np.unique(tweets.values[j][fit], return_counts=True)
    up_to = np.searchsorted(left, figures, side="right")
    equal = up_to - np.searchsorted(left, figures, side="left")
    # A prior of one half with the weight of three Tweets, for when there are few.
    return float(np.average((equal + 1.5) / (up_to + 3), weights=times))


def _starves(tweets: Tweets, core: MetricSet, j: int, tolerance: float, together: bool) -> bool:
    """Whether the counted metrics leave hardly any of a metric on enough Tweets."""
    above, values, left = tweets.above[j], tweets.values[j], core.left
    starved = int(np.count_nonzero(above & (left >= 0) & (left < HARDLY_ANY * values)))
    against = int(np.count_nonzero(above & ((left < 0) | (left == values))))
    least = max(LEAST_TWEETS, int(tolerance * tweets.n_nonzero[j]) + 1)
    if starved < least:
        return False
    if starved >= FITS_PER_EXCESS * against:
        return together or convincing(starved, against, 0.5)
    # Where counters were read together, what contradicts a metric is no accident. The Tweets that
    # support it may be: a metric with twice as many against it as for it is not counted in full.
    outweighs = together and starved >= (FITS_PER_EXCESS - 1) * against
    return outweighs and float(bdtrc(starved - 1, starved + against, 0.5)) < CHANCE


def _weight(tweets: Tweets, core: MetricSet, j: int) -> float | None:
    """Share of a metric that is counted: a low quantile of what is left for it; None if unknown.

    On Tweets that hide nothing, exactly the counted share is left. If there are many of them, the
    5th and the 25th percentile are close together; if most Tweets hide something, they are not.
    """
    rows = tweets.values[j] >= 5
    if np.count_nonzero(rows) < TOGETHER:
        return None
    shares = core.left[rows] / tweets.values[j][rows]
    low, quarter = np.quantile(shares, [0.05, 0.25])
    return max(0.0, float(low)) if quarter - low < 0.1 else None


OUTSIDE_ELSEWHERE = frozenset({"video_views", "media_views", "bookmarks", "shares"})
"""Not counted in any real export that could tell."""


def _expected(name: str) -> str:
    """What the vendor's documents say about a metric."""
    return METRICS.get(name, "not said")


def _take_as_part(
    tweets: Tweets, core: MetricSet, undetermined: list[int], names: tuple[str, ...]
) -> MetricSet:
    """The metrics that hidden engagement subtracts: those counted or presumed counted.

    An undetermined metric is presumed counted if the documents say so, or if they say nothing and
    it is not in `OUTSIDE_ELSEWHERE`, unless the Tweets contradict it together with those added
    before it. Only this step uses documents: verdicts and bounds do not depend on them.
    """
    documented = {j: _expected(names[j]) == "counted" for j in undetermined}
    presumed = [
        j
        for j in undetermined
        if documented[j]
        or (_expected(names[j]) == "not said" and names[j] not in OUTSIDE_ELSEWHERE)
    ]
    used = [j for j in presumed if tweets.n_nonzero[j]]
    taken = tweets.step(core, [j for j in presumed if not tweets.n_nonzero[j]])
    for j in sorted(used, key=lambda j: (documented[j], tweets.size[j]), reverse=True):
        wider = tweets.step(taken, [j])
        if score(wider.left) >= score(taken.left):
            taken = wider
    return taken
