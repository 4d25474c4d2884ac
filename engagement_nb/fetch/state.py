"""The state of a run: which Tweets are done, which are missing, and why.

A reducer over parts: a run that was killed is in the same state once its parts are taken again,
in any order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from engagement_nb.apis.availability import Window, availability, limits
from engagement_nb.apis.reasons import Reason
from engagement_nb.apis.times import posted_before
from engagement_nb.client import Request
from engagement_nb.dataset import Part
from engagement_nb.fetch.plan import Plan
from engagement_nb.fetch.router import Known, Router, owner_gets_more
from engagement_nb.metrics.problems import ProblemLog
from engagement_nb.usage import user_of

MAX_ABSENCES = 4
"""After this many responses without a Tweet, this run stops requesting it."""


class State:
    """The state of a run, built from finished parts in any order.

    Parameters
    ----------
    plan
        What the run requests.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._question = plan.question
        self.known = Known(dict(plan.owners), approved_handles=frozenset(plan.handles))
        self._asked = plan.tweets_by_window()
        self._windows = Counter(tweet_id for ids in self._asked.values() for tweet_id in ids)
        self.outstanding: dict[Window | None, dict[str, None]] = {
            window: dict.fromkeys(ids) for window, ids in self._asked.items()
        }
        self.absences: Counter[tuple[Window | None, str]] = Counter()
        self._done: dict[str, int] = {}
        self._answered: Counter[Window | None] = Counter()
        self._gaps: dict[str, list[tuple[Reason, str]]] = {}
        self._metrics = ProblemLog()

    def router(self) -> Router:
        """Chooses tokens by what is known now."""
        return Router(self._question, self.plan.profiles, self.known)

    def take(self, part: Part) -> None:
        """Record a finished request; ignore one that does not belong to the plan."""
        window = part.request.window
        if window not in self.outstanding or not self._has_all_metrics(part):
            return
        if part.refused or part.forbidden:
            self._take_refusal(part)
        if part.refused:
            return
        waiting = self.outstanding[window]
        came: list[str] = []
        router = self.router()
        public = self._public_only(part)
        for tweet_id in part.tweet_ids:
            if tweet_id not in waiting:
                continue
            if public and owner_gets_more(self._question, tweet_id):
                lane, _ = router.lane(tweet_id)
                if lane and lane.auth == "user":
                    # An earlier run fetched it without private metrics; now it may get them.
                    continue
            if tweet_id in part.unavailable:
                self.give_up([tweet_id], Reason.UNAVAILABLE)
                continue
            if part.period and not posted_before(tweet_id, part.period.end):
                self.give_up([tweet_id], Reason.POSTED_LATER)
                continue
            del waiting[tweet_id]
            came.append(tweet_id)
            self._done[tweet_id] = self._done.get(tweet_id, 0) + 1
            self._answered[window] += 1
            if part.request.auth == "user":
                self.known.owners[tweet_id] = user_of(part.request.profile)
        if came:
            self._note_metrics(part, came)

    def note_absent(self, request: Request, part: Part) -> None:
        """Count the Tweets that a response left out; they are requested again, up to a limit."""
        window, here = request.window, {*part.tweet_ids}
        absent = [t for t in request.tweet_ids if t in self.outstanding[window] and t not in here]
        self.absences.update((window, tweet_id) for tweet_id in absent)
        often = [t for t in absent if self.absences[window, t] >= MAX_ABSENCES]
        self._drop(window, often, Reason.NO_ANSWER)

    def _has_all_metrics(self, part: Part) -> bool:
        """Whether a part, perhaps of an earlier fetch, has all metrics that its tokens can get."""
        if part.refused:
            return True
        wanted = self._question.offered
        if self._public_only(part):
            wanted = tuple(name for name in wanted if not self._question.endpoint.needs_owner(name))
        denied = self.known.denied.get(part.request.auth, set())
        return {*wanted} - denied <= {*part.request.metrics}

    def _public_only(self, part: Part) -> bool:
        """Whether a part is of a request that asked for public metrics on purpose."""
        endpoint = self._question.endpoint
        private = any(endpoint.needs_owner(name) for name in part.request.metrics)
        return part.request.auth == "app" or not (private or endpoint.tolerant)

    def _take_refusal(self, part: Part) -> None:
        forbidden = part.forbidden or (part.tweet_ids if len(part.tweet_ids) == 1 else ())
        for tweet_id in forbidden:
            self.known.refused.setdefault(tweet_id, set()).add(user_of(part.request.profile))
            if tweet_id in part.authors:
                self.known.owners[tweet_id] = part.authors[tweet_id]

    def _note_metrics(self, part: Part, came: list[str]) -> None:
        """Note which figures these Tweets lack, and why."""
        explained: dict[str, set[str]] = {}
        # A part of another fetch may have more metrics than this one asks for.
        asked = [name for name in part.request.metrics if name in self._question.offered]
        for limit in limits(self._question.endpoint, part.period, part.read_at):
            listed = {*part.unsupported.get(limit.reason, ())}
            lacking = [t for t in came if t in listed or (limit.reads_zero and limit.applies(t))]
            names = [name for name in asked if name in limit.metrics]
            self._miss(lacking, limit.reason, names)
            for name in names:
                explained.setdefault(name, set()).update(lacking)
        for name in asked:
            without = part.missing.get(name, ())
            rest = {*without} - explained.get(name, set())
            for tweet_id in [t for t in came if t in rest]:
                of_age = self._of_age(tweet_id, name, part)
                detail = "" if of_age else "The response has no such figure."
                self._miss([tweet_id], of_age or Reason.METRIC_NOT_OFFERED, [name], detail)
        not_requested = [
            name for name in self._question.offered if name not in part.request.metrics
        ]
        if not not_requested:
            return
        router = self.router()
        for tweet_id in came:
            other = Reason.METRIC_NOT_OFFERED
            if part.request.auth == "app":
                dead = router.lane(tweet_id)[1] == Reason.NOT_AUTHENTICATED
                other = Reason.NOT_AUTHENTICATED if dead else Reason.NEEDS_OWNER
            by_reason: dict[Reason, list[str]] = {}
            for name in not_requested:
                of_age = self._of_age(tweet_id, name, part)
                by_reason.setdefault(of_age or other, []).append(name)
            for reason, names in by_reason.items():
                self._miss([tweet_id], reason, names)

    def _of_age(self, tweet_id: str, name: str, part: Part) -> Reason | None:
        """The rule of age by which a Tweet lacks a figure, if one does."""
        return availability(tweet_id, self._question.endpoint, name, part.period, part.read_at)

    def _miss(
        self, tweet_ids: Iterable[str], reason: Reason, names: list[str], detail: str = ""
    ) -> None:
        if names:
            self._metrics.add(tweet_ids, reason, "metrics", ", ".join(names), detail)

    def give_up(self, tweet_ids: Collection[str], reason: Reason, detail: str = "") -> None:
        """Stop requesting these Tweets, in every window."""
        for window in self.outstanding:
            self._drop(window, tweet_ids, reason, detail)

    def fail(self, request: Request, reason: Reason, detail: str) -> None:
        """Give up one request; its Tweets may have figures in other windows."""
        self._drop(request.window, request.tweet_ids, reason, detail)

    def fail_rest(self, reason: Reason, detail: str) -> None:
        """Give up everything outstanding."""
        for window, waiting in self.outstanding.items():
            self._drop(window, [*waiting], reason, detail)

    def _drop(
        self, window: Window | None, tweet_ids: Iterable[str], reason: Reason, detail: str = ""
    ) -> None:
        """Stop requesting those of some Tweets that are outstanding in a window."""
        text = f"{window}: {detail}" if window and detail else str(window or detail)
        for tweet_id in [t for t in tweet_ids if t in self.outstanding[window]]:
            del self.outstanding[window][tweet_id]
            self._gaps.setdefault(tweet_id, []).append((reason, text))

    @property
    def left(self) -> int:
        """How many pairs of Tweet and window are still outstanding."""
        return sum(map(len, self.outstanding.values()))

    @property
    def tweets(self) -> int:
        """How many Tweets have some figures."""
        return len(self._done)

    def complete(self, tweet_id: str) -> bool:
        """Whether a Tweet has a row: a sum over windows needs figures from every window."""
        done = self._done.get(tweet_id, 0)
        return done == self._windows[tweet_id] if done and not self._question.step else bool(done)

    def in_frame(self) -> list[str]:
        """The Tweets that have rows, in the given order."""
        return [tweet_id for tweet_id in self.plan.tweet_ids if self.complete(tweet_id)]

    def problems(self) -> ProblemLog:
        """Each Tweet without rows, once, and what the Tweets with rows lack."""
        log = ProblemLog()
        kept = {*self.in_frame()}
        for kind, ids in (*self.plan.log.items(), *self._metrics.items()):
            log.add(ids if kind.scope == "tweet" else [t for t in ids if t in kept], *kind)
        for tweet_id in self.plan.tweet_ids:
            gaps = self._gaps.get(tweet_id, [])
            if tweet_id in kept:
                for reason, detail in gaps:
                    log.add([tweet_id], reason, "period", detail=detail)
            elif gaps:
                reason, detail = gaps[0]
                log.add([tweet_id], reason, detail=detail)
            else:
                log.add(
                    [tweet_id], Reason.REQUEST_FAILED, detail="The run ended before it was fetched."
                )
        return log

    def holes(self) -> tuple[Window, ...]:
        """The windows in which Tweets were asked for and none has figures."""
        return tuple(
            window
            for window, asked in self._asked.items()
            if window is not None and asked and not self._answered[window]
        )
