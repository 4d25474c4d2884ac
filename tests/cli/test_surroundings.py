"""Commands where the surroundings are odd: closed streams, full disks, signals, locales.

Each test starts a process, as a person or a scheduler does.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engagement_nb.dataset import Dataset
from engagement_nb.sandbox import Sandbox
from tests.cli.several import several

pytestmark = pytest.mark.skipif(os.name != "posix", reason="shells, signals, modes of files")

WORLD = "--seed 7 --now 2026-10-01 --tweets 60"
FETCH = f"fetch totals {WORLD} -o ds"
PLAN = f"plan totals {WORLD}"


@pytest.fixture
def shell(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``engagement-nb`` with these words and redirections, in an empty folder."""

    def run(words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        command = f'"{sys.executable}" -m engagement_nb {words}'
        return subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )

    return run


def one_sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The error, shown once and without a traceback."""
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    _, sentence = done.stderr.split("error: ")
    return sentence


@pytest.mark.parametrize("closed", ["2>/dev/full", "<&- >&- 2>&-"])
def test_a_fetch_does_its_work_whichever_standard_stream_is_closed_or_full(
    shell, tmp_path, closed
) -> None:
    """A file of the dataset never gets the number of a closed stream, and its messages."""
    done = shell(f"{FETCH} --json {closed}")
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    (fetched,) = Dataset.open(str(tmp_path / "ds")).runs()
    assert fetched.done


@pytest.mark.parametrize("words", ["usage", "usage --export -", "--help"])
def test_a_result_that_cannot_be_written_is_one_sentence_and_exit_1(shell, words) -> None:
    done = shell(f"{words} >/dev/full")
    assert done.returncode == 1
    assert "No space left on device" in one_sentence(done)


def test_a_closed_pipe_is_no_error(shell) -> None:
    done = shell("sandbox ids --tweets 200000 --accounts 1 --count 50000 | head -n 1")
    assert (done.stdout.count("\n"), done.stderr) == (1, "")


@pytest.mark.parametrize(
    "locale",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "cp1252"},
    ],
)
def test_a_locale_that_is_not_utf_8_changes_no_figure_and_breaks_no_message(
    tmp_path, locale
) -> None:
    """Names of files, profiles and months may have letters that the terminal lacks."""
    (tmp_path / ".env").write_text(
        "# für alle\nTWITTER_CONSUMER_KEY=k\nTWITTER_CONSUMER_SECRET=s\n", "utf-8"
    )
    (tmp_path / "日本.txt").write_text("\ufeff2089921203620459687\n# été\n", "utf-8")
    status, checked, done, refused = several(
        "auth status",
        "auth check",
        f"fetch totals {WORLD} --ids 日本.txt -o données --json",
        "plan totals --ids ファイル.txt",
        cwd=tmp_path,
        ENGAGEMENT_API_URL="http://127.0.0.1:9",
        **locale,
    )
    assert [each.returncode for each in (status, checked, done, refused)] == [0, 1, 0, 2]
    assert "Traceback" not in checked.stderr + done.stderr
    assert json.loads(done.stdout)["tweets"] == 1
    assert ".txt" in one_sentence(refused)


def test_every_file_is_opened_with_its_encoding_named(tmp_path) -> None:
    """Python warns on request about encodings that depend on the locale."""
    (tmp_path / "ids.txt").write_text("2089921203620459687\n", "utf-8")
    strict = {"PYTHONWARNDEFAULTENCODING": "1", "PYTHONWARNINGS": "error::EncodingWarning"}
    lines = (f"{FETCH} --ids ids.txt", "usage --sandbox --export used.csv", "auth status")
    for done in several(*lines, cwd=tmp_path, **strict):
        assert (done.returncode, "EncodingWarning" in done.stderr) == (0, False), done.stderr


def _bound_by_modes() -> None:
    """Drop root's right to write everywhere, in the started process."""
    change = ctypes.CDLL(None, use_errno=True).prctl
    for override in (1, 2):  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
        change(24, override, 0, 0, 0)  # PR_CAPBSET_DROP


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities")
@pytest.mark.parametrize(
    "words", [FETCH, "usage --export used.csv", "sandbox serve --port 0 --env-file sandbox.env"]
)
def test_a_folder_that_is_read_only_is_one_sentence(tmp_path, words) -> None:
    tmp_path.chmod(0o500)
    done = subprocess.run(
        [sys.executable, "-m", "engagement_nb", *words.split()],
        cwd=tmp_path,
        preexec_fn=_bound_by_modes,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    tmp_path.chmod(0o700)
    assert done.returncode == 1
    assert re.search("may write", one_sentence(done))
    assert not [*tmp_path.iterdir()]


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities")
def test_with_a_read_only_state_folder_only_sharing_is_lost(tmp_path) -> None:
    """The ledger's error is shown; the quota is paced within the process."""
    state = tmp_path / "state"
    state.mkdir(mode=0o500)
    with Sandbox(per_minute=600, tweets=60) as sandbox:
        (tmp_path / "ids.txt").write_text("\n".join(sandbox.ids("own", 5)), "utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "engagement_nb", "fetch", "28hr", "--source", "api",
             "--ids", "ids.txt", "-o", "ds", "--json"],
            cwd=tmp_path,
            env={**os.environ, **sandbox.env, "ENGAGEMENT_STATE_DIR": str(state),
                 "ENGAGEMENT_LEDGER": str(state / "ledger")},
            preexec_fn=_bound_by_modes,
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert (done.returncode, json.loads(done.stdout)["tweets"]) == (0, 5)


def test_with_few_open_files_a_fetch_completes_or_ends_in_one_sentence(
    tmp_path, make_sandbox
) -> None:
    """The same command completes it when more files may be open."""
    sandbox = make_sandbox()
    ids = sandbox.ids("own", 400)
    (tmp_path / "ids.txt").write_text("\n".join(ids), "utf-8")
    command = (f'"{sys.executable}" -m engagement_nb fetch 28hr --source api --ids ids.txt'
               " -o ds --no-progress")  # fmt: skip
    environment = {**os.environ, **sandbox.env, "ENGAGEMENT_LEDGER": str(tmp_path / "ledger")}
    for limit in ("ulimit -n 20; ", ""):
        done = subprocess.run(
            ["bash", "-c", limit + command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in (0, 1)
        assert "Traceback" not in done.stderr
        if done.returncode:
            one_sentence(done)
    assert done.returncode == 0
    assert len(Dataset.open(str(tmp_path / "ds")).read()) == 400


def test_a_signal_ends_a_fetch_with_its_exit_code_and_the_same_command_completes_it(
    tmp_path, make_sandbox
) -> None:
    """One fetch is ended in each way, one after the other."""
    sandbox = make_sandbox()
    ids = sandbox.ids("own", 400)
    (tmp_path / "ids.txt").write_text("\n".join(ids), "utf-8")
    command = [sys.executable, "-m", "engagement_nb", "fetch", "28hr", "--source", "api",
               "--ids", "ids.txt", "-o", "ds", "--no-progress"]  # fmt: skip
    environment = {**os.environ, **sandbox.env, "ENGAGEMENT_LEDGER": str(tmp_path / "ledger")}
    sandbox.faults.latency = 1.0
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)):
        before = sandbox.requests_seen["28hr"]
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            while sandbox.requests_seen["28hr"] == before:
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(number)
            _, talk = process.communicate(timeout=60)
        finally:
            process.kill()
        assert process.returncode == code
        assert "Traceback" not in talk
    sandbox.faults.latency = 0.0
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert set(Dataset.open(str(tmp_path / "ds")).read().frame["tweet_id"]) == {*ids}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (signal.SIGTERM, signal.SIGHUP),
        (signal.SIGHUP, signal.SIGINT),
        (signal.SIGINT, signal.SIGTERM),
        (signal.SIGHUP, signal.SIGHUP),
    ],
)
def test_a_second_signal_of_any_kind_ends_a_command_without_a_word(first, second) -> None:
    """A shell whose terminal closes, and systemd, send two at once."""
    program = (
        "import os, time\n"
        "from engagement_nb import cli\n"
        "def run(_):\n"
        "    try:\n"
        f"        os.kill(os.getpid(), {first:d})\n"
        "        time.sleep(60)\n"
        "    except KeyboardInterrupt:\n"
        f"        os.kill(os.getpid(), {second:d})\n"
        "        time.sleep(60)\n"
        "cli.run = run\n"
        "cli.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-second, b"", b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_served_sandbox_and_removes_its_file_of_keys(tmp_path, number) -> None:
    keys = tmp_path / "sandbox.env"
    process = subprocess.Popen(
        [sys.executable, "-m", "engagement_nb", "sandbox", "serve", "--port", "0",
         "--env-file", str(keys)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        next(line for line in process.stdout if line.startswith("SANDBOX ready"))
        assert keys.stat().st_mode & 0o077 == 0
        process.send_signal(number)
        _, talk = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, talk) == (0, "SANDBOX stopped.\n")
    assert not keys.exists()


def test_with_umask_0_nothing_that_is_shared_can_be_written_by_others(
    tmp_path, make_sandbox
) -> None:
    """Files of the ledger, of the quota, of tokens and of a dataset."""
    sandbox = make_sandbox()
    (tmp_path / "ids.txt").write_text("\n".join(sandbox.ids("own", 3)), "utf-8")
    places = {name: tmp_path / name for name in ("ledger", "state", "config")}
    environment = {**os.environ, **sandbox.env,
                   **{f"ENGAGEMENT_{'LEDGER' if n == 'ledger' else n.upper() + '_DIR'}": str(p)
                      for n, p in places.items()}}  # fmt: skip
    command = (f'umask 0; "{sys.executable}" -m engagement_nb fetch 28hr --source api'
               " --ids ids.txt -o ds; exec ls -A")  # fmt: skip
    subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env=environment, check=True, capture_output=True
    )
    made = [p for place in places.values() for p in place.rglob("*")]
    assert any(p.is_file() for p in places["ledger"].rglob("*"))
    assert any(p.is_file() for p in places["state"].rglob("*"))
    assert [p for p in made if p.stat().st_mode & 0o002] == []


@pytest.mark.parametrize("home", ["/nonexistent", "/dev/null"])
def test_a_fetch_works_without_home_and_temporary_folder(tmp_path, home) -> None:
    nowhere = {"HOME": home, "TMPDIR": "/nonexistent", "XDG_CONFIG_HOME": "",
               "ENGAGEMENT_CONFIG_DIR": "", "ENGAGEMENT_STATE_DIR": "",
               "ENGAGEMENT_LEDGER": ""}  # fmt: skip
    for done in several(FETCH, PLAN, "auth status", cwd=tmp_path, **nowhere):
        assert (done.returncode, "Traceback" in done.stderr) == (0, False)


@pytest.mark.parametrize("answers", ["</dev/null", "<&-"])
def test_a_login_without_a_terminal_is_one_sentence(shell, sandbox, answers) -> None:
    done = shell(f"auth login --no-open {answers}", **sandbox.env)
    assert done.returncode == 1
    one_sentence(done)


@pytest.mark.skipif(sys.platform == "win32", reason="a shell that closes streams")
def test_processes_that_a_command_starts_have_standard_streams_too() -> None:
    """Otherwise their next open file would take the number of standard output."""
    look = "import os; os.fstat(1); os.fstat(2)"
    code = (
        "import subprocess, sys; from engagement_nb import cli; cli._prepare_streams();"
        f"sys.exit(subprocess.call([sys.executable, '-c', {look!r}]))"
    )
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&- 2>&-', "sh", sys.executable, "-c", code], check=False
    )
    assert done.returncode == 0
