"""Identify the columns of a table by the words of its header, or else by their order.

The words are data (``apis/names.toml``). The order of X's columns is the same in every language,
so a header in an unknown language is read by position, after the figures have been checked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engagement_nb.apis.engagement import METRICS
from engagement_nb.apis.names import (
    COLUMN_ORDERS,
    LABELS,
    column_name,
    guess,
    is_english,
    is_of_content_file,
    name_key,
    old_column_name,
    summary_name,
    video_column_names,
)
from engagement_nb.errors import InputError
from engagement_nb.tables.cells import AGAIN, TEXT, Cells, shown, whole_numbers
from engagement_nb.tables.ids import STATUS_LINK
from engagement_nb.words import counted, listed, percent

COUNTED = tuple(
    name for name, said in METRICS.items() if said == "counted" and name != "engagements"
)
"""Metrics that X's documents count as engagements: their sum cannot exceed engagements."""
OTHER_COUNTS = frozenset({"posts", "unfollows", "unlikes", "watch_time_ms",
                          "average_watch_time_ms"})  # fmt: skip
POSTS = frozenset({"content", "classic", "table"})
"""The kinds with one row per Tweet."""
FACTS = {
    "created_at": "moment", "read_at": "moment", "start": "moment", "end": "moment",
    "has_url": "yes or no", "has_hashtag": "yes or no", "has_mention": "yes or no",
    "is_reply": "yes or no", "has_media": "yes or no", "text_length": "count", "owner": "text",
    "file_kind": "text", "source": "text",
}  # fmt: skip
"""Columns of our own frames that are no metrics: what their cells are."""
MADE = frozenset({"sum_of_metrics", "naive_gap", "hidden", "over_count", "excess",
                  "hidden_least", "hidden_most"})  # fmt: skip
"""Columns that a report adds to its own tables."""
_CLASSIC_ONLY = frozenset({"rate", "app_opens", "app_install_attempts", "email_tweet"})
_BY_DAY_CLICKS = frozenset({"url_clicks", "detail_expands", "rate"})
_CAMPAIGNS = frozenset({"campaign", "campaignname", "campaignid", "spend", "adgroup", "adgroupname",
                        "lineitem", "fundingsource", "objective"})  # fmt: skip
_ACCOUNTS = ("handle", "username", "screenname", "twitterhandle", "account", "accountname",
             "authorusername", "authorhandle")  # fmt: skip
_ACCOUNT = r"^@?\w(?:[\w .-]{0,48}\w)?$"
"""What the cells of a column of accounts look like: handles, or names of a few words."""
ANY_DATE = (
    r"^(?:[A-Z][a-z]{2},? )?(?:\d{1,4}[./-]\d{1,2}[./-]\d{2,4}\b"
    r"|\d{1,2}\.? [^\W\d]{3,9}\.? \d{4}$|[^\W\d]{3,9}\.? \d{1,2},? \d{4}$)"
)
"""A date as people write it, also where its day and month cannot be told apart."""
_MOST = 0.98
"""Share of the rows that must pass each check before a file is read by position."""
_MAX_COLUMNS = 1000
_MAY_BE_IDS = ("tweet", "tweets", "post")
"""Names of columns that may have ids, links or texts."""

_IN_ENGLISH = "Set the account's display language to English and export again."
HOW_TO_EXPORT = (
    "Give a file as X wrote it (account_analytics_content_..., account_overview_analytics,"
    " video_overview_analytics, tweet_activity_metrics_..., daily_tweet_activity_metrics_...), or"
    " a table with one row per Post, a column engagements, and metrics such as likes or url_clicks."
)


class NotATableError(InputError):
    """The file has no figures of Posts that can be read."""

    def __init__(self, name: str, why: str, advice: str = HOW_TO_EXPORT) -> None:
        super().__init__(f"{name}: {why}.", advice=advice)


@dataclass(frozen=True)
class Layout:
    """The columns of one table: our name of each, or "" if it is not used.

    ``kind`` is "content", "classic", "daily", "overview", "video", "videos", or "table" for any
    other table by Tweet. ``checks`` says what was checked if the file is read by position; it is
    empty for a known header. ``unused`` has the reason for each column that is not used, by its
    place.
    """

    kind: str
    names: tuple[str, ...]
    checks: str = ""
    unused: dict[int, str] = field(default_factory=dict)

    @property
    def at(self) -> dict[str, int]:
        """The place of each column, by our name."""
        return {name: i for i, name in enumerate(self.names) if name}


def has_date(row: Sequence[str]) -> bool:
    """Whether a row of several cells has a date, so that it is no header and no title."""
    return sum(map(bool, row)) > 2 and any(re.match(ANY_DATE, cell) for cell in row)


def video_kind(header: Sequence[str]) -> str:
    """The kind of table of a video file, "video" or "videos"; "" for any other header."""
    said = [cell for cell in header if cell]
    for kind in ("video", "videos"):
        known = video_column_names(said, kind)
        if len(known) >= 4 and known.count("") <= 1 and "video_views" in known:
            return kind
    return ""


def _video_layout(cells: Cells) -> Layout:
    """The layout of a table of a video file, by its words or else by its shape."""
    filled = [i for i, cell in enumerate(cells.header) if cell]
    if kind := video_kind(cells.header):
        names = video_column_names(cells.header, kind)
        checks = ""
    else:
        _refuse_row_as_header(cells)
        kind = "video" if len(filled) == len(COLUMN_ORDERS["video"]) else "videos"
        order = COLUMN_ORDERS[kind]
        if not len(order) - 4 <= len(filled) <= len(order):
            raise NotATableError(cells.name, f"its tables have {counted(len(filled), 'column')}")
        places = dict(zip(filled, order, strict=False))
        names = [places.get(i, "") for i in range(len(cells.header))]
        checks = "the tables have the columns of a video file, with dates and counts in them"
    if kind == "video" and "date" not in names:
        raise NotATableError(cells.name, "its table of days has no dates", AGAIN)
    if kind == "videos" and not {"video_id", "video_views"} <= {*names}:
        raise NotATableError(cells.name, "its table of videos has no ids or no views")
    again = _one_column_each(cells, names)
    unused = {i: "" for i in filled if not names[i]} | again
    return Layout(kind, tuple(names), checks, unused)


def _refuse_row_as_header(cells: Cells) -> None:
    if has_date(cells.header):
        raise NotATableError(
            cells.name,
            "its first row has a date, so it is a row of figures, and the header is missing",
            "Write X's header above it, or export it again.",
        )


def find_layout(cells: Cells) -> Layout:
    """Identify each column of a table.

    Raises
    ------
    InputError
        The table has no figures of Posts or days; or its language is unknown and its figures do
        not fit X's order of columns; or a metric is in several columns.
    """
    header = cells.header
    if video_kind(header):
        return _video_layout(cells)
    if cells.several and "engagements" not in map(column_name, header):
        # In any language, one of several tables may be that of a video file.
        with suppress(NotATableError):
            return _video_layout(cells)
    if len(header) > _MAX_COLUMNS:
        raise NotATableError(cells.name, f"its first row has {len(header):,} cells")
    names = ["" if cell in MADE else cell if cell in FACTS else column_name(cell)
             for cell in header]  # fmt: skip
    for i, cell in enumerate(header):
        old = old_column_name(cell)
        if old and not (old == names[i] and names.count(old) == 1):
            names[i] = old if old not in names else ""
        if name_key(cell) in _MAY_BE_IDS:
            names[i] = _what_tweet_is(cells, i, names)
        if not names[i] and name_key(cell) in _ACCOUNTS and "account" not in names:
            said = pc.or_(_matches(cells, i, _ACCOUNT), _matches(cells, i, "^$"))
            names[i] = "account" if len(said) and pc.all(said).as_py() else ""
    unused = _one_column_each(cells, names)
    for i, cell in enumerate(header):
        if not names[i] and i not in unused and _said(cell) and cell not in MADE:
            near = guess(cell)
            unused[i] = f"it may be {near}; rename it if it is" if near else ""
        if i and not cell and pc.any(pc.not_equal(cells.texts(i), "")).as_py():
            unused[i] = "it has no name"
    kind = _kind(cells, names)
    metrics = [name for name in names if name in LABELS]
    foreign = [i for i in unused if not unused[i]]
    english = sum(map(is_english, header)) > 1 or "tweet_id" in header
    # A new release may add a column or two. More unknown words mean another language.
    layout = None
    if kind and (english or len(foreign) <= max(len(metrics) - 2, 2)):
        layout = Layout(kind, tuple(names), "", unused)
        if english or not unused or {"tweet_id", "link", "text"} & {*names}:
            return layout
    try:
        return _by_position(cells, names, english=english, kind=kind)
    except NotATableError:
        if layout is None:
            raise
        return layout


def _said(cell: str) -> bool:
    """Whether a header cell has a name; the index column of a script has none."""
    return bool(cell) and not re.fullmatch(r"(?i)unnamed:? \d+|index", cell)


def _what_tweet_is(cells: Cells, at: int, names: Sequence[str]) -> str:
    """A column "Tweet" may have the ids, the links or the texts."""
    sample = pc.drop_null(cells.texts(at).slice(0, 20))
    for name, pattern in (("tweet_id", r"^\d{8,19}$"), ("link", STATUS_LINK)):
        if len(sample) and pc.all(pc.match_substring_regex(sample, pattern)).as_py():
            return name if name not in names else ""
    return "text" if "text" not in names else ""


def _one_column_each(cells: Cells, names: list[str]) -> dict[int, str]:
    """Keep one column for each of our names; the reasons why others are not used."""
    unused: dict[int, str] = {}
    for name in [n for n in dict.fromkeys(names) if n and names.count(n) > 1]:
        places = [i for i, own in enumerate(names) if own == name]
        if name in LABELS or name.startswith("promoted_") or name in OTHER_COUNTS:
            kept = next((i for i in places if cells.header[i] == name), places[0])
            if any(cells.texts(i) != cells.texts(kept) for i in places):
                raise InputError(
                    f"{cells.name} has {name} in several columns:"
                    f" {', '.join(shown(cells.header[i], 60)[1:-1] for i in places)}.",
                    advice="Keep one of them.",
                )
        elif name == "date":
            kept = max(places, key=lambda i: (_with_clock(cells, i), -i))
        elif name == "link":
            kept = max(places, key=lambda i: (_share(_matches(cells, i, STATUS_LINK)), -i))
        elif name == "rate":
            continue
        else:
            kept = places[0]
        for i in places:
            if i != kept:
                names[i], unused[i] = "", f"{shown(cells.header[kept], 60)[1:-1]} is used"
    return unused


def _matches(cells: Cells, at: int, pattern: str) -> pa.ChunkedArray:
    return pc.match_substring_regex(cells.texts(at), pattern)


def _with_clock(cells: Cells, at: int) -> int:
    """2 for a column of moments, 1 for dates without a clock time, 0 for anything else."""
    moments = cells.moments(at)
    lost = np.isnat(moments)
    if lost.any():
        # The place of a date beside a sum below a table is no date that cannot be read.
        said = pc.unique(cells.texts(at).filter(pa.array(lost))).to_pylist()[:_MAX_COLUMNS]
        labels = [text for text in said if not text or summary_name(text, among_words=True)]
        lost &= ~pc.is_in(cells.texts(at), pa.array(labels, TEXT)).to_numpy()
    if not len(moments) or lost.mean() > 1 - _MOST:
        return 0
    known = moments[~np.isnat(moments)]
    return 2 if (known != known.astype("datetime64[D]")).any() else 1


def _kind(cells: Cells, names: Sequence[str]) -> str:
    """The kind of a table whose words are known; "" if it has no figures."""
    have = set(names)
    metrics = have & {*LABELS}
    if "tweet_id" in cells.header and metrics:
        return "table"
    if "engagements" not in have or len(metrics) < 2:
        return "table" if cells.extras and metrics else ""
    if have & {"tweet_id", "link", "text"}:
        return _kind_of_posts(cells.header, have)
    if {name_key(cell) for cell in cells.header} & _CAMPAIGNS:
        raise NotATableError(
            cells.name,
            "it has figures of campaigns, not of Posts (an Ads export)",
            "Export the figures by Post from X's analytics page; in the Ads manager, add the"
            " column of Tweet ids.",
        )
    by_day = have & {"posts", "unfollows"}
    if by_day and "date" not in have:
        raise NotATableError(cells.name, "its rows are days, and it has no dates", AGAIN)
    if "date" in have:
        at = names.index("date")
        if len(months := cells.texts(at).filter(_matches(cells, at, r"^\d{4}(?:-\d\d)?$"))):
            raise NotATableError(
                cells.name,
                f"it has figures of months or years (as {shown(months[0].as_py())}), not of Posts"
                " or days",
            )
        clock = _with_clock(cells, at)
        each_once = pc.count_distinct(cells.texts(at)).as_py() == len(cells)
        of_days = by_day or (clock == 1 and ("day" in cells.header or each_once))
        if not len(cells) or (clock < 2 and of_days):
            return "daily" if have & _BY_DAY_CLICKS else "overview"
    return _kind_of_posts(cells.header, have)


def _kind_of_posts(header: Sequence[str], have: set[str]) -> str:
    if any(is_of_content_file(cell) for cell in header):
        return "content"
    return "classic" if have & _CLASSIC_ONLY else "table"


def _by_position(cells: Cells, names: Sequence[str], *, english: bool, kind: str) -> Layout:
    _refuse_row_as_header(cells)
    skip = next((i for i, cell in enumerate(cells.header) if _said(cell) or names[i]), 0)
    skip = 0 if skip > 1 else skip
    header, known = cells.header[skip:], names[skip:]
    reasons = []
    for one in ("content", "classic", "daily", "overview"):
        order = COLUMN_ORDERS[one]
        if one in ("classic", "daily"):
            organic = order[order.index("impressions") :]
            promoted = tuple("rate" if name == "rate" else f"promoted_{name}" for name in organic)
            order += promoted if len(header) >= len(order) + len(promoted) else ()
        if english or len(header) < len(order):
            continue
        if one == "overview" and len(header) > len(order) + 2:
            continue
        moved = [
            shown(cell)
            for cell, name, expected in zip(header, known, order, strict=False)
            if name and name != expected
        ]
        full = ("",) * skip + order + ("",) * (len(header) - len(order))
        if moved:
            reasons.append((len(moved), f"{listed(moved[:3])} would be in another column"))
        elif not all(header[: len(order)]):
            reasons.append((0, "one of its columns has no name"))
        elif wrong := _check(full, cells):
            reasons.append((0, wrong))
        else:
            where = "ids, dates and links are" if "tweet_id" in order else "dates are"
            rest = range(skip + len(order), len(cells.header))
            unused = {i: "" for i in rest if cells.header[i]}
            return Layout(one, full, f"{where} {_WHAT_WAS_CHECKED}", unused)
    raise _not_read(cells, names, kind, min(reasons)[1] if reasons else "")


def _not_read(cells: Cells, names: Sequence[str], kind: str, by_position: str) -> NotATableError:
    """Why no layout fits, with the columns that are missing or unknown."""
    unknown = [shown(cell, 40) for cell, name in zip(cells.header, names, strict=True)
               if not name and _said(cell)]  # fmt: skip
    told = f"{', '.join(unknown[:24])}{', ...' if len(unknown) > 24 else ''}"
    if by_position or kind:
        why = (
            "its header is in another language than English, Japanese, German, Portuguese or French"
        )
        why += f" ({told})" if told else ""
        if by_position:
            why += f", and if it is read by position, {by_position}"
        return NotATableError(cells.name, why, _IN_ENGLISH)
    metrics = [name for name in names if name in LABELS]
    found = ", ".join(shown(cell, 40) for cell in cells.header[:24])
    if "engagements" in metrics:
        return NotATableError(
            cells.name, f"it has no metric besides engagements; its columns are {found}"
        )
    if metrics:
        return NotATableError(
            cells.name,
            f"it has no column of engagements, only {listed(metrics[:6])}, so there is nothing to"
            f" compare the metrics with{f'; not known: {told}' if told else ''}",
            "Give X's own file, or add its column Engagements.",
        )
    foreign = not "".join(cells.header).isascii()
    other = ", or they are in a language that is not known" if foreign or len(unknown) > 6 else ""
    return NotATableError(
        cells.name,
        f"it has no columns Engagements, Impressions or Likes{other}; its first row is {found}",
        _IN_ENGLISH if foreign else HOW_TO_EXPORT,
    )


_WHAT_WAS_CHECKED = (
    "where X writes them, and engagements are neither below the sum of the metrics that they"
    " include nor above impressions"
)


def _check(names: Sequence[str], cells: Cells) -> str:
    """Why the figures do not fit X's order of columns; "" if they do."""
    if not len(cells):
        return "there are no rows to check"
    at = {name: i for i, name in enumerate(names) if name}
    if "tweet_id" in at:
        ids = pc.replace_substring_regex(cells.texts(at["tweet_id"]), r"""^=?["']+|["']+$""", "")
        links = cells.texts(at["link"])
        linked = pc.replace_substring_regex(links, r"^.*/status(?:es)?/(\d+).*$", r"\1")
        # Empty and rounded ids are reported elsewhere.
        excused = pc.match_substring_regex(ids, r"^$|^\d+(?:[.,]\d+)?[eE]\+?\d+$")
        if _share(pc.or_(pc.equal(linked, ids), excused)) < _MOST:
            return "the columns of ids and links contain something else"
    undated = np.isnat(cells.moments(at["date"])) & ~_matches(cells, at["date"], "^$").to_numpy()
    if undated.mean() > 1 - _MOST:
        return "the column of dates contains something else"
    figures: dict[str, np.ndarray] = {}
    for name, i in at.items():
        if name in LABELS or name in OTHER_COUNTS:
            values = whole_numbers(cells.column(i))
            if values is None:
                return f"the column of {name} contains something else than counts"
            figures[name] = pc.fill_null(values, 0).to_numpy()
    engagements = figures["engagements"]
    counted_ones = [name for name in COUNTED if name in figures]
    total = np.sum([figures[name] for name in counted_ones], axis=0)
    if np.mean(total <= engagements) < _MOST:
        share = percent(float(np.mean(total > engagements)))
        return f"in {share} of the rows, engagements would be below the metrics that they include"
    if np.mean(engagements <= figures["impressions"]) < _MOST:
        return "engagements would be above impressions"
    # Swapped columns fit better after they are swapped back.
    for other in ("bookmarks", "shares", "media_views"):
        for name in counted_ones if other in figures else ():
            swapped = total - figures[name] + figures[other]
            if np.mean(swapped <= engagements) < _MOST:
                continue
            if _fits(swapped, engagements) > 1.5 * _fits(total, engagements) + 3:
                return f"{name} and {other} seem to be swapped"
    return ""


def _fits(total: np.ndarray, engagements: np.ndarray) -> int:
    return int(np.sum((total == engagements) & (engagements > 0)))


def _share(matches: pa.ChunkedArray) -> float:
    return float(pc.mean(matches).as_py() or 0)
