"""What a source returns: metrics, for which time, what is missing, and the account of it all.

- `metrics`: a frame, the problems, and where they are from; `problems`: the same by kind;
- `account`: rows, columns, options and requests that were used or named;
- `periods`: dates as people write them, as whole hours in UTC.
"""

from engagement_nb.metrics.metrics import (
    MARK,
    PROBLEM_COLUMNS,
    SNAPSHOTS,
    About,
    Metrics,
    bundle,
    created_at,
    csv_text,
    handed_over,
    marked,
    metric_columns,
    period_in_words,
    problems_frame,
    save_tables,
)

__all__ = [
    "MARK",
    "PROBLEM_COLUMNS",
    "SNAPSHOTS",
    "About",
    "Metrics",
    "bundle",
    "created_at",
    "csv_text",
    "handed_over",
    "marked",
    "metric_columns",
    "period_in_words",
    "problems_frame",
    "save_tables",
]
