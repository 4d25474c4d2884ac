"""What API v2 costs: credits, the spending cap, the monthly cap."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, Literal

from engagement_nb.apis.v2 import PRICES
from engagement_nb.sandbox.problems import NO_CREDITS, SPEND_CAP, USAGE_CAP
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
    reads
        Posts that count for the cap, by month.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.spent = 0.0
        self.reads: Counter[str] = Counter()
        # By UTC day: the ids of Posts and users.
        self._billed: defaultdict[str, set[str]] = defaultdict(set)

    def check(self) -> None:
        """Refuse a request if there is no money, or a cap is reached.

        Raises
        ------
        RefusedError
            With status 402, 403 or 429.
        """
        cap = self.settings.spend_cap
        # The last paid request may spend a little more.
        if round(self.settings.credits - self.spent, 6) <= 0:
            raise NO_CREDITS.error(account_id="7000000001")
        if cap is not None and self.spent >= cap:
            raise SPEND_CAP.error(account_id="7000000001")
        if self.reads[f"{self.settings.clock():%Y-%m}"] >= self.settings.post_cap:
            raise USAGE_CAP.error(
                account_id="7000000001", product_name="pay-per-use",
                period="Monthly", scope="Product",
            )  # fmt: skip

    def charge(
        self, kind: Literal["post", "owned", "user"], returned: Iterable[dict[str, Any]]
    ) -> None:
        """Bill what a response returned; each Post and user once per UTC day.

        Parameters
        ----------
        kind
            "owned" for the timeline of the user who owns the app: cheaper, and not counted for
            the monthly cap.
        returned
            The objects of Posts or users.
        """
        now = self.settings.clock()
        billed = self._billed[f"{now:%Y-%m-%d}"]
        new = {one["id"] for one in returned} - billed
        billed |= new
        self.spent += len(new) * float(getattr(PRICES, kind))
        if kind == "post":
            self.reads[f"{now:%Y-%m}"] += len(new)
