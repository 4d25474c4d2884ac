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
from engagement_nb.sandbox.keys import Keys
from engagement_nb.sandbox.problems import NO_FIELD, NOT_FOUND, NOT_YOURS
from engagement_nb.sandbox.timeline import HOUR_MS, Flags, Tweets
from engagement_nb.sandbox.world import COLUMNS, World

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
_OF_WORLD = {"shares": "copied_links", "bookmarks": "bookmarks"}
"""v2 shows two interactions that the Engagement API hides."""


class Posts:
    """Makes the objects of responses.

    Parameters
    ----------
    world, keys
        The Posts, and their authors.
    """

    def __init__(self, world: World, keys: Keys) -> None:
        self.world = world
        self.keys = keys
        self.settings = world.settings

    def find(self, ids: Sequence[int], parameter: str) -> tuple[Tweets, list[dict[str, Any]]]:
        """Give the Posts that are there, and an error for each that is not.

        Parameters
        ----------
        ids
            Their ids.
        parameter
            The name of what the ids came in.
        """
        index = self.world.find(np.array(ids, dtype=np.int64))
        tweets = self.world.tweets(index)
        errors = []
        for place, number in enumerate(ids):
            if index[place] < 0 or tweets.deleted[place]:
                errors.append(NOT_FOUND.about(number, parameter))
            elif tweets.protected[place]:
                errors.append(NOT_YOURS.about(number, parameter))
        return tweets.take((index >= 0) & tweets.available), errors

    def of_account(self, account: int, before: int) -> Iterator[Tweets]:
        """Give an account's Posts with a number below ``before``, one at a time, newest first."""
        for end in range(before, 0, -4096):
            tweets = self.world.tweets(np.arange(end - 1, max(0, end - 4096) - 1, -1))
            mine = tweets.take((tweets.account == account) & ~tweets.deleted)
            yield from map(mine.at, range(len(mine)))

    def is_old(self, tweets: Tweets) -> Flags:
        """Whether each Post is older than private fields reach."""
        return tweets.posted_ms < self.world.now_ms() - PRIVATE_FOR / timedelta(milliseconds=1)

    def objects(
        self, tweets: Tweets, fields: Sequence[str], account: int | None, parameter: str
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
        parameter
            As for `find`.
        """
        present = np.array([self.world.now_ms() / HOUR_MS])
        counts = self.world.cumulative(tweets, present, COLUMNS)[:, :, 0]
        mine = tweets.account == account if account is not None else tweets.account < -1
        mine &= ~tweets.repost
        old = self.is_old(tweets)
        private = [name for name in PRIVATE_FIELDS if name in fields]
        shown: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        for place in range(len(tweets)):
            one, of = tweets.at(place), dict(zip(COLUMNS, counts[place].tolist(), strict=True))
            post = self._plain(one, fields)
            if "public_metrics" in fields:
                post["public_metrics"] = {name: of[own] for name, own in _PUBLIC.items()}
            if private and mine[place] and not old[place]:
                post |= _private(one, of, private)
            elif private:
                if not mine[place] or self.settings.old_posts == "field errors":
                    errors += [
                        NO_FIELD.about(
                            int(one.ids[0]), parameter, field=f"{name}.{member}", section="data"
                        )
                        for name in private
                        for member in PRIVATE_FIELDS[name]
                    ]
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

    def analytics(
        self, tweets: Tweets, fields: Sequence[str], hours: Sequence[int]
    ) -> Iterator[list[dict[str, int]]]:
        """Give the figures of each Post between every two of the hours since the Unix epoch."""
        names = [self._counter(field) for field in fields]
        moments = np.minimum(np.array(hours), self.world.now_ms() / HOUR_MS)
        known = [name for name in names if name]
        counts = np.diff(self.world.cumulative(tweets, moments, known), axis=2)
        for of_post in counts:
            rows = dict(zip(known, of_post.tolist(), strict=True))
            yield [
                {
                    field: rows[name][bucket] if name else 0
                    for field, name in zip(fields, names, strict=True)
                }
                for bucket in range(len(hours) - 1)
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
