"""Notebooks in processes of their own: outputs, isolation, failures."""

from __future__ import annotations

import copy
import re
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import papermill
import psutil
import pytest

from engagement_nb.engine import ENGINE, ShellEngine, execution, processes
from engagement_nb.engine.processes import DIED, TOO_SLOW
from tests.notebooks.notebook_cells import notebook, write

VARIED = notebook(
    "import matplotlib.pyplot as plt, numpy as np, pandas as pd",
    "frame = pd.DataFrame({'a': np.arange(5), 'b': list('vwxyz')}); frame",
    "plt.plot([1, 2, 3]); plt.title('shown without a call of show')",
    "fig, ax = plt.subplots(); ax.hist(np.arange(100) % 7); plt.show()",
    "plt.rcParams['figure.figsize'], plt.get_backend(), plt.isinteractive()",
    "import os, sys; print(os.getcwd(), sys.path[0] == '', __name__); print('more')",
    "from IPython.display import HTML, Markdown, clear_output, display, update_display",
    "print('gone'); clear_output(); display(HTML('<b>x</b>'), Markdown('*y*')); 3",
    "display('first', display_id='d'); display('second'); update_display('third', display_id='d')",
    "print('to stderr', file=sys.stderr); import warnings; warnings.warn('a warning')",
    "import asyncio; await asyncio.sleep(0)",
    "!echo from a shell",
    "%matplotlib inline\n7;",
    "import signal; signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGCHLD)",
    "pd.options.display.max_rows, np.geterr(), sorted(k for k in globals() if k[0] != '_')",
    "import time; t = time.time(); 1 / 0",
)


@pytest.fixture
def quick(tmp_path, monkeypatch):
    """Processes import papermill in half the time: jsonschema makes no grammars of addresses."""
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "rfc3987_syntax.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"))


def run(cells, engine_name=ENGINE, **options):
    done = papermill.execute_notebook(
        copy.deepcopy(cells), None, engine_name=engine_name, progress_bar=False, **options
    )
    return [text(cell) for cell in done.cells if cell.cell_type == "code"]


def text(cell):
    return "".join(
        output.get("text", "") or output.get("data", {}).get("text/plain", "")
        for output in cell.outputs
    )


def plain(value):
    """The output of a cell without addresses, process numbers and temporary file names."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    said = re.sub(r"0x[0-9a-f]+", "*", str(value))
    return re.sub(r"/tmp/ipykernel_\d+/\d+\.py|<ipython-input[^>]*>", "*", said)


def outputs_of(cells, engine_name, tmp_path):
    out = tmp_path / f"{engine_name}.ipynb"
    with pytest.raises(papermill.PapermillExecutionError):
        papermill.execute_notebook(
            copy.deepcopy(cells), str(out), engine_name=engine_name, progress_bar=False
        )
    executed = papermill.iorw.load_notebook_node(str(out))
    code = [cell for cell in executed.cells if cell.cell_type == "code"]
    return [cell.execution_count for cell in code], [
        [
            {k: plain(v) for k, v in output.items() if k not in ("metadata", "traceback")}
            for output in cell.outputs
        ]
        for cell in code
    ]


def test_outputs_are_those_of_a_stock_kernel(tmp_path):
    """Figures, tables, streams, warnings, displays, magics and errors are the same."""
    counts, ours = outputs_of(VARIED, ENGINE, tmp_path)
    stock_counts, stock = outputs_of(VARIED, "nbclient", tmp_path)
    assert counts == stock_counts
    for mine, theirs in zip(ours, stock, strict=True):
        assert mine == theirs
    assert "image/png" in ours[2][-1]["data"]


SETS = notebook(
    "import os, random, sys, warnings, matplotlib.pyplot, numpy as np, pandas as pd",
    "left_behind = 1; random.seed(7); np.random.seed(7)",
    "matplotlib.rcParams['lines.linewidth'] = 77",
    "pd.options.display.max_rows = 7; os.environ['LEFT_BEHIND'] = 'x'; os.chdir('/')",
    "sys.path.append('/left'); pd.left_behind = 1; np.seterr(all='raise'); os.umask(0o777)",
    "warnings.simplefilter('error'); pd.DataFrame.sum = None; matplotlib.pyplot.figure()",
)
SEES = notebook(
    "import os, random, sys, warnings, matplotlib.pyplot as plt, numpy as np, pandas as pd",
    "import matplotlib as mpl",
    "'left_behind' in globals(), mpl.rcParams['lines.linewidth'], pd.options.display.max_rows",
    "os.environ.get('LEFT_BEHIND'), os.getcwd() == '/', '/left' in sys.path",
    "hasattr(pd, 'left_behind'), np.geterr()['divide'], oct(os.umask(0o022))",
    "warnings.filters[0][0] == 'error', pd.DataFrame.sum is None, plt.get_fignums()",
)


def test_settings_of_one_notebook_do_not_reach_the_next():
    """Variables, rcParams, options, environment, folder, modules and filters are fresh."""
    before = run(SEES)
    run(SETS)
    assert run(SEES) == before
    assert before[2:4] == ["(False, 1.5, 60)", "(None, False, False)"]


def test_every_notebook_draws_its_own_random_numbers():
    """A fork copies the state of generators, so each process seeds them again."""
    cells = notebook(
        "import random, numpy as np, tempfile, uuid",
        "random.random(), np.random.rand(), np.random.default_rng().random(), uuid.uuid4()",
    )
    drawn = [re.findall(r"[\d.]{8,}|UUID\(.*?\)", run(cells)[1]) for _ in range(3)]
    for values in zip(*drawn, strict=True):
        assert len(set(values)) == 3
    assert len(drawn[0]) == 4


def stops(cells, ename, **options):
    """Run a notebook whose process ends early, and return the number of its last cell."""
    with pytest.raises(papermill.PapermillExecutionError) as stopped:
        run(cells, **options)
    assert stopped.value.ename == ename
    return stopped.value.exec_count


def test_a_notebook_that_crashes_does_not_stop_the_others():
    """Two notebooks that run at the same time finish, and so does the next one."""
    crash = notebook("1", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    fine = notebook("import time; time.sleep(0.8)", "print('fine')")
    with ThreadPoolExecutor(3) as pool:
        runs = [pool.submit(run, fine), pool.submit(stops, crash, DIED), pool.submit(run, fine)]
        assert runs[1].result() == 2
        assert [r.result()[1] for r in (runs[0], runs[2])] == ["fine\n", "fine\n"]
    assert run(fine)[1] == "fine\n"


def test_a_killed_fork_server_is_started_again():
    """If it is killed between two notebooks, the second one runs normally."""
    cells = notebook("print('fine')")
    run(cells)
    processes._server._process.kill()
    assert run(cells) == ["fine\n"]


def test_the_fork_server_ends_quietly_after_its_folder_is_gone(tmp_path):
    """A command may run a notebook in a folder that it then removes."""
    ours, theirs = socket.socketpair()
    code = (
        "import os; from engagement_nb.engine import server; start = server.start_shell;"
        "server.start_shell = lambda: (start(), os.rmdir(os.getcwd()))[0];"
        f"server.main({theirs.fileno()}, ())"
    )
    with ours, theirs:
        server = subprocess.Popen(
            [sys.executable, "-P", "-c", code],
            cwd=tmp_path, pass_fds=[theirs.fileno()], stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    assert server.communicate(timeout=60)[1] == ""


@pytest.mark.usefixtures("quick")
def test_notebooks_end_with_a_killed_runner(tmp_path):
    """The fork server and a busy notebook end with the process that started them."""
    told = tmp_path / "pids"
    path = write(
        tmp_path / "busy.ipynb",
        f"import os; open({str(told)!r}, 'w').write(f'{{os.getpid()}} {{os.getppid()}} ')",
        "import subprocess; subprocess.run(['sleep', '60'])",
    )
    code = (
        f"import papermill; papermill.execute_notebook({str(path)!r}, None, engine_name={ENGINE!r})"
    )
    runner = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    wait_for(lambda: told.exists() and told.read_text().endswith(" "))
    pids = [int(pid) for pid in told.read_text().split()]
    wait_for(lambda: psutil.Process(pids[0]).children())
    sleeper = psutil.Process(pids[0]).children()[0].pid
    runner.kill()
    runner.wait()
    for pid in (*pids, sleeper):
        wait_for(lambda pid=pid: not alive(pid))


def test_a_cell_that_takes_too_long_is_ended():
    """The error names the cell, and processes of the cell end too."""
    cells = notebook("1", "import subprocess; subprocess.run(['sleep', '60'])")
    assert stops(cells, TOO_SLOW, execution_timeout=1) == 2


@pytest.mark.usefixtures("quick")
def test_papermill_finds_the_engine_by_its_name(tmp_path):
    """Stock papermill's command line runs it by --engine."""
    path = write(tmp_path / "in.ipynb", "print('fine')", parameters="a: int = 1  # a number")
    words = ["papermill", str(path), "-", "--engine", ENGINE, "--no-progress-bar"]
    done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "fine" in done.stdout


@pytest.mark.usefixtures("quick")
def test_a_script_that_makes_reports_at_its_top_level_runs_once(tmp_path):
    """`multiprocessing` would import the main program again in each process."""
    path = write(tmp_path / "in.ipynb", "print('fine')")
    script = tmp_path / "script.py"
    script.write_text(
        "import papermill\nprint('once')\n"
        f"done = papermill.execute_notebook({str(path)!r}, None, engine_name={ENGINE!r},"
        " progress_bar=False)\nprint(done.cells[0].outputs[0].text)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert done.stdout == "once\nfine\n\n", done.stderr


def test_without_fork_papermills_own_engine_runs_the_notebook(monkeypatch):
    """The outputs are the same."""
    monkeypatch.setattr(execution, "FORKS", False)
    told = run(notebook("import matplotlib.pyplot as plt; plt.plot([1]); None", "print('fine')"))
    assert told == ["<Figure size 640x480 with 1 Axes>", "fine\n"]


@pytest.mark.usefixtures("quick")
def test_the_engine_can_be_imported_before_papermill():
    """Papermill loads it by its entry point while it is itself being imported."""
    code = (
        "import engagement_nb.engine, sys\nengine = engagement_nb.engine.ShellEngine\n"
        "from papermill.engines import papermill_engines as known\n"
        f"sys.exit(known.get_engine({ENGINE!r}) is not engine)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    assert ShellEngine.__module__ == "engagement_nb.engine.execution"


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_for(happens, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_process_that_is_alone_runs_the_cells_itself(monkeypatch, tmp_path):
    """Each notebook has a fresh shell; streams, folder and main module are as before."""
    monkeypatch.setattr(execution, "ALONE", True)
    before = sys.stdout, Path.cwd(), sys.modules["__main__"]
    cells = notebook("import os; print(os.getcwd())", "'x' in globals()", "x = 6; x * 7")
    for _ in range(2):
        assert run(cells, cwd=str(tmp_path)) == [f"{tmp_path}\n", "False", "42"]
    counts, outputs = outputs_of(notebook("print('a')", "1 / 0", "2"), ENGINE, tmp_path)
    assert counts == [1, 2, None]
    assert [of_cell[0].get("ename", "") for of_cell in outputs[:2]] == ["", "ZeroDivisionError"]
    assert (sys.stdout, Path.cwd(), sys.modules["__main__"]) == before


def test_a_process_that_is_alone_refuses_a_limit_of_time(monkeypatch):
    """Nothing could stop the cell."""
    monkeypatch.setattr(execution, "ALONE", True)
    with pytest.raises(RuntimeError, match="nothing can stop a cell"):
        run(notebook("1"), execution_timeout=5)
