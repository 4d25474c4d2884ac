"""Posts read from an API that bills each of them once per UTC day, and what they cost.

Records are files that are created once and never changed, beside those of handles::

    reads/live/2026-11-23/RANDOM.json      reads/sandbox/...
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime

from engagement_nb.errors import DatasetError
from engagement_nb.store import Store
from engagement_nb.usage.ledger import Ledger

_KINDS = {False: "live", True: "sandbox"}


class Reads:
    """The record of billed reads.

    Parameters
    ----------
    ledger
        The usage ledger that it is kept in; by default the one of this machine.
    sandbox
        Whether these are reads from a sandbox, which nobody bills.
    """

    def __init__(self, ledger: Ledger | None = None, *, sandbox: bool = False) -> None:
        address = (ledger or Ledger()).address
        self._store = Store(f"{str(address).rstrip('/')}/reads/{_KINDS[sandbox]}")

    def record(self, tweet_ids: Iterable[str], when: datetime, *, price: float) -> None:
        """Record Posts that a response returned.

        Parameters
        ----------
        tweet_ids
            The Posts.
        when
            When the response arrived.
        price
            What each of them costs, in US dollars.
        """
        ids = list(dict.fromkeys(tweet_ids))
        if ids:
            name = f"{_day(when)}/{uuid.uuid4().hex}.json"
            self._store.publish_record(name, {"price": price, "ids": ids})

    def of_day(self, when: datetime) -> dict[str, float]:
        """Posts read on the UTC day of a moment, with what each was billed: its highest price."""
        billed: dict[str, float] = {}
        for name in self._store.names(_day(when)):
            try:
                told = self._store.read_record(f"{_day(when)}/{name}")
                price, ids = float(told["price"]), [str(tweet_id) for tweet_id in told["ids"]]
            except (OSError, DatasetError, ValueError, KeyError, TypeError):
                continue  # Another program's file, or one that is being written.
            for tweet_id in ids:
                billed[tweet_id] = max(price, billed.get(tweet_id, 0.0))
        return billed

    def cost(self, tweet_ids: Iterable[str], when: datetime, *, price: float) -> float:
        """What reading these Posts would add to the bill of that UTC day, in US dollars."""
        billed = self.of_day(when)
        return sum(max(0.0, price - billed.get(tweet_id, 0.0)) for tweet_id in {*tweet_ids})


def _day(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d}"
