"""Reports of export files: each figure says which kind of file it is from."""

from __future__ import annotations

import json

import pytest
from bs4 import BeautifulSoup

from engagement_nb import cli
from tests.exports import kinds
from tests.exports.export_files import write

NBSP = "\N{NO-BREAK SPACE}"


def test_a_mixed_folder_gives_one_report_with_each_figure_by_its_kind(tmp_path, capsys):
    folder, out = tmp_path / "files", tmp_path / "out"
    folder.mkdir()
    content = kinds.mixed(folder)
    assert cli.run(["report", str(folder), "-o", str(out)]) == 0
    html = (out / "report.html").read_text()
    for kind in ("content", "classic", "overview", "video", "videos"):
        assert f'scope="row">{kind}</th>' in html
    assert f">{sum(int(row[6]) for row in content):,}</td>" in html
    assert "The content files alone: 60 Tweets have" in html
    assert "The classic files alone: 40 Tweets have" in html
    assert "the overview files count" in html
    assert "60 more Tweets have no figure for" in capsys.readouterr().err


def test_each_account_of_a_folder_gets_a_report_in_a_folder_of_its_own(tmp_path, capsys):
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
            ["Days", "Posts", "Impressions", "Engagements", "New follows", "Engagement rate"],
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
def test_an_overview_or_a_video_file_alone_gets_totals_and_a_trend_and_no_claim(
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
    assert "every Tweet asked for" not in page.text
    assert str(tmp_path) not in html
    assert json.loads((out / "days.json").read_text())["sentence"] in page.text.replace(NBSP, " ")
    assert not (out / "gap.json").exists()
