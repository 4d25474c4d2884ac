"""A made-up ledger, for looking at before one's own holds anything."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from engagement_nb.usage.contract import Contract
from engagement_nb.usage.ledger import Ledger

NAMES = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "iris", "jade")


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
    accounts = {str(7_000_000_000 + n): f"{NAMES[n % 10]}_{n // 10}" for n in range(75)}
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
