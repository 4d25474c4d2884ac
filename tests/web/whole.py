"""The whole site with Pyodide in a browser; it takes minutes, so a test runs it only if asked."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from tests.browser import Browser

MINUTES = 15
_OVER = "['done', 'failed'].includes(document.body.dataset.state)"
_NOTEBOOK = "window.jupyterapp?.shell.currentWidget"
_RUN = "window.jupyterapp.commands.execute('runmenu:run-all')"
_SHOWN = f"JSON.stringify([...{_NOTEBOOK}.content.model.cells].map(cell => cell.toJSON()))"


def wait(browser: Browser, expression: str) -> None:
    """Wait for minutes; one call of the browser may last for half of one."""
    for _ in range(2 * MINUTES):
        try:
            browser.wait_for(expression, 30)
        except RuntimeError:
            continue
        return
    raise TimeoutError(f"{expression} is false after {MINUTES} minutes")


def figures_in_the_browser(browser: Browser, folder: Path) -> dict[str, Any]:
    """``gap.json`` of the report that the page is making."""
    wait(browser, _OVER)
    failure = browser.evaluate("document.getElementById('failure').textContent")
    assert not failure, failure
    folder.mkdir()
    tables = zipfile.ZipFile(io.BytesIO(browser.download("#tables", folder)))
    return json.loads(tables.read("gap.json"))


def lessons_in_the_browser(browser: Browser, address: str) -> str:
    """Run the lessons, and return what their cells show."""
    browser.visit(f"{address}lab/index.html?path=03_api_behaviour.ipynb")
    wait(browser, f"{_NOTEBOOK}?.content?.model?.cells?.length > 9")
    wait(browser, f"{_NOTEBOOK}.sessionContext.session?.kernel?.status === 'idle'")
    browser.evaluate(f"void ({_RUN}.then(() => {{ window.ranAll = true; }}))")
    wait(browser, "window.ranAll === true")
    shown = []
    for cell in json.loads(browser.evaluate(_SHOWN)):
        for output in cell.get("outputs", []):
            assert output["output_type"] != "error", output
            text = output.get("data", {}).get("text/plain", output.get("text", ""))
            shown.append("".join(text))
    return "\n".join(shown)
