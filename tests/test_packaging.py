"""The files that describe the package agree with each other and leak nothing of this machine."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent

# conda-forge's names, where they differ from the index's.
CONDA_NAMES = {"matplotlib": "matplotlib-base"}


def requirement(text: str) -> tuple[str, str]:
    name, spec = re.fullmatch(r"([A-Za-z0-9_.-]+?)([<>=!~].*)?", text.strip()).groups()
    return name, spec or ""


def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_conda_environment_has_the_same_dependencies_and_ranges():
    """environment.yml is pyproject.toml in conda-forge's names."""
    wanted = {
        CONDA_NAMES.get(name, name): spec
        for name, spec in map(requirement, pyproject()["dependencies"])
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
    extras = pyproject()["optional-dependencies"]
    asked = [*pyproject()["dependencies"], *extras["dask"], *extras["test"]]
    names = {requirement(item)[0] for item in asked if not item.startswith("engagement-nb")}
    assert names <= pinned


def test_the_command_line_answers_without_importing_pandas():
    """`--help` is quick because heavy libraries load only when a command needs them."""
    code = (
        "import sys; from engagement_nb.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit('pandas' in sys.modules or 'matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
