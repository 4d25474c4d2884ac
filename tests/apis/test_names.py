"""One table of names for figures, matched as people write them."""

from __future__ import annotations

import pytest

from engagement_nb.apis.engagement import METRICS
from engagement_nb.apis.names import (
    COLUMN_ORDERS,
    LABELS,
    column_name,
    guess,
    is_english,
    is_of_content_file,
    label,
    old_column_name,
    video_column_names,
    wire_name,
    wire_names,
)
from engagement_nb.errors import InputError


def test_every_metric_has_a_label_that_is_also_its_name() -> None:
    assert [*LABELS] == [*METRICS, "bookmarks", "shares", "dial_phone"]
    for name, said in LABELS.items():
        assert wire_name(name) == wire_name(said) == name
        assert label(name) == said
    assert label("watch_time_ms") == "watch time ms"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("likes", "favorites"), ("like_count", "favorites"), ("Gefällt mir", "favorites"),
        ("gefallt.mir", "favorites"), ("いいね", "favorites"), ("J'aime", "favorites"),
        ("共有された回数\\", "shares"), ("cliques em hashtags", "hashtag_clicks"),
        ("url_link_clicks", "url_clicks"), ("UrlClicks", "url_clicks"),
        ("Link clicks", "url_clicks"), ("repost_count", "retweets"),
        ("QuoteTweets", "quote_tweets"),
        ("bookmark_count", "bookmarks"), ("user.profile.clicks", "user_profile_clicks"),
        ("media_clicks", "media_engagements"), ("app installs", "app_install_attempts"),
        ("views", None), ("Post id", None), ("promoted likes", None), ("", None),
    ],
)  # fmt: skip
def test_a_name_of_any_api_file_or_language_is_known(text: str, name: str | None) -> None:
    assert wire_name(text) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [("repliesCount", "replies"), ("favrites", "favorites"), ("total likes", "favorites"),
     ("WORDCOUNT", None), ("Hour", None), ("Curator", None), ("time.1", None)],
)  # fmt: skip
def test_a_name_that_is_nearly_a_metric_has_a_guess(text: str, name: str | None) -> None:
    assert wire_name(text) is None
    assert guess(text) == name


def test_names_that_people_type_become_wire_names_or_a_sentence() -> None:
    assert wire_names("likes, favourites,replies") == ["favorites", "replies"]
    assert wire_names(["Reposts"]) == ["retweets"]
    with pytest.raises(InputError, match=r'no metric "likez"\. Did you mean favorites\?'):
        wire_names(["likez"])
    with pytest.raises(InputError, match="Metrics are impressions, engagements, favorites"):
        wire_names("age")
    with pytest.raises(InputError, match='no metric ""'):
        wire_names([""])


def test_columns_that_are_no_metric_are_known_too() -> None:
    assert column_name("Post-ID") == "tweet_id"
    assert column_name("engagement.rate") == "rate"
    assert column_name("impressões promovidas") == "promoted_impressions"
    assert column_name("promoted engagement rate") == "rate"
    assert column_name("promoted colour") == ""


def test_words_of_video_files_count_only_there() -> None:
    header = ["Data", "Visualizações", "Tempo de exibição (ms)", "?"]
    assert video_column_names(header, "video") == ["date", "video_views", "watch_time_ms", ""]
    assert column_name("Visualizações") == ""
    assert set(COLUMN_ORDERS) == {"content", "classic", "daily", "overview", "video", "videos"}


@pytest.mark.parametrize(
    ("text", "english", "of_content"),
    [("Likes", True, False), ("Gefällt mir", False, False), ("Impressions", False, False),
     ("Post text", False, True), ("Post Link", False, True), ("Tweet text", False, False)],
)  # fmt: skip
def test_some_names_tell_the_language_or_the_kind_of_a_file(
    text: str, english: bool, of_content: bool
) -> None:
    """A name that several languages have, or several kinds of files, tells neither."""
    assert (is_english(text), is_of_content_file(text)) == (english, of_content)


def test_the_oldest_files_call_one_metric_otherwise() -> None:
    assert old_column_name("Media-Clicks") == "media_engagements"
    assert old_column_name("Likes") == ""
