"""Fixtures that every room may use: sandboxes that answer on a real socket."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from engagement_nb.client.credentials import secret
from engagement_nb.sandbox import Sandbox


@pytest.fixture(scope="session", autouse=True)
def _a_ledger_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests ask is not entered into the ledger of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ENGAGEMENT_LEDGER", str(tmp_path_factory.mktemp("ledger")))
        patch.setenv("ENGAGEMENT_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        patch.setenv("ENGAGEMENT_CONFIG_DIR", str(tmp_path_factory.mktemp("config")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _signals_reach_programs() -> None:
    """Programs that tests start can be interrupted, even where the tests run under nohup."""
    for name, handler in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.fixture(autouse=True)
def _secrets_of_one_test_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A string that one test used as a token is masked in no other test's output."""
    monkeypatch.setattr(secret, "_seen", set(secret._seen))


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox with the default seed and no limit to speak of; not to be changed by tests."""
    with Sandbox(per_minute=1_000_000) as running:
        yield running


@pytest.fixture
def make_sandbox() -> Iterator[Callable[..., Sandbox]]:
    """Start sandboxes with options of one's own; they end with the test."""
    with ExitStack() as stack:

        def make(**options: Any) -> Sandbox:
            return stack.enter_context(Sandbox(**{"per_minute": 1_000_000, **options}))

        yield make
