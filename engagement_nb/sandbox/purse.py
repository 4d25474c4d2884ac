"""What API v2 costs: credits, the spending cap, the monthly cap, and what was read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from engagement_nb.apis.v2 import PRICES
from engagement_nb.sandbox.problems import NO_CREDITS, SPEND_CAP, USAGE_CAP, ProblemError
from engagement_nb.sandbox.settings import Settings


class Purse:
    """The money and the caps of one developer account.

    Parameters
    ----------
    settings
        ``credits``, ``spend_cap`` and ``post_cap``.

    Attributes
    ----------
    spent
        Dollars spent since the start.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.spent = 0.0
        # By UTC day: what was billed, and the Posts that count for the monthly cap.
        self._billed: defaultdict[str, set[str]] = defaultdict(set)
        self._reads: defaultdict[str, int] = defaultdict(int)

    @property
    def balance(self) -> float:
        """Dollars left; a little below 0 after the last paid request."""
        return round(self.settings.credits - self.spent, 6)

    def check(self, now: datetime) -> None:
        """Refuse a request if there is no money, or a cap is reached.

        Raises
        ------
        ProblemError
            With status 402, 403 or 429.
        """
        host, cap = self.settings.problem_host, self.settings.spend_cap
        if self.balance <= 0:
            raise ProblemError(NO_CREDITS, host, account_id="7000000001")
        if cap is not None and self.spent >= cap:
            raise ProblemError(SPEND_CAP, host, account_id="7000000001")
        if self._month(now) >= self.settings.post_cap:
            raise ProblemError(
                USAGE_CAP, host, account_id="7000000001", product_name="pay-per-use",
                period="Monthly", scope="Product",
            )  # fmt: skip

    def charge(
        self, now: datetime, posts: Iterable[str], users: Iterable[str] = (), *, owned: bool = False
    ) -> None:
        """Bill what a response returned; each thing once per UTC day.

        Parameters
        ----------
        now
            The present moment.
        posts, users
            Ids.
        owned
            Whether it is a timeline of the user who owns the app: cheaper, and not counted for
            the monthly cap.
        """
        day = f"{now:%Y-%m-%d}"
        for kind, ids in (("post", posts), ("user", users)):
            new = {f"{kind} {number}" for number in ids} - self._billed[day]
            self._billed[day] |= new
            if kind == "user":
                self.spent += len(new) * PRICES.user
                continue
            self.spent += len(new) * (PRICES.owned if owned else PRICES.post)
            if not owned:
                self._reads[day] += len(new)

    def usage(self, now: datetime, days: int) -> dict[str, Any]:
        """Give what ``/2/usage/tweets`` gives."""
        listed = [now - timedelta(days=back) for back in range(days)]
        usage = [
            {"date": f"{day:%Y-%m-%dT00:00:00.000Z}", "usage": str(self._reads[f"{day:%Y-%m-%d}"])}
            for day in listed
        ]
        return {
            "data": {
                "cap_reset_day": 1,
                "project_cap": str(self.settings.post_cap),
                "project_id": "7000000001",
                "project_usage": str(self._month(now)),
                "daily_project_usage": {"project_id": "7000000001", "usage": usage},
            }
        }

    def credits(self, now: datetime) -> dict[str, Any]:
        """Give what ``/2/usage/credits`` gives."""
        free = {
            "amount": self.settings.credits,
            "expires_at": f"{now + timedelta(days=90):%Y-%m-%dT00:00:00.000Z}",
        }
        return {
            "data": {
                "free_balance": self.balance,
                "free_grants": [free],
                "prepaid_balance": 0.0,
                "total_balance": self.balance,
            }
        }

    def _month(self, now: datetime) -> int:
        month = f"{now:%Y-%m-}"
        return sum(count for day, count in self._reads.items() if day.startswith(month))
