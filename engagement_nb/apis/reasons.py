"""Why a Tweet or some of its figures are missing, and what to do about it."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Reason(StrEnum):
    """Why a Tweet or some of its figures are missing. Datasets store the values.

    Attributes
    ----------
    advice
        What to do about it, in a sentence.
    """

    advice: str

    def __new__(cls, text: str, advice: str = "") -> Self:
        """Make a reason from its text and its advice."""
        reason = str.__new__(cls, text)
        reason._value_ = text
        reason.advice = advice
        return reason

    NOT_A_TWEET_ID = (
        "not a Tweet id",
        "Give the digits of the id, as text: a spreadsheet rounds them.",
    )
    UNAVAILABLE = ("unavailable", "Deleted, protected or never posted: leave it out.")
    NO_ANSWER = (
        "no answer",
        "The API's responses left this Tweet out: run the same command again later.",
    )
    NOT_YOURS = (
        "not yours",
        "Add a profile with the tokens of the Tweet's owner, or ask totals for its public metrics.",
    )
    POSTED_LATER = (
        "posted later",
        "The period ends before this Tweet was posted: choose a later one.",
    )
    OLDER_THAN_30_DAYS = (
        "older than 30 days",
        "X API v2 gives private figures for 30 days: keep daily snapshots.",
    )
    OLDER_THAN_90_DAYS = (
        "older than 90 days",
        "Totals knows impressions and engagements for 90 days; ask historical, or keep snapshots.",
    )
    OLDER_THAN_1800_DAYS = (
        "older than 1800 days",
        "Video views are kept for 1,800 days; the API's 0 is not a count.",
    )
    BEFORE_2014_09_01 = (
        "before 2014-09-01",
        "The API has no earlier data: choose a later period.",
    )
    BEFORE_2015_09_15 = (
        "before 2015-09-15",
        "Likes, replies and reposts of that time are unknown; the API's 0 is not a count.",
    )
    NO_LINK = (
        "no link",
        "X API v2 gives no URL clicks for a Post without a link.",
    )
    METRIC_NOT_OFFERED = ("metric not offered", "Ask an endpoint that offers this metric.")
    NEEDS_OWNER = (
        "needs the owner's tokens",
        "App-only access gives public metrics: add the owner's tokens.",
    )
    NOT_AUTHENTICATED = (
        "not authenticated",
        "Check the tokens of this profile: engagement-nb auth check.",
    )
    REFUSED = ("refused", "See the API's text.")
    REQUEST_FAILED = (
        "request failed",
        "Run the same command again: it asks only for what is missing.",
    )
    NOT_FETCHED = (
        "not fetched",
        "The dataset lacks this part of the period: fetch it into the same dataset.",
    )
    NO_ROW = ("no row", "The file has no row for this day: export its period too.")
    ONE_SNAPSHOT = (
        "no gain in snapshots",
        "What a Tweet gains is known between two snapshots that have it.",
    )
    NOT_IN_SOURCE = ("not in this source", "The file or dataset does not contain this Tweet.")


NOTHING_TO_COUNT = frozenset({Reason.NO_LINK})
"""Reasons that leave nothing to count: in a sum, such a figure is 0."""
UNFINISHED = frozenset({Reason.REQUEST_FAILED, Reason.NOT_AUTHENTICATED, Reason.NO_ANSWER})
"""Reasons that may be temporary: the next run requests these Tweets again."""
