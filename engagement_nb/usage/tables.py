"""Export a ledger as CSV, and import CSV into a ledger."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime, time
from pathlib import Path
from typing import TextIO
from zoneinfo import ZoneInfo

from engagement_nb.apis.times import as_utc
from engagement_nb.errors import InputError
from engagement_nb.metrics import csv_text
from engagement_nb.textfiles import as_utf8, read_file
from engagement_nb.usage.ledger import USER, Contract, Ledger


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


def import_csv(ledger: Ledger, source: str | Path) -> int:
    """Record the rows of a CSV file. Rows that the ledger already has change nothing.

    Parameters
    ----------
    ledger
        The ledger that gets the records.
    source
        A file with the columns ``user_id`` (or ``handle``) and ``first_queried`` (a moment, by
        default UTC) or ``day`` (in the contract's zone); ``sandbox`` is optional.

    Returns
    -------
    int
        Number of rows in the file.

    Raises
    ------
    InputError
        A column is missing, or a row cannot be read. Then nothing is recorded.
    """
    path = Path(source).expanduser()
    text = as_utf8(read_file(path), str(path))[0].decode()
    reader = csv.DictReader(io.StringIO(text, newline=""))
    columns = {name.strip().lower() for name in reader.fieldnames or ()}
    if not ({"user_id", "handle"} & columns and {"day", "first_queried"} & columns):
        raise InputError(
            f"{path} lacks columns: it needs user_id (or handle) and day (or first_queried).",
            advice="engagement-nb usage --export writes such a file.",
        )
    contract = ledger.contract
    rows = [
        _row({k.strip().lower(): (v or "").strip().lstrip("'") for k, v in row.items() if k},
             f"{path}, row {number}", contract)
        for number, row in enumerate(reader, 2)
    ]  # fmt: skip
    for user, handle, moment, sandbox in rows:
        ledger.record({user: handle}, moment, sandbox=sandbox)
    return len(rows)


def _row(row: dict[str, str], where: str, contract: Contract) -> tuple[str, str, datetime, bool]:
    handle = row.get("handle", "").removeprefix("@")
    user = row.get("user_id") or f"@{handle.lower()}"
    if not USER.fullmatch(user):
        raise InputError(
            f'{where}: "{user}" is not a user id.',
            advice="Give the digits of the id. No row of the file was recorded.",
        )
    given = row.get("first_queried") or row.get("day", "")
    try:
        if row.get("first_queried"):
            moment = as_utc(given)
        else:
            moment = datetime.combine(date.fromisoformat(given), time(12), ZoneInfo(contract.zone))
    except ValueError:
        raise InputError(
            f'{where}: "{given}" is not a date.',
            advice="Give it as 2026-11-23. No row of the file was recorded.",
        ) from None
    return user, handle, moment, row.get("sandbox", "").lower() in ("true", "1", "yes")
