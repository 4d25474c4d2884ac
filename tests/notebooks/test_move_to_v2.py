"""Notebook 06, executed by papermill: both APIs of the sandbox agree."""

from __future__ import annotations

from pathlib import Path

import nbformat
import papermill
import pytest

from engagement_nb.usage import ENV_LEDGER

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "06_move_to_v2.ipynb"


@pytest.mark.notebook
def test_both_apis_give_the_same_figures_of_one_world(tmp_path, monkeypatch):
    """Every metric that both give is equal, since posting and in a period."""
    monkeypatch.setenv(ENV_LEDGER, str(tmp_path / "ledger"))
    out = tmp_path / "out.ipynb"
    papermill.execute_notebook(NOTEBOOK, out, progress_bar=False, cwd=tmp_path)
    text = "\n".join(
        output.get("data", {}).get("text/plain", output.get("text", ""))
        for cell in nbformat.read(out, 4).cells
        for output in cell.get("outputs", [])
    )
    assert text.count("SANDBOX DATA (made up): Engagement API and X API v2 have 100 rows") == 2
    assert "differs" not in text
    assert "Price: 100 Posts at $0.005 each" in text
