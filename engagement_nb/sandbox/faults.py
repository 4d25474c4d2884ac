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
KEYS = ("rates", "script", "paths", "latency", "slow_seconds", "clock_skew", "seed")


class Faults:
    """Decides what goes wrong; the same decisions for the same seed and order of requests.

    Rates and scripts concern the three endpoints; the auth host's paths fail by ``paths`` only,
    so that a login between two requests does not use up the script.

    Parameters
    ----------
    seed
        Seed of the decisions.
    latency
        Seconds that every answer waits.
    """

    def __init__(self, seed: int = 1, latency: float = 0.0) -> None:
        self._seed = seed
        self._random = random.Random(seed)  # noqa: S311
        self.latency = latency
        self.slow_seconds = 2.0
        self.clock_skew = 0.0
        self.rates: dict[str, float] = {}
        self.script: deque[str] = deque()
        self.paths: dict[str, str] = {}

    def configure(self, wanted: Mapping[str, Any] | Sequence[str]) -> None:
        """Set what goes wrong; what is not named stays as it is.

        Parameters
        ----------
        wanted
            A script, or a mapping with ``rates`` (fault -> share of answers), ``script``
            (faults of the next answers; "ok" for none), ``paths`` (path -> fault),
            ``latency`` and ``slow_seconds`` (seconds), ``clock_skew`` (seconds by which the
            sandbox's clock is ahead when it judges OAuth timestamps), ``seed``.

        Raises
        ------
        ValueError
            Says what is wrong; nothing has been changed then.
        """
        if not isinstance(wanted, Mapping):
            wanted = {"script": list(wanted)}
        unknown = set(map(str, wanted)) - set(KEYS)
        if unknown:
            raise ValueError(f"Unknown: {', '.join(sorted(unknown))}; known: {', '.join(KEYS)}.")
        rates, script, paths = (wanted.get(k) for k in ("rates", "script", "paths"))
        if rates is not None:
            rates = {
                _fault(name): _number(f"fault {name}", rate, 1.0)
                for name, rate in _mapping(rates).items()
            }
            if sum(rates.values()) > 1.0 + 1e-9:
                raise ValueError("fault rates must not add up to more than 1.")
        if script is not None:
            if isinstance(script, (str, bytes)) or not isinstance(script, Sequence):
                raise ValueError("script must be a list of faults.")
            script = deque(_fault(name, "ok") for name in script)
        if paths is not None:
            paths = {str(path): _fault(name) for path, name in _mapping(paths).items()}
        seconds = {
            key: _number(key, wanted[key], 3600.0)
            for key in ("latency", "slow_seconds")
            if key in wanted
        }
        if "clock_skew" in wanted:
            seconds["clock_skew"] = _number("clock_skew", wanted["clock_skew"], 1e9, -1e9)
        if "seed" in wanted:
            self._random = random.Random(int(_number("seed", wanted["seed"], 2.0**63)))  # noqa: S311
        self.rates = self.rates if rates is None else rates
        self.script = self.script if script is None else script
        self.paths = self.paths if paths is None else paths
        self.latency = seconds.get("latency", self.latency)
        self.slow_seconds = seconds.get("slow_seconds", self.slow_seconds)
        self.clock_skew = seconds.get("clock_skew", self.clock_skew)

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self.rates, self.script, self.paths = {}, deque(), {}
        self.latency = self.clock_skew = 0.0

    def next(self, path: str) -> str:
        """What goes wrong with the next answer at a path; "" for nothing."""
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
            "rates": dict(self.rates),
            "script": list(self.script),
            "paths": dict(self.paths),
            "latency": self.latency,
            "slow_seconds": self.slow_seconds,
            "clock_skew": self.clock_skew,
        }


def _fault(name: Any, *more: str) -> str:
    if name not in FAULTS and name not in more:
        raise ValueError(f"Unknown fault {str(name)[:40]!r}; known: {', '.join(FAULTS)}.")
    return str(name)


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError("rates and paths must be objects.")
    return value


def _number(name: str, value: Any, most: float, least: float = 0.0) -> float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not least <= value <= most:
        shown = str(value)[:40]
        raise ValueError(f"{name} must be a number from {least:g} to {most:g}, not {shown}.")
    return float(value)
