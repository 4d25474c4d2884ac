"""The executed notebooks of the documentation are what the notebooks show, on any day."""

from __future__ import annotations

import re

import nbformat
import pytest
from nbformat import NotebookNode

from docs.execute import DONE, WORLDS, execute

_WIRE_NOISE = re.compile(r"127\.0\.0\.1:\d+|\b\d{9,}\b|oauth_signature=\S+")
"""Ports, nonces, and times of the machine's clock, which lesson 1 shows."""


def shown(notebook: NotebookNode) -> list[str]:
    """The code of a notebook, and what its cells show beside pictures."""
    found = []
    for cell in notebook.cells:
        found.append(cell.source)
        for output in cell.get("outputs", []):
            data = output.get("data", {"text/plain": output.get("text", "")})
            found += [
                str(text) for kind, text in sorted(data.items()) if not kind.startswith("image/")
            ]
    return found


@pytest.mark.notebook
@pytest.mark.parametrize("name", WORLDS)
def test_the_documentation_shows_what_the_notebook_shows(name: str) -> None:
    """`python -m docs.execute` writes them anew."""
    kept = nbformat.read(DONE / f"{name}.ipynb", as_version=4)
    ours, theirs = (
        [_WIRE_NOISE.sub("...", text) for text in shown(each)] for each in (execute(name), kept)
    )
    assert ours == theirs


@pytest.mark.parametrize("name", WORLDS)
def test_an_executed_notebook_is_small_and_names_no_machine(name: str) -> None:
    """Outputs are kept for readers of the site, not as a record of a run."""
    text = (DONE / f"{name}.ipynb").read_text(encoding="utf-8")
    assert len(text) < 1_000_000
    assert "/tmp/" not in text
    assert "start_time" not in text
