"""Imports nbformat without what jsonschema would build for it, which takes over a second."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

_GRAMMARS = "rfc3987_syntax"


def import_nbformat() -> None:
    """Import nbformat; without effect if it, or jsonschema, is imported already.

    jsonschema builds 38 grammars of addresses when it is imported, wherever their package is
    installed. They check a format that no notebook has.
    """
    if "jsonschema" in sys.modules or _GRAMMARS in sys.modules:
        return
    modules: dict[str, Any] = sys.modules
    modules[_GRAMMARS] = None
    try:
        import_module("nbformat")
    finally:
        del modules[_GRAMMARS]
