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

from engagement_nb.apis.names import ORIGINS, label
from engagement_nb.metrics.account import Account
from engagement_nb.metrics.problems import SCOPES, unit_of
from engagement_nb.report.firstpage import account_of, first_page, key_figures
from engagement_nb.report.job import Job
from engagement_nb.report.page import Missing, Page, title_of
from engagement_nb.report.run import Run
from engagement_nb.report.since import Since
from engagement_nb.words import counted, listed, number, sentence

version = cache(_look_up)

_PACKAGES = ("engagement-nb", "papermill", "nbconvert", "pandas", "scipy")


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
        subtitle=job.look.subtitle,
        look=job.look,
        glossary="gap" if "hidden" in gap else "days" if gap else "",
        sandbox=facts.get("source") == "sandbox" or bool(gap.get("sandbox")),
        first=first_page(gap, facts, done.profile, since) if gap else None,
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
    rows = counted(gap["posts"] if "hidden" in gap else gap["days"], unit_of(facts))
    told = [rows, gap["page"]["period"], ORIGINS.get(str(facts.get("source")), "")]
    heading = f"**{title or 'Engagements, and what they hide'}**"
    heading += f" ({', '.join(part for part in told if part)})"
    missing = listed(
        [
            f"{row.missing} of {row.tweets} {unit_of(facts)}s ({row.reason})"
            for row in _problems(facts)
        ]
    )
    cells = [[cell.replace("|", r"\|") for cell in figure] for figure in key_figures(gap)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in cells)
    return (
        f"{heading}\n\n{stamp}{gap['sentence']} Missing data: {missing or 'none'}.\n\n"
        f"| Figure | Value | Note |\n|---|---:|---|\n{table}"
    )


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
        ("Period", done.period),
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


def _moment(iso: str | None) -> str:
    return datetime.fromisoformat(iso).strftime("%Y-%m-%d %H:%M UTC") if iso else ""
