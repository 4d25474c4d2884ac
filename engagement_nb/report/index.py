"""The page of a batch: all reports with their figures, and those that failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from typing import Any

from engagement_nb.gap.share import Share
from engagement_nb.metrics.problems import tweets_missing
from engagement_nb.report.fetches import REPORTS
from engagement_nb.report.page import template
from engagement_nb.words import number

_COLUMNS = ("Report", "Tweets", "Engagements", "Hidden share", "Interval", "Hidden", "Over-count",
            "Naive gap", "Tweets missing")  # fmt: skip
_WIDTH = 200.0
"""Width of a small picture, in its own units."""
_PERCENT = "\N{NO-BREAK SPACE}%"
_WIDEST = 2.0
"""An over-count of more than this many times the engagements is cut off."""


def index_html(records: Sequence[Mapping[str, Any]], *, title: str, made_at: datetime) -> str:
    """Write the index of a batch as one file that makes no network requests.

    Parameters
    ----------
    records
        See `engagement_nb.report.publish`.
    title
        Title of the page.
    made_at
        When the run began.
    """
    sandbox = any(record.get("sandbox") for record in records)
    rows = [_row(record) for record in records]
    failed = [row for row in rows if row["error"]]
    with_gap = [r for r in records if r["status"] == "done" and "share" in r["figures"]]
    counted = [record for record in with_gap if record["figures"]["engagements"]]
    done = f"{len(rows) - len(failed):,} of " if failed else ""
    return template("batch.html.j2").render(
        title=title,
        headline=f"{done}{len(rows):,} reports, made {made_at:%Y-%m-%d %H:%M} UTC",
        sandbox=sandbox,
        mixed=len({bool(record.get("sandbox")) for record in counted}) > 1,
        columns=_COLUMNS,
        rows=rows,
        failed=failed,
        pictures=[_picture(record) for record in counted],
        footer=f"Made by engagement-nb {version('engagement-nb')}. This page makes no network"
        " requests; its links lead to the files beside it.",
    )


def _row(record: Mapping[str, Any]) -> dict[str, Any]:
    figures, before = record.get("figures", {}), record.get("previous") or {}
    files = record.get("files", {})
    about = [record.get("account", ""), record.get("period", "")]
    if before.get("made_at"):
        about.append(f"last run that differed: {before['made_at'][:10]}")
    same = before.get("definition", now := figures.get("definition")) == now
    # Figures of other metrics are no earlier figures of these.
    compared = before if same else {}
    folder = f"{REPORTS}/{record['folder']}" if record.get("folder") else ""
    notebook = next((name for name in files if name.endswith(".ipynb")), "")
    missing = tweets_missing(record.get("problems", ())) if "engagements" in figures else None
    return {
        "name": record["name"],
        "title": record.get("title") or record["name"],
        "href": f"{folder}/report.html" if "report.html" in files else "",
        "notebook": f"{folder}/{notebook}" if notebook else "",
        "about": ", ".join(part for part in about if part),
        "error": record.get("error", ""),
        "sandbox": bool(record.get("sandbox")),
        "cells": [
            _count(figures, "posts"),
            _count(figures, "engagements", before),
            *_share(figures, compared),
            _count(figures, "over_count", compared),
            _count(figures, "naive_gap"),
            _count({"missing": missing}, "missing"),
        ],
    }


def _cell(value: float | str, text: str, note: str = "") -> dict[str, Any]:
    """A cell of the table: what it is sorted by, its text, and small print."""
    return {"value": value, "text": text, "note": note.replace("-", "\N{MINUS SIGN}")}


_EMPTY = _cell("", "–")


def _count(
    figures: Mapping[str, Any], name: str, before: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    now, last = figures.get(name), (before or {}).get(name)
    if now is None:
        return _EMPTY
    change = ""
    if last is not None:
        change = f"{(now - last) / last * 100:+z.1f} %" if last else f"{now - last:+,}"
    return _cell(now, number(now), change)


def _share(figures: Mapping[str, Any], before: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The hidden share, its interval, and the hidden engagements."""
    if "share" not in figures:
        return [_EMPTY, _EMPTY, _EMPTY]
    share = Share.from_dict(figures["share"])
    last = Share.from_dict(before["share"]) if "share" in before else None
    change = ""
    if share.value is not None and last is not None and last.value is not None:
        change = f"{(share.value - last.value) * 100:+z.1f} points"
    undetermined = "undetermined" if share.kind == "bounds" else change
    # The table sorts a range by its lower end.
    by, low = (None if x is None else round(x, 6) for x in (share.value, share.low))
    by = low if by is None else by
    known = last is None or last.value is None
    return [
        _cell("" if by is None else by, share.point, undetermined),
        _cell(low or 0.0, share.limits) if share.limits else _EMPTY,
        _count(figures, "hidden", None if known else before)
        if share.value is not None
        else _cell(share.least, share.counts),
    ]


def _picture(record: Mapping[str, Any]) -> dict[str, Any]:
    figures = record["figures"]
    whole, over = (figures[name] for name in ("engagements", "over_count"))
    name = record.get("title") or record["name"]
    share, times = Share.from_dict(figures["share"]), over / whole
    least, most = (share.least, share.most) if share.value is None else (share.count,) * 2
    sure, open_to = (least or 0) / whole, (most or 0) / whole
    return {
        "href": f"{REPORTS}/{record['folder']}/report.html",
        "title": name,
        # Engagements take half the width, so that over-counts up to twice of them fit.
        "counted": round(_WIDTH / _WIDEST * (1 - open_to), 2),
        # Between the two, undetermined metrics decide.
        "either": round(_WIDTH / _WIDEST * (open_to - sure), 2),
        "hidden": round(_WIDTH / _WIDEST * sure, 2),
        "over": round(_WIDTH / _WIDEST * min(times, _WIDEST), 2),
        "cut": times > _WIDEST,
        "alt": f"{name}: hidden {share.point} of {whole:,} engagements, over-count {over:,}",
        "text": f"{whole:,} engagements, hidden: {share.point}".replace(
            " %", "\N{NO-BREAK SPACE}%"
        ),
    }
