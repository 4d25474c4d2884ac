"""Made-up inputs of reports: an export file, a quick notebook in place of the real one."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from engagement_nb.report.notebooks import EXPLORE
from tests.notebooks import notebook_cells
from tests.tables import export_files

PARAMETERS = """
source: str = "sandbox"  # where figures are from
ids_file: str = ""  # Tweets
tolerance: float = 0.002  # a share
then: str = "pass"  # what to do at the end
tables: str = ""  # where tables go
""".strip()


def export(folder: Path, posts: int = 60, seed: int = 1, name: str = "export.csv") -> Path:
    """An export whose engagements are likes, replies, clicks and something hidden."""
    rng = np.random.default_rng(seed)
    likes, replies, clicks, hidden, bookmarks = rng.poisson([[9], [2], [5], [3], [4]], (5, posts))
    engagements = likes + replies + clicks + hidden * (np.arange(posts) % 3)
    rows = [
        export_files.post(
            number,
            impressions=1000,
            likes=likes[number],
            replies=replies[number],
            url_clicks=clicks[number],
            bookmarks=bookmarks[number],
            engagements=engagements[number],
        )
        for number in range(posts)
    ]  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    return export_files.write(folder, export_files.current(rows), name)


def quick_notebooks(folder: Path, *more: str) -> Path:
    """A folder with a quick notebook, which ends with the code of a parameter."""
    folder.mkdir(parents=True, exist_ok=True)
    notebook_cells.write(
        folder / EXPLORE,
        "# A quick look\n\n## What there is",
        "import engagement_nb as enb\nmetrics = enb.connect(source).totals(ids_file or None)\n"
        "metrics",
        "gap = enb.explore_gap(metrics, tolerance=tolerance)\ngap",
        "exec(then)\nif tables:\n    gap.save_tables(tables)",
        *more,
        parameters=PARAMETERS,
    )
    return folder


def without_times(html: str) -> str:
    """The HTML of a report without times."""
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "MOMENT", html)
