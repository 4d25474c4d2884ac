"""``python -m studies.gap_numbers``: every number that a report prints against its ``gap.json``.

On worlds of known truth (`studies.gap_worlds`), all sentences, titles, alternative texts and tables
of an analysis are read as text, and each count and each percentage in them must be a figure of the
JSON, or follow from it by name. Where the share is bounds or unknown, the point that documents
would choose is no such figure: no text may print it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import click
import numpy as np
import pandas as pd
from bs4 import BeautifulSoup

from engagement_nb.gap import Gap, explore_gap
from engagement_nb.gap.firstpage import first_page
from engagement_nb.gap.share import Share
from engagement_nb.words import interval, percent
from studies.gap_worlds import KINDS, world

TOPICS = ("columns", "evidence", "documents", "confidence", "meaning")
_POINTS = ("hidden", "hidden_share", "over_count", "hidden_at_most")
"""What JSON has besides the share, and no text may print if the share has no value."""
_RANGE = re.compile(r"(\d[\d.]*)–(\d[\d.]*) %")
_PERCENT = re.compile(r"(?:under |over )?(\d[\d.]*) %")
_COUNT = re.compile(
    r"(?<![\w.,–−-])[−-]?\d{1,3}(?:,\d{3})+(?![\d.%])|(?<![\w.,–])\d{2,}(?![\w.,%–])"
)


def texts(gap: Gap) -> dict[str, str]:
    """All that is said of an analysis, by where it is said."""
    page = first_page(gap)
    bridge = gap.plot()
    said = {topic: gap.reading(topic) for topic in TOPICS}
    said |= {
        "headline": gap.sentence,
        "first page": " ".join([*page["finding"], *page["means"]]),
        "bridge": f"{bridge.title}. {bridge.alt}",  # type: ignore[union-attr]
        "display": _displayed(gap),
        "card": f"{gap.share.counts} {gap.share.note} {gap.share.short}",
    }
    return {where: re.sub(r"\s+", " ", text) for where, text in said.items()}


def _displayed(gap: Gap) -> str:
    """The text of what a notebook shows, without the labels of axes."""
    page = BeautifulSoup(gap._repr_html_(), "html.parser")
    for label in [*page.select("svg > text"), *page.find_all("style")]:
        label.decompose()
    return page.get_text(" ")


def _numbers(told: Any) -> Iterator[float]:
    if isinstance(told, dict):
        for value in told.values():
            yield from _numbers(value)
    elif isinstance(told, list | tuple):
        for value in told:
            yield from _numbers(value)
    elif isinstance(told, int | float) and not isinstance(told, bool):
        yield told


def allowed(gap: Gap) -> tuple[set[str], set[str]]:
    """Counts, and percentages and ranges of them, that texts may print."""
    told = gap.to_dict()
    share = Share.of_gap(told)
    if share.value is None:
        told = {name: value for name, value in told.items() if name not in _POINTS}
    tweets = gap.tweets
    sums = gap.table["sum"]
    outside = [sums[gap.not_counted].sum(), sums[gap.undetermined].sum()]
    signs = [int(np.sign(tweets["naive_gap"]).eq(sign).sum()) for sign in (-1, 0, 1)]
    lacking = int(gap.counts.judged.sum()) - gap.posts
    level = [gap.level * 100, round((1 - gap.level) * 100, 6), 20]
    sizes = [len(gap.counts), lacking, len(gap.counted), len(gap.verdicts)]
    integers = {*_numbers(told), *outside, *signs, *level, *sizes}
    counts = {f"{abs(value):,.0f}" for value in integers if float(value).is_integer()}
    counts |= {number.replace(",", "") for number in counts}
    shares = {value for value in _numbers(told) if 0 <= value <= 1}
    shares |= {gap.level, 1 - gap.level, *gap.table["contradicted_share"].dropna()}
    percents = {re.sub(r"^(under|over) ", "", percent(s, d)) for s in shares for d in (0, 1, 2)}
    for low, high in ((share.low, share.high), gap.hidden_interval or (None, None)):
        percents |= {interval(low, high)} if low is not None else set()
    return counts, percents | {f"{gap.level * 100:g} %"}


def wrong_numbers(gap: Gap) -> list[str]:
    """Where a text prints a number that is none of the analysis, and which."""
    counts, percents = allowed(gap)
    found = []
    for where, text in texts(gap).items():
        for match in _RANGE.finditer(text):
            if match[0] not in percents:
                found.append(f"{where}: {match[0]}")
        rest = _RANGE.sub(" ", text)
        for match in _PERCENT.finditer(rest):
            if f"{match[1]} %" not in percents:
                found.append(f"{where}: {match[0]}")
        for match in _COUNT.finditer(_PERCENT.sub(" ", rest)):
            if match[0].lstrip("−-") not in counts:
                found.append(f"{where}: {match[0]}")
    return found + _contradictions(gap)


def _contradictions(gap: Gap) -> list[str]:
    """Sentences that deny what other sentences or the figures say."""
    said = texts(gap)
    all_of_it = " ".join(said.values())
    found = []
    if gap.share.most and "nothing is hidden" in all_of_it:
        found.append(f"nothing is hidden, and up to {gap.share.most} are")
    if gap.naive_gap and "no gap to explain" in all_of_it:
        found.append("no gap to explain, and the naive gap is not 0")
    if gap.unsettled and "Here engagements are the sum" in all_of_it:
        found.append("engagements are a sum, and metrics are undetermined")
    if gap.share.value is None and "confidence interval" in said["headline"]:
        found.append("an interval beside bounds")
    impossible = gap.oddities().set_index("oddity")["tweets"].get("impossible rows", 0)
    if impossible != gap.contradictions:
        found.append(f"{gap.contradictions} Tweets exceed, and oddities say {impossible}")
    if gap.has_times and (table := gap.trend("week"))["hidden"].sum() != gap.hidden:
        found.append(f"a trend hides {table['hidden'].sum()}, and all hide {gap.hidden}")
    return found


def dated(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    """A world with times of posting and impressions."""
    rng = np.random.default_rng(seed)
    hours = pd.to_timedelta(rng.integers(0, 24 * 60, len(frame)), unit="h")
    posted = pd.Timestamp("2026-03-01", tz="UTC") + hours
    shown = (frame["engagements"] * rng.integers(1, 40)).fillna(0)
    return frame.assign(created_at=posted, impressions=shown.astype("Int64"))


@click.command()
@click.option("--worlds", default=200, show_default=True, help="Worlds of each kind.")
@click.option("--seed", default=0, show_default=True, help="Of the first; the others follow.")
def numbers(worlds: int, seed: int) -> None:
    """Every number that texts print against the JSON of the analysis."""
    wrong = 0
    kinds: dict[str, int] = {}
    for kind in KINDS:
        for number in range(seed, seed + worlds):
            gap = explore_gap(dated(world(kind, number).frame, number))
            kinds[gap.share.kind] = kinds.get(gap.share.kind, 0) + 1
            for complaint in wrong_numbers(gap):
                wrong += 1
                click.echo(f"{kind} {number}: {complaint}")
    click.echo(f"{worlds * len(KINDS)} worlds ({kinds}): {wrong} wrong numbers")


if __name__ == "__main__":
    numbers()
