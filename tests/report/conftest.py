"""Fixtures that the tests of reports share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.report.report_inputs import export, quick_notebooks


@pytest.fixture
def inputs(tmp_path) -> Path:
    """A folder with an export file and quick notebooks."""
    export(tmp_path)
    quick_notebooks(tmp_path / "notebooks")
    return tmp_path
