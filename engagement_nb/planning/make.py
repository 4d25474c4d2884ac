"""Turn ids, a period, metrics and tokens into a plan. Nothing is sent or spent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from engagement_nb.apis.availability import Window, availability
from engagement_nb.apis.contract import By, Endpoint
from engagement_nb.apis.engagement import ENDPOINTS, FIRST_MOMENT
from engagement_nb.apis.names import LABELS, wire_names
from engagement_nb.apis.reasons import Reason
from engagement_nb.apis.times import posted_before
from engagement_nb.client.credentials import Profile
from engagement_nb.errors import InputError
from engagement_nb.ids import IdList, read_ids
from engagement_nb.periods import HOUR, Moment, cut, resolve
from engagement_nb.planning.plan import Plan
from engagement_nb.planning.routing import Known, requests_for
from engagement_nb.problems import ProblemLog
from engagement_nb.words import counted


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
    """Plan a fetch: its requests, its price and what is unavailable. Spends nothing.

    Parameters
    ----------
    tweet_ids
        Ids, or anything that `engagement_nb.ids.read_ids` reads.
    endpoint
        "totals", "28hr" or "historical".
    start, end
        For historical: dates or times, as text or objects; naive ones are UTC, others are
        converted. Values off the hour go to the enclosing hour. Without an end: up to the last
        full hour, or for days to the last midnight; without a start: the 28 days before the end.
    by
        "day" or "hour" for a series; None for one figure per Tweet.
    metrics
        Wire names; by default all metrics of the endpoint.
    profiles
        Whose tokens may be used, in the order in which they are tried.
    owners
        User id of the owner by Tweet id, for owners that ``tweet_ids`` does not name.
    limit
        Requests per minute, if known.
    now
        The present moment; for tests.

    Raises
    ------
    InputError
        The endpoint, a metric, the grouping or the period cannot be used, or there is no id.
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
            advice="Leave them out, or use historical.",
        )
    windows = cut(window, grouping) if window else (None,)
    if grouping == "day" and (window is None or window.start.hour or window.end.hour):
        notes.append("The first or last day of the period is incomplete.")
    if ids.duplicates:
        notes.append(f"Repeated ids, which are counted once: {ids.duplicates:,}.")
    log, accepted = _split_unavailable(ids, spec, wanted, window, now)
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
    requests, hopeless = requests_for(plan, Known(dict(plan.owners)), plan.tweets_by_window())
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
        hints.append(
            f"Owners unknown for {counted(plan.unknown_owners, 'Tweet')}: refused requests are"
            " retried with other profiles, at extra cost, and may count their handles. Add a column"
            " of user ids or handles beside the ids."
        )
    return replace(plan, hints=tuple(hints))


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
        raise InputError(
            "totals gives no series.", advice="Use 28hr or historical for days or hours."
        )
    return "day" if by == "day" else "hour"


def _metrics(metrics: Iterable[str] | None, spec: Endpoint) -> tuple[str, ...]:
    if metrics is None:
        return spec.metrics
    wanted = wire_names(metrics)
    found = tuple(name for name in LABELS if name in wanted)
    if not any(name in spec.metrics for name in found):
        raise InputError(
            f"{spec.name} gives none of the requested metrics ({', '.join(found) or 'none'}).",
            advice=f"It gives: {', '.join(spec.metrics)}.",
        )
    return found


def _user_ids(owners: Mapping[str, str], profiles: Sequence[Profile]) -> dict[str, str]:
    """User ids of owners. A handle is resolved if it is the name of a profile, else dropped."""
    by_name = {p.name.lstrip("@").lower(): p.user_id for p in profiles if p.user_id}
    found = {}
    for tweet_id, owner in owners.items():
        user_id = owner if owner.isdecimal() else by_name.get(owner.lower())
        if user_id:
            found[tweet_id] = user_id
    return found


def _split_unavailable(
    ids: IdList,
    spec: Endpoint,
    wanted: tuple[str, ...],
    window: Window | None,
    now: datetime,
) -> tuple[ProblemLog, tuple[str, ...]]:
    """Known problems, and the Tweets to request."""
    log = ProblemLog.from_rows(ids.problems.to_dict("records"))  # type: ignore[arg-type]
    offered = [name for name in wanted if name in spec.metrics]
    # A figure that is unknown for the last hour is unknown for the whole period.
    last = Window(window.end - HOUR, window.end) if window else None
    accepted = []
    for tweet_id in ids.ids:
        reason = None
        for name in offered:
            reason = availability(tweet_id, spec, name, last, now)
            if reason is None:
                break
        if reason is None:
            accepted.append(tweet_id)
        else:
            names = "" if reason == Reason.POSTED_LATER else ", ".join(offered)
            log.add([tweet_id], reason, metrics=names)
    not_offered = [name for name in wanted if name not in spec.metrics]
    if not_offered:
        log.add(accepted, Reason.METRIC_NOT_OFFERED, "metrics", ", ".join(not_offered))
    if window and window.start == FIRST_MOMENT:
        early = [t for t in accepted if posted_before(t, FIRST_MOMENT)]
        log.add(early, Reason.BEFORE_2014_09_01, "metrics", ", ".join(offered))
    return log, tuple(accepted)
