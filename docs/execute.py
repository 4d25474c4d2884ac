"""Execute the notebooks of the documentation: ``python -m docs.execute [NAME ...]``.

The figures are the same on every machine and day; `tests/notebooks/test_docs_notebooks.py` holds
the documentation to that.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path

import nbformat
import papermill
from nbformat import NotebookNode

ROOT = Path(__file__).parent.parent
DONE = ROOT / "docs" / "notebooks"
NOW = "2026-11-02"
WORLDS = {
    "01_fetch_metrics": {"seed": 7, "now": NOW},
    "02_explore_gap": {"seed": 7, "now": NOW},
    "03_api_behaviour": {},
    "04_handle_usage": {"now": NOW},
    "05_account_by_day": {},
    "06_move_to_v2": {},
}
"""Parameters of each notebook; notebooks 03, 05 and 06 are pinned by default."""
_MACHINE_JSON = re.compile(r"application/(vnd\.engagement.*|.*\+json)")


def execute(name: str, engine: str | None = "engagement-nb") -> NotebookNode:
    """Run one notebook, and keep what a reader of the documentation sees of it."""
    with tempfile.TemporaryDirectory() as folder:
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("TWITTER_", "ENGAGEMENT_"))
        }
        before = dict(os.environ)
        os.environ.clear()
        os.environ.update(kept, ENGAGEMENT_LEDGER=f"{folder}/ledger", ENGAGEMENT_STATE_DIR=folder)
        try:
            done = papermill.execute_notebook(
                ROOT / "notebooks" / f"{name}.ipynb", None, WORLDS[name], cwd=folder,
                engine_name=engine, progress_bar=False,
            )  # fmt: skip
        finally:
            os.environ.clear()
            os.environ.update(before)
    done.metadata.pop("papermill", None)
    styled: dict[str, str] = {}
    for number, cell in enumerate(done.cells):
        # Papermill draws the id of the cell that it injects at random.
        cell.id = f"cell-{number}"
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            for kind, shown in [*output.get("data", {}).items()]:
                if _MACHINE_JSON.fullmatch(kind):
                    del output["data"][kind]
                elif isinstance(shown, str) and not kind.startswith("image/"):
                    # pandas draws the ids of styled tables at random.
                    shown = re.sub(
                        r"T_[0-9a-f]{5}",
                        lambda found: styled.setdefault(found[0], f"T_{len(styled):05x}"),
                        shown,
                    )
                    output["data"][kind] = re.sub(r" at 0x[0-9a-f]+", "", shown)
    return done


if __name__ == "__main__":
    DONE.mkdir(exist_ok=True)
    for name in sys.argv[1:] or WORLDS:
        nbformat.write(execute(name), DONE / f"{name}.ipynb")
