"""Prints a report to PDF with a headless browser, if one is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from engagement_nb.engine.scratch import scratch_folder
from engagement_nb.errors import ReportError

ENV_BROWSER = "ENGAGEMENT_BROWSER"
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge")
_SECONDS = 120
_FLAGS = (
    "--headless", "--disable-gpu", "--disable-extensions", "--disable-sync", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-default-apps",
    "--no-pdf-header-footer", "--virtual-time-budget=2000",
)  # fmt: skip


def find_browser() -> str | None:
    """The path of a Chromium-like browser: of ``ENGAGEMENT_BROWSER``, or one on the path."""
    if given := os.environ.get(ENV_BROWSER):
        return shutil.which(given)
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


def require_browser() -> str:
    """The path of a browser.

    Raises
    ------
    ReportError
        No browser is installed.
    """
    found = find_browser()
    if found is None:
        raise ReportError(
            "No browser was found to print the PDF.",
            advice="Install Chromium or Chrome, name one in ENGAGEMENT_BROWSER, or leave out --pdf"
            " and print the HTML yourself.",
        )
    return found


def print_pdf(html: Path, pdf: Path) -> None:
    """Print an HTML file.

    Raises
    ------
    ReportError
        There is no browser, or it did not print.
    """
    browser = require_browser()
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    with scratch_folder() as folder:
        command = [
            browser,
            *_FLAGS,
            # As root, the user of most containers, Chromium starts only without its sandbox.
            *(["--no-sandbox"] if root else []),
            f"--user-data-dir={folder}",
            f"--print-to-pdf={pdf.absolute()}",
            html.absolute().as_uri(),
        ]
        try:
            subprocess.run(command, capture_output=True, timeout=_SECONDS, check=True)  # noqa: S603
        except (subprocess.SubprocessError, OSError) as error:
            raise ReportError(
                f"{Path(browser).name} did not print {html.name} ({type(error).__name__})."
            ) from None
    if not pdf.exists() or pdf.stat().st_size == 0:
        raise ReportError(f"{Path(browser).name} wrote no PDF of {html.name}.")
