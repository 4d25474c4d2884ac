"""Choose the tokens for each Tweet, in the fewest requests, given what is known so far.

Pricing a plan and running it use the same function, `requests_for`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from engagement_nb.apis.availability import Window, availability
from engagement_nb.apis.reasons import Reason
from engagement_nb.client import Request
from engagement_nb.client.credentials import Profile
from engagement_nb.planning.plan import Plan
from engagement_nb.usage import user_of


class Lane(NamedTuple):
    """A way to request Tweets: whose tokens, which authentication, which metrics."""

    profile: int
    auth: Literal["user", "app"]
    metrics: tuple[str, ...]


@dataclass
class Known:
    """What is known about owners and tokens; `engagement_nb.collect` adds to it.

    Parameters
    ----------
    owners
        User id of the owner, by Tweet id, if known.
    refused
        By Tweet, the profiles (their index in the plan) that the API refused it to.
    dead
        Pairs of profile and kind of authentication that the API no longer accepts.
    proven
        By Tweet, the profile whose tokens were accepted, so no trial is needed.
    denied
        Metrics that the API refused, by kind of authentication.
    approved_handles
        The plan's handles. User tokens of other handles are not used: whoever agreed to the plan
        agreed to these only. None while the plan is made.
    """

    owners: dict[str, str] = field(default_factory=dict)
    refused: dict[str, set[int]] = field(default_factory=dict)
    dead: set[tuple[int, str]] = field(default_factory=set)
    proven: dict[str, int] = field(default_factory=dict)
    denied: dict[str, set[str]] = field(default_factory=dict)
    approved_handles: Collection[str] | None = None

    def owned(self, tweet_id: str) -> bool:
        """Whether it is known whose tokens to use."""
        return tweet_id in self.owners or tweet_id in self.proven

    def approved(self, profile: Profile) -> bool:
        """Whether a profile's user tokens may be used: the plan names its handle."""
        return self.approved_handles is None or user_of(profile) in self.approved_handles


def requests_for(
    plan: Plan,
    known: Known,
    outstanding: Mapping[Window | None, Collection[str]],
    *,
    probe: bool = False,
) -> tuple[list[Request], dict[str, Reason]]:
    """Form the fewest requests for what is outstanding, given what is known.

    Parameters
    ----------
    plan
        What to request.
    known
        What is known about owners and tokens.
    outstanding
        Tweets still to request, by window.
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
    route = router(plan, known)
    probed: set[str] = set()
    for window in reversed(plan.windows):
        lanes: dict[Lane, list[str]] = {}
        for tweet_id in outstanding.get(window, ()):
            lane, reason = route(tweet_id)
            if lane is None:
                hopeless[tweet_id] = reason or Reason.NOT_YOURS
            elif probe and lane.auth == "user" and not known.owned(tweet_id):
                if tweet_id not in probed:
                    probed.add(tweet_id)
                    lanes.setdefault(lane, []).append(tweet_id)
            else:
                lanes.setdefault(lane, []).append(tweet_id)
        _fill(lanes, plan, known)
        for lane, ids in lanes.items():
            requests += [
                Request(
                    endpoint=plan.endpoint.name,
                    tweet_ids=tuple(ids[at : at + plan.endpoint.max_ids]),
                    metrics=lane.metrics,
                    by=plan.by,
                    start=window.start if window else None,
                    end=window.end if window else None,
                    auth=lane.auth,
                    profile=plan.profiles[lane.profile],
                )
                for at in range(0, len(ids), plan.endpoint.max_ids)
            ]
    return requests, hopeless


def router(plan: Plan, known: Known) -> Callable[[str], tuple[Lane | None, Reason | None]]:
    """A function that gives a Tweet's lane, and the reason if it has none or not its owner's.

    A lane without a reason gives every offered metric.
    """
    users = [i for i, p in enumerate(plan.profiles) if p.has_user and known.approved(p)]
    apps = [i for i, p in enumerate(plan.profiles) if p.has_app and (i, "app") not in known.dead]
    mine = {plan.profiles[i].user_id: i for i in reversed(users)}
    of_unknown_user = [i for i in users if not plan.profiles[i].user_id]
    offered = tuple(n for n in plan.offered if n not in known.denied.get("user", ()))
    public = tuple(
        name
        for name in plan.offered
        if not plan.endpoint.needs_owner(name) and name not in known.denied.get("app", ())
    )
    has_private = any(plan.endpoint.needs_owner(name) for name in offered)

    def users_for(tweet_id: str) -> tuple[list[int], Reason | None]:
        if not offered:
            return [], Reason.METRIC_NOT_OFFERED
        owner = known.owners.get(tweet_id)
        of_owner = [mine[owner]] if owner in mine else of_unknown_user
        candidates = users if owner is None else of_owner
        untried = [i for i in candidates if i not in known.refused.get(tweet_id, ())]
        alive = [i for i in untried if (i, "user") not in known.dead]
        if alive:
            return alive, None
        if untried:
            return [], Reason.NOT_AUTHENTICATED
        return [], Reason.NOT_YOURS if users else Reason.NEEDS_OWNER

    def route(tweet_id: str) -> tuple[Lane | None, Reason | None]:
        reason: Reason | None = None
        if plan.endpoint.own_only:
            candidates, reason = users_for(tweet_id)
            return (Lane(candidates[0], "user", offered), None) if candidates else (None, reason)
        if has_private and owner_gets_more(plan, tweet_id):
            candidates, reason = users_for(tweet_id)
            if candidates:
                return Lane(candidates[0], "user", offered), None
        if public and apps:
            return Lane(apps[0], "app", public), reason
        if public and not reason:
            candidates, reason = users_for(tweet_id)
            if candidates:
                return Lane(candidates[0], "user", offered), None
        if any(auth == "app" for _, auth in known.dead):
            reason = Reason.NOT_AUTHENTICATED
        return None, reason or Reason.NEEDS_OWNER

    return route


def owner_gets_more(plan: Plan, tweet_id: str) -> bool:
    """Whether the plan has a metric that the API gives only to a Tweet's owner."""
    endpoint = plan.endpoint
    return any(
        endpoint.needs_owner(name)
        and availability(tweet_id, endpoint, name, None, plan.made_at) is None
        for name in plan.offered
    )


def _fill(lanes: dict[Lane, list[str]], plan: Plan, known: Known) -> None:
    """Move app-only Tweets into their owners' half-empty requests, if that saves a request."""
    app = next((lane for lane in lanes if lane.auth == "app"), None)
    if app is None:
        return
    size = plan.endpoint.max_ids
    moves: list[tuple[Lane, list[str]]] = []
    for lane in lanes:
        spare = -len(lanes[lane]) % size
        owner = plan.profiles[lane.profile].user_id
        if lane.auth == "user" and spare:
            own = [t for t in lanes[app] if known.owners.get(t) == owner]
            moves.append((lane, own[:spare]))
    moved = {tweet_id for _, ids in moves for tweet_id in ids}
    before, after = len(lanes[app]), len(lanes[app]) - len(moved)
    if -(-after // size) < -(-before // size):
        for lane, ids in moves:
            lanes[lane] = lanes[lane] + ids
        lanes[app] = [t for t in lanes[app] if t not in moved]
        if not lanes[app]:
            del lanes[app]
