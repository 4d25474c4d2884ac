"""One small world as every kind of source."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from engagement_nb import connect
from engagement_nb.errors import EngagementError
from engagement_nb.sandbox import Sandbox
from tests.tables.kinds import header, rows, text

WORLD: dict[str, Any] = {"seed": 7, "now": "2026-11-04T15:00", "tweets": 300}
KINDS = ("sandbox", "api", "file", "folder", "frame", "dataset", "days")
"""The kinds of source that `connect` opens; "days" is a file by day of a whole account."""


@dataclass(frozen=True)
class Places:
    """What to give to `connect` for each kind, and a file with a few ids that all of them have."""

    where: dict[str, Any]
    ids: Path
    some: list[str]
    border: str
    """A month in which a Tweet was posted that belongs to the next month in Kiribati."""

    def __getitem__(self, kind: str) -> Any:
        return self.where[kind]


@contextmanager
def made(folder: Path) -> Iterator[Places]:
    """All kinds, in a folder; the environment names a running sandbox of the same world."""
    now = datetime.fromisoformat(WORLD["now"]).replace(tzinfo=UTC)
    with pytest.MonkeyPatch.context() as patch, Sandbox(**WORLD, per_minute=1_000_000) as sandbox:
        for name, value in sandbox.env.items():
            patch.setenv(name, value)
        # The API's present is that of the world, so that both count back from one moment.
        patch.setattr("engagement_nb.sources.api.ApiSource.now", now)
        with connect("sandbox", dataset=folder / "dataset") as source:
            ids = source.tweet_ids(count=300)
            totals = source.totals(ids)
            source.historical(ids, period="last 4 weeks", by="hour")
        totals.to_csv(folder / "totals.csv")
        (folder / "folder").mkdir()
        half = len(totals) // 2
        for name, rows in (("a", slice(half)), ("b", slice(half, None))):
            totals.frame[rows].to_csv(folder / "folder" / f"{name}.csv", index=False)
        some = [i for i in ids if i in {*totals.frame["tweet_id"]}][:5]
        (folder / "ids.txt").write_text("\n".join(some))
        yield Places(
            {
                "sandbox": "sandbox",
                "api": "api",
                "file": str(folder / "totals.csv"),
                "folder": str(folder / "folder"),
                "frame": totals.frame,
                "dataset": str(folder / "dataset"),
                "days": str(_days(folder)),
            },
            folder / "ids.txt",
            some,
            _border(totals.frame["created_at"]),
        )


def _border(times: pd.Series) -> str:
    here, there = (
        times.dt.tz_convert(zone).dt.strftime("%Y-%m") for zone in ("UTC", "Pacific/Kiritimati")
    )
    return str(here[here != there].iloc[0])


def _days(folder: Path) -> Path:
    path = folder / "days.csv"
    path.write_text(text(header("daily"), rows("daily", 60)), "utf-8")
    return path


def outcome(call: Any) -> tuple[str, Any]:
    """What a call gives: ("gives", value), or ("refuses", sentence)."""
    try:
        return "gives", call()
    except EngagementError as error:
        return "refuses", str(error)
