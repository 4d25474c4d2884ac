"""Tables to take away: CSV for spreadsheets, Parquet for programs."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from engagement_nb.metrics import csv_text
from engagement_nb.store import Store


def save_tables(where: str | Path, **tables: pd.DataFrame) -> None:
    """Write each table as ``NAME.csv`` and ``NAME.parquet`` into a folder or an fsspec address.

    Raises
    ------
    DatasetError
        It cannot be written to.
    """
    store = Store(where)
    for name, table in tables.items():
        store.publish(f"{name}.parquet", table.to_parquet(index=False))
        store.publish(f"{name}.csv", csv_text(table).encode())
