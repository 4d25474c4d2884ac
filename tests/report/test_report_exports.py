"""Reports of export files: each figure says which kind of file it is from."""

from __future__ import annotations

from engagement_nb import cli
from tests.exports import kinds


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
