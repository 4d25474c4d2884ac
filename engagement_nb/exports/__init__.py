"""X's export files: the same frames as from the API, from files that users download.

All kinds are read, in every language: files by Post (current "content" files and classic ones),
files by day (classic daily files and current overviews) and video files. A file with an error is
refused, because a guessed figure would be worse than none.
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
        Handles to read, separated by commas, if the files are of several accounts.

    Returns
    -------
    Metrics
        ``about.source`` and ``about.endpoint`` are "export"; ``about.kind`` names the kinds of
        files. If there are files by Post, the frame has one row per Tweet: ``tweet_id``,
        ``created_at``, facts about the text (`content.content_facts`), ``text``, the metrics
        under their wire names, and ``promoted_<metric>`` if a file has promoted figures. If both
        content and classic files are present, ``file_kind`` names the kind. Otherwise the frame
        has one row per day (``time``), and ``about.unit`` is "day". Cells that are empty or "-"
        are ``<NA>``. ``about.labels`` has the file's own column names. `Exports` has the other
        kinds.

    Raises
    ------
    InputError
        A file is not an export or cannot be read, or the files are of several accounts.

    Notes
    -----
    A Tweet or day in several files is counted once, with the figures of the newest file: the one
    whose period (in its name, or else by its latest row) ends last, and among those, the one
    written to disk last. ``created_at`` is read from the id. Ids from before 2010-11-04 contain
    no time, so theirs is read from the date column.
    """
    return Exports(source, account).metrics()
