"""Fetched tokens: kept in one place, and renewed by one thread of one process at a time."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from engagement_nb.client.credentials import Secret, Tokens, TokenStore
from engagement_nb.errors import CredentialsError

FIRST = Tokens(Secret("AccessOne"), Secret("RefreshOne"), 1_000.0, "12")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "tokens.sqlite3"


def test_tokens_are_kept_by_api_and_profile(path: Path) -> None:
    store = TokenStore(path)
    assert store.get("v2", "acme") is None
    store.put("v2", "acme", FIRST)
    store.put("v2", "other", Tokens(Secret("AccessTwo")))
    store.put("engagement", "acme", Tokens(Secret("AccessThree")))
    assert store.get("v2", "acme") == FIRST
    assert store.get("v2", "other") == Tokens(Secret("AccessTwo"))
    store.forget("v2", "acme")
    assert store.get("v2", "acme") is None
    assert store.get("engagement", "acme") == Tokens(Secret("AccessThree"))


def test_another_process_reads_what_was_stored(path: Path) -> None:
    TokenStore(path).put("v2", "acme", FIRST)
    assert TokenStore(path).get("v2", "acme") == FIRST


def test_a_token_is_renewed_a_minute_before_its_end() -> None:
    assert [FIRST.expired(now) for now in (939.0, 941.0)] == [False, True]
    assert not Tokens(Secret("Lasting")).expired(9e12)


RENEW = """
import sys, time
from pathlib import Path
from engagement_nb.client.credentials import Secret, Tokens, TokenStore
store = TokenStore(Path(sys.argv[1]))
for _ in range(5):
    with store.locked():
        used = store.get("v2", "acme").refresh.reveal()
        # A single-use token: whoever uses it twice has lost the account.
        with open(sys.argv[2], "a") as spent:
            spent.write(used + "\\n")
        time.sleep(0.002)
        store.put("v2", "acme", Tokens(Secret("a"), Secret(str(int(used) + 1))))
"""


def test_no_refresh_token_is_used_twice_by_several_processes(path: Path, tmp_path: Path) -> None:
    TokenStore(path).put("v2", "acme", Tokens(Secret("a"), Secret("0")))
    spent = tmp_path / "spent"
    command = [sys.executable, "-c", RENEW, str(path), str(spent)]
    for process in [subprocess.Popen(command) for _ in range(3)]:
        assert process.wait() == 0
    assert spent.read_text().split() == [str(number) for number in range(15)]


def test_no_refresh_token_is_used_twice_by_several_threads(path: Path) -> None:
    store, spent = TokenStore(path), []
    store.put("v2", "acme", Tokens(Secret("a"), Secret("0")))

    def renew() -> None:
        for _ in range(5):
            with store.locked():
                tokens = store.get("v2", "acme")
                assert tokens is not None
                spent.append(int(tokens.refresh.reveal()))
                time.sleep(0)
                new = Tokens(Secret("a"), Secret(str(spent[-1] + 1)))
                store.put("v2", "acme", new)

    threads = [threading.Thread(target=renew) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert spent == list(range(20))


def test_a_token_that_was_put_is_kept_if_the_request_after_it_fails(path: Path) -> None:
    """The token before it can no longer be used."""

    def fail(store: TokenStore) -> None:
        with store.locked():
            store.put("v2", "acme", FIRST)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail(TokenStore(path))
    assert TokenStore(path).get("v2", "acme") == FIRST


def test_a_killed_process_leaves_the_lock_free(path: Path) -> None:
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from engagement_nb.client.credentials import TokenStore\n"
        "with TokenStore(Path(sys.argv[1])).locked():\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    began = time.monotonic()
    TokenStore(path).put("v2", "acme", FIRST)
    assert time.monotonic() - began < 5


def test_a_lock_that_is_held_too_long_is_one_sentence(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engagement_nb.client.credentials.tokens.PATIENCE", 0.05)
    one, other = TokenStore(path), TokenStore(path)
    with (
        one.locked(),
        pytest.raises(CredentialsError, match=r"cannot be used \(database is locked\)"),
    ):
        other.put("v2", "acme", FIRST)


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_the_file_can_be_read_by_its_owner_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        TokenStore(path).put("v2", "acme", FIRST)
    finally:
        os.umask(before)
    assert [each.stat().st_mode & 0o077 for each in (path, path.parent)] == [0, 0]


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_a_file_that_others_can_change_is_not_used(path: Path) -> None:
    TokenStore(path).put("v2", "acme", FIRST)
    path.chmod(0o666)
    with pytest.raises(CredentialsError, match=r"it can be changed by others \(mode 0666\)"):
        TokenStore(path).get("v2", "acme")


@pytest.mark.parametrize("content", [b"no database at all" * 500])
def test_a_damaged_file_is_one_sentence(content: bytes, path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.write_bytes(content)
    with pytest.raises(CredentialsError, match=r"cannot be used \(file is not a database\)"):
        TokenStore(path).get("v2", "acme")


@pytest.mark.parametrize("content", ["", "[]", "{}", "5", '{"access": 1, "refresh": 2, "x": 3}'])
def test_a_row_that_no_store_wrote_counts_as_no_token(content: str, path: Path) -> None:
    TokenStore(path).put("v2", "acme", FIRST)
    database = sqlite3.connect(path)
    database.execute("UPDATE tokens SET tokens = ?", (content,))
    database.commit()
    database.close()
    assert TokenStore(path).get("v2", "acme") is None
