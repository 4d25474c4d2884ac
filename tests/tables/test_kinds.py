"""Every kind of file of X, in every language, is read like the English file or refused."""

from __future__ import annotations

import itertools
import random

import pandas as pd
import pytest

from engagement_nb.errors import AnalysisError, InputError
from engagement_nb.gap import explore_gap
from engagement_nb.sources import connect
from engagement_nb.tables import Tables, read_table
from tests.tables import kinds
from tests.tables.export_files import write

LANGUAGES = [
    (kind, language)
    for kind in ("content", "classic", "daily", "overview")
    for language in kinds.LAYOUTS[kind]
    if language != "names"
]


def frame_of(tmp_path, text, name="export.csv"):
    return read_table(write(tmp_path, text, name)).frame


@pytest.mark.parametrize(("kind", "language"), LANGUAGES)
def test_each_documented_header_is_read_like_the_english_one(tmp_path, kind, language):
    body = kinds.rows(kind)
    english = frame_of(tmp_path, kinds.text(kinds.header(kind), body))
    metrics = read_table(write(tmp_path, kinds.text(kinds.header(kind, language), body)))
    pd.testing.assert_frame_equal(english, metrics.frame)
    assert metrics.about.kind == kind
    assert len(english) == len(body)


@pytest.mark.parametrize("kind", ["content", "classic", "daily", "overview"])
def test_an_unknown_language_is_read_by_position_with_a_note(tmp_path, kind):
    body = kinds.rows(kind)
    english = frame_of(tmp_path, kinds.text(kinds.header(kind), body))
    metrics = read_table(write(tmp_path, kinds.text(kinds.made_up(kind), body)))
    pd.testing.assert_frame_equal(english, metrics.frame)
    (note,) = [note for note in metrics.about.notes if "by position" in note]
    assert "are where X writes them" in note


@pytest.mark.parametrize(("kind", "language"), LANGUAGES)
def test_two_swapped_columns_are_read_right_if_the_header_is_known(tmp_path, kind, language):
    head, body = kinds.header(kind, language), kinds.rows(kind)
    english = frame_of(tmp_path, kinds.text(kinds.header(kind), body))
    for a, b in random.Random(3).sample(list(itertools.combinations(range(len(head)), 2)), 12):
        if head[a].startswith("palavra") and head[b].startswith("palavra"):
            continue  # Two unknown words: see the test of unknown headers.
        swapped = [list(row) for row in (head, *body)]
        for row in swapped:
            row[a], row[b] = row[b], row[a]
        path = write(tmp_path, kinds.text(swapped[0], swapped[1:]))
        try:
            frame = read_table(path).frame
        except InputError:
            continue
        pd.testing.assert_frame_equal(english, frame)


def test_swapped_columns_under_an_unknown_header_are_refused_if_figures_can_tell(tmp_path):
    order, body = kinds.ORDERS["content"], kinds.rows("content", 200)
    parts = [name for name in order if name in kinds.PARTS]
    for a, b in itertools.combinations(order, 2):
        if {a, b} <= set(parts) or {a, b} == {"bookmarks", "shares"}:
            continue  # The figures cannot tell these apart, and the note says so.
        if {a, b} & {"hashtag_clicks", "permalink_clicks", "user_follows"}:
            continue  # Too small to tell from another small metric.
        swapped = [list(row) for row in body]
        i, j = order.index(a), order.index(b)
        for row in swapped:
            row[i], row[j] = row[j], row[i]
        path = write(tmp_path, kinds.text(kinds.made_up("content"), swapped))
        with pytest.raises(InputError, match="by position"):
            pytest.fail(f"{a} and {b}: {read_table(path).about.notes}")


def test_a_known_word_in_another_place_prevents_reading_by_position(tmp_path):
    head = kinds.made_up("content")
    head[4], head[5] = "Likes", "Impressions"
    with pytest.raises(InputError, match="would be in another column"):
        read_table(write(tmp_path, kinds.text(head, kinds.rows("content"))))


@pytest.mark.parametrize("kind", ["content", "classic", "daily", "overview"])
@pytest.mark.parametrize(
    "change",
    [
        lambda head, body: kinds.text(head, body, ";"),
        lambda head, body: kinds.text(head, body, "\t"),
        lambda head, body: "\ufeff" + kinds.text(head, body),
        lambda head, body: kinds.text(["", *head], [[str(i), *r] for i, r in enumerate(body)]),
        lambda head, body: kinds.text(
            ["Unnamed: 0", *head], [[str(i), *row] for i, row in enumerate(body)]
        ),
        lambda head, body: kinds.text([*head, "my notes"], [[*row, "x"] for row in body]),
    ],
)
@pytest.mark.parametrize("words", [kinds.header, kinds.made_up])
def test_variants_of_spreadsheets_and_scripts_lose_no_figure(tmp_path, kind, change, words):
    body = kinds.rows(kind)
    english = frame_of(tmp_path, kinds.text(kinds.header(kind), body))
    pd.testing.assert_frame_equal(english, frame_of(tmp_path, change(words(kind), body)))


def test_a_merged_file_of_more_than_a_thousand_rows_is_read_whole(tmp_path):
    text = kinds.text(kinds.header("content"), kinds.rows("content", 2500))
    metrics = read_table(write(tmp_path, text))
    assert len(metrics) == 2500
    assert not any("cut" in note for note in metrics.about.notes)


def test_a_file_of_exactly_a_thousand_posts_is_reported_as_cut(tmp_path):
    text = kinds.text(kinds.header("content"), kinds.rows("content", 1000))
    exports = Tables(write(tmp_path, text))
    assert any("exactly 1,000 Posts" in note for note in exports.metrics().about.notes)
    assert exports.files()["cut"].tolist() == [True]


def test_a_column_of_zeros_gets_a_note(tmp_path):
    body = kinds.rows("content")
    column = kinds.ORDERS["content"].index("url_clicks")
    for row in body:
        row[column] = "0"
    metrics = read_table(write(tmp_path, kinds.text(kinds.header("content"), body)))
    assert any("0 in every row: URL clicks" in note for note in metrics.about.notes)


@pytest.mark.parametrize("words", [kinds.header, kinds.made_up])
def test_a_header_in_mid_file_is_refused_with_its_line(tmp_path, words):
    body = kinds.rows("content", 3)
    text = kinds.text(words("content"), body)
    # Each row takes two lines, because its text has a line break.
    with pytest.raises(InputError, match=r"line 8 is a second header"):
        read_table(write(tmp_path, text + text))


def test_a_cell_that_is_wrong_is_named_by_its_line(tmp_path):
    body = kinds.rows("content", 3)
    body[2][5] = "many"
    with pytest.raises(InputError, match=r'line 6, column "Likes": "many"'):
        read_table(write(tmp_path, kinds.text(kinds.header("content"), body)))


def test_a_video_file_gives_both_its_tables(tmp_path):
    post = kinds.rows("content", 1)[0]
    write(tmp_path, kinds.VIDEO.format(link=post[3]), "video_overview_analytics.csv")
    alone = Tables(tmp_path / "video_overview_analytics.csv")
    assert alone.kinds == ["video", "videos"]
    by_day = alone.metrics()
    assert by_day.frame["video_views"].tolist() == [10, 20]
    assert by_day.frame["completion_rate"].tolist() == [12.5, 50.0]
    assert by_day.about.unit == "day"
    write(tmp_path, kinds.text(kinds.header("content"), [post]), "account_analytics_content_a.csv")
    videos = Tables(tmp_path).videos()
    assert videos["tweet_id"].tolist() == [post[0]]
    assert videos["duration_s"].tolist() == [65]
    assert videos["engagements"].tolist() == [int(post[6])]


def test_a_mixed_folder_keeps_the_kinds_apart_and_loses_no_row(tmp_path):
    content = kinds.mixed(tmp_path)
    exports = Tables(tmp_path)
    assert exports.kinds == ["content", "classic", "overview", "video", "videos"]
    metrics = exports.metrics()
    assert metrics.about.kind == "content and classic"
    assert metrics.frame["file_kind"].value_counts().to_dict() == {"content": 60, "classic": 40}
    files = exports.files()
    assert (
        files["rows"] == files[["used", "repeated", "in_newer_file", "empty"]].sum(axis=1)
    ).all()
    assert files["in_newer_file"].sum() == 20
    summary = exports.summary()
    assert summary.at["content", "engagements"] == sum(int(row[6]) for row in content)
    assert summary.at["overview", "unit"] == "day"
    assert "nothing about hidden" in summary.at["overview", "answers"]
    assert exports.of("overview").about.kind == "overview"


def test_a_kind_without_rows_of_its_own_is_an_empty_frame_with_its_columns(tmp_path):
    """All Tweets of the older file are in the newer one, which has the figures that count."""
    content, classic = kinds.rows("content", 20), kinds.rows("classic", 20, seed=2)
    for newer, older in zip(content, classic, strict=True):
        older[1] = newer[kinds.header("content").index("Post Link")]
        older[0] = older[1].rpartition("/")[2]
    name = "account_analytics_content_2025-01-02_2025-03-01.csv"
    write(tmp_path, kinds.text(kinds.header("content"), content), name)
    name = "tweet_activity_metrics_somebody_20250101_20250128_en.csv"
    write(tmp_path, kinds.text(kinds.header("classic"), classic), name)
    older = Tables(tmp_path).of("classic")
    assert older.frame.empty
    assert {"tweet_id", "created_at", "engagements"} <= {*older.frame.columns}
    assert older.account.rows_named["a newer row has the same Tweet or day"] == 20


def test_each_kind_of_a_mixed_folder_can_be_explored_by_itself(tmp_path):
    content = kinds.mixed(tmp_path)
    exports = Tables(tmp_path)
    classic = exports.of("classic")
    assert (len(classic), classic.about.kind) == (40, "classic")
    assert not {"bookmarks", "file_kind"} & set(classic.frame)
    gap = explore_gap(exports.of("content"))
    assert (gap.posts, gap.engagements) == (60, sum(int(row[6]) for row in content))
    with pytest.raises(InputError, match="no file of the kind 'daily'"):
        exports.of("daily")


def test_figures_by_post_and_by_day_are_compared_with_the_reasons(tmp_path):
    kinds.mixed(tmp_path)
    comparison = Tables(tmp_path).reconcile()
    row = comparison.table.loc["engagements"]
    assert row["difference"] == row["by_day"] - row["by_post"]
    assert "posts" in comparison.table.index
    assert any("before the first day" in sentence for sentence in comparison.sentences)


def test_posts_of_two_accounts_are_never_added_up(tmp_path):
    for number, handle in enumerate(("ann", "bob")):
        body = kinds.rows("content", 30 + number, seed=number, handle=handle)
        for row in body:
            row[0] = str(int(row[0]) + number)
            row[3] = f"https://x.com/{handle}/status/{row[0]}"
        write(tmp_path, kinds.text(kinds.header("content"), body), f"{handle}.csv")
    with pytest.raises(InputError, match=r"2 accounts: @bob .31 rows. and @ann .30 rows."):
        read_table(tmp_path)
    assert len(read_table(tmp_path, "ann")) == 30
    assert len(read_table(tmp_path, "@Ann, bob")) == 61
    with pytest.raises(InputError, match="no Posts of @eve"):
        read_table(tmp_path, "eve")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04rest of an archive", "zip archive"),
        (b"\x89PNG\r\n\x1a\n", "a picture"),
        (b"\xff\xd8\xff\xe0", "a picture"),
        (b"GIF89a,", "a picture"),
    ],
)
def test_a_file_that_is_not_text_is_named(tmp_path, content, words):
    with pytest.raises(InputError, match=words):
        read_table(write(tmp_path, content))


def test_a_folder_of_daily_files_says_what_it_can_answer(tmp_path):
    for month, part in (("01", slice(0, 30)), ("02", slice(20, 60))):
        text = kinds.text(kinds.header("daily"), kinds.rows("daily")[part])
        name = f"daily_tweet_activity_metrics_somebody_2025{month}01_2025{month}28_en.csv"
        write(tmp_path, text, name)
    metrics = read_table(tmp_path)
    assert len(metrics) == 60
    assert metrics.about.unit == "day"
    assert any("the gap by day" in note for note in metrics.about.notes)


def test_no_word_means_two_metrics():
    seen: dict[str, str] = {}
    for kind, table in kinds.LAYOUTS.items():
        if kind not in kinds.ORDERS or kind.startswith("video"):
            continue
        for language, words in table.items():
            if language == "names":
                continue
            for word, name in zip(words.split(","), kinds.ORDERS[kind], strict=True):
                if word:
                    assert seen.setdefault(word.lower(), name) == name


def test_the_gap_is_found_in_daily_figures_and_refused_for_an_overview(tmp_path):
    daily = read_table(write(tmp_path, kinds.text(kinds.header("daily"), kinds.rows("daily"))))
    gap = explore_gap(daily)
    rows = kinds.rows("daily")
    assert gap.engagements == sum(int(row[3]) for row in rows)
    assert gap.hidden > 0
    overview = kinds.text(kinds.header("overview"), kinds.rows("overview"))
    with pytest.raises(AnalysisError, match="lacks clicks and expands"):
        explore_gap(read_table(write(tmp_path, overview)))


def test_figures_by_day_have_no_tweet_ids_and_refuse_a_list_of_ids(tmp_path):
    path = write(tmp_path, kinds.text(kinds.header("daily"), kinds.rows("daily")))
    source = connect(path)
    assert source.tweet_ids() == []
    assert "60 days" in repr(source.totals())
    assert source.totals().facts()["unit"] == "day"
    with pytest.raises(InputError, match="by day of the whole account"):
        source.totals(["1886483849795768598"])


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\r\n", "\n"])
@pytest.mark.parametrize("number", ["{}", "{}.0", "{:,}", "{}.00"])
def test_dialects_and_forms_of_numbers_give_the_same_figures(tmp_path, separator, line_end, number):
    body = kinds.rows("content", 20)
    expected = [int(row[4]) for row in body]
    changed = [row[:4] + [number.format(int(cell)) for cell in row[4:]] for row in body]
    text = kinds.text(kinds.header("content"), changed, separator).replace("\r\n", line_end)
    frame = Tables(write(tmp_path, text)).metrics().frame
    assert frame["impressions"].tolist() == expected
