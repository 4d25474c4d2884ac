"""Whether the endpoints share one quota: not published, so learned from the answers.

Until the answers show otherwise the endpoints are taken to share it, which is safe either way.
"""

from __future__ import annotations

from dataclasses import dataclass, field

ENOUGH = 5
"""Requests of other endpoints that have to lie between two answers for them to tell anything."""
ROUNDS = 2
"""Times that they have to tell the same."""


@dataclass
class Anchor:
    """An answer of one endpoint, with which later ones are compared."""

    number: int
    at: float
    remaining: int
    last: int


@dataclass
class Sharing:
    """What the answers of each endpoint say about a common quota.

    Parameters
    ----------
    told
        The limit that each endpoint last told; if they differ, there is more than one quota.
    anchors
        By endpoint.
    rounds
        How often in a row the other endpoints' requests cost this endpoint nothing.
    """

    told: dict[str, int] = field(default_factory=dict)
    anchors: dict[str, Anchor] = field(default_factory=dict)
    rounds: int = 0

    @property
    def apart(self) -> bool:
        """Whether each endpoint has a quota of its own."""
        return len(set(self.told.values())) > 1 or self.rounds >= ROUNDS

    def anchor(self, endpoint: str, number: int, remaining: int, now: float) -> Anchor | None:
        """The answer to compare this one with; None where it can't be compared.

        What is left falls while a window lasts; where it has risen, a new one has begun, or
        requests have left a sliding one, and the comparison begins anew.
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
        """Compare an answer with its anchor.

        Parameters
        ----------
        endpoint, number, remaining, now
            The answer.
        same, others
            Requests of this endpoint, and of the others, that were counted between the two.
        """
        if others < ENOUGH:
            return
        slack = others // ENOUGH
        fell = self.anchors[endpoint].remaining - remaining
        if fell >= same + others - slack:
            self.rounds = 0
        elif max(1, same - slack) <= fell <= same + slack:
            self.rounds += 1
        self.anchors[endpoint] = Anchor(number, now, remaining, remaining)
