"""Texts from outside: in a page they are text, and the page makes no request."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from engagement_nb import cli
from engagement_nb.charts.tables import Notes, table_html
from engagement_nb.report.index import index_html
from engagement_nb.report.page import script, to_html
from engagement_nb.report.safe import safe_html
from tests.browser import browser
from tests.report.report_inputs import export, quick_notebooks
from tests.tables import export_files, kinds

__all__ = ["browser"]

AWAY = "http://127.0.0.1:18999"
PAYLOADS = [
    f'<meta http-equiv="refresh" content="0;url={AWAY}/meta">',
    f'<form action="{AWAY}/form"><input name="x" autofocus onfocus="this.form.submit()"></form>',
    f"![x]({AWAY}/markdown)",
    f'<img src="{AWAY}/img" srcset="{AWAY}/set" onerror="alert(1)">',
    f'<p style="background:url({AWAY}/style)">x</p>',
    f'<svg><image href="{AWAY}/svg"/><use href="{AWAY}/use#x"/></svg>',
    f'<link rel="stylesheet" href="{AWAY}/link"><base href="{AWAY}/">',
    f'<iframe src="{AWAY}/frame"></iframe><video src="{AWAY}/video" autoplay></video>',
    f"<style>@import '{AWAY}/css'; body{{background:url({AWAY}/b)}}</style>",
    f"<script>fetch('{AWAY}/script')</script>",
    f'<table background="{AWAY}/table"><tr><td background="{AWAY}/td">x</td></tr></table>',
    f'</p></div></main><object data="{AWAY}/object"></object>',
]
MARK = "MARKED"
LOADING = ["form", "iframe", "object", "embed", "base", "video", "input", "image", "audio", "link",
           "script"]  # fmt: skip
ALL = MARK + "".join(PAYLOADS)


def loading(page: BeautifulSoup) -> list[str]:
    """Elements and attributes of a page that may load, run or send something."""
    found = [
        tag.name
        for tag in page.find_all(LOADING)
        if not (tag.name == "link" and tag.get("href") == "data:,")
        if not (tag.name == "script" and tag.string == script()[0])
    ]
    for tag in page.find_all(True):
        for name, value in tag.attrs.items():
            if name.startswith("on") or (name == "http-equiv" and "Content" not in str(value)):
                found.append(f"{tag.name} {name}")
            if name in ("src", "srcset", "background", "data", "action", "poster", "href"):
                text = str(value)
                if tag.name != "a" and not text.startswith(("data:", "#")):
                    found.append(f"{tag.name} {name}={text}")
            if name == "style" and "url" in str(value):
                found.append(f"{tag.name} style")
    return found


def page_of_payloads() -> str:
    """A page with the payloads by every road that a page has."""
    frame = pd.DataFrame({ALL: [ALL, "1"], "n": [1, 2]}, index=pd.Index([ALL, "b"], name=ALL))
    outputs = [
        new_output("display_data", {"text/markdown": ALL}),
        new_output("display_data", {"text/html": table_html(frame)}),
        new_output("display_data", {"text/html": frame.to_html()}),
        new_output("display_data", {"text/html": frame.to_html(escape=False)}),
        new_output("display_data", {"text/html": Notes([ALL])._repr_html_()}),
        new_output("display_data", {"text/html": ALL}),
        new_output("display_data", {"text/plain": ALL}),
        new_output("display_data", {"text/latex": ALL}),
        new_output("display_data", {"image/png": ALL}, metadata={"image/png": {"alt": ALL}}),
        new_output("stream", name="stdout", text=ALL),
        new_output("stream", name="stderr", text=ALL),
        new_output("error", ename=ALL, evalue=ALL, traceback=[ALL]),
    ]
    cells = [new_code_cell(f"# {ALL}", outputs=[output]) for output in outputs]
    cells.append(new_markdown_cell(f"## Heading {ALL}"))
    tweet = {"value": ALL, "text": ALL, "posted": ALL, "href": "https://x.com/" + ALL}
    page = {
        "title": ALL, "subtitle": ALL, "made": [(ALL, [ALL])], "failure": ALL, "footer": ALL,
        "problems": [dict.fromkeys(("reason", "tweets", "missing", "advice"), ALL)],
        "first": {"account": ALL, "period": ALL, "finding": [ALL], "means": [ALL], "since": ALL,
                  "figures": [(ALL, ALL, ALL)], "top": [(ALL, [tweet])]},
    }  # fmt: skip
    return to_html(new_notebook(cells=cells), page)


def test_every_road_to_a_page_ends_in_text():
    """Nothing of a payload becomes an element that loads, runs or sends something."""
    page = BeautifulSoup(page_of_payloads(), "html.parser")
    assert loading(page) == []
    assert page.h1.text == ALL
    # Each road shows the text, and none loses it.
    assert page.main.text.count(MARK) >= 20


@pytest.mark.parametrize("payload", PAYLOADS)
def test_safe_html_loads_nothing(payload):
    """In whatever element a payload is, and also if the HTML is not closed."""
    for html in (
        payload,
        f"<div><p>{payload}",
        f"<table><tr><td>{payload}",
        f"<b title='{payload}",
    ):
        assert loading(BeautifulSoup(safe_html(html), "html.parser")) == []


def test_of_an_unknown_element_its_text_is_left_and_of_a_script_nothing():
    html = "<odd>kept</odd><script>dropped</script><a href='data:text/csv,a%0A1'>b</a>"
    assert safe_html(html) == 'kept<a href="data:text/csv,a%0A1">b</a>'


def test_safe_html_of_safe_html_is_the_same():
    """So a table that a notebook made accessible is the same on the page."""
    frame = pd.DataFrame({"metric": ["likes", "<b>"], "sum": [1, 2]}).set_index("metric")
    once = table_html(frame)
    assert safe_html(once) == once
    assert 'scope="row"' in once
    assert "&lt;b&gt;" in once


def test_what_is_nested_without_end_is_shown_and_items_need_no_end():
    for start in ("<b>", "<table><tr><td>"):
        assert ">x<" in safe_html(start * 3000 + "x")
    assert safe_html("<ul>" + "<li>x" * 500 + "</ul>").count("<li>") == 500


def names_of_payloads(folder):
    """A folder of exports whose names, columns and cells are payloads."""
    odd = folder / '<img src="x" onerror="alert(1)"> MARKED folder'
    odd.mkdir(parents=True)
    body = kinds.rows("content", 40)
    text = kinds.text(kinds.header("content"), body)
    export_files.write(odd, text, '<img src="x" onerror="alert(1)"> MARKED.csv')
    header = ",".join('"' + each.replace('"', '""') + '"' for each in PAYLOADS)
    cells = ",".join("1" * len(PAYLOADS))
    export_files.write(odd, f"{header}\n{cells}\n", '<svg onload="x"> MARKED.csv')
    return odd


def test_a_report_of_a_strangers_files_shows_their_names_as_text(tmp_path):
    """Names of files and folders, a title, a subtitle and a logo."""
    logo = tmp_path / "logo.svg"
    logo.write_text(f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{AWAY}/logo"/></svg>')
    out = tmp_path / "out"
    words = ["report", str(names_of_payloads(tmp_path)), "-o", str(out), "--title", ALL,
             "--subtitle", ALL, "--logo", str(logo)]  # fmt: skip
    assert cli.run(words) == 0
    page = BeautifulSoup((out / "report.html").read_text(), "html.parser")
    assert loading(page) == []
    assert page.h1.text == ALL
    assert "MARKED.csv" in page.text
    assert re.search(r"MARKED folder", page.find(id="how-made").find_parent("section").text)


def test_a_parameter_and_an_error_are_text(tmp_path):
    """What a notebook raises and what it is given."""
    notebooks, out = quick_notebooks(tmp_path / "notebooks"), tmp_path / "out"
    (tmp_path / "m.csv").write_text(
        'name,export,then,title\na,export.csv,"raise enb.EngagementError(\'\'\'' +
        ALL.replace("'", '"').replace('"', '""') + "''')\",x\n"
    )  # fmt: skip
    export(tmp_path)
    words = ["batch", str(tmp_path / "m.csv"), "-o", str(out), "--notebooks", str(notebooks)]
    assert cli.run([*words, "--no-progress"]) == 1
    for path in (out / "reports" / "a" / "report.html", out / "index.html"):
        page = BeautifulSoup(path.read_text(), "html.parser")
        assert loading(page) == []
        assert MARK in page.find(class_="failure").text


def test_a_page_of_payloads_makes_no_request_without_its_policy(browser, tmp_path):
    """The policy of the page is the second guard, not the only one."""
    record = {"name": ALL, "title": ALL, "folder": "a", "status": "failed", "error": ALL,
              "files": {"report.html": 1, ALL: 1}, "figures": {}, "problems": []}  # fmt: skip
    index = index_html([record], title=ALL, made_at=datetime(2026, 1, 5, tzinfo=UTC))
    for name, html in (("page.html", page_of_payloads()), ("index.html", index)):
        path = tmp_path / name
        path.write_text(re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html))
        browser.open(path)
        assert browser.requests == []
        assert browser.evaluate("location.protocol") == "file:"
    assert json.dumps(record)
