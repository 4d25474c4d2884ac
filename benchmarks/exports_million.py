"""A folder of a million rows of X's content files, against pandas.read_csv and concat.

Each way runs five times, by turns; the seconds are medians, the memory is the highest.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

HEADER = (
    "Post id,Date,Post text,Post Link,Impressions,Likes,Engagements,Bookmarks,Shares,New follows,"
    "Replies,Reposts,Profile visits,Detail Expands,URL Clicks,Hashtag Clicks,Permalink Clicks\r\n"
)
OURS = "from engagement_nb import read_table; f = read_table({folder!r}).frame"
THEIRS = (
    "import pandas as pd, pathlib; f = pd.concat([pd.read_csv(p, dtype={{'Post id': str}})"
    " for p in sorted(pathlib.Path({folder!r}).glob('*.csv'))]).drop_duplicates('Post id')"
)
TURNS = 5
MEASURE = (
    "import resource, time; begin = time.perf_counter(); {code};"
    " print(len(f), time.perf_counter() - begin,"
    " resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
)


def make(folder: Path, rows: int, per_file: int) -> int:
    """Write files of a made-up account; return their bytes."""
    from engagement_nb.apis.times import snowflake

    draw = np.random.default_rng(4)
    size = 0
    for number in range(rows // per_file):
        first = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=number)
        base = snowflake(first)
        parts = draw.integers(0, 50, (per_file, 11))
        lines = []
        for i, row in enumerate(parts.tolist()):
            tweet_id = base + i * 4_000_000
            text = f'"text {i}, of some eighty characters as Posts have them, #tag\nand https://t.co/a{i}"'
            total = row[0] + sum(row[3:])
            figures = [total + 900, row[0], total, *row[1:]]
            lines.append(
                f'{tweet_id},"{first:%a, %b %d, %Y}",{text},'
                f"https://x.com/somebody/status/{tweet_id},{','.join(map(str, figures))}\r\n"
            )
        data = (HEADER + "".join(lines)).encode()
        name = f"account_analytics_content_{first:%Y-%m-%d}_{first:%Y-%m-%d} ({number}).csv"
        (folder / name).write_bytes(data)
        size += len(data)
    return size


def main() -> None:
    """Run as ``python -m benchmarks exports_million``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--per-file", type=int, default=1000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        size = make(Path(folder), given.rows, given.per_file)
        files = given.rows // given.per_file
        runs: dict[str, list[tuple[float, float]]] = {OURS: [], THEIRS: []}
        # By turns: the first to read a new file pays for it, and other work comes and goes.
        for code in (OURS, THEIRS) * TURNS:
            done = subprocess.run(
                [sys.executable, "-c", MEASURE.format(code=code.format(folder=folder))],
                check=True, capture_output=True, text=True,
            )  # fmt: skip
            rows, taken, memory = done.stdout.split()
            assert int(rows) == given.rows
            runs[code].append((float(taken), float(memory)))
        seconds = [statistics.median(taken for taken, _ in run) for run in runs.values()]
        peaks = [round(max(memory for _, memory in run)) for run in runs.values()]
        ours, theirs = seconds
        measured = {
            "name": f"tables: {given.rows:,} rows in {files:,} files ({size >> 20} MB), seconds",
            "ours": round(ours, 2), "theirs": round(theirs, 2), "ratio": round(theirs / ours, 2),
            "against": "pandas.read_csv and concat", "peak_mb": peaks[0], "their_peak_mb": peaks[1],
        }  # fmt: skip
        print(json.dumps(measured))


if __name__ == "__main__":
    main()
