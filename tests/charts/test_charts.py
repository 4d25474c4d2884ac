"""Charts: one drawing for every width, with titles, texts and figures that others can read."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from engagement_nb.charts import bridge, hidden_by
from engagement_nb.charts.marks import Axis, days
from engagement_nb.errors import InputError
from engagement_nb.gap import explore_gap
from engagement_nb.gap.share import Share
from tests.gap.accounts import account, as_metrics, in_two_days

PLOTS = {
    "bridge": lambda gap, **on: gap.plot(**on),
    "tweets": lambda gap, **on: gap.plot_tweets(**on),
    "evidence": lambda gap, **on: gap.plot_evidence(**on),
    "size": lambda gap, **on: gap.plot_by("size", **on),
    "content": lambda gap, **on: gap.plot_by("content", **on),
    "definitions": lambda gap, **on: gap.plot_definitions(**on),
    "growth": lambda gap, **on: gap.plot_growth(**on),
    "trend": lambda gap, **on: gap.plot_trend(**on),
}


def gap_of(source: str):
    frame = account(60)
    frame["created_at"] = pd.Timestamp("2026-05-01", tz="UTC")
    return explore_gap(as_metrics(in_two_days(frame), source=source, by="day"))


@pytest.fixture(scope="module")
def gap():
    return gap_of("export")


@pytest.mark.parametrize("name", PLOTS)
def test_each_chart_says_its_numbers_in_its_alternative_text(gap, name):
    chart = PLOTS[name](gap)
    assert re.search(r"\d", chart.alt)
    assert chart.alt.endswith(".")
    assert "nan" not in chart.alt + chart.title
    assert repr(chart) == chart.alt


@pytest.mark.parametrize("name", PLOTS)
def test_a_chart_is_one_drawing_without_a_fixed_width_and_text_is_text(gap, name):
    html = PLOTS[name](gap).html()
    page = BeautifulSoup(html, "html.parser")
    (drawing,) = page.find_all("svg", recursive=False) or page.figure.find_all(
        "svg", recursive=False
    )
    assert drawing["width"] == "100%"
    assert "viewbox" not in drawing.attrs
    assert page.find("img") is None
    assert len(drawing.find_all("text")) > 2
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", html)
    assert len(html) < 40_000


@pytest.mark.parametrize("name", PLOTS)
def test_texts_take_the_color_of_the_page_so_that_a_dark_page_is_dark(gap, name):
    svg = PLOTS[name](gap).svg()
    assert ".enb text{fill:currentColor" in svg
    assert not re.search(r"#(fff|000|222)", svg.replace("var(--jp-layout-color0,#fff)", ""), re.I)


@pytest.mark.parametrize("name", sorted({*PLOTS} - {"tweets"}))
def test_marks_say_their_figures_on_hover_and_on_focus(gap, name):
    page = BeautifulSoup(PLOTS[name](gap).svg(), "html.parser")
    marks = page.find_all("g", tabindex="0")
    assert marks
    for mark in marks:
        assert mark.title.text == mark["aria-label"]
        assert re.search(r"\d", mark.title.text)


@pytest.mark.parametrize("name", PLOTS)
def test_the_figures_behind_a_chart_are_a_csv_file(gap, name):
    link = BeautifulSoup(PLOTS[name](gap).html(), "html.parser").find("a")
    kind, _, text = link["href"].partition(",")
    assert (kind, link["download"][-4:]) == ("data:text/csv;charset=utf-8", ".csv")
    table = pd.read_csv(io.StringIO(unquote(text)))
    assert len(table)
    assert len(table.columns) > 1


def test_the_bridge_says_its_figures(gap):
    chart = gap.plot()
    for figure in (gap.sum_of_metrics, gap.over_count, gap.hidden, gap.engagements):
        assert f"{figure:,}" in chart.alt
        assert f"{figure:,}" in chart.svg()
    assert chart.title == f"{gap.share.point} of engagements match no metric"


def test_a_bridge_of_bounds_has_ranges_and_no_point():
    figures = (np.array([part] * 40) for part in (5, 0, 30, 100))
    share = Share.of(*figures, undetermined=("favorites",))
    chart = bridge(share, 3800, (100, 1300), 0)
    assert "+0 to 1,200" in chart.alt
    assert chart.title == "0.0–30.0 % of engagements match no metric"
    assert "stroke-dasharray" in chart.svg(), "what may be hidden is drawn differently"
    assert ">200<" not in chart.svg(), "the point that documents would choose"


def test_groups_of_one_tweet_are_named_and_not_drawn(gap):
    table = gap.by("size")
    table.loc["alone"] = table.iloc[0].to_dict() | {"tweets": 1}
    chart = hidden_by(table, "Hidden share by size", overall=gap.share)
    assert "alone" not in chart.svg().split("</style>")[1]
    assert chart.alt.endswith("because they have one Tweet: 1,000–9,999 and alone.")


def test_sandbox_charts_are_stamped_and_others_are_not(gap):
    sandbox = gap_of("sandbox")
    for name, plot in PLOTS.items():
        made_up = plot(sandbox)
        assert ">SANDBOX DATA<" in made_up.svg(), name
        assert made_up.alt.startswith("SANDBOX DATA. ")
        assert "SANDBOX" not in plot(gap).html()


def test_the_same_figures_draw_the_same_picture(gap):
    assert gap.plot_tweets().svg() == gap.plot_tweets().svg()


@pytest.mark.parametrize("name", PLOTS)
def test_a_chart_is_drawn_on_axes_of_ones_own(gap, name):
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    assert PLOTS[name](gap, ax=axes) is axes
    assert axes.get_title(loc="left") == PLOTS[name](gap).title
    inner = [axes, *axes.child_axes]
    assert any(ax.patches or ax.lines or ax.collections for ax in inner)


def test_a_chart_is_saved_as_svg_or_by_matplotlib(gap, tmp_path):
    gap.plot().save(tmp_path / "a.svg")
    gap.plot_trend().save(tmp_path / "a.png")
    assert (tmp_path / "a.svg").read_text().startswith("<svg xmlns=")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match=r"a\.gif"):
        gap.plot().save(tmp_path / "a.gif")


def test_drawing_loads_no_matplotlib(gap):
    code = (
        "import sys, pandas as pd, engagement_nb as enb;"
        "gap = enb.explore_gap(pd.DataFrame({'engagements': range(40), 'favorites': range(40)}));"
        "gap.plot().html(); sys.exit('matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 3), (-40, 7), (0, 2_370_764), (0, 0.07)])
def test_labels_of_an_axis_are_few_round_and_within_it(low, high):
    ticks = Axis(low, high).ticks(5) if high > 1 else Axis(low, high, str).ticks(5)
    assert 2 <= len(ticks) <= 6
    assert low <= ticks[0] <= ticks[-1] <= high * (1 + 1e-9)
    assert Axis(low, high).at([low, high]).tolist() == [0, 1]


def test_an_axis_of_dates_has_the_year_first_and_where_it_changes():
    weeks = pd.date_range("2024-12-16", periods=4, freq="7D")
    assert days(weeks, "week") == ("Dec 16\n2024", "Dec 23", "Dec 30", "Jan 6\n2025")
    assert days(weeks[:1], "month") == ("Dec\n2024",)
