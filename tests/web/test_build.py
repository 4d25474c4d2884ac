"""What the build of the site writes, without the downloads that it also makes."""

from __future__ import annotations

import re

import nbformat
import pytest

from docs.execute import WORLDS
from web.build import for_browser, runtime_of, write_report
from web.packages import RUNTIME


@pytest.mark.parametrize("name", WORLDS)
def test_a_notebook_installs_the_package_and_keeps_the_documented_world(name):
    """The site shows the figures of the documentation, whatever day it is."""
    notebook = for_browser(name)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert "%pip install -q engagement-nb" in code[0].source
    injected = [c for c in code if "injected-parameters" in c.metadata.get("tags", [])]
    world: dict[str, object] = {}
    for cell in injected:
        exec(cell.source, world)
    assert {key: world[key] for key in WORLDS[name]} == WORLDS[name]
    assert not any(cell.outputs for cell in code)


def test_the_page_has_only_relative_addresses_but_that_of_the_runtime(tmp_path):
    """It works from any host and any path of it."""
    write_report(tmp_path, RUNTIME, ["a-1-py3-none-any.whl"])
    text = (tmp_path / "report" / "index.html").read_text()
    assert "{{" not in text
    assert {*re.findall(r"https?://[^\s;\"]+", text)} == {RUNTIME}
    linked = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert all((tmp_path / "report" / path).exists() for path in linked if path != "data:,")
    assert 'data-wheels="../wheels/a-1-py3-none-any.whl"' in text
    policy = re.search(r'Policy" content="([^"]*)"', text)
    assert policy
    assert f"connect-src 'self' {RUNTIME};" in policy[1]
    assert "unsafe-eval" not in policy[1].replace("wasm-unsafe-eval", "")


def test_a_folder_of_the_runtime_is_copied_into_the_site(tmp_path):
    """Then the page's policy names no other host; a folder without Pyodide is refused."""
    given, out = tmp_path / "given", tmp_path / "out"
    given.mkdir()
    with pytest.raises(SystemExit, match=r"no pyodide\.mjs"):
        runtime_of(out, str(given))
    (given / "pyodide.mjs").write_text("")
    write_report(out, runtime_of(out, str(given)), [])
    assert (out / "pyodide" / "pyodide.mjs").exists()
    text = (out / "report" / "index.html").read_text()
    assert 'data-runtime="../pyodide/"' in text
    assert "://" not in text
    assert runtime_of(out, "https://host.example/pyodide") == "https://host.example/pyodide/"
