"""Each number and date of finished reports is that of their `gap.json`: `studies.gap_numbers`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from bs4 import BeautifulSoup

import engagement_nb as enb
from engagement_nb.gap import Gap, explore_gap
from engagement_nb.gap.share import Share
from engagement_nb.report.index import index_html
from engagement_nb.report.look import Look
from engagement_nb.report.make import make_report
from engagement_nb.report.publish import read_record
from engagement_nb.store import Store
from studies.gap_numbers import figures_of, made_files, page_of, wrong_numbers
from tests.report.report_inputs import export
from tests.tables import export_files, kinds


def explored(place: Path, zone: str | None = None) -> Gap:
    with enb.connect(str(place)) as source:
        return explore_gap(source.gather(beside=False)[0], zone=zone)


def told(folder: Path) -> dict[str, object]:
    return json.loads((folder / "gap.json").read_text())


def as_json(gap: Gap) -> dict[str, object]:
    return json.loads(json.dumps(gap.to_dict()))


@pytest.mark.parametrize(
    ("kind", "zone", "code"), [("content", "", False), ("classic", "Asia/Tokyo", True)]
)
def test_a_report_of_a_file_prints_the_figures_of_its_json(
    kind: str, zone: str, code: bool, tmp_path: Path
) -> None:
    text = kinds.text(kinds.header(kind), kinds.rows(kind, 40, seed=5))
    file, out = export_files.write(tmp_path, text), tmp_path / "out"
    made = make_report(str(file), out=out, parameters={"zone": zone}, look=Look(code=code))
    gap = explored(file, zone or None)
    assert told(out) == as_json(gap)
    assert wrong_numbers((out / "report.html").read_text(), gap) == []
    markdown = made.to_markdown()
    assert [*figures_of(gap).wrong(markdown)] == []
    assert gap.share.point in markdown


def test_a_report_of_a_week_of_a_zone_prints_its_days_and_its_figures(tmp_path: Path) -> None:
    """Kathmandu's midnight is within an hour of UTC."""
    given = {"seed": 7, "now": "2026-11-02", "tweets": 3000, "count": 40, "period": "last week",
             "zone": "Asia/Kathmandu"}  # fmt: skip
    make_report("sandbox", out=tmp_path, parameters=given)
    with enb.connect(str(tmp_path / "dataset")) as source:
        figures, totals = source.gather(by="day", zone="Asia/Kathmandu", period="last week")
    gap = explore_gap(figures, zone="Asia/Kathmandu")
    found = told(tmp_path)
    split = gap.against_totals(totals)
    assert found.pop("totals")["tweets"] == split.tweets
    page = found["page"]
    assert page == as_json(gap)["page"]
    assert page["period"] == "2026-10-26 to 2026-11-01 (Asia/Kathmandu)"
    assert [row["begins"][-5:] for row in page["trend"]["rows"]] == [
        "10-26", "10-27", "10-28", "10-29", "10-30", "10-31", "11-01",
    ]  # fmt: skip
    html = (tmp_path / "report.html").read_text()
    given_by_totals = f"{split.engagements - split.gap_in_totals:,}"
    assert wrong_numbers(html, gap, also=f"{split} {split.plot().title} {given_by_totals}") == []


def test_a_second_run_its_markdown_and_the_index_print_the_same_figures(tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = pd.read_csv(file := export(tmp_path))
    gaps = []
    for changed in (0, 9):
        first.assign(Engagements=first["Engagements"] + changed).to_csv(file, index=False)
        make_report(str(file), out=out)
        gaps.append(explored(file))
    comparison = enb.compare(*gaps, names=("last run", "this run"))
    record = read_record(Store(out))
    also = f"{comparison!r} {comparison.short} {record['previous']['made_at'][:10]}"
    page = BeautifulSoup((out / "report.html").read_text(), "html.parser")
    assert comparison.short in page.find(class_="change").text
    assert wrong_numbers(str(page), gaps[1], also=also) == []
    index = index_html([record], title="W", made_at=datetime(2026, 1, 5, tzinfo=UTC))
    cells = [
        cell.find(string=True) for cell in BeautifulSoup(index, "html.parser").tbody.find_all("td")
    ]
    share = Share.from_dict(told(out)["share"])
    assert [cells[1], cells[2], cells[3] or "–", cells[4]] == [
        f"{share.whole:,}", share.point, share.limits or "–", share.counts,
    ]  # fmt: skip


def test_a_report_on_a_month_of_a_file_takes_verdicts_from_the_whole_file(tmp_path: Path) -> None:
    rows = kinds.rows("content", 285, seed=5)
    file = export_files.write(tmp_path, kinds.text(kinds.header("content"), rows))
    make_report(str(file), out=tmp_path / "out", parameters={"posted": "2025-03"})
    with enb.connect(str(file)) as source:
        month, whole = source.totals(posted="2025-03"), source.totals()
    gap = explore_gap(month, history=whole)
    assert gap.counted == explore_gap(whole).counted != explore_gap(month).counted
    html = (tmp_path / "out" / "report.html").read_text()
    assert "settled on 285 Tweets of a longer history" in html
    # The table of files is of the whole file.
    with enb.connect(str(file)) as source:
        sums = source.tables.summary()[["impressions", "engagements"]].sum()
    files = f"{sums['impressions']:,} {sums['engagements']:,} {whole.facts()['period']} 285"
    assert wrong_numbers(html, gap, also=files) == []


def test_pages_of_made_files_of_each_kind_and_language_print_the_figures_of_their_json() -> None:
    """Of one size for each; `studies.gap_numbers` tries many."""
    seen = []
    for name, gap in made_files(1):
        seen.append(name)
        assert wrong_numbers(page_of(gap), gap) == [], name
    assert {"content ja 0", "content de 0", "classic fr 0", "classic pt 0"} <= {*seen}
