"""Handles queried in each billing month.

A contract can limit the unique handles per billing month: the authenticated users who own the
queried Tweets. The API does not report the count and does not block; an overage is billed. So
this package keeps the count in a `Ledger`, which all runs of a user or a team share.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd

from engagement_nb.errors import HandlesWarning
from engagement_nb.usage.ledger import (
    ENV_LEDGER,
    Check,
    Contract,
    Ledger,
    canonical_ids,
    user_of,
)

__all__ = ["ENV_LEDGER", "Check", "Contract", "HandlesWarning", "Ledger", "Usage",
           "summarize_usage", "user_of"]  # fmt: skip

_DAY = timedelta(days=1)


@dataclass(frozen=True, eq=False)
class Usage:
    """Handles queried, by billing month.

    Parameters
    ----------
    contract
        The contract's terms.
    begins, ends
        First and last day of this billing month, in the contract's zone.
    handles
        One row per handle of this billing month: ``user_id``, ``handle``, ``first_day``,
        ``days`` (number of days on which it was queried), ``new`` (in no earlier month).
    months
        One row per billing month, the latest first: ``begins``, ``ends``, ``handles``, ``new``
        (in no earlier month).
    sandbox
        Whether the count is of the sandbox.
    """

    contract: Contract
    begins: date
    ends: date
    handles: pd.DataFrame
    months: pd.DataFrame
    sandbox: bool

    @property
    def count(self) -> int:
        """Handles of this billing month."""
        return len(self.handles)

    @property
    def left(self) -> int | None:
        """Handles left in the contract, negative if over; None without a limit."""
        return None if self.contract.handles is None else self.contract.handles - self.count

    @property
    def sentence(self) -> str:
        """The count, and what is left."""
        what = "SANDBOX handles" if self.sandbox else "handles"
        text = (
            f"{self.count:,} {what} in the billing month {self.begins} to {self.ends}"
            f" ({self.contract.zone})"
        )
        if self.left is not None:
            over = f"{-self.left:,} over" if self.sandbox else f"{-self.left:,} over, billed"
            left = f"{self.left:,} left" if self.left >= 0 else over
            text += f", of {self.contract.handles:,} in the contract: {left}"
        if len(self.months) > 1:
            text += f"; {int(self.handles['new'].sum()):,} new this month"
        return f"{text}."

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
            "sandbox": self.sandbox,
            "users": self.handles.astype({"first_day": str}).to_dict("records"),
            "months": self.months.astype({"begins": str, "ends": str}).to_dict("records"),
        }

    def __repr__(self) -> str:
        return self.sentence

    def _repr_html_(self) -> str:
        months = str(self.months.to_html(index=False, border=0))
        return f"<p>{html.escape(self.sentence)}</p>{months}"


def summarize_usage(
    ledger: Ledger | None = None, when: datetime | None = None, *, sandbox: bool = False
) -> Usage:
    """Count the handles of this billing month and of earlier ones.

    Parameters
    ----------
    ledger
        The ledger; by default the user's own.
    when
        The present moment; by default now.
    sandbox
        Whether to count queries of the sandbox instead.

    Returns
    -------
    Usage
    """
    ledger = ledger or Ledger()
    contract = ledger.contract
    today = contract.day_of(when or datetime.now(UTC))
    first, after = contract.month_of(today)
    records = ledger.records()
    records = records[(records["sandbox"] == sandbox) & (records["day"] <= today)]
    seen = _by_month(records, contract)
    return Usage(
        contract=contract,
        begins=first,
        ends=after - _DAY,
        handles=seen[seen["begins"] == first].drop(columns="begins").reset_index(drop=True),
        months=_months(seen, contract, first),
        sandbox=sandbox,
    )


def _by_month(records: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """One row per billing month and user, in the order in which they were first queried."""
    named = zip(records["user_id"], records["handle"], strict=True)
    seen = (
        records.assign(
            user_id=canonical_ids(records["user_id"], named),
            handle=records["handle"].replace("", pd.NA),
            begins=[contract.month_of(day)[0] for day in records["day"]],
        )
        .groupby(["begins", "user_id"], as_index=False)
        .agg(handle=("handle", "first"), first_day=("day", "min"), days=("day", "nunique"))
        .sort_values(["first_day", "user_id"])
        .fillna({"handle": ""})
    )
    return seen.assign(new=~seen["user_id"].duplicated())


def _months(seen: pd.DataFrame, contract: Contract, this: date) -> pd.DataFrame:
    months = seen.groupby("begins").agg(handles=("user_id", "size"), new=("new", "sum"))
    months = months.reindex(sorted({*months.index, this}, reverse=True), fill_value=0)
    months.insert(0, "ends", [contract.month_of(begins)[1] - _DAY for begins in months.index])
    return months.rename_axis("begins").reset_index()
