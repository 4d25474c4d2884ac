"""Every option of every command: it takes effect, or it is refused.

Each row is run in this process: a command line without the option and with it. What they print,
write and return differs, or the second is refused with exit code 2. A new option without a row
fails. Options whose effect is a server, a page or a program name the test that shows it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import click
import pytest

from engagement_nb import cli
from tests.law.places import Places, made

pytestmark = pytest.mark.xdist_group("options of commands")

E, R = "takes effect", "is refused"
FETCHED = "fetch historical --ids IDS -o NEW"
PLANNED = "plan historical --ids IDS --json"
API = " --source api"
FILES = "compare FILE FOLDER"
SETS = "compare DATASET DATASET"

# Command -> rows of (command line, words that are added, what becomes of them).
Row = tuple[str, str, str]
QUESTION: list[tuple[str, str]] = [
    ("--start 2026-10-20", E), ("--end 2026-11-01", E), ("--period 2026-10", E),
    ("--posted BORDER", E), ("--zone Asia/Tokyo", R), ("--by day", E), ("--metrics likes", E),
    ("--profile sandbox_birch_2", E), ("--max-handles 0", E), ("--seed 3", E),
    ("--now 2026-10-02", E), ("--tweets 90", E), ("--source api", E), ("--max-cost 1", R),
    ("--owns-app", R),
]  # fmt: skip
OF_ALL = ("--posted BORDER", "--tweets 90")
"""Options that choose among the Tweets of a source, so that a list of ids leaves them no effect."""
TABLE: dict[str, list[Row]] = {
    "plan": [
        *((PLANNED, words, cell) for words, cell in QUESTION if words not in OF_ALL),
        *(("plan historical --json", words, E) for words in OF_ALL),
        ("plan historical --json", "--ids IDS", E),
        (f"{PLANNED} --period 2026-10", "--zone Asia/Tokyo", E),
        (f"{PLANNED}{API}", "--seed 3", R),
        (f"{PLANNED}{API}", "--now 2026-10-02", R),
        (f"{PLANNED}{API}", "--tweets 90", R),
        (f"{PLANNED}{API}", "--profile nobody", R),
        (f"plan totals --ids IDS{API}", "--period 2026-10", R),
        ("plan totals --ids IDS", "--start 2026-10-01", R),
        ("plan totals --ids IDS", "--end 2026-10-01", R),
        ("plan totals --ids IDS", "--by day", R),
        ("plan 28hr --ids IDS", "--period 2026-10", R),
        ("plan totals --ids IDS", "--json", E),
        ("plan totals", "--source api", R),
        ("plan totals --ids IDS --source sandbox-v2", "--max-cost 0.001", R),
    ],
    "fetch": [
        *((FETCHED, words, cell) for words, cell in QUESTION if words != "--posted BORDER"),
        ("fetch totals -o NEW", "--ids IDS", E),
        ("fetch totals -o NEW", "--posted BORDER", E),
        (f"{FETCHED} --period 2026-10", "--zone Asia/Tokyo", E),
        ("fetch totals --ids IDS -o NEW", "--period 2026-10", R),
        (FETCHED, "--snapshot one", E),
        (FETCHED, "--snapshot a/b", R),
        ("fetch historical --ids MIXED -o NEW", "--strict", E),
        (FETCHED, "--progress", E),
        (FETCHED, "--json", E),
        (FETCHED, "--out OTHER", R),
        ("fetch totals --source sandbox-v2 -o NEW", "--max-cost 1", R),
        ("fetch totals --source sandbox-v2 -o NEW --max-cost 4", "--owns-app", E),
    ],
    "compare": [
        (SETS, "--period last_week --period 2026-11", E),
        (FILES, "--period 2026-10", R),
        (FILES, "--posted 2026-10", E),
        (SETS, "--posted BORDER", E),
        ("compare DAYS DAYS", "--posted 2025-01", R),
        ("compare DAYS DAYS", "--period 2025-01", E),
        (FILES, "--zone Asia/Tokyo", R),
        (f"{SETS} --period last_week", "--zone Pacific/Kiritimati", E),
        (FILES, "--ids IDS", E),
        ("compare DAYS DAYS", "--ids IDS", R),
        (SETS, "--profile a --profile b", R),
        (FILES, "--profile nobody", R),
        ("compare sandbox sandbox", "--profile sandbox_birch_2 --profile sandbox_amber_1", E),
        (FILES, "--json", E),
    ],
    "agree": [
        ("agree FILE DATASET", "--ids IDS", E),
        ("agree sandbox DATASET --ids IDS", "--posted 2026-10", E),
        ("agree DATASET sandbox --ids IDS", "--period last_week", E),
        ("agree DATASET DATASET --ids IDS", "--zone Asia/Tokyo", R),
        ("agree DATASET DATASET --ids IDS --period last_week", "--zone Pacific/Kiritimati", E),
        ("agree DATASET DATASET --ids IDS --period last_week", "--by day", E),
        ("agree DATASET DATASET --ids IDS", "--by day", R),
        ("agree DATASET DATASET --ids IDS", "--profile nobody", R),
        ("agree FILE DATASET --ids IDS", "--json", E),
        ("agree sandbox DAYS --ids IDS", "--strict", R),
    ],
    "snapshot": [
        ("snapshot -o NEW", "--out OTHER", R),
        ("snapshot -o NEW", "--source api", R),
        ("snapshot -o NEW", "--profile sandbox_birch_2", E),
        ("snapshot -o NEW", "--max-cost 0", R),
        ("snapshot -o NEW --max-cost 4", "--owns-app", E),
        ("snapshot -o NEW", "--json", E),
    ],
    "usage": [
        ("usage --sandbox", "--ledger OTHER", E),
        ("usage", "--export OTHER", E),
        ("usage", "--import nowhere.csv", R),
        ("usage", "--sandbox", E),
        ("usage --sandbox", "--handles", E),
        ("usage", "--json", E),
        ("usage", "--contract 5", E),
        ("usage --contract 5 --json", "--day 9", E),
        ("usage --contract 5 --json", "--zone Asia/Tokyo", E),
        ("usage", "--zone nowhere", R),
    ],
    "auth status": [("auth status", "--json", E)],
    "auth check": [
        ("auth check", "--profile nobody", R),
        ("auth check --json", "--tweet abc", R),
        ("auth check --json", "--tweet SOME", E),
        ("auth check", "--json", E),
        ("auth check --json", "--v2", E),
    ],
    "sandbox ids": [
        ("sandbox ids", "--seed 3", E),
        ("sandbox ids", "--tweets 50", E),
        ("sandbox ids --account 3 --accounts 4", "--seed 5", E),
        ("sandbox ids --account 1", "--accounts 2", E),
        ("sandbox ids", "--now 2026-10-02", E),
        ("sandbox ids", "--kind deleted", E),
        ("sandbox ids", "--count 3", E),
        ("sandbox ids", "--account 1", E),
        ("sandbox ids", "--account 99", R),
        ("sandbox ids", "--json", E),
    ],
}
ELSEWHERE: dict[str, str] = {
    "report": "tests/report/test_report.py",
    "batch": "tests/report/test_batch.py",
    "auth login": "tests/cli/test_auth.py",
    "sandbox serve": "tests/sandbox/test_running.py",
    "sandbox switches": "tests/sandbox/test_running.py",
    "lab": "tests/cli/test_cli.py",
    "lessons copy": "tests/lessons/test_class.py",
    "lessons key": "tests/lessons/test_class.py",
    "lessons score": "tests/lessons/test_class.py",
    "lessons collect": "tests/lessons/test_class.py",
}
"""Commands whose options are tried where their servers, pages and notebooks are tested."""


def commands(command: click.Command, name: str = "") -> Iterator[tuple[str, click.Command]]:
    """All commands of the program that are not groups, with their names."""
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for word in command.list_commands(ctx):
            inner = command.get_command(ctx, word)
            assert inner is not None
            yield from commands(inner, f"{name} {word}".strip())
    else:
        yield name, command


ALL = dict(commands(cli.cli))


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    with made(tmp_path_factory.mktemp("law")) as all_kinds:
        yield all_kinds


def test_each_command_has_rows_or_a_place_of_its_own() -> None:
    assert sorted([*TABLE, *ELSEWHERE]) == sorted(ALL)


@pytest.mark.parametrize("name", TABLE)
def test_each_option_of_a_command_has_a_row(name: str) -> None:
    """A new option without a row fails."""
    options = {
        opt: param.name
        for param in ALL[name].params
        if isinstance(param, click.Option)
        for opt in [*param.opts, *param.secondary_opts]
    }
    tried = {options[word] for _, words, _ in TABLE[name] for word in words.split()
             if word in options}  # fmt: skip
    assert tried == {*options.values()}, name


@pytest.mark.parametrize("name", ELSEWHERE)
def test_options_that_are_tried_elsewhere_are_named_there(name: str) -> None:
    """The named file exists and uses each option of the command."""
    root = Path(__file__).parents[2]
    text = "".join(
        path.read_text()
        for path in (root / "tests").rglob("*.py")
        # The rows of this file would name the options of other commands.
        if path != Path(__file__) or name == "auth login"
    )
    assert (root / ELSEWHERE[name]).exists()
    for param in ALL[name].params:
        if isinstance(param, click.Option):
            uses = [f'"{opt}' for opt in (*param.opts, *param.secondary_opts)]
            assert any(use in text for use in (*uses, f"{param.name}=")), param.opts


def ran(line: str, places: Places, folder: Path) -> tuple[int, str, str, list[str]]:
    """Exit code, output, messages and files of a command line in a folder of its own."""
    folder.mkdir(exist_ok=True)
    mixed = folder.parent / "mixed.txt"
    mixed.write_text("\n".join([*places.some, "900000000000000000"]))
    words = {
        "IDS": str(places.ids), "FILE": places["file"], "FOLDER": places["folder"],
        "DATASET": places["dataset"], "DAYS": places["days"], "BORDER": places.border,
        "NEW": str(folder / "new"), "OTHER": str(folder / "other"), "SOME": places.some[0],
        "MIXED": str(mixed),
    }  # fmt: skip
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = cli.run([words.get(word, word) for word in line.split()])
    here = str(folder)
    files = sorted(path.name for path in folder.rglob("*.json") if path.parent.name == "new")
    return code, out.getvalue().replace(here, ""), err.getvalue().replace(here, ""), files


ROWS = [pytest.param(*row, id=f"{row[0]} [{row[1]}]") for rows in TABLE.values() for row in rows]


@pytest.mark.parametrize(("line", "words", "cell"), ROWS)
def test_each_option_takes_effect_or_is_refused(
    line: str, words: str, cell: str, places: Places, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for name in ("without", "with"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("ENGAGEMENT_LEDGER", str(tmp_path / "ledger"))
    if cell == R:
        told = ran(f"{line} {words}", places, tmp_path / "with")
        assert told[0] in (1, 2), told
        assert "rror: " in told[2]
        return
    before = ran(line, places, tmp_path / "without")
    if line.startswith("usage"):
        # A count of this month, for both.
        ran("fetch 28hr --ids IDS -o NEW", places, tmp_path / "fetched")
        before = ran(line, places, tmp_path / "without")
    after = ran(f"{line} {words}", places, tmp_path / "with")
    assert after[0] in (0, 3) or "--max-handles" in words, after
    assert after != before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--v2", "Client ID of the app"),
        ("--port 8765", "need --v2"),
        ("--exchange", "need --v2"),
        ("--v2 --exchange --port 8765", "takes neither --port"),
    ],
)
def test_options_of_a_login_to_v2_are_for_it_only(
    words: str, told: str, places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody answers, so each login stops at its first question."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    code, _, err, _ = ran(f"auth login --no-open {words}", places, tmp_path / "here")
    assert code in (1, 2)
    assert told in err
