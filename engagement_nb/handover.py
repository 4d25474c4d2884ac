"""What a notebook hands to whoever ran it: figures and facts, beside what its reader sees.

Results that are displayed carry, besides their text and HTML, a bundle of JSON under a media
type of our own. Front ends don't show it; it is stored in the executed notebook like any other
output, so that a report can be made from the notebook alone, whoever executed it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MEDIA_TYPE = "application/vnd.engagement-nb+json"


def bundle(**parts: Any) -> dict[str, Any]:
    """What a result adds to its displays; parts are named, the last display of each counts."""
    return {MEDIA_TYPE: parts}


def handed_over(notebook: Mapping[str, Any]) -> dict[str, Any]:
    """The parts that an executed notebook hands over, by name."""
    found: dict[str, Any] = {}
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            found.update(output.get("data", {}).get(MEDIA_TYPE, {}))
    return found
