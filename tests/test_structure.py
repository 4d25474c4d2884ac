"""How the files of the package and of its tests depend on each other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parent.parent


def imports_in(folder: str) -> dict[str, set[str]]:
    """For each module of a folder, the others that it imports, anywhere in its file."""
    files = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in (ROOT / folder).rglob("*.py")
    }

    def imported(path: Path) -> Iterator[str]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    part = f"{node.module}.{alias.name}"
                    yield part if part in files else str(node.module)

    return {name: {*imported(path)} & files.keys() - {name} for name, path in files.items()}


def imports_of_rooms() -> dict[str, set[str]]:
    """The same for the package, without its root: public names are imported on first use."""
    found = imports_in("engagement_nb")
    del found["engagement_nb"]
    return {name: others - {"engagement_nb"} for name, others in found.items()}


def test_no_files_import_each_other_in_a_circle() -> None:
    TopologicalSorter(imports_of_rooms()).prepare()


def test_no_rooms_import_each_other_in_a_circle() -> None:
    rooms: dict[str, set[str]] = {}
    for name, others in imports_of_rooms().items():
        room = name.split(".")[1]
        rooms.setdefault(room, set()).update({other.split(".")[1] for other in others} - {room})
    TopologicalSorter(rooms).prepare()


def test_no_test_module_imports_another_one() -> None:
    """Shared helpers are in helper modules."""
    for name, others in imports_in("tests").items():
        assert not [other for other in others if ".test_" in other], name


def test_imports_within_functions_are_few_and_say_why() -> None:
    """Start-up time or a missing extra is the reason, in a comment on the line before."""
    found = []
    for path in (ROOT / "engagement_nb").rglob("*.py"):
        lines = path.read_text().splitlines()
        for function in ast.walk(ast.parse("\n".join(lines))):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                found += [
                    (path, node.lineno, lines[node.lineno - 2].strip())
                    for node in ast.walk(function)
                    if isinstance(node, ast.Import | ast.ImportFrom)
                ]
    assert len(found) <= 12
    assert all(before.startswith("#") for _, _, before in found), found


ROOMS_OF_APIS = ("apis", "client/adapters", "sources", "sandbox", "cli")


def test_only_some_rooms_tell_x_api_v2_from_the_other_api() -> None:
    """All others ask the properties of an `Api`; docstrings may explain."""
    package, named = ROOT / "engagement_nb", re.compile(r"(?<![a-z0-9])v2(?![a-z0-9])", re.I)
    found = []
    for path in package.rglob("*.py"):
        text = path.read_text()
        here = path.relative_to(package).as_posix()
        if here.startswith(ROOMS_OF_APIS) or not named.search(text):
            continue
        nodes = [*ast.walk(ast.parse(text))]
        explained = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes:
            told = [getattr(node, name, "") for name in ("id", "attr", "module", "name", "value")]
            words = [word for word in told if isinstance(word, str) and id(node) not in explained]
            found += [(here, word) for word in words if named.search(word)]
    assert not found
