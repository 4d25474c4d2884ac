"""Figures for readers: pure functions from numbers and tables to charts.

A chart is drawn once, as SVG that fits every width. Its title says the finding. It has colors for
any color vision, an alternative text with the numbers, its figures as CSV, and a stamp for sandbox
data. One without panels says why there is nothing to draw.
"""

from __future__ import annotations

from engagement_nb.charts.chart import Chart
from engagement_nb.charts.figures import (
    bridge,
    definitions,
    evidence,
    growth,
    hidden_by,
    totals,
    trend,
    tweets,
)

__all__ = ["Chart", "bridge", "definitions", "evidence", "growth", "hidden_by", "totals",
           "trend", "tweets"]  # fmt: skip
