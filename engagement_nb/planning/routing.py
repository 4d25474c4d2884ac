"""Who to ask for which Tweet, and in the fewest requests, given what is known so far.

The plan's price and the run itself use the same function, `requests_for`, so that the price is
that of the road really taken.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from engagement_nb.availability import too_old
from engagement_nb.client import Request
from engagement_nb.planning.periods import Window
from engagement_nb.usage import user_of
from engagement_nb.vocabulary import METRICS

if TYPE_CHECKING:
    from engagement_nb.client.credentials import Profile
    from engagement_nb.planning.plan import Plan


class Lane(NamedTuple):
    """A way to ask: whose tokens, which authentication, which metrics."""

    profile: int
    auth: Literal["user", "app"]
    metrics: tuple[str, ...]


@dataclass
class Known:
    """What is known of Tweets' owners and of the tokens; `engagement_nb.collect` adds to it.

    Parameters
    ----------
    owners
        User id of the owner, by Tweet id, where it is known.
    refused
        Profiles (their index in the plan) that a Tweet was refused to.
    dead
        Profile and kind of authentication that are no longer accepted.
    proven
        Tweets that a profile's tokens were accepted for, so that no trial is needed.
    denied
        Metrics that the API refused to give, by kind of authentication.
    counted
        The plan's handles: user tokens of no other are used, as whoever agreed to the plan
        agreed to these. None while it is made.
    """

    owners: dict[str, str] = field(default_factory=dict)
    refused: dict[str, set[int]] = field(default_factory=dict)
    dead: set[tuple[int, str]] = field(default_factory=set)
    proven: dict[str, int] = field(default_factory=dict)
    denied: dict[str, set[str]] = field(default_factory=dict)
    counted: Collection[str] | None = None

    def owned(self, tweet_id: str) -> bool:
        """Whether it is known whose tokens to ask with."""
        return tweet_id in self.owners or tweet_id in self.proven

    def may_count(self, profile: Profile) -> bool:
        """Whether a profile's user tokens may be used without counting a handle unannounced."""
        return self.counted is None or user_of(profile) in self.counted


def requests_for(
    plan: Plan,
    known: Known,
    outstanding: Mapping[Window | None, Collection[str]],
    *,
    probe: bool = False,
) -> tuple[list[Request], dict[str, str]]:
    """Form the fewest requests for what is outstanding, given what is known.

    Parameters
    ----------
    plan
        What is wanted.
    known
        What is known of owners and tokens.
    outstanding
        Tweets still to ask for, by window.
    probe
        Whether Tweets of unknown owner are asked for in one window only, so that a refusal
        costs one request, not one a window. It is the last window, which all Tweets are in.

    Returns
    -------
    requests
        In the order in which to send them.
    hopeless
        Reason by Tweet id, for Tweets that nobody is left to ask for.
    """
    hopeless: dict[str, str] = {}
    requests: list[Request] = []
    route = router(plan, known)
    probed: set[str] = set()
    for window in reversed(plan.windows):
        lanes: dict[Lane, list[str]] = {}
        for tweet_id in outstanding.get(window, ()):
            lane, reason = route(tweet_id)
            if lane is None:
                hopeless[tweet_id] = reason
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


def router(plan: Plan, known: Known) -> Callable[[str], tuple[Lane | None, str]]:
    """A function that tells the lane of a Tweet, and why it is none or not its owner's."""
    users = [i for i, p in enumerate(plan.profiles) if p.has_user and known.may_count(p)]
    apps = [i for i, p in enumerate(plan.profiles) if p.has_app and (i, "app") not in known.dead]
    mine = {plan.profiles[i].user_id: i for i in reversed(users)}
    of_unknown_user = [i for i in users if not plan.profiles[i].user_id]
    offered = tuple(n for n in plan.offered if n not in known.denied.get("user", ()))
    public = tuple(
        name
        for name in plan.offered
        if not METRICS[name].needs_owner and name not in known.denied.get("app", ())
    )
    has_private = any(METRICS[name].needs_owner for name in offered)

    def users_for(tweet_id: str) -> tuple[list[int], str]:
        if not offered:
            return [], "metric not offered"
        owner = known.owners.get(tweet_id)
        of_owner = [mine[owner]] if owner in mine else of_unknown_user
        candidates = users if owner is None else of_owner
        untried = [i for i in candidates if i not in known.refused.get(tweet_id, ())]
        alive = [i for i in untried if (i, "user") not in known.dead]
        if alive:
            return alive, ""
        if untried:
            return [], "not authenticated"
        return [], "not yours" if users else "needs the owner's tokens"

    def route(tweet_id: str) -> tuple[Lane | None, str]:
        if plan.endpoint.own_only:
            candidates, reason = users_for(tweet_id)
            return (Lane(candidates[0], "user", offered), "") if candidates else (None, reason)
        reason = ""
        if has_private and wants_private(plan, tweet_id):
            candidates, reason = users_for(tweet_id)
            if candidates:
                return Lane(candidates[0], "user", offered), ""
        if public and apps:
            return Lane(apps[0], "app", public), reason
        if public and not reason:
            candidates, reason = users_for(tweet_id)
            if candidates:
                return Lane(candidates[0], "user", offered), ""
        if any(auth == "app" for _, auth in known.dead):
            reason = "not authenticated"
        return None, reason or "needs the owner's tokens"

    return route


def wants_private(plan: Plan, tweet_id: str) -> bool:
    """Whether totals can give the owner more about a Tweet than it gives everybody."""
    return any(
        METRICS[name].needs_owner and not too_old(tweet_id, METRICS[name].max_age, plan.made_at)
        for name in plan.offered
    )


def _fill(lanes: dict[Lane, list[str]], plan: Plan, known: Known) -> None:
    """Let owners' half-empty requests to totals carry their own old Tweets, if that saves any."""
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
