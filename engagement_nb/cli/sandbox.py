"""``engagement-nb sandbox``: the API on this machine, and ids to try it with."""

from __future__ import annotations

import errno
import json
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import click

from engagement_nb.errors import EngagementError, InputError
from engagement_nb.sandbox import FAULTS, KINDS, Sandbox, Settings
from engagement_nb.sandbox.settings import CHOICES, system_clock
from engagement_nb.sandbox.world import World
from engagement_nb.vocabulary import ENV_CONSUMER_KEY

_Command = TypeVar("_Command", bound=Callable[..., Any])
DEFAULT_PORT = 8642


@click.group()
def sandbox() -> None:
    """A copy of the Engagement API on this machine, with made-up data."""


def _world_options(command: _Command) -> _Command:
    for flag, default, help_text in (
        ("--now", None, "Pretend that it is this moment (ISO 8601, UTC)."),
        ("--accounts", Settings.accounts, "How many accounts gave tokens."),
        ("--tweets", Settings.tweets, "Size of the world."),
        ("--seed", Settings.seed, "Seed of the world."),
    ):
        shown = default is not None
        option = click.option(flag, default=default, show_default=shown, help=help_text)
        command = option(command)
    return command


def _switch(name: str, help_text: str) -> Callable[[_Command], _Command]:
    choices = [str(choice) for choice in CHOICES[name]]
    flag = "--" + name.replace("_", "-")
    return click.option(
        flag, type=click.Choice(choices), default=choices[0], show_default=True, help=help_text
    )


@sandbox.command()
@_world_options
@click.option(
    "--port",
    default=DEFAULT_PORT,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port on 127.0.0.1; 0 for any that is free.",
)
@click.option(
    "--env-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PATH",
    help="Write keys and addresses as KEY=value lines; removed when it stops.",
)
@click.option("--hidden/--no-hidden", default=True, help="Whether engagements hide anything.")
@click.option("--skew-minutes", default=0.0, help="Counters are read up to this far apart.")
@click.option(
    "--rate",
    "rates",
    multiple=True,
    metavar="NAME=FACTOR",
    help="How often a metric or hidden kind happens, as a factor; repeatable.",
)
@click.option(
    "--limit",
    "--per-minute",
    "per_minute",
    default=600,
    show_default=True,
    help="Requests a minute; 0 for no limit.",
)
@click.option("--per-second", default=0, help="Requests a second; 0 for no such limit.")
@_switch("window", "Kind of the minute.")
@click.option("--window-seconds", default=60.0, show_default=True, help="Length of the minute.")
@click.option("--shared/--per-endpoint", default=True, help="Whether endpoints share the limit.")
@click.option("--reset-header/--no-reset-header", default=False, help="Send x-per-minute-reset.")
@_switch("hour_without_day", "Shape of a grouping by hour without day.")
@click.option(
    "--lookback-days",
    default=365,
    show_default=True,
    help="How far back historical reaches; 0 for to 2014-09-01.",
)
@_switch("others", "Status for Tweets of others.")
@_switch("others_texts", "Texts for Tweets of others.")
@click.option(
    "--totals-refuses-others/--totals-gives-others",
    default=True,
    help="Whether user tokens are refused public metrics of others' Tweets.",
)
@_switch("forbidden_metrics_status", "Status for metrics that are not given.")
@_switch("no_access_status", "Status for an app without the product.")
@_switch("reasons", "Reasons of a 401.")
@click.option(
    "--say-unavailable/--list-unavailable-only",
    default=True,
    help="Whether a text stands beside the list of unavailable ids.",
)
@click.option("--bare-numbers", default=0.0, help="Share of counts sent as numbers, 0 to 1.")
@click.option(
    "--lenient-ids/--strict-ids",
    default=True,
    help="Take ids as numbers or with blanks, and Tweet.id spelled so.",
)
@_switch("unknown_keys", "What happens to unknown keys of a request.")
@click.option("--latency", default=0.0, help="Seconds that every answer waits.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="FAULT=SHARE",
    help=f"Trouble in a share of answers; repeatable. One of {', '.join(FAULTS)}.",
)
@click.option("--script", default="", metavar="FAULT,...", help="Trouble with the next answers.")
@click.option(
    "--fault-at",
    "paths",
    multiple=True,
    metavar="PATH=FAULT",
    help="Trouble with every answer at a path; repeatable.",
)
@click.option("--clock-skew", default=0.0, help="Seconds by which its clock is off for OAuth.")
@click.option("--until-stdin-closes", is_flag=True, help="Stop when standard input ends.")
def serve(
    port: int,
    env_file: Path | None,
    rates: tuple[str, ...],
    faults: tuple[str, ...],
    script: str,
    paths: tuple[str, ...],
    until_stdin_closes: bool,
    **options: Any,
) -> None:
    """Answer as the Engagement API on 127.0.0.1 until stopped (Ctrl-C)."""
    for name in ("per_minute", "per_second", "lookback_days"):
        options[name] = options[name] or None
    for name in ("forbidden_metrics_status", "no_access_status"):
        options[name] = int(options[name])
    options["clock"] = _clock(options.pop("now"))
    options["rates"] = _numbers(rates, "--rate")
    options["faults"] = {
        "rates": _numbers(faults, "--fault"),
        "script": [name.strip() for name in script.split(",") if name.strip()],
        "paths": dict(_pair(text, "--fault-at") for text in paths),
    }
    try:
        running = Sandbox(port=port, **options)
    except ValueError as error:
        raise InputError(_by_flag(str(error))) from None
    _check_env_file(env_file)
    stopped = _stop_event(until_stdin_closes)
    try:
        running.start()
    except OSError as error:
        raise _no_port(port, error) from None
    lines = "".join(f"{name}={value}\n" for name, value in running.env.items())
    try:
        if env_file:
            _write_env(env_file, lines)
        _say_ready(running, env_file)
        stopped.wait()
    finally:
        running.stop()
        if env_file:
            _remove_env(env_file, lines)
    click.echo("SANDBOX stopped.", err=True)


def _say_ready(running: Sandbox, env_file: Path | None) -> None:
    size = running.world.size()
    click.echo(
        f"SANDBOX of the Engagement API: made-up data, seed {running.settings.seed}, "
        f"{size:,} Tweets, {running.settings.accounts:,} accounts.\n"
    )
    for name, value in running.env.items():
        click.echo(f"export {name}='{value}'")
    if env_file:
        click.echo(f"\nThe same as KEY=value lines: {env_file}")
    click.echo(f"\nKeys of other accounts, example calls, the last requests: {running.url}/")
    click.echo(f"SANDBOX ready at {running.url} (Ctrl-C stops it)")
    sys.stdout.flush()


def _stop_event(until_stdin_closes: bool) -> threading.Event:
    stopped = threading.Event()

    def stop(*_: object) -> None:
        stopped.set()

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), stop)
    if until_stdin_closes:

        def watch() -> None:
            with suppress(OSError, ValueError):
                while sys.stdin.buffer.read(4096):
                    pass
            stopped.set()

        threading.Thread(target=watch, daemon=True).start()
    return stopped


def _no_port(port: int, error: OSError) -> EngagementError:
    why = f"cannot be used: {error.strerror}"
    if error.errno == errno.EADDRINUSE:
        why = "is in use"
    advice = "Choose another with --port, or 0 for any."
    return EngagementError(f"Port {port} of 127.0.0.1 {why}.", advice=advice)


def _by_flag(sentence: str) -> str:
    """What `Settings` says of a field, with the name that it has on the command line."""
    name, _, rest = sentence.partition(" ")
    if name not in {"fault", "account", *(field.name for field in fields(Settings))}:
        return sentence
    flags = {"per_minute": "--limit", "rates": "--rate"}
    return f"{flags.get(name, '--' + name.replace('_', '-'))} {rest}"


def _is_ours(text: str) -> bool:
    return any(line.startswith(f"{ENV_CONSUMER_KEY}=SANDBOX") for line in text.splitlines())


def _check_env_file(path: Path | None) -> None:
    """Refuse to write over a file that may hold real keys."""
    if path is None:
        return
    try:
        text = path.read_text("utf-8", "replace")
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise InputError(f"--env-file: there is no folder {path.parent}.") from None
        return
    if text.strip() and not _is_ours(text):
        raise InputError(f"--env-file: {path} exists and is not a sandbox's; name another file.")


def _write_env(path: Path, lines: str) -> None:
    path.touch(mode=0o600)
    path.write_text(lines, "utf-8")


def _remove_env(path: Path, lines: str) -> None:
    """Remove the file, unless somebody has written something else there since."""
    with suppress(OSError):
        if path.read_text("utf-8") == lines:
            path.unlink()


def _clock(now: str | None) -> Callable[[], datetime]:
    """A clock that starts at a moment and runs on."""
    if now is None:
        return system_clock
    try:
        start = datetime.fromisoformat(now)
    except ValueError:
        raise InputError(f"--now: {now!r} is not an ISO 8601 moment.") from None
    start = start if start.tzinfo else start.replace(tzinfo=UTC)
    if not 2014 <= start.year <= 2100:
        raise InputError(f"--now: {now} is not within 2014 to 2100, when this world has Tweets.")
    offset: timedelta = start - system_clock()
    return lambda: system_clock() + offset


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InputError(f"{option}: {text!r} is not of the form NAME=VALUE.")
    return name.strip(), value.strip()


def _numbers(texts: tuple[str, ...], option: str) -> dict[str, float]:
    found = {}
    for text in texts:
        name, value = _pair(text, option)
        try:
            found[name] = float(value)
        except ValueError:
            raise InputError(f"{option}: {value!r} in {text!r} is not a number.") from None
    return found


@sandbox.command()
@_world_options
@click.option(
    "--kind",
    type=click.Choice(list(KINDS)),
    default="own",
    show_default=True,
    metavar="KIND",
    help=f"One of: {', '.join(KINDS)}.",
)
@click.option("--count", default=10, show_default=True, type=click.IntRange(0), help="How many.")
@click.option("--account", default=0, show_default=True, help="Number of the account.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of one id a line.")
def ids(
    kind: str,
    count: int,
    account: int,
    as_json: bool,
    seed: int,
    tweets: int,
    accounts: int,
    now: str | None,
) -> None:
    """Print ids to try the sandbox with, one a line; no server is needed."""
    try:
        settings = Settings(seed=seed, tweets=tweets, accounts=accounts, clock=_clock(now))
        found = World(settings).pick(kind, count, account)
    except ValueError as error:
        raise InputError(_by_flag(str(error))) from None
    click.echo(json.dumps(found) if as_json else "\n".join(found), nl=as_json or bool(found))
    if len(found) < count:
        click.echo(f"This world has only {len(found):,} of this kind; try more --tweets.", err=True)
