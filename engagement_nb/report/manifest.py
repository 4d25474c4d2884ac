"""Manifests of batches: one row per report, as CSV or YAML, checked before anything is started."""

from __future__ import annotations

import csv
import difflib
import io
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import yaml

from engagement_nb.apis.engagement import ENDPOINTS
from engagement_nb.client.credentials import redact
from engagement_nb.errors import EngagementError, InputError
from engagement_nb.periods import dates_of
from engagement_nb.report.make import read_inputs
from engagement_nb.report.notebooks import EXPLORE, NotebookFile, find_notebook, refuse_secrets
from engagement_nb.sources.sandbox import WORLD

_WORLD = (*WORLD, "count")
"""Columns for the sandbox only."""
_FETCHES = ("source", "profile", "account", "endpoint", "start", "end", "period", "zone", "by",
            *_WORLD)  # fmt: skip
COLUMNS = ("name", "title", "ids", "dataset", "export", *_FETCHES)
"""Columns of a manifest; any other is a parameter of the notebook."""
_DEEPEST = 20
_LONGEST_NAME = 120
"""In bytes; some file systems refuse 140."""
_Values = dict[str, Any]
_Inputs = tuple[tuple[str, ...] | None, NotebookFile, str]


@dataclass(frozen=True)
class Fetch:
    """What to fetch, once for all rows that share it."""

    source: str
    profile: str
    endpoint: str
    start: str
    end: str
    by: str
    period: str = ""
    zone: str = ""
    seed: int | None = None
    now: str = ""
    tweets: int | None = None
    count: int | None = None


@dataclass(frozen=True)
class Row:
    """One report of a manifest.

    Parameters
    ----------
    name, title
        Of the report.
    source
        An export or a dataset; empty if `fetch` makes one.
    ids
        Its Tweets; None for all of the source.
    fetch
        What to fetch for it; None if it has a source.
    notebook
        The notebook to execute.
    parameters
        Of the notebook, as given.
    broken
        Why its inputs cannot be read; empty if they can.
    """

    name: str
    title: str
    source: str
    ids: tuple[str, ...] | None
    fetch: Fetch | None
    notebook: NotebookFile
    parameters: Mapping[str, Any] = field(default_factory=dict)
    broken: str = ""

    @property
    def folder(self) -> str:
        """Name of the report's folder."""
        return slug(self.name)


def slug(name: str) -> str:
    """Turn a name into that of a folder: letters, digits, dots and dashes."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-._").lower()


def read_manifest(path: str | Path, notebooks: str | Path | None = None) -> list[Row]:
    """Read a manifest and check each row.

    A wrong manifest is refused. An input that is missing or cannot be read fails its own row
    only, so that it does not stop the other accounts' reports.

    Parameters
    ----------
    path
        A CSV file with a header, or YAML: a list of mappings, or a mapping with ``reports``
        (that list) and ``defaults`` (for all of them). Paths are relative to its folder.
    notebooks
        A folder with your own copies of the notebooks.

    Raises
    ------
    InputError
        Everything that is wrong, with its rows.
    """
    path = Path(path)
    given = _read(path)
    if not given:
        raise InputError(f"{path} lists no reports.", advice="Write one row per report.")
    rows: list[Row] = []
    wrong = []
    seen: dict[str, str] = {}
    # Many rows may share an input.
    inputs = cache(partial(_inputs, path.parent, cache(partial(find_notebook, given=notebooks))))
    for place, values in given:
        try:
            row = _row(values, path.parent, inputs)
            if row.folder in seen:
                raise InputError(f"{seen[row.folder]} has the name {row.name!r} too.")
            seen[row.folder] = place
            rows.append(row)
        except EngagementError as error:
            wrong.append(f"{place}: {error}")
    if wrong:
        faults = "\n  ".join(wrong[:20])
        more = f"\n  and {len(wrong) - 20} more" if len(wrong) > 20 else ""
        raise InputError(redact(f"{path} cannot be used; nothing was started.\n  {faults}{more}"))
    return rows


def _read(path: Path) -> list[tuple[str, _Values]]:
    """The place of each row, and its columns that are not empty."""
    readers = {".csv": _read_csv, ".yaml": _read_yaml, ".yml": _read_yaml}
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8 text.", advice="Save it as UTF-8.") from None
    except FileNotFoundError:
        raise InputError(f"There is no manifest {path}.", advice="Check the path.") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder.", advice="Give a CSV or YAML file.") from None
    if path.suffix.lower() not in readers:
        raise InputError(
            f"{path} is neither .csv nor .yaml.", advice="Give it the ending of its format."
        )
    return readers[path.suffix.lower()](path, text)


def _read_csv(path: Path, text: str) -> list[tuple[str, _Values]]:
    # In many countries spreadsheets write semicolons. No column has one in its name.
    separator = max(",;\t", key=text.partition("\n")[0].count)
    table: list[list[str]] = []
    try:
        for cells in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True):
            table.append([cell.strip() for cell in cells])
    except csv.Error as error:
        raise InputError(
            f"{path}, row {len(table) + 1} cannot be read ({error}).",
            advice="Close every quote, and write a quote within a cell twice.",
        ) from None
    header = table[0] if table else []
    if not any(header):
        raise InputError(f"{path} is empty.", advice=f"Its first row names columns: {_KNOWN}.")
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise InputError(f"{path} has columns twice: {', '.join(map(repr, twice))}.")
    found = []
    for number, cells in enumerate(table[1:], start=2):
        if any("\n" in cell for cell in cells):
            raise InputError(
                f"{path}, row {number} spans several lines.",
                advice="Close its quotes, or the next rows are lost.",
            )
        if len(cells) > len(header):
            raise InputError(
                f"{path}, row {number} has {len(cells)} cells, the header {len(header)}.",
                advice=f"Quote cells that contain {separator!r}.",
            )
        if any(cells):
            values = {k: v for k, v in zip(header, cells, strict=False) if v}
            found.append((f"row {number}", values))
    return found


class _Loader(yaml.BaseLoader):
    """YAML whose scalars all stay text, and whose mappings have each key once.

    As text, an id does not become a number. The notebook declares the types of parameters.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """As PyYAML, which uses the last of two values."""
        keys = [key.value for key, _ in node.value]
        for at, key in enumerate(keys):
            if key in keys[:at]:
                line = node.value[at][0].start_mark.line + 1
                raise InputError(f"line {line} repeats {key!r}.", advice="Remove one of them.")
        return super().construct_mapping(node, deep)


def _check_size(text: str) -> None:
    """Refuse deep nesting, and aliases of lists, which can grow without limit."""
    depth, scalars = 0, set()
    for event in yaml.parse(text, yaml.BaseLoader):
        line = getattr(event.start_mark, "line", 0) + 1
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise InputError(
                f"line {line} has more than {_DEEPEST} levels.",
                advice="A manifest is a list of reports, each with its columns.",
            )
        if isinstance(event, yaml.ScalarEvent):
            scalars.add(event.anchor)
        elif isinstance(event, yaml.AliasEvent) and event.anchor not in scalars:
            raise InputError(
                f"line {line} has an alias of a list or of several columns.",
                advice="An alias is for one value. Write shared columns under defaults.",
            )


def _read_yaml(path: Path, text: str) -> list[tuple[str, _Values]]:
    try:
        _check_size(text)
        whole = yaml.load(text, _Loader)  # noqa: S506 - it makes nothing but text
    except InputError as error:
        raise InputError(f"{path}, {error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise InputError(f"{path}{where} is not YAML.", advice="Check the indentation.") from None
    defaults: Any = {}
    if isinstance(whole, dict):
        if unknown := sorted(set(whole) - {"reports", "defaults"}):
            raise InputError(f"{path} has {', '.join(unknown)} beside reports and defaults.")
        defaults, whole = whole.get("defaults") or {}, whole.get("reports")
    if not isinstance(defaults, dict):
        raise InputError(
            f"The defaults of {path} are not columns with values.", advice="Write 'by: day'."
        )
    if whole in (None, ""):
        return []
    if not isinstance(whole, list) or not all(isinstance(item, dict) for item in whole):
        raise InputError(f"{path} is not a list of reports.", advice="Begin each with a dash.")
    return [
        (f"report {number}", {k: v for k, v in {**defaults, **item}.items() if v != ""})
        for number, item in enumerate(whole, start=1)
    ]


def _row(values: _Values, folder: Path, inputs: Callable[[str, str, str], _Inputs]) -> Row:
    refuse_secrets(values, "column")
    known = {name: values[name] for name in COLUMNS if name in values}
    for column, value in known.items():
        if not isinstance(value, str):
            raise InputError(f"its {column} is not text.", advice="Give one value.")
    places = [column for column in ("dataset", "export") if column in known]
    fetching = [column for column in _FETCHES if column in known]
    profile = known.get("profile") or known.get("account", "")
    source = _absolute(folder, known[places[0]]) if places else ""
    ids, notebook, broken = inputs(
        source or known.get("source", "sandbox"), _absolute(folder, known.get("ids", "")), profile
    )
    others = {name: value for name, value in values.items() if name not in COLUMNS}
    for name in others:
        if name not in notebook.parameters:
            near = difflib.get_close_matches(name, [*COLUMNS, *notebook.parameters], 1)
            raise InputError(
                f"{name!r} is neither a column nor a parameter of {notebook.name}.",
                advice=f"Did you mean {near[0]!r}?" if near else f"Columns are: {_KNOWN}.",
            )
    name = known.get("name", "")
    if not slug(name):
        raise InputError("a report needs a name.", advice="Letters or digits, each name once.")
    if len(slug(name).encode()) > _LONGEST_NAME:
        raise InputError(
            f"the name {name[:20]!r}... is too long for a folder.",
            advice=f"Use at most {_LONGEST_NAME} letters; a title may be longer.",
        )
    if len(places) > 1 or (places and fetching):
        raise InputError(
            f"{' and '.join([*places, *fetching])} do not go together.",
            advice="dataset and export read figures; source, profile and period fetch them.",
        )
    if not places and not fetching and "ids" not in known:
        raise InputError("nothing says what it is about.", advice="Give export, dataset or ids.")
    return Row(
        name=name,
        title=known.get("title", ""),
        source=source,
        ids=ids,
        fetch=None if places else _fetch(known),
        notebook=notebook,
        parameters=notebook.check(others),
        broken=broken,
    )


def _fetch(known: Mapping[str, str]) -> Fetch:
    profile = known.get("profile") or known.get("account", "")
    if known.get("account", profile) != profile:
        raise InputError("profile and account mean the same, and differ.")
    source = known.get("source", "")
    if source not in ("sandbox", "api"):
        fault = f"source is sandbox or api, not {source!r}." if source else "it has no source."
        raise InputError(fault, advice="Write sandbox or api, where its figures are fetched.")
    if source == "api" and "ids" not in known:
        raise InputError("the API does not list Tweets.", advice="Give a file with ids.")
    endpoint = known.get("endpoint", "historical")
    if endpoint not in ENDPOINTS:
        raise InputError(f"there is no endpoint {endpoint!r}.", advice=f"{', '.join(ENDPOINTS)}.")
    by = known.get("by", "")
    if by not in ("", "day", "hour") or (by and endpoint == "totals"):
        raise InputError(f"{endpoint} is not given by {by!r}.", advice="day or hour, or empty.")
    period = {name: known.get(name, "") for name in ("start", "end", "period", "zone")}
    if any(period.values()) and endpoint != "historical":
        raise InputError(f"{endpoint} takes no period.", advice="Use historical.")
    first, after = dates_of(**period, now=datetime.now(UTC))
    if first is not None and after is not None and first >= after:
        raise InputError("its period ends before it starts.", advice="end is the day after.")
    if (pinned := [name for name in _WORLD if name in known]) and source != "sandbox":
        raise InputError(f"{', '.join(pinned)}: only the sandbox has a world to choose.")
    seed, tweets, count = (_whole(name, known.get(name)) for name in ("seed", "tweets", "count"))
    world: dict[str, Any] = {"seed": seed, "now": known.get("now", ""), "tweets": tweets}
    return Fetch(source, profile, endpoint, by=by, count=count, **(world | period))


def _whole(column: str, text: str | None) -> int | None:
    try:
        return None if text is None else int(text)
    except ValueError:
        raise InputError(f"its {column} is not a whole number: {text!r}.") from None


def _inputs(
    folder: Path, find: Callable[[str], NotebookFile], source: str, ids: str, profile: str
) -> _Inputs:
    """The Tweets that a row lists, its notebook, and what is wrong with its inputs."""
    try:
        listed, name = read_inputs(source, ids or None, profile)
        return listed, find(name), ""
    except (EngagementError, OSError) as error:
        # The index may be sent to others, so it shows paths as the manifest has them.
        return None, find(EXPLORE), str(error).replace(f"{folder.absolute()}{os.sep}", "")


def _absolute(folder: Path, given: str) -> str:
    """The absolute path of one that is relative to the manifest; an address as it is."""
    if not given or "://" in given:
        return given
    path = Path(given).expanduser()
    return str(path if path.is_absolute() else (folder / path).absolute())


_KNOWN = ", ".join(COLUMNS)
