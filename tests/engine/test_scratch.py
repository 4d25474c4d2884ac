"""Temporary folders: only abandoned ones of this package are removed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from engagement_nb.engine.scratch import MARK, scratch_folder, sweep

_MAKES_ONE = (
    "from engagement_nb.engine.scratch import scratch_folder\n"
    "with scratch_folder() as folder:\n"
    "    (folder / 'executed.ipynb').write_text('{}')\n"
    "    print(folder, flush=True)\n"
    "    input()\n"
)


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch) -> Path:
    """A temporary folder for this test and the processes that it starts."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def make_old(folder: Path) -> None:
    for path in (folder, *folder.iterdir()):
        os.utime(path, (0, 0))


def maker() -> tuple[subprocess.Popen, Path]:
    process = subprocess.Popen(
        [sys.executable, "-c", _MAKES_ONE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    folder = Path(process.stdout.readline().strip())
    make_old(folder)
    return process, folder


def test_a_folder_of_the_user_is_never_removed(temporary):
    """``enb-weekly`` in the temporary folder may be a user's report."""
    weekly = temporary / "enb-weekly"
    weekly.mkdir()
    (weekly / "report.html").write_text("mine")
    make_old(weekly)
    sweep()
    assert (weekly / "report.html").read_text() == "mine"


def test_a_scratch_folder_is_removed_at_its_end_or_after_its_process_died(temporary):
    """A folder stays as long as its process lives, whatever its age."""
    with scratch_folder() as own:
        assert own.parent == temporary
        process, folder = maker()
        make_old(own)
        sweep()
        assert own.is_dir()
        assert folder.is_dir()
        process.send_signal(signal.SIGKILL)
        process.communicate()
        sweep()
        assert own.is_dir()
        assert not folder.exists()
    assert not list(temporary.iterdir())


def test_a_link_to_a_scratch_folder_is_ignored(temporary, tmp_path_factory):
    """A sweep removes nothing outside the temporary folder."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / MARK).touch()
    make_old(elsewhere)
    (temporary / "enb-link").symlink_to(elsewhere)
    sweep()
    assert (elsewhere / MARK).exists()
