"""Export files: real ones are read, wrong ones are refused in one sentence."""

from __future__ import annotations

import os
import re

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement_nb.errors import InputError
from engagement_nb.tables import Tables, read_table, reading
from tests.tables.export_files import CLASSIC, CURRENT, classic, current, post, write


def read(tmp_path, text, name="export.csv"):
    return read_table(write(tmp_path, text, name))


def refusal(tmp_path, text, name="export.csv"):
    with pytest.raises(InputError) as caught:
        read(tmp_path, text, name)
    message = str(caught.value)
    assert name in message
    assert "\n" not in message
    assert caught.value.advice
    return message


def test_a_current_export_gives_metrics_under_wire_names(tmp_path):
    figures = {"likes": 3, "engagements": 9, "impressions": 100, "bookmarks": 1, "shares": 2,
               "new follows": 4, "profile visits": 5, "url clicks": 6}  # fmt: skip
    metrics = read(tmp_path, current([{**post(1), **figures}, post(2)]))
    row = metrics.frame.iloc[0]
    assert metrics.about.source == metrics.about.endpoint == "export"
    assert row["tweet_id"] == post(1)["id"]
    assert row["created_at"] == pd.Timestamp("2025-01-03 13:00", tz="UTC")
    assert row[["favorites", "engagements", "bookmarks", "shares", "user_follows"]].tolist() == [
        3, 9, 1, 2, 4,
    ]  # fmt: skip
    assert row["user_profile_clicks"] == 5
    assert str(metrics.frame["favorites"].dtype) == "Int64"
    assert metrics.about.labels["user_profile_clicks"] == "Profile visits"
    assert metrics.problems.empty


def test_a_classic_export_gives_the_same_names(tmp_path):
    figures = {"likes": "424.0", "follows": 1, "app installs": 2, "media views": "1,234",
               "promoted likes": 7}  # fmt: skip
    frame = read(tmp_path, classic([{**post(), **figures}, post(1)])).frame
    assert frame.loc[0, ["favorites", "user_follows", "app_install_attempts"]].tolist() == [
        424, 1, 2,
    ]  # fmt: skip
    assert frame.loc[0, "media_views"] == 1234
    assert frame["promoted_favorites"].tolist()[0] == 7
    assert frame["promoted_favorites"].isna().tolist() == [False, True]
    assert [c for c in frame if c.startswith("promoted")] == ["promoted_favorites"]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("Post Link", "Link").replace("Shares", "Share"),
        lambda text: "\n".join([text.split("\r\n", 1)[0].upper(), text.split("\r\n", 1)[1]]),
        lambda text: text.replace("Post id", " post  ID "),
        lambda text: text.replace("Likes", "favorites"),
        lambda text: text.replace("\r\n", "\n"),
        lambda text: "\ufeff" + text,
        lambda text: text + "\r\n" + "," * 16 + "\r\n",
        lambda text: text.encode("utf-16"),
        lambda text: text.replace("URL Clicks", "Url clicks"),
        lambda text: text.replace(",", ";"),
        lambda text: text.replace("\r\n", ",\r\n"),
    ],
)
def test_small_differences_between_releases_change_nothing(tmp_path, change):
    text = current([post(i, "plain", likes=i, shares=2, url_clicks=1) for i in range(3)])
    as_is, changed = read(tmp_path, text).frame, read(tmp_path, change(text)).frame
    pd.testing.assert_frame_equal(as_is, changed)


@pytest.mark.parametrize("layout", ["%a %b %d %Y", "%a, %b %d, %Y"])
def test_ids_without_a_time_take_the_date_column(tmp_path, layout):
    old = {**post(), "id": "20000000"}
    frame = read(tmp_path, current([old, post(1)], date=layout)).frame
    assert frame["created_at"].tolist() == [
        pd.Timestamp("2025-01-03", tz="UTC"),
        pd.Timestamp("2025-01-03 13:00", tz="UTC"),
    ]


def test_the_classic_time_column_is_read_for_old_ids(tmp_path):
    frame = read(tmp_path, classic([{**post(), "id": "20000000"}])).frame
    assert frame["created_at"].tolist() == [pd.Timestamp("2025-01-03 12:00", tz="UTC")]


def test_empty_cells_and_dashes_are_unknown_and_not_zero(tmp_path):
    frame = read(tmp_path, current([post(0, likes=""), post(1, likes="-"), post(2)])).frame
    assert frame["favorites"].isna().tolist() == [True, True, False]


def test_texts_with_newlines_quotes_and_commas_stay_whole(tmp_path):
    text = 'one, "two"\n\nthree; 😀'
    assert read(tmp_path, current([post(0, text), post(1)])).frame["text"][0] == text


@given(
    texts=st.lists(
        st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0")), min_size=1,
        max_size=5,
    ),
    figure=st.one_of(st.integers(0, 10**12), st.sampled_from(["", "-"])),
    quoted=st.booleans(),
)  # fmt: skip
@settings(max_examples=30, deadline=None)
def test_any_text_keeps_rows_and_figures_apart(tmp_path_factory, texts, figure, quoted):
    posts = [post(i, text, likes=figure) for i, text in enumerate(texts)]
    data = (classic if quoted else current)(posts)
    frame = read(tmp_path_factory.mktemp("x"), data).frame
    assert frame["tweet_id"].tolist() == [p["id"] for p in posts]
    unknown = figure in ("", "-")
    assert frame["favorites"].isna().tolist() == [unknown] * len(posts)
    assert unknown or set(frame["favorites"]) == {figure}


def test_windows_1252_text_is_read_with_a_note(tmp_path):
    metrics = read(tmp_path, current([post(0, "caf\u00e9 \u2013 \u20ac")]).encode("cp1252"))
    assert metrics.frame["text"][0] == "caf\u00e9 \u2013 \u20ac"
    assert any("Windows-1252" in note for note in metrics.about.notes)


def test_one_broken_character_does_not_make_utf_8_windows_1252(tmp_path):
    data = current([post(i, "d\u00e9j\u00e0 \u2013 \u00e9t\u00e9") for i in range(5)]).encode()
    metrics = read(tmp_path, data.replace(b"\xc3\xa9", b"\xc3", 1))
    assert metrics.frame["text"][1] == "d\u00e9j\u00e0 \u2013 \u00e9t\u00e9"
    assert any("broken characters" in note for note in metrics.about.notes)


def test_old_files_have_another_name_for_media_engagements(tmp_path):
    header = ["embedded media clicks" if c == "media engagements" else c for c in CLASSIC]
    metrics = read(tmp_path, classic([{**post(), "embedded media clicks": 8}], header))
    assert metrics.frame["media_engagements"].tolist() == [8]


def test_an_unknown_column_is_named_in_the_notes(tmp_path):
    metrics = read(tmp_path, current([post(0, vibes=3)], [*CURRENT, "Vibes"]))
    assert any("Vibes" in note for note in metrics.about.notes)


@pytest.mark.parametrize(
    ("text", "figures", "expected"),
    [
        ("no link at all", {}, False),
        ("no link at all", {"url clicks": 3}, False),
        ("read https://t.co/abc and say", {}, True),
        ("two https://t.co/abc https://t.co/def", {}, True),
        ("at the end https://t.co/abc", {}, None),
        ("at the end https://t.co/abc", {"url clicks": 2}, None),
        ("#tag at the end https://t.co/abc", {"url clicks": 2}, None),
        ("a picture https://t.co/abc", {"media views": 9}, None),
        ("a picture https://t.co/abc", {"media views": 9, "url clicks": 1}, None),
    ],
)
def test_has_url_is_unknown_if_the_link_may_be_media(tmp_path, text, figures, expected):
    value = read(tmp_path, classic([{**post(0, text), **figures}])).frame["has_url"][0]
    assert (value is pd.NA) if expected is None else (value == expected)


@pytest.mark.parametrize(
    ("text", "hashtag", "mention", "reply"),
    [
        ("plain", False, False, False),
        ("#one", True, False, False),
        ("number #1", False, False, False),
        ("(#été)", True, False, False),
        ("https://t.co/abc#frag", False, False, False),
        ("@you hi", False, True, True),
        ("hi @you", False, True, False),
        (".@you", False, False, False),
        ("me@example.org", False, False, False),
    ],
)
def test_hashtags_mentions_and_replies_are_found_in_the_text(
    tmp_path, text, hashtag, mention, reply
):
    row = read(tmp_path, current([post(0, text)])).frame.iloc[0]
    assert [row["has_hashtag"], row["has_mention"], row["is_reply"]] == [hashtag, mention, reply]


def test_a_folder_of_months_is_read_as_one_and_the_newest_file_wins(tmp_path):
    january = current([post(0, likes=1), post(1, likes=1)])
    february = current([post(1, likes=5), post(2, likes=1)])
    write(tmp_path, february, "account_analytics_content_2025-01-03_2025-02-28.csv")
    newer = write(tmp_path, january, "account_analytics_content_2025-01-01_2025-01-31.csv")
    os.utime(newer, (4e9, 4e9))
    write(tmp_path, "not an export", "notes.txt")
    metrics = read_table(tmp_path)
    likes = dict(zip(metrics.frame["tweet_id"], metrics.frame["favorites"], strict=True))
    assert likes == {post(0)["id"]: 1, post(1)["id"]: 5, post(2)["id"]: 1}
    assert any("1 row was left out" in note for note in metrics.about.notes)


def test_the_file_written_last_wins_if_periods_are_the_same(tmp_path):
    name = "account_analytics_content_2025-01-01_2025-01-31{}.csv"
    first = write(tmp_path, current([post(likes=9)]), name.format(""))
    last = write(tmp_path, current([post(likes=2)]), name.format(" (1)"))
    os.utime(first, (1e9, 1e9))
    os.utime(last, (2e9, 2e9))
    assert read_table(tmp_path).frame["favorites"].tolist() == [2]
    os.utime(first, (3e9, 3e9))
    assert read_table(tmp_path).frame["favorites"].tolist() == [9]


def test_classic_and_current_files_mix_and_missing_columns_are_unknown(tmp_path):
    write(
        tmp_path,
        classic([post(0, media_views=4)]),
        "tweet_activity_metrics_a_20240101_20240201_en.csv",
    )
    write(
        tmp_path,
        current([post(1, bookmarks=2)]),
        "account_analytics_content_2025-01-01_2025-02-01.csv",
    )
    metrics = read_table(tmp_path)
    frame = metrics.frame.set_index("tweet_id")
    assert frame["bookmarks"].isna().tolist() == [False, True]
    assert frame["media_views"].isna().tolist() == [True, False]
    assert sum(" lacks " in note for note in metrics.about.notes) == 2


def test_a_month_without_posts_and_a_foreign_file_in_the_folder_are_noted(tmp_path):
    write(tmp_path, current([post()]), "account_analytics_content_2025-01-01_2025-02-01.csv")
    write(tmp_path, current([]), "account_analytics_content_2025-02-01_2025-03-01.csv")
    write(tmp_path, "a,b\n1,2\n", "budget.csv")
    metrics = read_table(tmp_path)
    assert len(metrics) == 1
    assert any("budget.csv was left out" in note for note in metrics.about.notes)
    assert any("has no posts" in note for note in metrics.about.notes)


def test_a_post_twice_in_one_file_is_counted_once(tmp_path):
    metrics = read(tmp_path, current([post(likes=1), post(likes=2)]))
    assert metrics.frame["favorites"].tolist() == [2]
    assert any("repeat" in note for note in metrics.about.notes)


def test_a_file_that_is_not_an_export_is_refused_with_its_columns(tmp_path):
    message = refusal(tmp_path, "name,age\nann,3\n")
    assert '"name", "age"' in message
    assert "Engagements" in message


def test_an_account_overview_is_read_by_day(tmp_path):
    text = "Date,Impressions,Likes,Engagements\n2025-01-02,5,1,2\n2025-01-01,1,2,3\n"
    metrics = read(tmp_path, text)
    assert metrics.about.unit == "day"
    assert metrics.about.kind == "overview"
    assert "tweet_id" not in metrics.frame
    assert metrics.frame["time"].tolist() == [
        pd.Timestamp("2025-01-02", tz="UTC"), pd.Timestamp("2025-01-01", tz="UTC"),
    ]  # fmt: skip
    assert any("nothing about hidden" in note for note in metrics.about.notes)


@pytest.mark.parametrize("cell", ["6.49E+17", "6,49E+17", "1.886483849795768e18", "12a", ""])
def test_an_id_that_cannot_be_read_is_taken_from_the_link(tmp_path, cell):
    metrics = read(tmp_path, current([post(), {**post(1), "id": cell}], date="%a, %b %d, %Y"))
    assert metrics.frame["tweet_id"].tolist() == [post()["id"], post(1)["id"]]
    assert any("1 id read from the links" in note for note in metrics.about.notes)


@pytest.mark.parametrize("cell", ["6.49E+17", "1886483849790000000", ""])
def test_rows_without_a_readable_id_are_tweets_named_by_number(tmp_path, cell):
    posts = [{**post(i, likes=i), "id": cell, "link": ""} for i in range(3)]
    metrics = read(tmp_path, current(posts))
    assert metrics.frame["tweet_id"].tolist() == ["row 1", "row 2", "row 3"]
    assert metrics.frame["favorites"].tolist() == [0, 1, 2]
    assert any("3 Tweets by row number" in note for note in metrics.about.notes)
    assert metrics.problems.empty
    assert metrics.account.balanced


def test_a_header_in_another_language_is_named(tmp_path):
    header = ["ID de la publicación", "Fecha", "Texto", "Enlace", "Impresiones", "Me gusta",
              "Interacciones", "Guardados", "Compartidos", "Seguidores", "Respuestas"]  # fmt: skip
    row = [post()["id"], "lun feb 03 2025", "t", "l", *[1] * 7]
    text = ",".join(header) + "\n" + ",".join(map(str, row)) + "\n"
    message = refusal(tmp_path, text)
    assert "language" in message
    assert '"Me gusta"' in message
    assert "English" in message


@pytest.mark.parametrize(
    "header",
    [
        # French says impressions and engagements too; Dutch has an id and a date column.
        "Identifiant,Date,Texte,Lien,Impressions,J'aime,Engagements,Signets,Partages,Abonnements",
        "Post-id,Datum,Posttekst,Link,Impressions,Vind-ik-leuk,Engagements,Bladwijzer,Deel,Nieuw",
    ],
)
def test_a_header_with_some_known_words_is_refused_as_another_language(tmp_path, header):
    row = f"{post()['id']},Mon Feb 03 2025,t,l,9,1,2,3,4,5"
    assert "another language" in refusal(tmp_path, f"{header}\n{row}\n")


def test_a_daily_file_in_the_folder_is_kept_apart_with_a_note(tmp_path):
    write(tmp_path, current([post()]), "account_analytics_content_2025-01-01_2025-02-01.csv")
    days = "Date,Tweets published,impressions,engagements,url clicks\n2025-01-01,1,2,3,0\n"
    write(tmp_path, days, "daily_tweet_activity_metrics_somebody_20250101_20250201_en.csv")
    metrics = read_table(tmp_path)
    assert len(metrics) == 1
    assert any("daily file are kept apart" in note for note in metrics.about.notes)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\r\n  ", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (current([]), "no posts"),
        (b"PK\x03\x04rest of a workbook", "zip archive"),
        (b"\x00\x01\x02\x03" * 20, "not a text file"),
        (b"\x1f\x8b\x08broken", "gzip"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b'{"data": []}', "JSON"),
        (current([post(likes=-3)]), 'column "Likes": "-3" is negative'),
        (current([post(), post(1, likes="many")]), 'line 3, column "Likes": "many"'),
        (current([post(likes="1.5")]), "not a whole number"),
        (current([post(likes="²")]), "not a whole number"),
        (current([post(likes="9" * 30)]), "is above 100,000,000,000,000,000"),
        (
            current([post(likes=1)], [*CURRENT, "favorites"]).replace(",0\r\n", ",5\r\n"),
            "several columns: Likes, favorites",
        ),
        (current([post()]) + "1,2,3\r\n", "line 3: 3 cells, but the header has 17"),
        (current([post()]) + '12,"Mon Feb 03 2025","never closed,\r\n', "line 3: the quotes"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_in_a_sentence(tmp_path, content, words):
    assert words in refusal(tmp_path, content)


def test_a_stray_quote_that_would_join_two_posts_is_refused(tmp_path):
    text = current([post(0, "plain", likes=1), post(1, 'a "quoted" text', likes=5), post(2)])
    stray = text.replace(",plain,", ',"plain,')
    assert "line 2: the quotes of this row do not match" in refusal(tmp_path, stray)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="there is no such file"):
        read_table(tmp_path / "nowhere.csv")


def test_a_folder_without_exports_is_refused(tmp_path):
    with pytest.raises(InputError, match="has no table of figures"):
        read_table(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(tmp_path):
    path = write(tmp_path, current([post()]))
    path.chmod(0)
    with pytest.raises(InputError, match="no permission"):
        read_table(path)


def test_one_bad_file_of_a_folder_costs_only_itself_and_is_named(tmp_path):
    write(tmp_path, current([post()]), "account_analytics_content_2025-01-01_2025-02-01.csv")
    bad = "account_analytics_content_2025-02-01_2025-03-01.csv"
    write(tmp_path, "Fecha,Me gusta\n1,2\n", bad)
    write(tmp_path, b"\x89PNG\r\n", "picture.png")
    metrics = read_table(tmp_path)
    assert len(metrics) == 1
    assert any(note.startswith(f"{bad} was left out: ") for note in metrics.about.notes)
    assert any("picture.png was left out" in note for note in metrics.about.notes)


def test_the_classic_header_has_no_unknown_column(tmp_path):
    assert len(CLASSIC) == 40
    assert not read(tmp_path, classic([post()])).about.notes


ODD = {
    "nothing": lambda text: text,
    "no line break at its end": lambda text: text.rstrip("\r\n"),
    "an empty row": lambda text: text + "\r\n",
    "rows of commas": lambda text: text + "," * 16 + "\r\n",
    "only a header": lambda text: text[: text.index("\n") + 1],
    "a quote that never closes": lambda text: text.replace('"a,\n3"', '"a,\n3'),
    "a quote too many": lambda text: text.replace("a text", '"a text'),
    "a cell too many": lambda text: text.rstrip("\r\n") + ",7",
    "a word for a count": lambda text: text.rstrip("\r\n") + "x",
    "hexadecimal": lambda text: text.rstrip("\r\n")[:-1] + "0x1",
    "a row without id": lambda text: text + ",,,https://x.com/a/status/undefined" + ",0" * 13,
    "rounded ids": lambda text: re.sub(r"(?m)^\d{19}", "1.95E+18", text),
    "another account": lambda text: text.replace("somebody", "another"),
    "no account": lambda text: text.replace("somebody", "i"),
    "other dates": lambda text: text.replace("2025,", "2023,"),
    "a second header": lambda text: text + text,
    "another column": lambda text: text.replace("Clicks\r", "Clicks,Note\r").replace("0\r", "0,\r"),
    "only line feeds": lambda text: text.replace("\r\n", "\n"),
    "only carriage returns": lambda text: text.replace("\r\n", "\r"),
    "a quote in the header": lambda text: text.replace("Post id", 'Post "id'),
    "a repeated row": lambda text: text + text.splitlines(keepends=True)[-1],
}  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
def test_files_that_are_read_at_once_say_what_each_says_alone(tmp_path, odd, monkeypatch):
    texts = [
        current([post(n, likes=n, engagements=n), post(n + 1, "a,\n3"), post(n + 2)])
        for n in range(0, 36, 3)
    ]
    for number, text in enumerate(texts):
        changed = ODD[odd](text) if number in (4, 5) or odd == "a quote in the header" else text
        write(tmp_path, changed, f"{number:02}.csv")
        os.utime(tmp_path / f"{number:02}.csv", (1e9, 1e9))

    def told() -> list[str]:
        try:
            tables = Tables(tmp_path)
            metrics = tables.metrics()
        except InputError as error:
            return [str(error)]
        return [metrics.frame.to_csv(), repr(metrics.about), repr(metrics.account),
                tables.files().to_csv(), repr(tables.left_out)]  # fmt: skip

    at_once: list[int] = []
    read_as_one = reading._read_as_one

    def counted(paths):
        read = read_as_one(paths)
        at_once.append(len(read))
        return read

    monkeypatch.setattr(reading, "_read_as_one", counted)
    together = told()
    assert odd != "nothing" or at_once == [12]
    monkeypatch.setattr(reading, "_read_as_one", lambda paths: [])
    assert together == told()
