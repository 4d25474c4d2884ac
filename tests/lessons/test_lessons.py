"""Lessons: checks that help, requests shown without secrets, cells left out on demand."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from engagement_nb.errors import InputError
from engagement_nb.gap import explore_gap
from engagement_nb.lessons import LESSONS, open_room
from engagement_nb.lessons.room import _without

T11, T22, T33, T44, T55 = (
    "2120000000000000011", "2120000000000000022", "2050000000000000033", "2120000000000000044",
    "2120000000000000055",
)  # fmt: skip
DOORS = {"a": "lookup", "b": "analytics", "c": "neither", "d": "lookup", "e": "neither"}
TOKENS = {"a": "bearer", "b": "user", "c": "user", "d": "bearer", "e": "nobody"}
DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
BEGINS = dt.datetime(2026, 11, 19, 15, tzinfo=dt.UTC)

# Lesson, right answers, wrong answers with a word of the hint that each must get.
CASES = [
    ("endpoints", [("historical", 24), ["Historical", 24.0]], [
        (("totals", 3), "neither URL clicks nor days"),
        (("28hr", 24), "28 hours"),
        (("historical", 3), "250"),
        (("historical", 168), "whole week"),
        (("historical", 600), "several Tweets"),
        (("historical", 25), "Divide"),
        (("engagement", 24), "endpoints are"),
        ("totals", "cannot be read"),
    ]),
    ("tokens", [TOKENS, {k.upper(): v.title() for k, v in TOKENS.items()}], [
        ({**TOKENS, "a": "user"}, "refused somebody else's"),
        ({**TOKENS, "b": "bearer"}, "private"),
        ({**TOKENS, "c": "bearer"}, "owner's tokens"),
        ({**TOKENS, "d": "user"}, "250 Tweets of anybody"),
        ({**TOKENS, "e": "bearer"}, "owner only"),
        ({"a": "bearer"}, 'wish "b"'),
        ({**TOKENS, "a": "magic"}, '"nobody"'),
        (["user"], "cannot be read"),
    ]),
    ("nodata", [[T11, T22, T44], {T44, T22, T11}, f"{T11}, {T22}, {T44}"], [
        ([T11, T22, T44, T55], "unavailable_tweet_ids"),
        ([T11, T22, T33, T44], "90 days"),
        ([T11, T44], "A 0 is a count"),
        ([T11, T22], "no others"),
        (7, "cannot be read"),
    ]),
    ("sum", [26, 26.0, np.int64(26)], [
        (-924, "media views"),
        (-3834, "impressions"),
        (-4784, "impressions"),
        (-26, "other way round"),
        (184, "Subtract it"),
        (5, "Add up engagements"),
        ("a lot", "cannot be read"),
    ]),
    ("clicks", [52], [
        (85, "no URL at all"),
        (77, "apart"),
        (60, "no URL"),
        (2, "number of clicks"),
        (0, "no hashtag"),
        ([], "cannot be read"),
    ]),
    ("unknown", [400, 400.0, "400"], [
        (240, "not known"),
        (600, "Not every zero"),
        (1200, "sum"),
        (3, "mean of the others"),
        ({}, "cannot be read"),
    ]),
    ("groupings", [["engagement.type", "engagement.day", "tweet.id"]], [
        (["tweet.id", "engagement.type", "engagement.day"], '{"2120000000000000011": {"favorites"'),
        (["engagement.type", "engagement.day"], '{"favorites": {"2026-11-20": "3"}}'),
        (["type", "day", "id"], "no group_by item"),
        ([], "outermost"),
        ("engagement.type", "cannot be read"),
    ]),
    ("windows", [
        ("2026-11-19T15:00:00Z", "2026-11-20T15:00:00Z"),
        ("2026-11-19T15:30:00Z", "2026-11-20T14:59:59Z"),
        (BEGINS, BEGINS + DAY),
    ], [
        (("2026-11-20", "2026-11-21"), "day in UTC"),
        (("2026-11-20T09:00:00Z", "2026-11-21T09:00:00Z"), "don't add"),
        (("2026-11-20T00:00:00+09:00", "2026-11-21T00:00:00+09:00"), "offset"),
        ((BEGINS, BEGINS + 23 * HOUR), "exclusive"),
        ((BEGINS, BEGINS + 24.5 * HOUR), "one hour too many"),
        ((BEGINS + DAY, BEGINS), "before end"),
        ((BEGINS + 3 * HOUR, BEGINS + DAY), "start again"),
        ((BEGINS, BEGINS + 2 * DAY), "48 hours"),
        (("noon", "midnight"), "cannot be read"),
    ]),
    ("minute", [4, "4"], [
        (2, "two windows"),
        (80, "number of requests"),
        (40, "number of minutes"),
        (0.4, "250"),
        (96, "all hours"),
        (7, "Tweets / 25"),
        (None.__class__, "cannot be read"),
    ]),
    ("handles", [["bob", "dan", "eve"], "eve, dan, Bob"], [
        (["bob", "cat", "dan", "eve"], "bearer"),
        (["ann", "bob", "dan"], "14 November"),
        (["bob", "dan", "eve", "fay"], "15 December"),
        (["bob", "dan"], "eve"),
        (["bob", "bob", "dan", "eve"], "once a month"),
        (["bob", "eve"], "14 December"),
        (["dan", "eve"], "one by one"),
        (3, "cannot be read"),
    ]),
    ("server", [429, "429"], [
        (200, "Three things"),
        (400, "300 Tweets are too many"),
        (401, "tokens are valid"),
        (403, "not yours"),
        (500, "first that fails"),
        ([], "cannot be read"),
    ]),
    ("doors", [DOORS, {k.upper(): v.title() for k, v in DOORS.items()}], [
        ({**DOORS, "a": "neither"}, "younger than 30 days"),
        ({**DOORS, "b": "lookup"}, "no hours"),
        ({**DOORS, "c": "lookup"}, "no hashtag clicks"),
        ({**DOORS, "d": "analytics"}, "public"),
        ({**DOORS, "e": "lookup"}, "snapshot"),
        ({"a": "lookup"}, 'wish "b"'),
        ({**DOORS, "a": "totals"}, '"neither"'),
        ("lookup", "cannot be read"),
    ]),
]  # fmt: skip


def test_every_lesson_has_an_exercise_and_cases():
    assert list(LESSONS) == [case[0] for case in CASES]


@pytest.mark.parametrize(("key", "right", "wrong"), CASES, ids=[case[0] for case in CASES])
def test_each_check_takes_the_right_answer_and_refuses_wrong_ones_with_a_hint(key, right, wrong):
    exercise = LESSONS[key]
    for answer in right:
        verdict = exercise.check(answer)
        assert verdict.right is True, (answer, verdict)
    assert len(wrong) > 3
    for answer, word in wrong:
        verdict = exercise.check(answer)
        assert verdict.right is False
        assert word in verdict.text, (answer, verdict)
    for answer in (None, ...):
        assert exercise.check(answer).right is None
        assert exercise.expects in exercise.check(answer).text


def test_the_answer_of_lesson_4_is_that_of_the_gap_method():
    """Hidden and over-count are those of `explore_gap`, which says that the Tweets are too few."""
    lesson = LESSONS["sum"]
    gap = explore_gap(lesson.material)
    assert (gap.hidden, gap.over_count) == (lesson.right, 950)
    assert f"over-count of {gap.over_count}" in lesson.praise
    counted = {"favorites", "retweets", "url_clicks", "detail_expands"}
    assert {*gap.summed} == counted
    assert {verdict.verdict for verdict in gap.verdicts} == {"undetermined"}


@pytest.fixture(scope="module")
def room():
    with open_room() as opened:
        yield opened


def test_an_exchange_shows_both_sides_and_no_secret(room):
    ids = room.ids("own", 2)
    shown = room.post("totals", ids, ["favorites"])
    for text in (repr(shown), shown._repr_html_()):
        assert "POST /insights/engagement/totals" in text
        assert ids[0] in text
        assert "x-per-minute-remaining" in text
        assert "SANDBOX" in text
        assert "oauth_signature" in text
        for profile in room.profiles:
            for part in ("consumer_key", "consumer_secret", "access_token", "bearer_token"):
                assert getattr(profile, part).reveal() not in text
    assert shown.status == 200
    assert set(shown.groups) == set(ids)


def test_the_bearer_token_and_a_header_of_one_s_own_are_masked(room):
    bearer = room.post("totals", room.ids("others", 1), ["favorites"], auth="app")
    assert "authorization: Bearer [secret]" in repr(bearer)
    own = room.post("totals", room.ids("own", 1), ["favorites"], header="Bearer abcdef12345")
    assert own.status == 401
    assert "abcdef12345" not in repr(own)


def test_a_claim_that_does_not_hold_fails_on_the_sandbox(room, capsys):
    room.claim("one is one", 1 == 1, "sandbox")
    shown = capsys.readouterr().out
    assert "seen: one is one" in shown
    assert "[assumed here: no source says]" in shown
    with pytest.raises(AssertionError, match="one is two"):
        room.claim("one is two", 1 == 2, "sandbox")


def test_long_bodies_are_cut_and_say_so(room):
    shown = room.post("totals", room.ids("own", 60), ["favorites", "replies", "retweets"])
    assert "more lines" in shown.response_text
    assert len(shown.response_text.splitlines()) < 50


def test_cells_of_lessons_not_chosen_become_empty(monkeypatch):
    monkeypatch.setattr("engagement_nb.lessons.room._LEFT_OUT", ["tokens", "minute"])
    assert _without(["# lesson: tokens\n", "1 / 0\n"]) == []
    assert _without(["# lesson: sum\n", "1 / 0\n"]) == ["# lesson: sum\n", "1 / 0\n"]
    assert _without(["x = 1\n"]) == ["x = 1\n"]
    assert _without([]) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"lessons": "tokens, magic"}, 'no lesson "magic"'),
        ({"lessons": " "}, "Choose from endpoints"),
        ({"where": "moon"}, 'not on "moon"'),
        ({"where": "api"}, "needs ids"),
        ({"tweets": 200}, "at least 20,000 Tweets"),
        ({"now": "soon"}, "ISO 8601"),
    ],
)
def test_a_room_that_does_not_exist_is_refused(arguments, words):
    with pytest.raises(InputError, match=words):
        open_room(**arguments)
