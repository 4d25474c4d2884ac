"""Confidence intervals of ratios of sums, such as shares of engagements, and of their differences.

A share such as hidden / engagements is a ratio of two sums over Tweets, and a few Tweets can
carry most of both. Korn and Graubard (1998) apply Clopper and Pearson's exact binomial limits to
such data, with an *effective* number of trials that has the variance of the ratio. If few Tweets
hide anything, the sample often lacks the large Tweets that do, and that variance is too small. The
variance that Tweets would have if their shares did not depend on their sizes is therefore a lower
bound. The interval needs no random draws, stays within 0 and 1, and has an upper limit above 0 even
if nothing is hidden. `docs/method.md` reports its coverage.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv, stdtrit

from engagement_nb.errors import AnalysisError


class Interval(NamedTuple):
    """Limits of a confidence interval, ``low <= high``; of a share, both within 0 and 1."""

    low: float
    high: float


ANY_SHARE = Interval(0.0, 1.0)
"""The interval if nothing is known about the share: no Tweet, or a single one."""


def share_interval(part: ArrayLike, whole: ArrayLike, level: float = 0.95) -> Interval:
    """Confidence interval of the share ``sum(part) / sum(whole)``.

    It is for the share that such Tweets have on average, if the Tweets are independent draws.
    The share of the Tweets at hand is known and needs no interval.

    Parameters
    ----------
    part, whole
        One count for each Tweet (or another independent unit, such as a day), of the same
        shape (n,), with ``whole >= 0`` and ``0 <= sum(part) <= sum(whole)``. Units with
        ``whole`` 0 carry no information and are ignored.
    level
        Confidence level, between 0 and 1.

    Returns
    -------
    Interval
        ``(low, high)``. `ANY_SHARE` if fewer than two units have any ``whole``.

    Raises
    ------
    ValueError
        The shapes differ, a ``whole`` is negative, or the sums are not a share.

    Notes
    -----
    With weights ``w = whole / sum(whole)``, Kish's effective number of units is
    ``k = 1 / sum(w**2)``. The number of trials is ``k`` if the share ``p`` is 0 or 1. Otherwise it
    is ``p (1 - p) / v`` with the larger of two variances ``v``:

    - of the ratio, ``sum(r**2 / (1 - w)) / sum(whole)**2`` with residuals
      ``r = part - p * whole`` (linearised, with the HC2 correction for leverage), times
      ``(t_df / t_{n-1})**2`` because it is estimated, with ``df = k / 2``;
    - pooled over sizes, ``tau2 / k + p (1 - p) / sum(whole)``, where ``tau2`` is the variance
      of ``part / whole`` between units beyond binomial noise.

    References
    ----------
    Korn, E. L. and Graubard, B. I. (1998). Confidence intervals for proportions with small
    expected number of positive counts estimated from survey data. Survey Methodology 24,
    193-201. Clopper, C. J. and Pearson, E. S. (1934). Biometrika 26, 404-413.
    """
    parts, wholes = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    if parts.shape != wholes.shape or parts.ndim != 1:
        raise ValueError(f"part and whole need the same shape (n,): {parts.shape}, {wholes.shape}.")
    if (wholes < 0).any():
        raise ValueError("whole is negative for some unit.")
    # Sorted, so that the order of the units cannot change the last digit.
    order = np.lexsort((parts, wholes))
    parts, wholes = parts[order][wholes[order] > 0], wholes[order][wholes[order] > 0]
    units, total = len(wholes), wholes.sum()
    if units < 2:
        return ANY_SHARE
    share = parts.sum() / total
    if not 0 <= share <= 1:
        raise ValueError(f"sum(part) / sum(whole) is not a share: {share:g}.")
    weights = wholes / total
    kish = 1 / (weights**2).sum()
    if share in (0, 1):
        trials = kish
    else:
        spread = share * (1 - share)
        tail = (1 + level) / 2
        of_ratio = ((parts - share * wholes) ** 2 / (1 - weights)).sum() / total**2
        of_ratio *= (stdtrit(max(kish / 2, 1), tail) / stdtrit(units - 1, tail)) ** 2
        between = ((parts / wholes - share) ** 2).sum() / (units - 1) - spread * (1 / wholes).mean()
        pooled = max(between, 0) / kish + spread / total
        trials = spread / max(of_ratio, pooled)
    return clopper_pearson(share * trials, trials, level)


def ratio_interval(part: ArrayLike, whole: ArrayLike, level: float = 0.95) -> Interval:
    """Confidence interval of the ratio ``sum(part) / sum(whole)`` if it is not a share.

    Parameters
    ----------
    part, whole
        As for `share_interval`, but ``sum(part)`` may exceed ``sum(whole)``.
    level
        Confidence level, between 0 and 1.

    Returns
    -------
    Interval
        By the delta method for the logarithm of the ratio, with Student's t. It is wrong for
        small samples of very unequal units.
    """
    parts, wholes = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    parts, wholes = parts[wholes > 0], wholes[wholes > 0]
    units, total = len(wholes), wholes.sum()
    if units < 2:
        return Interval(0.0, np.inf)
    tail = (1 + level) / 2
    if not parts.any():
        # The largest Poisson mean for which no event is as likely as the tail.
        return Interval(0.0, float(-np.log(1 - tail) / total))
    ratio = parts.sum() / total
    variance = ((parts - ratio * wholes) ** 2).sum() * units / (units - 1) / total**2
    times = float(np.exp(stdtrit(units - 1, tail) * np.sqrt(variance) / ratio))
    return Interval(float(ratio / times), float(ratio * times))


def difference_interval(
    first: tuple[float, Interval], second: tuple[float, Interval], correlation: float = 0.0
) -> Interval:
    """Confidence interval of ``second - first``, from the value and interval of each (MOVER).

    Parameters
    ----------
    first, second
        A value and its confidence interval each, of the same level.
    correlation
        Of the two estimates. 0 means independent, which makes the interval too wide for figures
        of the same Tweets.

    Notes
    -----
    For intervals that are symmetric about their values, this is the formula of Zou and Donner.
    For skewed ones with a positive correlation, theirs makes the interval of two equal readings
    wide. Therefore the uncertainty that both sides share is taken from limits on the same side: if
    one estimate is too high, so is the other.

    References
    ----------
    Zou, G. Y. and Donner, A. (2008). Construction of confidence limits about effect measures.
    Statistics in Medicine 27, 1693-1702.
    """
    (before, earlier), (after, later) = first, second
    below, above = (
        (before - earlier.low, after - later.low),
        (earlier.high - before, later.high - after),
    )

    def half(one: float, other: float, same_side: float) -> float:
        shared = (one + other) ** 2 if correlation < 0 else max(same_side, 0.0) ** 2
        weight = abs(correlation)
        return float(np.sqrt((1 - weight) * (one**2 + other**2) + weight * shared))

    rest = below[1] - below[0], above[1] - above[0]
    return Interval(
        after - before - half(below[1], above[0], max(rest[0], -rest[1])),
        after - before + half(above[1], below[0], max(rest[1], -rest[0])),
    )


def check_level(level: float) -> None:
    """Refuse a confidence level that is not between 0 and 1.

    Raises
    ------
    AnalysisError
        It is not.
    """
    if not 0 < level < 1:
        raise AnalysisError(f"The level of an interval is a share between 0 and 1, not {level}.")


def clopper_pearson(successes: float, trials: float, level: float) -> Interval:
    """Exact binomial limits, for numbers of successes and trials that need not be whole."""
    tail = (1 - level) / 2
    failures = trials - successes
    low = float(betaincinv(successes, failures + 1, tail)) if successes > 0 else 0.0
    high = float(betaincinv(successes + 1, failures, 1 - tail)) if failures > 0 else 1.0
    return Interval(low, high)
