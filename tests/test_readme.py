"""Every command and code block of the README and the docs does what it says."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import engagement_nb as enb
from engagement_nb.sandbox import Sandbox
from tests.client.logins import pin_from
from tests.tables.export_files import current, post, write

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
SCHEDULE = ROOT / "docs" / "scheduling.md"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of the code blocks of a page."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S)


def commands(page: Path) -> list[str]:
    return [
        line for language, text in blocks(page) if language == "sh" for line in text.splitlines()
    ]


WITH_COMMANDS = [page for page in PAGES if commands(page)]
WITH_PYTHON = [page for page in PAGES if any(language == "python" for language, _ in blocks(page))]
MADE = {
    "README.md": ["my-report/report.html", "my-report/gap.json", "explored.ipynb"],
    "files.md": ["my-report/report.html"],
    "keys.md": ["metrics-report/report.html"],
    "scheduling.md": ["monday/index.html", "monday/summary.json"],
}

# What waits for a person or another program has a test of its own below; `make` has, too.
APART = (
    "make report",
    "make test",
    "source .venv/bin/activate",
    "engagement-nb lab",
    "engagement-nb auth login",
    *(line for page in WITH_COMMANDS for line in commands(page) if "sandbox serve" in line),
)
SERVING = sorted({line for line in APART if "sandbox serve" in line})

pytestmark = pytest.mark.xdist_group("readme")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory as a README reader has it: the notebooks and an export file."""
    place = tmp_path_factory.mktemp("reader")
    shutil.copytree(ROOT / "notebooks", place / "notebooks")
    posts = [
        post(n, likes=n, replies=n % 3, engagements=2 * n + 3, bookmarks=n + 9, impressions=90 * n)
        for n in range(40)
    ]
    write(place, current(posts), "my-export.csv")
    manifest = next(text for language, text in blocks(SCHEDULE) if language == "csv")
    (place / "manifest.csv").write_text(manifest, encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def environment(place: Path) -> dict[str, str]:
    """Without keys or files of whoever runs the tests."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TWITTER_", "ENGAGEMENT_"))}
    return {
        **kept,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(place / "home"),
        "ENGAGEMENT_LEDGER": str(place / "ledger"),
        "ENGAGEMENT_STATE_DIR": str(place / "state"),
        "ENGAGEMENT_CONFIG_DIR": str(place / "config"),
        "BROWSER": "true",
    }


@pytest.fixture
def start(place: Path, environment: dict[str, str]) -> Iterator[object]:
    """Start a command in the background; it ends with the test."""
    running: list[subprocess.Popen[str]] = []

    def begin(command: str, **more: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            shlex.split(command),
            cwd=place,
            env={**environment, **more},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        process.terminate()
        process.communicate(timeout=20)


def until(process: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    """Read a command's output until it contains this."""
    said = ""
    assert process.stdout is not None
    for line in process.stdout:
        said += line
        if found := re.search(pattern, line):
            return found
    raise AssertionError(f"{process.args} ended without {pattern!r}:\n{said}")


def test_every_block_is_of_a_known_language():
    """`sh` and `python` blocks run below; others are only shown."""
    known = {"sh", "python", "py", "csv", "r", "sql", "text", "yaml"}
    assert {language for page in PAGES for language, _ in blocks(page)} <= known
    assert {*APART} <= {command for page in PAGES for command in commands(page)}


@pytest.fixture(scope="module")
def done() -> set[str]:
    """Commands that have run: pages that repeat one need not run it again."""
    return set()


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.name)
def test_the_commands_run_as_they_stand(
    page: Path, place: Path, environment: dict[str, str], done: set[str]
):
    """Without keys, in an empty directory with an export file, each command exits with 0."""
    lines = [line for line in commands(page) if line not in (*APART, *done)]
    done |= {*lines}
    script = "\n".join(lines)
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for made in MADE.get(page.name, []):
        assert (place / made).stat().st_size, made


SESSIONS = """
import json, sys, traceback
errors = []
for code in json.loads(sys.argv[1]):
    try:
        exec(code, {"__name__": "__main__"})
    except BaseException:
        errors.append(traceback.format_exc())
    else:
        errors.append("")
print("\\n" + json.dumps(errors))
"""


@pytest.fixture(scope="module")
def sessions(place: Path, environment: dict[str, str]) -> dict[Path, str]:
    """The error of each page's Python; the pages run in one process, which starts slowly."""
    codes = [
        "\n".join(text for language, text in blocks(page) if language == "python")
        for page in WITH_PYTHON
    ]
    ran = subprocess.run(
        [sys.executable, "-c", SESSIONS, json.dumps(codes)],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return dict(zip(WITH_PYTHON, json.loads(ran.stdout.splitlines()[-1]), strict=True))


@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: page.name)
def test_the_python_lines_run_as_they_stand(page: Path, sessions: dict[Path, str]):
    """The Python of a page is one session."""
    assert sessions[page] == ""


def test_the_readme_quotes_what_its_pinned_world_says() -> None:
    """Its figures are the same on every machine and day."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    call = re.search(r"^source = (enb\.connect\(.*?\))", text, re.M)
    quoted = " ".join(re.findall(r"^> (.*)", text, re.M))
    assert call is not None
    with eval(call[1], {"enb": enb}) as source:
        assert enb.explore_gap(source.historical()).sentence == quoted


@pytest.mark.skipif(not (ROOT / ".venv/.run").exists(), reason="the tests run outside of .venv")
def test_make_report_writes_a_report_and_installs_nothing_again(tmp_path: Path):
    """The main job is one command, and a second run of it is quick."""
    made = subprocess.run(
        ["make", "report", f"OUT={tmp_path}"], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "report.html").stat().st_size
    again = subprocess.run(["make", "-n", "report"], cwd=ROOT, capture_output=True, text=True)
    assert "engagement-nb report" in again.stdout
    assert "pip install" not in again.stdout


def test_make_knows_its_targets():
    """CI calls `make test`, and the targets that the README names exist."""
    for target in ("test", "lint", "bench", "study", "lab", "site"):
        planned = subprocess.run(
            ["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert planned.stdout
    assert "make test" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize("line", SERVING)
def test_the_sandbox_serves_and_writes_its_keys(place: Path, start, line: str):
    """`sandbox serve --env-file` says when it is ready, and its keys open it."""
    serving = start(f"{line} --port 0")
    address = until(serving, r"http://127\.0\.0\.1:\d+")[0]
    keys = dict(line.split("=", 1) for line in (place / "sandbox.env").read_text().splitlines())
    assert keys["ENGAGEMENT_API_URL"] == address
    assert httpx.get(address, timeout=10).status_code == 200


def test_logging_in_asks_for_a_pin_and_stores_the_tokens(place: Path, start, sandbox: Sandbox):
    """`auth login` shows an address, takes the PIN read there, and `auth check` then passes."""
    keys = {
        name: value
        for name, value in sandbox.env.items()
        if name.startswith(("TWITTER_CONSUMER", "ENGAGEMENT_"))
    }
    asking = start("engagement-nb auth login", **keys)
    page = until(asking, r"http\S+oauth_token=\S+")[0]
    said, _ = asking.communicate(pin_from(page) + "\n", timeout=30)
    assert asking.returncode == 0, said
    assert (place / "config" / "credentials.toml").stat().st_mode & 0o777 == 0o600
    checking = start("engagement-nb auth check", **keys)
    said, _ = checking.communicate(timeout=30)
    assert checking.returncode == 0, said


def test_the_lab_opens_on_the_notebooks(place: Path, start):
    """`lab` serves JupyterLab on loopback, on copies of the notebooks, and stops when told to."""
    words = ["--port 0", "--no-browser", "--folder mine", "--ServerApp.token=t"]
    lab = start(f"engagement-nb lab {' '.join(words)}")
    address = until(lab, r"http://[\d.]+:\d+/")[0]
    assert address.startswith("http://127.0.0.1:")
    with httpx.Client(transport=httpx.HTTPTransport(retries=6), follow_redirects=True) as browser:
        opened = browser.get(f"{address}lab?token=t", timeout=20)
    assert (opened.status_code, opened.url.path) == (200, "/lab")
    assert (place / "mine" / "02_explore_gap.ipynb").exists()
