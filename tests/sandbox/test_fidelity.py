"""The page on how close the sandbox is to the API says what is there."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from engagement_nb.sandbox import Settings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "sandbox-fidelity.md").read_text("utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and "`test_" in line
]
SETTINGS = {one.name for one in fields(Settings)}


CODE = {
    name: text
    for room in ("sandbox", "sources")
    for path in (ROOT / "tests" / room).glob("test_*.py")
    for text in re.split(r"\n\n\n", path.read_text("utf-8"))
    for name in re.findall(r"^def (test_\w+)\(", text, re.MULTILINE)
}
"""The code of each test."""


def test_every_test_that_the_page_names_exists() -> None:
    assert set(re.findall(r"`(test_\w+)`", PAGE)) <= set(CODE)
    assert all(re.fullmatch(r"(`test_\w+`(, |$))+", row[3]) for row in ROWS)


def test_the_page_names_every_switch_and_no_other() -> None:
    named = {name for row in ROWS for name in re.findall(r"`(\w+)`", row[2])}
    assert named <= SETTINGS
    assert SETTINGS - named == {"clock", "auth_clock", "monotonic"}


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_the_tests_of_a_row_use_each_of_its_switches(row: list[str]) -> None:
    code = "".join(CODE[name] for name in re.findall(r"`(test_\w+)`", row[3]))
    unused = [
        name for name in re.findall(r"`(\w+)`", row[2]) if not re.search(rf"\b{name}\b", code)
    ]
    assert not unused
