"""Runs every benchmark of this folder (``ROOM_*.py``), or those named; only JSON on stdout.

Each is a program of its own, so that none slows another down or is counted in its memory, and
prints one line of JSON a measurement. ``python -m benchmarks [NAME ...]``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def main(names: list[str]) -> int:
    found = sorted(path.stem for path in FOLDER.glob("[a-z]*_*.py"))
    if unknown := set(names) - set(found):
        print(f"There is no {', '.join(sorted(unknown))}; there are: {', '.join(found)}",
              file=sys.stderr)  # fmt: skip
        return 2
    failed = []
    for name in names or found:
        print(f"{name} ...", file=sys.stderr)
        ended = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{name}"],
            cwd=FOLDER.parent,
            stdout=subprocess.PIPE,
            text=True,
        )
        for line in ended.stdout.splitlines():
            if is_measurement(line):
                print(line, flush=True)
            else:
                print(line, file=sys.stderr)
        if ended.returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


def is_measurement(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
