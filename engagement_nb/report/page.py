"""Executed notebooks as one HTML file that asks nothing of the network."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import nbformat
from bs4 import BeautifulSoup, Tag
from nbconvert import HTMLExporter
from nbconvert.filters import DataTypeFilter, Highlight2HTML

from engagement_nb.report.look import PLAIN, Look

_TEMPLATE = Path(__file__).parent / "template"
_CONTENTS = "<!--contents-->"
_WIDGET = "application/vnd.jupyter.widget-view+json"


@cache
def style(sandbox: bool) -> str:
    """The style sheet; that of the stamp only where there is one, so that no other names it."""
    names = ("style.css", "sandbox.css") if sandbox else ("style.css",)
    return "\n".join((_TEMPLATE / name).read_text(encoding="utf-8") for name in names)


@dataclass(frozen=True)
class KeyFigure:
    """One number that a reader should see first."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Missing:
    """Tweets or metrics that are missing for one reason."""

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
        What is missing; None where it is not known.
    made
        How the report was made: label and text.
    failure
        Why the report is not complete, in a sentence.
    footer
        One line.
    glossary
        Words and what they mean.
    look
        What was chosen about the page.
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
    glossary: Sequence[tuple[str, str]] = ()
    look: Look = PLAIN
    lang: str = "en"
    contents_place: str = _CONTENTS

    @property
    def style(self) -> str:
        """Its style sheet."""
        if not self.look.accent:
            return style(self.sandbox)
        # On dark ground the color is mixed with white, so that it can be read there too.
        return (
            f"{style(self.sandbox)}\n:root {{ --accent: {self.look.accent}; }}\n"
            "@media screen and (prefers-color-scheme: dark) { :root { --accent: "
            f"color-mix(in srgb, {self.look.accent} 40%, white); }} }}"
        )


class _Exporter(HTMLExporter):
    """nbconvert's, without what it does to the finished page.

    It parses all of that, code and pictures too, to find the few places that `_accessible` finds.
    """

    def __init__(self) -> None:
        super().__init__(
            template_name=_TEMPLATE.name,
            extra_template_basedirs=[str(_TEMPLATE.parent)],
            exclude_anchor_links=True,
        )
        # Hundreds of reports show the same code.
        self.register_filter("highlight_code", cache(Highlight2HTML(pygments_lexer="ipython3")))
        self.register_filter("filter_data_type", DataTypeFilter(parent=self))
        self.register_filter("readable_tables", _readable_tables)

    def from_notebook_node(
        self, nb: nbformat.NotebookNode, resources: Any = None, **kw: Any
    ) -> tuple[Any, dict[str, Any]]:
        return super(HTMLExporter, self).from_notebook_node(nb, resources, **kw)


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
    if not hasattr(_threads, "exporter"):
        # Making one takes ten times as long as using it, and one is not safe for two threads.
        _threads.exporter = _Exporter()
    html, _ = _threads.exporter.from_notebook_node(_readable(notebook, page.answer), {"page": page})
    return _accessible(html)


def _readable(notebook: nbformat.NotebookNode, answer: Sequence[str]) -> nbformat.NotebookNode:
    """The notebook without what only a running notebook can show, and what the page says first."""
    cells = []
    for cell in notebook.cells:
        shown = nbformat.from_dict(cell)
        if "papermill-error-cell-tag" in cell.metadata.get("tags", []):
            continue
        if cell.cell_type == "code":
            shown.outputs = [_readable_output(o, answer) for o in cell.outputs if _is_readable(o)]
        cells.append(shown)
    return nbformat.from_dict({**notebook, "cells": _without_title(cells)})


def _is_readable(output: Any) -> bool:
    """Whether an output says something on paper: progress bars and widgets don't."""
    if _WIDGET in output.get("data", {}):
        return False
    return not (output.output_type == "stream" and not _text(output.text))


def _readable_output(output: Any, answer: Sequence[str]) -> Any:
    if output.output_type == "stream":
        return nbformat.from_dict({**output, "text": _text(output.text)})
    data = dict(output.get("data", {}))
    for said in answer:
        if "text/html" in data:
            data["text/html"] = data["text/html"].replace(f"<p>{escape(said)}</p>", "", 1)
    if "text/markdown" in data:
        # A number and its sign stay on one line.
        told = data["text/markdown"]
        data["text/markdown"] = re.sub(r"(?<=\d) (?=%)", "\N{NO-BREAK SPACE}", told)
    return nbformat.from_dict({**output, "data": data}) if data else output


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
    """The page with a table of contents, headings in order, and nothing nameless."""
    start = html.index("<main")
    return html[:start] + _contents(_named(html[start:]))


_HEADING = re.compile(r"<h([1-6])([^>]*)>(.*?)</h\1>", re.DOTALL)
_ID = re.compile(r'\sid="([^"]*)"')
_TABLE = re.compile(r'(<div [^>]*aria-label=")Table(")')


def _named(html: str) -> str:
    """Headings with an id each and no level left out; tables named after theirs."""
    used: set[str] = set()
    level, number, heading = 1, 0, ""

    def name(found: re.Match[str]) -> str:
        nonlocal level, number, heading
        if found[1] is None:
            number += 1
            return f"{found[4]}Table {number}{': ' + heading if heading else ''}{found[5]}"
        level = min(max(int(found[1]), 2), level + 1)
        heading = re.sub(r"<[^>]*>|\s+", " ", found[3]).strip()
        known = _ID.search(found[2])
        identity = known[1] if known else re.sub(r"\W+", "-", heading.lower()).strip("-")
        while identity in used:
            identity += "-"
        used.add(identity)
        others = _ID.sub("", found[2])
        return f'<h{level} id="{identity}"{others}>{found[3]}</h{level}>'

    html = re.sub(f"{_HEADING.pattern}|{_TABLE.pattern}", name, html, flags=re.DOTALL)
    html = re.sub(r"<img(?![^>]*\balt=)", '<img alt="Figure without a description"', html)
    return html.replace("<pre>", '<pre tabindex="0">')


def _contents(html: str) -> str:
    items = []
    for found in _HEADING.finditer(html):
        known = _ID.search(found[2])
        if found[1] == "2" and known and known[1] != "contents":
            text = re.sub(r"<[^>]*>", "", found[3]).strip()
            items.append(f'<li><a href="#{known[1]}">{text}</a></li>')
    return html.replace(_CONTENTS, f"<ol>{''.join(items)}</ol>", 1)


def _readable_tables(html: str) -> str:
    """HTML of an output, its tables such that anybody can read and scroll them."""
    if "<table" not in html:
        return html
    soup = BeautifulSoup(html, "html.parser")
    for style in soup.find_all("style", string=re.compile(r"\.dataframe")):
        style.decompose()  # pandas' own, which the page's replaces
    for table in soup.find_all("table"):
        _table(soup, table)
    return str(soup)


def _table(soup: BeautifulSoup, table: Tag) -> None:
    """Scroll a table by itself, by keyboard too, and say which cells are headings."""
    _join_index_names(table)
    table.attrs = {k: v for k, v in table.attrs.items() if k not in ("border", "width")}
    for row in table.find_all("tr"):
        row.attrs.pop("style", None)
        in_head = row.parent is not None and row.parent.name == "thead"
        for cell in row.find_all(["th", "td"], recursive=False):
            if in_head and cell.get_text(strip=True):
                cell.name = "th"
                cell["scope"] = "colgroup" if int(str(cell.get("colspan") or 1)) > 1 else "col"
            elif in_head:
                cell.name = "td"
            elif cell.name == "th":
                cell["scope"] = "row"
    _align(table)
    region = soup.new_tag("div", role="region", tabindex="0")
    columns = max((len(row.find_all(["th", "td"])) for row in table.find_all("tr")), default=0)
    region["class"] = "scroll wide" if columns > 11 else "scroll"
    region["aria-label"] = "Table"
    table.wrap(region)


def _join_index_names(table: Tag) -> None:
    """One row of headings where pandas makes two, the second for the index's names only."""
    head = table.find("thead")
    rows = head.find_all("tr") if isinstance(head, Tag) else []
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
    for row in table.find_all("tr"):
        if row.parent is not None and row.parent.name == "thead":
            continue
        for column, cell in enumerate(row.find_all(["th", "td"], recursive=False)):
            if not _NUMBER.fullmatch(cell.get_text(strip=True)):
                words.add(column)
    for row in table.find_all("tr"):
        for column, cell in enumerate(row.find_all(["th", "td"], recursive=False)):
            if column in words:
                cell["class"] = "text"
