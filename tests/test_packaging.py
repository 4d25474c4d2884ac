"""The files that describe the package agree with each other and leak nothing of this machine."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent

# conda-forge's names, where they differ from the index's.
CONDA_NAMES = {"matplotlib": "matplotlib-base"}


def requirement(text: str) -> tuple[str, str]:
    name, spec = re.fullmatch(r"([A-Za-z0-9_.-]+?)([<>=!~].*)?", text.strip()).groups()
    return name, spec or ""


WHOLE = tomllib.loads((ROOT / "pyproject.toml").read_text())


def pyproject() -> dict:
    return WHOLE["project"]


def core_and_notebooks() -> list[str]:
    return [*pyproject()["dependencies"], *pyproject()["optional-dependencies"]["notebooks"]]


def test_the_conda_environment_has_the_same_dependencies_and_ranges():
    """environment.yml is pyproject.toml in conda-forge's names."""
    wanted = {
        CONDA_NAMES.get(name, name): spec for name, spec in map(requirement, core_and_notebooks())
    }
    wanted["python"] = pyproject()["requires-python"]
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    found = dict(requirement(item) for item in listed if isinstance(item, str) and item != "pip")
    assert found == wanted


def test_every_dependency_is_pinned_and_no_index_is_named():
    """constraints.txt pins what pyproject.toml asks for, by name and version only."""
    lines = (ROOT / "constraints.txt").read_text().split()
    assert all(re.fullmatch(r"[A-Za-z0-9_.\-]+==[A-Za-z0-9_.+!]+", line) for line in lines)
    pinned = {re.sub(r"[-_.]+", "-", line.split("==")[0]).lower() for line in lines}
    groups = [pyproject()["optional-dependencies"]["dask"], *WHOLE["dependency-groups"].values()]
    asked = [*core_and_notebooks(), *chain.from_iterable(groups)]
    names = {requirement(item)[0] for item in asked}
    assert names <= pinned


def test_the_lock_has_hashes_and_the_versions_of_the_constraints():
    """requirements.lock installs what constraints.txt pins, and names no index."""
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text
    blocks = re.findall(
        r"^([\w.-]+)==(\S+)[^\n]*((?:\n {4}--hash=sha256:[0-9a-f]{64}[ \\]*)*)", text, re.M
    )
    assert len(blocks) > 100
    assert all(hashes for _, _, hashes in blocks)
    normal = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version, _ in blocks}
    for line in (ROOT / "constraints.txt").read_text().split():
        name, version = line.split("==")
        name = re.sub(r"[-_.]+", "-", name).lower()
        assert normal.get(name, version) == version
    assert {requirement(item)[0] for item in core_and_notebooks()} <= {*normal}


def test_the_command_line_answers_without_importing_pandas():
    """`--help` is quick because heavy libraries load only when a command needs them."""
    code = (
        "import sys; from engagement_nb.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit('pandas' in sys.modules or 'matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_the_core_needs_no_more_than_eighteen_libraries():
    """Fetching, the sandbox, the analysis, figures and the command line are the core."""
    assert len(pyproject()["dependencies"]) <= 18


def without(extra: str, code: str) -> subprocess.CompletedProcess[str]:
    """Run code where the libraries of an extra cannot be imported, as in a bare environment."""
    modules = {"beautifulsoup4": "bs4", "ipython": "IPython", "pyyaml": "yaml", "pyzmq": "zmq"}
    names = [requirement(item)[0] for item in pyproject()["optional-dependencies"][extra]]
    hidden = {modules.get(name, name.replace("-", "_")) for name in names} - {"markupsafe"}
    hide = (
        "import importlib.abc, importlib.machinery, sys\n"
        f"hidden = {sorted(hidden)}\n"
        "find = importlib.machinery.PathFinder.find_spec\n"
        "def find_spec(name, path=None, target=None):\n"
        "    return None if name.split('.')[0] in hidden else find(name, path, target)\n"
        "importlib.machinery.PathFinder.find_spec = staticmethod(find_spec)\n"
    )
    return subprocess.run([sys.executable, "-c", hide + code], capture_output=True, text=True)


def test_the_core_works_without_jupyter_and_papermill():
    """A DataFrame, the gap and a figure need no notebook library."""
    done = without(
        "notebooks",
        "import engagement_nb as enb\n"
        "gap = enb.explore_gap(enb.connect(tweets=30).totals())\n"
        "gap.plot(); print(gap)",
    )
    assert done.returncode == 0, done.stderr
    assert "engagements" in done.stdout


@pytest.mark.parametrize("words", [["report"], ["batch", "m.csv", "-o", "out"], ["lab"]])
def test_a_missing_extra_is_one_sentence_with_the_command(words):
    """A core installation says which extra to install."""
    done = without("notebooks", f"from engagement_nb.cli import main; main({words})")
    assert done.returncode == 1
    assert "pip install 'engagement-nb[notebooks]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_one_version_everywhere():
    """The package's own number is the source; the citation agrees."""
    import engagement_nb

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert str(citation["version"]) == engagement_nb.__version__
