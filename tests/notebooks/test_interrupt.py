"""A cell that is interrupted in Jupyter, and run again."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty

import pytest
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from engagement_nb.sandbox import Sandbox

CELL = "metrics = source.last_28_hours(ids); print(len(metrics))"


def _said(client: BlockingKernelClient, message: str) -> str:
    """Wait for the end of a cell; gives what it printed, or the name of its error."""
    said = ""
    while True:
        got = client.get_iopub_msg(timeout=60)
        if got["parent_header"].get("msg_id") != message:
            continue
        content = got["content"]
        if got["msg_type"] == "status" and content["execution_state"] == "idle":
            return said.strip()
        said += content.get("text", "") + content.get("ename", "")


def test_an_interrupted_cell_can_be_run_again(
    make_sandbox: Callable[..., Sandbox], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Source, connections and dataset stay good in the same kernel."""
    sandbox = make_sandbox(per_minute=600)
    ids = sandbox.ids("own", 400)
    for name, value in sandbox.env.items():
        monkeypatch.setenv(name, value)
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        source = f"enb.connect('api', dataset={str(tmp_path / 'ds')!r}, progress=False)"
        start = f"import engagement_nb as enb; source = {source}; ids = {ids}"
        assert _said(client, client.execute(start)) == ""
        sandbox.faults.latency = 2.0
        cell = client.execute(CELL)
        while sandbox.requests_seen["28hr"] < 2:
            assert manager.is_alive()
            time.sleep(0.02)
        manager.interrupt_kernel()
        assert _said(client, cell) == "KeyboardInterrupt"
        sandbox.faults.latency = 0.0
        assert _said(client, client.execute(CELL)) == "400"
        # Those on their way at the interruption may have been sent twice.
        assert sandbox.requests_seen["28hr"] <= 2 * 16
    except Empty:
        pytest.fail("the kernel said nothing for a minute")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
