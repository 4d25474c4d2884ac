"""HTML that is safe to show and accessible: tables, lists of notes, and what others wrote.

Whatever comes from outside (names of files, columns and accounts, texts of Posts and of the API)
reaches a page through `safe_html`, and nowhere else is it decided what a page may contain. Elements
that are not known are shown as text; addresses are those of the page itself, links, and data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from html.parser import HTMLParser
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

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
_SECTIONS = ("table", "thead", "tbody", "tfoot")
_PARTS = ("thead", "tbody", "tfoot", "tr", "th", "td")
_SIBLINGS = ("p", "li", "dt", "dd")
"""The next of these ends one that was not closed."""
_REGION = {"class": "scroll", "role": "region", "tabindex": "0", "aria-label": "Table"}
_DEEPEST = 200
"""Elements in each other; what is deeper becomes text."""
_ATTRIBUTES = _words(
    "alt class colspan dir download height id lang open role rowspan scope tabindex title width"
    " media type viewbox preserveaspectratio xmlns version d x y x1 y1 x2 y2 cx cy r rx ry dx dy"
    " points transform fill stroke opacity offset orient markerwidth markerheight refx refy"
    " gradientunits patternunits focusable style"
)
_FAMILIES = ("aria-", "data-", "fill-", "stroke-", "font-", "text-", "stop-", "clip-", "marker-")
_LOADING = ("fill-", "stroke-", "clip-", "marker-")
"""Attributes that may name something to load."""
_IMAGE = re.compile(r"data:(image/[a-z0-9.+-]+)?(;charset=[a-z0-9-]+)?(;base64)?,[^\s,]*", re.I)
_LINK = re.compile(r"(#|https?://|mailto:)\S*|data:text/csv[;,].*", re.I | re.S)
_OWN = re.compile(r"url\(\s*['\"]?#[\w.-]+['\"]?\s*\)")
_ACTIVE = re.compile(r"[\\@(]|/\*")
"""Marks of a style that may load something."""
_NUMBER = re.compile(r"[-+\N{MINUS SIGN}]?[\d.,\s]*\d[\d.,\s]*%?|<NA>|nan|NaT|None|\.\.\.|")


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


class _Cleaner(HTMLParser):
    """Builds a tree of what is allowed; what is left open ends with what it is in."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open = [Element("div")]
        self._tables: list[tuple[Element, Element | None]] = []
        self._dropped = 0

    def end(self) -> str:
        """The HTML, with accessible tables."""
        for table, region in self._tables:
            _make_accessible(table, region)
        html = tostring(self._open[0], encoding="unicode", method="html")
        return html.removeprefix("<div>").removesuffix("</div>")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        kept = _kept(tag, attrs)
        no_image = tag in ("img", "source") and not {"src", "srcset"} & kept.keys()
        if tag in _DROPPED:
            self._dropped += 1
        elif tag not in _ALLOWED or no_image or len(self._open) > _DEEPEST:
            self.handle_data(self.get_starttag_text() or "")
        elif tag == "table":
            region = None
            if "scroll" not in self._open[-1].get("class", "").split():
                region = SubElement(self._open[-1], "div", _REGION)
            above = self._open[-1] if region is None else region
            self._open.append(SubElement(above, tag, kept))
            self._tables.append((self._open[-1], region))
        else:
            if tag in _PARTS:
                self._make_room(tag)
            elif tag in _SIBLINGS and self._open[-1].tag == tag:
                self._open.pop()
            element = SubElement(self._open[-1], tag, kept)
            if tag not in _VOID:
                self._open.append(element)

    def _make_room(self, tag: str) -> None:
        """End what is open before a part of a table, and begin a row for a cell without one."""
        table = self._last("table")
        if not table:
            return
        into = {"tr": _SECTIONS, "td": ("tr", *_SECTIONS), "th": ("tr", *_SECTIONS)}
        del self._open[self._last(*into.get(tag, ("table",))) + 1 :]
        if tag in ("td", "th") and self._open[-1].tag != "tr":
            self._open.append(SubElement(self._open[-1], "tr"))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag in _ALLOWED:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _DROPPED:
            self._dropped = max(self._dropped - 1, 0)
        elif tag not in _ALLOWED:
            self.handle_data(f"</{tag}>")
        else:
            # Only a part of a table ends what is around its cell.
            around = (
                () if tag == "table" else ("table",) if tag in _PARTS else ("table", "td", "th")
            )
            if (at := self._last(tag)) > self._last(*around):
                del self._open[at:]

    def _last(self, *tags: str) -> int:
        """Where the innermost open element of some kinds is; 0 if there is none."""
        places = range(len(self._open) - 1, 0, -1)
        return next((at for at in places if self._open[at].tag in tags), 0)

    def handle_data(self, data: str) -> None:
        into = self._open[-1]
        if self._dropped or (into.tag in ("tr", *_SECTIONS) and not data.strip()):
            return
        if len(into):
            into[-1].tail = (into[-1].tail or "") + data
        else:
            into.text = (into.text or "") + data


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
            loads = name in ("style", "fill", "stroke") or name.startswith(_LOADING)
            allowed = not (loads and _ACTIVE.search(_OWN.sub("", text)))
        else:
            allowed = False
        if allowed:
            kept[name] = text
    return kept


def _make_accessible(table: Element, region: Element | None) -> None:
    """Change a table so that screen readers and keyboards can use it."""
    for name in ("border", "width", "style"):
        table.attrib.pop(name, None)
    _join_index_names(table)
    rows = [(part.tag == "thead", row) for part in (table, *table) for row in part.findall("tr")]
    words = {
        column
        for in_head, row in rows
        if not in_head
        for column, cell in enumerate(row)
        if not _NUMBER.fullmatch(_text(cell))
    }
    for in_head, row in rows:
        row.attrib.clear()
        row.tail = "\n"
        for column, cell in enumerate(row):
            _mark(cell, in_head, column in words)
    if region is not None and max((len(row) for _, row in rows), default=0) > 11:
        region.set("class", "scroll wide")


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
