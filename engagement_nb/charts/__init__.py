"""Figures for readers: pure functions from numbers and tables to charts.

All have one style, colors for any color vision, an alternative text with the numbers, and a stamp
for sandbox data. The functions are loaded on first use, because matplotlib takes half a second.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engagement_nb.charts.months import handles
    from engagement_nb.charts.shares import definitions, growth, hidden_by, trend
    from engagement_nb.charts.style import Chart, alt_text, figure_html, nothing, show
    from engagement_nb.charts.sums import bridge, evidence, totals, tweets

_HOME = {
    **dict.fromkeys(("Chart", "alt_text", "figure_html", "nothing", "show"), "style"),
    **dict.fromkeys(("bridge", "evidence", "totals", "tweets"), "sums"),
    **dict.fromkeys(("definitions", "growth", "hidden_by", "trend"), "shares"),
    "handles": "months",
}

__all__ = ["Chart", "alt_text", "bridge", "definitions", "evidence", "figure_html", "growth",
           "handles", "hidden_by", "nothing", "show", "totals", "trend", "tweets"]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
