"""What a page says around an executed notebook: its first page, missing data, how it was made."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version as _look_up
from typing import Any

import msgspec
import pandas as pd
from markupsafe import Markup

from engagement_nb import charts
from engagement_nb.apis.names import ORIGINS, label
from engagement_nb.gap.share import Share
from engagement_nb.metrics.account import Account
from engagement_nb.metrics.problems import SCOPES, unit_of
from engagement_nb.report.job import Job
from engagement_nb.report.page import title_of
from engagement_nb.report.run import Run
from engagement_nb.report.since import Since
from engagement_nb.words import counted, listed, number, percent, sentence, span

version = cache(_look_up)

_PACKAGES = ("engagement-nb", "papermill", "nbconvert", "pandas", "scipy")
_TREND = ("engagements", "hidden_share", "video_views", "engagement_rate")
"""Columns of a trend that the first page may show, two at the most."""
_LESS = ("Posts", "New follows")
"""Figures of days that the first page has no place for."""
_LINK = "https://x.com/i/status/{}"
_Figure = tuple[str, str, str]
"""A key figure: its label, its value and a note."""


def compose(job: Job, done: Run, since: Since | None = None) -> dict[str, Any]:
    """What a page says around the executed notebook of a report.

    Parameters
    ----------
    job
        The report.
    done
        Its executed notebooks.
    since
        What changed since the last run.

    Returns
    -------
    dict
        ``title``, ``subtitle``, ``footer`` and ``failure`` (why the report is not complete): one
        line each. ``client``: who it is about, for the foot of printed pages. ``look``: options of
        the page. ``glossary``: its words, "gap", "days" or none. ``sandbox``: whether it is
        stamped as made up. ``first``: see `first_page`. ``since``: what changed. ``problems``:
        rows of missing data, None if it is not known; ``unit``: what they are about.
        ``unmeasured``: metrics that may not be measured. ``made``: how it was made.
    """
    gap, facts = done.answer, done.facts
    return {
        "title": job.title or title_of(done.notebook) or "Report",
        "client": job.title or account_of(facts, done.profile),
        "subtitle": job.look.subtitle,
        "look": job.look,
        "glossary": "gap" if "hidden" in gap else "days" if gap else "",
        "sandbox": facts.get("source") == "sandbox" or bool(gap.get("sandbox")),
        "first": first_page(gap, facts, done.profile, since) if gap else None,
        "since": since,
        "problems": _problems(facts) if "problems" in facts else None,
        "unit": unit_of(facts),
        "unmeasured": _unmeasured(gap),
        "made": _made(job, done),
        "failure": str(done.error or ""),
        "footer": f"Made by engagement-nb {version('engagement-nb')}. This file contains everything"
        " it shows and makes no network requests.",
    }


def first_page(
    answer: Mapping[str, Any], facts: Mapping[str, Any],
    profile: str = "", since: Since | None = None,
) -> dict[str, Any]:  # fmt: skip
    """What a reader with one minute sees: who, when, the finding, what to do, charts, top Tweets.

    Parameters
    ----------
    answer
        The gap or the totals by day, as in their JSON.
    facts
        See `engagement_nb.Metrics.facts`.
    profile
        The profile that fetched, or the account that was chosen.
    since
        What changed since the last run.
    """
    told, sandbox = answer["page"], bool(answer.get("sandbox"))
    return {
        "account": account_of(facts, profile),
        "period": str(told["period"]),
        "finding": list(told["finding"]),
        "means": list(told["means"]),
        "figures": key_figures(answer),
        "chart": _chart(answer, sandbox) if "hidden" in answer and answer["engagements"] else "",
        "trend": _trend(told["trend"], sandbox) if told.get("trend") else "",
        "top": [(ranking["by"], _tweets(ranking, sandbox)) for ranking in told["top"]],
        "since": _since(since),
    }


def key_figures(answer: Mapping[str, Any]) -> list[_Figure]:
    """The figures of the first page and of Markdown: four of them."""
    if "hidden" not in answer:
        cards: list[_Figure] = [(name, value, note) for name, value, note in answer["cards"]]
        return [card for card in cards if card[0] not in _LESS][:4]
    share, rate = Share.from_dict(answer["share"]), answer.get("engagement_rate")
    return [
        ("Days" if answer.get("unit") == "day" else "Tweets", number(answer["posts"]), ""),
        ("Engagements", number(answer["engagements"]), ""),
        ("Hidden", share.counts, share.note),
        ("Engagement rate", percent(rate, 2), "engagements / impressions")
        if rate is not None
        else ("Over-count", span(*answer["over_bounds"]), "looks like engagement"),
    ]


def account_of(facts: Mapping[str, Any], profile: str = "") -> str:
    """The account of some figures: its handles in the files, or else the profile."""
    handles = facts.get("account", {}).get("handles", ())
    return listed([f"@{handle}" for handle in handles[:3]]) if handles else profile


def to_markdown(gap: Mapping[str, Any], facts: Mapping[str, Any], title: str = "") -> str:
    """The finding, missing data and key figures as Markdown, for a message."""
    stamp = "SANDBOX DATA, made up: " if gap["sandbox"] else ""
    rows = counted(gap["posts"] if "hidden" in gap else gap["days"], unit_of(facts))
    told = [rows, gap["page"]["period"], ORIGINS.get(str(facts.get("source")), "")]
    heading = f"**{title or 'Engagements, and what they hide'}**"
    heading += f" ({', '.join(part for part in told if part)})"
    missing = listed(
        [
            f"{row['missing']} of {row['tweets']} {unit_of(facts)}s ({row['reason']})"
            for row in _problems(facts)
        ]
    )
    cells = [[cell.replace("|", r"\|") for cell in figure] for figure in key_figures(gap)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in cells)
    return (
        f"{heading}\n\n{stamp}{gap['sentence']} Missing data: {missing or 'none'}.\n\n"
        f"| Figure | Value | Note |\n|---|---:|---|\n{table}"
    )


def _chart(answer: Mapping[str, Any], sandbox: bool) -> Markup:
    names = ("sum_of_metrics", "over_bounds", "doubtful_outside", "excess")
    share = Share.from_dict(answer["share"])
    return _html(charts.bridge(share, *(answer[name] for name in names)).stamped(sandbox))


def _trend(told: Mapping[str, Any], sandbox: bool) -> Markup:
    table = pd.DataFrame(told["rows"])
    index = pd.DatetimeIndex(table.pop("begins"), name=told["name"])
    table = table.set_index(index)
    shown = [name for name in _TREND if name in table and table[name].notna().any()]
    return _html(charts.trend(table, columns=tuple(shown[:2]), height=62).stamped(sandbox))


def _html(chart: charts.Chart) -> Markup:
    # The page has the style of all charts.
    drawn = chart.html().replace(f"<style>{charts.svg.STYLE}</style>", "")
    return Markup(drawn)  # noqa: S704 - a drawing of ours, its texts escaped


def _tweets(ranking: Mapping[str, Any], sandbox: bool) -> list[dict[str, str]]:
    # Made-up Tweets have no page on X, and neither has a row without an id.
    return [
        {
            "value": tweet["value"],
            "text": tweet["text"] or f"Tweet …{tweet['id'][-6:]}",
            "posted": tweet["posted"],
            "href": _LINK.format(tweet["id"]) if tweet["id"].isdigit() and not sandbox else "",
        }
        for tweet in ranking["tweets"]
    ]


def _since(since: Since | None) -> str:
    if since is None:
        return ""
    when = f" of {since.made_at:%Y-%m-%d}" if since.made_at else ""
    said = f"{since.comparison.short if since.comparison else ''} {since.note}".strip()
    return f"Since the last run{when} that differed: {said}"


def _unmeasured(gap: Mapping[str, Any]) -> str:
    zero = [
        label(n) for n, found in gap.get("metrics", {}).items() if not found["posts_above_zero"]
    ]
    if not zero:
        return ""
    verb = "is" if len(zero) == 1 else "are"
    return f"{sentence(listed(zero))} {verb} 0 or unknown on every Tweet, and may not be measured."


def _problems(facts: Mapping[str, Any]) -> list[dict[str, str]]:
    return [
        {
            "reason": row["reason"],
            "tweets": number(row["tweets"]),
            "missing": ", ".join(label(n.strip()) for n in row["metrics"].split(",") if n)
            or SCOPES[row["scope"]]
            or "everything",
            "advice": row["advice"],
        }
        for row in facts["problems"]
    ]


def _made(job: Job, done: Run) -> list[tuple[str, list[str]]]:
    """How the report was made: labels, each with its lines."""
    facts, fetched = done.facts, done.fetched
    source = str(facts.get("source", ""))
    endpoint = "" if facts.get("endpoint") == "export" else str(facts.get("endpoint", ""))
    by = f", by {facts['by']}" if endpoint and facts.get("by") else ""
    chosen = {key: value for key, value in done.parameters.items() if value not in ("", None)}
    packages = [*(f"{name} {version(name)}" for name in _PACKAGES)]
    reports = fetched.get("shared", 1)
    shared = f" (for {reports} reports)" if reports > 1 else ""
    lines = [
        ("Figures", ORIGINS.get(source, source)),
        ("Endpoint", endpoint + by),
        ("Period", done.period),
        ("Figures read", _moment(facts.get("read_at"))),
        ("Requests spent", number(facts["requests"]) + shared if facts.get("requests") else ""),
        ("Notes", facts["notes"]),
        ("Data used", _account(facts)),
        ("Report made", _moment(datetime.now(UTC).isoformat())),
        ("Fetched by", str(fetched.get("notebook", ""))),
        ("Notebook", job.notebook.name),
        ("Parameters", ", ".join(f"{key} = {value!r}" for key, value in chosen.items())),
        ("Versions", ", ".join([*packages, f"Python {platform.python_version()}"])),
    ]
    return [(name, [told] if isinstance(told, str) else told) for name, told in lines if told]


def _account(facts: Mapping[str, Any]) -> list[str]:
    """What became of all rows, columns and options, in words."""
    told = facts.get("account")
    # A notebook of one's own may hand over less.
    with contextlib.suppress(msgspec.ValidationError):
        return msgspec.convert(told, Account).lines() if told else []
    return []


def _moment(iso: str | None) -> str:
    return datetime.fromisoformat(iso).strftime("%Y-%m-%d %H:%M UTC") if iso else ""
