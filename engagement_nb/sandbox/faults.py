"""Trouble on demand: what goes wrong with the next answers, and how often."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

ERROR_FAULTS = tuple(
    f"{status}{form}" for status in (500, 502, 503) for form in ("", "-html", "-empty")
)
FAULTS = (*ERROR_FAULTS, "drop", "cut", "garble", "slow", "plain")
"""``500`` and so on: JSON; ``-html`` and ``-empty``: that body. ``drop``: the connection ends
without an answer. ``cut``: in the middle of the body. ``garble``: bytes that are no JSON.
``slow``: the body comes in small pieces. ``plain``: not gzipped although gzip was asked for.
"""

_NUMBERS = {
    "latency": (0, 3600),
    "slow_seconds": (0, 3600),
    "clock_skew": (-1e9, 1e9),
    "seed": (0, 2.0**63),
}
"""Least and most of each number."""


class Faults:
    """Decides what goes wrong; the same decisions for the same seed and order of requests.

    Rates and scripts concern the three endpoints; the auth host's paths fail by ``paths`` only,
    so that a login between two requests does not use up the script.

    Parameters
    ----------
    seed
        Seed of the decisions.

    Attributes
    ----------
    rates, script, paths, latency, slow_seconds, clock_skew
        What `configure` sets.
    """

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)  # noqa: S311
        self.slow_seconds = 2.0
        self.clear()

    def configure(self, wanted: Mapping[str, Any] | Sequence[str]) -> None:
        """Set what goes wrong; what is not named stays as it is.

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
            Says what is wrong; nothing has been changed then.
        """
        if not isinstance(wanted, Mapping):
            wanted = {"script": wanted}
        new: dict[str, Any] = {}
        for name, value in wanted.items():
            if name in _NUMBERS:
                new[name] = _number(name, value, *_NUMBERS[name])
            elif name == "script" and isinstance(value, (list, tuple)):
                new[name] = deque(_fault(fault, "ok") for fault in value)
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
        """Nothing goes wrong any more."""
        self.rates: dict[str, float] = {}
        self.script: deque[str] = deque()
        self.paths: dict[str, str] = {}
        self.latency = self.clock_skew = 0.0

    def next(self, path: str) -> str:
        """What goes wrong with the next response at a path; "" for nothing."""
        if self.script:
            fault = self.script.popleft()
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
        """What is set now."""
        return {
            "rates": self.rates,
            "script": list(self.script),
            "paths": self.paths,
            "latency": self.latency,
            "slow_seconds": self.slow_seconds,
            "clock_skew": self.clock_skew,
        }


def _fault(name: Any, *more: str) -> str:
    if name not in FAULTS and name not in more:
        raise ValueError(f"Unknown fault {str(name)[:40]!r}; known: {', '.join(FAULTS)}.")
    return str(name)


def _number(name: str, value: Any, least: float, most: float) -> float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not least <= value <= most:
        shown = str(value)[:40]
        raise ValueError(f"{name} must be a number from {least:g} to {most:g}, not {shown}.")
    return float(value)
