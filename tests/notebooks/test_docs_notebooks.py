"""The documentation has the notebooks executed, with the figures of any day."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from docs.execute import DONE, ROOT, WORLDS, execute
from tests.notebooks.notebook_cells import shown

MARCH = """
import datetime, time_machine
moment = datetime.datetime(2027, 3, 1, 9, 30, tzinfo=datetime.UTC)
time_machine.travel(moment).start()
print(datetime.datetime.now())
"""


@pytest.mark.notebook
@pytest.mark.parametrize("name", WORLDS)
def test_the_documentation_shows_what_the_notebook_shows_on_any_day(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`python -m docs.execute` writes the documentation again; here the clock shows March 2027.

    Of the lessons, only the port, the signature and the headers of the limit differ.
    """
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(MARCH))
    (tmp_path / "notebooks").mkdir()
    nbformat.write(notebook, tmp_path / "notebooks" / f"{name}.ipynb")
    monkeypatch.setattr("docs.execute.ROOT", tmp_path)
    later = execute(name)
    told = later.cells.pop(0).outputs
    assert "2027-03-01" in str(told)
    kept = nbformat.read(DONE / f"{name}.ipynb", as_version=4)
    assert shown(later) == shown(kept)


@pytest.mark.parametrize("name", WORLDS)
def test_an_executed_notebook_is_small_and_names_no_machine(name: str) -> None:
    """Outputs are kept for readers of the site, not as a record of a run."""
    text = (DONE / f"{name}.ipynb").read_text(encoding="utf-8")
    assert len(text) < 1_000_000
    assert "/tmp/" not in text
    assert '"start_time":' not in text
