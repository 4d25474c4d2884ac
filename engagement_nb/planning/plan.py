"""Ids × period × metrics × tokens -> requests: what a fetch will cost, and what it cannot get.

Nothing here is sent or spent. The requests are formed by `engagement_nb.planning.routing`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from engagement_nb.availability import posted_before, too_old
from engagement_nb.client import Request
from engagement_nb.client.credentials import Profile
from engagement_nb.client.credentials.profiles import USER_FIELDS
from engagement_nb.errors import InputError
from engagement_nb.ids import IdList, read_ids
from engagement_nb.planning.periods import Moment, Window, cut, resolve
from engagement_nb.planning.routing import Known, requests_for
from engagement_nb.problems import ProblemLog
from engagement_nb.usage import user_of
from engagement_nb.vocabulary import (
    ENDPOINTS,
    FIRST_MOMENT,
    METRIC_ALIASES,
    METRICS,
    By,
    Endpoint,
)


@dataclass(frozen=True, eq=False)
class Plan:
    """What is wanted, what it costs, and what cannot be had; made by `make_plan`.

    Parameters
    ----------
    endpoint, by, metrics
        What is asked for; metrics by wire name, those not offered by the endpoint included.
    start, end
        The period in UTC on whole hours, ``end`` exclusive; None for totals and 28hr.
    windows
        The period cut into what one request may span; ``(None,)`` without a period.
    tweet_ids
        The Tweets to ask for, each once.
    given
        How many distinct entries were given, those that cannot be had included.
    owners
        User id (or handle) of the owner, by Tweet id, where the ids' source told.
    profiles
        Whose tokens may be used, in the order in which they are tried.
    log
        Problems known before anything is asked.
    requests
        The requests, if every Tweet of unknown owner belongs to the first profile.
    limit
        Requests a minute, where known.
    notes
        Sentences that a reader of the figures must know.
    hints
        Sentences about the price.
    made_at
        The moment that ages are counted to.
    """

    endpoint: Endpoint
    by: By | None
    metrics: tuple[str, ...]
    start: datetime | None
    end: datetime | None
    windows: tuple[Window | None, ...]
    tweet_ids: tuple[str, ...]
    given: int
    owners: Mapping[str, str]
    profiles: tuple[Profile, ...]
    log: ProblemLog
    requests: tuple[Request, ...]
    limit: float | None
    notes: tuple[str, ...]
    hints: tuple[str, ...]
    made_at: datetime

    @property
    def problems(self) -> pd.DataFrame:
        """What cannot be had, known before anything is asked: a frame of problems."""
        return self.log.frame()

    @property
    def offered(self) -> tuple[str, ...]:
        """The metrics asked for that the endpoint gives."""
        return tuple(name for name in self.metrics if name in self.endpoint.metrics)

    @property
    def signers(self) -> dict[str, str]:
        """User id and profile of those that the requests count this billing month, at most.

        A Tweet of unknown owner may be anybody's whose tokens there are, so that it counts all
        of them: better a warning too many than a bill. Where the user id is not known, it is
        "@" and the profile's name, as in the ledger.
        """
        asked = [r for r in self.requests if r.auth == "user"]
        signing = [r.profile for r in asked]
        if any(t not in self.owners for r in asked for t in r.tweet_ids):
            signing += [profile for profile in self.profiles if profile.has_user]
        return {user_of(profile): profile.name for profile in signing}

    @property
    def handles(self) -> tuple[str, ...]:
        """User ids of the owners that the requests count for this billing month, at most."""
        return tuple(self.signers)

    @property
    def _unknown(self) -> int:
        """How many Tweets have an owner that nobody told."""
        return sum(1 for tweet_id in self.tweet_ids if tweet_id not in self.owners)

    @property
    def minutes(self) -> float | None:
        """How long the requests take at the known limit, in minutes; None when unknown."""
        return len(self.requests) / self.limit if self.limit else None

    def windows_of(self, tweet_id: str) -> tuple[Window | None, ...]:
        """The windows in which a Tweet can have anything: none ends before it was posted."""
        return tuple(w for w in self.windows if w is None or posted_before(tweet_id, w.end))

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain values for JSON."""
        return {
            "endpoint": self.endpoint.name,
            "by": self.by,
            "start": _stamp(self.start),
            "end": _stamp(self.end),
            "windows": len(self.windows),
            "metrics": list(self.metrics),
            "tweets_given": self.given,
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
        counts: dict[tuple[str, str], int] = {}
        for request in self.requests:
            key = (request.profile.name, request.auth)
            counts[key] = counts.get(key, 0) + 1
        return [
            {"profile": name, "auth": auth, "requests": n} for (name, auth), n in counts.items()
        ]

    def __repr__(self) -> str:
        return f"<Plan: {str(self).splitlines()[0]}>"

    def __str__(self) -> str:
        what = f"{self.endpoint.name}, {len(self.tweet_ids):,} Tweets"
        if self.by:
            what += f" by {self.by}"
        if self.start is not None and self.end is not None:
            what += f", {Window(self.start, self.end)}"
        lines = [what, f"  requests  {len(self.requests):,}{self._time()}"]
        for row in self._by_owner():
            tokens = "user tokens" if row["auth"] == "user" else "bearer, public metrics"
            lines.append(f"            {row['requests']:,} by {row['profile']} ({tokens})")
        if self.handles:
            most = "up to " if len(self.handles) > 1 and self._unknown else ""
            lines.append(f"  handles   {most}{len(self.handles):,} counted for this billing month")
        lines += [f"  not to be had  {line}" for line in self.log.lines()]
        lines += [f"  note      {note}" for note in (*self.notes, *self.hints)]
        return "\n".join(lines)

    def _time(self) -> str:
        if self.minutes is None:
            return "; the limit a minute shows with the first answer"
        time = "less than a minute" if self.minutes < 1 else f"{self.minutes:.1f} minutes"
        return f"; {time} at {self.limit:g} a minute"


def make_plan(
    tweet_ids: Any,
    endpoint: str = "totals",
    *,
    start: Moment = None,
    end: Moment = None,
    by: str | None = None,
    metrics: Iterable[str] | None = None,
    profiles: Sequence[Profile] = (),
    owners: Mapping[str, str] | None = None,
    limit: float | None = None,
    now: datetime | None = None,
) -> Plan:
    """Plan a fetch: what to ask, what it costs, what cannot be had. Spends nothing.

    Parameters
    ----------
    tweet_ids
        Ids, or whatever `engagement_nb.ids.read_ids` reads.
    endpoint
        "totals", "28hr" or "historical".
    start, end
        For historical: dates or times, as text or objects; naive ones are UTC, others are
        converted. Values off the hour go to the enclosing hour. Without an end: up to the last
        full hour, or for days to the last midnight; without a start: the 28 days before the end.
    by
        "day" or "hour" for a series; None for one figure a Tweet.
    metrics
        Wire names; all that the endpoint gives when not given.
    profiles
        Whose tokens may be used, in the order in which they are tried.
    owners
        User id of the owner by Tweet id, where known beyond what ``tweet_ids`` tells.
    limit
        Requests a minute, where known.
    now
        The present moment; for tests.

    Raises
    ------
    InputError
        For an endpoint, metric, grouping or period that cannot be used, or no id at all.
    """
    now = now or datetime.now(UTC)
    spec = _endpoint(endpoint)
    grouping = _by(by, spec)
    wanted = _metrics(metrics, spec)
    ids = read_ids(tweet_ids)
    notes: list[str] = []
    window = resolve(start, end, grouping, now, notes) if spec.name == "historical" else None
    if window is None and (start is not None or end is not None):
        raise InputError(
            f"{spec.name} takes no start and end.",
            advice="Leave them out, or ask historical.",
        )
    windows = cut(window, grouping) if window else (None,)
    if grouping == "day" and (window is None or window.start.hour or window.end.hour):
        notes.append("Days at the borders of the period are not whole ones.")
    if ids.duplicates:
        notes.append(f"{ids.duplicates:,} entries repeated an earlier id and are counted once.")
    log, accepted = _not_obtainable(ids, spec, wanted, window, now)
    known_owners = {**_user_ids(ids.owners, profiles), **(owners or {})}
    plan = Plan(
        endpoint=spec,
        by=grouping,
        metrics=wanted,
        start=window.start if window else None,
        end=window.end if window else None,
        windows=windows,
        tweet_ids=accepted,
        given=len(ids.ids) + len(ids.problems),
        owners=known_owners,
        profiles=tuple(profiles),
        log=log,
        requests=(),
        limit=limit,
        notes=tuple(notes),
        hints=(),
        made_at=now,
    )
    return _priced(plan)


def _priced(plan: Plan) -> Plan:
    outstanding = {
        window: [t for t in plan.tweet_ids if window is None or posted_before(t, window.end)]
        for window in plan.windows
    }
    requests, hopeless = requests_for(plan, Known(dict(plan.owners)), outstanding)
    hints = []
    if hopeless:
        reasons: dict[str, int] = {}
        for reason in hopeless.values():
            reasons[reason] = reasons.get(reason, 0) + 1
        hints += [f"{n:,} Tweets cannot be asked for: {reason}." for reason, n in reasons.items()]
    for profile in plan.profiles:
        missing = [part.replace("_", " ") for part in USER_FIELDS if not getattr(profile, part)]
        if profile.access_token and missing:
            hints.append(
                f"Profile {profile.name!r} has an access token but no {' and no '.join(missing)}:"
                " it cannot sign for its user."
            )
    signing = [p for p in plan.profiles if p.has_user]
    if len(signing) > 1 and plan._unknown and any(r.auth == "user" for r in requests):
        hints.append(
            f"The owner of {plan._unknown:,} Tweets is not known beforehand: what one profile is"
            " refused is asked again with the next, which takes further requests and may count"
            " its handle. A column of user ids or handles beside the ids tells, and saves them."
        )
    return replace(plan, requests=tuple(requests), hints=tuple(hints))


def _endpoint(name: str) -> Endpoint:
    if name not in ENDPOINTS:
        raise InputError(
            f"There is no endpoint {name!r}.", advice=f"Choose one of: {', '.join(ENDPOINTS)}."
        )
    return ENDPOINTS[name]


def _by(by: str | None, spec: Endpoint) -> By | None:
    if by in (None, "", "none"):
        return None
    if by not in ("day", "hour"):
        raise InputError(f"by={by!r} is not a grouping.", advice='Choose "day", "hour" or none.')
    if spec.name == "totals":
        raise InputError("totals gives no series.", advice="Ask 28hr or historical by day or hour.")
    return "day" if by == "day" else "hour"


def _metrics(metrics: Iterable[str] | None, spec: Endpoint) -> tuple[str, ...]:
    if metrics is None:
        return spec.metrics
    names = [metrics] if isinstance(metrics, str) else list(metrics)
    wanted = {METRIC_ALIASES.get(name, name) for name in names}
    for name in wanted:
        if name not in METRICS:
            near = _named_so(str(name)) or difflib.get_close_matches(str(name), METRICS, 1)
            hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(METRICS)}."
            raise InputError(f"{name!r} is not a metric.", advice=hint)
    found = tuple(name for name in METRICS if name in wanted)
    if not any(name in spec.metrics for name in found):
        raise InputError(
            f"{spec.name} gives none of the metrics asked for ({', '.join(found) or 'none'}).",
            advice=f"It gives: {', '.join(spec.metrics)}.",
        )
    return found


def _named_so(name: str) -> list[str]:
    """The metric that readers of reports call so: "likes" are favorites."""
    words = name.lower().replace("_", " ")
    return [metric.name for metric in METRICS.values() if metric.label.lower() == words]


def _user_ids(owners: Mapping[str, str], profiles: Sequence[Profile]) -> dict[str, str]:
    """Owners by user id; a handle counts when it is a profile's name, and is unknown if not."""
    by_name = {p.name.lstrip("@").lower(): p.user_id for p in profiles if p.user_id}
    found = {}
    for tweet_id, owner in owners.items():
        user_id = owner if owner.isdecimal() else by_name.get(owner.lstrip("@").lower())
        if user_id:
            found[tweet_id] = user_id
    return found


def _not_obtainable(
    ids: IdList,
    spec: Endpoint,
    wanted: tuple[str, ...],
    window: Window | None,
    now: datetime,
) -> tuple[ProblemLog, tuple[str, ...]]:
    """Problems known beforehand, and the Tweets that are worth asking for."""
    log = ProblemLog.from_rows(ids.problems.to_dict("records"))  # type: ignore[arg-type]
    offered = [name for name in wanted if name in spec.metrics]
    ages = [METRICS[n] for n in offered if spec.name == "totals" or n == "video_views"]
    aged = {metric.name: metric.max_age for metric in ages if metric.max_age}
    accepted = []
    for tweet_id in ids.ids:
        if window and not posted_before(tweet_id, window.end):
            log.add([tweet_id], "posted later")
            continue
        lost = [name for name, max_age in aged.items() if too_old(tweet_id, max_age, now)]
        if lost and len(lost) == len(offered):
            days = max(aged[name] for name in lost).days
            log.add([tweet_id], f"older than {days} days", metrics=", ".join(lost))
            continue
        accepted.append(tweet_id)
    not_offered = [name for name in wanted if name not in spec.metrics]
    if not_offered:
        log.add(accepted, "metric not offered", "metrics", ", ".join(not_offered))
    if window and window.start == FIRST_MOMENT:
        early = [t for t in accepted if posted_before(t, FIRST_MOMENT)]
        log.add(early, "before 2014-09-01", "metrics", ", ".join(offered))
    return log, tuple(accepted)


def _stamp(moment: datetime | None) -> str | None:
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")
