"""Rows that are no Tweets or days: empty and damaged ones, and what spreadsheets add up below."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from engagement_nb.apis.names import LABELS, summary_name
from engagement_nb.tables.cells import Cells
from engagement_nb.tables.ids import ROUNDED, STATUS_LINK
from engagement_nb.tables.layouts import ANY_DATE, OTHER_COUNTS, POSTS, Layout

BY_X = "an empty row that X itself wrote"
_NOTHING = "no {} and no figure"
DAMAGED = "a cell too many or too few, so that others are under wrong columns"
_OTHERS = "the {} of the other rows"
_COMPUTED = {
    "sum": "sum",
    "average": "mean",
    "median": "median",
    "maximum": "max",
    "minimum": "min",
}
_SUMS = ("sum", "partial sum")
_NO_SUMS = ("completion_rate", "average_watch_time_ms")
_LEAST = 4
"""Rows of a table in which one can be taken for the sum of the others."""
_FEW = 1000
"""Rows without a name that are compared with averages and the like of the others."""
_ROUNDED_BY = 0.5
_LOOKS = {
    "tweet_id": rf"""^[="']*(?:\d{{8,19}}|{ROUNDED.pattern})["']*$""",
    "date": ANY_DATE,
    "link": STATUS_LINK,
    "rate": r"^0?[.,]\d+$|^[\d.,]+ ?%$",
    "figure": r"^\d[\d.,]*$",
}
"""What the cells of a column look like, by its kind."""
_DAY_OF_SHEETS = r"^[34]\d{4}(?:[.,]\d+)?$"
"""A date that lost its form in a spreadsheet, which is no figure."""


def is_figure(name: str) -> bool:
    """Whether our name of a column is that of a figure."""
    return name.removeprefix("promoted_") in LABELS or name in OTHER_COUNTS


def labelled(cells: Cells, layout: Layout, odd: np.ndarray) -> dict[str, np.ndarray]:
    """Rows whose label says that they sum up others, by what they are.

    Parameters
    ----------
    cells, layout
        The table.
    odd
        Rows without an id and a date, among which they are looked for.
    """
    of_texts = [i for i, name in enumerate(layout.names) if not is_figure(name)]
    if not odd.any() or not of_texts:
        return {}
    some, at = cells if odd.all() else cells.keep(odd), layout.at
    # A text of a few words may be that of a Tweet, unless it stands where the id would.
    of_ids = {at[name] for name in ("tweet_id", "date", "video_id") if name in at}
    of_ids |= {of_texts[0]} if of_ids else set()
    found = _labels(some, of_texts, of_ids)
    if (found == "").sum() * 2 > len(cells):
        # Rows have names for ids. Max and Media are names, too, but only averages have decimals.
        found = _labels(some, of_texts, set())
        no_counts = [some.no_counts(i) for i in range(len(layout.names)) if i not in of_texts]
        found[~(np.isin(found, _SUMS) | np.logical_or.reduce(no_counts))] = ""
    of_all = np.full(len(cells), "", dtype=object)
    of_all[odd] = found
    return {_OTHERS.format(name): of_all == name for name in dict.fromkeys(found) if name}


def _labels(cells: Cells, of_texts: Sequence[int], of_ids: Collection[int]) -> np.ndarray:
    """What the first label in each row says; "" without one."""
    found = np.full(len(cells), "", dtype=object)
    for i in of_texts:
        among_words = i in of_ids
        texts = cells.texts(i)
        words = pc.count_substring_regex(texts, r"\pL+")
        is_short = pc.and_(pc.greater(words, 0), pc.less_equal(words, 4 if among_words else 3))
        short = pc.unique(texts.filter(is_short))
        labels = [summary_name(text, among_words=among_words) for text in short.to_pylist()]
        places = pc.fill_null(pc.index_in(texts, short), len(short)).to_numpy()
        found = np.where(found == "", np.array([*labels, ""], object)[places], found)
    return found


def damaged(cells: Cells, layout: Layout, unread: np.ndarray) -> np.ndarray:
    """Rows with a cell that does not look like its column, but like the one beside it.

    Parameters
    ----------
    cells, layout
        The table.
    unread
        Rows without a readable id.
    """
    found = np.zeros(len(cells), dtype=bool)
    kinds = [_kind_of(name) for name in layout.names]
    for i, kind in enumerate(kinds):
        beside = {*kinds[max(i - 1, 0) : i], *kinds[i + 1 : i + 2]} - {kind, ""}
        if kind in ("", "rate") or not beside:
            continue
        odd = _odd(cells, i, kind, unread)
        # Else this is what the column has, whatever its name says.
        if not odd.any() or odd.sum() * 2 > len(cells):
            continue
        texts = cells.texts(i).filter(pa.array(odd))
        like = [pc.match_substring_regex(texts, _LOOKS[other]) for other in beside]
        moved = np.logical_or.reduce([one.to_numpy() for one in like])
        if kind == "date":
            moved &= ~pc.match_substring_regex(texts, _DAY_OF_SHEETS).to_numpy()
        found[np.flatnonzero(odd)[moved]] = True
    last = max((i for i, kind in enumerate(kinds) if kind == "figure"), default=len(kinds))
    if last + 1 < len(kinds) and not cells.header[last + 1]:
        # One cell too many among the figures pushes the last of them out of the table.
        pushed = pc.match_substring_regex(cells.texts(last + 1), _LOOKS["figure"]).to_numpy()
        if pushed.any() and pushed.sum() * 2 <= len(cells):
            figures = [i for i, kind in enumerate(kinds) if kind == "figure"]
            empty = [pc.equal(cells.texts(i), "").to_numpy() for i in figures]
            found |= pushed & np.logical_or.reduce(empty)
    return found


def _kind_of(name: str) -> str:
    """The kind of a column in `_LOOKS`, by our name of it; "" if it may have anything."""
    if name in ("rate", "completion_rate"):
        return "rate"
    if is_figure(name):
        return "" if name.endswith("_ms") else "figure"
    return name if name in _LOOKS else ""


def _odd(cells: Cells, at: int, kind: str, unread: np.ndarray) -> np.ndarray:
    """Cells that are not empty and no ids, dates, links or counts; cheap where there are none."""
    if kind == "figure":
        return cells.no_counts(at)
    if kind == "tweet_id":
        odd = unread
        if odd.any():
            long = pc.match_substring_regex(cells.texts(at), _LOOKS[kind]).to_numpy()
            # Where others are as short, as row numbers are, a 0 is no figure.
            odd = unread & (long.sum() * 2 > len(cells))
    elif kind == "date":
        odd = np.isnat(cells.moments(at))
    else:
        odd = ~pc.starts_with(cells.texts(at), "http").to_numpy()
    return odd & pc.not_equal(cells.texts(at), "").to_numpy() if odd.any() else odd


def without_figures(
    cells: Cells, layout: Layout, figures: Mapping[str, pa.ChunkedArray], unread: np.ndarray
) -> dict[str, np.ndarray]:
    """Rows without an id and without a figure: those that X wrote, and any other."""
    if not unread.any():
        return {}
    known = [pc.fill_null(column, 0).to_numpy() != 0 for column in figures.values()]
    given = [column.is_valid().to_numpy() for column in figures.values()]
    zero = unread & ~np.logical_or.reduce(known or [~unread])
    for name in ("tweet_id", "date", "text"):
        if name in layout.at:
            zero &= pc.equal(cells.texts(layout.at[name]), "").to_numpy()
    of_posts = layout.kind in POSTS
    by_x = zero & (of_posts and "date" in layout.at)
    nothing = _NOTHING.format("id" if of_posts or layout.kind == "videos" else "date")
    return {BY_X: by_x, nothing: unread & ~np.logical_or.reduce(given or [~unread])}


def computed(
    figures: Mapping[str, pa.ChunkedArray], unread: np.ndarray, odd: np.ndarray
) -> dict[str, np.ndarray]:
    """Rows without a label whose figures are the sum, average or the like of the others.

    Parameters
    ----------
    figures
        The figures, by our name.
    unread
        Rows without a readable id (or day), which may be sums.
    odd
        Those without a date, which may be averages and the like.
    """
    # A sum is the largest of each column.
    rows = unread.copy()
    for column in figures.values():
        values = column.to_numpy()
        rows &= np.isnan(values) | (values == np.nanmax(values, initial=0))
    rows |= odd & (odd.sum() <= _FEW)
    if len(rows) < _LEAST or not rows.any():
        return {}
    added_up = {name: column for name, column in figures.items() if name not in _NO_SUMS}
    frame = pd.DataFrame({name: column.to_numpy() for name, column in added_up.items()})
    some, others = frame[rows], frame[~unread]
    # With or without rows that stand there twice.
    sums = [all_ - some for all_ in (frame.sum(), frame.drop_duplicates().sum())]
    expected: list[tuple[str, pd.DataFrame | pd.Series]] = [("sum", total) for total in sums]
    if len(others) >= _LEAST - 1:
        # Where all rows are equal, one more of them is no average.
        if (others.max() > others.min()).any():
            expected += [(name, others.agg(how)) for name, how in _COMPUTED.items()]
        # The rows between it and the last one that has no name, either.
        above = frame[~odd].groupby(np.cumsum(odd)[~odd])
        parts = above.sum()[above.size() > 1].reindex(range(int(odd.sum())))
        expected.append(("partial sum", parts.set_index(frame.index[odd]).reindex(some.index)))
    found: dict[str, np.ndarray] = {}
    for name, value in expected:
        same = (some - value).abs() <= _ROUNDED_BY
        all_same = (same | some.isna()).all(axis=1) & ((same & (some > 0)).sum(axis=1) > 1)
        mask = found.setdefault(_OTHERS.format(name), np.zeros(len(rows), dtype=bool))
        mask[rows] |= all_same.to_numpy() & (odd[rows] | (name == "sum"))
    return found
