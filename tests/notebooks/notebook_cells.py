"""Small notebooks made for a test."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def notebook(*cells: str, parameters: str | None = None) -> nbformat.NotebookNode:
    """Code cells; those that begin with # and a space are markdown."""
    made = []
    if parameters is not None:
        made.append(new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    made += [new_markdown_cell(c) if c.startswith("# ") else new_code_cell(c) for c in cells]
    for number, cell in enumerate(made):
        cell["id"] = f"cell-{number}"
    return new_notebook(cells=made, metadata={"kernelspec": KERNEL})


def write(path: Path, *cells: str, parameters: str | None = None) -> Path:
    nbformat.write(notebook(*cells, parameters=parameters), path)
    return path


_WIRE_NOISE = re.compile(r"127\.0\.0\.1:\d+|\b\d{9,}\b|oauth_signature=\S+")
"""Ports, nonces, and times of the machine's clock, which lesson 1 shows."""


def shown(notebook: nbformat.NotebookNode, apart_from: str = "image/") -> list[str]:
    """The code of a notebook, and what its cells show apart from one kind of output."""
    found = []
    for cell in notebook.cells:
        found.append(cell.source)
        for output in cell.get("outputs", []):
            data = output.get("data", {"text/plain": output.get("text", "")})
            found += [
                _WIRE_NOISE.sub("...", str(text))
                for kind, text in sorted(data.items())
                if not kind.startswith(apart_from)
            ]
    return found
