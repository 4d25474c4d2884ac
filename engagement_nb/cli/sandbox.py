"""``engagement-nb sandbox``: a copy of the API on this machine, and ids to try it with."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import click

from engagement_nb.apis.engagement import TOKEN_VARIABLES
from engagement_nb.cli.commands import Group
from engagement_nb.errors import InputError
from engagement_nb.sandbox import KINDS, Sandbox, Settings
from engagement_nb.sandbox.settings import PRESETS, Switch, recorded, switches, written
from engagement_nb.sandbox.world import World

_Command = TypeVar("_Command", bound=Callable[..., Any])
DEFAULT_PORT = 8642


@click.group(cls=Group)
def sandbox() -> None:
    """A copy of the Engagement API on this machine, with made-up data."""


_WORLD = ("seed", "tweets", "accounts", "now")
"""The settings that choose a world. Each has an option of its own; others are set by ``--set``."""


def _world_options(command: _Command) -> _Command:
    """Add the options that choose a world, as they are declared."""
    for name in reversed(_WORLD):
        one = switches()[name]
        command = click.option(
            f"--{name}",
            default=one.default,
            show_default=one.default is not None,
            help=one.description,
        )(command)
    return command


@sandbox.command("switches")
def print_switches() -> None:
    """List every switch: its values, its default, and what the preset "recorded" sets."""
    for name, one in _settable().items():
        also = f'; "recorded": {written(recorded()[name])}' if name in recorded() else ""
        click.echo(f"{name} = {written(one.default)}{also}")
        click.echo(f"    {one.description} {one.values[:1].upper()}{one.values[1:]}.")


def _settable() -> dict[str, Switch]:
    return {name: one for name, one in switches().items() if one.simple and name not in _WORLD}


def _set(texts: tuple[str, ...]) -> dict[str, Any]:
    """Read the values of ``--set``; each switch can be given once."""
    values: dict[str, Any] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals:
            raise InputError(f"--set: {text!r} does not have the form NAME=VALUE.")
        if name in values:
            raise InputError(f"--set: {name} is given twice.")
        if name not in _settable():
            advice = "engagement-nb sandbox switches lists them."
            if name in _WORLD:
                advice = f"Use --{name}."
            raise InputError(f"--set: there is no switch {name!r}.", advice=advice)
        try:
            values[name] = switches()[name].read(value)
        except ValueError as error:
            raise InputError(f"--set: {error}") from None
    return values


@sandbox.command()
@_world_options
@click.option(
    "--preset",
    type=click.Choice(PRESETS),
    default=PRESETS[0],
    show_default=True,
    help="Behave as documented, or as recorded where that differs.",
)
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set a switch; repeatable. engagement-nb sandbox switches lists them.",
)
@click.option(
    "--public-url",
    multiple=True,
    metavar="URL",
    help=f"{switches()['public_url'].description} Repeatable.",
)
@click.option(
    "--port",
    default=DEFAULT_PORT,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port on 127.0.0.1; 0 for any free one.",
)
@click.option(
    "--env-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PATH",
    help="Write keys and addresses as KEY=value lines; removed when the sandbox stops.",
)
@click.option("--until-stdin-closes", is_flag=True, help="Stop when standard input ends.")
def serve(
    port: int,
    env_file: Path | None,
    preset: str,
    changes: tuple[str, ...],
    public_url: tuple[str, ...],
    until_stdin_closes: bool,
    **options: Any,
) -> None:
    """Serve the Engagement API on 127.0.0.1 until stopped (Ctrl-C)."""
    try:
        running = Sandbox(
            port,
            preset=preset,
            public_url=public_url,
            **options,
            **_set(changes),
        )
    except ValueError as error:
        raise InputError(_by_flag(str(error))) from None
    _check_env_file(env_file)
    with running:
        lines = "".join(f"{name}={value}\n" for name, value in running.env.items())
        with _env_file(env_file, lines), suppress(KeyboardInterrupt):
            _say_ready(running, env_file)
            _wait(until_stdin_closes)
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


def _wait(until_stdin_closes: bool) -> None:
    """Wait for a signal, or for the end of standard input."""
    if until_stdin_closes:
        with suppress(OSError, ValueError):
            while sys.stdin.buffer.read(4096):
                pass
    while not until_stdin_closes:
        time.sleep(3600)


def _by_flag(sentence: str) -> str:
    """Give an error about a field of `Settings` the name of its option."""
    name, _, rest = sentence.partition(" ")
    named = name in (*_WORLD, "public_url", "account")
    return f"--{name.replace('_', '-')} {rest}" if named else sentence


def _check_env_file(path: Path | None) -> None:
    """Refuse to overwrite a file that may contain real keys."""
    if path is None:
        return
    try:
        lines = path.read_text("utf-8", "replace").split("\n")
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise InputError(f"--env-file: there is no folder {path.parent}.") from None
        return
    ours = f"{TOKEN_VARIABLES['consumer_key']}=SANDBOX"
    if any(line.strip() for line in lines) and not any(line.startswith(ours) for line in lines):
        raise InputError(f"--env-file: {path} exists and is not from a sandbox; name another file.")


@contextmanager
def _env_file(path: Path | None, lines: str) -> Iterator[None]:
    """Keep the keys in a file; in the end remove it, unless its content has changed."""
    if path is None:
        yield
        return
    try:
        path.touch(mode=0o600)
        path.write_text(lines, "utf-8")
        yield
    finally:
        with suppress(OSError):
            if path.read_text("utf-8") == lines:
                path.unlink()


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
@click.option(
    "--count", default=10, show_default=True, type=click.IntRange(0), help="Number of ids."
)
@click.option("--account", default=0, show_default=True, help="Number of the account.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of one id per line.")
def ids(
    kind: str,
    count: int,
    account: int,
    as_json: bool,
    **options: Any,
) -> None:
    """Print ids to try the sandbox with, one per line; no server is needed."""
    try:
        found = World(Settings(**options)).pick(kind, count, account)
    except ValueError as error:
        raise InputError(_by_flag(str(error))) from None
    click.echo(json.dumps(found) if as_json else "\n".join(found), nl=as_json or bool(found))
    if len(found) < count:
        click.echo(
            f"This world has only {len(found):,} ids of this kind; increase --tweets.", err=True
        )
