"""What a response settles: the part of a finished request, or of a final refusal."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NoReturn

import pyarrow as pa

from engagement_nb.apis.availability import Window, limits
from engagement_nb.apis.contract import Api, Endpoint
from engagement_nb.apis.refusals import error_for
from engagement_nb.client import Request, Response
from engagement_nb.client.cubes import Cube
from engagement_nb.dataset import Part
from engagement_nb.dataset.frames import TIME, response_table
from engagement_nb.errors import (
    ForbiddenTweetsError,
    ServerTroubleError,
    UnavailableTweetsError,
)
from engagement_nb.metrics.periods import HOUR

_BY_AUTHOR = re.compile(r"author id (\d+):([\d,\s]+)", re.IGNORECASE)


class EmptyResponseError(ServerTroubleError):
    """A response with data, but about none of the requested Tweets."""


def part_of(response: Response, api: Api, planned_at: datetime) -> Part:
    """What a response with data settles: Tweets with figures, and those listed as unavailable.

    Tweets that the response leaves out are not in the part.

    Parameters
    ----------
    response
        The response.
    api
        Whose it is.
    planned_at
        When the plan was made: a recent span ends near this moment, or later.

    Raises
    ------
    EmptyResponseError
        The response settles none of the requested Tweets.
    ServerTroubleError
        The response covers another window than the requested one or only a part of it, or its
        shape breaks the contract.
    """
    request = response.request
    endpoint = api.endpoint(request.endpoint)
    window = _checked_window(response, endpoint, planned_at)
    gone = {*request.tweet_ids}.intersection(response.unavailable)
    counts = _figures_of(response, {*request.tweet_ids} - gone)
    came = {*(counts.tweet_ids if isinstance(counts, Cube) else counts)}
    if not came and not gone and not response.forbidden:
        _raise_nothing(response, api)
    table = response_table(
        counts,
        request.metrics,
        request.by,
        window=window,
        limits=limits(endpoint, window, response.read_at),
        unsupported=response.unsupported,
    )
    stamp = pa.repeat(pa.scalar(response.read_at, TIME), len(table))
    table = table.append_column(pa.field("read_at", TIME), stamp)
    settled = tuple(t for t in request.tweet_ids if t in came or t in gone)
    return Part.of(
        replace(request, tweet_ids=settled),
        response.read_at,
        answered=(window.start, window.end) if window and request.window is None else (),
        unavailable=tuple(t for t in settled if t in gone),
        unsupported={reason: ids for reason, ids in response.unsupported.items() if ids},
        forbidden=response.forbidden,
        missing={} if isinstance(counts, Cube) else _missing(counts, request.metrics),
        texts=response.texts,
        table=table,
    )


def _checked_window(response: Response, endpoint: Endpoint, planned_at: datetime) -> Window | None:
    """The window that a response covers, checked against the requested one."""
    request, start, end = response.request, response.start, response.end
    if endpoint.of_life:
        # Some recorded responses of totals name a window, but their figures are of all time.
        return None
    if request.window is not None:
        pairs = zip((start, end), request.window, strict=True)
        if all(told is None or abs(told - moment) < HOUR for told, moment in pairs):
            return request.window
        wanted = str(request.window)
    else:
        # The API rounds both ends to full hours, and the hour can change during the request.
        latest = max(planned_at, response.read_at) + 2 * HOUR
        length = endpoint.length or HOUR
        if (
            start is not None
            and end is not None
            and abs(end - start - length) <= HOUR
            and planned_at - 2 * HOUR <= end <= latest
        ):
            return Window(start.astimezone(UTC), end.astimezone(UTC))
        wanted = f"the past {length // HOUR} hours"
    told = " to ".join(f"{m:%Y-%m-%d %H:%M}" if m else "no moment" for m in (start, end))
    raise ServerTroubleError(
        f"{request.endpoint}: the API's response covers {told} UTC instead of {wanted}.",
        advice="Run the same command again later. If it fails again, report it to X support.",
        tweet_ids=request.tweet_ids,
    )


def _figures_of(response: Response, tweet_ids: Collection[str]) -> Cube | dict[str, Any]:
    """The counts of these Tweets, if they have any of the requested metrics."""
    if isinstance(response.counts, Cube):
        return response.counts.only(tweet_ids)
    names = {*response.request.metrics}
    listed = {tweet_id for ids in response.unsupported.values() for tweet_id in ids}
    return {
        tweet_id: values
        for tweet_id, values in response.counts.items()
        if tweet_id in tweet_ids and (names.intersection(values) or tweet_id in listed)
    }


def _raise_nothing(response: Response, api: Api) -> NoReturn:
    request = response.request
    if response.texts:
        error = error_for(
            api, 200, response.texts, where=request.endpoint, tweet_ids=request.tweet_ids
        )
        if not isinstance(error, ServerTroubleError):
            raise error
    raise EmptyResponseError(
        f"{request.endpoint}: the API's response has none of the {len(request.tweet_ids):,}"
        " requested Tweets, and does not list them as unavailable.",
        advice="Run the same command again later.",
        tweet_ids=request.tweet_ids,
    )


def part_of_refusal(
    request: Request, error: ForbiddenTweetsError | UnavailableTweetsError, read_at: datetime
) -> Part:
    """The part that records a final refusal, so that no later run repeats the request."""
    return Part.of(
        request,
        read_at,
        unavailable=request.tweet_ids if isinstance(error, UnavailableTweetsError) else (),
        refused=isinstance(error, ForbiddenTweetsError),
        forbidden=tuple(t for t in request.tweet_ids if t in set(error.tweet_ids)),
        authors={
            tweet_id: author
            for text in error.texts
            for author, ids in _BY_AUTHOR.findall(text)
            for tweet_id in re.findall(r"\d+", ids)
        },
        texts=error.texts,
    )


def _missing(groups: Mapping[str, Any], metrics: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Requested metrics that the response lacks, with the Tweets."""
    found = {
        name: tuple(t for t, values in groups.items() if values.get(name) in (None, {}))
        for name in metrics
    }
    return {name: ids for name, ids in found.items() if ids}
