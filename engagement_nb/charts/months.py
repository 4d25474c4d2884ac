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
    contracted: int | None = None,
    sandbox: bool = False,
) -> Chart:
    """Handles of a billing month by day.

    Parameters
    ----------
    by_day
        Handles so far, by days since ``begins``.
    begins, ends
        First and last day of the month.
    before
        The same as ``by_day`` for the month before; may be empty.
    contracted
        The contract's number, drawn as a line.
    sandbox
        Whether to stamp it.
    """
    length, so_far = (ends - begins).days + 1, len(by_day) - 1
    count = int(by_day.iloc[-1])
    dates = [begins + timedelta(days=day) for day in range(length)]
    now, last = np.full((2, length), np.nan)
    now[: so_far + 1] = by_day.to_numpy(dtype=float)[:length]
    last[: len(before)] = before.to_numpy(dtype=float)[:length]
    series = [Series(now, BLUE, "step")]
    legend = [(BLUE, "this month")]
    if len(before):
        series.insert(0, Series(last, GREY, "step"))
        legend.append((GREY, "the month before"))
    limit = f", contracted are {contracted:,}" if contracted else ""
    top = max(count, contracted or 0, *before, 1) * 1.1
    rules = ((float(contracted), f"contracted: {number(contracted)}"),) if contracted else ()
    data = {"day": dates, "handles": now, "month_before": last}
    return Chart(
        f"{number(count)} handles queried this billing month, which ends {ends:%Y-%m-%d}",
        f"Handles queried by day of the billing month from {begins}: {count:,} by"
        f" {begins + timedelta(days=so_far)}{limit}.",
        (Plot("handles", tuple(series), Axis(0, top), 170, rules),),
        names=days(dates, "day"),
        tips=tuple(
            f"{day}: {'to come' if np.isnan(value) else number(value)}"
            for day, value in zip(dates, now, strict=True)
        ),
        legend=tuple(legend),
        data=pd.DataFrame(data),
        what="handles",
        sandbox=sandbox,
    )
