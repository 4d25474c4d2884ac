"""``python -m studies.gap_numbers``: each number and date of a report against its ``gap.json``.

A page is parsed as a reader sees it: the first page, sentences, charts with their titles,
alternative texts and marks, tables, top Tweets. Each count, percentage and date in it must be a
figure of the JSON, or of a table of the analysis where the section is about that table. Tables of
metrics and of Tweets are compared cell by cell. Where the share is bounds or unknown, the point
that documents would choose is no such figure: nothing may print it.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any
from urllib.parse import unquote

import click
import numpy as np
import pandas as pd
from bs4 import BeautifulSoup, Tag
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from engagement_nb.apis.names import label
from engagement_nb.errors import AnalysisError
from engagement_nb.gap import Gap, explore_gap
from engagement_nb.report.compose import first_page
from engagement_nb.report.page import to_html
from engagement_nb.tables import read_table
from engagement_nb.words import interval, number, percent
from studies.gap_worlds import KINDS, world
from tests.tables import kinds as layouts

_POINTS = ("hidden", "hidden_share", "over_count", "page")
"""What JSON has besides the share, and nothing may print if the share has no value."""
_RANGE = re.compile(r"(\d[\d.]*)–(\d[\d.]*) %")
_PERCENT = re.compile(r"(?:under |over )?(\d[\d.]*) %")
_DATE = re.compile(r"\d{4}-\d\d(?:-\d\d)?(?: \d\d:\d\d)?(?!\d)")
_COUNT = re.compile(
    r"(?<![\w.,–−-])[−-]?\d{1,3}(?:,\d{3})+(?![\d.%])|(?<![\w.,–…])\d{2,}(?![\w.,%–:])"
)
_LEFT_OUT = ("#how-made", "#words", "#contents")
"""Sections with versions, parameters and explanations."""


class Allowed:
    """What texts may print: counts, percentages with ranges of them, and dates."""

    def __init__(self, *others: Allowed) -> None:
        self.counts: set[str] = set().union(*(each.counts for each in others))
        self.percents: set[str] = set().union(*(each.percents for each in others))
        self.dates: set[str] = set().union(*(each.dates for each in others))

    def add(self, told: Any) -> Allowed:
        """Allow all numbers of a table, or of plain values."""
        for value in set(_numbers(told)):
            if float(value).is_integer():
                self.counts |= {f"{abs(value):,.0f}", f"{abs(value):.0f}"}
            if 0 <= value <= 10:
                said = (percent(value, digits) for digits in (0, 1, 2))
                self.percents |= {re.sub(r"^(under|over) ", "", text) for text in said}
        if isinstance(told, pd.DataFrame):
            for low, high in (("low", "high"), ("hidden_low", "hidden_high"),
                              ("rate_low", "rate_high")):  # fmt: skip
                if {low, high} <= {*told}:
                    pairs = zip(told[low], told[high], strict=True)
                    self.percents |= {interval(a, b) for a, b in pairs if pd.notna(a)}
        return self

    def wrong(self, text: str) -> Iterator[str]:
        """The numbers and dates of a text that are not allowed."""
        text = re.sub(r"\s+", " ", text)
        yield from (m[0] for m in _DATE.finditer(text) if m[0] not in self.dates)
        text = _DATE.sub(" ", text)
        yield from (m[0] for m in _RANGE.finditer(text) if m[0] not in self.percents)
        text = _RANGE.sub(" ", text)
        yield from (m[0] for m in _PERCENT.finditer(text) if f"{m[1]} %" not in self.percents)
        for match in _COUNT.finditer(_PERCENT.sub(" ", text)):
            if match[0].lstrip("−-") not in self.counts and len(match[0]) < 17:
                yield match[0]


def _numbers(told: Any) -> Iterator[float]:
    if isinstance(told, pd.DataFrame):
        for column in told:
            if pd.api.types.is_numeric_dtype(told[column].dtype):
                yield from (float(value) for value in told[column].dropna())
    elif isinstance(told, dict):
        for value in told.values():
            yield from _numbers(value)
    elif isinstance(told, list | tuple | set):
        for value in told:
            yield from _numbers(value)
    elif isinstance(told, int | float) and not isinstance(told, bool):
        yield told


def figures_of(gap: Gap) -> Allowed:
    """What every text may print: the JSON without points that the share does not have."""
    told, share = gap.to_dict(), gap.share
    trend = (told["page"]["trend"] or {}).get("rows", [])
    if share.value is None:
        told = {name: value for name, value in told.items() if name not in _POINTS}
    tweets, sums = gap.tweets, gap.table["sum"]
    outside = [sums[gap.not_counted].sum(), sums[gap.undetermined].sum()]
    signs = [int(np.sign(tweets["naive_gap"]).eq(sign).sum()) for sign in (-1, 0, 1)]
    lacking = int(gap.counts.judged.sum()) - gap.posts
    sizes = [len(gap.counts), lacking, len(gap.verdicts), gap.posts_left_out]
    sizes += [len(gap.counted), len(gap.not_counted), len(gap.undetermined)]
    short = {"counted": "counted", "not counted in full": "not counted"}
    sizes.append(sum(short.get(v.verdict) == v.expected for v in gap.verdicts))
    level = [gap.level, 1 - gap.level, gap.level * 100, round((1 - gap.level) * 100, 6), 20]
    found = Allowed().add([told, *map(int, [*outside, *signs]), *sizes, *level])
    found.add([*gap.table["contradicted_share"].dropna()])
    found.percents |= {interval(share.low, share.high)}
    found.percents.add(f"{gap.level * 100:g} %")
    found.dates |= {*_DATE.findall(gap.period), *(row["begins"] for row in trend)}
    found.dates |= {row["begins"][:7] for row in trend}
    found.add(
        [row if row["hidden_share"] is not None else {**row, "hidden": None} for row in trend]
    )
    return found


def _of_section(gap: Gap, section: str, also: Allowed) -> Allowed:
    """What the texts of a section may print besides."""
    tables: list[Any] = []
    frame = gap.counts.frame
    if section == "what-the-sum-of-all-columns-says":
        tables.append(gap.tweets[["engagements", "sum_of_metrics"]])
    if section == "where-hidden-engagement-sits":
        for key in ("size", "content", "age"):
            try:
                tables += [groups := gap.by(key), tests := gap.differences(key), len(tests)]
                also.counts |= {n for name in groups.index for n in re.findall(r"[\d,]+", name)}
            except AnalysisError:
                continue
        bounded = gap.share.value is None
        tables.append(gap.tweets.drop(columns=["hidden"] if bounded else []))
    elif section == "over-time" and gap.has_times:
        tables += [trend := gap.trend(), *_outside(gap, trend)]
    elif section == "the-usual-definitions":
        tables.append(gap.definitions())
    elif section == "what-totals-cannot-return" and gap.counts.series is not None:
        come = (growth := gap.growth())["engagements"].cumsum()
        tables += [growth, come.tolist(), (come / max(come.max(), 1)).tolist()]
    elif section == "oddities-in-the-figures":
        tables.append(gap.oddities())
        if "has_url" in frame and "url_clicks" in frame:
            tables.append(int(frame.loc[frame["has_url"].eq(False), "url_clicks"].sum()))
    elif section in ("the-figures", "missing-data", "missing"):
        tables += [gap.facts or {}, int(gap.counts.impressions[0].sum())]
        notes = json.dumps(gap.facts or {})
        also.counts |= {match[0] for match in _COUNT.finditer(notes)}
        also.dates |= {*_DATE.findall(notes)}
        if (posted := frame.get("created_at")) is not None and posted.notna().any():
            ends = [posted.min(), posted.max()]
            also.dates |= {f"{time.tz_convert(gap.zone):%Y-%m-%d}" for time in ends}
    for table in tables:
        also.add(table)
    return also


def _outside(gap: Gap, trend: pd.DataFrame) -> list[int]:
    """How many intervals of a trend there are, lack, and do not contain the figure of all."""
    found = [int(trend["engagements"].sum()), int(trend["hidden"].sum())]
    for ratio, low, high, overall in (
        ("hidden_share", "hidden_low", "hidden_high", gap.share.value),
        ("engagement_rate", "rate_low", "rate_high", gap.engagement_rate),
    ):
        known = trend[trend[ratio].notna()]
        told = known[known[low].notna()]
        found += [len(told), len(known) - len(told)]
        if overall is not None:
            found.append(int(((told[low] > overall) | (told[high] < overall)).sum()))
    return found


def wrong_numbers(html: str, gap: Gap, also: str = "") -> list[str]:
    """Where a page prints a number or date that is none of the analysis, and which.

    Parameters
    ----------
    html
        A page: see `engagement_nb.report.page.to_html`.
    gap
        The analysis that it is of.
    also
        A text whose numbers and dates it may print too, such as a comparison with an earlier run.
    """
    page = BeautifulSoup(html, "html.parser")
    for element in [*page.find_all(["style", "script", "details"]),
                    *page.select(".stamp, nav, footer, h1")]:  # fmt: skip
        element.decompose()
    for name in _LEFT_OUT:
        if (heading := page.select_one(name)) is not None:
            heading.find_parent("section").decompose()
    found: list[str] = []
    more = Allowed()
    more.dates |= {*_DATE.findall(also)}
    more.counts |= {match[0].lstrip("−-") for match in _COUNT.finditer(also)}
    more.percents |= {match[0] for match in [*_RANGE.finditer(also), *_PERCENT.finditer(also)]}

    more = Allowed(more, figures_of(gap))
    for top in page.select(".tops > div"):
        found += _wrong_top(gap, top)
        top.decompose()
    section, may = "first page", more
    for element in page.find_all(["h2", "p", "li", "dl", "figure", "table"]):
        if element.name == "h2":
            section = element.get("id", "")
            may = _of_section(gap, section, Allowed(more))
        elif element.find_parent(["figure", "table", "dl", "li"]) is None:
            if element.name == "figure":
                wrong = _wrong_chart(element, Allowed(may))
            elif element.name == "table":
                wrong = _wrong_table(element, gap, may)
            else:
                wrong = [*may.wrong(element.get_text(" "))]
            found += [f"{section}: {each}" for each in wrong]
    return found + _contradictions(gap, page.get_text(" "))


def _wrong_top(gap: Gap, top: Tag) -> Iterator[str]:
    """What a ranking says wrong of a Tweet: its value, its date, or its rank."""
    tweets = gap.tweets.assign(
        tail=gap.tweets["tweet_id"].astype(str), seen=gap.counts.impressions[0][gap.compared]
    ).set_index("tail")
    by = top.h3.get_text()
    for place in top.find_all("li"):
        link, words = place.find("a"), place.find(["a", "em"]).get_text()
        known = [link["href"].rpartition("/")[2]] if link else [
            name for name in tweets.index if name.endswith(words.removeprefix("Tweet …"))
        ]  # fmt: skip
        row = tweets.loc[known[0]]
        said = {
            "Most engagements": number(row["engagements"]),
            "Most hidden engagements": number(row["hidden"])
            if gap.share.value is not None or row["hidden_least"] == row["hidden_most"]
            else f"{number(row['hidden_least'])} to {number(row['hidden_most'])}",
            "Highest engagement rate": percent(row["engagements"] / max(row["seen"], 1)),
        }[by]
        if gap.share.value is None and row["hidden_least"] == row["hidden_most"]:
            said = said if by != "Most hidden engagements" else number(row["hidden_least"])
        date = row.get("created_at")
        day = "" if date is None or pd.isna(date) else f"{date.tz_convert(gap.zone):%Y-%m-%d}"
        if place.strong.get_text() != said:
            yield f"{by}: {place.strong.get_text()} instead of {said}"
        if place.span.get_text() != day:
            yield f"{by}: {place.span.get_text()} instead of {day}"


def _wrong_chart(figure: Tag, may: Allowed) -> Iterator[str]:
    """Numbers of a chart that are neither in its own figures nor in the analysis."""
    link = figure.find("a", class_="enb-csv")
    if link is not None:
        rows = [*csv.DictReader(io.StringIO(unquote(link["href"].partition(",")[2])))]
        table = pd.DataFrame(rows).apply(pd.to_numeric, errors="coerce").dropna(axis=1, how="all")
        yield from (f"{name} in the CSV" for name in _not_of(table, may))
        may.add(table)
        for row in rows:
            may.dates |= {date for value in row.values() for date in _DATE.findall(value or "")}
        link.decompose()
    for text in figure.select("svg text.s, svg text:not([class])"):
        text.decompose()  # Labels of axes.
    said = [figure.get_text(" "), *(each["aria-label"] for each in figure.select("[aria-label]"))]
    yield from may.wrong(" ".join(said))


def _not_of(table: pd.DataFrame, may: Allowed) -> Iterator[str]:
    """Large counts of a chart's figures that are not in the analysis."""
    for value in _numbers(table):
        if value.is_integer() and abs(value) > 99 and f"{abs(value):,.0f}" not in may.counts:
            yield f"{value:,.0f}"


def _wrong_table(table: Tag, gap: Gap, may: Allowed) -> Iterator[str]:
    """Cells of a table that differ from the analysis; of other tables, numbers that it lacks."""
    head = [cell.get_text() for cell in table.thead.find_all(["th", "td"])]
    rows = [[c.get_text() for c in row.find_all(["th", "td"])] for row in table.tbody("tr")]
    expected: pd.DataFrame | None = None
    if head[:3] == ["metric", "sum", "verdict"]:
        expected = gap.table.set_index("label").rename(
            columns={"posts_above_zero": "Tweets above zero", "tight": "exact fits"}
        )
    elif head[:2] == ["Tweet", "engagements"]:
        key = gap.tweets.columns[0]
        expected = gap.tweets.set_index(gap.tweets[key].astype(str))
    elif head[:1] == ["figure"] and head[1:]:
        names = ["engagements", *gap.counts.names]
        frame = gap.counts.frame[gap.compared].set_index("tweet_id")
        expected = frame.reindex(columns=names).rename(columns=label).T
    if expected is None:
        yield from may.wrong(" ".join(cell for row in rows for cell in row))
        return
    columns = {name: name if name in expected else name.replace(" ", "_") for name in head[1:]}
    for name, *cells in rows:
        for column, cell in zip(head[1:], cells, strict=True):
            value = expected.loc[name, columns[column]]
            said = str(value) if isinstance(value, str) else number(0 if pd.isna(value) else value)
            if cell != said:
                yield f"{name}, {column}: {cell} instead of {said}"


def _contradictions(gap: Gap, said: str) -> list[str]:
    """Sentences that deny what other sentences or the figures say."""
    found = []
    if gap.share.most and "nothing is hidden" in said:
        found.append(f"nothing is hidden, and up to {gap.share.most} are")
    if gap.naive_gap and "no gap to explain" in said:
        found.append("no gap to explain, and the naive gap is not 0")
    if gap.unsettled and "Here engagements are the sum" in said:
        found.append("engagements are a sum, and metrics are undetermined")
    if gap.share.value is None and "confidence interval 0" in said:
        found.append("an interval beside bounds")
    impossible = gap.oddities().set_index("oddity")["tweets"].get("impossible rows", 0)
    if impossible != gap.contradictions:
        found.append(f"{gap.contradictions} Tweets exceed, and oddities say {impossible}")
    if gap.has_times and gap.trend("week")["engagements"].sum() != gap.engagements:
        found.append("a trend does not sum to all engagements")
    return found


def page_of(gap: Gap, *, title: str = "A world") -> str:
    """The page of an analysis, with what notebook 02 shows, but without running it."""
    topics = ("figures", "columns", "evidence", "documents", "confidence", "size", "trend",
              "definitions", "oddities", "meaning")  # fmt: skip
    headings = {
        "figures": "The figures",
        "columns": "What the sum of all columns says",
        "evidence": "The evidence, metric by metric",
        "size": "Where hidden engagement sits",
        "trend": "Over time",
        "definitions": "The usual definitions",
        "oddities": "Oddities in the figures",
        "meaning": "What it means",
    }
    plots = {"columns": gap.plot_tweets, "evidence": gap.plot_evidence,
             "size": lambda: gap.plot_by("size"), "trend": gap.plot_trend,
             "definitions": gap.plot_definitions}  # fmt: skip
    cells = []
    for topic in topics:
        if topic == "trend" and not gap.has_times:
            continue
        if topic in headings:
            cells.append(new_markdown_cell(f"## {headings[topic]}"))
        shown: list[Any] = [gap] if topic == "columns" else []
        shown += [plots[topic]()] if topic in plots else []
        outputs = [new_output("display_data", {"text/html": each._repr_html_()}) for each in shown]
        outputs.append(new_output("display_data", {"text/markdown": gap.reading(topic)}))
        cells.append(new_code_cell("", outputs=outputs))
    first = first_page(gap.to_dict(), gap.facts or {})
    return to_html(new_notebook(cells=cells), {"title": title, "first": first})


def dated(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    """A world with times of posting and impressions."""
    rng = np.random.default_rng(seed)
    hours = pd.to_timedelta(rng.integers(0, 24 * 60, len(frame)), unit="h")
    posted = pd.Timestamp("2026-03-01", tz="UTC") + hours
    shown = (frame["engagements"] * rng.integers(1, 40)).fillna(0)
    return frame.assign(created_at=posted, impressions=shown.astype("Int64"))


def worlds(each: int, seed: int = 0, kinds: Iterable[str] = KINDS) -> Iterator[tuple[str, Gap]]:
    """Analyses of worlds of each kind, with their names."""
    for kind in kinds:
        for k in range(seed, seed + each):
            yield f"{kind} {k}", explore_gap(dated(world(kind, k).frame, k))


def made_files(each: int, seed: int = 0) -> Iterator[tuple[str, Gap]]:
    """Analyses of made files by Post, of each kind in each language: large, small and tiny ones."""
    for kind in ("content", "classic"):
        for language in sorted(layouts.LAYOUTS[kind].keys() - {"names"}):
            for k in range(seed, seed + each):
                rows = layouts.rows(kind, (60, 7, 200, 25)[k % 4], k)
                text = layouts.text(layouts.header(kind, language), rows)
                yield f"{kind} {language} {k}", explore_gap(read_table(io.BytesIO(text.encode())))


@click.command()
@click.option("--each", default=20, show_default=True, help="Worlds, and made files, of each kind.")
@click.option("--seed", default=0, show_default=True, help="Of the first; the others follow.")
def numbers(each: int, seed: int) -> None:
    """Every number of a page against the JSON of its analysis."""
    wrong, kinds = 0, dict[str, int]()
    for name, gap in chain(worlds(each, seed), made_files(each, seed)):
        kinds[gap.share.kind] = kinds.get(gap.share.kind, 0) + 1
        for complaint in wrong_numbers(page_of(gap), gap):
            wrong += 1
            click.echo(f"{name}: {complaint}")
    told = f"{sum(kinds.values())} worlds and made files ({kinds})"
    click.echo(f"{told}: {wrong} wrong numbers")


if __name__ == "__main__":
    numbers()
