"""Fetches that are killed, or interrupted, and gone on with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engagement_nb.dataset import Dataset
from engagement_nb.sandbox import Sandbox
from studies.kills import run_study


@pytest.mark.parametrize(("api", "tweets"), [("api", 80), ("v2", 320)])
def test_killed_fetches_resume_and_end_with_the_same_data(api: str, tweets: int) -> None:
    """A small version of ``python -m studies.kills``: the long one kills 50."""
    result = run_study(2, api=api, per_dataset=2, tweets=tweets, latency=0.03, seed=2)
    assert result.kills == 2
    assert (result.unreadable, result.asked_again, result.different) == (0, 0, 0)
    assert (result.doubled, result.overbilled, result.unrecorded) == (0, 0, 0)


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_stops_at_once_and_keeps_finished_requests(
    make_sandbox: Callable[..., Sandbox], tmp_path: Path
) -> None:
    """The pending requests would take a minute."""
    sandbox = make_sandbox(latency=0.5, per_minute=600)
    ids = tmp_path / "ids.txt"
    ids.write_text("\n".join(sandbox.ids("own", 1_000)))
    command = [sys.executable, "-m", "engagement_nb", "fetch", "28hr", "--ids", str(ids),
               "--source", "api", "-o", str(tmp_path / "ds"), "--no-progress"]  # fmt: skip
    env = {
        **os.environ,
        **sandbox.env,
        "ENGAGEMENT_CONFIG_DIR": str(tmp_path),
        "ENGAGEMENT_LEDGER": str(tmp_path / "ledger"),
        "ENGAGEMENT_STATE_DIR": str(tmp_path / "state"),
    }
    process = subprocess.Popen(
        command, env=env, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        until = time.monotonic() + 120
        while not any((tmp_path / "ds").rglob("parts/**/*.parquet")) and time.monotonic() < until:
            time.sleep(0.02)
        sandbox.faults.latency = 60.0
        process.send_signal(signal.SIGINT)
        _, talk = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "interrupted" in talk
    assert "Traceback" not in talk
    kept = Dataset.open(tmp_path / "ds").read()
    assert 0 < len(kept) < 1_000
    assert any("is unfinished" in note for note in kept.about.notes)
