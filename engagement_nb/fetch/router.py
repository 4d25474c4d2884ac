"""Choose the tokens for each Tweet, in the fewest requests, given what is known so far.

Pricing a plan and running it use the same router.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from engagement_nb.apis.availability import Window, availability
from engagement_nb.apis.contract import Auth
from engagement_nb.apis.reasons import Reason
from engagement_nb.client import Request
from engagement_nb.client.credentials import Profile
from engagement_nb.fetch.question import Question
from engagement_nb.usage import user_of


class Lane(NamedTuple):
    """A way to request Tweets: whose tokens, which authentication, which metrics."""

    profile: int
    auth: Auth
    metrics: tuple[str, ...]


@dataclass
class Known:
    """What is known about owners and tokens; `engagement_nb.fetch.state` adds to it.

    Parameters
    ----------
    owners
        The owner by Tweet id, if known: see `engagement_nb.usage.user_of`.
    refused
        By Tweet, the users that the API refused it to.
    dead
        Pairs of profile (its index in the plan) and kind of authentication that the API no longer
        accepts.
    denied
        Metrics that the API refused, by kind of authentication.
    approved_handles
        The plan's handles. User tokens of other handles are not used: whoever agreed to the plan
        agreed to these only. None while the plan is made.
    """

    owners: dict[str, str] = field(default_factory=dict)
    refused: dict[str, set[str]] = field(default_factory=dict)
    dead: set[tuple[int, str]] = field(default_factory=set)
    denied: dict[str, set[str]] = field(default_factory=dict)
    approved_handles: Collection[str] | None = None


class Router:
    """Chooses the tokens for each Tweet.

    Parameters
    ----------
    question
        What is asked.
    profiles
        Whose tokens may be used, in the order in which they are tried.
    known
        What is known about owners and tokens at this moment.
    """

    def __init__(self, question: Question, profiles: Sequence[Profile], known: Known) -> None:
        self._question = question
        self._profiles = profiles
        self._known = known
        dead, endpoint = known.dead, question.endpoint
        self._names = [user_of(profile) for profile in profiles]
        agreed = self._names if known.approved_handles is None else known.approved_handles
        self._users = [i for i, p in enumerate(profiles) if p.has_user and self._names[i] in agreed]
        self._apps = [i for i, p in enumerate(profiles) if p.has_app and (i, "app") not in dead]
        self._app_died = any(auth == "app" for _, auth in dead)
        self._by_name = {self._names[i]: i for i in reversed(self._users)}
        self._of_unknown_user = [i for i in self._users if not profiles[i].user_id]
        denied = {auth: known.denied.get(auth, set()) for auth in ("user", "app")}
        self._offered = tuple(n for n in question.offered if n not in denied["user"])
        self._public = tuple(
            n for n in question.offered if not endpoint.needs_owner(n) and n not in denied["app"]
        )
        self._has_private = any(endpoint.needs_owner(name) for name in self._offered)

    def lane(self, tweet_id: str) -> tuple[Lane | None, Reason | None]:
        """A Tweet's lane, and the reason if it has none or not its owner's.

        A lane without a reason gives every offered metric.
        """
        reason: Reason | None = None
        if self._question.endpoint.own_only:
            return self._users_lane(tweet_id)
        if self._has_private and owner_gets_more(self._question, tweet_id):
            lane, reason = self._users_lane(tweet_id)
            if lane:
                return lane, None
        if self._public and self._apps:
            return Lane(self._apps[0], "app", self._public), reason
        if self._public and not reason:
            lane, reason = self._users_lane(tweet_id)
            if lane:
                tolerant = self._question.endpoint.tolerant
                return lane if tolerant else lane._replace(metrics=self._public), None
        if self._app_died:
            reason = Reason.NOT_AUTHENTICATED
        return None, reason or Reason.NEEDS_OWNER

    def _users_lane(self, tweet_id: str) -> tuple[Lane | None, Reason | None]:
        """The lane of the user who owns a Tweet, or may own it; and why there is none."""
        if not self._offered:
            return None, Reason.METRIC_NOT_OFFERED
        owner = self._known.owners.get(tweet_id)
        own = self._by_name.get(owner or "")
        of_owner = self._of_unknown_user if own is None else [own]
        candidates = self._users if owner is None else of_owner
        refused = self._known.refused.get(tweet_id, ())
        untried = [i for i in candidates if self._names[i] not in refused]
        alive = [i for i in untried if (i, "user") not in self._known.dead]
        if alive:
            return Lane(alive[0], "user", self._offered), None
        if untried:
            return None, Reason.NOT_AUTHENTICATED
        return None, Reason.NOT_YOURS if self._users else Reason.NEEDS_OWNER

    def requests(
        self, outstanding: Mapping[Window | None, Collection[str]], *, probe: bool = False
    ) -> tuple[list[Request], dict[str, Reason]]:
        """Form the fewest requests for what is outstanding.

        Parameters
        ----------
        outstanding
            Tweets still to request, by window, the earliest first.
        probe
            Whether to request Tweets of unknown owner only in the last window, which has all
            Tweets. A refusal then costs one request instead of one per window.

        Returns
        -------
        requests
            In the order in which to send them.
        hopeless
            Reason by Tweet id, for Tweets that no remaining profile can request.
        """
        hopeless: dict[str, Reason] = {}
        requests: list[Request] = []
        probed: set[str] = set()
        for window in reversed([*outstanding]):
            lanes: dict[Lane, list[str]] = {}
            for tweet_id in outstanding[window]:
                lane, reason = self.lane(tweet_id)
                if lane is None:
                    hopeless[tweet_id] = reason or Reason.NOT_YOURS
                elif probe and lane.auth == "user" and tweet_id not in self._known.owners:
                    if tweet_id not in probed:
                        probed.add(tweet_id)
                        lanes.setdefault(lane, []).append(tweet_id)
                else:
                    lanes.setdefault(lane, []).append(tweet_id)
            self._fill(lanes)
            for lane, ids in lanes.items():
                requests += self._cut(lane, ids, window)
        return requests, hopeless

    def _cut(self, lane: Lane, ids: Sequence[str], window: Window | None) -> list[Request]:
        """Requests of a lane, each with as many Tweets as the endpoint takes."""
        size = self._question.endpoint.max_ids
        return [
            Request(
                endpoint=self._question.endpoint.name,
                tweet_ids=tuple(ids[at : at + size]),
                metrics=lane.metrics,
                by=self._question.step,
                start=window.start if window else None,
                end=window.end if window else None,
                auth=lane.auth,
                profile=self._profiles[lane.profile],
            )
            for at in range(0, len(ids), size)
        ]

    def _fill(self, lanes: dict[Lane, list[str]]) -> None:
        """Move app-only Tweets into their owners' half-empty requests, if that saves a request."""
        app = next((lane for lane in lanes if lane.auth == "app"), None)
        if app is None or not self._question.endpoint.tolerant:
            return
        size = self._question.endpoint.max_ids
        moves: list[tuple[Lane, list[str]]] = []
        for lane in lanes:
            spare = -len(lanes[lane]) % size
            owner = self._names[lane.profile]
            if lane.auth == "user" and spare:
                own = [t for t in lanes[app] if self._known.owners.get(t) == owner]
                moves.append((lane, own[:spare]))
        moved = {tweet_id for _, ids in moves for tweet_id in ids}
        before, after = len(lanes[app]), len(lanes[app]) - len(moved)
        if -(-after // size) < -(-before // size):
            for lane, ids in moves:
                lanes[lane] = lanes[lane] + ids
            lanes[app] = [t for t in lanes[app] if t not in moved]
            if not lanes[app]:
                del lanes[app]


def owner_gets_more(question: Question, tweet_id: str) -> bool:
    """Whether a question has a metric that the API gives only to a Tweet's owner."""
    endpoint = question.endpoint
    return any(
        endpoint.needs_owner(name)
        and availability(tweet_id, endpoint, name, None, question.asked_at) is None
        for name in question.offered
    )
