"""The notebooks: where they are, and their parameters."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import nbformat
import orjson
import papermill
import yaml
from nbformat.v4 import rwbase

from engagement_nb.client.credentials import redact
from engagement_nb.errors import InputError, ReportError

FETCH = "01_fetch_metrics.ipynb"
EXPLORE = "02_explore_gap.ipynb"
BY_DAY = "05_account_by_day.ipynb"

_TYPES: dict[str, Any] = {each.__name__: each for each in (str, int, float, bool, list, dict)}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a notebook, as its cell ``parameters`` declares it."""

    type: str
    default: Any
    help: str


def notebooks_folder(given: str | Path | None = None) -> Path:
    """The folder of the notebooks: the user's, the wheel's, or the checkout's.

    Parameters
    ----------
    given
        A folder of the user's own copies.

    Raises
    ------
    InputError
        ``given`` is not a folder.
    """
    if given is not None:
        folder = Path(given)
        if not folder.is_dir():
            raise InputError(
                f"{folder} is not a folder of notebooks.",
                advice="Give the folder of your own copies.",
            )
        return folder
    package = Path(str(resources.files("engagement_nb")))
    for folder in (package / "notebooks", package.parent / "notebooks"):
        if (folder / FETCH).exists():
            return folder
    raise ReportError(
        "The notebooks are missing from this installation.",
        advice="Install the package again, or name a folder of them with --notebooks.",
    )


def find_notebook(name: str, given: str | Path | None = None) -> NotebookFile:
    """A notebook of the package, or the user's copy of it where there is one."""
    own = notebooks_folder(given) / name
    return NotebookFile.read(own if own.exists() else notebooks_folder() / name)


@dataclass(frozen=True)
class NotebookFile:
    """A notebook to execute, here or on another machine.

    Parameters
    ----------
    name
        Its file name.
    node
        Its content.
    """

    name: str
    node: nbformat.NotebookNode = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> NotebookFile:
        """Read a notebook from its file.

        Raises
        ------
        InputError
            The file is not a notebook.
        """
        try:
            return cls(path.name, nbformat.read(path, as_version=4))
        except (ValueError, nbformat.reader.NotJSONError) as error:
            raise InputError(
                f"{path} is not a notebook ({str(error).splitlines()[0][:80]}).",
                advice="Take a fresh copy of the notebook.",
            ) from None

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters of the notebook, by name.

        Raises
        ------
        InputError
            It has no cell tagged ``parameters``.
        """
        if not any("parameters" in cell.metadata.get("tags", []) for cell in self.node.cells):
            raise InputError(
                f"{self.name} has no cell tagged 'parameters', so nothing can be passed to it.",
                advice="Tag the cell that sets the notebook's inputs (in JupyterLab: Property"
                " Inspector, Cell Tags).",
            )
        declared = {}
        for name, seen in papermill.inspect_notebook(self.node).items():
            default: Any = seen["default"]
            with suppress(ValueError, SyntaxError):
                default = ast.literal_eval(default)
            kind = seen["inferred_type_name"].replace("None", "") or type(default).__name__
            declared[name] = Parameter(kind, default, seen["help"])
        return declared

    def check(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Check parameters, and read texts by the declared types.

        Raises
        ------
        InputError
            A name that the notebook does not have, a value of another type, or a credential.
        """
        refuse_secrets(given)
        # Papermill only warns of an unknown name, and then uses the default.
        taken = self.parameters
        return {name: _checked(self.name, taken, name, value) for name, value in given.items()}


def as_file(notebook: nbformat.NotebookNode) -> bytes:
    """The content of a notebook's file. nbformat takes ten times as long to write it."""
    lines = rwbase.split_lines(nbformat.from_dict(notebook))
    return orjson.dumps(lines, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)


def _checked(notebook: str, taken: Mapping[str, Parameter], name: str, value: Any) -> Any:
    if name not in taken:
        there = ", ".join(taken)
        raise InputError(f"{notebook} has no parameter {name!r}.", advice=f"It has: {there}.")
    wanted = taken[name].type
    # Papermill cannot read "int | None".
    base = wanted.removeprefix("Optional[").removesuffix("]")
    if (kind := _TYPES.get(base.split("[")[0])) is None:
        return value
    try:
        # From the command line or a manifest: read as YAML would.
        read = yaml.safe_load(value) if isinstance(value, str) and kind is not str else value
        return msgspec.convert(read, kind if base == wanted else kind | None)
    except (yaml.YAMLError, RecursionError, msgspec.ValidationError):
        raise InputError(
            f"Parameter {name!r} of {notebook} is {wanted}, and {value!r} is not.",
            advice=taken[name].help and f"It is: {taken[name].help}.",
        ) from None


def refuse_secrets(given: Mapping[str, Any], what: str = "parameter") -> None:
    """Refuse values that contain a known credential, because they are written into the report.

    Raises
    ------
    InputError
        A value contains a credential. The message has its name only.
    """
    texts = {
        name: value if isinstance(value, str) else json.dumps(value, default=str)
        for name, value in given.items()
    }
    together = "\n".join(texts.values())
    # Nearly always there is none, and the lookup of what is known takes longer than the search.
    for name, text in texts.items() if redact(together) != together else ():
        if redact(text) != text:
            raise InputError(
                f"{what.capitalize()} {name!r} contains a credential, and {what}s are written into"
                " the report.",
                advice="Keep credentials in the environment or in the profiles file.",
            )
