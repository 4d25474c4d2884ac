"""Posts as API v2 shows them, from the same world as the Engagement API's figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from engagement_nb.apis.v2 import (
    ANALYTICS_FIELDS,
    LOOKUP_FIELDS,
    OLD_ANALYTICS_FIELDS,
    PRIVATE_FOR,
    ours,
)
from engagement_nb.sandbox.counters import NAMES
from engagement_nb.sandbox.keys import Keys
from engagement_nb.sandbox.problems import NO_FIELD
from engagement_nb.sandbox.settings import Settings
from engagement_nb.sandbox.timeline import HOUR_MS, Tweets
from engagement_nb.sandbox.world import World

_PUBLIC = {
    name: own for name, own in LOOKUP_FIELDS["public_metrics"].items() if name != "repost_count"
}
_COUNTS = ours(
    "impression_count", "like_count", "reply_count", "retweet_count", "url_link_clicks",
    "user_profile_clicks",
)  # fmt: skip
"""The world's name of each organic and promoted figure."""
_PRIVATE = "non_public_metrics"
PRIVATE_FIELDS = {
    _PRIVATE: ("impression_count", "url_link_clicks", "user_profile_clicks"),
    "organic_metrics": tuple(_COUNTS),
    "promoted_metrics": tuple(_COUNTS),
}
"""Members for which errors about a foreign Post were recorded."""
TWEET_FIELDS = (
    "author_id", "created_at", "edit_history_tweet_ids", "entities", "id", "lang",
    "public_metrics", "referenced_tweets", "text", *PRIVATE_FIELDS,
)  # fmt: skip
_COLUMNS = (*NAMES, "engagements")
_OF_WORLD = {"shares": "copied_links", "bookmarks": "bookmarks"}
"""v2 shows two interactions that the Engagement API hides."""


class Posts:
    """Makes the objects of responses.

    Parameters
    ----------
    world, keys, settings
        The Posts, their authors, and how the API behaves.
    """

    def __init__(self, world: World, keys: Keys, settings: Settings) -> None:
        self.world = world
        self.keys = keys
        self.settings = settings

    def find(self, ids: Sequence[int], now: datetime) -> Tweets:
        """Give Posts by id; one that does not exist (yet) has index -1."""
        numbers = np.array(ids, dtype=np.int64)
        index = self.world.find(numbers, int(now.timestamp() * 1000))
        return self.world.tweets(index)

    def of_account(self, account: int, before: int) -> Iterator[Tweets]:
        """Give an account's Posts with a number below ``before``, one at a time, newest first."""
        for end in range(before, 0, -4096):
            tweets = self.world.tweets(np.arange(end - 1, max(0, end - 4096) - 1, -1))
            mine = tweets.take((tweets.account == account) & ~tweets.deleted)
            yield from map(mine.at, range(len(mine)))

    def is_old(self, tweets: Tweets, now: datetime) -> Any:
        """Whether each Post is older than private fields reach."""
        return tweets.posted_ms < (now - PRIVATE_FOR).timestamp() * 1000

    def objects(
        self,
        tweets: Tweets,
        fields: Sequence[str],
        account: int | None,
        now: datetime,
        parameter: str,
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Give the objects of available Posts, and the errors about their fields.

        Parameters
        ----------
        tweets
            Posts that exist.
        fields
            What was asked for, in the words of Tweets.
        account
            Whose tokens they were; None for the app's.
        now
            The present moment.
        parameter
            The name of what the ids came in.
        """
        counts = self.world.counters.cumulative(
            tweets, np.array([now.timestamp() / 3600.0]), _COLUMNS
        )[:, :, 0]
        mine = tweets.account == account if account is not None else tweets.account < -1
        mine &= ~tweets.repost
        old = self.is_old(tweets, now)
        private = [name for name in PRIVATE_FIELDS if name in fields]
        shown: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        for place in range(len(tweets)):
            one, of = tweets.at(place), dict(zip(_COLUMNS, counts[place].tolist(), strict=True))
            post = self._plain(one, fields)
            if "public_metrics" in fields:
                post["public_metrics"] = {name: of[own] for name, own in _PUBLIC.items()}
            if private and mine[place] and not old[place]:
                post |= _private(one, of, private)
            elif private:
                if not mine[place] or self.settings.old_posts == "field errors":
                    errors += self._field_errors(post["id"], private, parameter)
                if not mine[place] and self.settings.foreign_posts == "left out":
                    continue
            shown.append(post)
        return shown, errors

    def _plain(self, one: Tweets, fields: Sequence[str]) -> dict[str, Any]:
        number = str(one.ids[0])
        has_url, account = bool(one.has("url")[0]), int(one.account[0])
        at = datetime.fromtimestamp(int(one.posted_ms[0]) / 1000, UTC)
        url = f"https://t.co/SANDBOX{number[-6:]}"
        text = f"Made-up Post {number} of the SANDBOX" + (f" {url}" if has_url else "")
        everything: dict[str, Any] = {
            "author_id": self.keys.user_id(account),
            "created_at": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z",
            "lang": "en",
        }
        if has_url:
            everything["entities"] = {"urls": [{"url": url, "expanded_url": "https://x.example/"}]}
        if one.repost[0]:
            text = f"RT @somebody: {text}"
            everything["referenced_tweets"] = [{"type": "retweeted", "id": str(one.ids[0] ^ 1)}]
        post = {"id": number, "text": text, "edit_history_tweet_ids": [number]}
        return post | {name: value for name, value in everything.items() if name in fields}

    def _field_errors(
        self, number: str, private: Sequence[str], parameter: str
    ) -> Iterator[dict[str, Any]]:
        for name in private:
            for member in PRIVATE_FIELDS[name]:
                yield NO_FIELD.document(
                    self.settings.problem_host,
                    resource_type="tweet",
                    resource_id=number,
                    field=f"{name}.{member}",
                    parameter=parameter,
                    section="data",
                    value=number,
                )

    def analytics(
        self, tweets: Tweets, fields: Sequence[str], edges: Sequence[datetime]
    ) -> Iterator[list[dict[str, int]]]:
        """Give the figures of each Post between every two of the moments."""
        names = [self._counter(field) for field in fields]
        moments = np.array([edge.timestamp() / 3600.0 for edge in edges])
        moments = np.minimum(moments, self.world.now_ms() / HOUR_MS)
        known = [name for name in names if name]
        counts = np.diff(self.world.counters.cumulative(tweets, moments, known), axis=2)
        for of_post in counts:
            rows = dict(zip(known, of_post.tolist(), strict=True))
            yield [
                {
                    field: rows[name][bucket] if name else 0
                    for field, name in zip(fields, names, strict=True)
                }
                for bucket in range(len(edges) - 1)
            ]

    def _counter(self, field: str) -> str:
        """Give the counter behind a field of analytics; "" for what this world does not have."""
        if field in _OF_WORLD:
            return _OF_WORLD[field] if self.settings.hidden else ""
        return (ANALYTICS_FIELDS | OLD_ANALYTICS_FIELDS).get(field, "")


def _private(one: Tweets, counts: Mapping[str, int], wanted: Sequence[str]) -> dict[str, Any]:
    """Give the private members; the link's is absent where there is no link."""
    every = {name: counts[own] for name, own in _COUNTS.items()}
    organic = {name: int(count / one.boost[0]) for name, count in every.items()}
    of_both = {name: every[name] for name in PRIVATE_FIELDS[_PRIVATE]}
    private = {**of_both, "engagements": counts["engagements"]}
    parts = {_PRIVATE: private, "organic_metrics": organic}
    if one.promoted[0]:
        parts["promoted_metrics"] = {name: n - organic[name] for name, n in every.items()}
    if not one.has("url")[0]:
        for members in parts.values():
            del members["url_link_clicks"]
    return {name: members for name, members in parts.items() if name in wanted}


def buckets(start: datetime, end: datetime, granularity: str) -> list[datetime]:
    """Give the edges of the buckets of a period: UTC hours, UTC days, or weeks from the start.

    Parameters
    ----------
    start, end
        On the hour.
    granularity
        hourly, daily, weekly or total.
    """
    if granularity == "total":
        return [start, end]
    step = {"hourly": timedelta(hours=1), "daily": timedelta(days=1), "weekly": timedelta(days=7)}
    edges = [start]
    edge = start.replace(hour=0) if granularity == "daily" else start
    while (edge := edge + step[granularity]) < end:
        edges.append(edge)
    return [*edges, end]
