"""Every parameter of a notebook: it takes effect, or it is refused.

Each row runs the cells of a notebook in this process, without the parameter and with it. What
they find and write differs, or a cell refuses. A new parameter without a row fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from engagement_nb.errors import EngagementError
from engagement_nb.report.notebooks import notebooks_folder
from tests.law.places import WORLD, Places, made

pytestmark = pytest.mark.xdist_group("options of notebooks")

E, R = "takes effect", "is refused"
PINNED = {name: WORLD[name] for name in ("seed", "now", "tweets")}
Row = tuple[str, dict[str, Any], dict[str, Any], str]
# Notebook -> what it finds, its last cell here, and rows: kind of source, parameters beside the
# source, parameters that are added, what becomes of them.
FOUND = {
    "01_fetch_metrics": ("[metrics.facts(), metrics.frame.to_csv(), told]", "bundle(fetch=told)"),
    "02_explore_gap": ("gap.to_dict()", "gap.save_tables"),
    "04_handle_usage": ("usage.months.to_csv()", "summarize_usage"),
    "06_move_to_v2": (
        "[ids, since_posting.to_dict(), in_period and in_period.to_dict()]",
        "NoAccessError",
    ),
    "05_account_by_day": ("[days.to_dict(), trend.to_csv()]", "trend = "),
}
MOVE = {"tweets": 300}
SOME = {**PINNED, "count": 60}
FEW = {**PINNED, "count": 20, "awkward": 4, "dataset": "DS"}
TABLE: dict[str, list[Row]] = {
    "01_fetch_metrics": [
        ("sandbox", FEW, {"profile": "sandbox_birch_2"}, E),
        ("sandbox", FEW, {"profile": "nobody"}, R),
        ("sandbox", FEW, {"ids_file": "IDS"}, E),
        ("sandbox", FEW, {"count": 10}, E),
        ("sandbox", FEW, {"awkward": 0}, E),
        ("sandbox", FEW, {"seed": 8}, E),
        ("sandbox", FEW, {"now": "2026-10-02"}, E),
        ("sandbox", FEW, {"tweets": 90}, E),
        ("sandbox", FEW, {"endpoint": "totals"}, E),
        ("sandbox", FEW, {"start": "2026-10-20"}, E),
        ("sandbox", FEW, {"end": "2026-11-01"}, E),
        ("sandbox", FEW, {"period": "2026-10"}, E),
        ("sandbox", {**FEW, "endpoint": "totals"}, {"period": "2026-10"}, R),
        ("sandbox", FEW, {"posted": "2026-10"}, E),
        ("sandbox", FEW, {"zone": "Asia/Tokyo"}, E),
        ("sandbox", {**FEW, "period": "2026-10"}, {"zone": "Asia/Tokyo"}, E),
        ("sandbox", FEW, {"by": "hour"}, E),
        ("sandbox", FEW, {"with_totals": False}, E),
        ("sandbox", FEW, {"max_cost": 1.0}, R),
        ("sandbox", FEW, {"owns_app": True}, R),
        ("sandbox", FEW, {"dataset": "NEW"}, E),
        ("sandbox", FEW, {"snapshot": "a/b"}, R),
        ("sandbox", {**FEW, "endpoint": "totals"}, {"snapshot": "one"}, E),
        ("sandbox", FEW, {"ids_kept": "NEW"}, E),
    ],
    "02_explore_gap": [
        ("sandbox", SOME, {"count": 20}, E),
        ("sandbox", SOME, {"seed": 8}, E),
        ("sandbox", SOME, {"now": "2026-10-02"}, E),
        ("sandbox", SOME, {"tweets": 90}, E),
        ("sandbox", SOME, {"ids_file": "IDS"}, E),
        ("sandbox", SOME, {"endpoint": "totals"}, E),
        ("sandbox", SOME, {"start": "2026-10-20"}, E),
        ("sandbox", SOME, {"end": "2026-11-01"}, E),
        ("sandbox", SOME, {"period": "2026-10"}, E),
        ("sandbox", SOME, {"posted": "2026-10"}, E),
        ("sandbox", SOME, {"zone": "Asia/Tokyo"}, E),
        ("sandbox", SOME, {"by": "day"}, E),
        ("sandbox", SOME, {"profile": "sandbox_birch_2"}, E),
        ("sandbox", SOME, {"profile": "nobody"}, R),
        ("sandbox", SOME, {"tolerance": 0.2}, E),
        ("sandbox", SOME, {"level": 0.8}, E),
        ("sandbox", SOME, {"tables": "NEW"}, E),
        ("sandbox", {**SOME, "endpoint": "totals"}, {"period": "2026-10"}, R),
        ("file", {}, {"ids_file": "IDS"}, E),
        ("file", {}, {"posted": "BORDER"}, E),
        ("file", {}, {"zone": "Asia/Tokyo"}, E),
        ("file", {}, {"level": 0.8}, E),
        ("file", {}, {"tables": "NEW"}, E),
        *(
            ("file", {}, added, R)
            for added in (
                {"seed": 8}, {"now": "2026-10-02"}, {"tweets": 90}, {"endpoint": "28hr"},
                {"period": "2026-10"}, {"start": "2026-10-20"}, {"end": "2026-11-01"},
                {"by": "day"}, {"profile": "nobody"},
            )
        ),
        ("dataset", {}, {"ids_file": "IDS"}, E),
        ("dataset", {}, {"endpoint": "totals"}, E),
        ("dataset", {"endpoint": "historical"}, {"period": "last week"}, E),
        ("dataset", {}, {"posted": "BORDER"}, E),
        ("dataset", {}, {"profile": "nobody"}, R),
        ("dataset", {}, {"seed": 8}, R),
        ("dataset", {}, {"now": "2026-10-02"}, R),
    ],
    "04_handle_usage": [
        ("sandbox", {"sandbox": True, "example": False}, {"ledger": "NEW"}, E),
        ("sandbox", {"now": "2026-11-02", "ledger": "DS"}, {"example": False}, E),
        ("sandbox", {"ledger": "DS"}, {"now": "2026-11-02"}, E),
        ("sandbox", {"example": False}, {"sandbox": True}, E),
    ],
    "06_move_to_v2": [
        ("sandbox", MOVE, {"old": "api"}, R),
        ("sandbox", MOVE, {"new": "v2"}, R),
        ("sandbox", MOVE, {"profile": "nobody"}, R),
        ("sandbox", MOVE, {"ids_file": "LESS"}, E),
        ("sandbox", MOVE, {"period": "last week"}, E),
        ("sandbox", MOVE, {"seed": 8}, E),
        ("sandbox", MOVE, {"now": "2026-10-02"}, R),
        ("sandbox", MOVE, {"tweets": 90}, R),
    ],
    "05_account_by_day": [
        ("days", {}, {"profile": "nobody"}, R),
        ("days", {}, {"start": "2025-01-10"}, E),
        ("days", {}, {"end": "2025-01-10"}, E),
        ("days", {}, {"period": "2025-01"}, E),
        ("days", {}, {"by": "month"}, E),
        ("days", {}, {"by": "decade"}, R),
        ("days", {}, {"tables": "NEW"}, E),
        ("file", {}, {}, R),
    ],
}  # fmt: skip


def all_cells(name: str) -> list[str]:
    """The code of a notebook; the parameters are its first cell."""
    notebook = nbformat.read(notebooks_folder() / f"{name}.ipynb", as_version=4)
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def cells(name: str) -> tuple[str, list[str]]:
    """The parameters of a notebook, and its code up to the last cell that is needed here."""
    parameters, *rest = all_cells(name)
    [last] = [place for place, source in enumerate(rest) if FOUND[name][1] in source]
    return parameters, rest[: last + 1]


def parameters_of(name: str) -> list[str]:
    return [line.partition(":")[0] for line in cells(name)[0].splitlines()]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    with made(tmp_path_factory.mktemp("law")) as all_kinds:
        yield all_kinds


_ONCE: dict[str, str] = {}


def found(name: str, places: Places, kind: str, given: dict[str, Any], folder: Path) -> str:
    """What a notebook finds and writes; the error that refuses it."""
    folder.mkdir(exist_ok=True)
    words = {
        "IDS": str(places.ids), "NEW": str(folder / "new"), "DS": str(folder / "ds"),
        "BORDER": places.border, "LESS": str(folder / "some.txt"),
    }  # fmt: skip
    (folder / "some.txt").write_text("\n".join(places.some[:4]))
    given = {name: words.get(value, value) for name, value in given.items()}
    space: dict[str, Any] = {"display": print}
    parameters, rest = cells(name)
    exec(parameters, space)
    space |= {"source": places[kind], **given}
    for source in rest:
        if not ("plot_" in source and "save_tables" not in source and "trend = " not in source):
            exec(source, space)
    files = sorted(path.name for path in folder.iterdir() if path.name != "without")
    return json.dumps([eval(FOUND[name][0], space), files], default=str)


@pytest.mark.parametrize("name", TABLE)
def test_each_parameter_of_a_notebook_has_a_row(name: str) -> None:
    """A new parameter without a row fails."""
    tried = {parameter for _, _, added, _ in TABLE[name] for parameter in added}
    assert tried - {"source"} == {*parameters_of(name)} - {"source"}


@pytest.mark.parametrize(
    ("name", "kind", "before", "added", "cell"),
    [
        pytest.param(name, *row, id=f"{name[:2]}-{row[0]}-{'-'.join(map(str, row[2].items()))}")
        for name, rows in TABLE.items()
        for row in rows
    ],
)
def test_each_parameter_takes_effect_or_is_refused(
    places: Places,
    tmp_path: Path,
    name: str,
    kind: str,
    before: dict[str, Any],
    added: dict[str, Any],
    cell: str,
) -> None:
    if cell == R:
        with pytest.raises(EngagementError):
            found(name, places, kind, before | added, tmp_path)
        return
    key = json.dumps([name, kind, before])
    if key not in _ONCE:
        _ONCE[key] = found(name, places, kind, before, tmp_path / "without")
    assert found(name, places, kind, before | added, tmp_path) != _ONCE[key]
