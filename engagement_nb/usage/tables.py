"""A ledger as CSV, and CSV into a ledger."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TextIO
from zoneinfo import ZoneInfo

from engagement_nb.errors import InputError
from engagement_nb.textfiles import as_utf8, csv_safe, read_file
from engagement_nb.usage.ledger import COLUMNS, USER, Contract, Ledger


def export_csv(ledger: Ledger, target: str | Path | TextIO) -> int:
    """Write all records of a ledger as CSV.

    Parameters
    ----------
    ledger
        Whose records.
    target
        Path of the file, or an open text file.

    Returns
    -------
    int
        How many records were written.
    """
    frame = ledger.records()
    frame["first_queried"] = frame["first_queried"].map(
        lambda moment: "" if moment is None or moment != moment else moment.isoformat()
    )
    names = ["user_id", "handle"]
    frame[names] = frame[names].map(csv_safe)
    text = frame[COLUMNS].to_csv(index=False, lineterminator="\n")
    if isinstance(target, str | Path):
        Path(target).write_text(text, encoding="utf-8")
    else:
        target.write(text)
    return len(frame)


def import_csv(ledger: Ledger, source: str | Path) -> int:
    """Enter the rows of a CSV file into a ledger; rows that are there already change nothing.

    Parameters
    ----------
    ledger
        Where to enter them.
    source
        A file with the columns ``user_id`` (or ``handle``) and ``first_queried`` (a moment, UTC
        unless it says otherwise) or ``day`` (in the contract's zone); ``sandbox`` is optional.

    Returns
    -------
    int
        How many rows the file has.

    Raises
    ------
    InputError
        A column is missing, or a row cannot be read; then nothing is entered.
    """
    path = Path(source).expanduser()
    text = as_utf8(read_file(path), str(path))[0].decode()
    reader = csv.DictReader(io.StringIO(text, newline=""))
    columns = {name.strip().lower() for name in reader.fieldnames or ()}
    if not ({"user_id", "handle"} & columns and {"day", "first_queried"} & columns):
        raise InputError(
            f"{path} lacks columns: needed are user_id (or handle) and day (or first_queried).",
            advice="engagement-nb usage --export writes a file of that form.",
        )
    contract = ledger.contract
    rows = [
        _row({k.strip().lower(): (v or "").strip().lstrip("'") for k, v in row.items() if k},
             number, path, contract)
        for number, row in enumerate(reader, 2)
    ]  # fmt: skip
    for user, handle, moment, sandbox in rows:
        ledger.record({user: handle}, moment, sandbox=sandbox)
    return len(rows)


def _row(
    row: dict[str, str], number: int, path: Path, contract: Contract
) -> tuple[str, str, datetime, bool]:
    handle = row.get("handle", "").removeprefix("@")
    user = row.get("user_id", "") or (f"@{handle.lower()}" if handle else "")
    if not USER.fullmatch(user):
        raise InputError(
            f'{path}, row {number}: "{user}" is not a user id.',
            advice="Give the digits of the id; nothing of the file was entered.",
        )
    try:
        if row.get("first_queried"):
            moment = datetime.fromisoformat(row["first_queried"])
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        else:
            day = date.fromisoformat(row.get("day", ""))
            moment = datetime.combine(day, time(12), ZoneInfo(contract.zone))
    except ValueError:
        value = row.get("first_queried") or row.get("day", "")
        raise InputError(
            f'{path}, row {number}: "{value}" is not a date.',
            advice="Give it as 2026-11-23; nothing of the file was entered.",
        ) from None
    return user, handle, moment, row.get("sandbox", "").lower() in ("true", "1", "yes")
