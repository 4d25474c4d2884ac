"""Times in ids and on the wire: a Tweet's id contains the moment of its posting.

So an age limit is a lowest id, and it is known before a request is spent.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

SNOWFLAKE_EPOCH_MS = 1_288_834_974_657
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_SNOWFLAKE_ID = 29_700_859_247


def tweet_time(tweet_id: str | int) -> datetime | None:
    """When a Tweet was posted, read from its id.

    Parameters
    ----------
    tweet_id
        A Tweet id.

    Returns
    -------
    datetime or None
        UTC, to the millisecond; None for ids from before 2010-11-04, which carry no time.
    """
    number = int(tweet_id)
    if number < FIRST_SNOWFLAKE_ID:
        return None
    return _UNIX_EPOCH + timedelta(milliseconds=(number >> 22) + SNOWFLAKE_EPOCH_MS)


@lru_cache(maxsize=4096)
def snowflake(moment: datetime, low_bits: int = 0) -> int:
    """The Tweet id of a moment: the inverse of `tweet_time`.

    Parameters
    ----------
    moment
        An aware datetime.
    low_bits
        The 22 bits that distinguish Tweets of the same millisecond.
    """
    milliseconds = (moment - _UNIX_EPOCH) // timedelta(milliseconds=1)
    return ((milliseconds - SNOWFLAKE_EPOCH_MS) << 22) | low_bits


def wire_time(moment: datetime) -> str:
    """A moment as the API writes it, to the second in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def as_utc(value: datetime | str) -> datetime:
    """Convert a datetime, or ISO 8601 text, to UTC; without a zone it is UTC already.

    Raises
    ------
    ValueError, OverflowError
        The text is not an ISO 8601 time, or the time is out of range.
    """
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def full_hour(moment: datetime) -> datetime:
    """The beginning of the hour that a moment is in."""
    return moment.replace(minute=0, second=0, microsecond=0)


def next_full_hour(moment: datetime) -> datetime:
    """The first beginning of an hour that is not before a moment."""
    begun = full_hour(moment)
    return begun if begun == moment else begun + timedelta(hours=1)


def posted_before(tweet_id: str, moment: datetime) -> bool:
    """Whether a Tweet was posted before a moment; ids from before 2010-11-04 always were."""
    return int(tweet_id) < snowflake(moment)
