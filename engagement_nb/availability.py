"""What can be had of a Tweet: the API's rules about age, owner and date, in one place."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache

from engagement_nb.vocabulary import snowflake


def posted_before(tweet_id: str, moment: datetime) -> bool:
    """Whether a Tweet was posted before a moment; so are ids from before 2010-11-04."""
    return int(tweet_id) < _first_id_of(moment)


@lru_cache(maxsize=256)
def _first_id_of(moment: datetime) -> int:
    return snowflake(moment)


def too_old(tweet_id: str, max_age: timedelta | None, now: datetime) -> bool:
    """Whether a Tweet is older than a metric's figures are kept."""
    return max_age is not None and posted_before(tweet_id, now - max_age)
