"""Manifests of batches: one row per report, as CSV or YAML, checked before anything is started."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import yaml

from engagement_nb.client.credentials import redact
from engagement_nb.errors import EngagementError, InputError
from engagement_nb.report.job import absolute, slug
from engagement_nb.report.notebooks import FETCH, NotebookFile, find_notebook, refuse_secrets
from engagement_nb.report.subject import Inputs, Subject, ask, read_inputs
from engagement_nb.sources import FETCHED
from engagement_nb.tables.textfiles import read_file

_FETCHES = ("source", "profile", "account", "endpoint", "start", "end", "period", "posted", "zone",
            "by", "seed", "now", "tweets", "count")  # fmt: skip
COLUMNS = ("name", "title", "ids", "dataset", "export", *_FETCHES)
"""Columns of a manifest; any other is a parameter of the notebook."""
_OF_THE_ROW = ("name", "title", "ids", "dataset", "export", "source")
_DEEPEST = 20
_LONGEST_NAME = 120
"""In bytes; some file systems refuse 140."""
MOST_REPORTS = 5_000
"""Of one manifest, which is checked within seconds before anything is started."""
_LARGEST = 2_000_000
"""Bytes of its file."""
# The parser in C takes a tenth of the time, and some systems lack it.
_Base: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_Values = dict[str, Any]


def read_manifest(path: str | Path, notebooks: str | Path | None = None) -> list[Subject]:
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
    if len(given) > MOST_REPORTS:
        raise InputError(
            f"{path} lists {len(given):,} reports, and one manifest may have {MOST_REPORTS:,}.",
            advice="Split it, and give each part a folder of its own.",
        )
    rows: list[Subject] = []
    wrong = []
    seen: dict[str, str] = {}
    # Many rows may share an input.
    inputs = cache(partial(_inputs, path.parent))
    find = cache(partial(find_notebook, given=notebooks))
    for place, values in given:
        try:
            row = _row(values, path.parent, inputs, find)
            if slug(row.name) in seen:
                raise InputError(f"{seen[slug(row.name)]} has the name {row.name!r} too.")
            seen[slug(row.name)] = place
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
    data = read_file(path)
    if len(data) > _LARGEST:
        raise InputError(
            f"{path} has {len(data):,} bytes, and a manifest may have {_LARGEST:,}.",
            advice="Split it, and give each part a folder of its own.",
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8 text.", advice="Save it as UTF-8.") from None
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
        raise InputError(
            f"{path} is empty.", advice=f"Its first row names columns: {', '.join(COLUMNS)}."
        )
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise InputError(f"{path} has columns twice: {', '.join(map(repr, twice))}.")
    found = []
    for number, cells in enumerate(table[1:], start=2):
        if any({*"\r\n"} & {*cell} for cell in cells):
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


class _Loader(_Base):  # type: ignore[misc]
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
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def _check_size(text: str) -> None:
    """Refuse deep nesting, and aliases, which can grow without limit."""
    depth = 0
    for event in yaml.parse(text, _Base):
        line = getattr(event.start_mark, "line", 0) + 1
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise InputError(
                f"line {line} has more than {_DEEPEST} levels.",
                advice="A manifest is a list of reports, each with its columns.",
            )
        if isinstance(event, yaml.AliasEvent):
            raise InputError(
                f"line {line} has an alias.", advice="Write shared columns under defaults."
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


def _row(
    values: _Values,
    folder: Path,
    inputs: Callable[[str, str, str], Inputs],
    find: Callable[[str], NotebookFile],
) -> Subject:
    refuse_secrets(values, "column")
    known = {name: values[name] for name in COLUMNS if name in values}
    for column, value in known.items():
        if not isinstance(value, str):
            raise InputError(f"its {column} is not text.", advice="Give one value.")
    name = known.get("name", "")
    if not slug(name):
        raise InputError("a report needs a name.", advice="Letters or digits, each name once.")
    if len(slug(name).encode()) > _LONGEST_NAME:
        raise InputError(
            f"the name {name[:20]!r}... is too long for a folder.",
            advice=f"Use at most {_LONGEST_NAME} letters; a title may be longer.",
        )
    source = _source(known, folder)
    options = {k: v for k, v in values.items() if k not in _OF_THE_ROW}
    if "account" in known:
        options["profile"] = options.pop("account")
    ids = absolute(known["ids"], folder) if "ids" in known else ""
    read = inputs(source, ids, str(options.get("profile", "")))
    if read.kind == "fetch" and not ids and "awkward" in find(FETCH).parameters:
        # A batch fetches as many Tweets as were asked for, and no awkward ones beside them.
        options = {"awkward": 0, **options}
    return ask(
        source, options, read, find, name=name, title=known.get("title", ""), ids_file=ids,
        columns=COLUMNS,
    )  # fmt: skip


def _source(known: Mapping[str, str], folder: Path) -> str:
    """The source of a row: one of `FETCHED`, or a path or address."""
    places = [column for column in ("dataset", "export") if column in known]
    if len(places) > 1 or (places and "source" in known):
        also = ["source"] if "source" in known else []
        raise InputError(
            f"{' and '.join([*places, *also])} do not go together.",
            advice="dataset and export read figures; source fetches them.",
        )
    if places:
        return absolute(known[places[0]], folder)
    source = known.get("source", "")
    if source in FETCHED:
        if "ids" not in known and not FETCHED[source].lists_own:
            raise InputError("the API does not list Tweets.", advice="Give a file with ids.")
        return source
    if source:
        there = ", ".join(FETCHED)
        raise InputError(f"{source!r} is not a source.", advice=f"Write one of: {there}.")
    if not known.keys() - {"name", "title"}:
        raise InputError(
            "nothing says what it is about.", advice="Give a column export, dataset or ids."
        )
    raise InputError(
        "it has no source.", advice=f"Its figures are fetched from one of: {', '.join(FETCHED)}."
    )


def _inputs(folder: Path, source: str, ids: str, profile: str) -> Inputs:
    """What a row reads; what is wrong with it fails its own report only."""
    try:
        return read_inputs(source, ids, profile)
    except (EngagementError, OSError) as error:
        # The index may be sent to others, so it shows paths as the manifest has them.
        said = str(error).replace(f"{folder.absolute()}{os.sep}", "")
        return Inputs(None, "fetch" if source in FETCHED else "posts", said)
