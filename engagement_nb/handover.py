"""What a notebook hands to whoever ran it: figures and facts, beside what its reader sees.

Results that are displayed carry, besides their text and HTML, a bundle of JSON under a media
type of our own. Front ends don't show it; it is stored in the executed notebook like any other
output, so that a report can be made from the notebook alone, whoever executed it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engagement_nb.metrics import Metrics

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


def facts(metrics: Metrics) -> dict[str, Any]:
    """Where metrics are from and what could not be had, as plain JSON.

    Returns
    -------
    dict
        ``source``, ``endpoint``, ``by``, ``start``, ``end``, ``read_at``, ``requests``,
        ``notes``, ``tweets``, and ``problems``: one entry a reason, scope and metrics, with
        ``tweets`` and ``advice``.
    """
    about = metrics.about
    groups = ["reason", "scope", "metrics"]
    problems = [
        {**dict(zip(groups, key, strict=True)), "tweets": int(rows["tweet_id"].nunique()),
         "advice": str(rows["advice"].iloc[0])}
        for key, rows in metrics.problems.groupby(groups, sort=False)
    ]  # fmt: skip
    return {
        "source": about.source,
        "endpoint": about.endpoint,
        "by": about.by,
        "start": _moment(about.start),
        "end": _moment(about.end),
        "read_at": _moment(about.read_at),
        "requests": about.requests,
        "notes": list(about.notes),
        "tweets": int(metrics.frame["tweet_id"].nunique()) if len(metrics.frame) else 0,
        "problems": problems,
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
