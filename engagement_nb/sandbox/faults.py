"""Faults on demand: what goes wrong with the next responses, and how often."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from engagement_nb.sandbox.messages import shown

FAULTS = (
    *(f"{status}{form}" for status in (500, 502, 503) for form in ("", "-html", "-empty")),
    *("drop", "cut", "garble", "slow", "plain"),
)
"""``500`` and so on: JSON; with ``-html`` and ``-empty``, that body. ``drop``: the connection ends
without a response. ``cut``: it ends in the middle of the body. ``garble``: bytes that are not JSON.
``slow``: the body comes in small pieces. ``plain``: not gzipped although gzip was requested.
"""

_NUMBERS = {
    "latency": (0, 3600),
    "slow_seconds": (0, 3600),
    "clock_skew": (-1e9, 1e9),
    "seed": (0, 2.0**63),
}
"""Smallest and largest value of each number."""


class Faults:
    """Decides what goes wrong; the same decisions for the same seed and order of requests.

    Rates and scripts affect the three endpoints only. Paths of the auth host fail by ``paths``
    only, so a login between two requests does not use up the script.

    Parameters
    ----------
    seed
        Seed of the decisions.

    Attributes
    ----------
    rates, script, paths, latency, slow_seconds, clock_skew
        What `configure` sets.
    """

    rates: dict[str, float]
    script: list[str]
    paths: dict[str, str]
    latency: float
    slow_seconds: float
    clock_skew: float

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)  # noqa: S311
        self.slow_seconds = 2.0
        self.clear()

    def configure(self, wanted: Mapping[str, Any] | Sequence[str]) -> None:
        """Set what goes wrong; what is not named does not change.

        Parameters
        ----------
        wanted
            A script, or a mapping with ``rates`` (fault -> share of responses), ``script``
            (faults of the next responses; "ok" for none), ``paths`` (path -> fault),
            ``latency`` and ``slow_seconds`` (seconds), ``clock_skew`` (seconds by which the
            sandbox's clock is ahead when it judges OAuth timestamps), ``seed``.

        Raises
        ------
        ValueError
            Says what is wrong; nothing has changed.
        """
        if not isinstance(wanted, Mapping):
            wanted = {"script": wanted}
        new: dict[str, Any] = {}
        for name, value in wanted.items():
            if name in _NUMBERS:
                new[name] = _number(name, value, *_NUMBERS[name])
            elif name == "script" and isinstance(value, (list, tuple)):
                new[name] = [_fault(fault, "ok") for fault in value]
            elif name == "paths" and isinstance(value, Mapping):
                new[name] = {str(path): _fault(fault) for path, fault in value.items()}
            elif name == "rates" and isinstance(value, Mapping):
                new[name] = {_fault(f): _number(f"fault {f}", n, 0, 1) for f, n in value.items()}
            else:
                raise ValueError(
                    f"{str(name)[:40]} cannot be used: rates and paths are objects, script is a "
                    f"list, {', '.join(_NUMBERS)} are numbers."
                )
        if sum(new.get("rates", {}).values()) > 1.0 + 1e-9:
            raise ValueError("fault rates must not add up to more than 1.")
        if "seed" in new:
            self._random.seed(int(new.pop("seed")))
        vars(self).update(new)

    def clear(self) -> None:
        """Stop all faults."""
        vars(self).update(rates={}, script=[], paths={}, latency=0.0, clock_skew=0.0)

    def next(self, path: str) -> str:
        """Decide what goes wrong with the next response at a path; "" for nothing."""
        if self.script:
            fault = self.script.pop(0)
            return "" if fault == "ok" else fault
        if path in self.paths:
            return self.paths[path]
        if self.rates:
            draw = self._random.random()
            for fault, rate in self.rates.items():
                if draw < rate:
                    return fault
                draw -= rate
        return ""

    def state(self) -> dict[str, Any]:
        """Give what is set now."""
        return {name: getattr(self, name) for name in Faults.__annotations__}


def _fault(name: Any, *more: str) -> str:
    if name not in FAULTS and name not in more:
        raise ValueError(f"Unknown fault {shown(name)!r}; known: {', '.join(FAULTS)}.")
    return str(name)


def _number(name: str, value: Any, least: float, most: float) -> float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not least <= value <= most:
        raise ValueError(f"{name} must be a number from {least:g} to {most:g}, not {shown(value)}.")
    return float(value)
