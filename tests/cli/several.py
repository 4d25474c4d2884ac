"""Several command lines in one process, each as the program runs it: starting takes long."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_CODE = """
import sys
from engagement_nb.cli import main

for line in " ".join(sys.argv[1:]).split(" ; "):
    code = None
    try:
        main(line.split())
    except SystemExit as end:
        code = end.code
    for stream in (sys.stdout, sys.stderr):
        print("ENDED", code, file=stream, flush=True)
"""


def several(*lines: str, cwd: Path, **variables: str) -> list[subprocess.CompletedProcess[str]]:
    """Exit code, output and messages of each line; its words have no spaces in them."""
    done = subprocess.run(
        [sys.executable, "-c", _CODE, *" ; ".join(lines).split()],
        cwd=cwd,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        errors="replace",
        check=True,
    )
    told = []
    for line in lines:
        found = []
        for stream in (done.stdout, done.stderr):
            *said, rest = stream.split("ENDED ", 1)
            found.append((*said, *rest.split("\n", 1)))
        (out, code, done.stdout), (err, _, done.stderr) = found
        told.append(subprocess.CompletedProcess(line, int(code), out, err))
    return told
