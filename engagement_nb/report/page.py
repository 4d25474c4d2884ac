"""An executed notebook as one HTML file that makes no network requests."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, Literal, NamedTuple

import nbformat
from nbconvert import HTMLExporter
from nbconvert.filters import DataTypeFilter, Highlight2HTML
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from engagement_nb.charts import svg
from engagement_nb.htmltables import safe_html
from engagement_nb.report.look import PLAIN, Look
from engagement_nb.report.since import Since

_TEMPLATE = Path(__file__).parent / "template"
ARITHMETIC = "arithmetic"
"""Tag of cells that compute a figure again for readers of the code."""
_CONTENTS = "<!--contents-->"
"""Where the template leaves room for the table of contents."""


@cache
def style(sandbox: bool) -> str:
    """The style sheet, of charts too. Only that of a stamped page mentions the sandbox."""
    names = ("style.css", "sandbox.css") if sandbox else ("style.css",)
    sheets = [(_TEMPLATE / name).read_text(encoding="utf-8") for name in names]
    return "\n".join([*sheets, svg.STYLE])


@cache
def script() -> tuple[str, str]:
    """The script that sorts tables, and its digest for the policy of a page."""
    text = (_TEMPLATE / "sort.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return text, f"sha256-{digest}"


class KeyFigure(NamedTuple):
    """A number at the top of the page."""

    label: str
    value: str
    note: str = ""


class Missing(NamedTuple):
    """Tweets or metrics that are missing for one reason."""

    reason: str
    tweets: str
    missing: str
    advice: str


@dataclass(frozen=True)
class Page:
    """What a page says around its notebook.

    Parameters
    ----------
    title, subtitle, footer
        One line each.
    client
        Who the report is about, for the foot of each printed page.
    sandbox
        Whether to stamp it as made-up data.
    first
        The first page; None without an answer.
    since
        What changed since the last run.
    problems
        Missing data; None if it is not known.
    unit
        What a row of the figures is about: "Tweet" or "day".
    unmeasured
        Metrics that may not be measured, in a sentence; empty without any.
    made
        How the report was made: label and text.
    failure
        Why the report is not complete, in a sentence.
    glossary
        Its words: "gap", "days" for a report on days without a gap, or empty.
    look
        Options of the page.
    """

    title: str
    client: str = ""
    subtitle: str = ""
    sandbox: bool = False
    first: Any = None
    since: Since | None = None
    problems: Sequence[Missing] | None = None
    unit: str = "Tweet"
    unmeasured: str = ""
    made: Sequence[tuple[str, str]] = ()
    failure: str = ""
    footer: str = ""
    glossary: Literal["gap", "days", ""] = ""
    look: Look = PLAIN

    @property
    def style(self) -> str:
        """The style sheet of the page."""
        return style(self.sandbox)

    @property
    def script(self) -> str:
        """The script of the page."""
        return script()[0]

    @property
    def script_digest(self) -> str:
        """The digest of the only script that the page may run."""
        return script()[1]

    @property
    def foot(self) -> str:
        """The foot of each printed page as the content of a style, all its signs as codes."""
        return "".join(f"\\{ord(sign):x} " for sign in self.client or self.title)


class _Exporter(HTMLExporter):
    """The exporter of nbconvert without its last step.

    That step parses the whole page with its pictures, which takes longer than `_accessible`.
    """

    def __init__(self) -> None:
        super().__init__(
            template_name=_TEMPLATE.name,
            extra_template_basedirs=[str(_TEMPLATE.parent)],
            exclude_anchor_links=True,
            # The others do nothing here, and the notebook is validated after each.
            default_preprocessors=[
                "nbconvert.preprocessors.CoalesceStreamsPreprocessor",
                "nbconvert.preprocessors.HighlightMagicsPreprocessor",
            ],
        )
        # Hundreds of reports show the same code.
        self.register_filter("highlight_code", cache(Highlight2HTML(pygments_lexer="ipython3")))
        self.register_filter("filter_data_type", DataTypeFilter(parent=self))
        self.register_filter("safe_html", safe_html)
        self.register_filter("unbroken", _unbroken)
        self.register_filter("markdown_text", _markdown)

    def from_notebook_node(
        self, nb: nbformat.NotebookNode, resources: Any = None, **kw: Any
    ) -> tuple[Any, dict[str, Any]]:
        return super(HTMLExporter, self).from_notebook_node(nb, resources, **kw)


def _unbroken(text: str) -> str:
    """A sentence as HTML, in which no number is parted from its percent sign or its range."""
    return re.sub(r"[\d.,]+(–[\d.,]+)? %", r'<span class="nb">\g<0></span>', escape(text))


def _markdown(text: str) -> str:
    """The HTML of Markdown that a cell displays. HTML in it is only text."""
    return str(
        MarkdownWithMath(renderer=IPythonRenderer(escape=True, exclude_anchor_links=True)).render(
            text
        )
    )


_of_thread = threading.local()


def to_html(notebook: nbformat.NotebookNode, page: Page) -> str:
    """Convert to one HTML file that contains everything it shows.

    Parameters
    ----------
    notebook
        The executed notebook. Its first heading is left out, because the page has a title.
    page
        What the page says around it.
    """
    if not hasattr(_of_thread, "exporter"):
        # Making one takes ten times as long as using it, and threads cannot share one.
        _of_thread.exporter = _Exporter()
    shown = _readable(notebook, page.look.code)
    html, _ = _of_thread.exporter.from_notebook_node(shown, {"page": page})
    return _accessible(html)


def _readable(notebook: nbformat.NotebookNode, code: bool) -> nbformat.NotebookNode:
    """Drop what only a running notebook can show.

    Without ``code``, cells with the tag `ARITHMETIC` and printed lines are dropped too.
    """
    cells = []
    for cell in notebook.cells:
        shown = nbformat.from_dict(cell)
        tags = cell.metadata.get("tags", [])
        if "papermill-error-cell-tag" in tags or (ARITHMETIC in tags and not code):
            continue
        if cell.cell_type == "code":
            kept = [o for o in cell.outputs if code or o.output_type != "stream"]
            found = (_readable_output(output) for output in kept)
            shown.outputs = [output for output in found if output is not None]
        cells.append(shown)
    for cell in cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"\A\s*# .*\n?", "", cell.source).strip()
            break
    return nbformat.from_dict({**notebook, "cells": cells})


def _readable_output(output: Any) -> Any:
    """An output as a reader of the page needs it; None for progress bars and widgets."""
    if output.output_type == "stream":
        text = _printed(output.text)
        return nbformat.from_dict({**output, "text": text}) if text else None
    data = dict(output.get("data", {}))
    if "application/vnd.jupyter.widget-view+json" in data:
        return None
    if "text/markdown" in data:
        # No line break between a number and its percent sign.
        text = data["text/markdown"]
        data["text/markdown"] = re.sub(r"(?<=\d) (?=%)", "\N{NO-BREAK SPACE}", text)
    return nbformat.from_dict({**output, "data": data}) if data else output


def _printed(stream: str) -> str:
    """What a stream leaves on a terminal, without progress bars."""
    lines = [line.rsplit("\r", 1)[-1] for line in stream.replace("\r\n", "\n").split("\n")]
    return "\n".join(line for line in lines if not re.search(r"\d+%\|.*\|", line)).strip("\n")


def title_of(notebook: nbformat.NotebookNode) -> str:
    """The first heading of a notebook, or an empty text."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (found := re.match(r"\s*# (.*)", cell.source)):
            return found[1].strip()
    return ""


def _accessible(html: str) -> str:
    """Add a table of contents, ids of headings, names of tables and alternative texts."""
    start = html.index("<main")
    return html[:start] + _contents(_named(html[start:]))


_HEADING = re.compile(r"<h([1-6])([^>]*)>(.*?)</h\1>", re.DOTALL)
_ID = re.compile(r'\sid="([^"]*)"')
_TABLE = re.compile(r'(<div [^>]*aria-label=")Table(")')


def _named(html: str) -> str:
    """Give each heading an id and no skipped level, and name each table after its heading."""
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
            text = re.sub(r"<[^>]*>|¶", "", found[3]).strip()
            items.append(f'<li><a href="#{known[1]}">{text}</a></li>')
    return html.replace(_CONTENTS, f"<ol>{''.join(items)}</ol>", 1)
