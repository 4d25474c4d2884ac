"""From executed notebooks to a page: the answer, what is missing, how it was made."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import cache
from importlib.metadata import version as _look_up
from typing import Any

import nbformat

from engagement_nb.metrics import handed_over
from engagement_nb.problems import SCOPES
from engagement_nb.report.look import PLAIN, Look
from engagement_nb.report.page import KeyFigure, Missing, Page, title_of
from engagement_nb.vocabulary import label
from engagement_nb.words import counted, interval, listed, percent

version = cache(_look_up)

_SOURCES = {
    "sandbox": "the sandbox: a copy of the API on this machine, whose figures are made up",
    "api": "the Engagement API of X",
    "export": "an export file of X",
}
_FROM = {
    "sandbox": "made up by the sandbox",
    "api": "from the Engagement API",
    "export": "from an export file",
}
_GLOSSARY = (
    ("Engagements", "Every way that a person interacted with a Tweet, as X counts them in total."),
    ("Metric", "One kind of interaction that X counts by itself, such as likes or URL clicks."),
    (
        "Part of engagements",
        "A metric is part of engagements if its counts never exceed them and together with other"
        " metrics explain them.",
    ),
    ("Undetermined", "A metric of which these Tweets do not tell whether it is a part."),
    ("Hidden", "Engagements that no metric shows: what is left after all parts are subtracted."),
    (
        "Naive gap",
        "Engagements less the sum of all metrics. It mixes what is hidden with the over-count, so"
        " it may be negative.",
    ),
    ("Over-count", "Counts of metrics that look like engagement and are not part of it."),
    (
        "95 % interval",
        "The range in which the true value lies in 95 of 100 such analyses; more Tweets make it"
        " narrower.",
    ),
    ("Impressions", "How often Tweets were shown, without promotion."),
    ("Engagement rate", "Engagements / impressions."),
)
_BY_DAY = ("Engagements", "Impressions", "Engagement rate")
"""Words of the glossary that a report without a gap uses."""
_VERSIONS = ("engagement-nb", "papermill", "nbconvert", "pandas", "matplotlib")


def compose(
    notebook: nbformat.NotebookNode,
    *,
    title: str = "",
    look: Look = PLAIN,
    parameters: Mapping[str, Any],
    fetched: Mapping[str, Any] | None = None,
    failure: str = "",
) -> Page:
    """What stands around an executed notebook.

    Parameters
    ----------
    notebook
        The executed notebook, with what it handed over.
    title
        Instead of the notebook's own.
    look
        What was chosen about the page.
    parameters
        What was passed to the notebook.
    fetched
        Facts of the fetch (`Metrics.facts`) where another notebook did that.
    failure
        Why the notebook stopped, where it did.
    """
    handed = handed_over(notebook)
    gap: Mapping[str, Any] = handed.get("gap") or handed.get("days") or {}
    facts: dict[str, Any] = {**handed.get("metrics", {}), **(fetched or {})}
    parts = (handed.get("metrics", {}), fetched or {})
    facts["notes"] = list(dict.fromkeys(note for part in parts for note in part.get("notes", ())))
    sandbox = bool(gap.get("sandbox")) or facts.get("source") == "sandbox"
    return Page(
        title=title or title_of(notebook) or "Report",
        subtitle=look.subtitle or _subtitle(gap, facts),
        look=look,
        glossary=[row for row in _GLOSSARY if "hidden" in gap or (gap and row[0] in _BY_DAY)],
        sandbox=sandbox or parameters.get("source") == "sandbox",
        answer=[gap["sentence"]] if gap.get("sentence") else [],
        figures=_figures(gap),
        problems=_problems(facts) if _of_tweets(facts) and not _tells(notebook) else None,
        made=_made(facts, parameters, notebook),
        failure=failure,
        footer=f"Made by engagement-nb {version('engagement-nb')}. This file holds everything it"
        " shows and asks nothing of the network.",
    )


def to_markdown(gap: Mapping[str, Any], facts: Mapping[str, Any], title: str = "") -> str:
    """The finding, what is missing and the key figures, for a message: Markdown."""
    stamp = "SANDBOX DATA, made up: " if gap["sandbox"] else ""
    heading = f"**{title or 'Engagements, and what they hide'}** ({_subtitle(gap, facts)})"
    missing = listed(
        [f"{row.missing} of {row.tweets} Tweets ({row.reason})" for row in _problems(facts)]
    )
    rows = [(figure.label, figure.value, figure.note) for figure in _figures(gap)]
    cells = [[cell.replace("|", r"\|") for cell in row] for row in rows]
    table = "\n".join(f"| {' | '.join(row)} |" for row in cells)
    return (
        f"{heading}\n\n{stamp}{gap['sentence']} Missing data: {missing or 'none'}.\n\n"
        f"| Figure | Value | Note |\n|---|---:|---|\n{table}"
    )


def _of_tweets(facts: Mapping[str, Any]) -> bool:
    """Whether it is known which Tweets are missing; a file by day names none."""
    return "problems" in facts and facts.get("unit") != "day"


def _tells(notebook: nbformat.NotebookNode) -> bool:
    """Whether the notebook has a section of its own on what is missing."""
    return any(
        cell.cell_type == "markdown" and "# missing data" in cell.source.lower()
        for cell in notebook.cells
    )


def _subtitle(gap: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    unit = "day" if facts.get("unit") == "day" else "Tweet"
    rows = gap.get("posts", facts.get("days" if unit == "day" else "tweets"))
    parts = [
        "" if rows is None else counted(rows, unit),
        ("posted " if facts.get("posted") and not facts.get("start") else "") + _period(facts),
        _FROM.get(str(facts.get("source")), ""),
    ]
    return ", ".join(part for part in parts if part)


def _figures(gap: Mapping[str, Any]) -> list[KeyFigure]:
    if "hidden" not in gap:
        return [KeyFigure(*card) for card in gap.get("cards", ())]
    left_out = [
        label(name) + ("" if name in gap["not_counted"] else " (undetermined)")
        for name, found in gap["metrics"].items()
        if found["sum"] and not found["in_hidden"]
    ]
    return [
        KeyFigure("Days" if gap.get("unit") == "day" else "Tweets", f"{gap['posts']:,}"),
        KeyFigure("Engagements", f"{gap['engagements']:,}"),
        KeyFigure("Sum of all metrics", f"{gap['sum_of_metrics']:,}"),
        KeyFigure("Naive gap", _signed(gap["naive_gap"]), "engagements less that sum"),
        _hidden(gap),
        KeyFigure("Over-count", f"{gap['over_count']:,}", _listed(left_out)),
    ]


def _hidden(gap: Mapping[str, Any]) -> KeyFigure:
    """Hidden engagement with its interval; the range, where metrics leave more room than that."""
    (least, most), whole = gap["hidden_bounds"], gap["engagements"]
    if whole and gap["interval"] is None and least < most:
        share = f"{interval(least / whole, most / whole)} of engagements, by undetermined metrics"
        return KeyFigure("Hidden", f"{least:,} to {most:,}", share)
    share = ""
    if whole:
        share = f"{percent(gap['hidden_share'])} of engagements"
        if gap["interval"]:
            share += f" ({gap['level'] * 100:g} % interval {interval(*gap['interval'])})"
    return KeyFigure("Hidden", f"{gap['hidden']:,}", share)


def _signed(number: int) -> str:
    return f"{number:,}".replace("-", "\N{MINUS SIGN}")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (" ..." if len(names) > 4 else "")


def _problems(facts: Mapping[str, Any]) -> list[Missing]:
    return [
        Missing(
            reason=row["reason"],
            tweets=f"{row['tweets']:,}",
            missing=", ".join(label(name.strip()) for name in row["metrics"].split(",") if name)
            or SCOPES[row["scope"]]
            or "everything",
            advice=row["advice"],
        )
        for row in facts["problems"]
    ]


def _made(
    facts: Mapping[str, Any], parameters: Mapping[str, Any], notebook: nbformat.NotebookNode
) -> list[tuple[str, str]]:
    source = str(facts.get("source", parameters.get("source", "")))
    endpoint = str(facts.get("endpoint", ""))
    named = {key: value for key, value in parameters.items() if value not in ("", None)}
    lines = [
        ("Source", _SOURCES.get(source, source)),
        ("Endpoint", "" if endpoint == "export" else endpoint + _by(facts)),
        ("Period", _period(facts)),
        ("Figures read", _moment(facts.get("read_at"))),
        ("Requests spent", f"{facts['requests']:,}" if facts.get("requests") else ""),
        *(("Note", note) for note in facts.get("notes", ())),
        ("Report made", _moment(datetime.now(UTC).isoformat())),
        ("Notebook", str(notebook.metadata.get("papermill", {}).get("input_path", ""))),
        ("Parameters", ", ".join(f"{key} = {_no_path(value)!r}" for key, value in named.items())),
        (
            "Versions",
            ", ".join(
                [*(f"{name} {version(name)}" for name in _VERSIONS),
                 f"Python {platform.python_version()}"]
            ),
        ),
    ]  # fmt: skip
    return [(name, text) for name, text in lines if text]


def _no_path(value: Any) -> Any:
    """A file by its name: where it lies on its maker's machine is nobody's business."""
    local = isinstance(value, str) and "://" not in value
    return re.split(r"[/\\]", value.rstrip("/\\"))[-1] if local else value


def _by(facts: Mapping[str, Any]) -> str:
    return f", by {facts['by']}" if facts.get("by") else ""


def _period(facts: Mapping[str, Any]) -> str:
    if not (facts.get("start") and facts.get("end")):
        return " to ".join(day[:10] for day in facts.get("posted") or ())
    start, end = (datetime.fromisoformat(facts[key]) for key in ("start", "end"))
    if start.time() == end.time() == time() and start < end:
        last = end - timedelta(days=1)
        return f"{start:%Y-%m-%d} to {last:%Y-%m-%d} (UTC days)"
    return f"{_moment(facts['start'])} to {_moment(facts['end'])}"


def _moment(iso: str | None) -> str:
    return datetime.fromisoformat(iso).strftime("%Y-%m-%d %H:%M UTC") if iso else ""
