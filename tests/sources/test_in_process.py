"""The sandbox without sockets and threads, as in a browser."""

from __future__ import annotations

import socket
import threading
from typing import Any, NoReturn

import pandas as pd
import pytest

import engagement_nb as enb
from engagement_nb.errors import ConnectionTroubleError
from engagement_nb.usage import ENV_LEDGER

WORLD: dict[str, Any] = {"seed": 7, "now": "2026-11-04T15:00", "tweets": 2000}


@pytest.fixture
def without(monkeypatch, tmp_path) -> None:
    """No socket can be made, and no thread started."""

    def refuse(*args: Any, **options: Any) -> NoReturn:
        raise AssertionError("a socket or a thread")

    monkeypatch.setenv(ENV_LEDGER, str(tmp_path / "ledger"))
    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(threading.Thread, "start", refuse)


@pytest.fixture(scope="module")
def by_socket() -> pd.DataFrame:
    with enb.connect("sandbox", progress=False, **WORLD) as source:
        return source.historical(by="day").frame


@pytest.mark.parametrize("name", ["sandbox", "sandbox-v2"])
def test_a_fetch_needs_neither_sockets_nor_threads(without, name):
    """Both APIs of the sandbox."""
    with enb.connect(name, in_process=True, **WORLD) as source:
        metrics = source.totals()
    assert len(metrics) > 20
    assert enb.explore_gap(metrics).posts > 20


def test_the_figures_are_those_that_a_socket_gives(by_socket, without):
    """By day, over several requests."""
    with enb.connect("sandbox", in_process=True, **WORLD) as source:
        frame = source.historical(by="day").frame
    pd.testing.assert_frame_equal(frame, by_socket)


def test_it_works_within_a_running_event_loop(without):
    """A coroutine that never waits runs to its end in one step."""

    async def cell() -> int:
        with enb.connect("sandbox", in_process=True, **WORLD) as source:
            return len(source.totals())

    coroutine = cell()
    with pytest.raises(StopIteration) as ended:
        coroutine.send(None)
    assert ended.value.value > 20


def test_a_refused_request_has_its_sentence(without):
    """Faults and refusals come through as from a server."""
    options = {"faults": {"script": ["drop"] * 99}, **WORLD}
    with enb.connect("sandbox", in_process=True, **options) as source:
        request = enb.Request(
            "totals", tuple(source.tweet_ids(count=1)), ("favorites",), source.profiles[0]
        )
        with pytest.raises(ConnectionTroubleError, match="cut off"):
            source.client.send(request)
