"""Export files of X: the same frames without API access, from downloads.

All kinds are read: by Post (current "content" files and classic ones), by day (classic daily
files and current overviews) and of videos, in every language. What is wrong is refused: a figure
that was guessed would be worse than none.
"""

from __future__ import annotations

from pathlib import Path

from engagement_nb.exports.folder import Comparison, Exports
from engagement_nb.metrics import Metrics

__all__ = ["Comparison", "Exports", "read_export"]


def read_export(source: str | Path, account: str = "") -> Metrics:
    """Read one export file of X, or a folder of them.

    Parameters
    ----------
    source
        Path of a CSV file, or of a folder whose CSV files are read together.
    account
        Handles to read, separated by commas, where the files are of several accounts.

    Returns
    -------
    Metrics
        ``about.source`` and ``about.endpoint`` are "export", ``about.kind`` names the files.
        Where there are files by Post, the frame has one row a Tweet: ``tweet_id``,
        ``created_at``, what the text tells (`content.content_facts`), ``text``, the metrics
        under their wire names, and ``promoted_<metric>`` where the file has any promoted figure;
        ``file_kind`` tells content and classic apart where there are both. Else it has one row a
        day (``time``), and ``about.unit`` is "day". Cells that are empty or "-" are ``<NA>``.
        ``about.labels`` has the file's own column names. `Exports` has the other kinds.

    Raises
    ------
    InputError
        Something is not an export, holds what cannot be read as such, or is of several accounts.

    Notes
    -----
    A Tweet or day that several files hold is counted once, with the figures of the newest file:
    the one whose period (in its name; else its latest post) ends last; of those, the one written
    to disk last. ``created_at`` is read from the id; for ids from before 2010-11-04, which
    carry no time, from the date column.
    """
    return Exports(source, account).metrics()
