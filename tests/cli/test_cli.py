"""The command line: its table, its errors, its exit codes."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from types import ModuleType

import click
import pytest

from engagement_nb import cli
from engagement_nb.errors import InputError, ReportError


@pytest.fixture
def say(monkeypatch):
    """Add a command `say` to the table that does what the test gives it."""

    def install(action):
        module = ModuleType("engagement_nb.cli.pretend")
        module.say = click.Command("say", callback=action)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(cli.COMMANDS, "say", ("pretend:say", "Says it."))

    return install


def raising(error):
    def action():
        raise error

    return action


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (InputError("a.csv is empty.", advice="Export it again."), 2,
         "error: a.csv is empty. Export it again.\n"),
        (ReportError("Notebook failed."), 1, "error: Notebook failed.\n"),
        (PermissionError(errno.EACCES, "Permission denied", "/there"), 1,
         "error: /there: Permission denied. Choose a place that you may write to, or ask for"
         " permission.\n"),
        (OSError(errno.EADDRINUSE, "Address already in use"), 1,
         "error: Address already in use. The port is in use: choose another one, or 0 for any"
         " free one.\n"),
        (OSError(errno.ENOSPC, "No space left on device", "x"), 1,
         "error: x: No space left on device. The disk is full: make room, then rerun the"
         " command.\n"),
        (KeyboardInterrupt(), 130, "\nerror: interrupted.\n"),
    ],
)  # fmt: skip
def test_an_error_is_one_sentence_and_an_exit_code(say, capsys, error, code, text):
    say(raising(error))
    assert cli.run(["say"]) == code
    assert capsys.readouterr() == ("", text)


def test_a_command_sets_its_own_exit_code(say):
    say(lambda: click.get_current_context().exit(3))
    assert cli.run(["say"]) == 3


def test_a_command_without_an_exit_code_ends_with_0(say):
    say(lambda: "something")
    assert cli.run(["say"]) == 0


@pytest.mark.parametrize("words", [["nonsense"], ["--nonsense"], ["say", "--nonsense"]])
def test_wrong_use_is_exit_2_and_points_to_the_help(say, capsys, words):
    say(lambda: None)
    assert cli.run(words) == 2
    assert "--help" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="there are no pseudo-terminals")
def test_messages_on_a_terminal_are_wrapped_between_words(tmp_path):
    """In a file they are not wrapped, so that a search finds a sentence."""
    command = [sys.executable, "-m", "engagement_nb", "usage", "--ledger", str(tmp_path)]
    environment = {**os.environ, "COLUMNS": "30"}
    plain = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    ours, theirs = os.openpty()
    subprocess.run(command, env=environment, stdout=theirs, check=True)
    shown = os.read(ours, 9999).decode()
    os.close(ours)
    os.close(theirs)
    assert max(map(len, shown.splitlines())) <= 30
    assert plain.stdout.count("\n") == 1
    assert shown.split() == plain.stdout.split()


def test_the_help_lists_every_command(capsys):
    assert cli.run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name, (_, help_) in cli.COMMANDS.items() if help_)
    assert "study" not in shown


@pytest.mark.parametrize("words", [["plan"], ["plan", "totals", "--ids"], ["report"]])
def test_a_token_given_as_a_path_is_masked(words, capsys, monkeypatch):
    monkeypatch.setenv("TWITTER_BEARER_TOKEN", "planted-bearer-token")
    assert cli.run([*words, "planted-bearer-token"]) != 0
    told = capsys.readouterr()
    assert "[secret]" in told.err
    assert "planted" not in told.err + told.out


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from engagement_nb.cli import run; run(['--help']);"
        "print([m for m in ('pandas', 'matplotlib', 'papermill', 'nbconvert', 'httpx')"
        " if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
