"""Batches that run again: their requests, reports and comparisons."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import nbformat
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from engagement_nb.metrics import handed_over
from engagement_nb.report.batch import make_batch
from engagement_nb.report.fetches import RunState
from engagement_nb.report.notebooks import EXPLORE
from engagement_nb.report.publish import read_record
from engagement_nb.store import Store
from tests.notebooks import notebook_cells
from tests.report.batches import manifest, record, run, summary
from tests.report.report_inputs import export, quick_notebooks

READS_PERIODS = "metrics = enb.connect(source).historical(ids_file)\nmetrics"


@pytest.fixture
def now() -> list[datetime]:
    """The present moment of the sandbox, as the only item."""
    return [datetime.now(UTC) + timedelta(hours=1)]


@pytest.fixture
def box(make_sandbox, monkeypatch, now):
    """A sandbox for the command line, whose clock a test moves."""
    sandbox = make_sandbox(tweets=300, clock=lambda: now[0])
    for name, value in sandbox.env.items():
        monkeypatch.setenv(name, value)
    return sandbox


def tweets(folder) -> list[int]:
    """The number of Tweets of each report."""
    found = [folder / "out" / each["folder"] / EXPLORE for each in summary(folder)["each"]]
    return [handed_over(nbformat.read(path, 4))["metrics"]["tweets"] for path in found]


def comparison(folder, name: str) -> dict[str, list[str]] | None:
    """The table of "Since the last run" on a report, by row; None without that section."""
    html = (folder / "out" / "reports" / name / "report.html").read_text()
    heading = BeautifulSoup(html, "html.parser").find("h2", string="Since the last run")
    if heading is None:
        return None
    rows = heading.find_next("tbody").find_all("tr")
    return {row.th.text: [cell.text for cell in row.find_all("td")] for row in rows}


@pytest.mark.parametrize(("endpoint", "cut"), [("totals", False), ("historical", True)])
def test_tweets_that_a_run_did_not_request_are_fetched_later(inputs, box, endpoint, cut):
    """A list was missing, or grew after a run was cut off. Each report has all of its Tweets."""
    own = box.ids("own", 48)
    (inputs / "i1.txt").write_text("\n".join(own[:28]))
    path = manifest(inputs, f"one,sandbox,i1.txt,{endpoint}", f"two,sandbox,i2.txt,{endpoint}",
                    header="name,source,ids,endpoint")  # fmt: skip
    if endpoint == "historical":
        quick_notebooks(inputs / "notebooks", READS_PERIODS)
    assert run(inputs, path) == 1
    (inputs / "i2.txt").write_text("\n".join(own[20:]))
    words = ["--only-failed"]
    if cut:
        state = inputs / "out" / "batch.json"
        state.write_text(json.dumps({**json.loads(state.read_text()), "ended": False}))
        words = []
    assert run(inputs, path, *words) == 0
    assert tweets(inputs) == [28, 28]
    (fetched,) = summary(inputs)["fetched"].values()
    assert fetched["tweets"] == 48


def test_an_export_with_the_name_of_the_list_of_ids_is_not_overwritten(inputs):
    """The list of ids is written to another folder than that of the source."""
    mine = export(inputs, name="ids.txt")
    before = mine.read_bytes()
    path = manifest(inputs, "a,ids.txt,export.csv", header="name,export,ids")
    assert run(inputs, path) == 0
    assert mine.read_bytes() == before


def test_a_change_is_shown_until_figures_change_again(inputs):
    """A report with the same figures as before keeps its comparison with older ones."""
    path = manifest(inputs, "First,export.csv,")
    assert run(inputs, path) == 0
    manifest(inputs, "First,export.csv,x = 0")
    assert run(inputs, path) == 0
    assert comparison(inputs, "first") is None
    export(inputs, posts=70)
    assert run(inputs, path) == 0
    for then, code in [("x = 1", 0), ("raise ValueError", 1), ("raise OSError", 1), ("x = 2", 0)]:
        manifest(inputs, f"First,export.csv,{then}")
        assert run(inputs, path) == code
        assert record(inputs, "first")["previous"]["posts"] == (70 if code else 60)
        if not code:
            assert comparison(inputs, "first")["Tweets"][:3] == ["60", "70", "+10"]
    assert "previous" not in record(inputs, "first")["previous"]


DAMAGED = "The figures of the last run are missing or damaged."
NO_ENGAGEMENTS = pd.DataFrame({"tweet_id": ["1"]}).to_parquet()


@pytest.mark.parametrize(
    ("left", "told"),
    [
        (None, DAMAGED),
        (b"PAR1", DAMAGED),
        (NO_ENGAGEMENTS, "They cannot be compared."),
    ],
)
def test_missing_figures_of_the_last_run_are_one_sentence_on_the_page(inputs, left, told):
    """The report is made without a comparison, and the next report has one again."""
    path = manifest(inputs, "First,export.csv,")
    assert run(inputs, path) == 0
    tweets = inputs / "out" / "reports" / "first" / "tweets.parquet"
    tweets.unlink() if left is None else tweets.write_bytes(left)
    export(inputs, posts=70)
    assert run(inputs, path) == 0
    page = (tweets.parent / "report.html").read_text()
    assert told in page
    assert record(inputs, "first")["previous"]["posts"] == 60
    export(inputs, posts=80)
    assert run(inputs, path) == 0
    assert comparison(inputs, "first")["Tweets"][:3] == ["70", "80", "+10"]


def test_totals_are_rendered_again_only_if_they_changed(inputs, box, now):
    """Reading the same figures again spends requests, and renders nothing."""
    (inputs / "ids.txt").write_text("\n".join(box.ids("own", 20)))
    path = manifest(inputs, "one,sandbox,ids.txt,totals", header="name,source,ids,endpoint")
    asked = 0
    for moved, resumed in [(0, 0), (0, 1), (5, 0)]:
        now[0] += timedelta(days=moved)
        assert run(inputs, path) == 0
        (fetched,) = summary(inputs)["fetched"].values()
        answers = len([seen for seen in box.log if "insights" in str(seen)])
        assert (summary(inputs)["resumed"], fetched["requests"]) == (resumed, answers - asked)
        assert answers > asked
        asked = answers
        label = fetched["snapshot"]  # to the second
        while f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}" == label:
            time.sleep(0.01)


def test_requests_for_totals_beside_a_period_are_counted(inputs, box):
    """A fetched period costs no requests in the next run, but its totals do."""
    (inputs / "ids.txt").write_text("\n".join(box.ids("own", 20)))
    header = "name,source,ids,start,end"
    path = manifest(inputs, "one,sandbox,ids.txt,2026-11-01,2026-11-08", header=header)
    quick_notebooks(inputs / "notebooks", READS_PERIODS)
    for resumed in (0, 1):
        before = len(box.log)
        assert run(inputs, path) == 0
        (fetched,) = summary(inputs)["fetched"].values()
        asked = [seen for seen in list(box.log)[before:] if "insights" in str(seen)]
        assert (summary(inputs)["resumed"], fetched["requests"]) == (resumed, len(asked))


@pytest.mark.parametrize(
    "state",
    ["{", "[]", '{"started_at": 3}', '{"fetched": [1]}', "\udcff", '{"format": 99}'],
)
def test_a_damaged_state_is_set_aside(tmp_path, state):
    """The next run starts from the beginning, and the damaged file is kept."""
    (tmp_path / "batch.json").write_bytes(state.encode(errors="surrogateescape"))
    found = RunState.open(Store(tmp_path), datetime.now(UTC), resume=False)
    assert found.fetched == {}
    assert json.loads((tmp_path / "batch.json").read_text())["ended"] is False
    kept = (tmp_path / "batch.json.damaged").read_bytes()
    assert kept == state.encode(errors="surrogateescape")


@pytest.mark.parametrize("text", ["{", "[]", '{"status": "done"}', '{"format": 99}'])
def test_a_damaged_record_is_ignored(tmp_path, text):
    """Its report is made again, and the run does not fail."""
    (tmp_path / "made.json").write_text(text)
    assert read_record(Store(tmp_path)) == {}


def test_rows_of_a_pinned_world_have_the_same_figures_in_every_run(inputs, monkeypatch):
    """Each world is a dataset of its own, and each report names its world."""
    rows = (
        f"{name},sandbox,totals,{seed},2026-06-01,4000,40"
        for name, seed in (("one", 7), ("two", 8))
    )
    path = manifest(inputs, *rows, header="name,source,endpoint,seed,now,tweets,count")
    assert run(inputs, path) == 0
    one, two = summary(inputs)["each"]
    assert len(list((inputs / "out" / "datasets").iterdir())) == 2
    assert one["posts"] == two["posts"] == 40
    assert one["engagements"] != two["engagements"]
    for name, seed in (("one", 7), ("two", 8)):
        page = (inputs / "out" / "reports" / name / "report.html").read_text()
        assert f"Sandbox world: seed {seed}, 4,000 Tweets" in page
    (inputs / "out").rename(inputs / "before")
    assert run(inputs, path) == 0
    assert [each["engagements"] for each in summary(inputs)["each"]] == [
        one["engagements"], two["engagements"],
    ]  # fmt: skip


def test_one_manifest_on_four_mondays_gives_four_weeks_and_fetches_each_once(inputs, box, now):
    """Each run has the right week without an edit, and compares it with the week before."""
    (inputs / "ids.txt").write_text("\n".join(box.ids("own", 20)))
    path = manifest(inputs, "one,sandbox,ids.txt,last week,Europe/Paris,day",
                    header="name,source,ids,period,zone,by")  # fmt: skip
    (inputs / "weekly").mkdir()
    notebook_cells.write(
        inputs / "weekly" / EXPLORE,
        "# A week",
        "import engagement_nb as enb",
        "metrics = enb.connect(source).historical(ids_file, start, end, by='day')\nmetrics",
        "gap = enb.explore_gap(metrics)\ngap",
        "gap.save_tables(tables)",
        parameters="\n".join(
            f'{name}: str = ""' for name in ("source", "ids_file", "start", "end", "tables")
        ),
    )
    first = datetime(2026, 10, 5, 7, tzinfo=UTC)
    weeks, shown, sets, sums, compared = [], [], set(), [], []
    for monday in (first + timedelta(weeks=n) for n in range(4)):
        for again in (False, True):  # the second time as if the first had been cut off
            made = make_batch(
                path, inputs / "out", notebooks=inputs / "weekly", now=monday, progress=False
            )
            assert not made.failed, made.failed[0]["error"]
            assert made.resumed == (["one"] if again else [])
            state = inputs / "out" / "batch.json"
            ended = {**json.loads(state.read_text()), "ended": False}
            state.write_text(json.dumps(ended))
            monday += timedelta(hours=20)
        state.write_text(json.dumps({**ended, "ended": True}))
        (fetched,) = made.fetched.values()
        weeks.append((fetched["start"], fetched["end"]))
        report = inputs / "out" / made.to_dict()["each"][0]["folder"] / EXPLORE
        shown.append(handed_over(nbformat.read(report, 4))["metrics"]["start"])
        sums.append(record(inputs, "one")["figures"]["engagements"])
        compared.append(comparison(inputs, "one"))
        sealed = (inputs / "out" / "datasets").glob("*/runs/*.parquet")
        files = {(str(file), file.stat().st_mtime_ns) for file in sealed}
        assert sets < files
        sets = files
    assert [start for start, _ in weeks[1:]] == [end for _, end in weeks[:-1]]
    assert weeks[0] == ("2026-09-27T22:00:00Z", "2026-10-04T22:00:00Z")
    assert weeks[3] == ("2026-10-18T22:00:00Z", "2026-10-25T23:00:00Z")
    assert [moment[:16] for moment in shown] == [start[:16] for start, _ in weeks]
    assert compared[0] is None
    for number, (before, after) in enumerate(pairwise(sums), start=1):
        assert compared[number]["engagements"][:2] == [f"{before:,}", f"{after:,}"]
    assert len({*sums}) == 4
