"""02_explore_gap.ipynb, executed on what real users have, and on what is dull.

`tests/test_readme.py` runs it with stock papermill.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
import papermill
import pytest
from bs4 import BeautifulSoup

import engagement_nb as enb
from engagement_nb.engine import ENGINE
from engagement_nb.gap.share import Share
from engagement_nb.metrics import handed_over

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "02_explore_gap.ipynb"
HEADER = (
    "Post id,Date,Post text,Post Link,Impressions,Likes,Engagements,Bookmarks,Shares,New follows,"
    "Replies,Reposts,Profile visits,Detail Expands,URL Clicks,Hashtag Clicks,Permalink Clicks\n"
)
pytestmark = pytest.mark.notebook


def executed(tmp_path: Path, **parameters: object) -> nbformat.NotebookNode:
    return papermill.execute_notebook(
        NOTEBOOK, tmp_path / "out.ipynb", parameters, engine_name=ENGINE, progress_bar=False
    )


def shown(notebook: nbformat.NotebookNode) -> str:
    """All that a reader sees of the outputs, as text."""
    parts = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            parts.append(data.get("text/html") or data.get("text/markdown") or "")
    return BeautifulSoup("\n".join(parts), "html.parser").get_text(" ")


def export(tmp_path: Path, rows: list[str]) -> str:
    path = tmp_path / "account_analytics_content_2025-01-01_2025-02-01.csv"
    path.write_text(HEADER + "".join(row + "\n" for row in rows), encoding="utf-8")
    return str(path)


def test_the_notebook_is_stored_without_outputs_and_with_typed_parameters():
    notebook = nbformat.read(NOTEBOOK, 4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    (given,) = [cell for cell in code if "parameters" in cell.metadata.get("tags", [])]
    for line in given.source.splitlines():
        assert ": " in line.partition("=")[0]
        assert "  # " in line


def test_it_answers_on_the_sandbox_with_every_figure_described(tmp_path):
    notebook = executed(tmp_path, source="sandbox", count=60)
    gap = handed_over(notebook)["gap"]
    assert gap["sandbox"]
    assert gap["posts"] > 50
    html = "".join(
        output["data"].get("text/html", "")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "data" in output
    )
    images = BeautifulSoup(html, "html.parser").select("figure > svg")
    assert len(images) >= 9
    assert all(image["aria-label"].startswith("SANDBOX DATA. ") for image in images)
    text = shown(notebook)
    assert Share.from_dict(gap["share"]).counts in text
    assert "with their whole life in the window" in text
    assert "Over time" in text
    assert "Figures stand at the day of engagement." in text
    assert "half came by" in text
    assert "they say nothing about X" in text


def test_it_has_right_words_for_one_tweet_of_an_export(tmp_path):
    row = "1886483849795768598,Mon Feb 03 2025,hello,https://x.com/a,90,3,5,0,0,0,0,0,0,0,0,0,0"
    notebook = executed(tmp_path, source=export(tmp_path, [row]))
    assert handed_over(notebook)["gap"]["hidden"] == 2
    text = shown(notebook)
    assert "1 Tweet has 5 engagements." in text
    assert "One Tweet says nothing about others" in text
    assert "hello" not in text


def test_it_has_right_words_without_engagements(tmp_path):
    folder = str(tmp_path / "dataset")
    with enb.connect("sandbox", dataset=folder) as source:
        source.totals(source.tweet_ids(count=5), metrics=["favorites", "replies"])
    notebook = executed(tmp_path, source=folder)
    assert handed_over(notebook)["gap"]["posts"] == 0
    assert "Engagements are missing for all of 5 Tweets" in shown(notebook)
