"""One report: its files, or the message that says what is wrong."""

from __future__ import annotations

import io
import json
import re
from datetime import UTC, datetime

import nbformat
import papermill
import pytest
from papermill.engines import papermill_engines

import engagement_nb as enb
from engagement_nb import cli
from engagement_nb.engine import ENGINE, ShellEngine
from engagement_nb.errors import InputError, ReportError
from engagement_nb.report.make import make_report
from engagement_nb.report.notebooks import EXPLORE, FETCH, find_notebook, notebooks_folder
from engagement_nb.report.publish import GAP, RECORD, TABLES
from engagement_nb.usage import ENV_LEDGER, Ledger
from tests.notebooks import notebook_cells
from tests.report.report_inputs import export, quick_notebooks, without_times

ADDRESS = re.compile(
    r"(?:src|(?<!<a )href|srcset|action|url\()\s*=?\s*[\"'(]?\s*(?:https?:)?//", re.I
)
"""An address that a browser asks for something by itself: not that of a link."""


def complaint(capsys) -> str:
    """The one error message on stderr."""
    said = capsys.readouterr().err.splitlines()
    errors = [line for line in said if line.startswith("error: ")]
    assert len(errors) == 1, said
    assert "Traceback" not in "\n".join(said)
    return errors[0]


def test_an_export_becomes_a_report(tmp_path, capsys):
    """It writes self-contained HTML, the executed notebook and the figures as JSON."""
    source, out = export(tmp_path), tmp_path / "out"
    assert (
        cli.run(["report", "--source", str(source), "-o", str(out), "--title", "An <account>"]) == 0
    )
    assert sorted(path.name for path in out.iterdir()) == sorted(
        [EXPLORE, "gap.json", "report.html", RECORD, *TABLES[GAP]]
    )
    assert str(out / "report.html") in capsys.readouterr().out

    gap = json.loads((out / "gap.json").read_text())
    expected = enb.explore_gap(enb.read_table(source)).to_dict()
    assert gap == json.loads(json.dumps(expected))

    html = (out / "report.html").read_text()
    assert "<title>An &lt;account&gt;</title>" in html
    assert gap["sentence"] in html.replace("&nbsp;", " ")
    assert f"{gap['hidden']:,}" in html
    assert not ADDRESS.search(html)
    assert html.count("<script") == 1, "it sorts tables"
    assert "SANDBOX" not in html
    assert '<details class="code">' in html
    assert "explore_gap" in html.replace("</span>", "").replace('<span class="n">', "")
    assert html.count("<img") == html.count('alt="') - html.count('<img alt=""')
    executed = nbformat.read(out / EXPLORE, 4)
    assert all(c.execution_count for c in executed.cells if c.cell_type == "code")


def test_both_engines_make_the_same_report(tmp_path):
    """The HTML of two engines, and of two runs, differs only in its times."""
    source = export(tmp_path)
    pages = []
    for engine in ("fast", "stock", "fast"):
        make_report(str(source), out=tmp_path / "out", engine=engine)
        pages.append(without_times((tmp_path / "out" / "report.html").read_text()))
    assert pages[0] == pages[1] == pages[2]


def test_the_sandbox_is_fetched_and_stamped(tmp_path, capsys):
    """Without a source, the sandbox is fetched into a dataset, and all outputs say so."""
    out = tmp_path / "out"
    words = ["report", "-o", str(out), "-p", "count", "40", "--json"]
    assert cli.run(words) == 0
    said = capsys.readouterr()
    answer = json.loads(said.out)
    assert answer["gap"]["sandbox"] is True
    assert set(answer["files"]) == {FETCH, EXPLORE, "gap.json", "report.html", *TABLES[GAP]}
    assert enb.Dataset.open(out / "dataset").sandbox
    assert "SANDBOX" in said.err
    html = (out / "report.html").read_text()
    assert html.count("SANDBOX DATA") > 2
    assert "Missing data" in html
    assert "unavailable" in html


def test_x_api_v2_is_planned_paid_for_once_and_reported_by_one_command(inputs, capsys, monkeypatch):
    """The fetch is refused over the limit of cost; else the plan adds nothing to the timeline."""
    monkeypatch.setenv(ENV_LEDGER, str(inputs / "ledger"))
    words = ["report", "--source", "sandbox-v2", "--notebooks", str(inputs / "notebooks"),
             "--tweets", "1000", "-p", "awkward", "0", "-o", str(inputs / "out")]  # fmt: skip
    assert cli.run([*words, "--max-cost", "4"]) == 2
    assert "Your timeline could cost $16.00" in complaint(capsys)
    assert (inputs / "out" / FETCH).exists(), "the notebook up to the refusal"
    assert cli.run([*words, "--max-cost", "4", "--owns-app"]) == 0
    assert "from X API v2" not in (inputs / "out" / "report.html").read_text()
    assert "at most $0.00 more today" in (inputs / "out" / FETCH).read_text()
    assert Ledger().reads_of(datetime.now(UTC), sandbox=True)


def test_a_fetch_that_does_not_finish_is_an_error_of_a_report_and_of_a_batch(inputs, capsys):
    """Its notebook is kept, and that of an older report is not left beside it."""
    notebooks, out = inputs / "notebooks", inputs / "out"
    notebook_cells.write(
        notebooks / FETCH,
        "from IPython.display import display\nfrom engagement_nb.metrics import bundle\n"
        "told = {'done': False, 'trouble': 'The host is down.'}\n"
        "display({'text/plain': '', **bundle(fetch=told)}, raw=True)",
        parameters="source: str = ''\nby: str = ''\ndataset: str = ''",
    )
    words = ["--notebooks", str(notebooks), "-o", str(out)]
    assert cli.run(["report", str(inputs / "export.csv"), *words]) == 0
    assert cli.run(["report", *words]) == 1
    said = "The fetch did not finish: The host is down."
    told = complaint(capsys)
    assert said in told
    assert f"The notebook up to that point is {out / FETCH}." in told
    assert sorted(path.name for path in out.glob("*.ipynb")) == [FETCH]
    assert not (out / "report.html").exists()
    (inputs / "m.csv").write_text("name,source\na,sandbox\n")
    assert cli.run(["batch", str(inputs / "m.csv"), *words]) == 1
    assert f"Nothing could be fetched. {said}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["-p", "tolerence", "1"], "No notebook has a parameter 'tolerence'"),
        (["-p", "tolerance", "much"], "is float, and 'much' is not"),
        (["-p", "tolerance", "[1"], "is float, and '[1' is not"),
        (["-p", "then", "1", "-p", "then", "2"], "then is given twice"),
        (["--notebooks", "nowhere"], "is not a folder of notebooks"),
        (["--source", "nowhere.csv"], "nowhere.csv: there is no such file"),
        (["--ids", "nowhere.txt"], "nowhere.txt"),
        (["--engine", "quick"], "--engine"),
        (["--json", "--markdown"], "both write to stdout"),
        (["--by", "account", "-p", "profile", "x"], "makes all accounts"),
        (["-p", "source", "other.csv"], "source is not an option of a report"),
        (["-p", "tables", "there"], "tables is not an option of a report"),
        (["-p", "count", "3"], "so count cannot be chosen"),
        (["-p", "start", "garbage"], "so start cannot be chosen"),
        (["--period", "2025-01"], "so period cannot be chosen"),
        (["-p", "dataset", "there"], "so dataset cannot be chosen"),
        (["--max-cost", "1"], "so max_cost cannot be chosen"),
        (["--source", "sandbox", "--owns-app"], "owns_app: only an API that bills each Post"),
        (["--source", "sandbox-v2", "-p", "endpoint", "28hr"], "There is no endpoint '28hr'"),
    ],
)  # fmt: skip
def test_wrong_options_are_an_error_before_anything_is_written(
    tmp_path, capsys, monkeypatch, words, told
):
    """The exit code is 2, and no folder is made."""
    monkeypatch.chdir(tmp_path)
    notebooks = quick_notebooks(tmp_path / "notebooks")
    given = {"--source": str(export(tmp_path / "in")), "--notebooks": str(notebooks)}
    others = [word for name in given if name not in words for word in (name, given[name])]
    assert cli.run(["report", "-o", "out", *others, *words]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_notebook_without_its_tag_is_refused(tmp_path, capsys):
    """Papermill would only warn, and run the notebook with its defaults."""
    folder = quick_notebooks(tmp_path / "notebooks")
    notebook = nbformat.read(folder / EXPLORE, 4)
    notebook.cells[0].metadata.tags = []
    nbformat.write(notebook, folder / EXPLORE)
    words = ["report", "--source", str(export(tmp_path)), "--notebooks", str(folder)]
    assert cli.run([*words, "-o", str(tmp_path / "out")]) == 2
    assert "no cell tagged 'parameters'" in complaint(capsys)
    (folder / EXPLORE).write_text("{")
    assert cli.run([*words, "-o", str(tmp_path / "out")]) == 2
    assert "is not a notebook" in complaint(capsys)


def test_a_folder_that_cannot_be_written_to_is_an_error(tmp_path, capsys):
    """If a file is in the place of the folder, the exit code is 1 and nothing is fetched."""
    (tmp_path / "taken").write_text("")
    words = ["report", "--source", str(export(tmp_path)), "-o", str(tmp_path / "taken")]
    assert cli.run(words) == 1
    said = complaint(capsys)
    assert "taken" in said
    assert "fetched" not in said


@pytest.mark.parametrize("command", [["report"], ["batch", "manifest.csv"]])
@pytest.mark.parametrize(("out", "told"), [("", "it is empty"), ("memory://x", "is lost when")])
def test_a_folder_that_would_be_lost_is_refused(capsys, command, out, told):
    """An empty name and a folder in memory have exit code 2."""
    assert cli.run([*command, "-o", out]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("then", "code", "told"),
    [
        ("raise enb.EngagementError('The file ends early.', advice='Export it again.')", 1,
         "The file ends early. Export it again."),
        ("from engagement_nb.errors import InputError; raise InputError('No such day.')", 2,
         "No such day."),
        ("{}['key']", 1, "stopped at cell 5: KeyError: 'key'"),
        ("import os; os._exit(3)", 1, "died at cell 5"),
        ("import time; time.sleep(60)", 1, "took too long at cell 5"),
    ],
)  # fmt: skip
def test_what_stops_a_notebook_is_one_sentence(tmp_path, capsys, then, code, told):
    """There is no traceback, and the notebook up to the error is kept."""
    notebooks, out = quick_notebooks(tmp_path / "notebooks"), tmp_path / "out"
    words = ["report", "--source", str(export(tmp_path)), "--notebooks", str(notebooks)]
    limit = ["--cell-timeout", "10"] if "sleep" in then else []
    assert cli.run([*words, "-o", str(out), "-p", "then", then, *limit]) == code
    assert told in complaint(capsys)
    kept = nbformat.read(out / EXPLORE, 4)
    assert "explore_gap" in "".join(cell.source for cell in kept.cells if cell.get("outputs"))
    assert not (out / "report.html").exists()


def test_cells_that_did_not_run_are_a_failure(tmp_path, monkeypatch):
    """Papermill may report success for a notebook of which no cell has run."""

    class Idle:
        nb_kernel_name = ShellEngine.nb_kernel_name
        nb_language = ShellEngine.nb_language

        @classmethod
        def execute_notebook(cls, nb, kernel_name, **options):
            for cell in nb.cells:
                cell.metadata["papermill"] = {"status": "completed", "exception": False}
            return nb

    monkeypatch.setitem(papermill_engines._engines, ENGINE, Idle)
    with pytest.raises(ReportError, match="5 cells have not run"):
        make_report(str(export(tmp_path)), out=tmp_path / "out",
                    notebooks=quick_notebooks(tmp_path / "notebooks"))  # fmt: skip


def test_the_start_of_a_kernel_is_retried(tmp_path, monkeypatch):
    """Stock kernels sometimes find their port taken, before any cell has run."""
    tries = []

    class Unlucky(ShellEngine):
        @classmethod
        def execute_managed_notebook(cls, *given, **options):
            tries.append(1)
            if len(tries) < 3:
                raise RuntimeError("Kernel died before replying to kernel_info")
            return super().execute_managed_notebook(*given, **options)

    monkeypatch.setitem(papermill_engines._engines, ENGINE, Unlucky)
    notebooks = quick_notebooks(tmp_path / "notebooks")
    made = make_report(str(export(tmp_path)), out=tmp_path / "out", notebooks=notebooks)
    assert made.gap["posts"] == 60
    assert len(tries) == 3


SECRET = "kS9-a/very+secret=token"  # a credential in no real system


@pytest.fixture
def secret(monkeypatch):
    monkeypatch.setenv("TWITTER_ACCESS_TOKEN_SECRET", SECRET)
    return SECRET


@pytest.mark.parametrize("value", [SECRET, f"Bearer {SECRET} and more"])
def test_a_parameter_with_a_credential_is_refused(tmp_path, secret, value):
    """The message names the parameter, not the value."""
    notebooks = quick_notebooks(tmp_path / "notebooks")
    with pytest.raises(InputError, match="'then' contains a credential") as refused:
        make_report(str(export(tmp_path)), out=tmp_path / "out", notebooks=notebooks,
                    parameters={"then": value})  # fmt: skip
    assert SECRET not in str(refused.value)
    with pytest.raises(InputError, match="'title' contains a credential") as refused:
        make_report(str(export(tmp_path)), out=tmp_path / "out", title=value)
    assert SECRET not in str(refused.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("end", "engine"),
    [
        ("pass", "fast"),
        ("raise enb.EngagementError(f'refused: {key}')", "fast"),
        ("raise ValueError(f'refused: {key}')", "fast"),
        ("raise type(key, (ValueError,), {})('refused')", "fast"),
        ("raise ValueError(f'refused: {key}')", "stock"),
    ],
)
def test_no_credential_is_written(tmp_path, capsys, secret, end, engine):
    """Printed, displayed, raised or percent-encoded credentials are masked everywhere."""
    leak = (
        "import os, base64, urllib.parse; from IPython.display import display, HTML;"
        " key = os.environ['TWITTER_ACCESS_TOKEN_SECRET']; print(key); display(HTML(key));"
        f" display(urllib.parse.quote(key, safe='')); {end}"
    )
    notebooks, out = quick_notebooks(tmp_path / "notebooks"), tmp_path / "out"
    words = ["report", "--source", str(export(tmp_path)), "--notebooks", str(notebooks)]
    code = cli.run([*words, "-o", str(out), "-p", "then", leak, "--engine", engine])
    assert code == (0 if end == "pass" else 1)
    written = [path.read_text(errors="replace") for path in out.iterdir()]
    said = capsys.readouterr()
    assert any("[secret]" in text for text in written)
    for text in [*written, said.out, said.err]:
        assert SECRET not in text
        assert "kS9" not in text
        assert "very" + "%2Bsecret" not in text


@pytest.mark.parametrize("name", [FETCH, EXPLORE])
def test_parameters_of_notebooks_have_types_defaults_and_help(name):
    """Each parameter has a type, a literal as its default, and a help text."""
    taken = papermill.inspect_notebook(str(notebooks_folder() / name))
    assert taken
    for parameter in taken.values():
        kinds = ("str", "int", "float", "bool", "Optional[int]", "Optional[float]")
        assert parameter["inferred_type_name"] in kinds
        assert len(parameter["help"]) > 5
    declared = find_notebook(name).parameters
    assert declared["source"].default == "sandbox"
    for parameter in declared.values():
        default, optional = parameter.default, parameter.type.startswith("Optional[")
        assert optional if default is None else parameter.type == type(default).__name__
    source = find_notebook(name).node.cells
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in source)


def test_the_fetching_notebook_takes_these_parameters():
    """Users of papermill rely on these names, types and defaults."""
    declared = find_notebook(FETCH).parameters
    assert {name: (p.type, p.default) for name, p in declared.items()} == {
        "source": ("str", "sandbox"),
        "profile": ("str", ""),
        "ids_file": ("str", ""),
        "count": ("int", 500),
        "awkward": ("int", 24),
        "seed": ("Optional[int]", None),
        "now": ("str", ""),
        "tweets": ("Optional[int]", None),
        "endpoint": ("str", "historical"),
        "start": ("str", ""),
        "end": ("str", ""),
        "period": ("str", ""),
        "posted": ("str", ""),
        "zone": ("str", ""),
        "by": ("str", "day"),
        "with_totals": ("bool", True),
        "max_cost": ("Optional[float]", None),
        "owns_app": ("bool", False),
        "dataset": ("str", "dataset"),
        "snapshot": ("str", ""),
        "ids_kept": ("str", ""),
    }


def test_a_pinned_world_gives_the_same_report_everywhere(tmp_path, capsys):
    """The same seed and time give the same figures, and the page names the world."""
    words = ["--seed", "7", "--now", "2026-06-01", "--tweets", "300", "--markdown"]
    said = []
    for name in ("one", "two"):
        assert cli.run(["report", "-o", str(tmp_path / name), *words, "--title", "A|B"]) == 0
        said.append(capsys.readouterr().out)
    for name in ("gap.json", "tweets.csv", "metrics.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    html = (tmp_path / "one" / "report.html").read_text()
    assert "seed 7, 300 Tweets" in html
    assert "standing still at 2026-06-01 00:00 UTC" in html
    assert said[0] == said[1]


def test_markdown_has_the_finding_the_figures_and_what_is_missing(tmp_path, capsys):
    """Stdout gets a heading, a paragraph and a table, and nothing else."""
    source = export(tmp_path)
    assert cli.run(["report", str(source), "-o", str(tmp_path / "out"), "--markdown"]) == 0
    gap = json.loads((tmp_path / "out" / "gap.json").read_text())
    heading, paragraph, table = capsys.readouterr().out.strip().split("\n\n")
    assert heading.startswith("**Engagements, and what they hide** (60 Tweets")
    assert paragraph == f"{gap['sentence']} Missing data: none."
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    assert rows[0] == ["Figure", "Value", "Note"]
    assert {row[0]: row[1] for row in rows[2:]}["Engagements"] == f"{gap['engagements']:,}"


def test_a_world_can_be_chosen_only_for_the_sandbox(tmp_path, capsys):
    """A seed for a file is an error before a notebook is run."""
    words = ["report", str(export(tmp_path)), "-o", str(tmp_path / "out"), "--seed", "3"]
    assert cli.run(words) == 2
    assert "seed" in complaint(capsys)
    assert not (tmp_path / "out").exists()


def test_a_users_copy_of_a_notebook_is_used(tmp_path):
    """Notebooks that are missing in the user's folder come from the package."""
    quick_notebooks(tmp_path)
    assert find_notebook(EXPLORE, tmp_path).node.cells[1].source.startswith("# A quick look")
    assert find_notebook(FETCH, tmp_path).node == find_notebook(FETCH).node


def test_reports_do_not_show_the_home_folder(tmp_path, monkeypatch):
    """Page and notebook have the names of files only."""
    monkeypatch.setenv("HOME", str(tmp_path))
    source = export(tmp_path / "private")
    make_report(str(source), out=tmp_path / "out", notebooks=quick_notebooks(tmp_path / "n"))
    notebook = (tmp_path / "out" / EXPLORE).read_text()
    assert "private" not in notebook
    assert source.name in notebook
    page = (tmp_path / "out" / "report.html").read_text()
    assert "private" not in page
    assert source.name in page


def test_a_report_for_a_client_has_their_logo_and_no_code(tmp_path):
    """Options choose logo, color and subtitle, and leave the notebook's code out."""
    notebooks, out = quick_notebooks(tmp_path / "notebooks"), tmp_path / "out"
    logo = tmp_path / "logo.svg"
    logo.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    words = ["report", str(export(tmp_path)), "-o", str(out), "--notebooks", str(notebooks)]
    chosen = ["--no-code", "--logo", str(logo), "--accent", "#7a0874", "--subtitle", "For <B>"]
    assert cli.run([*words, *chosen]) == 0
    html = (out / "report.html").read_text()
    assert "Code of the notebook" not in html
    assert "import" not in html
    assert "data:image/svg+xml;base64," in html
    assert "--accent: #7a0874" in html
    assert "For &lt;B&gt;" in html
    assert "What the words mean" in html


@pytest.mark.notebook
def test_a_report_of_the_sandbox_for_a_client_has_under_400_kilobytes(tmp_path):
    assert cli.run(["report", "--seed", "7", "--now", "2026-11-02", "-o", str(tmp_path),
                    "--no-code"]) == 0  # fmt: skip
    assert (tmp_path / "report.html").stat().st_size < 400_000


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--accent", "blue"], "'blue' is not a color"),
        (["--accent", "#ffd95a"], "too light to be read on white: its contrast is 1.4"),
        (["--logo", "export.csv"], "export.csv is no PNG, JPEG or SVG image"),
        (["--logo", "nowhere.png"], "nowhere.png: there is no such file"),
        (["--logo", "large.png"], "and a logo may have 300,000"),
    ],
)
def test_wrong_colors_and_logos_are_refused(tmp_path, capsys, monkeypatch, words, told):
    """A color that is too light and a logo that is no image are errors."""
    monkeypatch.chdir(tmp_path)
    export(tmp_path)
    (tmp_path / "large.png").write_bytes(b"\x89PNG" + b"x" * 300_000)
    assert cli.run(["report", "export.csv", "-o", "out", *words]) == 2
    assert told in complaint(capsys)
    assert not (tmp_path / "out").exists()


def test_an_error_of_this_package_shows_no_frames_in_a_notebook(tmp_path):
    """The traceback in the notebook is one sentence."""
    cells = notebook_cells.notebook("import engagement_nb as enb", "raise enb.InputError('No.')")
    for engine in (ENGINE, "nbclient"):
        out = tmp_path / f"{engine}.ipynb"
        with pytest.raises(papermill.PapermillExecutionError):
            papermill.execute_notebook(cells, str(out), engine_name=engine, progress_bar=False)
        outputs = [o for c in nbformat.read(out, 4).cells for o in c.get("outputs", [])]
        (error,) = [o for o in outputs if o.output_type == "error"]
        assert error.traceback == ["InputError: No."]


def test_a_notebook_without_an_answer_is_an_error(tmp_path):
    """The message says how the notebook should end."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    notebook_cells.write(folder / EXPLORE, "1 + 1", parameters="source: str = ''  # where from")
    with pytest.raises(ReportError, match="shows no gap"):
        make_report(str(export(tmp_path)), out=tmp_path / "out", notebooks=folder)


def sandbox_report(out, *words: str) -> dict:
    """The answer of a report on a small pinned world."""
    world = ["--seed", "7", "--now", "2026-11-04T15:00", "--tweets", "600"]
    given = ["report", "-o", str(out), *([] if "--seed" in words else world), *words]
    assert cli.run(given) == 0
    return json.loads((out / "gap.json").read_text())


def test_a_folder_belongs_to_one_question(tmp_path, make_sandbox, capsys):
    """Other ids, another count, another world: each report has its own Tweets only."""
    notebooks = quick_notebooks(tmp_path / "notebooks")
    small = ["--notebooks", str(notebooks)]
    own = make_sandbox(seed=7, now="2026-11-04T15:00", tweets=600).ids("own", 30)
    for name, ids in (("a", own[:20]), ("b", own[20:])):
        (tmp_path / name).write_text("\n".join(ids))
    out = tmp_path / "out"
    assert sandbox_report(out, "--ids", str(tmp_path / "a"), *small)["posts"] <= 20
    both = sandbox_report(out, "--ids", str(tmp_path / "b"), *small)
    alone = sandbox_report(tmp_path / "alone", "--ids", str(tmp_path / "b"), *small)
    assert both == alone
    world = ["--seed", "8", "--now", "2026-11-04T15:00", "--tweets", "600", "-p", "count", "25"]
    assert sandbox_report(out, *world, *small) == sandbox_report(tmp_path / "w", *world, *small)
    # A file leaves nothing of the kind before it.
    assert cli.run(["report", str(export(tmp_path / "in")), "-o", str(out), *small, "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert FETCH not in told["files"]
    assert not (out / FETCH).exists()
    assert told["account"]["rows_in"] == 60
    assert "60 rows given, 60 used" in (out / "report.html").read_text()


def test_figures_in_memory_become_a_report(tmp_path):
    """Metrics, and a frame of one's own."""
    metrics = enb.read_table(export(tmp_path))
    notebooks = quick_notebooks(tmp_path / "notebooks")
    gaps = [
        make_report(source, out=tmp_path / "out", notebooks=notebooks).gap
        for source in (str(tmp_path / "export.csv"), metrics, metrics.frame)
    ]
    assert gaps[0]["hidden"] == gaps[1]["hidden"] == gaps[2]["hidden"]
    with enb.connect("sandbox", tweets=300) as source:
        made_up = source.totals(source.tweet_ids(count=30))
    assert make_report(made_up, out=tmp_path / "box", notebooks=notebooks).gap["sandbox"]


def test_ids_from_standard_input_are_read_once(tmp_path, monkeypatch, make_sandbox):
    """Both notebooks get them; a bad id is named."""
    own = make_sandbox(seed=7, now="2026-11-04T15:00", tweets=600).ids("own", 12)
    stdin = io.TextIOWrapper(io.BytesIO("\n".join([*own, "no-id"]).encode()))
    monkeypatch.setattr("sys.stdin", stdin)
    notebooks = quick_notebooks(tmp_path / "notebooks")
    words = ["report", "-o", str(tmp_path / "out"), "--seed", "7", "--now", "2026-11-04T15:00",
             "--tweets", "600", "--notebooks", str(notebooks), "--ids", "-",
             "--strict"]  # fmt: skip
    assert cli.run(words) == 3
    assert json.loads((tmp_path / "out" / "gap.json").read_text())["posts"] == 12


def test_figures_without_rows_are_refused_in_words_of_their_own(tmp_path):
    nobody = enb.connect("sandbox", seed=7, now="2026-11-02", tweets=60)
    figures = nobody.historical(nobody.tweet_ids(count=2), start="2026-01-01", end="2026-01-02")
    with pytest.raises(InputError, match="These figures have no rows"):
        make_report(figures, out=tmp_path / "out")
