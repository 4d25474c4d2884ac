"""Faults on demand: what goes wrong with the next responses, and how often."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import msgspec

from engagement_nb.sandbox.settings import ClockSkew, Seconds, Share

Fault = Literal[
    "500", "500-html", "500-empty", "502", "502-html", "502-empty", "503", "503-html", "503-empty",
    "drop", "cut", "garble", "slow", "plain",
]  # fmt: skip
FAULTS: tuple[str, ...] = get_args(Fault)
"""``500`` and so on: JSON; with ``-html`` and ``-empty``, that body. ``drop``: the connection ends
without a response. ``cut``: it ends in the middle of the body. ``garble``: bytes that are not JSON.
``slow``: the body comes in small pieces. ``plain``: not gzipped although gzip was requested.
"""


class Faults(msgspec.Struct, dict=True, forbid_unknown_fields=True):
    """Decides what goes wrong; the same decisions for the same seed and order of requests.

    Rates and scripts affect the three endpoints only. Paths of the auth host fail by ``paths``
    only, so a login between two requests does not use up the script.

    Parameters
    ----------
    seed
        Seed of the decisions.
    rates
        Fault -> share of responses.
    script
        Faults of the next responses; "ok" for none.
    paths
        Path -> fault.
    latency
        Seconds that every response is delayed.
    slow_seconds
        Seconds that a slow response takes.
    clock_skew
        Seconds by which the sandbox's clock is ahead when it judges OAuth timestamps.
    """

    seed: int = 1
    rates: dict[Fault, Share] = {}
    script: list[Fault | Literal["ok"]] = []
    paths: dict[str, Fault] = {}
    latency: Seconds = 0.0
    slow_seconds: Seconds = 2.0
    clock_skew: ClockSkew = 0.0

    def __post_init__(self) -> None:
        if sum(self.rates.values()) > 1.0 + 1e-9:
            raise ValueError("The rates must not add up to more than 1")
        self._random = random.Random(self.seed)  # noqa: S311

    def configure(self, wanted: Mapping[str, Any] | Sequence[str]) -> None:
        """Set what goes wrong; what is not named does not change.

        Parameters
        ----------
        wanted
            A script, or a mapping with any of the class's parameters.

        Raises
        ------
        ValueError
            Says what is wrong; nothing has changed.
        """
        wanted = dict(wanted) if isinstance(wanted, Mapping) else {"script": wanted}
        try:
            new = msgspec.convert(wanted, Faults)
        except msgspec.ValidationError as error:
            raise ValueError(
                f"faults: {error}. The known faults are {', '.join(FAULTS)}."
            ) from None
        for name in wanted:
            setattr(self, name, getattr(new, name))
        if "seed" in wanted:
            self._random = new._random

    def clear(self) -> None:
        """Stop all faults."""
        self.configure({"rates": {}, "script": [], "paths": {}, "latency": 0, "clock_skew": 0})

    def next(self, path: str) -> str:
        """Decide what goes wrong with the next response at a path; "" for nothing."""
        if self.script:
            fault = self.script.pop(0)
            return "" if fault == "ok" else fault
        if path in self.paths:
            return self.paths[path]
        if self.rates:
            draw = self._random.random()
            for name, rate in self.rates.items():
                if draw < rate:
                    return name
                draw -= rate
        return ""
