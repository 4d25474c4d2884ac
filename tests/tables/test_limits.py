"""A small hostile file is refused in a sentence, in little memory and time."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from engagement_nb.ids import read_ids

HEADER = b"Post id,Date,Post text,Post Link,Impressions,Likes,Engagements\n"
MEASURE = """
import resource, sys, time
from engagement_nb import EngagementError, ids, read_ids, read_table
ids._MAX_WRONG = 200_000
begin = time.process_time()
try:
    (read_ids if sys.argv[2] == "ids" else read_table)(sys.argv[1])
except EngagementError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10, time.process_time() - begin)
"""


def packed(path: Path, block: bytes, megabytes: int, head: bytes = b"", tail: bytes = b"") -> Path:
    """A gzip file of at most some 1 MB that unpacks to many."""
    times = (1 << 20) // len(block)
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(head)
        for _ in range(megabytes):
            stream.write(block * times)
        stream.write(tail)
    return path


@pytest.mark.parametrize(
    ("name", "block", "megabytes", "head", "tail", "reader"),
    [
        ("commas.csv.gz", b",", 255, b"", b"", "table"),
        ("quotes.csv.gz", b'"', 255, HEADER, b"", "table"),
        ("empty.csv.gz", b",,,,,,\n", 255, HEADER, b"", "table"),
        ("empty.csv.gz", b",,,,,,\n", 255, HEADER, b"", "ids"),
        ("dicts.json.gz", b"{},", 60, b"[", b"{}]", "ids"),
    ],
)
def test_a_packed_file_of_one_megabyte_takes_under_a_gigabyte(
    tmp_path, name, block, megabytes, head, tail, reader
):
    path = packed(tmp_path / name, block, megabytes, head, tail)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path), reader],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    megabytes, seconds = done.stdout.splitlines()[-1].split()
    assert int(megabytes) < 1000
    assert float(seconds) < 30


def test_bytes_are_the_content_of_a_list_and_not_numbers():
    assert read_ids(b"1060000000000000001\n1060000000000000002").ids == [
        "1060000000000000001", "1060000000000000002",
    ]  # fmt: skip
