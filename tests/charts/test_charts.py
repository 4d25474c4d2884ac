from __future__ import annotations

import base64
import re

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from engagement_nb.charts import alt_text, figure_html
from engagement_nb.gap import explore_gap
from tests.gap.accounts import account, as_metrics, in_two_days

PLOTS = {
    "bridge": lambda gap: gap.plot_bridge(),
    "tweets": lambda gap: gap.plot_tweets(),
    "evidence": lambda gap: gap.plot_evidence(),
    "size": lambda gap: gap.plot_by("size"),
    "content": lambda gap: gap.plot_by("content"),
    "definitions": lambda gap: gap.plot_definitions(),
    "growth": lambda gap: gap.plot_growth(),
}


def gap_of(source: str):
    frame = account(60)
    frame["created_at"] = pd.Timestamp("2026-05-01", tz="UTC")
    return explore_gap(as_metrics(in_two_days(frame), source=source, by="day"))


@pytest.fixture
def gap():
    return gap_of("export")


@pytest.mark.parametrize("name", PLOTS)
def test_each_figure_has_an_alternative_text_with_numbers(gap, name):
    alt = alt_text(PLOTS[name](gap))
    assert re.search(r"\d", alt)
    assert alt.endswith(".")
    assert "nan" not in alt


@pytest.mark.parametrize("name", PLOTS)
def test_text_stays_text_and_no_figure_is_large(gap, name):
    svg = PLOTS[name](gap).svg()
    assert "<text" in svg
    assert len(svg) < 200_000
    assert "DejaVu" not in svg.split("<style")[0]


def test_the_bridge_says_its_figures(gap):
    alt = alt_text(gap.plot_bridge())
    for figure in (gap.sum_of_metrics, gap.over_count, gap.hidden, gap.engagements):
        assert f"{figure:,}" in alt
        assert f"{figure:,}" in gap.plot_bridge().svg()


def test_sandbox_figures_are_stamped_and_others_are_not(gap):
    sandbox = gap_of("sandbox")
    for name, plot in PLOTS.items():
        made_up = plot(sandbox)
        assert "SANDBOX DATA" in made_up.svg(), name
        assert alt_text(made_up).startswith("SANDBOX DATA. ")
        assert "SANDBOX" not in plot(gap).svg()


def test_html_holds_two_pictures_and_makes_no_network_requests(gap):
    soup = BeautifulSoup(figure_html(gap.plot_evidence()), "html.parser")
    image, narrow = soup.find("img"), soup.find("source")
    assert image["alt"] == alt_text(gap.plot_evidence())
    assert "max-width" in narrow["media"]
    widths = []
    for address in (image["src"], narrow["srcset"]):
        kind, _, data = address.partition(",")
        assert kind == "data:image/svg+xml;base64"
        widths.append(float(re.search(r'width="([\d.]+)pt"', base64.b64decode(data).decode())[1]))
    assert widths[0] > 1.8 * widths[1]


def test_the_same_figures_draw_the_same_picture(gap):
    assert gap.plot_tweets().svg() == gap.plot_tweets().svg()


def test_drawing_leaves_no_trace_in_pyplot(gap):
    import matplotlib
    from matplotlib import pyplot

    before = dict(matplotlib.rcParams)
    gap.plot_bridge().svg()
    assert pyplot.get_fignums() == []
    assert dict(matplotlib.rcParams) == before


def test_a_figure_shows_itself_in_a_notebook_with_its_alternative_text(gap, monkeypatch):
    import IPython.display

    shown = []
    monkeypatch.setattr(IPython.display, "display", lambda *a, **k: shown.append((a, k)))
    gap.plot_bridge()._ipython_display_()
    (((bundle,), options),) = shown
    assert options["raw"]
    assert "alt=" in bundle["text/html"]
    assert bundle["text/plain"] == alt_text(gap.plot_bridge())
