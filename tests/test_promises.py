"""The page of promises names tests that exist, and exit codes that commands give."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engagement_nb import cli
from tests.cli.several import several

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "promises.md").read_text("utf-8")
EXIT_CODES = re.findall(
    r"^\| (\d+) \|", (ROOT / "docs" / "cli.md").read_text("utf-8"), re.MULTILINE
)


def test_each_promise_names_a_test_that_exists() -> None:
    code = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    rows = [line for line in PAGE.splitlines() if re.match(r"\| (?!promise|-)", line)]
    assert len(rows) > 40
    for row in rows:
        (name,) = re.findall(r"`(test_\w+)` \|$", row)
        assert f"def {name}(" in code, name


def test_each_exit_code_of_the_table_is_the_one_that_the_command_gives(tmp_path: Path) -> None:
    """Exit codes of signals (128 + number) have tests of their own."""
    codes = {cli.DONE, cli.FAILED, cli.WRONG_USE, cli.INCOMPLETE, cli.INTERRUPTED, 129, 143}
    assert {int(code) for code in EXIT_CODES} == codes
    (tmp_path / "file").touch()
    (tmp_path / "ids.txt").write_text("2089921203620459687\n20\n", "utf-8")
    fetch = "fetch totals --seed 7 --now 2026-10-01 --tweets 60 --ids ids.txt"
    expected = {
        f"{fetch} -o ds": 0,
        f"{fetch} -o file/ds": 1,
        "fetch totals --nonsense": 2,
        f"{fetch} -o ds --strict": 3,
    }
    for done in several(*expected, cwd=tmp_path):
        assert done.returncode == expected[done.args], done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("page", ["README.md", "docs/scheduling.md", "docs/promises.md"])
def test_pages_that_speak_of_exit_codes_lead_to_the_table(page: str) -> None:
    assert "cli.md#exit-codes" in (ROOT / page).read_text("utf-8")
