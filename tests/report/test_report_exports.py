"""Reports on export files of each kind."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from engagement_nb import cli
from tests.tables import kinds
from tests.tables.export_files import write

NBSP = "\N{NO-BREAK SPACE}"


def test_a_folder_with_several_kinds_of_files_gives_one_report(tmp_path, capsys):
    """It is small enough to be sent."""
    folder, out = tmp_path / "files", tmp_path / "out"
    folder.mkdir()
    content = kinds.mixed(folder)
    assert cli.run(["report", str(folder), "-o", str(out)]) == 0
    html = (out / "report.html").read_text()
    assert len(html.encode()) < 500_000
    rows = {row.text for row in BeautifulSoup(html, "html.parser").find_all("th", scope="row")}
    assert {"content", "classic", "overview", "video", "videos"} <= rows
    assert f">{sum(int(row[6]) for row in content):,}</td>" in html
    assert "The content files alone: 60 Tweets have" in html
    assert "The classic files alone: 40 Tweets have" in html
    assert "the overview files count" in html
    assert "60 more Tweets have no figure for" in capsys.readouterr().err


def test_each_account_of_a_folder_gets_its_own_report(tmp_path, capsys):
    folder, out = tmp_path / "files", tmp_path / "out"
    folder.mkdir()
    for number, handle in enumerate(("ann", "bob")):
        body = kinds.rows("content", 30 + number, seed=number, handle=handle)
        write(folder, kinds.text(kinds.header("content"), body), f"{handle}.csv")
    command = ["report", str(folder), "--by", "account", "-o", str(out), "--json"]
    assert cli.run(command) == 0
    made = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["folder"] for each in made] == [f"{out}/bob", f"{out}/ann"]
    assert [each["gap"]["posts"] for each in made] == [31, 30]
    assert "@bob" in (out / "bob" / "report.html").read_text()


@pytest.mark.parametrize(
    ("name", "text", "cards", "no_claim"),
    [
        (
            "account_overview_analytics.csv",
            kinds.text(kinds.header("overview"), kinds.rows("overview", 30)),
            ["Days", "Impressions", "Engagements", "Engagement rate"],
            "it cannot tell what is hidden",
        ),
        (
            "video_overview_analytics.csv",
            kinds.VIDEO.format(link="https://x.com/somebody/status/1886483849795768598"),
            ["Days", "Video views", "Watched to the end"],
            "A video file has no engagements",
        ),
    ],
)
def test_an_overview_or_video_file_gets_totals_and_a_trend_without_a_gap(
    tmp_path, capsys, name, text, cards, no_claim
):
    out = tmp_path / "out"
    assert cli.run(["report", str(write(tmp_path, text, name)), "-o", str(out)]) == 0
    assert no_claim in capsys.readouterr().err
    html = (out / "report.html").read_text()
    page = BeautifulSoup(html, "html.parser")
    assert [term.text for term in page.find(class_="figures").find_all("dt")] == cards
    assert "Over time" in [heading.text for heading in page.find_all("h2")]
    assert "Naive gap" not in page.text
    assert "every requested Tweet" not in page.text
    assert str(tmp_path) not in html
    assert json.loads((out / "days.json").read_text())["sentence"] in page.text.replace(NBSP, " ")
    assert not (out / "gap.json").exists()
    for name in ("days", "metrics"):
        table = pd.read_parquet(out / f"{name}.parquet")
        assert len(table) == len(pd.read_csv(out / f"{name}.csv")) > 1
    assert not (out / "tweets.csv").exists()


def test_a_batch_row_of_an_overview_file_gets_the_report_by_day(tmp_path, capsys):
    """It stands in the index with its engagements, beside a report on files by Post."""
    write(tmp_path, kinds.text(kinds.header("overview"), kinds.rows("overview")), "overview.csv")
    write(tmp_path, kinds.text(kinds.header("content"), kinds.rows("content")), "content.csv")
    text = "name,export,by\ndays,overview.csv,\nposts,content.csv,\n"
    manifest = write(tmp_path, text, "m.csv")
    assert cli.run(["batch", str(manifest), "-o", str(tmp_path / "out")]) == 0
    days = tmp_path / "out" / "reports" / "days"
    assert {path.name for path in days.iterdir()} == {
        "05_account_by_day.ipynb", "days.csv", "days.json", "days.parquet", "made.json",
        "metrics.csv", "metrics.parquet", "report.html",
    }  # fmt: skip
    answer = json.loads((days / "days.json").read_text())
    assert "cannot tell what is hidden" in answer["sentence"]
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    made = {each["name"]: each for each in summary["each"]}
    assert made["days"]["engagements"] == answer["sums"]["engagements"]
    assert "hidden" in made["posts"]
    assert "hidden" not in made["days"]
    index = BeautifulSoup((tmp_path / "out" / "index.html").read_text(), "html.parser")
    assert f"{answer['sums']['engagements']:,}" in index.text
