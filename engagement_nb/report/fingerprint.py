"""What tells whether the input of a report has changed since the report was made."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath
from typing import Any

import pandas as pd

from engagement_nb.dataset import Dataset
from engagement_nb.errors import EngagementError
from engagement_nb.store import Store


def fingerprint(source: str) -> list[Any]:
    """An export by its files; a dataset by its figures, whenever and however often read."""
    store = Store(source)
    try:
        if store.exists("dataset.json"):
            return _of_dataset(Dataset(source))
        return _files(store, "")
    except (EngagementError, OSError) as error:
        # What is wrong with it is told by the report that reads it.
        return [str(error)]


def _of_dataset(dataset: Dataset) -> list[Any]:
    newest = {run.kind: run for run in dataset.runs()}
    found: list[Any] = [dataset.source]
    for kind, run in sorted(newest.items()):
        problems = f"runs/{run.id}.problems.parquet"
        told = dataset.store.read(problems) if dataset.store.exists(problems) else b""
        found.append([kind, hashlib.sha256(told).hexdigest(), run.done])
        if run.windows:
            # A period's figures are read once: its files stay as they are.
            found.append(_files(dataset.store, f"parts/{kind}"))
        else:
            found.append(_of_snapshot(dataset, run.endpoint, run.by))
    return found


def _of_snapshot(dataset: Dataset, endpoint: str, by: Any) -> list[str]:
    """The newest reading of figures, but for the moment when each was read."""
    read = dataset.read(endpoint, by=by)
    frame = read.frame.drop(columns="read_at", errors="ignore")
    keys = [name for name in ("tweet_id", "time") if name in frame]
    rows = pd.util.hash_pandas_object(frame.sort_values(keys), index=False)
    digest = hashlib.sha256(rows.to_numpy().tobytes()).hexdigest()
    return [*frame.columns, digest, str(read.about.start), str(read.about.end)]


def _files(store: Store, folder: str) -> list[Any]:
    """Names, sizes, and times or checksums."""
    top = store.path(folder).rstrip("/")
    found = store.fs.find(top, detail=True) or {top: store.fs.info(top)}
    return [
        [PurePosixPath(str(name)).name, info.get("size"),
         str(info.get("ETag") or info.get("mtime") or info.get("created") or "")]
        for name, info in sorted(found.items())
        if not PurePosixPath(str(name)).name.startswith(".tmp-")
    ]  # fmt: skip
