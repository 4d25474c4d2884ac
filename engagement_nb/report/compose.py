"""What a page says around an executed notebook: the answer, missing data, how it was made."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version as _look_up
from typing import Any

import msgspec

from engagement_nb.account import Account
from engagement_nb.apis.names import ORIGINS, label
from engagement_nb.gap.share import Share
from engagement_nb.problems import SCOPES, unit_of
from engagement_nb.report.firstpage import account_of, first_page, period_of
from engagement_nb.report.job import Job
from engagement_nb.report.page import KeyFigure, Missing, Page, title_of
from engagement_nb.report.run import Run
from engagement_nb.report.since import Since
from engagement_nb.words import counted, listed, number, sentence

version = cache(_look_up)

_PACKAGES = ("engagement-nb", "papermill", "nbconvert", "pandas", "matplotlib")


def compose(job: Job, done: Run, since: Since | None = None) -> Page:
    """Write the parts of a page around the executed notebook of a report.

    Parameters
    ----------
    job
        The report.
    done
        Its executed notebooks.
    since
        What changed since the last run.
    """
    notebook, gap, facts = done.last.notebook, done.answer, done.facts
    return Page(
        title=job.title or title_of(notebook) or "Report",
        client=job.title or account_of(facts, done.profile),
        subtitle=job.look.subtitle or _subtitle(gap, facts),
        look=job.look,
        glossary="gap" if "hidden" in gap else "days" if gap else "",
        sandbox=facts.get("source") == "sandbox" or bool(gap.get("sandbox")),
        first=first_page(told, gap, facts, done.profile, since)
        if (told := done.last.handed.get("page")) and gap
        else None,
        answer=[gap["sentence"]] if gap.get("sentence") else [],
        figures=_figures(gap),
        since=since,
        problems=_problems(facts) if "problems" in facts else None,
        unit=unit_of(facts),
        unmeasured=_unmeasured(gap),
        made=_made(job, done),
        failure=str(done.error or ""),
        footer=f"Made by engagement-nb {version('engagement-nb')}. This file contains everything"
        " it shows and makes no network requests.",
    )


def to_markdown(gap: Mapping[str, Any], facts: Mapping[str, Any], title: str = "") -> str:
    """The finding, missing data and key figures as Markdown, for a message."""
    stamp = "SANDBOX DATA, made up: " if gap["sandbox"] else ""
    heading = f"**{title or 'Engagements, and what they hide'}** ({_subtitle(gap, facts)})"
    missing = listed(
        [
            f"{row.missing} of {row.tweets} {unit_of(facts)}s ({row.reason})"
            for row in _problems(facts)
        ]
    )
    cells = [[cell.replace("|", r"\|") for cell in figure] for figure in _figures(gap)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in cells)
    return (
        f"{heading}\n\n{stamp}{gap['sentence']} Missing data: {missing or 'none'}.\n\n"
        f"| Figure | Value | Note |\n|---|---:|---|\n{table}"
    )


def _subtitle(gap: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    unit = unit_of(facts)
    rows = gap.get("posts", facts.get("days" if unit == "day" else "tweets"))
    parts = [
        "" if rows is None else counted(rows, unit),
        _period(facts),
        ORIGINS.get(str(facts.get("source")), ""),
    ]
    return ", ".join(part for part in parts if part)


def _figures(gap: Mapping[str, Any]) -> list[KeyFigure]:
    if "hidden" not in gap:
        return [KeyFigure(*card) for card in gap.get("cards", ())]
    share = Share.of_gap(gap)
    left_out = [
        label(name) + ("" if name in gap["not_counted"] else " (undetermined)")
        for name, found in gap["metrics"].items()
        if found["sum"] and not found["in_hidden"]
    ]
    examples = ", ".join(left_out[:4]) + (" ..." if len(left_out) > 4 else "")
    return [
        KeyFigure("Days" if gap.get("unit") == "day" else "Tweets", number(gap["posts"])),
        KeyFigure("Engagements", number(gap["engagements"])),
        KeyFigure("Sum of all metrics", number(gap["sum_of_metrics"])),
        KeyFigure("Naive gap", number(gap["naive_gap"]), "engagements less that sum"),
        KeyFigure("Hidden", share.counts, share.note),
        KeyFigure("Over-count", number(gap["over_count"]), examples),
    ]


def _unmeasured(gap: Mapping[str, Any]) -> str:
    zero = [
        label(n) for n, found in gap.get("metrics", {}).items() if not found["posts_above_zero"]
    ]
    if not zero:
        return ""
    verb = "is" if len(zero) == 1 else "are"
    return f"{sentence(listed(zero))} {verb} 0 or unknown on every Tweet, and may not be measured."


def _problems(facts: Mapping[str, Any]) -> list[Missing]:
    return [
        Missing(
            reason=row["reason"],
            tweets=number(row["tweets"]),
            missing=", ".join(label(name.strip()) for name in row["metrics"].split(",") if name)
            or SCOPES[row["scope"]]
            or "everything",
            advice=row["advice"],
        )
        for row in facts["problems"]
    ]


def _made(job: Job, done: Run) -> list[tuple[str, str]]:
    """How the report was made: label and text."""
    facts, fetched = done.facts, done.fetched
    source = str(facts.get("source", ""))
    endpoint = "" if facts.get("endpoint") == "export" else str(facts.get("endpoint", ""))
    by = f", by {facts['by']}" if endpoint and facts.get("by") else ""
    chosen = {key: value for key, value in done.parameters.items() if value not in ("", None)}
    packages = [*(f"{name} {version(name)}" for name in _PACKAGES)]
    shared = f" (for {counted(fetched['shared'], 'report')})" if fetched.get("shared") else ""
    notebooks = [str(each.notebook.metadata.papermill.input_path) for each in done.executed]
    lines = [
        ("Figures", ORIGINS.get(source, source)),
        ("Endpoint", endpoint + by),
        ("Period", _period(facts)),
        ("Figures read", _moment(facts.get("read_at"))),
        ("Requests spent", number(facts["requests"]) + shared if facts.get("requests") else ""),
        *(("Note", note) for note in facts["notes"]),
        *(("Account", line) for line in _account(facts)),
        ("Report made", _moment(datetime.now(UTC).isoformat())),
        ("Fetched by", str(fetched.get("notebook", ""))),
        ("Notebook", listed(notebooks)),
        ("Parameters", ", ".join(f"{key} = {value!r}" for key, value in chosen.items())),
        ("Versions", ", ".join([*packages, f"Python {platform.python_version()}"])),
    ]
    return [(name, text) for name, text in lines if text]


def _account(facts: Mapping[str, Any]) -> list[str]:
    """What became of all rows, columns and options, in words."""
    told = facts.get("account")
    # A notebook of one's own may hand over less.
    with contextlib.suppress(msgspec.ValidationError):
        return msgspec.convert(told, Account).lines() if told else []
    return []


def _period(facts: Mapping[str, Any]) -> str:
    options = facts.get("account", {}).get("options", {})
    return period_of(facts, str(options.get("zone") or "UTC"))


def _moment(iso: str | None) -> str:
    return datetime.fromisoformat(iso).strftime("%Y-%m-%d %H:%M UTC") if iso else ""
