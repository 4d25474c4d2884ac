"""The page of a batch: every report with its figures, those that failed, small multiples."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from engagement_nb.problems import tweets_missing
from engagement_nb.report.page import style
from engagement_nb.words import interval

_TEMPLATE = Path(__file__).parent / "template"
_COLUMNS = (
    ("Report", True), ("Tweets", False), ("Engagements", False), ("Hidden share", False),
    ("Interval", False), ("Hidden", False), ("Over-count", False), ("Naive gap", False),
    ("Tweets missing", False),
)  # fmt: skip
_WIDTH = 200.0
"""Of a small picture, in its own units."""
_WIDEST = 2.0
"""An over-count beyond this many times the engagements is drawn cut off."""


def index_html(
    records: Sequence[Mapping[str, Any]], *, title: str, made_at: datetime, reports: str = "reports"
) -> str:
    """The index of a batch, as one file that asks nothing of the network.

    Parameters
    ----------
    records
        See `engagement_nb.report.render`.
    title
        Of the page.
    made_at
        When the run began.
    reports
        The folder of the reports, beside the page.
    """
    script = (_TEMPLATE / "batch.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    sandbox = any(record.get("sandbox") for record in records)
    rows = [_row(record, reports) for record in records]
    failed = [row for row in rows if row["error"]]
    environment = Environment(loader=FileSystemLoader(_TEMPLATE), autoescape=True)
    return environment.get_template("batch.html.j2").render(
        title=title,
        headline=_headline(len(rows), len(failed), made_at),
        sandbox=sandbox,
        mixed=len({bool(r.get("sandbox")) for r in records if _has_figures(r)}) > 1,
        columns=[{"title": name, "words": words} for name, words in _COLUMNS],
        rows=rows,
        failed=failed,
        pictures=[_picture(record, reports) for record in records if _has_figures(record)],
        # Both are files of ours, not input.
        style=Markup(style(sandbox)),  # noqa: S704
        script=Markup(script),  # noqa: S704
        script_digest=digest,
        footer=f"Made by engagement-nb {version('engagement-nb')}. This page asks nothing of the"
        " network; its links lead to the files beside it.",
    )


def _headline(total: int, failed: int, made_at: datetime) -> str:
    done = f"{total - failed:,} of {total:,} reports" if failed else f"{total:,} reports"
    return f"{done}, made {made_at:%Y-%m-%d %H:%M} UTC"


def _has_figures(record: Mapping[str, Any]) -> bool:
    return record["status"] == "done" and bool(
        record["figures"].get("engagements") and "hidden" in record["figures"]
    )


def _row(record: Mapping[str, Any], reports: str) -> dict[str, Any]:
    figures, before = record.get("figures", {}), record.get("previous") or {}
    files = record.get("files", {})
    folder = f"{reports}/{record['folder']}" if record.get("folder") else ""
    notebook = next((name for name in files if name.endswith(".ipynb")), "")
    missing = tweets_missing(record.get("problems", ()))
    counted = "engagements" in figures
    return {
        "name": record["name"],
        "title": record.get("title") or record["name"],
        "href": f"{folder}/report.html" if "report.html" in files else "",
        "notebook": f"{folder}/{notebook}" if notebook else "",
        "error": record.get("error", ""),
        "sandbox": bool(record.get("sandbox")),
        "cells": [
            _cell(figures.get("posts")),
            _cell(figures.get("engagements"), _change(figures, before, "engagements")),
            _share(figures, before),
            _interval(figures),
            _cell(figures.get("hidden"), _change(figures, before, "hidden")),
            _cell(figures.get("over_count"), _change(figures, before, "over_count")),
            _cell(figures.get("naive_gap")),
            _cell(missing if counted else None),
        ],
    }


def _cell(value: int | None, note: str = "") -> dict[str, Any]:
    if value is None:
        return {"value": "", "text": "–", "note": ""}
    return {"value": value, "text": f"{value:,}".replace("-", "\N{MINUS SIGN}"), "note": note}


def _share(figures: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    share, last = figures.get("hidden_share"), before.get("hidden_share")
    if share is None:
        return _cell(None)
    note = ""
    if last is not None:
        note = _signed(f"{(share - last) * 100:+.1f} points")
    return {"value": round(share, 6), "text": f"{share * 100:.1f} %", "note": note}


def _interval(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The interval of the hidden share, or the range that undetermined metrics leave."""
    note, limits = "", figures.get("interval")
    if limits is None and figures.get("engagements") and figures.get("hidden_bounds"):
        least, most = (bound / figures["engagements"] for bound in figures["hidden_bounds"])
        limits, note = ((least, most), "undetermined") if least < most else (None, "")
    if limits is None:
        return _cell(None)
    # Sorted by its lower end: what is hidden at the least.
    return {"value": round(limits[0], 6), "text": interval(*limits), "note": note}


def _change(figures: Mapping[str, Any], before: Mapping[str, Any], name: str) -> str:
    now, last = figures.get(name), before.get(name)
    if now is None or last is None:
        return ""
    if last == 0:
        return _signed(f"{now - last:+,}")
    return _signed(f"{(now - last) / last * 100:+.1f} %")


def _signed(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")


def _picture(record: Mapping[str, Any], reports: str) -> dict[str, Any]:
    figures = record["figures"]
    whole, hidden, over = (figures[n] for n in ("engagements", "hidden", "over_count"))
    name = record.get("title") or record["name"]
    share, times = hidden / whole, over / whole
    return {
        "href": f"{reports}/{record['folder']}/report.html",
        "title": name,
        # Half the width is the engagements, so that over-counts up to twice of them fit.
        "counted": round(_WIDTH / _WIDEST * (1 - share), 2),
        "hidden": round(_WIDTH / _WIDEST * max(share, 0), 2),
        "over": round(_WIDTH / _WIDEST * min(times, _WIDEST), 2),
        "cut": times > _WIDEST,
        "alt": f"{name}: hidden {share:.1%} of {whole:,} engagements, over-count {over:,}",
        "text": f"{whole:,} engagements, {share * 100:.1f}\N{NO-BREAK SPACE}% hidden",
    }
