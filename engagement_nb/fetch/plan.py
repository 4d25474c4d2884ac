"""A plan: the requests that a question takes, their price, and what is unavailable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from engagement_nb.apis.availability import Window, availability
from engagement_nb.apis.contract import Api
from engagement_nb.apis.engagement import ENGAGEMENT
from engagement_nb.apis.reasons import Reason
from engagement_nb.apis.times import posted_before, wire_time
from engagement_nb.client import Request
from engagement_nb.client.credentials import Profile
from engagement_nb.fetch.question import Question
from engagement_nb.fetch.router import Known, Router
from engagement_nb.metrics.periods import HOUR, Moment, cut, dates_of
from engagement_nb.metrics.problems import ProblemLog
from engagement_nb.tables.ids import read_ids
from engagement_nb.usage import user_of
from engagement_nb.words import counted


@dataclass(frozen=True, eq=False)
class Plan:
    """A planned fetch: its requests, its price and what is unavailable. Made by `make_plan`.

    Parameters
    ----------
    question
        What is asked.
    windows
        The period cut into spans that one request may have; ``(None,)`` without a period.
    tweet_ids
        The Tweets to request, each once.
    owners
        User id of the owner, by Tweet id, if it is known.
    profiles
        Whose tokens may be used, in the order in which they are tried.
    log
        Problems known before the first request.
    requests
        The requests, assuming that every Tweet of unknown owner is the first profile's.
    limit
        Requests per minute, if known.
    notes
        Sentences that a reader of the figures needs.
    hints
        Sentences about the price.
    left_out
        How many Tweets were given too and are not asked for, by reason.
    """

    question: Question
    windows: tuple[Window | None, ...]
    tweet_ids: tuple[str, ...]
    owners: Mapping[str, str]
    profiles: tuple[Profile, ...]
    log: ProblemLog
    requests: tuple[Request, ...]
    limit: float | None
    notes: tuple[str, ...]
    hints: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def problems(self) -> pd.DataFrame:
        """What is known to be unavailable before the first request: a frame of problems."""
        return self.log.frame()

    @property
    def signers(self) -> dict[str, str]:
        """User id and profile of each handle that the requests may count this month.

        A Tweet of unknown owner may belong to any profile with user tokens, so it counts all of
        them: a needless warning is better than a bill. An unknown user id is written as "@" and
        the profile's name, as in the usage ledger.
        """
        signing = [request.profile for request in self.requests if request.auth == "user"]
        if self.unknown_owners:
            signing += [profile for profile in self.profiles if profile.has_user]
        return {user_of(profile): profile.name for profile in signing}

    @property
    def handles(self) -> tuple[str, ...]:
        """User ids of the owners that the requests may count this billing month."""
        return tuple(self.signers)

    @property
    def unknown_owners(self) -> int:
        """How many Tweets of unknown owner are requested with user tokens."""
        signed = {t for r in self.requests if r.auth == "user" for t in r.tweet_ids}
        return len(signed.difference(self.owners))

    @property
    def minutes(self) -> float | None:
        """How many minutes the requests take at the known limit; None if it is unknown."""
        return len(self.requests) / self.limit if self.limit else None

    def tweets_by_window(self) -> dict[Window | None, list[str]]:
        """The Tweets to request in each window: those posted before it ends."""
        return {
            window: [t for t in self.tweet_ids if window is None or posted_before(t, window.end)]
            for window in self.windows
        }

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain values for JSON."""
        question = self.question
        start, end = question.period or (None, None)
        return {
            "endpoint": question.endpoint.name,
            "by": question.by,
            "zone": question.zone,
            "start": start and wire_time(start),
            "end": end and wire_time(end),
            "windows": len(self.windows),
            "metrics": list(question.metrics),
            "tweets_given": question.given,
            "tweets": len(self.tweet_ids),
            "requests": len(self.requests),
            "limit_per_minute": self.limit,
            "minutes": None if self.minutes is None else round(self.minutes, 2),
            "handles": list(self.handles),
            "by_owner": self._by_owner(),
            "problems": self.log.counts(),
            "notes": [*self.notes, *self.hints],
        }

    def _by_owner(self) -> list[dict[str, Any]]:
        counts = Counter((request.profile.name, request.auth) for request in self.requests)
        return [
            {"profile": name, "auth": auth, "requests": n} for (name, auth), n in counts.items()
        ]

    def __repr__(self) -> str:
        return f"<Plan: {str(self).splitlines()[0]}>"

    def __str__(self) -> str:
        question = self.question
        what = f"{question.endpoint.name}, {counted(len(self.tweet_ids), 'Tweet')}"
        if question.by:
            what += f" by {question.by}"
        if question.period:
            what += f", {question.period}"
        lines = [what, f"  requests  {len(self.requests):,}{self._time()}"]
        for row in self._by_owner():
            tokens = "user tokens" if row["auth"] == "user" else "bearer, public metrics"
            lines.append(f"            {row['requests']:,} by {row['profile']} ({tokens})")
        if self.handles and not question.api.bills_reads:
            most = "up to " if len(self.handles) > 1 and self.unknown_owners else ""
            lines.append(f"  handles   {most}{len(self.handles):,} counted for this billing month")
        lines += [f"  {line}" for line in self.log.lines("unavailable  ")]
        lines += [f"  note      {note}" for note in (*self.notes, *self.hints)]
        return "\n".join(lines)

    def _time(self) -> str:
        if self.minutes is None:
            window = self.question.api.buckets[0].window // timedelta(minutes=1)
            per = "minute" if window == 1 else f"{window} minutes"
            return f"; the first response tells the limit per {per}"
        time = "less than a minute" if self.minutes < 1 else f"{self.minutes:.1f} minutes"
        return f"; {time} at {self.limit:g} per minute"


def make_plan(
    tweet_ids: Any,
    endpoint: str = "totals",
    *,
    start: Moment = None,
    end: Moment = None,
    period: str | None = None,
    zone: str | None = None,
    by: str | None = None,
    metrics: Iterable[str] | None = None,
    profiles: Sequence[Profile] = (),
    owners: Mapping[str, str] | None = None,
    limit: float | None = None,
    now: datetime | None = None,
    api: Api = ENGAGEMENT,
) -> Plan:
    """Plan a fetch: its requests, its price and what is unavailable. Spends nothing.

    Parameters
    ----------
    tweet_ids
        Ids, or anything that `engagement_nb.tables.ids.read_ids` reads.
    endpoint
        Name of an endpoint of the API: "totals", "28hr" or "historical".
    start, end
        For historical: dates or times, as text or objects; those without an offset are in
        ``zone``, others are converted. Values off the hour go to the enclosing hour. Without an
        end: up to the last full hour, or for days to the last midnight; without a start: the 28
        days before the end.
    period
        Instead of both, a named period: see `engagement_nb.metrics.periods.dates_of`.
    zone
        IANA name of the time zone of the dates and of days; by default UTC.
    by
        "day" or "hour" for a series; None for one figure per Tweet.
    metrics
        Any names of metrics; by default all metrics of the endpoint.
    profiles
        Whose tokens may be used, in the order in which they are tried.
    owners
        User id of the owner by Tweet id, for owners that ``tweet_ids`` does not name.
    limit
        Requests per minute, if known.
    now
        The present moment; for tests.
    api
        The facts of the API.

    Raises
    ------
    InputError
        The endpoint, a metric, the grouping or the period cannot be used, or there is no id.
    """
    now, zone = now or datetime.now(UTC), zone or "UTC"
    kind, ids = api.endpoint(endpoint), read_ids(tweet_ids)
    dates = dates_of(start, end, period, zone, now)
    question = Question.of(api, kind, ids, metrics, by, dates, zone, now)
    longest, span = question.endpoint.length, question.period
    log, accepted = _split_unavailable(question)
    plan = Plan(
        question=question,
        windows=cut(span, longest) if span and longest else (span,),
        tweet_ids=accepted,
        owners={**_user_ids(question.ids.owners, profiles), **(owners or {})},
        profiles=tuple(profiles),
        log=log,
        requests=(),
        limit=limit,
        notes=question.notes,
    )
    return _priced(plan)


def _priced(plan: Plan) -> Plan:
    router = Router(plan.question, plan.profiles, Known(dict(plan.owners)))
    requests, hopeless = router.requests(plan.tweets_by_window())
    plan = replace(plan, requests=tuple(requests))
    hints = [
        f"{counted(n, 'Tweet')} cannot be requested: {reason}."
        for reason, n in Counter(hopeless.values()).items()
    ]
    for profile in plan.profiles:
        missing = profile.missing()
        if profile.access_token and missing:
            hints.append(
                f"Profile {profile.name!r} has an access token but no {' and no '.join(missing)}:"
                " it cannot sign for its user."
            )
    signing = [p for p in plan.profiles if p.has_user]
    if len(signing) > 1 and plan.unknown_owners:
        handles = "" if plan.question.api.bills_reads else ", and may count their handles"
        hints.append(
            f"Owners unknown for {counted(plan.unknown_owners, 'Tweet')}: refused requests are"
            f" retried with other profiles, at extra cost{handles}. Add a column of user ids or"
            " handles beside the ids."
        )
    return replace(plan, hints=tuple(hints))


def _user_ids(owners: Mapping[str, str], profiles: Sequence[Profile]) -> dict[str, str]:
    """User ids of owners. A handle is resolved if it is the name of a profile, else dropped."""
    by_name = {p.name.lstrip("@").lower(): p.user_id for p in profiles if p.user_id}
    user_ids = {}
    for tweet_id, owner in owners.items():
        user_id = owner if owner.isdecimal() else by_name.get(owner.lower())
        if user_id:
            user_ids[tweet_id] = user_id
    return user_ids


def _split_unavailable(question: Question) -> tuple[ProblemLog, tuple[str, ...]]:
    """Known problems, and the Tweets to request."""
    endpoint, offered, period = question.endpoint, question.offered, question.period
    log = ProblemLog.from_rows(question.ids.problems.to_dict("records"))  # type: ignore[arg-type]
    # A figure that is unknown for the last hour is unknown for the whole period.
    last = Window(period.end - HOUR, period.end) if period else None
    accepted = []
    for tweet_id in question.ids.ids:
        reason = None
        for name in offered:
            reason = availability(tweet_id, endpoint, name, last, question.asked_at)
            if reason is None:
                break
        if reason is None:
            accepted.append(tweet_id)
        else:
            names = "" if reason == Reason.POSTED_LATER else ", ".join(offered)
            log.add([tweet_id], reason, metrics=names)
    not_offered = [name for name in question.metrics if name not in offered]
    if not_offered:
        log.add(accepted, Reason.METRIC_NOT_OFFERED, "metrics", ", ".join(not_offered))
    begun = question.api.first_moment
    if period and begun and period.start == begun:
        early = [t for t in accepted if posted_before(t, begun)]
        log.add(early, Reason.BEFORE_2014_09_01, "metrics", ", ".join(offered))
    return log, tuple(accepted)
