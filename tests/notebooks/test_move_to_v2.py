"""Notebook 06, as the documentation has it executed: both APIs of the sandbox agree."""

from __future__ import annotations

import nbformat

from docs.execute import DONE


def test_both_apis_give_the_same_figures_of_one_world():
    """Every metric that both give is equal, since posting and in a period.

    `tests/notebooks/test_docs_notebooks.py` executes the notebook and gets the same.
    """
    text = "\n".join(
        output.get("data", {}).get("text/plain", output.get("text", ""))
        for cell in nbformat.read(DONE / "06_move_to_v2.ipynb", 4).cells
        for output in cell.get("outputs", [])
    )
    assert text.count("SANDBOX DATA (made up): Engagement API and X API v2 have 100 rows") == 2
    assert "differs" not in text
    assert "Price: 100 Posts at $0.005 each" in text
