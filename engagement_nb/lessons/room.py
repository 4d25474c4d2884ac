"""The room that a lesson takes place in: an API to ask, Tweets to ask for, claims to see hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import pandas as pd
from IPython.display import display

from engagement_nb.client.credentials import Profile, Secret, find_profile
from engagement_nb.client.hosts import hosts_at
from engagement_nb.errors import InputError
from engagement_nb.ids import read_ids
from engagement_nb.lessons.check import Claim, Verdict
from engagement_nb.lessons.exercises import (
    CLICKS_FRAME,
    FIRST_FIVE,
    NODATA_ANSWER,
    SUM_FRAME,
    WISHES,
)
from engagement_nb.lessons.exercises_more import (
    GROUPINGS_WANTED,
    HANDLES_LOG,
    LOCAL_DAY,
    SECOND_FIVE,
    UNKNOWN_ANSWER,
)
from engagement_nb.lessons.wire import Exchange, Shown, send
from engagement_nb.sandbox import Sandbox
from engagement_nb.sources import ApiSource
from engagement_nb.usage import Ledger

LESSONS = {
    "endpoints": "Which endpoint gives what",
    "tokens": "Bearer or user tokens, and two refusals",
    "nodata": "Why a Tweet gives no data",
    "sum": "Engagements against the sum",
    "clicks": "URL clicks without a URL",
    "unknown": "Zeros that mean unknown",
    "groupings": "Groupings, and what comes back",
    "windows": "Windows, hours, time zones",
    "minute": "The minute",
    "handles": "Handles and billing",
}
"""Lessons by key, in order, with their titles."""

LIVE_LESSONS = frozenset({"endpoints", "sum", "groupings", "windows"})
"""Lessons that are harmless on a live account: a handful of requests for one's own Tweets."""

EXERCISES = {exercise.key: exercise for exercise in (*FIRST_FIVE, *SECOND_FIVE)}
_MATERIAL: dict[str, Any] = {
    "tokens": WISHES,
    "nodata": NODATA_ANSWER,
    "sum": SUM_FRAME,
    "clicks": CLICKS_FRAME,
    "unknown": UNKNOWN_ANSWER,
    "groupings": GROUPINGS_WANTED,
    "windows": LOCAL_DAY,
    "handles": HANDLES_LOG,
}
_LESSON_LINE = re.compile(r"\s*#\s*lesson:\s*(\w+)")


class Room:
    """What a lesson needs; made by `open_room`.

    Parameters
    ----------
    chosen
        Keys of the lessons that are taught.
    sandbox
        The API that is asked; None on a live account.
    profiles
        Whose tokens there are, the sandbox's accounts or one's own.
    own
        Ids of one's own Tweets, on a live account.

    Attributes
    ----------
    source
        The package's way to the same API, with the tokens of the first profile alone: see
        `engagement_nb.connect`.
    """

    def __init__(
        self,
        chosen: Sequence[str],
        sandbox: Sandbox | None,
        profiles: Sequence[Profile],
        own: Sequence[str] = (),
    ) -> None:
        self.chosen = tuple(chosen)
        self.sandbox = sandbox
        self.profiles = list(profiles)
        self.source = ApiSource(self.profiles[:1], progress=False)
        self._own = list(own)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close connections and stop the sandbox."""
        self.source.close()
        if self.sandbox is not None:
            self.sandbox.stop()

    def __repr__(self) -> str:
        where = "the SANDBOX: all figures are made up" if self.sandbox else "your live account"
        return f"Lessons {', '.join(self.chosen)}, on {where}."

    @property
    def bearer(self) -> Profile:
        """The first profile, without its user tokens."""
        return replace(self.profiles[0], access_token=Secret(), access_token_secret=Secret())

    @staticmethod
    def profile_at(sandbox: Sandbox) -> Profile:
        """The first account of another sandbox."""
        return _profiles(sandbox)[0]

    def ids(self, kind: str = "own", count: int = 3, account: int = 0) -> list[str]:
        """Tweets to ask for: of a kind that the sandbox knows, or your own on a live account."""
        if self.sandbox is None:
            return self._own[:count]
        return self.sandbox.ids(kind, count, account)

    def post(
        self,
        endpoint: str,
        tweet_ids: Sequence[str],
        metrics: Sequence[str],
        group_by: Sequence[str] = ("tweet.id", "engagement.type"),
        *,
        auth: str = "user",
        account: int = 0,
        header: str | None = None,
        to: Sandbox | None = None,
        **more: Any,
    ) -> Exchange:
        """Send one request as it stands, and show both sides of it.

        Parameters
        ----------
        endpoint
            "totals", "28hr" or "historical".
        tweet_ids, metrics, group_by
            What to ask, and how to group it, under the name "metrics".
        auth
            "user" to sign with the user's tokens, "app" for the bearer token.
        account
            Whose tokens, by number.
        header
            An Authorization header to send as it stands, instead.
        to
            Another sandbox to ask.
        **more
            Further keys of the body: ``start``, ``end``.
        """
        body = {
            "tweet_ids": list(tweet_ids),
            "engagement_types": list(metrics),
            "groupings": {"metrics": {"group_by": list(group_by)}},
            **more,
        }
        profile = self.profiles[account] if to is None else self.profile_at(to)
        asked = send(profile, endpoint, body, auth=auth, header=header)
        if asked.groups and auth == "user":
            Ledger().record_use(profile)
        return asked

    def claim(self, text: str, holds: object) -> None:
        """Show a sentence about the API, once what stands above has shown that it holds.

        Raises
        ------
        AssertionError
            It does not hold on the sandbox. A live account may differ, and is shown as it is.
        """
        seen = Claim(text, bool(holds))
        if not seen.holds and self.sandbox is not None:
            raise AssertionError(f"The sandbox does not show it: {text}")
        display(seen)

    def material(self, lesson: str) -> Any:
        """What a lesson's exercise is about: a frame, an answer of the API, a list of wishes."""
        found = _MATERIAL[lesson]
        return found.copy() if isinstance(found, pd.DataFrame | dict) else found

    def show(self, lesson: str) -> None:
        """Show what a lesson's exercise is about."""
        found = self.material(lesson)
        display(found if isinstance(found, pd.DataFrame) else Shown(found))

    def check(self, lesson: str, answer: Any) -> Verdict:
        """Judge an answer to a lesson's exercise: right, or a hint."""
        return EXERCISES[lesson].check(answer)

    def solution(self, lesson: str, answer: Any) -> Verdict:
        """See that a solution is right, without telling it.

        Raises
        ------
        AssertionError
            It is not.
        """
        verdict = self.check(lesson, answer)
        if not verdict.right:
            raise AssertionError(f"The solution of {lesson} is wrong: {verdict.text}")
        return Verdict(None, "In the folded cell above.", "Solution.")


def open_room(where: str = "sandbox", lessons: str = "all", ids: str | None = None) -> Room:
    """Open the room, and leave out the cells of lessons that were not chosen.

    Parameters
    ----------
    where
        "sandbox", or "api" for one's own live account, where only `LIVE_LESSONS` are taught.
    lessons
        "all", or keys of `LESSONS`, separated by commas.
    ids
        For a live account: a file of ids of one's own Tweets.

    Raises
    ------
    InputError
        There is no such place or lesson, or no ids for a live account.
    """
    chosen = _chosen(lessons)
    if where == "sandbox":
        # The published limit of 365 days would hide what happened before 2015-09-15.
        sandbox = Sandbox(seed=1, lookback_days=None).start()
        room = Room(chosen, sandbox, _profiles(sandbox))
    elif where == "api":
        if not ids:
            raise InputError(
                "A live account needs ids of your own Tweets.",
                advice="Give a file of them as the parameter ids.",
            )
        room = Room(
            [key for key in chosen if key in LIVE_LESSONS],
            None,
            [find_profile()],
            list(read_ids(ids)),
        )
    else:
        raise InputError(
            f'Lessons take place on "sandbox" or "api", not on "{where}".', advice="Choose one."
        )
    _leave_out([key for key in LESSONS if key not in room.chosen])
    return room


def _chosen(lessons: str) -> list[str]:
    if lessons.strip().lower() == "all":
        return list(LESSONS)
    wanted = [key.strip().lower() for key in lessons.split(",") if key.strip()]
    unknown = [key for key in wanted if key not in LESSONS]
    if unknown or not wanted:
        raise InputError(
            f'There is no lesson "{(unknown or [lessons])[0]}".',
            advice=f'Choose from {", ".join(LESSONS)}, or "all".',
        )
    return [key for key in LESSONS if key in wanted]


def _profiles(sandbox: Sandbox) -> list[Profile]:
    hosts = hosts_at(sandbox.url)
    return [
        Profile(
            account.handle,
            hosts,
            consumer_key=sandbox.consumer_key,  # type: ignore[arg-type]
            consumer_secret=sandbox.consumer_secret,  # type: ignore[arg-type]
            access_token=account.access_token,  # type: ignore[arg-type]
            access_token_secret=account.access_token_secret,  # type: ignore[arg-type]
            bearer_token=sandbox.bearer_token,  # type: ignore[arg-type]
        )
        for account in sandbox.accounts
    ]


def skipper(left_out: Sequence[str]) -> Callable[[list[str]], list[str]]:
    """A transformer of cells: those whose first line names a lesson left out become empty."""

    def skip(lines: list[str]) -> list[str]:
        named = _LESSON_LINE.match(lines[0]) if lines else None
        return [] if named and named[1] in left_out else lines

    skip.of_lessons = True  # type: ignore[attr-defined]
    return skip


def _leave_out(left_out: Sequence[str]) -> None:
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is None:
        return
    kept = [t for t in shell.input_transformers_cleanup if not hasattr(t, "of_lessons")]
    shell.input_transformers_cleanup[:] = [*kept, skipper(left_out)]
