"""Handles of a billing month by day."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd

from engagement_nb.charts.chart import Chart
from engagement_nb.charts.marks import BLUE, GREY, Axis, Plot, Series, days
from engagement_nb.words import number


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
    dates = [begins + timedelta(days=day) for day in range(length)]
    now, last, ahead = np.full((3, length), np.nan)
    now[: so_far + 1] = by_day.to_numpy(dtype=float)[:length]
    ahead[so_far:] = np.linspace(count, forecast, length - so_far)
    last[: len(before)] = before.to_numpy(dtype=float)[:length]
    series = [Series(now, BLUE, "step"), Series(ahead, BLUE, "dotted")]
    legend = [(BLUE, "this month; dotted: the forecast")]
    if len(before):
        series.insert(0, Series(last, GREY, "step"))
        legend.append((GREY, "the month before"))
    limit = f", contracted are {contracted:,}" if contracted else ""
    top = max(forecast, contracted or 0, *before, 1) * 1.1
    rules = ((float(contracted), f"contracted: {number(contracted)}"),) if contracted else ()
    data = {"day": dates, "handles": now, "month_before": last, "forecast": ahead}
    return Chart(
        f"{number(count)} handles queried this billing month, {number(forecast)} expected by"
        f" {ends:%Y-%m-%d}",
        f"Handles queried by day of the billing month from {begins}: {count:,} by"
        f" {begins + timedelta(days=so_far)}, forecast {forecast:,}{limit}.",
        (Plot("handles", tuple(series), Axis(0, top), 170, rules),),
        names=days(dates, "day"),
        tips=tuple(
            f"{day}: {number(value if so else guess)}{'' if so else ' expected'}"
            for day, value, guess, so in zip(dates, now, ahead, ~np.isnan(now), strict=True)
        ),
        legend=tuple(legend),
        data=pd.DataFrame(data),
        what="handles",
        sandbox=sandbox,
    )
