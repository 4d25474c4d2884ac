"""What a page may contain, decided at this one place for everything that comes from outside.

That is what cells display, what Markdown contains, and so names of files, columns and accounts,
and texts of Posts and of the API.
"""

from __future__ import annotations

import re

import nh3

from engagement_nb.charts.tables import accessible

_TEXT = (
    "a b blockquote br caption code col colgroup dd del details div dl dt em figcaption figure h1"
    " h2 h3 h4 h5 h6 hr i img kbd li mark ol p pre s section small span strong sub summary sup"
    " table tbody td tfoot th thead tr u ul"
)
_DRAWING = (
    "svg g path rect circle ellipse line polyline polygon text tspan title desc defs use clipPath"
    " linearGradient stop marker pattern"
)
_ATTRIBUTES = (
    "alt class colspan dir download height href id lang open role rowspan scope src tabindex title"
    " width viewBox preserveAspectRatio xmlns version d x y x1 y1 x2 y2 cx cy r rx ry dx dy points"
    " transform fill stroke opacity offset orient markerWidth markerHeight refX refY gradientUnits"
    " patternUnits focusable style"
)
_LOADING = ("style", "fill", "stroke", "clip-", "marker-")
"""How the names of attributes begin that may name something to load."""
_IMAGE = re.compile(r"data:(image/[a-z0-9.+-]+)?(;charset=[a-z0-9-]+)?(;base64)?,[^\s,]*", re.I)
_LINK = re.compile(r"(#|https?://|mailto:)\S*|data:text/csv[;,].*", re.I | re.S)
_OWN = re.compile(r"url\(\s*['\"]?#[\w.-]+['\"]?\s*\)")
_ACTIVE = re.compile(r"[\\@(]|/\*")
"""Marks of a style that may load something."""


def safe_html(html: str) -> str:
    """The parts of some HTML that a page may contain, with accessible tables.

    A page made of it makes no request, runs no script and looks the same wherever it is. Of an
    unknown element its text is left, of a script or a style nothing.

    Parameters
    ----------
    html
        A fragment of HTML.
    """
    return accessible(_CLEANER.clean(html)) if "<" in html else html


def _kept(tag: str, name: str, value: str) -> str | None:
    """The value that an attribute may have; None if it may not be there."""
    if name == "src":
        allowed = bool(_IMAGE.fullmatch(value.strip()))
    elif name == "href":
        allowed = bool(_LINK.fullmatch(value.strip())) if tag == "a" else value.startswith("#")
    else:
        allowed = not (name.startswith(_LOADING) and _ACTIVE.search(_OWN.sub("", value)))
    return value if allowed else None


_CLEANER = nh3.Cleaner(
    tags={*_TEXT.split(), *_DRAWING.split()},
    clean_content_tags={"script", "style"},
    attributes={"*": {*_ATTRIBUTES.split()}},
    attribute_filter=_kept,
    generic_attribute_prefixes={
        "aria-", "data-", "fill-", "stroke-", "font-", "text-", "stop-", "clip-", "marker-",
    },
    url_schemes={"http", "https", "mailto", "data"},
    link_rel=None,
)  # fmt: skip
