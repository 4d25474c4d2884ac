"""What a source returns: a frame of metrics, a frame of problems, and where they are from.

- `problems`: the problems by kind;
- `account`: rows, columns, options and requests that were used or named;
- `periods`: dates as people write them, as whole hours in UTC.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from engagement_nb.apis.availability import Window
from engagement_nb.apis.contract import Span
from engagement_nb.apis.names import LABELS, wire_name
from engagement_nb.apis.reasons import Reason
from engagement_nb.apis.times import FIRST_SNOWFLAKE_ID, SNOWFLAKE_EPOCH_MS
from engagement_nb.errors import InputError
from engagement_nb.metrics.account import Account
from engagement_nb.metrics.periods import in_words
from engagement_nb.store import Store
from engagement_nb.words import counted

PROBLEM_COLUMNS = ["tweet_id", "reason", "scope", "metrics", "detail", "advice"]
"""``scope`` is "tweet" (it is not in the frame at all), "period" (it has no row for a part of
the period, named in ``detail``) or "metrics" (those are ``<NA>``)."""


SNAPSHOTS = "snapshots"
"""Endpoint of what totals gained from one snapshot to the next."""
MARK = "engagement_nb"
"""Key of what a frame says of its figures (``attrs``), which pandas stores in Parquet files too."""
MEDIA_TYPE = "application/vnd.engagement-nb+json"
"""Of figures and facts that results carry besides their text and HTML.

Front ends don't show them. They are stored in the executed notebook like any other output, so
that a report can be made from the notebook alone, whoever executed it.
"""


@dataclass(frozen=True)
class About:
    """Where metrics come from, for captions, reports and JSON.

    Parameters
    ----------
    source
        "sandbox", "api" or "export".
    endpoint
        "totals", "28hr", "historical", "snapshots", or "export".
    by
        "day" or "hour" for a series, else None.
    start, end
        The window (UTC, ``end`` exclusive), where there is one.
    read_at
        When the figures were read, UTC.
    requests
        Requests spent to get them.
    labels
        Names that the source's own columns had, by our column name.
    notes
        Sentences that a reader of the figures must know.
    unit
        What a row of the frame is about: a Tweet (or a Tweet and hour or day), or a "day" of
        the whole account. A frame by day has the column ``time`` and no ``tweet_id``.
    kind
        For an export, which of X's files it is: "content", "classic", "daily", "overview",
        "video", or several joined with "and". An overview lacks clicks and expands, so nothing
        can be said from it about hidden engagements.
    span
        What the figures of an API cover: "life" (since posting), "recent" or "period".
    """

    source: str
    endpoint: str
    by: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    read_at: datetime | None = None
    requests: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    unit: Literal["tweet", "day"] = "tweet"
    kind: str = ""
    span: Span | Literal[""] = ""

    @property
    def sandbox(self) -> bool:
        """Whether the figures are made up by the sandbox, and must be labelled so."""
        return self.source == "sandbox"

    @property
    def of_totals(self) -> bool:
        """Whether figures have the metrics of totals only: those, or their gains."""
        return self.span == "life" or self.endpoint == SNAPSHOTS

    @property
    def mixes_promoted(self) -> bool:
        """Whether engagements include promoted ones and impressions do not (Engagement API)."""
        return self.source in ("api", "sandbox")


@dataclass(frozen=True, eq=False)
class Metrics:
    """Metrics of Tweets, and what is missing.

    Parameters
    ----------
    frame
        One row per Tweet, or per Tweet and hour or day (column ``time``, UTC). Sums of a period
        have it in ``start`` and ``end`` (exclusive). If ``about.unit``
        is "day", one row per day of the whole account. ``tweet_id`` is text, ``created_at`` is
        in UTC, each metric is a nullable integer under its wire name, and missing is ``<NA>``.
        Made-up figures have "sandbox" in the column ``source``, so that they say so wherever they
        are saved.
    problems
        One row per Tweet and reason, with `PROBLEM_COLUMNS`.
    about
        Where the figures come from.
    account
        What became of all rows, columns and options that the source was given.
    """

    frame: pd.DataFrame
    problems: pd.DataFrame
    about: About
    account: Account = field(default_factory=Account)

    def __post_init__(self) -> None:
        frame, about = self.frame, self.about
        unmarked = about.by is None and "read_at" in frame and "start" not in frame
        if unmarked and about.start and about.end:
            # Rows of another period can be put beside these, and nobody takes them for snapshots.
            span = {"start": pd.Timestamp(about.start), "end": pd.Timestamp(about.end)}
            frame = frame.assign(**span)
        object.__setattr__(self, "frame", marked(frame, about))
        if about.sandbox:
            self.frame.attrs[MARK] = {"source": about.source}

    @property
    def metric_names(self) -> list[str]:
        """The metric columns of the frame, in the order of `LABELS`."""
        return metric_columns(self.frame)

    def facts(self) -> dict[str, Any]:
        """Where the figures are from and what is missing, as plain JSON.

        Returns
        -------
        dict
            ``source``, ``endpoint``, ``by``, ``start``, ``end``, ``read_at``, ``requests``,
            ``notes``, ``unit``, ``kind``, ``tweets`` (0 for a frame by day), ``days`` (None unless
            by day), ``period`` (see `period_in_words`), ``account`` (as `Account.to_dict`), and
            ``problems``: one entry per reason, scope and metrics, with ``tweets`` and ``advice``.
        """
        problems: list[Any] = []
        if len(self.problems):
            kinds = self.problems.groupby(["reason", "scope", "metrics"], sort=False)
            table = kinds.agg(tweets=("tweet_id", "nunique"), advice=("advice", "first"))
            problems = table.reset_index().to_dict("records")
        told = {name: value for name, value in vars(self.about).items() if name != "labels"}
        moments = {
            name: value and value.isoformat(timespec="seconds")
            for name, value in told.items()
            if name in ("start", "end", "read_at")
        }
        return {
            **told,
            **moments,
            "notes": list(self.about.notes),
            "tweets": self._tweets,
            "days": len(self.frame) if self.about.unit == "day" else None,
            "period": period_in_words(self.about, self.frame, self.zone),
            "account": self.account.to_dict(),
            "problems": problems,
        }

    @property
    def zone(self) -> str:
        """Time zone in which the figures were asked for; UTC unless one was given."""
        return str(self.account.options.get("zone") or "UTC")

    def head(self, n: int = 5) -> pd.DataFrame:
        """The first rows of the frame."""
        return self.frame.head(n)

    def to_frame(self) -> pd.DataFrame:
        """A copy of the frame."""
        return self.frame.copy()

    def to_csv(self, path: str | Path) -> None:
        """Write the frame to a CSV file.

        A text that a spreadsheet would run as a formula gets a quote before it.
        """
        Path(path).write_text(csv_text(self.frame), encoding="utf-8")

    def __getitem__(self, name: str) -> pd.Series:
        """A column of the frame, such as ``metrics["likes"]``.

        Parameters
        ----------
        name
            A column, or another name of a metric, such as "likes" or "URL clicks".

        Raises
        ------
        InputError
            The frame has no such column.
        """
        if (column := _column(name, self.frame)) is None:
            raise InputError(
                f"These figures have no column {name!r}.",
                advice=f"They have: {', '.join(map(str, self.frame.columns))}.",
            )
        return self.frame[column]

    def __contains__(self, name: object) -> bool:
        return _column(name, self.frame) is not None

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def _tweets(self) -> int:
        return int(self.frame["tweet_id"].nunique()) if "tweet_id" in self.frame else 0

    def __repr__(self) -> str:
        return f"{self._headline()}\n{self._shown!r}"

    def _repr_html_(self) -> str:
        frame = self._shown
        moments: Any = dict.fromkeys(frame.select_dtypes("datetimetz").columns, _to_the_minute)
        table = frame.to_html(max_rows=6, max_cols=10, show_dimensions=True, formatters=moments)
        scrolled = f"<div style='overflow-x:auto;white-space:nowrap'>{table}</div>"
        return f"<p>{html.escape(self._headline())}</p>{scrolled}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return bundle(metrics=self.facts())

    @property
    def _shown(self) -> pd.DataFrame:
        # Texts of Posts appear in a report only if a cell selects the column.
        return self.frame.drop(columns="text", errors="ignore")

    def _headline(self) -> str:
        where = "SANDBOX data (made up)" if self.about.sandbox else f"{self.about.source} data"
        day = self.about.unit == "day"
        rows = counted(len(self.frame), "day") if day else counted(self._tweets, "Tweet")
        period = ""
        if self.about.start is not None and self.about.end is not None:
            period = f", {Window(self.about.start, self.about.end)}"
        lost = self.problems["tweet_id"].nunique() if len(self.problems) else 0
        tail = f"; {lost:,} with problems (see .problems)" if lost else "; no problems"
        return f"{where}: {self.about.endpoint}, {rows}{period}{tail}"


def period_in_words(about: About, frame: pd.DataFrame, zone: str = "UTC") -> str:
    """The time that figures cover, in the dates of a zone; empty if unknown.

    Figures since posting have the dates of their first and last Post instead. Days of a whole
    account are those of its file, in whatever zone.
    """
    if about.start is not None and about.end is not None:
        return in_words(about.start, about.end, zone)
    if about.unit == "day" and len(frame):
        days = frame["day" if "day" in frame else "time"]
        return " to ".join(dict.fromkeys(f"{day:%Y-%m-%d}" for day in (days.min(), days.max())))
    posted = frame.get("created_at", pd.Series(dtype="datetime64[ns, UTC]")).dropna()
    if posted.empty:
        return ""
    local = pd.Series([posted.min(), posted.max()]).dt.tz_convert(zone)
    return f"posted {' to '.join(dict.fromkeys(local.dt.strftime('%Y-%m-%d')))} ({zone})"


def _column(name: object, frame: pd.DataFrame) -> str | None:
    if not isinstance(name, str) or name in frame.columns:
        return name if isinstance(name, str) else None
    metric = wire_name(name)
    return metric if metric in frame.columns else None


def _to_the_minute(moment: datetime) -> str:
    return "" if pd.isna(moment) else f"{moment:%Y-%m-%d %H:%M}"


_HARMLESS = re.compile("[^\\s\ufeff=+@\uff1d\uff0b\uff20\uff0d\u2212-]*")
"""A text in which no formula can begin, such as an id; most texts are."""
_FORMULA = re.compile(
    "(?:^(?=[\\s\ufeff]*[=+@\uff1d\uff0b\uff20\uff0d\u2212-])|^(?=[\\t\\n])"
    "|(?<=[;\\t\\n])(?=\\s*[=+@\uff1d\uff0b\uff20]))"
)
"""Where a formula begins: a text, or a part of it behind a sign at which some program splits."""


def marked(frame: pd.DataFrame, about: About) -> pd.DataFrame:
    """The frame with a column ``source`` if its figures are made up."""
    if not about.sandbox or "source" in frame:
        return frame
    # A category takes a byte a row.
    made_up = pd.Categorical.from_codes(np.zeros(len(frame), np.int8), pd.Index([about.source]))
    return frame.assign(source=made_up)


def csv_text(frame: pd.DataFrame) -> str:
    """A frame as CSV. Texts and column names that a spreadsheet would run get a quote before."""

    def safe(value: Any) -> Any:
        if not isinstance(value, str) or _HARMLESS.fullmatch(value):
            return value
        # Python's writer leaves a lone CR unquoted, and a spreadsheet begins a row there.
        text = value.replace("\r\n", "\n").replace("\r", "\n")
        return _FORMULA.sub("'", text)

    texts = frame.columns[[dtype.kind == "O" for dtype in frame.dtypes]]
    changed: dict[str, Any] = {name: frame[name].map(safe) for name in texts}
    for name in map(str, frame.select_dtypes(["datetime", "datetimetz"])):
        # Each moment once: pandas takes longer for them than for all counts.
        place, moments = pd.factorize(frame[name])
        changed[name] = np.append(moments.astype(str).astype(object), "")[place]
    guarded = frame.assign(**changed)
    return str(guarded.rename(columns=safe).to_csv(index=False, lineterminator="\n"))


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


def bundle(**parts: Any) -> dict[str, Any]:
    """What a result adds to its displays: named parts. The last display of a part counts."""
    return {MEDIA_TYPE: parts}


def handed_over(notebook: Mapping[str, Any]) -> dict[str, Any]:
    """The parts that an executed notebook hands over, by name."""
    found: dict[str, Any] = {}
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            found.update(output.get("data", {}).get(MEDIA_TYPE, {}))
    return found


def metric_columns(frame: pd.DataFrame) -> list[str]:
    """Columns of a frame that are metrics, in the order of `LABELS`."""
    return [name for name in LABELS if name in frame.columns]


def problems_frame(rows: Iterable[Mapping[str, Any]] = ()) -> pd.DataFrame:
    """A frame of problems from rows with ``tweet_id``, ``reason`` and what else is known.

    Parameters
    ----------
    rows
        Mappings with the keys of `PROBLEM_COLUMNS`; ``scope`` defaults to "tweet", ``metrics``
        (a comma-separated list) and ``detail`` to "", ``advice`` to that of the reason.

    Returns
    -------
    DataFrame
        Columns `PROBLEM_COLUMNS`, all text.
    """
    usual = {"scope": "tweet", "metrics": "", "detail": ""}
    filled = [{**usual, "advice": Reason(row["reason"]).advice, **row} for row in rows]
    if filled:
        return pd.DataFrame(filled, columns=PROBLEM_COLUMNS, dtype="string")
    # Most figures have none, and pandas takes 4 ms to make an empty frame of text.
    return pd.DataFrame(dict.fromkeys(PROBLEM_COLUMNS, pd.array([], dtype="string")))


def created_at(tweet_ids: Iterable[str]) -> pd.Series:
    """Posting times read from Tweet ids: UTC, ``NaT`` for ids that carry none."""
    numbers = pd.Series(list(tweet_ids), dtype="string").astype("Int64")
    milliseconds = (numbers // 2**22 + SNOWFLAKE_EPOCH_MS).where(numbers >= FIRST_SNOWFLAKE_ID)
    return pd.to_datetime(milliseconds, unit="ms", utc=True).astype("datetime64[ms, UTC]")
