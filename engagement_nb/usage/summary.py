"""The present billing month and the past ones, counted from a ledger's records."""

from __future__ import annotations

import html
import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from engagement_nb.usage.contract import Contract
from engagement_nb.usage.ledger import Ledger, canonical_ids, ids_of_handles

if TYPE_CHECKING:
    from engagement_nb.charts import Chart

_DAY = timedelta(days=1)
_NAMES = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "iris", "jade")


@dataclass(frozen=True, eq=False)
class Usage:
    """Handles queried, by billing month.

    Parameters
    ----------
    contract
        What the contract says.
    begins, ends
        First and last day of this billing month, in the contract's zone.
    today
        The day that it is looked at.
    handles
        One row a handle of this billing month: ``user_id``, ``handle``, ``first_day``,
        ``days`` (on how many days it was queried), ``new`` (in no earlier month).
    months
        One row a billing month, the latest first: ``begins``, ``ends``, ``handles``, ``new``
        (in no earlier month).
    by_day
        Handles of this billing month so far, by day.
    before
        The same for the billing month before, by days since its beginning.
    forecast
        Handles that this billing month may come to.
    forecast_from
        How the forecast was made, in words.
    sandbox
        Whether it is the sandbox's count.
    """

    contract: Contract
    begins: date
    ends: date
    today: date
    handles: pd.DataFrame
    months: pd.DataFrame
    by_day: pd.Series
    before: pd.Series
    forecast: int
    forecast_from: str
    sandbox: bool

    @property
    def count(self) -> int:
        """Handles of this billing month."""
        return len(self.handles)

    @property
    def left(self) -> int | None:
        """Handles left of the contract, negative when over; None without a number."""
        return None if self.contract.handles is None else self.contract.handles - self.count

    @property
    def sentence(self) -> str:
        """The answer in a few words."""
        what = "SANDBOX handles" if self.sandbox else "handles"
        text = (
            f"{self.count:,} {what} in the billing month {self.begins} to {self.ends}"
            f" ({self.contract.zone})"
        )
        if self.left is not None:
            text += f", of {self.contract.handles:,} in the contract"
            over = f"{-self.left:,} over" if self.sandbox else f"{-self.left:,} over, billed"
            text += f": {self.left:,} left" if self.left >= 0 else f": {over}"
        new = int(self.handles["new"].sum())
        tail = f"; {new:,} new this month" if len(self.months) > 1 else ""
        beyond = self.contract.handles is not None and self.forecast > self.contract.handles
        over = ", over the contract" if beyond else ""
        forecast = f"; forecast {self.forecast:,}{over} ({self.forecast_from})"
        return f"{text}{tail}{forecast if self.forecast else ''}."

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain values for JSON."""
        return {
            "begins": str(self.begins),
            "ends": str(self.ends),
            "zone": self.contract.zone,
            "handles": self.count,
            "contracted": self.contract.handles,
            "left": self.left,
            "new": self.handles.loc[self.handles["new"], "user_id"].tolist(),
            "forecast": self.forecast,
            "forecast_from": self.forecast_from,
            "sandbox": self.sandbox,
            "users": _plain(self.handles),
            "months": _plain(self.months),
        }

    def __repr__(self) -> str:
        return self.sentence

    def _repr_html_(self) -> str:
        months = str(self.months.to_html(index=False, border=0))
        return f"<p>{html.escape(self.sentence)}</p>{months}"

    def plot(self) -> Chart:
        """Handles of this billing month by day, against the contract and the month before."""
        # Every fetch counts handles; only this draws, so only this imports matplotlib.
        from engagement_nb.charts.style import BLUE, FAINT, GREY, INK, RED, Chart

        length = (self.ends - self.begins).days + 1
        contracted = self.contract.handles
        elapsed = (self.today - self.begins).days

        def draw(axes: Any, narrow: bool) -> None:
            if len(self.before):
                axes.step(
                    self.before.index, self.before, where="post", color=GREY, lw=1.4,
                    label="the month before",
                )  # fmt: skip
            axes.step(
                range(len(self.by_day)), self.by_day, where="post", color=BLUE, lw=2.4,
                label="this month",
            )  # fmt: skip
            axes.plot(
                [elapsed, length - 1], [self.count, self.forecast], color=BLUE, lw=1.4, ls=":"
            )
            axes.annotate(
                f"forecast {self.forecast:,}", (length - 1, self.forecast), xytext=(0, 6),
                textcoords="offset points", ha="right", color=BLUE,
            )  # fmt: skip
            if contracted:
                axes.axhline(contracted, color=RED, lw=1.4, ls="--", label="contracted")
            top = max(
                self.forecast, contracted or 0, int(self.before.max() if len(self.before) else 0)
            )
            axes.set_ylim(0, max(top, 1) * 1.18)
            axes.set_xlim(0, length - 0.5)
            step = 10 if narrow else 5
            ticks = list(range(0, length, step))
            axes.set_xticks(ticks, [f"{self.begins + t * _DAY:%d %b}" for t in ticks])
            axes.set_ylabel("handles", color=INK)
            axes.grid(axis="y", color=FAINT, lw=0.6)
            axes.set_axisbelow(True)
            axes.legend(frameon=False, loc="upper left", ncols=1 if narrow else 3)

        limit = f", contracted are {contracted:,}" if contracted else ""
        alt = (
            f"Handles queried by day of the billing month from {self.begins}: {self.count:,} by"
            f" {self.today}, forecast {self.forecast:,}{limit}."
        )
        title = "Handles queried this billing month"
        return Chart(title, alt, draw, height=3.2, narrow_height=3.4, sandbox=self.sandbox)


def summarize_usage(
    ledger: Ledger | None = None, when: datetime | None = None, *, sandbox: bool = False
) -> Usage:
    """Count the handles of this billing month and the past ones.

    Parameters
    ----------
    ledger
        Whose records; the user's own when not given.
    when
        The moment to look from; now when not given.
    sandbox
        Whether to count what was asked of the sandbox instead.

    Returns
    -------
    Usage

    Notes
    -----
    The forecast expects the handles of last month that have not come yet to come again, and
    newcomers at the past months' rate for the days that are left. Without a past month, those
    of this month's first day on record are taken for the ones that one works with, and
    newcomers since then go on at their rate.
    """
    ledger = ledger or Ledger()
    contract = ledger.contract
    today = contract.day_of(when or datetime.now(UTC))
    found = _same_people(ledger.records())
    found = found[(found["sandbox"] == sandbox) & (found["day"] <= today)]
    begins = pd.Series([contract.month_of(day)[0] for day in found["day"]], index=found.index)
    found = found.assign(begins=begins.astype(object))
    first, after = contract.month_of(today)
    earlier = set(found.loc[found["day"] < first, "user_id"])
    mine = found[found["day"] >= first]
    months = _months(found, contract, first)
    last_begins = contract.month_of(first - _DAY)[0]
    last = found[found["begins"] == last_begins]
    forecast, how = _forecast(mine, last, months, today, after - _DAY)
    return Usage(
        contract=contract,
        begins=first,
        ends=after - _DAY,
        today=today,
        handles=_handles(mine, earlier),
        months=months,
        by_day=_by_day(mine, first, (today - first).days + 1),
        before=_by_day(last, last_begins, (first - last_begins).days if len(last) else 0),
        forecast=forecast,
        forecast_from=how,
        sandbox=sandbox,
    )


def _same_people(records: pd.DataFrame) -> pd.DataFrame:
    """Records by handle alone under the user id that another record gives that handle."""
    ids = ids_of_handles(zip(records["user_id"], records["handle"], strict=True))
    return records.assign(user_id=canonical_ids(records["user_id"], ids))


def _handles(mine: pd.DataFrame, earlier: set[str]) -> pd.DataFrame:
    rows = [
        {
            "user_id": user,
            "handle": next((name for name in records["handle"] if name), ""),
            "first_day": records["day"].min(),
            "days": records["day"].nunique(),
            "new": user not in earlier,
        }
        for user, records in mine.groupby("user_id")
    ]
    frame = pd.DataFrame(rows, columns=["user_id", "handle", "first_day", "days", "new"])
    return frame.astype({"new": "bool"}).sort_values(["first_day", "user_id"], ignore_index=True)


def _months(found: pd.DataFrame, contract: Contract, this: date) -> pd.DataFrame:
    rows = []
    seen: set[str] = set()
    for begins in sorted({*found["begins"], this}):
        users = set(found.loc[found["begins"] == begins, "user_id"])
        ends = contract.month_of(begins)[1] - _DAY
        rows.append(
            {"begins": begins, "ends": ends, "handles": len(users), "new": len(users - seen)}
        )
        seen |= users
    return pd.DataFrame(rows[::-1], columns=["begins", "ends", "handles", "new"])


def _by_day(records: pd.DataFrame, begins: date, days: int) -> pd.Series:
    first = records.groupby("user_id")["day"].min().tolist()
    counts = [sum(day <= begins + i * _DAY for day in first) for i in range(days)]
    return pd.Series(counts, dtype="int64")


def _forecast(
    mine: pd.DataFrame, last: pd.DataFrame, months: pd.DataFrame, today: date, ends: date
) -> tuple[int, str]:
    counted = set(mine["user_id"])
    left = (ends - today).days
    if last.empty:
        if mine.empty:
            return 0, "nothing to go by"
        # The first day's handles are those one works with; what comes after are newcomers.
        first_days = mine.groupby("user_id")["day"].min()
        opened = first_days.min()
        newcomers = int((first_days > opened).sum())
        rate = newcomers / (today - opened).days if newcomers else 0.0
        return round(len(counted) + rate * left), "newcomers as this month so far"
    # The first month on record has nobody before it: all its handles are "new".
    past = months.iloc[1:-1]
    days = sum(
        (end - begins).days + 1 for begins, end in zip(past["begins"], past["ends"], strict=True)
    )
    rate = int(past["new"].sum()) / days if days else 0.0
    expected = len(counted | set(last["user_id"])) + rate * left
    return round(expected), "last month's handles again, and newcomers as before"


def _plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {str(k): str(v) if isinstance(v, date) else v for k, v in row.items()}
        for row in frame.to_dict("records")
    ]


def example_ledger(when: datetime | None = None, contracted: int = 80) -> Ledger:
    """A ledger in memory with four billing months of made-up use, entered as the sandbox's.

    Parameters
    ----------
    when
        The moment that it ends at; now when not given.
    contracted
        The contract's number of handles.
    """
    now = when or datetime.now(UTC)
    ledger = Ledger(f"memory://engagement_nb-example-{now:%Y%m%d%H%M%S%f}")
    ledger.contract = Contract(handles=contracted, day=15, zone="America/New_York")
    draw = random.Random(1)  # noqa: S311
    accounts = {str(7_000_000_000 + n): f"{_NAMES[n % 10]}_{n // 10}" for n in range(75)}
    clients = list(accounts)[:30]
    for back in range(115, -1, -1):
        day = now - timedelta(days=back)
        # A report a week on all clients, and now and then a look at somebody new.
        asked = list(clients) if back % 7 == 0 else draw.sample(clients, 2)
        if draw.random() < 0.35 and len(clients) < len(accounts):
            clients.append(list(accounts)[len(clients)])
            asked.append(clients[-1])
        ledger.record({user: accounts[user] for user in asked}, day, sandbox=True)
    return ledger
