"""Forked kernels: the same as stock ones, fresh each time, and gone when they should be."""

from __future__ import annotations

import copy
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import papermill
import psutil
import pytest
from nbclient.exceptions import DeadKernelError

from engagement_nb.engine.forked import ENGINE
from engagement_nb.engine.kernels import SERVER, can_fork
from tests.notebooks.notebook_cells import notebook, write

pytestmark = pytest.mark.skipif(not can_fork(), reason="kernels are forked on Linux only")

VARIED = notebook(
    "import matplotlib.pyplot as plt, numpy as np, pandas as pd",
    "frame = pd.DataFrame({'a': np.arange(5), 'b': list('vwxyz')}); frame",
    "plt.plot([1, 2, 3]); plt.title('shown without being asked for')",
    "fig, ax = plt.subplots(); ax.hist(np.arange(100) % 7); plt.show()",
    "plt.rcParams['figure.figsize'], plt.get_backend(), plt.isinteractive()",
    "import os, sys; print(os.getcwd(), sys.argv[0].split('/')[-1], sys.path[0] == '', __name__)",
    "import tqdm.auto; [x for x in tqdm.auto.tqdm([1, 2])]; tqdm.auto.tqdm.__mro__[1].__module__",
    "print('to stderr', file=sys.stderr); import warnings; warnings.warn('a warning')",
    "import signal; [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)]",
    "pd.options.display.max_rows, np.geterr(), sorted(k for k in globals() if k[0] != '_')",
    "import time; t = time.time(); 1 / 0",
)


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
    """What a cell shows, without addresses, times, process numbers and drawn identifiers."""
    said = re.sub(r"0x[0-9a-f]+|ipykernel_\d+|\d+\.\d+it/s|[0-9a-f]{32}", "*", str(value))
    return re.sub(r"/tmp/\S*?(?=[/:])", "*", said)


def outputs_of(path, engine_name, tmp_path):
    out = tmp_path / f"{engine_name}.ipynb"
    with pytest.raises(papermill.PapermillExecutionError):
        papermill.execute_notebook(
            copy.deepcopy(path), str(out), engine_name=engine_name, progress_bar=False
        )
    executed = papermill.iorw.load_notebook_node(str(out))
    cells = [cell for cell in executed.cells if cell.cell_type == "code"]
    return [
        [
            {k: plain(v) for k, v in output.items() if k not in ("metadata", "traceback")}
            for output in cell.outputs
        ]
        for cell in cells
    ]


def test_outputs_are_those_of_a_stock_kernel(tmp_path):
    """Figures, tables, streams, warnings, widgets, errors: cell by cell the same."""
    ours = outputs_of(VARIED, ENGINE, tmp_path)
    assert ours == outputs_of(VARIED, "nbclient", tmp_path)
    assert "image/png" in ours[2][-1]["data"]


SETS = notebook(
    "import os, random, sys, warnings, matplotlib as mpl, numpy as np, pandas as pd",
    "left_behind = 1; random.seed(7); np.random.seed(7); mpl.rcParams['lines.linewidth'] = 77",
    "pd.options.display.max_rows = 7; os.environ['LEFT_BEHIND'] = 'x'; os.chdir('/')",
    "sys.path.append('/left'); pd.left_behind = 1; np.seterr(all='raise'); os.umask(0o777)",
    "warnings.simplefilter('error'); pd.DataFrame.sum = None; mpl.pyplot.figure()",
)
SEES = notebook(
    "import os, random, sys, warnings, matplotlib.pyplot as plt, numpy as np, pandas as pd",
    "import matplotlib as mpl",
    "'left_behind' in globals(), mpl.rcParams['lines.linewidth'], pd.options.display.max_rows",
    "os.environ.get('LEFT_BEHIND'), os.getcwd() == '/', '/left' in sys.path",
    "hasattr(pd, 'left_behind'), np.geterr()['divide'], oct(os.umask(0o022))",
    "warnings.filters[0][0] == 'error', pd.DataFrame.sum is None, plt.get_fignums()",
)


def test_nothing_set_in_one_kernel_is_seen_in_the_next():
    """Variables, rcParams, options, environment, directory, modules, filters start anew."""
    before = run(SEES)
    run(SETS)
    assert run(SEES) == before
    assert before[2:4] == ["(False, 1.5, 60)", "(None, False, False)"]


def test_every_kernel_draws_its_own_random_numbers():
    """A fork copies the generators' state; they are seeded again."""
    cells = notebook(
        "import random, numpy as np, tempfile, uuid",
        "random.random(), np.random.rand(), np.random.default_rng().random(), uuid.uuid4()",
    )
    drawn = [re.findall(r"[\d.]{8,}|UUID\(.*?\)", run(cells)[1]) for _ in range(3)]
    for values in zip(*drawn, strict=True):
        assert len(set(values)) == 3
    assert len(drawn[0]) == 4


def test_a_kernel_that_crashes_takes_no_other_with_it():
    """Of three at once the two others end as they should, and so does the next."""
    crash = notebook(
        "import os, signal, time; time.sleep(0.3); os.kill(os.getpid(), signal.SIGKILL)"
    )
    fine = notebook("import time; time.sleep(0.8)", "print('fine')")
    with ThreadPoolExecutor(3) as pool:
        runs = [pool.submit(run, cells) for cells in (fine, crash, fine)]
        with pytest.raises(DeadKernelError):
            runs[1].result()
        assert [r.result()[1] for r in (runs[0], runs[2])] == ["fine\n", "fine\n"]
    assert run(fine)[1] == "fine\n"


def test_a_lost_fork_server_is_started_again():
    """Killed between two notebooks, it costs its start once more and nothing else."""
    cells = notebook("print('fine')")
    run(cells)
    lost = SERVER.pid
    os.kill(lost, signal.SIGKILL)
    assert run(cells) == ["fine\n"]
    assert SERVER.pid != lost


def test_a_client_that_is_gone_when_its_kernel_is_there_is_borne():
    """The server goes on, and no kernel stays that nobody wants."""
    run(notebook("print('fine')"))
    server = SERVER.pid
    for _ in range(3):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(SERVER._running() / "fork"))
        asked = {"argv": ["kernel", "-f", "/nowhere.json"], "env": {}, "cwd": "/"}
        connection.sendall(json.dumps(asked).encode() + b"\n")
        connection.close()
    assert run(notebook("print('fine')")) == ["fine\n"]
    assert SERVER.pid == server
    wait_for(lambda: not psutil.Process(server).children())


def test_kernels_end_with_a_killed_runner(tmp_path):
    """Neither the server nor a busy kernel outlives the process that wanted them."""
    told = tmp_path / "pids"
    path = write(
        tmp_path / "busy.ipynb",
        f"import os, time; open({str(told)!r}, 'w').write(f'{{os.getpid()}} {{os.getppid()}} ')",
        "time.sleep(60)",
    )
    code = (
        f"import papermill; papermill.execute_notebook({str(path)!r}, None, engine_name={ENGINE!r})"
    )
    runner = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    wait_for(lambda: told.exists() and told.read_text().endswith(" "))
    runner.kill()
    runner.wait()
    for pid in map(int, told.read_text().split()):
        wait_for(lambda pid=pid: not alive(pid))


def test_a_cell_that_takes_too_long_is_interrupted():
    """Interrupts reach a forked kernel, which is then ended."""
    with pytest.raises(TimeoutError):
        run(notebook("import time; time.sleep(60)"), execution_timeout=1)


def test_papermill_finds_the_engine_by_its_name(tmp_path):
    """Stock papermill's command line runs it by --engine."""
    path = write(tmp_path / "in.ipynb", "print('fine')", parameters="a: int = 1  # a number")
    words = ["papermill", str(path), "-", "--engine", ENGINE, "--no-progress-bar"]
    done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "fine" in done.stdout


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_for(happens, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_engine_can_be_imported_before_papermill():
    """Papermill loads it by its entry point while it is itself being imported."""
    code = (
        "import engagement_nb.engine.forked, sys\n"
        "from papermill.engines import papermill_engines as known\n"
        f"sys.exit(known.get_engine({ENGINE!r}) is not engagement_nb.engine.forked.ForkedEngine)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
