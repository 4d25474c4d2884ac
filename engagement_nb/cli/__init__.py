"""The command line: the table of commands, shared options, and error messages.

Commands are plain click commands in the modules of this package. They are imported when they
are called, so that ``engagement-nb --help`` is fast. An `~engagement_nb.errors.EngagementError`
that a command raises becomes one sentence on stderr; ``ctx.exit(code)`` gives any other exit code.
"""

from __future__ import annotations

import errno
import importlib
import io
import os
import re
import shutil
import signal
import sys
import textwrap
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import click

from engagement_nb.cli.commands import Group
from engagement_nb.errors import EngagementError, HandlesWarning, InputError

_Command = TypeVar("_Command", bound=Callable[..., Any])

DONE, FAILED, WRONG_USE, INCOMPLETE, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes. 3 means done, but Tweets or days are missing; only with ``--strict``."""

COMMANDS = {
    "report": ("reports:report", "The main job: fetch, explore the gap, one HTML file."),
    "plan": ("collect:plan", "What a fetch would cost, and what is unavailable; sends nothing."),
    "fetch": ("collect:fetch", "Fetch metrics into a dataset. Rerun the command to resume."),
    "compare": ("collect:compare", "What changed between two sets of figures, and by how much."),
    "agree": ("collect:agree", "Whether two sources give the same figures, metric by metric."),
    "snapshot": ("collect:snapshot", "Keep today's private figures of X API v2 in a dataset."),
    "batch": ("reports:batch", "Many reports and an index, from one manifest."),
    "auth": ("auth:auth", "Tokens: log in with a PIN, list them, check that they work."),
    "usage": ("usage:usage", "Handles queried this billing month."),
    "sandbox": ("sandbox:sandbox", "A copy of the API on this machine, and ids to try it with."),
    "lab": ("lab:lab", "JupyterLab on the notebooks."),
    "lessons": ("lessons:lessons", "For teachers: copies, scores, one table of a class."),
}
"""Command -> ("module:attribute" in this package, help in one line)."""


class _LazyGroup(Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_) for name, (_, help_) in COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="engagement-nb", prog_name="engagement-nb")
def cli() -> None:
    """Engagement metrics of X (Twitter) Posts, and what engagements hide.

    Without keys, everything runs on the sandbox: a copy of the API on this machine, with made-up
    figures. Exit codes: 0 done; 1 failed; 2 wrong use; 3 done, but Tweets or days are missing
    (only with --strict).
    """


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code.

    Parameters
    ----------
    arguments
        Words after the program's name; by default those of ``sys.argv``.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", HandlesWarning)
            warnings.showwarning = _show_warning
            ended = cli.main(
                args=None if arguments is None else list(arguments),
                prog_name="engagement-nb",
                standalone_mode=False,
            )
        if sys.stdout is not None:
            sys.stdout.flush()
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        say(without_secrets(shown.getvalue().rstrip()), err=True)
        return error.exit_code
    except click.Abort as abort:
        cause = abort.__cause__ or abort.__context__
        if isinstance(cause, _Terminated):
            _complain(f"stopped by {cause.signal.name}.")
            return 128 + cause.signal
        interrupted = isinstance(cause, KeyboardInterrupt)
        _complain("interrupted." if interrupted else "stopped: a question was not answered.")
        return INTERRUPTED if interrupted else FAILED
    except EngagementError as error:
        _complain(str(error))
        return WRONG_USE if isinstance(error, InputError) else FAILED
    except BrokenPipeError:
        # The reader of our output has closed it, so a message would reach nobody.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except UnicodeEncodeError as error:
        letter = ascii(error.object[error.start : error.start + 1])
        _complain(f"This locale cannot write {letter} in a path. Set LC_ALL=C.UTF-8.")
        return FAILED
    except OSError as error:
        _complain(_of_the_system(error))
        return FAILED
    except MemoryError:
        _complain("there is not enough memory. Use fewer Tweets or a shorter period.")
        return FAILED
    return ended if isinstance(ended, int) else DONE


def main(arguments: Sequence[str] | None = None) -> None:
    """The ``engagement-nb`` program."""
    _prepare_streams()
    for number in _ENDING:
        # nohup ignores one on purpose.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _terminate)
    sys.exit(run(arguments))


class _Messages(io.TextIOWrapper):
    """Standard error. A message that cannot be written is lost, and the work goes on."""

    def write(self, text: str, /) -> int:
        with suppress(OSError):
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


def _prepare_streams() -> None:
    """Make standard streams harmless that are closed, full or not UTF-8."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # Otherwise the next opened file would get the closed stream's number, and printed
            # text would go into that file.
            handle = os.open(os.devnull, os.O_RDWR)
            # Processes that this one starts need the same protection.
            os.set_inheritable(handle, True)
            setattr(sys, name, os.fdopen(handle, mode, encoding="utf-8"))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    if isinstance(sys.stderr, io.TextIOWrapper):
        encoding = sys.stderr.encoding
        # A log has each line at once, also where PYTHONUNBUFFERED has taken its buffer away.
        sys.stderr = _Messages(
            sys.stderr.detach(), encoding, "backslashreplace", line_buffering=True
        )


class _Terminated(KeyboardInterrupt):
    """SIGTERM from ``timeout`` or a shutdown, or SIGHUP from a closed terminal."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.signal = signal.Signals(number)


_ENDING = [one for one in signal.Signals if one.name in ("SIGINT", "SIGTERM", "SIGHUP")]
"""Windows has no SIGHUP."""


def _terminate(number: int, _: object) -> None:
    # A second signal, of whatever kind, ends the process at once.
    for one in _ENDING:
        if signal.getsignal(one) == _terminate:
            signal.signal(one, signal.SIG_DFL)
    raise KeyboardInterrupt if number == signal.SIGINT else _Terminated(number)


_WHAT_TO_DO = {
    errno.EACCES: "Choose a place that you may write to, or ask for permission.",
    errno.EPERM: "Choose a place that you may write to, or ask for permission.",
    errno.EROFS: "That file system is read-only: choose another place.",
    errno.ENOSPC: "The disk is full: make room, then rerun the command.",
    errno.EDQUOT: "Your disk quota is used up: make room, then rerun the command.",
    errno.EADDRINUSE: "The port is in use: choose another one, or 0 for any free one.",
    errno.EMFILE: "Too many open files: raise the limit (ulimit -n) or use fewer workers.",
    errno.ENOTDIR: "A file is in the place of a folder: choose another place.",
    errno.EISDIR: "A folder is in the place of a file: choose another place.",
    errno.ENOENT: "Check the path.",
}


def _of_the_system(error: OSError) -> str:
    """One sentence for an error of the operating system."""
    what = (error.strerror or str(error) or type(error).__name__).rstrip(".")
    where = f"{error.filename}: " if error.filename is not None else ""
    return f"{where}{what}. {_WHAT_TO_DO.get(error.errno or 0, '')}".rstrip()


def say(text: str, *, err: bool = False) -> None:
    """Write lines for a person. On a terminal, they are wrapped between words."""
    if (sys.stderr if err else sys.stdout).isatty():
        width = shutil.get_terminal_size().columns
        text = "\n".join(_fitted(line, width) for line in text.split("\n"))
    click.echo(text, err=err)


def _fitted(line: str, width: int) -> str:
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.fill(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


_python_shows = warnings.showwarning


def _show_warning(message: Any, category: type[Warning], *more: Any, **named: Any) -> None:
    """Show our warnings as one sentence, and others as Python does."""
    if issubclass(category, HandlesWarning):
        say(f"warning: {message}", err=True)
    else:
        _python_shows(message, category, *more, **named)


def _complain(sentence: str) -> None:
    say(f"error: {without_secrets(sentence)}", err=True)


def without_secrets(sentence: str) -> str:
    """Mask every known secret in a sentence: people paste tokens into the wrong place."""
    # Imported here for start-up time: only errors need it.
    from engagement_nb.client.credentials import redact

    return redact(sentence)


def named(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Refuse an empty name: it comes from an unset variable of a script."""
    if value is not None and not value.strip():
        raise click.BadParameter("it is empty.")
    return value


def lasting(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """Refuse an output place that is gone when the command has ended."""
    named(ctx, param, value)
    if re.search(r"(^|::)memory:", value):
        raise click.BadParameter("memory is lost when the command ends; give a folder.")
    return value


def options(*each: Callable[..., Any]) -> Callable[[_Command], _Command]:
    """Add several options to a command, in this order."""

    def add(command: _Command) -> _Command:
        for option in reversed(each):
            command = option(command)
        return command

    return add


world_options = options(
    click.option(
        "--seed", type=int, help="World of the sandbox; with --now, figures never change."
    ),
    click.option("--now", help="Moment at which the sandbox stands still, as 2026-11-02."),
    click.option("--tweets", type=click.IntRange(1), help="Size of the sandbox's world."),
)
"""The options that choose the sandbox's world."""
cost_options = options(
    click.option(
        "--max-cost", type=click.FloatRange(0),
        help="With --source v2: refuse what could cost more US dollars.",
    ),
    click.option(
        "--owns-app", is_flag=True, default=None,
        help="With --source v2: you own the app, so your own timeline has the lower price.",
    ),
)  # fmt: skip
"""The options on the price of an API that bills each Post."""
period_option = click.option(
    "--period", metavar="NAME",
    help="When people engaged: last week, last month, last 7 days, since monday or 2026-10.",
)  # fmt: skip
posted_option = click.option(
    "--posted", metavar="NAME",
    help="Only Posts that were posted then: a period as for --period.",
)  # fmt: skip
zone_option = click.option(
    "--zone", metavar="ZONE",
    help="Time zone of all dates and of days, such as Europe/Paris; by default UTC.",
)  # fmt: skip
