"""Whether the endpoints share one quota: not documented, so it is learned from the responses.

Until the responses show otherwise, all endpoints count against one quota, which is always safe.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MIN_OTHERS = 5
"""Requests to other endpoints that must lie between two responses before they are compared."""
ROUNDS = 2
"""Comparisons in a row that must show the same."""


@dataclass
class Anchor:
    """A response of one endpoint that later ones are compared with."""

    number: int
    at: float
    remaining: int
    last: int


@dataclass
class Sharing:
    """What each endpoint's responses say about a common quota.

    Parameters
    ----------
    told
        The limit that each endpoint last told; different limits mean separate quotas.
    anchors
        By endpoint.
    rounds
        How often in a row the other endpoints' requests cost this endpoint nothing.
    """

    told: dict[str, int] = field(default_factory=dict)
    anchors: dict[str, Anchor] = field(default_factory=dict)
    rounds: int = 0

    @property
    def separate_quotas(self) -> bool:
        """Whether each endpoint has a quota of its own."""
        return len(set(self.told.values())) > 1 or self.rounds >= ROUNDS

    def anchor(self, endpoint: str, number: int, remaining: int, now: float) -> Anchor | None:
        """The response to compare this one with; None if there is none.

        The number remaining falls during a window. Once it has risen, a new window has begun or
        requests have left a sliding one, and the comparison starts over.
        """
        anchor = self.anchors.get(endpoint)
        if anchor is None or remaining > anchor.last:
            self.anchors[endpoint] = Anchor(number, now, remaining, remaining)
            return None
        anchor.last = remaining
        return anchor if number > anchor.number else None

    def judge(
        self, endpoint: str, number: int, remaining: int, now: float, same: int, others: int
    ) -> None:
        """Compare a response with its anchor.

        Parameters
        ----------
        endpoint, number, remaining, now
            The response.
        same, others
            Requests to this endpoint, and to the others, that were counted between the two.
        """
        if others < MIN_OTHERS:
            return
        slack = others // MIN_OTHERS
        fell = self.anchors[endpoint].remaining - remaining
        if fell >= same + others - slack:
            self.rounds = 0
        elif max(1, same - slack) <= fell <= same + slack:
            self.rounds += 1
        self.anchors[endpoint] = Anchor(number, now, remaining, remaining)
