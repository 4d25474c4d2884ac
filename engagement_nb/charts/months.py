"""Handles of a billing month by day."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
from matplotlib.axes import Axes

from engagement_nb.charts.style import BLUE, GREY, INK, RED, Chart


def handles(
    by_day: pd.Series,
    *,
    begins: date,
    ends: date,
    before: pd.Series,
    forecast: int,
    contracted: int | None = None,
    sandbox: bool = False,
) -> Chart:
    """Handles of a billing month by day, with the forecast.

    Parameters
    ----------
    by_day
        Handles so far, by days since ``begins``.
    begins, ends
        First and last day of the month.
    before
        The same as ``by_day`` for the month before; may be empty.
    forecast
        Expected handles at the end.
    contracted
        The contract's number, drawn as a line.
    sandbox
        Whether to stamp it.
    """
    length, so_far = (ends - begins).days + 1, len(by_day) - 1
    count = int(by_day.iloc[-1])

    def draw(axes: Axes, narrow: bool) -> None:
        if len(before):
            axes.step(before.index, before, where="post", color=GREY, lw=1.4,
                      label="the month before")  # fmt: skip
        axes.step(by_day.index, by_day, where="post", color=BLUE, lw=2.4, label="this month")
        axes.plot([so_far, length - 1], [count, forecast], color=BLUE, lw=1.4, ls=":")
        axes.annotate(
            f"forecast {forecast:,}", (length - 1, forecast), xytext=(0, 6),
            textcoords="offset points", ha="right", color=BLUE,
        )  # fmt: skip
        if contracted:
            axes.axhline(contracted, color=RED, lw=1.4, ls="--", label="contracted")
        axes.set_ylim(0, max(forecast, contracted or 0, *before, 1) * 1.18)
        axes.set_xlim(0, length - 0.5)
        days = range(0, length, 10 if narrow else 5)
        axes.set_xticks(days, [f"{begins + timedelta(days=day):%d %b}" for day in days])
        axes.set_ylabel("handles", color=INK)
        axes.grid(axis="y")
        axes.legend(frameon=False, loc="upper left", ncols=1 if narrow else 3)

    limit = f", contracted are {contracted:,}" if contracted else ""
    alt = (
        f"Handles queried by day of the billing month from {begins}: {count:,} by"
        f" {begins + timedelta(days=so_far)}, forecast {forecast:,}{limit}."
    )
    title = "Handles queried this billing month"
    return Chart(title, alt, draw, height=3.2, narrow_height=3.4, sandbox=sandbox)
