"""Names of folders."""

from __future__ import annotations

import re


def slug(name: str) -> str:
    """Turn a name into that of a folder: letters, digits, dots and dashes."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-._").lower()
