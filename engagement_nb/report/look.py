"""Options of a report's page: code or none, a logo, a color, a subtitle."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path

from engagement_nb.errors import InputError
from engagement_nb.tables.textfiles import read_file

_LOGO_KINDS = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"<svg": "image/svg+xml"}
_LARGEST_LOGO = 300_000
_CONTRAST = 4.5
"""Least contrast of text and background: WCAG 2.2, 1.4.3, level AA."""


@dataclass(frozen=True)
class Look:
    """Options of a report's page.

    Parameters
    ----------
    subtitle
        Replaces the line about the data.
    accent
        A color as ``#rrggbb`` for links and edges, or empty.
    logo
        An image as a ``data:`` address, or empty: see `read_logo`.
    code
        Whether the page has the notebook's code, folded at its end.

    Raises
    ------
    InputError
        The color is none, or too light.
    """

    subtitle: str = ""
    accent: str = ""
    logo: str = ""
    code: bool = True

    def __post_init__(self) -> None:
        if not self.accent:
            return
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", self.accent):
            raise InputError(f"{self.accent!r} is not a color.", advice="Give one as #0b57a4.")
        contrast = 1.05 / (_luminance(self.accent) + 0.05)
        if contrast < _CONTRAST:
            raise InputError(
                f"{self.accent} is too light to be read on white: its contrast is {contrast:.1f},"
                f" and {_CONTRAST} is needed.",
                advice="Choose a darker shade.",
            )


PLAIN = Look()
"""The page with all options at their defaults."""


def read_logo(path: str | Path) -> str:
    """Read an image file as a ``data:`` address, so that a page needs no request for it.

    Raises
    ------
    InputError
        The file is missing, too large, or neither PNG, JPEG nor SVG.
    """
    data = read_file(Path(path))
    start = data.lstrip()
    if start.startswith(b"<?xml"):
        start = start[max(start.find(b"<svg"), 0) :]
    kind = next((kind for magic, kind in _LOGO_KINDS.items() if start.startswith(magic)), "")
    if not kind:
        raise InputError(f"{path} is no PNG, JPEG or SVG image.", advice="Save the logo as PNG.")
    if len(data) > _LARGEST_LOGO:
        raise InputError(
            f"{path} has {len(data):,} bytes, and a logo may have {_LARGEST_LOGO:,}.",
            advice="Save it smaller: it is shown 64 pixels high.",
        )
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _luminance(color: str) -> float:
    """Relative luminance of a color, 0 to 1 (WCAG 2.2)."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
