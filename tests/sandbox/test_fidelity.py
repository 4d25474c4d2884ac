"""The pages on the sandbox say what is there, and each claim says how it is known."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import pytest

from docs.tables import DOCS, TABLES, page
from engagement_nb.sandbox import Sandbox, Settings
from engagement_nb.sandbox.settings import claims, recorded, switches, written

SETTINGS = {one.name for one in fields(Settings)}
FACTS = [one["fact"] for one in claims()]
CODE = {
    name: text
    for room in ("sandbox", "sources")
    for path in (DOCS.parent / "tests" / room).glob("test_*.py")
    for text in re.split(r"\n\n\n", path.read_text("utf-8"))
    for name in re.findall(r"^def (test_\w+)\(", text, re.MULTILINE)
}
"""The code of each test."""


@pytest.mark.parametrize("name", TABLES)
def test_the_tables_of_the_pages_come_from_the_declarations(name: str) -> None:
    """If this fails: python -m docs.tables."""
    assert (DOCS / name).read_text("utf-8") == page(name)


@pytest.mark.parametrize("claim", claims(), ids=FACTS)
def test_a_claim_says_how_it_is_known_and_its_tests_use_its_switches(claim: dict[str, Any]) -> None:
    assert claim["known"] in ("documented", "recorded", "assumed")
    assert re.fullmatch(r"20\d\d(-\d\d){0,2}", claim["date"])
    assert claim["source"]
    assert set(claim["tests"]) <= set(CODE)
    named = claim.get("switches", [])
    assert set(named) | set(claim.get("recorded", {})) <= SETTINGS
    code = "".join(CODE[name] for name in claim["tests"])
    assert [name for name in named if not re.search(rf"\b{name}\b", code)] == []


def test_the_claims_name_every_switch() -> None:
    named = [name for one in claims() for name in one.get("switches", [])]
    assert sorted(named) == sorted(SETTINGS - {"clock", "auth_clock", "monotonic"})


def test_the_preset_documented_is_the_default_and_recorded_differs_as_claimed() -> None:
    assert Settings.of() == Settings()
    ours, theirs = Settings.of("documented"), Settings.of("recorded")
    differing = {n: getattr(theirs, n) for n in SETTINGS if getattr(ours, n) != getattr(theirs, n)}
    assert differing == recorded() != {}
    assert Settings.of("recorded", order="mixed", others=403).others == 403
    with pytest.raises(ValueError, match="preset must be one of documented, recorded"):
        Sandbox(preset="remembered")


@pytest.mark.parametrize("name", sorted(name for name, one in switches().items() if one.simple))
def test_every_switch_reads_its_own_default_and_refuses_nonsense_in_one_sentence(
    name: str,
) -> None:
    one = switches()[name]
    assert one.read(written(one.default)) == one.default
    with pytest.raises(ValueError, match=rf"^{name} must be [^\n]+, not 'nonsense'\.$"):
        one.read("nonsense")
    with pytest.raises(ValueError, match=rf"^{name} must be "):
        Settings(**{name: object()})
    assert one.description.endswith(".")
