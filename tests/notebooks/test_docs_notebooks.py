"""The documentation has the notebooks executed, with the figures of any day."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from docs.execute import DONE, WORLDS, execute
from tests.notebooks.notebook_cells import shown


@pytest.mark.notebook
@pytest.mark.parametrize("name", WORLDS)
def test_the_documentation_shows_what_the_notebook_shows(name: str) -> None:
    """`python -m docs.execute` writes the documentation again."""
    assert shown(execute(name)) == shown(nbformat.read(DONE / f"{name}.ipynb", as_version=4))


@pytest.mark.notebook
@pytest.mark.parametrize(
    "name", ["01_fetch_metrics", "02_explore_gap", "04_handle_usage", "06_move_to_v2"]
)
def test_the_documentation_shows_the_figures_of_any_day(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`tests/lessons/test_lessons_notebook.py` has the same for the lessons."""
    (tmp_path / "sitecustomize.py").write_text(
        "import datetime, time_machine\n"
        "moment = datetime.datetime(2027, 3, 1, 9, 30, tzinfo=datetime.UTC)\n"
        "time_machine.travel(moment).start()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    # A kernel of its own imports the module above; the fast engine's process runs already.
    later, kept = execute(name, engine=None), nbformat.read(DONE / f"{name}.ipynb", as_version=4)
    # Plain text is as wide as a kernel's terminal.
    assert shown(later, "text/plain") == shown(kept, "text/plain")


@pytest.mark.parametrize("name", WORLDS)
def test_an_executed_notebook_is_small_and_names_no_machine(name: str) -> None:
    """Outputs are kept for readers of the site, not as a record of a run."""
    text = (DONE / f"{name}.ipynb").read_text(encoding="utf-8")
    assert len(text) < 1_000_000
    assert "/tmp/" not in text
    assert '"start_time":' not in text
