"""An executed notebook as one HTML file that makes no network requests."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

import nbformat
from jinja2 import Environment, FileSystemLoader, Template
from markupsafe import Markup
from nbconvert.filters import Highlight2HTML, ansi2html
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from engagement_nb.charts import svg
from engagement_nb.report.look import PLAIN
from engagement_nb.report.safe import safe_html

_TEMPLATE = Path(__file__).parent / "template"
ARITHMETIC = "arithmetic"
"""Tag of cells that compute a figure again for readers of the code."""
_CONTENTS = "<!--contents-->"
"""Where the template leaves room for the table of contents."""
_NO_ALT = "Figure without a description"
_KINDS = ("application/vnd.jupyter.widget-view+json", "application/javascript", "text/html",
          "text/markdown", "image/svg+xml", "text/latex", "image/png", "image/jpeg",
          "text/plain")  # fmt: skip
"""Of these forms of an output, the first is shown. The first two need a running notebook."""


@cache
def template(name: str) -> Template:
    """A template; what it gets is escaped, but for `markupsafe.Markup`."""
    environment = Environment(loader=FileSystemLoader(_TEMPLATE), autoescape=True)
    environment.filters["unbroken"] = _unbroken
    environment.filters["safe_html"] = lambda html: Markup(safe_html(html))  # noqa: S704
    code, digest = script()
    environment.globals |= {"style": style, "script": code, "script_digest": digest}
    return environment.get_template(name)


@cache
def style(sandbox: bool) -> Markup:
    """The style sheet, of charts too. Only that of a stamped page mentions the sandbox."""
    names = ("style.css", "sandbox.css") if sandbox else ("style.css",)
    sheets = [(_TEMPLATE / name).read_text(encoding="utf-8") for name in names]
    return Markup("\n".join([*sheets, svg.STYLE]))  # noqa: S704 - files of this package


@cache
def script() -> tuple[Markup, str]:
    """The script that sorts tables, and its digest for the policy of a page."""
    text = (_TEMPLATE / "sort.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return Markup(text), f"sha256-{digest}"  # noqa: S704 - a file of this package


def to_html(notebook: nbformat.NotebookNode, page: Mapping[str, Any]) -> str:
    """Convert to one HTML file that contains everything it shows.

    Parameters
    ----------
    notebook
        The executed notebook. Its first heading is left out, because the page has a title.
    page
        What the page says around it: see `engagement_nb.report.compose.compose`. Only the
        ``title`` is needed.
    """
    look = page.get("look", PLAIN)
    sources = [c.source for c in notebook.cells if c.cell_type == "code" and c.source.strip()]
    foot = page.get("client") or page["title"]
    html = template("report.html.j2").render(
        {"problems": None, "unit": "Tweet", **page},
        look=look,
        body=Markup("\n".join(_cells(notebook, look.code))),  # noqa: S704 - see `safe_html`
        sources=[_highlighted(source) for source in sources] if look.code else [],
        # The foot of each printed page, as the content of a style: all its signs as codes.
        foot=Markup("".join(f"\\{ord(sign):x} " for sign in foot)),  # noqa: S704
    )
    start = html.index("<main")
    return html[:start] + _contents(_named(html[start:]))


def title_of(notebook: nbformat.NotebookNode) -> str:
    """The first heading of a notebook, or an empty text."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (found := re.match(r"\s*# (.*)", cell.source)):
            return found[1].strip()
    return ""


def _cells(notebook: nbformat.NotebookNode, code: bool) -> Iterator[str]:
    """The HTML of the prose and of the outputs; what only a running notebook shows is dropped.

    Without ``code``, cells with the tag `ARITHMETIC` and printed lines are dropped too.
    """
    first = True
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if "papermill-error-cell-tag" in tags or (ARITHMETIC in tags and not code):
            continue
        if cell.cell_type == "markdown":
            source = re.sub(r"\A\s*# .*\n?", "", cell.source).strip() if first else cell.source
            first = False
            yield f'<div class="prose">\n{_prose(source)}\n</div>'
        elif shown := "\n".join(filter(None, _outputs(cell.get("outputs", ()), code))):
            yield f'<div class="cell">\n{shown}\n</div>'


def _outputs(outputs: Iterable[Mapping[str, Any]], code: bool) -> Iterator[str]:
    for stream, run in groupby(outputs, lambda output: output.get("name", "")):
        if stream and not code:
            continue
        if stream:
            yield _stream("".join(output["text"] for output in run), stream)
            continue
        for output in run:
            yield _error(output) if output["output_type"] == "error" else _data(output)


def _stream(printed: str, name: str) -> str:
    """What a stream leaves on a terminal, without progress bars."""
    lines = [line.rsplit("\r", 1)[-1] for line in printed.replace("\r\n", "\n").split("\n")]
    text = "\n".join(line for line in lines if not re.search(r"\d+%\|.*\|", line)).strip("\n")
    shown = _preformatted(text) if text else ""
    return _folded("Messages", shown, " messages") if shown and name == "stderr" else shown


def _error(output: Mapping[str, Any]) -> str:
    name, value = escape(output["ename"]), escape(output["evalue"])
    where = _folded("Where", _preformatted("\n".join(output["traceback"])))
    return (
        f'<div class="failure">\n<p>The notebook stopped here: <strong>{name}</strong>: {value}</p>'
        f"\n{where}\n</div>"
    )


def _data(output: Mapping[str, Any]) -> str:
    """The HTML of rich output, by the form that says most."""
    data = output.get("data", {})
    kind = next((kind for kind in _KINDS if kind in data), "")
    value = data.get(kind, "")
    if kind == "text/html":
        return f'<div class="output">\n{safe_html(value)}\n</div>'
    if kind == "text/markdown":
        # No line break between a number and its percent sign.
        text = re.sub(r"(?<=\d) (?=%)", "\N{NO-BREAK SPACE}", value)
        return f'<div class="output prose">\n{_prose(text, html=False)}\n</div>'
    if kind.startswith("image/"):
        told = output.get("metadata", {}).get(kind, {})
        image = base64.b64encode(value.encode()).decode() if "svg" in kind else escape(value)
        width = f' width="{escape(str(told["width"]))}"' if "width" in told else ""
        alt = escape(str(told.get("alt") or _NO_ALT))
        return f'<figure><img alt="{alt}" src="data:{kind};base64,{image}"{width}></figure>'
    return _preformatted(value) if kind.startswith("text/") else ""


def _preformatted(text: str) -> str:
    return f'<pre class="output" tabindex="0">{ansi2html(text)}</pre>'


def _folded(summary: str, html: str, kind: str = "") -> str:
    return f'<details class="code{kind}">\n<summary>{summary}</summary>\n{html}\n</details>'


def _unbroken(text: str) -> Markup:
    """A sentence as HTML, in which no number is parted from its percent sign or its range."""
    html = re.sub(r"[\d.,]+(–[\d.,]+)? %", r'<span class="nb">\g<0></span>', escape(text))
    return Markup(html)  # noqa: S704 - it is escaped


@lru_cache(1000)  # Hundreds of reports have the same prose and code.
def _prose(source: str, *, html: bool = True) -> str:
    """The HTML of Markdown. In what a cell displays, HTML is only text."""
    renderer = IPythonRenderer(escape=not html, exclude_anchor_links=True)
    return safe_html(MarkdownWithMath(renderer=renderer).render(source))


@lru_cache(1000)
def _highlighted(source: str) -> Markup:
    return Markup(Highlight2HTML(pygments_lexer="ipython3")(source))  # noqa: S704 - it is escaped


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
    html = re.sub(r"<img(?![^>]*\balt=)", f'<img alt="{_NO_ALT}"', html)
    return html.replace("<pre>", '<pre tabindex="0">')


def _contents(html: str) -> str:
    items = []
    for found in _HEADING.finditer(html):
        known = _ID.search(found[2])
        if found[1] == "2" and known and known[1] != "contents":
            text = re.sub(r"<[^>]*>|¶", "", found[3]).strip()
            items.append(f'<li><a href="#{known[1]}">{text}</a></li>')
    return html.replace(_CONTENTS, f"<ol>{''.join(items)}</ol>", 1)
