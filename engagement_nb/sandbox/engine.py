"""What the API gives for a question: availability, ownership, ages, counts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engagement_nb.sandbox.answers import group
from engagement_nb.sandbox.keys import Caller, Keys
from engagement_nb.sandbox.question import Question, RefusedError, forbidden_metrics
from engagement_nb.sandbox.settings import Settings
from engagement_nb.sandbox.timeline import Tweets
from engagement_nb.sandbox.world import World
from engagement_nb.vocabulary import (
    IMPRESSIONS_MAX_AGE,
    METRICS,
    PUBLIC_COUNTS_KNOWN_FROM,
    UNAVAILABLE,
    UNSUPPORTED_IMPRESSIONS,
    UNSUPPORTED_VIDEO,
    VIDEO_VIEWS_MAX_AGE,
    ZERO_BEFORE_KNOWN,
)

_AGED = ("impressions", "engagements")


class Engine:
    """Answers questions about a world.

    Parameters
    ----------
    world
        What is true.
    keys
        Whose user id an author has.
    settings
        How the API behaves.
    """

    def __init__(self, world: World, keys: Keys, settings: Settings) -> None:
        self.world = world
        self.counters = world.counters
        self.keys = keys
        self.settings = settings

    def answer(self, question: Question, caller: Caller, now: datetime) -> dict[str, Any]:
        """The body of a successful answer.

        Raises
        ------
        RefusedError
            With the status and texts of the refusal.
        """
        self._check_metrics(question, caller)
        now_ms = int(now.timestamp() * 1000)
        index = self.world.find(np.array(question.ids, dtype=np.int64), now_ms)
        tweets = self.world.tweets(np.maximum(index, 0))
        there = (index >= 0) & tweets.available
        unavailable = [str(i) for i, ok in zip(question.ids, there, strict=True) if not ok]
        if not there.any():
            raise RefusedError(400, "Tweet ID(s) are unavailable")
        tweets = tweets.take(there)
        self._check_owner(question, tweets, caller)

        body: dict[str, Any] = {}
        errors: list[str] = []
        if unavailable:
            if self.settings.say_unavailable:
                errors.append(f"{len(unavailable)} Tweet ID(s) are unavailable")
            body[UNAVAILABLE] = unavailable
        given = np.ones((len(tweets), len(question.metrics)), dtype=bool)
        aged = [i for i, name in enumerate(question.metrics) if name in _AGED]
        if question.start is None and aged:
            since = now - IMPRESSIONS_MAX_AGE
            old = tweets.posted_ms < since.timestamp() * 1000
            given[:, aged] &= ~old[:, None]
            if old.any():
                period = f"{since:%Y-%m-%dT%H:%M:%SZ} - {now:%Y-%m-%dT%H:%M:%SZ}"
                errors.append(
                    "Impressions & engagements for tweets older than 90 days "
                    f"({period}) are not supported"
                )
                body[UNSUPPORTED_IMPRESSIONS] = tweets.ids[old].astype(str).tolist()
        counts = self._counts(question, tweets, now)
        if "video_views" in question.metrics:
            old = tweets.posted_ms < (now - VIDEO_VIEWS_MAX_AGE).timestamp() * 1000
            counts[old, question.metrics.index("video_views")] = 0
            if old.any():
                body[UNSUPPORTED_VIDEO] = tweets.ids[old].astype(str).tolist()
        if errors:
            body["errors"] = errors
        if question.start is not None and question.end is not None:
            body["start"] = f"{question.start:%Y-%m-%dT%H:%M:%SZ}"
            body["end"] = f"{question.end:%Y-%m-%dT%H:%M:%SZ}"
        counts[~given] = 0
        ids = tweets.ids.tolist()
        # A grouping named like one of the keys above takes its place.
        return body | {
            name: group(counts, given, ids, question.asked, question.start, items, self.settings)
            for name, items in question.groupings.items()
        }

    def _check_metrics(self, question: Question, caller: Caller) -> None:
        if caller.account is not None:
            return
        private = [
            name
            for name, metric in zip(question.asked, question.metrics, strict=True)
            if question.endpoint.own_only or METRICS[metric].needs_owner
        ]
        if private:
            raise forbidden_metrics(private, self.settings)

    def _check_owner(self, question: Question, tweets: Tweets, caller: Caller) -> None:
        if caller.account is None:
            return
        others = tweets.take(tweets.account != caller.account)
        if not len(others):
            return
        public = not question.endpoint.own_only and not any(
            METRICS[name].needs_owner for name in question.metrics
        )
        if public and not self.settings.totals_refuses_others:
            return
        ids = others.ids.astype(str)
        texts = [f"Forbidden to access tweets: {', '.join(ids)}"]
        if self.settings.others_texts == "by author":
            texts = [
                f"Forbidden to access tweets for author id {self.keys.user_id(int(author))}: "
                + ", ".join(ids[others.account == author])
                for author in np.unique(others.account)
            ]
        raise RefusedError(int(self.settings.others), *texts)

    def _counts(self, question: Question, tweets: Tweets, now: datetime) -> NDArray[np.int64]:
        present = now.timestamp() / 3600.0
        if question.start is None or question.end is None:
            counts = self.counters.cumulative(tweets, np.array([present]), question.metrics)
            if "video_views" in question.metrics:
                place = question.metrics.index("video_views")
                counts[:, place, 0] += self.counters.others_video_views(tweets, present)
            return counts
        first = question.start.timestamp() / 3600.0
        hours = round((question.end - question.start) / timedelta(hours=1))
        edges = np.minimum(first + np.arange(hours + 1.0), present)
        counts = np.diff(self.counters.cumulative(tweets, edges, question.metrics), axis=2)
        unknown = int(PUBLIC_COUNTS_KNOWN_FROM.timestamp() / 3600.0 - first)
        if question.endpoint.name == "historical" and unknown > 0:
            for place, name in enumerate(question.metrics):
                if name in ZERO_BEFORE_KNOWN:
                    counts[:, place, :unknown] = 0
        return counts
