"""The wheel alone, in an empty folder, away from any checkout, does the main job."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from engagement_nb.cli.lab import lab_command, working_folder
from engagement_nb.report.notebooks import notebooks_folder
from tests.report.report_inputs import export

pytestmark = pytest.mark.xdist_group("wheel")

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # What JupyterLab and a notebook leave in the folder of the notebooks.
    root = tmp_path_factory.mktemp("checkout")
    for part in ("engagement_nb", "notebooks"):
        shutil.copytree(ROOT / part, root / part)
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, root)
    (root / "notebooks" / "dataset").mkdir()
    (root / "notebooks" / "dataset" / "mine.parquet").write_text("private")
    (root / "notebooks" / "Untitled.ipynb").write_text("{}")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(folder), "."]
    built = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def program(wheel, tmp_path_factory):
    """The program of a fresh environment that has the wheel, and the libraries of this one.

    They come from here by a path file, so that nothing is downloaded; this package's own
    editable install is left out.
    """
    folder = tmp_path_factory.mktemp("env")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(subprocess.check_output([python, "-c", where], text=True).strip())
    here = Path(subprocess.check_output([sys.executable, "-c", where], text=True).strip())
    # A plain path: .pth files in there, that of the editable install too, are not read.
    (site / "libraries.pth").write_text(f"{here}\n")
    # Of Jupyter's libraries, what they keep beside their code: templates, kernel specifications.
    (folder / "share").symlink_to(Path(sys.prefix) / "share")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    # The modules of the wheel are compiled once.
    left_out = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
    environment = {k: v for k, v in os.environ.items() if k not in left_out}

    def run(*words: str, cwd: Path) -> subprocess.CompletedProcess:
        return subprocess.run([python, "-m", "engagement_nb", *words], cwd=cwd, env=environment,
                              capture_output=True, text=True)  # fmt: skip

    run.python, run.site, run.env = python, site, environment
    return run


def test_the_wheel_contains_the_notebooks_and_no_other_files(wheel):
    """Notebooks, templates, the typing marker; no tests, no data, no caches."""
    names = zipfile.ZipFile(wheel).namelist()
    shipped = sorted(
        Path(name).name for name in names if name.startswith("engagement_nb/notebooks")
    )
    assert [name[:3] for name in shipped] == ["01_", "02_", "03_", "04_", "05_", "06_"]
    for name in (
        "report.html.j2",
        "batch.html.j2",
        "sort.js",
        "style.css",
        "sandbox.css",
    ):
        assert f"engagement_nb/report/template/{name}" in names
    assert "engagement_nb/report/jupyter/labconfig/default_setting_overrides.json" in names
    assert "engagement_nb/py.typed" in names
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.startswith("engagement_nb")} == set()
    data = [name for name in names if name.endswith((".csv", ".pyc", ".parquet"))]
    assert data == ["engagement_nb/gap/tools.csv"]


def test_it_reports_and_makes_batches_in_an_empty_folder(program, tmp_path):
    """The wheel's own modules and notebooks run, with both engines."""
    code = "import engagement_nb as e, papermill.engines as p; print(e.__file__, p.papermill_engines.get_engine('engagement-nb').__module__)"  # noqa: E501
    told = subprocess.check_output(
        [program.python, "-c", code], cwd=tmp_path, env=program.env, text=True
    )
    assert told.startswith(str(program.site))
    assert told.split()[1] == "engagement_nb.engine.execution"

    source = export(tmp_path)
    made = program("report", "--source", source.name, "-o", "out", "--json", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["gap"]["posts"] == 60
    assert (tmp_path / "out" / "report.html").stat().st_size > 50_000

    (tmp_path / "manifest.csv").write_text(f"name,export\none,{source.name}\n")
    batch = program("batch", "manifest.csv", "-o", "batch", cwd=tmp_path)
    assert batch.returncode == 0, batch.stderr
    assert (tmp_path / "batch" / "index.html").exists()


def test_lab_works_on_copies_that_stay_as_they_are(program, tmp_path):
    """A copy that the user changed is not overwritten."""
    code = "from engagement_nb.cli.lab import working_folder; print(working_folder())"
    command = [program.python, "-c", code]
    folder = Path(
        subprocess.check_output(command, cwd=tmp_path, env=program.env, text=True).strip()
    )
    assert folder == tmp_path / "engagement-notebooks"
    names = sorted(path.name for path in folder.iterdir())
    assert names == sorted(path.name for path in notebooks_folder().glob("*.ipynb"))
    (folder / names[0]).write_text("changed")
    subprocess.check_output(command, cwd=tmp_path, env=program.env)
    assert (folder / names[0]).read_text() == "changed"


def test_lab_works_on_copies_in_a_checkout_too_and_on_loopback(capsys, tmp_path, monkeypatch):
    """A class can pull without conflicts, and other machines cannot reach the server."""
    monkeypatch.chdir(tmp_path)
    assert working_folder() == tmp_path / "engagement-notebooks"
    assert notebooks_folder() == ROOT / "notebooks"
    command = lab_command(ROOT / "notebooks", port=0, browser=False)
    assert "--ServerApp.ip=127.0.0.1" in command
    from engagement_nb import cli

    assert cli.run(["lab", "--ip=0.0.0.0"]) == 2
    assert "listens on this machine only" in capsys.readouterr().err
