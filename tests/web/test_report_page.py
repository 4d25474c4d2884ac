"""The page that makes a report in a browser: its Python without a browser, and the page in one."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from docs.execute import DONE
from engagement_nb.cli import run
from engagement_nb.lessons import LESSONS
from tests.browser import browser
from tests.notebooks.notebook_cells import shown
from tests.report.report_inputs import export
from tests.web.alone import NOTEBOOKS
from tests.web.servers import Server, serving
from web.build import ROOT, write_report

__all__ = ["browser"]

SCREENS = [(1280, "light"), (390, "dark")]
pytestmark = pytest.mark.xdist_group("web")
STATE = "document.body.dataset.state"


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file, a folder of it, and a file that is no export."""
    folder = tmp_path_factory.mktemp("given")
    file = export(folder)
    (folder / "many").mkdir()
    shutil.copy(file, folder / "many")
    file.rename(folder / "my-export.csv")
    (folder / "bad.csv").write_text("a,b\n1,2\n")
    return folder


@pytest.fixture(scope="module")
def alone(given: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a process without sockets, threads and kernels makes of it: see `tests.web.alone`."""
    out = tmp_path_factory.mktemp("alone")
    command = [sys.executable, "-m", "tests.web.alone", str(given), str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return out


def told(alone: Path, name: str) -> dict[str, str]:
    return json.loads((alone / f"{name}.json").read_text())


def test_its_figures_are_those_of_the_command(given, alone, tmp_path, capsys):
    """A file and a folder give the same answer, sentence and files as at the command line."""
    assert run(["report", str(given / "my-export.csv"), "-o", str(tmp_path), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert told(alone, "my-export.csv")["sentence"] == answer["gap"]["sentence"]
    assert told(alone, "my-export.csv")["files"] == answer["files"]
    gap = (tmp_path / "gap.json").read_text()
    for name in ("my-export.csv", "many"):
        assert (alone / name / "gap.json").read_text() == gap
        assert "</html>" in (alone / name / "report.html").read_text()
        assert (alone / f"{name}.zip").read_bytes()[:2] == b"PK"


def test_an_error_is_the_sentence_of_the_command(given, alone, tmp_path, capsys, monkeypatch):
    """A file that cannot be read costs only itself: the next report was made."""
    monkeypatch.chdir(given)
    assert run(["report", "bad.csv", "-o", str(tmp_path)]) == 2
    assert f"error: {told(alone, 'bad.csv')['error']}\n" in capsys.readouterr().err


@pytest.mark.notebook
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_lessons_show_the_figures_of_the_documentation(alone, name):
    """The sandbox is called in the process, and cells run without a kernel."""
    here = nbformat.read(alone / f"{name}.ipynb", as_version=4)
    assert shown(here, "text/plain") == shown(
        nbformat.read(DONE / f"{name}.ipynb", 4), "text/plain"
    )


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server to which nothing may be sent."""
    with serving(tmp_path_factory.mktemp("elsewhere")) as server:
        yield server


@pytest.fixture(scope="module")
def runtime(
    tmp_path_factory: pytest.TempPathFactory, alone: Path, elsewhere: Server
) -> Iterator[Server]:
    """A server in the place of Pyodide's; the stand-in shows a real report."""
    folder = tmp_path_factory.mktemp("runtime")
    shutil.copy(Path(__file__).with_name("pyodide.mjs"), folder)
    shutil.copy(alone / "my-export.csv" / "report.html", folder)
    (folder / "elsewhere.json").write_text(json.dumps({"elsewhere": elsewhere.url}))
    with serving(folder) as server:
        yield server


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, runtime: Server) -> Iterator[Server]:
    """The page, below a path of its host."""
    folder = tmp_path_factory.mktemp("host")
    write_report(folder / "below", runtime.url, ["engagement_nb-1-py3-none-any.whl"])
    with serving(folder) as server:
        yield server


@pytest.fixture
def page(browser, site):
    browser.visit(f"{site.url}below/report/")
    return browser


def drop(page, *paths: Path) -> None:
    """Drop files from the desktop on the page."""
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        page.call("Input.dispatchDragEvent", type=kind, x=600, y=400, data=data)


def said(page, part: str) -> str:
    return page.evaluate(f"document.getElementById('{part}').textContent")


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_it_opens_with_a_drop_field(browser, site, runtime, width, scheme):
    """It is accessible on a phone and in the dark, and loads nothing before it gets a file."""
    site.asked.clear()
    runtime.asked.clear()
    browser.visit(f"{site.url}below/report/", width=width, scheme=scheme)
    assert browser.accessibility_violations() == []
    assert not browser.scrolls_sideways()
    assert browser.evaluate("document.body.innerText").count("Nothing is uploaded.") == 1
    assert {path.rpartition("/")[2] for path in site.asked} <= {"", "page.css", "page.js"}
    assert runtime.asked == []
    assert browser.complaints == []


def test_it_reports_dropped_files_and_sends_nothing(page, given, site, runtime, elsewhere):
    """Only this site and Pyodide's are asked, with GET; a worker that tries to send is stopped."""
    site.asked.clear()
    drop(page, given / "my-export.csv", given / "bad.csv")
    page.wait_for(f"{STATE} !== 'busy' && {STATE} !== 'empty'")
    assert said(page, "sentence") == "Read files/bad.csv and files/my-export.csv."
    assert elsewhere.asked == []
    asked = [*site.asked, *runtime.asked]
    assert {line.split()[0] for line in asked} == {"GET"}
    assert not any("?" in line or "export" in line for line in asked)
    assert "GET /below/wheels/engagement_nb-1-py3-none-any.whl" in site.asked
    assert "GET /pandas.whl" in runtime.asked


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_it_shows_the_report_and_offers_it(browser, site, given, width, scheme, tmp_path):
    """The report is in a frame that runs no scripts; the page and the tables can be saved."""
    browser.visit(f"{site.url}below/report/", width=width, scheme=scheme)
    browser.choose("#one", given / "my-export.csv")
    browser.wait_for(f"{STATE} === 'done'")
    heading = browser.in_frame("document.querySelector('h1').textContent")
    assert heading == "Engagements, and what they hide"
    assert browser.evaluate("document.querySelector('iframe').sandbox.value") == (
        "allow-downloads allow-popups"
    )
    saved = "[...document.querySelectorAll('a')].map(a => a.download)"
    assert browser.evaluate(saved) == ["my-export-report.html", "my-export-tables.zip"]
    assert browser.download("#tables", tmp_path) == b"PK"
    assert browser.accessibility_violations() == []
    assert not browser.scrolls_sideways()


def test_an_error_is_told_and_another_file_can_be_given(page, given):
    """The sentence is an alert, and the page goes on."""
    page.choose("#one", given / "bad.csv")
    page.wait_for(f"{STATE} === 'failed'")
    assert said(page, "failure").startswith("bad.csv: it has no columns")
    assert page.accessibility_violations() == []
    page.choose("#many", given / "many")
    page.wait_for(f"{STATE} === 'done'")
    assert re.fullmatch(r"Read many/[\w.-]+\.csv\.", said(page, "sentence"))


def test_the_keyboard_is_enough(page):
    """Tab goes to both buttons, and Enter opens the chooser."""
    page.call("Page.setInterceptFileChooserDialog", enabled=True)
    for button in ("file", "folder"):
        for kind in ("rawKeyDown", "keyUp"):
            page.call("Input.dispatchKeyEvent", type=kind, key="Tab", windowsVirtualKeyCode=9)
        assert page.evaluate("document.activeElement.id") == button
        for kind in ("keyDown", "keyUp"):
            page.call("Input.dispatchKeyEvent", type=kind, key="Enter", text="\r",
                      windowsVirtualKeyCode=13)  # fmt: skip
        page.until("Page.fileChooserOpened", count=1 if button == "file" else 2)
    page.call("Page.setInterceptFileChooserDialog", enabled=False)


def test_without_the_runtime_it_says_so(browser, given, tmp_path):
    """The page names the host that does not answer."""
    write_report(tmp_path, "http://127.0.0.1:9/", [])
    with serving(tmp_path) as server:
        browser.visit(f"{server.url}report/")
        browser.choose("#one", given / "my-export.csv")
        browser.wait_for(f"{STATE} === 'failed'")
        assert "could not be loaded from 127.0.0.1:9. Check the conn" in said(browser, "failure")


@pytest.mark.skipif(
    not os.environ.get("PYODIDE_DIR"), reason="PYODIDE_DIR names no folder of the whole Pyodide"
)
def test_pyodide_gives_the_figures_of_the_command(browser, given, alone, tmp_path):
    """The built site makes the report of a dropped file, and runs the lessons to their end."""
    from tests.web.whole import figures_in_the_browser, lessons_in_the_browser

    command = [sys.executable, "-m", "web.build", str(tmp_path / "below")]
    subprocess.run(command, cwd=ROOT, check=True)
    with serving(tmp_path) as server:
        browser.visit(f"{server.url}below/report/")
        drop(browser, given / "my-export.csv")
        told = (alone / "my-export.csv" / "gap.json").read_text()
        assert figures_in_the_browser(browser, tmp_path / "saved") == json.loads(told)
        text = lessons_in_the_browser(browser, f"{server.url}below/lessons/")
        assert "NOT SEEN" not in text
        assert f"0 of {len(LESSONS)} exercises are right." in text
