"""Marks of charts: bars in rows, series over positions, points; and their scales.

Positions are shares of the width, and heights and texts are in pixels. So one drawing fits a wide
page and a phone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import floor, log10
from typing import Any, Literal

import numpy as np
import pandas as pd

from engagement_nb.words import number

# Okabe and Ito's colors: distinct for any color vision, on light and dark backgrounds.
BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"
SKY, RED, GREY, INK = "#56B4E9", "#D55E00", "#8A8A8A", "currentColor"


@dataclass(frozen=True)
class Axis:
    """A scale from the lowest to the highest value.

    Parameters
    ----------
    low, high
        The limits.
    shown
        A value as text.
    label
        What it measures.
    log
        Whether it is logarithmic above 10, and linear below.
    """

    low: float
    high: float
    shown: Callable[[float], str] = number
    label: str = ""
    log: bool = False

    def at(self, values: Any) -> Any:
        """Where values are, from 0 (lowest) to 1 (highest)."""
        low, high = self._scaled(self.low), self._scaled(self.high)
        return (self._scaled(values) - low) / ((high - low) or 1)

    def _scaled(self, values: Any) -> Any:
        if not self.log:
            return np.asarray(values, dtype=float)
        size = np.abs(np.asarray(values, dtype=float))
        return np.where(size < 10, size / 10, 1 + np.log10(np.maximum(size, 10) / 10))

    def ticks(self, most: int = 5) -> list[float]:
        """Round values to label, ``most`` at the most."""
        if self.log:
            powers = [10.0**k for k in range(1, 19) if 10**k <= self.high]
            return [0.0, *powers[:: -(-len(powers) // (most - 1)) or 1]]
        span = (self.high - self.low) or 1
        power = 10.0 ** floor(log10(span / most))
        step = next(power * k for k in (1, 2, 2.5, 5, 10) if power * k * most >= span * 0.999)
        if self.shown is number:
            step = max(step, 1.0)
        first = int(np.ceil(self.low / step - 1e-9))
        return [k * step + 0.0 for k in range(first, int(self.high / step + 1e-9) + 1)]


@dataclass(frozen=True)
class Bar:
    """A bar of a row; ``sure`` is False for what may or may not be, ``thin`` for an interval."""

    low: float
    high: float
    color: str
    sure: bool = True
    thin: bool = False


@dataclass(frozen=True)
class Row:
    """A named value with its bars.

    ``dot`` is a value to mark, ``tip`` what hovering shows, ``note`` what a wide page has beside
    the name.
    """

    name: str
    value: str
    bars: tuple[Bar, ...] = ()
    dot: float | None = None
    tip: str = ""
    note: str = ""


@dataclass(frozen=True)
class Rows:
    """Horizontal bars, one row below the other; ``rules`` are values with a line and a text."""

    rows: tuple[Row, ...]
    x: Axis
    rules: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True)
class Series:
    """Values at equal distances; ``hollow`` marks those that are incomplete.

    ``low`` and ``high`` are drawn as a band, where they are not NaN.
    """

    y: np.ndarray
    color: str
    kind: Literal["line", "columns"] = "line"
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    hollow: np.ndarray | None = None


@dataclass(frozen=True)
class Plot:
    """Series over the same positions."""

    title: str
    series: tuple[Series, ...]
    y: Axis
    height: int = 100


@dataclass(frozen=True)
class Scatter:
    """Points with a diagonal; groups of x, y and a color."""

    points: tuple[tuple[np.ndarray, np.ndarray, str], ...]
    x: Axis
    y: Axis
    height: int = 320


Panel = Rows | Plot | Scatter


@dataclass(frozen=True, eq=False)
class Drawing:
    """What is drawn: panels from top to bottom, and the texts around them.

    Parameters
    ----------
    title, alt
        The finding in one line; the alternative text, with the numbers.
    panels
        What is drawn; nothing for a chart that says why there is nothing to draw.
    names, tips
        Labels of the positions of `Plot` panels (two lines are separated by a line break), and
        what hovering over each position shows.
    legend
        Colors and what they mean.
    axis
        What the positions of `Plot` panels are.
    data, what
        The figures behind it, offered as CSV, and the name of that file without its ending.
    sandbox
        Whether it is stamped as made-up data.
    """

    title: str
    alt: str
    panels: tuple[Panel, ...] = ()
    names: tuple[str, ...] = ()
    tips: tuple[str, ...] = ()
    legend: tuple[tuple[str, str], ...] = ()
    axis: str = ""
    data: pd.DataFrame | None = field(default=None, repr=False)
    what: str = "figures"
    sandbox: bool = False


def shares(value: float) -> str:
    """A share as a percentage on an axis, to either side of 0."""
    return f"{abs(value) * 100:g} %"


def days(index: Sequence[Any], step: str) -> tuple[str, ...]:
    """Labels of days, weeks or months in order, with the year at the first and where it changes."""
    names, year = [], 0
    for day in index:
        text = f"{day:%b}" if step == "month" else f"{day:%b} {day.day}"
        names.append(f"{text}\n{day.year}" if day.year != year else text)
        year = day.year
    return tuple(names)
