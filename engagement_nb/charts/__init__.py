"""Figures for readers: pure functions from numbers and tables to charts.

A chart is drawn once, as SVG that fits every width. Its title says the finding. It has colors for
any color vision, an alternative text with the numbers, its figures as CSV, and a stamp for sandbox
data.
"""

from __future__ import annotations

from engagement_nb.charts.chart import Chart, nothing
from engagement_nb.charts.months import handles
from engagement_nb.charts.shares import definitions, growth, hidden_by, trend
from engagement_nb.charts.sums import bridge, evidence, totals, tweets

__all__ = ["Chart", "bridge", "definitions", "evidence", "growth", "handles", "hidden_by",
           "nothing", "totals", "trend", "tweets"]  # fmt: skip
