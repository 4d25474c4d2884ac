"""Lists of Tweet ids: every form that people have them in, and no id that a float has touched."""

from __future__ import annotations

import gzip
import io
import json
import sys
import tracemalloc

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from engagement_nb.errors import InputError
from engagement_nb.tables import ids, read_table, textfiles
from engagement_nb.tables.ids import read_ids
from tests.tables.export_files import classic, current, post, write

A, B, C = "1886483849795768598", "1886483842153779213", "20"
V1 = [{"id": int(A), "id_str": A, "user": {"id_str": "7", "screen_name": "ann"}, "text": "x"},
      {"id": int(B), "id_str": B, "user": {"id_str": "8"}}]  # fmt: skip
STREAMS = {"id": f"tag:search.twitter.com,2005:{A}", "objectType": "activity",
           "actor": {"id": "id:twitter.com:7", "preferredUsername": "ann"}}  # fmt: skip
V2 = {"data": [{"id": A, "author_id": "7"}, {"id": B, "author_id": "8"}],
      "includes": {"users": [{"id": "7", "username": "ann"}]}, "meta": {"count": 2}}  # fmt: skip


def lines(*objects):
    return "\r\n".join(json.dumps(item) for item in objects) + "\r\n"


@pytest.mark.parametrize(
    "text",
    [
        f"{A}\n{B}\n",
        f"\ufeff{A}\r\n\r\n{B}\r\n\r\n",
        f"# a comment\n{A}  # mine\n  {B}  ",
        f"{A}, {B}",
        f"{A};{B};",
        f'"{A}"\n"{B}",\n',
        f"'{A}\n'{B}\n",
        f'="{A}"\n="{B}"\n',
        f"tweet_id\n{A}\n{B}\n",
        f"Tweet IDs\n{A}\n{B}\n",
        f"# from X\ntweet_id,text\n{A},\"two\nlines, 5\"\n{B},5\n",
        f"text;id\nx;{A}\ny;{B}\n",
        f"{A},some words\n{B},12 words\n",
        f"https://x.com/i/web/status/{A}\nhttps://x.com/i/status/{B}?s=20\n",
        f"tag:search.twitter.com,2005:{A}\ntag:search.twitter.com,2005:{B}\n",
        json.dumps([A, B]),
        json.dumps([int(A), int(B)], indent=1),
        json.dumps({"tweet_ids": [A, B]}),
        json.dumps([{"tweet_id": A}, {"tweet_id": B}]),
        lines(A, B),
        lines({"id": A}, {"info": {"message": "Replay Request Completed"}}, {"id": int(B)}),
        "window.YTD.tweets.part0 = "
        + json.dumps([{"tweet": {"id_str": A, "id": A}}, {"tweet": {"id": B}}]),
        f"{A} {B}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("packed", [False, True])
def test_each_form_of_a_list_gives_the_ids_in_order(tmp_path, text, packed):
    data = text.encode()
    path = write(tmp_path, gzip.compress(data) if packed else data, "ids" + ".gz" * packed)
    found = read_ids(path)
    assert found.ids == [A, B]
    assert found.problems.empty
    assert found.duplicates == 0


@pytest.mark.parametrize(
    ("text", "owners"),
    [
        (json.dumps(V1), {A: "7", B: "8"}),
        (lines(*V1), {A: "7", B: "8"}),
        (json.dumps({"statuses": V1}), {A: "7", B: "8"}),
        (lines(STREAMS), {A: "7"}),
        (json.dumps({"results": [STREAMS], "next": "abc"}), {A: "7"}),
        (json.dumps(V2), {A: "7", B: "8"}),
        (lines({"data": V2["data"][0]}, {"data": V2["data"][1]}), {A: "7", B: "8"}),
        (
            f"https://x.com/ann/status/{A}/photo/1\ntwitter.com/bob/statuses/{B}",
            {A: "ann", B: "bob"},
        ),
        (f"tweet_id,author_id\n{A},7\n{B},\n", {A: "7"}),
        (f"id,handle\n{A},@ann\n", {A: "ann"}),
    ],
)  # fmt: skip
def test_owners_are_told_where_the_source_tells(tmp_path, text, owners):
    assert read_ids(write(tmp_path, text, "ids.json")).owners == owners


@pytest.mark.parametrize("text", [current([post(1), post(2)]), classic([post(1), post(2)])])
def test_an_export_file_gives_ids_and_its_account(tmp_path, text):
    found = read_ids(write(tmp_path, text))
    assert found.ids == [post(1)["id"], post(2)["id"]]
    assert set(found.owners.values()) == {"somebody"}


def test_a_repost_gives_its_own_id(tmp_path):
    repost = {"id_str": A, "user": {"id_str": "7"}, "retweeted_status": {"id_str": B}}
    assert read_ids(write(tmp_path, json.dumps([repost]))).ids == [A]


@pytest.mark.parametrize(
    "source",
    [
        [A, B],
        (int(A), B),
        np.array([int(A), int(B)]),
        pd.Series([A, None, B]),
        pd.Series([int(A), int(B)], dtype="Int64"),
        pd.Index([A, B]),
        pd.DataFrame({"text": ["x", "y"], "tweet_id": [A, B]}),
        pd.DataFrame({"Tweet id": [A, B]}),
        pa.table({"text": ["x", "y"], "tweet_id": [A, B]}),
        pd.DataFrame({"favorites": [1, 2]}, index=pd.Index([A, B], name="tweet_id")),
        (item for item in [A, "", B]),
    ],
)
def test_lists_and_frames_give_ids_too(source):
    assert read_ids(source).ids == [A, B]


def test_a_link_or_a_number_alone_is_an_id():
    assert read_ids(f"https://x.com/ann/status/{A}").owners == {A: "ann"}
    assert read_ids(int(A)).ids == [A]
    assert read_ids(A).ids == [A]


def test_standard_input_is_a_dash(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{A}\n{B}".encode())))
    assert read_ids("-").ids == [A, B]


def test_each_entry_ends_as_an_id_or_a_problem_exactly_once(tmp_path):
    entries = [A, "abc", B, A, "6.49E+17", "abc", "0", "9" * 19, "-5", C, A]
    found = read_ids(write(tmp_path, "\n".join(entries)))
    assert found.ids == [A, B, C]
    assert found.duplicates == 3
    assert found.problems["tweet_id"].tolist() == ["abc", "6.49E+17", "0", "9" * 19, "-5"]
    assert set(found.problems["reason"]) == {"not a Tweet id"}
    assert "spreadsheet" in found.problems["detail"][1]
    assert len(found.ids) + len(found.problems) + found.duplicates == len(entries)


def test_json_that_breaks_off_keeps_the_lines_before(tmp_path):
    found = read_ids(write(tmp_path, lines({"id": A}, {"id": B}) + '{"id": "1886'))
    assert found.ids == [A, B]
    assert found.problems["tweet_id"].tolist() == ["(line 3: broken JSON)"]


def test_an_object_without_an_id_is_a_problem_with_its_place(tmp_path):
    found = read_ids(write(tmp_path, lines({"id": A}, {"name": "x"})))
    assert found.problems["tweet_id"].tolist() == ["(line 2: no id)"]


@pytest.mark.parametrize(
    "source",
    [
        pd.Series([1.886483849795768e18]),
        pd.Series([int(A), None], dtype="float64"),
        pd.DataFrame({"id": [1.8e18]}),
        [1.886483849795768e18],
        np.array([1.8e18, 1.7e18]),
        ["6.49E+17", "6.50E+17", A],
        [f"188648384979{i:03}0000" for i in range(5)],
        1.8e18,
    ],
)
def test_floats_and_rounded_ids_are_refused_with_the_reason(source):
    with pytest.raises(InputError, match=r"lost.*(float|spreadsheet)"):
        read_ids(source)


@pytest.mark.parametrize(
    "text",
    [
        "id\n6.49E+17\n6.50E+17\n", "[1.886483849795768e18]", "6.49E+17",
        "tweet_id\n6,49E+17\n6,50E+17\n7,12E+17\n", "6,49E+17\n6,50E+17\n",
        "tweet_id,likes\n6,49E+17,3\n", "tweet_id;likes\n6,49E+17;3\n",
        "tweet_id\n" + "6.49E+17\n" * 9 + A,
    ],
)  # fmt: skip
def test_files_of_rounded_ids_are_refused_with_the_reason(tmp_path, text):
    with pytest.raises(InputError, match=r"lost.*spreadsheet"):
        read_ids(write(tmp_path, text))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty. Check that it is the right one"),
        (b"\n\n", "is empty"),
        (b"# nothing but words\n", "no Tweet id"),
        (b"hello\nworld\n", 'no Tweet id: "hello" is none'),
        (b"tweet_id\n", "no Tweet id"),
        (b"[]", "no Tweet id"),
        (b'{"meta": {"result_count": 0}}', "no Tweet id"),
        (b'[{"id": 1', "cut off or damaged"),
        (b"\x1b[2Jhello\n", 'no Tweet id: "\N{REPLACEMENT CHARACTER}[2Jhello" is none'),
        (b"PK\x03\x04", "spreadsheet"),
        (b"\x1f\x8b\x08cut", "gzip"),
        (b"<html>", "web page"),
    ],
)
def test_what_holds_no_id_is_refused_in_a_sentence(tmp_path, content, words):
    with pytest.raises(InputError) as caught:
        read_ids(write(tmp_path, content, "ids.txt"))
    assert words in str(caught.value)
    assert "ids.txt" in str(caught.value)


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_ids(tmp_path / "nowhere.txt")
    with pytest.raises(InputError, match="is a folder"):
        read_ids(tmp_path)
    with pytest.raises(InputError, match="no column of Tweet ids; it has: a, b"):
        read_ids(pd.DataFrame({"a": [1], "b": [2]}))
    with pytest.raises(InputError, match="from a Event"):
        read_ids(type("Event", (), {})())


def packed(path, block, times):
    with gzip.open(path, "wb", compresslevel=1) as stream:
        for _ in range(times):
            stream.write(block)
    return path


def test_a_small_file_of_millions_of_repeated_ids_takes_little_memory(tmp_path):
    path = packed(tmp_path / "ids.gz", f"{A}\n".encode() * 50_000, 4)
    tracemalloc.start()
    found = read_ids(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.ids == [A]
    assert found.duplicates == 199_999
    assert peak < 40 * 2**20


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (b"1" * 2**18, "A line of .* has more than 4 MB"),
        (b"[" + b"1," * 2**19, "has more than 6 MB"),
        (b"20\n" * 2**19, "has more than 6 MB"),
    ],
)
def test_a_file_that_unpacks_without_end_is_refused(tmp_path, monkeypatch, block, words):
    monkeypatch.setattr(textfiles, "MAX_WHOLE", 6 << 20)
    monkeypatch.setattr(ids, "_MAX_LINE", 4 << 20)
    with pytest.raises(InputError, match=words):
        read_ids(packed(tmp_path / "ids.gz", block, 20))


def test_a_gzip_file_of_many_empty_parts_is_refused(tmp_path):
    path = write(tmp_path, gzip.compress(b"") * 30_000 + gzip.compress(A.encode()), "ids.gz")
    with pytest.raises(InputError, match="too large"):
        read_ids(path)


def test_an_export_that_unpacks_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(textfiles, "MAX_WHOLE", 10 << 20)
    path = packed(tmp_path / "export.csv.gz", b"0," * 2**19, 20)
    with pytest.raises(InputError, match="has more than 10 MB"):
        read_table(path)
