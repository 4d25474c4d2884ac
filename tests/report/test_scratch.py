"""Temporary folders: abandoned ones of ours are removed, and nothing else ever is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from engagement_nb.report.scratch import MARK, scratch_folder, sweep

_MAKES_ONE = (
    "from engagement_nb.report.scratch import scratch_folder\n"
    "with scratch_folder() as folder:\n"
    "    (folder / 'executed.ipynb').write_text('{}')\n"
    "    print(folder, flush=True)\n"
    "    input()\n"
)


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch) -> Path:
    """A temporary folder of the test's own, also for the processes that it starts."""
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


def test_a_folder_of_the_user_stays_whatever_its_name_and_age(temporary):
    """``-o /tmp/enb-weekly`` is somebody's report, not our scratch folder."""
    weekly = temporary / "enb-weekly"
    weekly.mkdir()
    (weekly / "report.html").write_text("mine")
    make_old(weekly)
    sweep()
    assert (weekly / "report.html").read_text() == "mine"


def test_a_folder_goes_with_its_block_and_a_killed_maker_leaves_it_to_the_next_sweep(temporary):
    """A folder stays while its maker lives, however old it is, and is removed after its death."""
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


def test_a_link_to_a_marked_folder_is_left_alone(temporary, tmp_path_factory):
    """What a link leads to is not in the temporary folder, so it is not ours to remove."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / MARK).touch()
    make_old(elsewhere)
    (temporary / "enb-link").symlink_to(elsewhere)
    sweep()
    assert (elsewhere / MARK).exists()
