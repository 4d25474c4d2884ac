"""Answers to frames: ours against ``json.loads`` + ``pandas.json_normalize`` + reshaping.

Usage: ``python -m benchmarks.frames_parse [TOTALS_ANSWERS HISTORICAL_ANSWERS]``. 1,000 totals
responses (250 Tweets × 7 metrics) and 100 historical responses (25 × 17 × 672 hours) by default;
the other side does fewer, and its rate counts. It is done in two ways: normalizing the response as
it comes, and rearranging it first into one record per Tweet, which is many times quicker.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa

from engagement_nb.apis.contract import By
from engagement_nb.apis.engagement import ENDPOINTS, EndpointName
from engagement_nb.client.cubes import read_cube
from engagement_nb.dataset.frames import response_table, to_frame

START = datetime(2026, 10, 1, tzinfo=UTC)
HOURS = [START + timedelta(hours=n) for n in range(672)]


def counts(rng: np.random.Generator, size: int) -> list[str]:
    """Counts as the API has them: mostly zeros, some small, few large."""
    values = rng.poisson(rng.choice([0.0, 0.3, 5.0, 400.0], size, p=[0.6, 0.25, 0.1, 0.05]))
    return values.astype(str).tolist()


def totals_answer(rng: np.random.Generator, number: int) -> bytes:
    names = ENDPOINTS["totals"].metrics
    groups = {
        str(2_000_000_000_000_000_000 + number * 250 + n): dict(
            zip(names, counts(rng, len(names)), strict=True)
        )
        for n in range(250)
    }
    return orjson.dumps({"metrics": groups})


def historical_answer(rng: np.random.Generator, number: int) -> bytes:
    names = ENDPOINTS["historical"].metrics
    groups = {}
    for n in range(25):
        groups[str(2_000_000_000_000_000_000 + number * 25 + n)] = metrics = {}
        for name in names:
            days: dict[str, dict[str, str]] = {}
            for hour, count in zip(HOURS, counts(rng, 672), strict=True):
                days.setdefault(f"{hour:%Y-%m-%d}", {})[f"{hour:%H}"] = count
            metrics[name] = days
    return orjson.dumps({"metrics": groups, "start": "x", "end": "x"})


def ours(
    responses: list[bytes], repeat: int, endpoint: EndpointName, by: By | None
) -> tuple[int, float]:
    names = ENDPOINTS[endpoint].metrics
    began = time.perf_counter()
    tables = []
    for n in range(repeat):
        regular = read_cube(responses[n % len(responses)], "metrics", names, by)
        assert regular
        tables.append(response_table(regular[1], names, by))
    frame = to_frame(pa.concat_tables(tables))
    return len(frame), time.perf_counter() - began


def theirs(
    responses: list[bytes], repeat: int, endpoint: str, by: str | None, whole: bool
) -> tuple[int, float]:
    """``json_normalize`` of the response as it is (``whole``), or of one record per Tweet."""
    names = list(ENDPOINTS[endpoint].metrics)
    began = time.perf_counter()
    frames = []
    for n in range(repeat):
        groups = json.loads(responses[n % len(responses)])["metrics"]
        if whole:
            flat = pd.json_normalize(groups, sep="|").T[0]
            flat.index = flat.index.str.split("|", expand=True)
            frame = flat.unstack(1).reset_index()
            days, hours = "level_1", "level_2"
        else:
            records = [{"tweet_id": tweet_id, **values} for tweet_id, values in groups.items()]
            frame = pd.json_normalize(records, sep="|").set_index("tweet_id")
            if by:
                frame.columns = frame.columns.str.split("|", expand=True)
                frame = frame.stack([1, 2])
            frame = frame.reset_index()
            days, hours = "level_1", "level_2"
        if by:
            frame["time"] = pd.to_datetime(frame[days] + "T" + frame[hours] + ":00Z")
        frame[names] = frame[names].astype("int64")
        frames.append(frame)
    return len(pd.concat(frames, ignore_index=True)), time.perf_counter() - began


def main() -> None:
    given = [int(word) for word in sys.argv[1:]] or [1_000, 100]
    rng = np.random.default_rng(1)
    for endpoint, by, repeat, make in (
        ("totals", None, given[0], totals_answer),
        ("historical", "hour", given[1], historical_answer),
    ):
        responses = [make(rng, number) for number in range(min(10, repeat))]
        rows, seconds = ours(responses, repeat, endpoint, by)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        for whole, fewer in ((True, max(1, repeat // 50)), (False, max(1, repeat // 10))):
            other_rows, other_seconds = theirs(responses, fewer, endpoint, by, whole)
            mine, other = rows / seconds, other_rows / other_seconds
            how = "of whole responses" if whole else "of one record per Tweet"
            print(
                json.dumps(
                    {
                        "name": f"frames: {repeat:,} {endpoint} responses, rows per second",
                        "ours": round(mine),
                        "theirs": round(other),
                        "ratio": round(mine / other, 1),
                        "peak_mb": round(peak),
                        "against": f"json.loads, json_normalize {how}, reshape",
                    }
                ),
                flush=True,
            )


if __name__ == "__main__":
    main()
