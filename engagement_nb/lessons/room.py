"""The room that a lesson takes place in: an API, Tweets to request, claims, checks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

import httpx
import pandas as pd
from IPython.core.getipython import get_ipython
from IPython.display import display

from engagement_nb.apis.engagement import ENDPOINTS
from engagement_nb.client import Client
from engagement_nb.client.bounds import trusted
from engagement_nb.client.credentials import Profile, Secret, auth_for, find_profile
from engagement_nb.client.pacing import Pacer
from engagement_nb.errors import InputError
from engagement_nb.lessons.exercises import LESSONS
from engagement_nb.lessons.score import Score, Tally
from engagement_nb.lessons.shown import ORIGINS, Claim, Document, Exchange, Verdict
from engagement_nb.sources import ApiSource, SandboxSource, ask_sandbox, sandbox_profiles
from engagement_nb.sources.sandbox import transport_to
from engagement_nb.tables.ids import read_ids

if TYPE_CHECKING:
    from engagement_nb.sandbox import Sandbox

NOW = "2026-11-20T21:40"
"""Moment at which the lessons' world stands still, so figures are the same every day."""
_TWEETS = 20_000
"""Size of the lessons' world. A smaller one may lack Tweets of some kinds."""
_ACCOUNT = "sandbox_amber_1"
"""The sandbox's first account, which is yours in the lessons."""
_LESSON_LINE = re.compile(r"\s*#\s*lesson:\s*(\w+)")
_LEFT_OUT: list[str] = []
"""Keys of the lessons whose cells this process skips: those that the last room is without."""


class Room:
    """Everything that a lesson needs; made by `open_room`.

    Parameters
    ----------
    chosen
        Keys of the chosen lessons.
    source
        The source for the same API, with the tokens of the first profile only: see
        `engagement_nb.connect`.
    own
        Ids of your own Tweets, on a live account.

    Attributes
    ----------
    profiles
        Profiles with tokens: the sandbox's accounts, or your own.
    now
        The present moment; in the sandbox's world, it stands still.
    """

    def __init__(self, chosen: Sequence[str], source: ApiSource, own: Sequence[str] = ()) -> None:
        self.chosen = tuple(chosen)
        self.source = source
        self.profiles = list(source.profiles)
        if isinstance(source, SandboxSource):
            self.profiles = sandbox_profiles(source.url)
        self.now = source.now or datetime.now(UTC)
        self._own = list(own)
        self._tallies = dict.fromkeys(self.chosen, Tally())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and stop the sandbox."""
        self.source.close()

    def __repr__(self) -> str:
        on_sandbox = isinstance(self.source, SandboxSource)
        where = "the SANDBOX: all figures are made up" if on_sandbox else "your live account"
        return f"Lessons {', '.join(self.chosen)}, on {where}."

    @property
    def bearer(self) -> Profile:
        """The first profile, without its user tokens."""
        return replace(self.profiles[0], access_token=Secret(), access_token_secret=Secret())

    @staticmethod
    def profile_at(sandbox: Sandbox) -> Profile:
        """Give the first account of another sandbox."""
        return sandbox_profiles(sandbox.url)[0]

    def client(self, window: float) -> Client:
        """Make a client for a limit per ``window`` seconds instead of per minute."""
        transport = transport_to(self.profiles[0].hosts.api)
        return Client(pacer=Pacer(window=window), transport=transport)

    def ids(self, kind: str = "own", count: int = 3, account: int = 0) -> list[str]:
        """List ids: of Tweets of a kind in the sandbox, or of your own on a live account."""
        if not isinstance(self.source, SandboxSource):
            return self._own[:count]
        wanted: dict[str, str | int] = {"kind": kind, "count": count, "account": account}
        found: list[str] = ask_sandbox(self.source.url, "ids", **wanted)
        return found

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
        """Send one request as given, and show request and response.

        Parameters
        ----------
        endpoint
            "totals", "28hr" or "historical".
        tweet_ids, metrics, group_by
            What to request, and how to group it, under the name "metrics".
        auth
            "user" to sign with the user's tokens, "app" for the bearer token.
        account
            Number of the account whose tokens are used.
        header
            An Authorization header to send instead.
        to
            Another sandbox to send it to.
        **more
            Further keys of the body: ``start``, ``end``, other ``groupings``.
        """
        body = {
            "tweet_ids": list(tweet_ids),
            "engagement_types": list(metrics),
            "groupings": {"metrics": {"group_by": list(group_by)}},
            **more,
        }
        path = ENDPOINTS[endpoint].path
        return self._send("POST", path, to, body, auth=auth, account=account, header=header)

    def get(self, path: str, query: Mapping[str, str], *, to: Sandbox | None = None) -> Exchange:
        """Send one GET request with the user's tokens, and show request and response.

        Parameters
        ----------
        path, query
            What to ask for.
        to
            Another sandbox to send it to.
        """
        return self._send("GET", f"{path}?{urlencode(query)}", to)

    def _send(
        self,
        method: str,
        path: str,
        to: Sandbox | None,
        body: Mapping[str, Any] | None = None,
        *,
        auth: str = "user",
        account: int = 0,
        header: str | None = None,
    ) -> Exchange:
        profile = self.profiles[account] if to is None else self.profile_at(to)
        api, tokens = profile.hosts.api, None
        if header is None:
            tokens = auth_for(profile, "user" if auth == "user" else "app")
        headers = {} if header is None else {"Authorization": header}
        # A proxy of the environment is never used for loopback.
        trust = not profile.hosts.sandbox
        with httpx.Client(
            transport=transport_to(api), timeout=60, trust_env=trust, verify=trusted()
        ) as http:
            response = http.request(method, api + path, json=body, headers=headers, auth=tokens)
        exchange = Exchange(response, profile.hosts.sandbox)
        if exchange.groups and auth == "user":
            self.source.ledger.record_use(profile)
        return exchange

    def claim(self, text: str, is_true: object, how: str) -> None:
        """Show a sentence about the API that the cell has just checked, and how it is known.

        Parameters
        ----------
        text
            The sentence.
        is_true
            What the cell found on this sandbox or account.
        how
            A key of `engagement_nb.lessons.shown.ORIGINS`: where the sentence is from.

        Raises
        ------
        AssertionError
            It is not true on the sandbox. On a live account that is shown, not raised.
        """
        seen = Claim(text, bool(is_true), **ORIGINS[how])
        if not seen.is_true and isinstance(self.source, SandboxSource):
            raise AssertionError(f"The sandbox does not show it: {text}")
        display(seen)

    def material(self, lesson: str) -> Any:
        """Give the material of a lesson's exercise: a frame, a response, or a list of wishes."""
        return LESSONS[lesson].material

    def show(self, lesson: str) -> None:
        """Show the material of a lesson's exercise."""
        found = self.material(lesson)
        display(found if isinstance(found, pd.DataFrame) else Document(found))

    def check(self, lesson: str, answer: Any) -> Verdict:
        """Check an answer to a lesson's exercise; a wrong one gets a hint. It counts as a try."""
        verdict = LESSONS[lesson].check(answer)
        self._tallies[lesson] = self._tallies.get(lesson, Tally()).after(verdict.right)
        return verdict

    def score(self) -> Score:
        """Which exercises of the chosen lessons are right, with tries and hints."""
        return Score(dict(self._tallies))

    def solution(self, lesson: str, answer: Any) -> Verdict:
        """Check a solution without showing it.

        Raises
        ------
        AssertionError
            It is wrong.
        """
        verdict = LESSONS[lesson].check(answer)
        if not verdict.right:
            raise AssertionError(f"The solution of {lesson} is wrong: {verdict.text}")
        return Verdict(None, "In the folded cell above.", "Solution.")


def open_room(
    where: str = "sandbox",
    lessons: str = "all",
    ids: str | None = None,
    *,
    seed: int = 1,
    now: str = NOW,
    tweets: int = _TWEETS,
) -> Room:
    """Open the room, and skip the cells of lessons that were not chosen.

    Parameters
    ----------
    where
        "sandbox", or "api" for your own live account, with the harmless lessons only.
    lessons
        "all", or keys of lessons, separated by commas.
    ids
        For a live account: a file with ids of your own Tweets.
    seed, now, tweets
        The sandbox's world: its seed, the moment at which it stands still ("" for the present),
        and its size. The same three give the same figures on every machine and every day.

    Raises
    ------
    InputError
        There is no such place, lesson or world, or no ids for a live account.
    """
    chosen = _chosen(lessons)
    if where == "sandbox":
        if tweets < _TWEETS:
            raise InputError(
                f"The lessons need a world of at least {_TWEETS:,} Tweets, not {tweets:,}.",
                advice="Give a larger number as the parameter tweets.",
            )
        sandbox = SandboxSource(
            seed=seed,
            now=now or None,
            tweets=tweets,
            # The published limit of 365 days would exclude everything before 2015-09-15.
            lookback_days=None,
            profile=_ACCOUNT,
            progress=False,
        )
        room = Room(chosen, sandbox)
    elif where == "api":
        if not ids:
            raise InputError(
                "A live account needs ids of your own Tweets.",
                advice="Give a file of them as the parameter ids.",
            )
        harmless = [key for key in chosen if LESSONS[key].live]
        source = ApiSource([find_profile()], progress=False)
        room = Room(harmless, source, list(read_ids(ids)))
    else:
        raise InputError(
            f'Lessons take place on "sandbox" or "api", not on "{where}".', advice="Choose one."
        )
    _LEFT_OUT[:] = [key for key in LESSONS if key not in room.chosen]
    shell = get_ipython()
    if shell is not None and _without not in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.append(_without)
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


def _without(lines: list[str]) -> list[str]:
    """The lines of a cell; none if the first one names a lesson that is left out."""
    named = _LESSON_LINE.match(lines[0]) if lines else None
    return [] if named and named[1] in _LEFT_OUT else lines
