"""Tables and lists of notes as accessible HTML, for pages and notebooks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from html.parser import HTMLParser
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder, tostring

import pandas as pd

_VOID = frozenset({"br", "col", "hr", "img"})
_SECTIONS = ("thead", "tbody", "tfoot")
_REGION = {"class": "scroll", "role": "region", "tabindex": "0", "aria-label": "Table"}
_NUMBER = re.compile(r"[-+\N{MINUS SIGN}]?[\d.,\s]*\d[\d.,\s]*%?|<NA>|nan|NaT|None|\.\.\.|")


def accessible(html: str) -> str:
    """The same HTML with accessible tables.

    Each table is in a region that scrolls, by keyboard too; its headings have a scope, and words
    are to the left and numbers to the right.

    Parameters
    ----------
    html
        A fragment of which each element is closed, as pandas writes it.
    """
    if "<table" not in html:
        return html
    tree = _Tree()
    tree.feed(html)
    tree.close()
    top = tree.builder.close()
    for above in [*top.iter()]:
        for at, table in enumerate(above):
            if table.tag == "table":
                above[at] = _accessible(table, "scroll" in above.get("class", "").split())
    try:
        whole = tostring(top, encoding="unicode", method="html")
    except RecursionError:
        return html  # Nobody reads a table in so many others.
    return whole.removeprefix("<div>").removesuffix("</div>")


def table_html(frame: pd.DataFrame, **options: Any) -> str:
    """A frame as an accessible HTML table, with all its texts escaped.

    Parameters
    ----------
    frame
        Any frame.
    **options
        As for `pandas.DataFrame.to_html`. By default, as many rows and columns are shown as
        pandas displays.
    """
    shown = {
        "max_rows": pd.get_option("display.max_rows"),
        "max_cols": pd.get_option("display.max_columns"),
        "show_dimensions": pd.get_option("display.show_dimensions") is True,
    }
    return accessible(frame.to_html(**{**shown, **options, "escape": True}))


class Notes:
    """Sentences as a list in a notebook; texts from outside are only text in it.

    Parameters
    ----------
    sentences
        One per item.
    """

    def __init__(self, sentences: Iterable[str]) -> None:
        self.sentences = list(sentences)

    def __repr__(self) -> str:
        return "\n".join(f"- {sentence}" for sentence in self.sentences)

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{escape(sentence)}</li>" for sentence in self.sentences)
        return f"<ul>{items}</ul>" if items else ""


class _Tree(HTMLParser):
    """Builds a tree of closed elements, in a ``div``."""

    def __init__(self) -> None:
        super().__init__()
        self.builder = TreeBuilder()
        self.builder.start("div", {})

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.builder.start(tag, {name: value or "" for name, value in attrs})
        if tag in _VOID:
            self.builder.end(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            self.builder.end(tag)

    def handle_data(self, data: str) -> None:
        self.builder.data(data)

    def close(self) -> None:
        super().close()
        self.builder.end("div")


def _accessible(table: Element, scrolls: bool) -> Element:
    """A table that screen readers and keyboards can use, in a region unless it is in one."""
    for name in ("border", "width", "style"):
        table.attrib.pop(name, None)
    _join_index_names(table)
    parts = [table, *(part for part in table if part.tag in _SECTIONS)]
    rows = [(part.tag == "thead", row) for part in parts for row in part.findall("tr")]
    words = {
        column
        for in_head, row in rows
        if not in_head
        for column, cell in enumerate(row)
        if not _NUMBER.fullmatch(_text(cell))
    }
    for outer in (*parts, *(row for _, row in rows)):
        outer.text = None
        for inner in outer:
            inner.tail = "\n" if inner.tag == "tr" else None
    for in_head, row in rows:
        row.attrib.clear()
        for column, cell in enumerate(row):
            _mark(cell, in_head, column in words)
    if scrolls:
        return table
    region = Element("div", _REGION)
    if max((len(row) for _, row in rows), default=0) > 11:
        region.set("class", "scroll wide")
    region.append(table)
    region.tail, table.tail = table.tail, None
    return region


def _text(cell: Element) -> str:
    return "".join(cell.itertext()).strip()


def _join_index_names(table: Element) -> None:
    """Merge the two rows of headings that pandas makes if the index has a name."""
    head = table.findall("thead/tr")
    if len(head) != 2 or len(head[0]) != len(head[1]):
        return
    pairs = [*zip(*head, strict=True)]
    if not any(_text(above) and _text(below) for above, below in pairs):
        head[0][:] = [below if _text(below) else above for above, below in pairs]
        table.findall("thead")[-1].remove(head[1])


def _mark(cell: Element, in_head: bool, has_words: bool) -> None:
    """Give a cell its tag, its scope, and the class of a column of words."""
    for name in ("style", "scope"):
        cell.attrib.pop(name, None)
    kind = cell.attrib.pop("class", "")
    if in_head:
        cell.tag = "th" if _text(cell) else "td"
    if cell.tag == "th":
        spanning = cell.get("colspan", "1") not in ("", "1")
        cell.set("scope", "row" if not in_head else "colgroup" if spanning else "col")
    if has_words or kind not in ("", "text"):
        cell.set("class", "text" if has_words else kind)
