"""Figures made for reading: pure functions from numbers to charts.

One style, colours that anybody can tell apart, an alternative text with the numbers, and a
stamp on whatever is made of sandbox data.
"""

from engagement_nb.charts.style import Chart, alt_text, figure_html, show

__all__ = ["Chart", "alt_text", "figure_html", "show"]
