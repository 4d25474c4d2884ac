"""Notebooks 03 and 04, executed by stock papermill, and by this package's engine."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import papermill
import pytest

from engagement_nb.engine import ENGINE
from engagement_nb.lessons import LESSONS
from engagement_nb.usage import ENV_LEDGER, Contract, Ledger

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LESSON = NOTEBOOKS / "03_api_behaviour.ipynb"
USAGE = NOTEBOOKS / "04_handle_usage.ipynb"

pytestmark = pytest.mark.notebook


def execute(notebook, tmp_path, engine_name=None, **parameters):
    out = tmp_path / "out.ipynb"
    papermill.execute_notebook(
        notebook, out, parameters, progress_bar=False, cwd=tmp_path, engine_name=engine_name
    )
    return nbformat.read(out, 4)


def shown(cell):
    texts = []
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        texts.append(data.get("text/plain", output.get("text", "")))
    return "\n".join(texts)


def lesson_of(cell):
    named = re.match(r"# lesson: (\w+)", cell.source) if cell.cell_type == "code" else None
    return named[1] if named else None


@pytest.mark.parametrize("path", [LESSON, USAGE], ids=["lessons", "usage"])
def test_notebooks_are_stored_clean_with_one_cell_of_parameters(path):
    cells = nbformat.read(path, 4).cells
    assert sum("parameters" in cell.metadata.get("tags", []) for cell in cells) == 1
    for cell in cells:
        if cell.cell_type == "code":
            assert not cell.outputs
            assert cell.execution_count is None


def test_every_lesson_has_a_request_an_exercise_and_a_folded_solution():
    cells = nbformat.read(LESSON, 4).cells
    for key in LESSONS:
        mine = [cell for cell in cells if lesson_of(cell) == key]
        assert sum(f'room.check("{key}", answer)' in cell.source for cell in mine) == 1
        folded = [c for c in mine if c.metadata.get("jupyter", {}).get("source_hidden")]
        assert [f'room.solution("{key}"' in cell.source for cell in folded] == [True]
        assert sum("room.claim(" in cell.source for cell in mine) >= 1
        assert sum("display(response)" in cell.source for cell in mine) >= 1 or key in {
            "handles",
            "server",
        }


def test_all_lessons_run_unanswered_and_every_claim_is_seen(tmp_path):
    """`tests/notebooks/test_docs_notebooks.py` has the lessons of another world, on another day."""
    cells = execute(LESSON, tmp_path, ENGINE, seed=3, now="2026-06-01").cells
    claims = sum(cell.source.count("room.claim(") for cell in cells if cell.cell_type == "code")
    text = "\n".join(shown(cell) for cell in cells if cell.cell_type == "code")
    assert text.count("seen: ") >= claims > 35
    assert "NOT SEEN" not in text
    assert text.count("Not answered yet.") == len(LESSONS)
    assert text.count("Solution. In the folded cell above.") == len(LESSONS)
    assert "SANDBOX" in text
    assert "2026-05-29" in text


def test_a_teacher_s_choice_leaves_the_other_lessons_out(tmp_path):
    cells = execute(LESSON, tmp_path, lessons="unknown, clicks").cells
    ran = {lesson_of(cell) for cell in cells if lesson_of(cell) and cell.outputs}
    assert ran == {"unknown", "clicks"}


def test_harmless_lessons_run_on_a_live_account(tmp_path, monkeypatch, sandbox):
    for name, value in sandbox.env.items():
        monkeypatch.setenv(name, value)
    ids = tmp_path / "ids.txt"
    ids.write_text("\n".join(sandbox.ids("own", 60)))
    cells = execute(LESSON, tmp_path, ENGINE, where="api", ids=str(ids)).cells
    ran = {lesson_of(cell) for cell in cells if lesson_of(cell) and cell.outputs}
    assert ran == {key for key, lesson in LESSONS.items() if lesson.live}
    text = "\n".join(shown(cell) for cell in cells)
    assert "your live account" in text
    assert "NOT SEEN" not in text
    for profile in (sandbox.accounts[0].access_token, sandbox.consumer_secret):
        assert profile not in nbformat.writes(nbformat.read(tmp_path / "out.ipynb", 4))


def test_the_usage_notebook_shows_an_example_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv(ENV_LEDGER, str(tmp_path / "ledger"))
    text = "\n".join(shown(cell) for cell in execute(USAGE, tmp_path).cells)
    raw = (tmp_path / "out.ipynb").read_text()
    assert "made up, of the sandbox" in raw
    assert "SANDBOX handles in the billing month" in text
    assert "SANDBOX handles so far" in text


def test_the_usage_notebook_shows_one_s_own_ledger(tmp_path):
    ledger = Ledger(tmp_path / "ledger")
    ledger.contract = Contract(handles=5)
    ledger.record({"12": "ann", "34": "bob"}, datetime.now(UTC))
    text = "\n".join(
        shown(c) for c in execute(USAGE, tmp_path, ENGINE, ledger=ledger.address).cells
    )
    assert "2 handles in the billing month" in text
    assert "3 of 5" in text
    assert "SANDBOX" not in text
