"""Reports of export files: each figure says which kind of file it is from."""

from __future__ import annotations

import json

from engagement_nb import cli
from tests.exports import kinds
from tests.exports.export_files import write


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
