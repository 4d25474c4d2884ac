"""HTML that is safe to show and accessible: tables, lists of notes, and what others wrote.

Whatever comes from outside (names of files, columns and accounts, texts of Posts and of the API)
reaches a page through `safe_html`, and nowhere else is it decided what a page may contain. Elements
that are not known are shown as text; addresses are those of the page itself, links, and data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser
from typing import Any

import pandas as pd


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TEXT = _words(
    "a b blockquote br code dd del details div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr i"
    " img kbd li mark ol p picture pre s section small source span strong sub summary sup table"
    " tbody td tfoot th thead tr u ul caption colgroup col button"
)
_DRAWING = _words(
    "svg g path rect circle ellipse line polyline polygon text tspan title desc defs use clippath"
    " lineargradient stop marker pattern"
)
_ALLOWED = _TEXT | _DRAWING
_VOID = frozenset({"br", "col", "hr", "img", "source"})
_DROPPED = frozenset({"style"})
"""Left out with what they contain: the style of a page is its own."""
_ATTRIBUTES = _words(
    "alt class colspan dir download height id lang open role rowspan scope tabindex title width"
    " media type viewbox preserveaspectratio xmlns version d x y x1 y1 x2 y2 cx cy r rx ry dx dy"
    " points transform fill stroke opacity offset orient markerwidth markerheight refx refy"
    " gradientunits patternunits focusable style"
)
_FAMILIES = ("aria-", "data-", "fill-", "stroke-", "font-", "text-", "stop-", "clip-", "marker-")
_IMAGE = re.compile(r"data:(image/[a-z0-9.+-]+)?(;charset=[a-z0-9-]+)?(;base64)?,[^\s,]*", re.I)
_LINK = re.compile(r"(#|https?://|mailto:)\S*|data:text/csv[;,].*", re.I | re.S)
_OWN = re.compile(r"url\(\s*['\"]?#[\w.-]+['\"]?\s*\)")
_ACTIVE = re.compile(r"[\\@(]|/\*")
"""Marks of a style that may load something."""


def safe_html(html: str) -> str:
    """The parts of some HTML that a page may contain, with accessible tables.

    A page made of it makes no request, runs no script and looks the same wherever it is. Unknown
    elements become text. Each table is in a region that scrolls, by keyboard too; its headings
    have a scope, and words are to the left and numbers to the right.

    Parameters
    ----------
    html
        A fragment of HTML.
    """
    if "<" not in html:
        return html
    parser = _Cleaner()
    parser.feed(html)
    parser.close()
    return parser.end()


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
    return safe_html(frame.to_html(**{**shown, **options, "escape": True}))


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


@dataclass
class _Cell:
    tag: str
    attributes: dict[str, str]
    parts: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.words).strip()

    @property
    def html(self) -> str:
        attributes = "".join(f' {n}="{escape(v)}"' for n, v in self.attributes.items())
        return f"<{self.tag}{attributes}>{''.join(self.parts)}</{self.tag}>"


@dataclass
class _Row:
    section: str
    cells: list[_Cell] = field(default_factory=list)


@dataclass
class _Table:
    attributes: dict[str, str]
    wrapped: bool
    before: list[str] = field(default_factory=list)
    rows: list[_Row] = field(default_factory=list)
    section: str = "tbody"


class _Cleaner(HTMLParser):
    """Writes what is allowed, and builds each table again."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._out: list[str] = []
        self._open: list[str] = []
        self._table: _Table | None = None
        self._cell: _Cell | None = None
        self._dropped = 0
        self._in_region = False

    def end(self) -> str:
        """Close what is open, and return the HTML."""
        self._end_cell()
        while self._open:
            self._close(self._open[-1])
        return "".join(self._out)

    def _write(self, html: str) -> None:
        if self._cell is not None:
            self._cell.parts.append(html)
        elif self._table is not None:
            self._table.before.append(html)
        else:
            self._out.append(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _DROPPED:
            self._dropped += 1
        elif tag not in _ALLOWED:
            self._write(escape(self.get_starttag_text() or ""))
        elif tag == "table" and self._table is None:
            self._open.append(tag)
            self._table = _Table(_kept(tag, attrs), self._in_region)
        elif self._table is not None and tag in ("thead", "tbody", "tfoot", "tr", "th", "td"):
            self._of_table(tag, attrs)
        elif tag != "table":
            kept = _kept(tag, attrs)
            if tag in ("img", "source") and not {"src", "srcset"} & kept.keys():
                self._write(escape(self.get_starttag_text() or ""))
                return
            self._in_region = tag == "div" and "scroll" in kept.get("class", "").split()
            self._write(f"<{tag}{''.join(f' {n}={_quoted(v)}' for n, v in kept.items())}>")
            if tag not in _VOID:
                self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag in _ALLOWED and tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _DROPPED:
            self._dropped = max(self._dropped - 1, 0)
        elif tag not in _ALLOWED:
            self._write(escape(f"</{tag}>"))
        elif self._table is not None and tag in ("thead", "tbody", "tfoot", "tr", "th", "td"):
            self._end_cell()
        elif self._open and self._open[-1] == tag not in ("th", "td"):
            self._close(tag)
        elif tag in self._within(tag):
            while self._open and self._open[-1] != tag:
                self._close(self._open[-1])
            self._close(tag)

    def _within(self, tag: str) -> list[str]:
        """The open elements that an end tag may close: those of the innermost cell or table."""
        borders = ("table",) if tag == "table" else ("table", "td", "th")
        inner = [at for at, name in enumerate(self._open) if name in borders]
        first = inner[-1] + (tag != "table") if inner else 0
        return self._open[first:]

    def handle_data(self, data: str) -> None:
        if self._dropped:
            return
        if self._cell is not None:
            self._cell.words.append(data)
        elif self._table is not None and not data.strip():
            return
        self._write(escape(data, quote=False))

    def handle_comment(self, data: str) -> None:
        """Leave comments out."""

    def _close(self, tag: str) -> None:
        self._open.pop()
        if tag == "table" and self._table is not None:
            self._end_cell()
            table, self._table = self._table, None
            self._write(_table_html(table))
        else:
            self._write(f"</{tag}>")

    def _of_table(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert self._table is not None  # noqa: S101 - for the type checker
        self._end_cell()
        rows = self._table.rows
        if tag == "tr":
            rows.append(_Row(self._table.section))
        elif tag in ("th", "td"):
            if not rows:
                rows.append(_Row(self._table.section))
            spans = {n: v for n, v in _kept(tag, attrs).items() if n not in ("style", "scope")}
            self._cell = _Cell(tag, spans)
            rows[-1].cells.append(self._cell)
            self._open.append(tag)
        else:
            self._table.section = tag

    def _end_cell(self) -> None:
        """End the open cell, with what is open in it."""
        if self._cell is None:
            return
        while self._open[-1] not in ("th", "td"):
            self._write(f"</{self._open.pop()}>")
        self._open.pop()
        self._cell = None


def _kept(tag: str, attrs: Sequence[tuple[str, str | None]]) -> dict[str, str]:
    """The attributes that an element may have."""
    kept = {}
    for name, value in attrs:
        text = value or ""
        if name in ("src", "srcset"):
            allowed = bool(_IMAGE.fullmatch(text.strip()))
        elif name in ("href", "xlink:href"):
            only_own = tag in _DRAWING
            allowed = text.startswith("#") if only_own else bool(_LINK.fullmatch(text.strip()))
        elif name in _ATTRIBUTES or name.startswith(_FAMILIES):
            allowed = not _ACTIVE.search(_OWN.sub("", text)) if _loads(name) else True
        else:
            allowed = False
        if allowed:
            kept[name] = text
    return kept


def _loads(name: str) -> bool:
    """Whether an attribute may name something to load."""
    loading = ("fill-", "stroke-", "clip-", "marker-")
    return name in ("style", "fill", "stroke") or name.startswith(loading)


def _quoted(value: str) -> str:
    return f'"{escape(value)}"'


_NUMBER = re.compile(r"[-+\N{MINUS SIGN}]?[\d.,\s]*\d[\d.,\s]*%?|<NA>|nan|NaT|None|\.\.\.|")


def _table_html(table: _Table) -> str:
    """The HTML of a table that screen readers and keyboards can use."""
    rows = [row for row in table.rows if row.cells]
    _join_index_names(rows)
    rows = [row for row in rows if row.cells]
    words = {
        column
        for row in rows
        if row.section != "thead"
        for column, cell in enumerate(row.cells)
        if not _NUMBER.fullmatch(cell.text)
    }
    for row in rows:
        for column, cell in enumerate(row.cells):
            _mark(cell, row.section == "thead", column in words)
    sections = {"thead": "", "tbody": "", "tfoot": ""}
    for row in rows:
        sections[row.section] += f"<tr>{''.join(cell.html for cell in row.cells)}</tr>\n"
    body = "".join(f"<{n}>\n{html}</{n}>\n" for n, html in sections.items() if html)
    dropped = ("border", "width", "style")
    attributes = {n: v for n, v in table.attributes.items() if n not in dropped}
    named = "".join(f" {n}={_quoted(v)}" for n, v in attributes.items())
    whole = f"<table{named}>\n{''.join(table.before)}{body}</table>"
    if table.wrapped:
        return whole
    wide = " wide" if max((len(row.cells) for row in rows), default=0) > 11 else ""
    return f'<div class="scroll{wide}" role="region" tabindex="0" aria-label="Table">{whole}</div>'


def _join_index_names(rows: list[_Row]) -> None:
    """Merge the two rows of headings that pandas makes if the index has a name."""
    head = [row for row in rows if row.section == "thead"]
    if len(head) != 2 or len(head[0].cells) != len(head[1].cells):
        return
    pairs = list(zip(head[0].cells, head[1].cells, strict=True))
    if any(above.text and below.text for above, below in pairs):
        return
    for above, below in pairs:
        if below.text:
            above.parts, above.words = below.parts, below.words
    head[1].cells = []


def _mark(cell: _Cell, in_head: bool, has_words: bool) -> None:
    """Give a cell its tag, its scope, and the class of a column of words."""
    if in_head:
        cell.tag = "th" if cell.text else "td"
        spanning = cell.attributes.get("colspan", "1") not in ("", "1")
        scope = "colgroup" if spanning else "col"
    else:
        scope = "row"
    if cell.tag == "th":
        cell.attributes = {"scope": scope, **cell.attributes}
    if has_words:
        cell.attributes["class"] = "text"
    elif cell.attributes.get("class") == "text":
        del cell.attributes["class"]
