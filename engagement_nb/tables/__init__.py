"""Any table of figures by Post: X's files in every form and language, JSON of its API, frames.

All are read by the same code with the same checks: CSV, TSV, XLSX, Parquet and JSON; a path, a
folder, an open file, a DataFrame. The modules, in the order in which a table passes through them:

- `reading`: what it is; `text`, `books`, `pages`, `frames`: its cells, whatever its form;
- `layouts`: what each column is, by `engagement_nb.apis.names` or by X's order; `cells`: counts,
  times and texts; `rows`: those that are none; `table`: the others as Tweets, days or videos;
- `once`, `folder`: several tables joined; `content`: facts from the texts.
"""

from __future__ import annotations

from typing import Any

from engagement_nb.metrics import Metrics
from engagement_nb.tables.folder import Comparison, Tables
from engagement_nb.tables.frames import is_frame

__all__ = ["Comparison", "Tables", "is_frame", "read_table"]


def read_table(source: Any, account: str = "") -> Metrics:
    """Read a table of figures: a file, a folder of files, an open file, or a frame.

    Parameters
    ----------
    source
        Path of a CSV, TSV, XLSX, Parquet or JSON file, or of a folder whose files are read
        together; an open file of bytes; a DataFrame of pandas or polars, or anything with an
        Arrow stream.
    account
        Handles to read, separated by commas, if the files are of several accounts.

    Returns
    -------
    Metrics
        ``about.kind`` names the kinds of tables: see `Tables`. If there are figures by Post, the
        frame has one row per Tweet (or per Tweet and hour or day, column ``time``):
        ``tweet_id``, ``created_at``, facts about the text (`content.content_facts`), ``text``,
        the metrics under their wire names, and ``promoted_<metric>`` if there are promoted
        figures. If several kinds are present, ``file_kind`` names the kind. Otherwise the frame
        has one row per day (``time``), and ``about.unit`` is "day". Cells that are empty or "-"
        are ``<NA>``. ``about.labels`` has the table's own column names, and ``account`` says what
        became of each row and column. `Tables` has the other kinds.

    Raises
    ------
    InputError
        There are no figures of Posts, a cell cannot be read, or the files are of several
        accounts.

    Notes
    -----
    A Tweet without a readable id is named by its row: ``row 3``. The exact id is taken from the
    link where a spreadsheet rounded it. ``created_at`` is read from the id; for ids without a
    time, and for ids whose time is not that of the time column, it is read from the column.

    A Tweet or day in several of X's files is counted once, with the figures of the newest file:
    the one whose period (in its name, or else by its latest row) ends last, and among those, the
    one written to disk last. In other tables, a Tweet may occur again with the same figures, with
    another ``read_at`` (the last is used) or with another period (``start``, ``end``).
    """
    return Tables(source, account).metrics()
