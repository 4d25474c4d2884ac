"""The HTML of reports: content and accessibility, also in a browser if there is one."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime
from importlib import resources
from itertools import pairwise

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from engagement_nb.gap import explore_gap
from engagement_nb.gap.share import Share
from engagement_nb.report.compose import first_page
from engagement_nb.report.index import index_html
from engagement_nb.report.look import Look
from engagement_nb.report.make import make_report
from engagement_nb.report.page import script, to_html
from engagement_nb.report.pdf import find_browser
from tests.browser import browser
from tests.gap.accounts import account, as_metrics
from tests.report.report_inputs import export

__all__ = ["browser"]

# One browser, and one worker makes the reports.
pytestmark = pytest.mark.xdist_group("web")

TABLE = (
    '<div><style scoped>.dataframe tbody tr th {}</style><table border="1" class="dataframe">'
    '<thead><tr style="text-align: right;"><th></th><th>sum</th><th>why</th></tr>'
    "<tr><th>metric</th><th></th><th></th></tr></thead>"
    "<tbody><tr><th>likes</th><td>−1,234</td><td>it fits</td></tr></tbody></table></div>"
)


def notebook(*cells):
    made = [
        new_markdown_cell(cell) if isinstance(cell, str) else new_code_cell("1 + 1", outputs=[cell])
        for cell in cells
    ]
    return new_notebook(cells=made)


def display(**data):
    names = {"html": "text/html", "plain": "text/plain", "png": "image/png"}
    metadata = {"image/png": {"alt": data.pop("alt")}} if "alt" in data else {}
    return new_output("display_data", {names[k]: v for k, v in data.items()}, metadata=metadata)


def page_of(*cells, **around):
    around = {"title": "A report", **around}
    return BeautifulSoup(to_html(notebook(*cells), around), "html.parser")


def said(finding: list[str], **parts) -> dict[str, object]:
    """A first page with some sentences."""
    return {"finding": finding, "means": [], "figures": [("Tweets", "3", "")], **parts}


def test_the_answer_comes_first_and_the_contents_lead_to_every_section():
    """There is one h1, no level is skipped, and the contents list each heading once."""
    cells = ["# Title\n\nA question.", "## One", "#### Too deep", "## One", "## Two <b>&</b>"]
    around = {"problems": [], "made": [("Source", ["x"])], "first": said(["It is so."])}
    page = page_of(*cells, **around)
    assert [tag.text for tag in page.find_all("h1")] == ["A report"]
    levels = [int(tag.name[1]) for tag in page.find_all(re.compile("^h[1-6]$"))]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    links = [link["href"].removeprefix("#") for link in page.nav.find_all("a")]
    assert links == list(dict.fromkeys(links))
    assert [page.find(id=link).text for link in links] == [
        "In short", "One", "One", "Two &", "Missing data", "How this report was made",
    ]  # fmt: skip
    assert page.main.find(re.compile("h2|p")).text == "In short"
    assert "Title" not in page.text
    assert "A question." in page.text
    assert page.html["lang"] == "en"


def test_a_number_and_its_percent_sign_stay_on_one_line():
    told = new_output("display_data", {"text/markdown": "The share is 27.3 % here."})
    page = page_of("## One", told, first=said(["It is 7.8–16.8 % & more."]))
    assert "27.3\N{NO-BREAK SPACE}% here" in page.text
    assert page.find(class_="said").p.decode_contents() == (
        'It is <span class="nb">7.8–16.8 %</span> &amp; more.'
    )


def test_tables_are_accessible():
    """Each has a named region for the keyboard, scopes of headings, and aligned columns."""
    table = page_of("## Figures", display(html=TABLE)).find("table")
    region = table.find_parent(role="region")
    assert region["tabindex"] == "0"
    assert region["aria-label"] == "Table 1: Figures"
    assert [(c.text, c.name, c.get("scope")) for c in table.thead.find_all(["th", "td"])] == [
        ("metric", "th", "col"), ("sum", "th", "col"), ("why", "th", "col"),
    ]  # fmt: skip
    assert table.tbody.th["scope"] == "row"
    assert [cell.get("class") for cell in table.tbody.find_all("td")] == [None, ["text"]]
    assert not table.find_parent("main").find("style")


def test_figures_have_alternative_texts():
    """Texts of the notebook are escaped, and a figure without a text gets one."""
    page = page_of(display(png="aGk=", alt='5 "likes" & more'), display(html="<img src='data:,'>"))
    assert [image["alt"] for image in page.find_all("img")] == [
        '5 "likes" & more', "Figure without a description",
    ]  # fmt: skip


def test_progress_bars_and_widgets_are_left_out():
    """Other printed lines stay."""
    bar = new_output(
        "stream", name="stderr", text="\r 50%|##   | 1/2\r100%|#####| 2/2\nA warning\n"
    )
    only = new_output("stream", name="stderr", text="\r100%|#####| 2/2 [00:00<00:00]\n")
    widget = new_output("display_data", {"text/plain": "HBox(...)",
                        "application/vnd.jupyter.widget-view+json": {"model_id": "1"}})  # fmt: skip
    page = page_of(bar, only, widget)
    assert "A warning" in page.text
    assert "%|" not in page.text
    assert "HBox" not in page.text
    assert len(page.find_all("details", class_="messages")) == 1


def test_code_is_folded():
    page = page_of(display(plain="2"))
    assert page.find("details", class_="code").find("pre").text.strip() == "1 + 1"
    assert not page.find("details", class_="code").has_attr("open")


def test_texts_around_the_notebook_are_escaped():
    """Markup in a title is shown as text."""
    nasty = '<script>"&'
    row = dict.fromkeys(("reason", "tweets", "missing", "advice"), nasty)
    page = page_of("## x", title=nasty, subtitle=nasty, failure=nasty,
                   first=said([nasty], means=[nasty], since=nasty),
                   made=[(nasty, nasty)], problems=[row])  # fmt: skip
    assert [tag.string for tag in page.find_all("script")] == [script()[0]]
    assert page.h1.text == nasty
    assert page.text.count(nasty) == 13


def test_only_sandbox_pages_are_stamped():
    assert "SANDBOX DATA" in page_of("x", sandbox=True).body.aside.text
    assert "SANDBOX" not in str(page_of("x"))


def records():
    done = {"status": "done", "files": {"report.html": 1}, "problems": []}
    figures = {"posts": 3, "engagements": 200, "hidden": 50, "over_count": 900, "naive_gap": -850,
               "share": Share("interval", 0.25, 0.2, 0.31, 50, 50, 50, 200).to_dict()}  # fmt: skip
    open_ended = {**figures, "engagements": 5, "hidden": 1,
                  "share": Share("bounds", None, 0.2, 0.4, None, 1, 2, 5).to_dict()}  # fmt: skip
    before = {"engagements": 100, "hidden": 30, "over_count": 900,
              "share": Share("interval", 0.3, 0.1, 0.5, 30, 30, 30, 100).to_dict()}  # fmt: skip
    return [
        {
            "name": "a",
            "folder": "a",
            "title": "<A>",
            "figures": figures,
            "previous": before,
            **done,
        },
        {
            "name": "b",
            "folder": "b",
            "figures": open_ended,
            "previous": before,
            **done,
        },
        {"name": "c", "folder": "c", "status": "failed", "error": "No <figures>.", "files": {}},
    ]


def test_the_index_shows_figures_changes_and_failures():
    html = index_html(records(), title="Week", made_at=datetime(2026, 1, 5, tzinfo=UTC))
    page = BeautifulSoup(html, "html.parser")
    first = [cell.get_text("|") for cell in page.tbody.tr.find_all("td")]
    assert first == [
        "3", "200|+100.0 %", "25.0 %|−5.0 points", "20.0–31.0 %", "50|+66.7 %", "900|+0.0 %",
        "−850", "0",
    ]  # fmt: skip
    second = page.tbody.find_all("tr")[1].find_all("td")
    assert second[2].get_text("|") == "20.0–40.0 %|undetermined", "a range has no change"
    assert float(second[2]["data-value"]) == 0.2
    assert [second[3].text, second[4].text] == ["–", "1 to 2"]
    assert second[5].get_text("|") == "900|+0.0 %", "a change of zero has no minus"
    assert page.tbody.th.text == "<A>"
    assert "No <figures>." in page.find(class_="failure").text
    assert page.find(class_="subtitle").text.startswith("2 of 3 reports")
    pictures = page.find_all("svg")
    assert [bool(svg.find("path")) for svg in pictures] == [True, True]
    assert "hidden 25.0 % of 200 engagements" in pictures[0]["aria-label"]
    assert "hidden 20.0–40.0 % of 5 engagements" in pictures[1]["aria-label"]
    assert float(pictures[1].find(class_="either")["width"]) == 20, "a range is drawn as one"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The files of a report on an export, of one on the sandbox, and of an index."""
    folder = tmp_path_factory.mktemp("pages")
    make_report(str(export(folder)), out=folder / "export")
    shutil.copytree(folder / "export", folder / "monday")
    make_report(str(export(folder, seed=2)), out=folder / "monday", title="Our client, by week")
    make_report("sandbox", out=folder / "box", parameters={"count": 40}, pdf=bool(find_browser()))
    index = folder / "index.html"
    index.write_text(index_html(records(), title="Week", made_at=datetime(2026, 1, 5, tzinfo=UTC)))
    return {
        "export": folder / "export" / "report.html",
        "monday": folder / "monday" / "report.html",
        "sandbox": folder / "box" / "report.html",
        "index": index,
    }


@pytest.mark.parametrize("name", ["export", "sandbox", "index"])
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_pages_are_accessible_and_make_no_requests(browser, files, name, width, scheme):
    """There are no requests, no messages, no findings of axe, and no sideways scrolling.

    Axe takes long on a whole report, so it sees the one in light and the other in dark.
    """
    browser.open(files[name], width=width, scheme=scheme)
    assert browser.requests == []
    assert browser.complaints == []
    assert not browser.scrolls_sideways()
    if (name, scheme) not in (("export", "dark"), ("sandbox", "light")):
        assert browser.accessibility_violations() == []


@pytest.mark.parametrize("name", ["export", "monday", "sandbox"])
def test_the_first_page_is_two_screens_of_a_phone_and_one_sheet_of_paper(browser, files, name):
    """And a report of everything is small enough to be sent."""
    end = "document.querySelector('section.first').getBoundingClientRect().bottom"
    assert ("Since the last run" in files[name].read_text()) == (name == "monday")
    browser.open(files[name], width=390)
    assert browser.evaluate(end) < 2 * 844
    # A4 without its margins, at 96 pixels an inch.
    browser.open(files[name], width=680)
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert browser.evaluate(end) < 995
    assert not browser.scrolls_sideways(), "what is too wide is printed small, all of it"
    browser.call("Emulation.setEmulatedMedia", media="")
    assert files[name].stat().st_size < 500_000


def test_the_index_is_sorted_by_a_click(browser, files):
    """A second click reverses the order. Reports without the figure always come last."""
    browser.open(files["index"])
    names = "[...document.querySelectorAll('tbody th a, tbody th')].map(x => x.textContent)"
    order = f"[...new Set({names})].map(x => x[0] == '<' ? 'a' : x).join('')"
    click = "document.querySelectorAll('th button')[2].click()"
    sort = "document.querySelectorAll('thead th')[2].getAttribute('aria-sort')"
    browser.evaluate(click)
    assert (browser.evaluate(order), browser.evaluate(sort)) == ("bac", "ascending")
    browser.evaluate(click)
    assert (browser.evaluate(order), browser.evaluate(sort)) == ("abc", "descending")
    assert browser.complaints == []


SORTED = pd.DataFrame(
    {
        "what": ["day 10", "day 9", "day 1", "day 2"],
        "sum": ["1,234", "−94,817", "7", "–"],
        "share": ["8.2–63.1 %", "27.3 % (24.3–30.3 %)", "under 0.1 %", "cannot tell"],
        "posted": ["2025-01-03", "2024-12-31", "", "2025-01-01"],
    },
    index=["a", "b", "c", "d"],
)


@pytest.mark.parametrize(
    ("column", "up", "down"),
    [("what", "cdba", "abdc"), ("sum", "bcad", "acbd"), ("share", "cabd", "bacd"),
     ("posted", "bdac", "adbc")],
)  # fmt: skip
def test_a_table_is_sorted_from_the_keyboard(browser, tmp_path, column, up, down):
    """Ranges by their lower end, numbers as numbers, and what is missing always last."""
    path = tmp_path / "page.html"
    path.write_text(to_html(notebook(display(html=SORTED.to_html())), {"title": "x"}))
    browser.open(path)
    heads = "[...document.querySelectorAll('thead th')]"
    head = f"{heads}.find(x => x.textContent == {column!r})"
    order = "[...document.querySelectorAll('tbody th')].map(x => x.textContent).join('')"
    browser.evaluate(f"{head}.querySelector('button').focus()")
    for direction, expected in (("ascending", up), ("descending", down)):
        for kind in ("keyDown", "keyUp"):
            browser.call("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", text="\r",
                         windowsVirtualKeyCode=13)  # fmt: skip
        assert browser.evaluate(order) == expected
        assert browser.evaluate(f"{heads}.map(x => x.ariaSort).filter(x => x).join()") == direction
        assert browser.evaluate(f"{head}.ariaSort") == direction
    assert browser.complaints == []


@pytest.mark.parametrize(("width", "figures"), [(1280, 8), (390, 2)])
def test_a_long_title_leaves_room_for_figures(browser, tmp_path, width, figures):
    """Title and note are wrapped, and reports are sorted by the titles shown."""
    first, second, _ = records()
    first["title"] = "The quarterly engagement report of our main account, January to March"
    second["title"] = "Another account"
    index = tmp_path / "index.html"
    made_at = datetime(2026, 1, 5, tzinfo=UTC)
    index.write_text(index_html([first, second], title="Week", made_at=made_at))
    browser.open(index, width=width)
    edge = "x.getBoundingClientRect().right <= document.documentElement.clientWidth"
    seen = f"[...document.querySelectorAll('tbody tr:first-child td')].filter(x => {edge}).length"
    assert browser.evaluate(seen) == figures
    told = (
        "document.getElementById(document.querySelector('table').getAttribute('aria-describedby'))"
    )
    assert browser.evaluate(f"(x => {edge} && x.scrollWidth <= x.clientWidth)({told})")
    browser.evaluate("document.querySelector('th button').click()")
    assert browser.evaluate("document.querySelector('tbody th').textContent") == "Another account"


def test_a_browser_prints_the_report(browser, files):
    """The PDF is beside the HTML and has several pages."""
    printed = (files["sandbox"].parent / "report.pdf").read_bytes()
    assert printed.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) > 2


def test_braces_of_the_style_sheets_are_balanced():
    """An unbalanced brace would silently disable the next rule."""
    sheets = resources.files("engagement_nb.report") / "template"
    for sheet in ("style.css", "sandbox.css"):
        text = (sheets / sheet).read_text(encoding="utf-8")
        depth = 0
        for sign in re.findall(r"[{}]", text):
            depth += 1 if sign == "{" else -1
            assert depth >= 0, sheet
        assert depth == 0, sheet


def first_of(**answer) -> dict[str, object]:
    """The first page of an account of sixty Tweets."""
    frame = account(60).assign(text=[f"Tweet number {k} https://t.co/abc" for k in range(60)])
    gap = explore_gap(as_metrics(frame, **answer))
    return first_page(gap.to_dict(), {"account": {"handles": ["acme"]}})


def test_the_first_page_says_who_when_what_and_what_to_do():
    first = first_of()
    page = page_of("## Evidence", first=first)
    assert page.find(class_="whose").text == "@acme, posted 2026-01-01 to 2026-01-13 (UTC)"
    section = page.main.find("section")
    assert len(section.find(class_="said").find_all("p")) == 3
    assert 1 <= len(section.find(class_="means").find_all("li")) <= 3
    assert len(section.dl.find_all("dt")) == 4
    titles = [caption.text for caption in section.find_all("figcaption")]
    share = first["figures"][2][2].partition(" of")[0]
    assert titles[0] == f"{share} of engagements match no metric"
    assert titles[1].startswith("Engagements by day of posting")


def test_the_first_page_ranks_tweets_with_their_words_dates_and_links():
    page = page_of("## Evidence", first=first_of())
    tops = page.find(class_="tops")
    assert [title.text for title in tops.find_all("h3")] == [
        "Most engagements", "Most hidden engagements", "Highest engagement rate",
    ]  # fmt: skip
    for place in tops.find_all("li"):
        link = place.find("a")
        assert re.fullmatch(r"https://x\.com/i/status/\d+", link["href"])
        assert re.fullmatch(r"Tweet number \d+", link.text), "X's short addresses say nothing"
        assert re.fullmatch(r"2026-01-\d\d", place.span.text)
    frame = account(60)
    largest = frame.nlargest(3, "engagements")["tweet_id"].tolist()
    assert [a["href"].rpartition("/")[2] for a in tops.ol.find_all("a")] == largest


def test_made_up_tweets_have_no_link():
    page = page_of("## Evidence", first=first_of(source="sandbox"), sandbox=True)
    assert page.find(class_="tops").find("a") is None


def test_what_a_post_says_is_only_text_on_the_first_page():
    nasty = "<script>alert(1)</script>"
    frame = account(60).assign(text=nasty)
    gap = explore_gap(as_metrics(frame))
    page = page_of("## x", first=first_page(gap.to_dict(), {}))
    assert len(page.find_all("script")) == 1
    assert nasty in page.find(class_="tops").text


def test_a_reader_who_wants_no_code_sees_no_arithmetic():
    cells = notebook("## By hand", "## Kept")
    cells.cells[0].metadata["tags"] = ["arithmetic"]
    cells.cells.append(
        new_code_cell("1", outputs=[new_output("stream", name="stdout", text="7 of 9")])
    )
    plain, full = (
        to_html(cells, {"title": "x", "look": Look(code=code)}) for code in (False, True)
    )
    assert "By hand" in full
    assert "7 of 9" in full
    assert "By hand" not in plain
    assert "7 of 9" not in plain
    assert "Kept" in plain


def test_the_index_names_the_account_the_period_and_the_last_run():
    """And figures that were computed from other metrics are not compared."""
    first, second, _ = records()
    first |= {"account": "@acme", "period": "2026-10-05 to 2026-10-11 (UTC)"}
    first["previous"] = {**first["previous"], "made_at": "2026-10-05T05:10:00+00:00"}
    second["figures"] |= {"definition": ["favorites+", "replies+"]}
    second["previous"] = {"hidden": 9, "hidden_share": 0.9, "engagements": 10,
                          "definition": ["favorites+"]}  # fmt: skip
    html = index_html([first, second], title="W", made_at=datetime(2026, 1, 5, tzinfo=UTC))
    rows = BeautifulSoup(html, "html.parser").tbody.find_all("tr")
    assert rows[0].th.find(class_="note").text == (
        "@acme, 2026-10-05 to 2026-10-11 (UTC), last run that differed: 2026-10-05"
    )
    assert [bool(cell.find(class_="note")) for cell in rows[1].find_all("td")[1:2]] == [True]
    assert "points" not in rows[1].text


def test_the_foot_of_printed_pages_names_the_client():
    """Its text cannot end the style."""
    page = page_of("x", client='</style><b>"Acme')
    foot = page.find("style").text.split("@bottom-left")[1]
    assert "Acme" not in foot
    assert "".join(chr(int(code, 16)) for code in re.findall(r"\\([0-9a-f]+) ", foot)) == (
        '</style><b>"Acme'
    )
