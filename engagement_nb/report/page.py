"""Executed notebooks as one HTML file that asks nothing of the network."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
from bs4 import BeautifulSoup, Tag
from nbconvert import HTMLExporter

_TEMPLATE = Path(__file__).parent / "template"
_CONTENTS = "<!--contents-->"
_WIDGET = "application/vnd.jupyter.widget-view+json"


@cache
def _style() -> str:
    return (_TEMPLATE / "style.css").read_text(encoding="utf-8")


@dataclass(frozen=True)
class KeyFigure:
    """One number that a reader should see first."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Missing:
    """Tweets or metrics that could not be had for one reason."""

    reason: str
    tweets: str
    missing: str
    advice: str


@dataclass(frozen=True)
class Page:
    """What stands on a report around its notebook.

    Parameters
    ----------
    title, subtitle
        Of the whole report.
    sandbox
        Whether to stamp it as made-up data.
    answer
        The answer, a paragraph each.
    figures
        The numbers that go with it.
    problems
        What could not be had; None where it is not known.
    made
        How the report was made: label and text.
    failure
        Why the report is not complete, in a sentence.
    footer
        One line.
    """

    title: str
    subtitle: str = ""
    sandbox: bool = False
    answer: Sequence[str] = ()
    figures: Sequence[KeyFigure] = ()
    problems: Sequence[Missing] | None = None
    made: Sequence[tuple[str, str]] = ()
    failure: str = ""
    footer: str = ""
    lang: str = "en"
    style: str = field(default_factory=_style, repr=False)
    contents_place: str = _CONTENTS


_threads = threading.local()


def to_html(notebook: nbformat.NotebookNode, page: Page) -> str:
    """One self-contained HTML file.

    Parameters
    ----------
    notebook
        The executed notebook. Its first heading is left out: the page has a title.
    page
        What stands around it.
    """
    exporter = getattr(_threads, "exporter", None)
    if exporter is None:
        # Making one takes ten times as long as using it, and one is not safe for two threads.
        exporter = _threads.exporter = HTMLExporter(
            template_name=_TEMPLATE.name,
            extra_template_basedirs=[str(_TEMPLATE.parent)],
            exclude_anchor_links=True,
        )
    html, _ = exporter.from_notebook_node(_readable(notebook), {"page": page})
    return _accessible(html)


def _readable(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook without what only a running notebook can show."""
    cells = []
    for cell in notebook.cells:
        shown = nbformat.from_dict(cell)
        if "papermill-error-cell-tag" in cell.metadata.get("tags", []):
            continue
        if cell.cell_type == "code":
            shown.outputs = [_readable_output(o) for o in cell.outputs if _is_readable(o)]
        cells.append(shown)
    return nbformat.from_dict({**notebook, "cells": _without_title(cells)})


def _is_readable(output: Any) -> bool:
    """Whether an output says something on paper: progress bars and widgets don't."""
    if _WIDGET in output.get("data", {}):
        return False
    return not (output.output_type == "stream" and not _text(output.text))


def _readable_output(output: Any) -> Any:
    if output.output_type != "stream":
        return output
    return nbformat.from_dict({**output, "text": _text(output.text)})


def _text(stream: str) -> str:
    """A stream as a terminal would leave it: what a progress bar overwrote is gone."""
    lines = [line.rsplit("\r", 1)[-1] for line in stream.replace("\r\n", "\n").split("\n")]
    kept = [line for line in lines if not re.search(r"\d+%\|.*\|", line)]
    return "\n".join(kept).strip("\n")


def _without_title(cells: list[Any]) -> list[Any]:
    for position, cell in enumerate(cells):
        if cell.cell_type == "markdown":
            text = re.sub(r"\A\s*# .*\n?", "", cell.source).strip()
            rest = [nbformat.from_dict({**cell, "source": text})] if text else []
            return cells[:position] + rest + cells[position + 1 :]
    return cells


def title_of(notebook: nbformat.NotebookNode) -> str:
    """The first heading of a notebook, or nothing."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (found := re.match(r"\s*# (.*)", cell.source)):
            return found[1].strip()
    return ""


def _accessible(html: str) -> str:
    """The page with a table of contents, and tables that can be read and scrolled by anybody."""
    soup = BeautifulSoup(html, "html.parser")
    main = soup.select("main")[0]
    _unique_ids(main)
    for style in main.find_all("style", string=re.compile(r"\.dataframe")):
        style.decompose()  # pandas' own, which the page's replaces
    for number, table in enumerate(main.find_all("table"), start=1):
        _table(soup, table, number)
    for pre in main.find_all("pre"):
        pre["tabindex"] = "0"
    contents = soup.new_tag("ol")
    for heading in main.find_all("h2"):
        if heading["id"] == "contents":
            continue
        item, link = soup.new_tag("li"), soup.new_tag("a", href=f"#{heading['id']}")
        link.string = heading.get_text(strip=True)
        item.append(link)
        contents.append(item)
    return str(soup).replace(_CONTENTS, str(contents), 1)


def _unique_ids(main: Tag) -> None:
    """Headings with an id each, none twice, and no level left out."""
    used: set[str] = set()
    level = 1
    for heading in main.find_all(re.compile("^h[1-6]$")):
        level = min(max(int(heading.name[1]), 2), level + 1)
        heading.name = f"h{level}"
    for tag in main.find_all(id=True):
        if tag["id"] in used:
            del tag["id"]
        else:
            used.add(str(tag["id"]))
    for number, heading in enumerate(main.find_all(re.compile("^h[1-6]$")), start=1):
        if not heading.get("id"):
            heading["id"] = f"section-{number}"


def _table(soup: BeautifulSoup, table: Tag, number: int) -> None:
    """Scroll a table by itself, by keyboard too, and say which cells are headings."""
    _join_index_names(table)
    table.attrs = {k: v for k, v in table.attrs.items() if k not in ("border", "width")}
    for cell in table.select("thead th, thead td"):
        if cell.get_text(strip=True):
            cell.name = "th"
            cell["scope"] = "colgroup" if int(str(cell.get("colspan") or 1)) > 1 else "col"
        else:
            cell.name = "td"
    for cell in table.select("tbody th"):
        cell["scope"] = "row"
    _align(table)
    caption = table.find("caption")
    heading = table.find_previous(re.compile("^h[2-6]$"))
    said = caption or heading
    label = said.get_text(" ", strip=True) if said else ""
    region = soup.new_tag("div", role="region", tabindex="0")
    region["class"] = "scroll"
    region["aria-label"] = f"Table {number}: {label}" if label else f"Table {number}"
    table.wrap(region)


def _join_index_names(table: Tag) -> None:
    """One row of headings where pandas makes two, the second for the index's names only."""
    rows = table.select("thead tr")
    if len(rows) != 2:
        return
    above, below = (list(row.find_all(["th", "td"])) for row in rows)
    texts = [[cell.get_text(strip=True) for cell in cells] for cells in (above, below)]
    if len(above) == len(below) and not any(a and b for a, b in zip(*texts, strict=True)):
        for upper, lower in zip(above, below, strict=True):
            if lower.get_text(strip=True):
                upper.string = lower.get_text(strip=True)
        rows[1].decompose()


_NUMBER = re.compile(r"[-+\N{MINUS SIGN}]?[\d.,\s]*\d[\d.,\s]*%?|<NA>|nan|NaT|None|\.\.\.|")


def _align(table: Tag) -> None:
    """Words to the left, numbers to the right, each heading as its column."""
    words: set[int] = set()
    for row in table.select("tbody tr"):
        for column, cell in enumerate(row.find_all(["th", "td"], recursive=False)):
            if not _NUMBER.fullmatch(cell.get_text(strip=True)):
                words.add(column)
    for row in table.select("tr"):
        row.attrs.pop("style", None)
        for column, cell in enumerate(row.find_all(["th", "td"], recursive=False)):
            if column in words:
                cell["class"] = "text"
