"""A ledger as CSV."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from engagement_nb.metrics import csv_text
from engagement_nb.usage.ledger import Ledger


def export_csv(ledger: Ledger, target: str | Path | TextIO) -> int:
    """Write all records of a ledger as CSV.

    Parameters
    ----------
    ledger
        The ledger.
    target
        Path of the file, or an open text file.

    Returns
    -------
    int
        Number of records.
    """
    frame = ledger.records()
    frame["first_queried"] = [moment.isoformat() if moment == moment else ""
                              for moment in frame["first_queried"]]  # fmt: skip
    text = csv_text(frame)
    if isinstance(target, str | Path):
        Path(target).write_text(text, encoding="utf-8")
    else:
        target.write(text)
    return len(frame)
