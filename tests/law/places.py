"""One small world as every kind of source, in this process: no sockets and no waiting."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from engagement_nb import connect
from engagement_nb.client import Client
from engagement_nb.client.pacing import Pacer
from engagement_nb.errors import EngagementError
from engagement_nb.sandbox import Sandbox
from engagement_nb.sources import ApiSource, SandboxSource, Source
from engagement_nb.sources.sandbox import transport_to
from tests.tables.kinds import header, rows, text

WORLD: dict[str, Any] = {
    "seed": 7, "now": "2026-11-04T15:00", "tweets": 300, "tier": "enterprise",
}  # fmt: skip
KINDS = (
    "sandbox", "api", "sandbox-v2", "v2", "file", "folder", "frame", "dataset", "old", "days",
)  # fmt: skip
"""The kinds of source that `connect` opens; "old" is a dataset of version 0.1.0, and "days" a file
by day of a whole account."""
FETCHES = ("sandbox", "api", "sandbox-v2", "v2")


@dataclass(frozen=True)
class Places:
    """What to give to `connect` for each kind, and a file with a few ids that all of them have."""

    where: dict[str, Any]
    ids: Path
    some: list[str]
    spread: list[str]
    """Tweets of several months, which all but X API v2 and the old dataset have."""
    border: str
    """A month in which a Tweet was posted that belongs to the next month in Kiribati."""
    opened: dict[str, Source] = field(default_factory=dict)

    def __getitem__(self, kind: str) -> Any:
        return self.where[kind]

    def source(self, kind: str) -> Source:
        """The source of a kind, opened once."""
        if kind not in self.opened:
            self.opened[kind] = connect(self[kind])
        return self.opened[kind]


@contextmanager
def in_process(folder: Path) -> Iterator[None]:
    """Requests go to sandboxes in this process, those of the APIs to one of WORLD."""
    sandbox = Sandbox(**WORLD, per_minute=1_000_000).start(in_process=True)
    now = datetime.fromisoformat(WORLD["now"])

    def client(adapter: Any, **options: Any) -> Client:
        mine = {
            "transport": transport_to(sandbox.url),
            "pacer": Pacer(buckets=adapter.api.buckets),
        }
        return Client(adapter, **{**mine, **options})

    init = SandboxSource.__init__

    def pinned(source: SandboxSource, **options: Any) -> None:
        init(source, **{"in_process": True, **WORLD, **options})

    with pytest.MonkeyPatch.context() as patch:
        for name, value in sandbox.env.items():
            patch.setenv(name, value)
        patch.setenv("ENGAGEMENT_LEDGER", str(folder / "ledger"))
        for room in ("api", "v2"):
            patch.setattr(f"engagement_nb.sources.{room}.Client", client)
        # The API's present is that of the world, so that both count back from one moment.
        patch.setattr(ApiSource, "now", now.replace(tzinfo=UTC))
        patch.setattr(ApiSource, "_workers", 0)
        patch.setattr(SandboxSource, "__init__", pinned)
        yield


@contextmanager
def made(folder: Path) -> Iterator[Places]:
    """All kinds, in a folder."""
    with in_process(folder):
        with closing(connect("sandbox-v2")) as source:
            some = source.tweet_ids()[:5]
        with closing(connect("sandbox", dataset=folder / "dataset")) as source:
            spread = sorted({*source.tweet_ids(count=300)[::3], *some})
            totals = source.totals(spread)
            source.historical(spread[-25:], period="last 2 weeks", by="hour")
        totals.to_csv(folder / "totals.csv")
        (folder / "folder").mkdir()
        half = len(totals) // 2
        for name, part in (("a", slice(half)), ("b", slice(half, None))):
            totals.frame[part].to_csv(folder / "folder" / f"{name}.csv", index=False)
        (folder / "ids.txt").write_text("\n".join(some))
        zipfile.ZipFile(Path(__file__).parents[1] / "dataset" / "dataset-0.1.0.zip").extractall(
            folder / "old"
        )
        yield Places(
            {
                **{kind: kind for kind in FETCHES},
                "file": str(folder / "totals.csv"),
                "folder": str(folder / "folder"),
                "frame": totals.frame,
                "dataset": str(folder / "dataset"),
                "old": str(next((folder / "old").rglob("dataset.json")).parent),
                "days": str(_days(folder)),
            },
            folder / "ids.txt",
            some,
            spread,
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


def key(values: Any) -> str:
    """A name for options, to look up what they gave before."""
    return json.dumps(values, sort_keys=True, default=str)
