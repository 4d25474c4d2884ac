"""Batches of quick reports, and the files that they write."""

from __future__ import annotations

import json
from pathlib import Path

from engagement_nb import cli


def manifest(folder: Path, *rows: str, header: str = "name,export,then") -> Path:
    path = folder / "manifest.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def run(folder: Path, path: Path, *words: str) -> int:
    given = [
        "batch",
        str(path),
        "-o",
        str(folder / "out"),
        "--notebooks",
        str(folder / "notebooks"),
    ]
    words = words if "--progress" in words else ("--no-progress", *words)
    return cli.run([*given, *words])


def record(folder: Path, name: str) -> dict:
    return json.loads((folder / "out" / "reports" / name / "made.json").read_text())


def summary(folder: Path) -> dict:
    return json.loads((folder / "out" / "summary.json").read_text())
