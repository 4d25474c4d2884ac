"""Tables of one source: what each kind can answer, and how the kinds compare."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from engagement_nb.apis.names import LABELS, label
from engagement_nb.errors import InputError
from engagement_nb.metrics import About, Metrics, metric_columns, problems_frame
from engagement_nb.metrics.account import Account
from engagement_nb.tables.cells import shown
from engagement_nb.tables.content import with_facts
from engagement_nb.tables.covered import period_in, with_coverage
from engagement_nb.tables.frames import is_frame
from engagement_nb.tables.layouts import HOW_TO_EXPORT, POSTS
from engagement_nb.tables.once import OLDER, REPEATED, repeated_rows
from engagement_nb.tables.reading import SUFFIXES, read_files, read_source
from engagement_nb.tables.rows import BY_X
from engagement_nb.tables.table import (
    ACCOUNT,
    AGAIN,
    NEWER,
    OTHERS,
    STILL_GROWING,
    NoRowsError,
    OneTable,
)
from engagement_nb.words import counted, listed, number, percent

ANSWERS = {
    "content": "the gap by Tweet",
    "classic": "the gap by Tweet",
    "table": "the gap by Tweet",
    "daily": "the gap by day, for the whole account",
    "overview": "totals and trend by day of engagement; nothing about hidden engagements, because"
    " it has no clicks and expands",
    "video": "video views and completion by day",
    "videos": "views of each video, beside its Post where the file links it",
}
"""What each kind of file can answer, the most detailed first."""
_GROUPS = {"posts": ("content", "classic", "table")} | {
    kind: (kind,) for kind in ("daily", "overview", "video", "videos")
}
"""The kinds of files that are joined into one frame."""
_DTYPES = {
    pa.int64(): pd.Int64Dtype(),
    pa.large_string(): pd.StringDtype(),
    pa.bool_(): pd.BooleanDtype(),
}
_OURS = (".file", ACCOUNT)
"""Columns for reading, which are not in the frame."""
UNNAMED = "unnamed"
"""What to choose for rows that name no account."""
_WHY_NOT = {
    REPEATED: "has {} that repeat a Tweet with the same figures, and are not used",
    OLDER: "has {} that are older snapshots of Tweets (read_at), and are not used",
    AGAIN: "repeats a {1} in {0}; the last row of each is used",
    NEWER: "",
}
"""Notes on rows beyond one for each Tweet or day."""
_BY_X = ("content", "classic", "overview")
_ZERO_ROWS = 20
"""With at least this many rows, a column of zeros is worth a note."""


@dataclass(frozen=True)
class Comparison:
    """Figures by Post against figures by day of engagement.

    Parameters
    ----------
    table
        One row per metric: ``by_post``, ``by_day``, ``difference`` (``by_day`` - ``by_post``)
        and ``share`` (``difference`` / ``by_day``).
    sentences
        Possible causes of the difference.
    """

    table: pd.DataFrame
    sentences: tuple[str, ...]


class Tables:
    """Tables of figures, each kind separately: a file, a folder, an open file, or a frame.

    Parameters
    ----------
    source
        The path of a file or a folder, an open file of bytes, a DataFrame, or anything with an
        Arrow stream.
    account
        Handles whose Posts are read, separated by commas (an account that was renamed has
        several); "unnamed" for those of files that name none. Without it, files of several
        accounts are refused.

    Raises
    ------
    InputError
        There is no table of figures, or it cannot be read.
    """

    def __init__(self, source: Any, account: str = "") -> None:
        self._account = account
        self._notes: dict[str, list[str]] = defaultdict(list)
        self.left_out: dict[str, str] = {}
        """Files of a folder that were left out, and why."""
        self.path: Path | None = None
        self._frame_given = source if isinstance(source, pd.DataFrame) else None
        if isinstance(source, str | os.PathLike):
            source = self.path = Path(source).expanduser()
            self.name = str(source)
        else:
            self.name = "the table"
            if not is_frame(source):  # Its attribute may be a column.
                self.name = str(getattr(source, "name", "") or "the file")
        in_folder = self.path is not None and self.path.is_dir()
        files = self._in_folder() if in_folder else read_source(source, self.name)
        self._files = sorted(files, key=OneTable.newness, reverse=True)

    @property
    def kinds(self) -> list[str]:
        """The kinds of files that are present, the most detailed first."""
        there = {file.kind for file in self._files}
        return [kind for kind in ANSWERS if kind in there]

    @cached_property
    def accounts(self) -> list[str]:
        """Handles in the links, columns and names of the files, the most frequent first."""
        return [handle for handle, _ in self._rows_by_account.most_common()]

    def metrics(self) -> Metrics:
        """The most detailed figures: by Tweet, or else by day."""
        return self.of(next(group for group in _GROUPS if group in self._frames))

    def of(self, kind: str) -> Metrics:
        """The figures of one kind of file.

        Parameters
        ----------
        kind
            "content", "classic", "posts" (both of them), "daily", "overview" or "video".

        Raises
        ------
        InputError
            There is no file of that kind, or the files are of several accounts.
        """
        if kind == "videos":
            raise InputError(
                f"{self.name} has figures of videos, and none of Posts or days.",
                advice="Export the content or the overview file.",
            )
        if not (kind in self._frames or kind in self.kinds):
            raise InputError(
                f"{self.name} has no file of the kind {kind!r}.",
                advice=f"It has: {listed(self.kinds)}.",
            )
        frame = self._frame(kind)
        files = [f for f in self._files if f.kind in _GROUPS.get(kind, (kind,))]
        marks = {name: value for file in files for name, value in file.cells.marks.items()}
        source = (
            "sandbox"
            if marks.get("source") == "sandbox"
            else "table"
            if files[0].kind == "table"
            else "export"
        )
        start, end, by = period_in(frame)
        read_at = frame["read_at"].max() if "read_at" in frame else None
        about = About(
            source=source,
            endpoint="export" if source == "export" else "table",
            by=by,
            start=start,
            end=end,
            read_at=None if pd.isna(read_at) else read_at.to_pydatetime(),
            labels={name: said for f in reversed(files) for name, said in f.labels.items()},
            notes=(*self._notes[""], *self._notes[_group_of(kind)], *self._told(frame, files)),
            unit="tweet" if files[0].kind in POSTS else "day",
            kind=" and ".join(k for k in self.kinds if k in {f.kind for f in files}),
        )
        problems = problems_frame(row for f in files for row in f.cells.problems)
        metrics = Metrics(frame, problems, about, self._account_of(files, len(frame)))
        return metrics if start is None or end is None else with_coverage(metrics, start, end)

    def _account_of(self, files: list[OneTable], used: int) -> Account:
        """What became of each row and column."""
        named: Counter[str] = Counter()
        kinds = {file.kind for file in files}
        for file in self._all:
            if file.kind not in kinds:
                named[f"in the {file.kind} table, kept apart"] += file.rows
                continue
            named.update(file.left_out)
        parts = [file.columns() for file in files]
        metrics, known, unused = ({k: v for p in parts for k, v in p[i].items()} for i in range(3))
        options = {"account": self._account} if self._account else {}
        return Account(
            sum(file.rows for file in self._all), used, {k: n for k, n in named.items() if n},
            metrics, known, unused, options, handles=tuple(self.accounts),
        )  # fmt: skip

    def files(self) -> pd.DataFrame:
        """One row per file (or table of a video file), and what became of its rows.

        Columns ``file``, ``kind``, ``header`` ("known" or "by position"), ``first``, ``last``
        (its period), ``rows``, ``used``, ``repeated`` (within the file), ``in_newer_file``,
        ``empty`` (X wrote them itself, without an id), ``unnamed`` (used, under a row number),
        ``cut`` (it has the maximum number of Posts) and ``answers``.
        """
        # Joining the files counts their rows.
        files = self._files if self._frames else []
        return pd.DataFrame(
            {
                "file": file.file,
                "kind": file.kind,
                "header": "by position" if file.layout.checks else "known",
                "first": file.first.date(),
                "last": file.last.date(),
                "rows": file.rows,
                "used": file.used,
                "repeated": file.left_out[AGAIN],
                "in_newer_file": file.left_out[NEWER],
                "empty": file.left_out[BY_X],
                "unnamed": file.unnamed,
                "cut": file.cut,
                "answers": ANSWERS[file.kind],
            }
            for file in files
        )

    def summary(self) -> pd.DataFrame:
        """One row per kind of file: ``files``, ``unit``, ``rows``, sums, and ``answers``."""
        rows = []
        for kind in self.kinds:
            frame = self._frame(kind)
            row: dict[str, object] = {
                "kind": kind,
                "files": sum(file.kind == kind for file in self._files),
                "unit": {"posts": "Tweet", "videos": "video"}.get(_group_of(kind), "day"),
                "rows": len(frame),
            }
            for name in ("impressions", "engagements", "video_views"):
                row[name] = int(frame[name].sum()) if name in frame else None
            rows.append(row | {"answers": ANSWERS[kind]})
        return pd.DataFrame(rows).set_index("kind").convert_dtypes()

    def videos(self) -> pd.DataFrame:
        """One row per video, with the figures of its Post if the file links a Post in the folder.

        Raises
        ------
        InputError
            There is no video file.
        """
        if "videos" not in self._frames:
            raise InputError(f"{self.name} has no video file.", advice=HOW_TO_EXPORT)
        videos = self._frames["videos"]
        if "posts" not in self._frames:
            return videos
        of_posts = self._frames["posts"][["tweet_id", "impressions", "engagements"]]
        return videos.merge(of_posts, on="tweet_id", how="left")

    def reconcile(self) -> Comparison:
        """Compare figures by Post with figures by day of engagement.

        Raises
        ------
        InputError
            Files by Post or files by day are missing.
        """
        by_day = next((group for group in ("overview", "daily") if group in self._frames), "")
        if "posts" not in self._frames or not by_day:
            raise InputError(
                f"{self.name} has no files by Post or no files by day, so nothing can be compared.",
                advice="Put account_analytics_content_... and account_overview_analytics files of"
                " the same account into one folder.",
            )
        return _compare(self._frames["posts"], self._frames[by_day], by_day, self._files)

    def _in_folder(self) -> list[OneTable]:
        """The tables of a folder; one that cannot be read costs only itself."""
        assert self.path is not None  # noqa: S101
        try:
            entries = sorted(e for e in self.path.iterdir() if not e.name.startswith((".", "~")))
        except PermissionError:
            raise InputError(
                f"{self.path}: no permission to list it.", advice="Ask its owner, or copy it."
            ) from None
        files: list[OneTable] = []
        empty: list[str] = []
        errors: list[InputError] = []
        paths = []
        for path in entries:
            bare = path.name.lower().removesuffix(".gz")
            if not bare.endswith(SUFFIXES) or not path.is_file():
                kind = "a folder" if path.is_dir() else "not a kind of file that has a table"
                self.left_out[path.name] = f"it is {kind}"
            else:
                paths.append(path)
        for path, found in zip(paths, read_files(paths), strict=True):
            if isinstance(found, NoRowsError):
                empty.append(path.name)
            elif isinstance(found, InputError):
                errors.append(found)
                why = found.what.replace(str(path), "").lstrip(" :,").rstrip(".")
                self.left_out[path.name] = why
            else:
                files += found
        for name, why in self.left_out.items():
            self._notes[""].append(f"{_plain(name)} was left out: {why}.")
        if empty:
            self._notes[""].append(f"{_few(empty)} {'have' if empty[1:] else 'has'} no posts.")
        if not files:
            if len(errors) == 1 and not empty:
                raise errors[0]
            why = "".join(f" {_plain(name)}: {why}." for name, why in [*self.left_out.items()][:3])
            raise InputError(
                f"{self.path} has no table of figures ({counted(len(entries), 'file')} looked"
                f" at).{why}",
                advice=HOW_TO_EXPORT,
            )
        return files

    @cached_property
    def _rows_by_account(self) -> Counter[str]:
        rows: Counter[str] = Counter()
        for file in self._files:
            if ACCOUNT in file.table.column_names:
                for pair in pc.value_counts(file.table[ACCOUNT]).to_pylist():
                    rows[pair["values"]] += pair["counts"]
        return rows

    @cached_property
    def _frames(self) -> dict[str, pd.DataFrame]:
        """The figures of the chosen account, by group of kinds."""
        self._all = list(self._files)
        self._choose_account()
        files = {g: [f for f in self._files if f.kind in kinds] for g, kinds in _GROUPS.items()}
        return {group: self._join(group, some) for group, some in files.items() if some}

    def _frame(self, kind: str) -> pd.DataFrame:
        """The rows of a kind, or of a group of kinds."""
        frame = self._frames[_group_of(kind)]
        if kind in _GROUPS or "file_kind" not in frame:
            return frame
        mine = frame[frame["file_kind"] == kind].drop(columns="file_kind")
        # Another kind may have all of its Tweets; columns of no rows are not missing.
        return mine.dropna(axis="columns", how="all").reset_index(drop=True) if len(mine) else mine

    def _choose_account(self) -> None:
        """Drop files and rows of other accounts than the chosen ones."""
        there = self._rows_by_account
        unnamed = [
            file
            for file in self._files
            if file.kind in (*POSTS, "daily") and ACCOUNT not in file.table.column_names
        ]
        wanted = [n.strip().lower().lstrip("@") for n in self._account.split(",") if n.strip()]
        if not wanted and len(there) > 1:
            told = [f"@{name} ({number(rows)} rows)" for name, rows in there.most_common()]
            raise InputError(
                f"{self.name} has Posts of {len(told)} accounts: {listed(told[:5])}"
                f"{', ...' if len(told) > 5 else ''}. They are not added up.",
                advice="Make one report for each (--by account), or name one (profile=..., or"
                " -p profile ...); name both handles, separated by a comma, if one account was"
                " renamed.",
            )
        if not wanted and there and unnamed:
            (handle,) = there
            files = _few([f.file for f in unnamed])
            raise InputError(
                f"{files} {'name' if unnamed[1:] else 'names'} no account, and other files are of"
                f" @{handle}. They are not added up.",
                advice=f'Name the account (profile="{handle}"), or both'
                f' (profile="{handle},{UNNAMED}") if they are the same.',
            )
        lacking = [
            name for name in wanted if name not in there and (name != UNNAMED or not unnamed)
        ]
        if lacking:
            of_whom = "an unnamed account" if lacking[0] == UNNAMED else f"@{lacking[0]}"
            raise InputError(
                f"{self.name} has no Posts of {of_whom}.",
                advice=f"It has: {listed(['@' + name for name in self.accounts]) or 'none'}.",
            )
        for file in self._files if wanted else ():
            if file in unnamed:
                if UNNAMED not in wanted:
                    self._notes[""].append(
                        f"{file.file} was left out: it does not name an account."
                    )
                    file.left_out[OTHERS] = file.rows
            elif ACCOUNT in file.table.column_names:
                mine = pc.is_in(file.table[ACCOUNT], pa.array(wanted, pa.large_string()))
                file.table, before = file.table.filter(mine), file.table.num_rows
                file.left_out[OTHERS] = before - file.table.num_rows
        self._files = [file for file in self._files if file.used or not file.rows]
        if not self._files:
            raise InputError(
                f"{self.name} has no row with figures.", advice="Export a period with posts in it."
            )

    def _join(self, group: str, files: list[OneTable]) -> pd.DataFrame:
        """Join tables into one frame; if a row is in several, the newest counts."""
        tables, columns = [], [set(file.table.column_names) for file in files]
        rows_alone = sum(bool(file.unnamed) for file in files) > 1
        if rows_alone:
            self._notes[group] += _copies([file for file in files if file.unnamed])
        for i, file in enumerate(files):
            table = file.table
            if rows_alone and file.unnamed:
                ids = pc.replace_substring_regex(table["tweet_id"], "^row ", f"{file.file} row ")
                table = table.set_column(table.column_names.index("tweet_id"), "tweet_id", ids)
            of_file = pa.array(np.full(table.num_rows, i, dtype=np.int32))
            tables.append(table.append_column(".file", of_file))
            # The joined table replaces it. Two copies would double the memory.
            file.table = file.table.schema.empty_table()
        joined = pa.concat_tables(tables, promote_options="default")
        del tables
        if group == "posts" and "text" in joined.column_names:
            # Of all tables at once: to compile the patterns takes longer than a file's rows.
            joined = with_facts(joined)
        key = {"posts": "tweet_id", "videos": "video_id"}.get(group, "time")
        each_once = _each_once(joined[key])
        of_file = joined[".file"].to_numpy()
        joined = joined.select(_in_order(n for n in joined.column_names if n not in _OURS))
        pa.default_memory_pool().release_unused()
        frame = joined.to_pandas(types_mapper=_DTYPES.get, split_blocks=True, self_destruct=True)
        del joined
        if not each_once:
            out = self._repeats(frame, key, of_file, files, group)
            frame, of_file = frame[~out].reset_index(drop=True), of_file[~out]
        lacking: dict[str, list[str]] = defaultdict(list)
        there = [name for name in LABELS if name in frame]
        for file, have in zip(files, columns, strict=True):
            names = [name for name in there if name not in have]
            if names:
                lacking[", ".join(names)].append(file.file)
        for told, names in lacking.items():
            self._notes[group].append(f"{_few(names)} {'lack' if names[1:] else 'lacks'} {told}.")
        if len({file.kind for file in files}) > 1:
            frame["file_kind"] = np.array([file.kind for file in files])[of_file]
            frame = frame[_in_order(frame.columns)]
        return frame if self._frame_given is None else self._with_extras(frame, files[0])

    def _repeats(
        self, frame: pd.DataFrame, key: str, of_file: np.ndarray, files: list[OneTable], group: str
    ) -> np.ndarray:
        """Rows beyond one for each Tweet, day or video; the tables count and note them."""
        what = "post" if group == "posts" else "day"
        own = np.array([file.kind == "table" for file in files])[of_file]
        no_rows = {why: np.zeros(len(frame), dtype=bool) for why in _WHY_NOT}
        if own.any():
            for why, rows in repeated_rows(frame[own]).items():
                no_rows[why][own] = rows
        of_each = pd.DataFrame({key: frame[key], "file": of_file})
        no_rows[AGAIN] = of_each.duplicated(keep="last").to_numpy() & ~own
        rest = ~own & ~no_rows[AGAIN]
        no_rows[NEWER][rest] = frame.loc[rest, key].duplicated().to_numpy()
        for why, rows in no_rows.items():
            for i, count in zip(*np.unique(of_file[rows], return_counts=True), strict=True):
                files[i].left_out[NEWER if why == NEWER else AGAIN] += int(count)
                if why != NEWER:
                    files[i].notes.append(_WHY_NOT[why].format(counted(count, "row"), what))
        if count := int(no_rows[NEWER].sum()):
            self._notes[group].append(
                f"{counted(count, 'row')} {'was' if count == 1 else 'were'} left out because a"
                f" newer file has the same {what}."
            )
        return np.asarray(np.any([*no_rows.values()], axis=0))

    def _with_extras(self, frame: pd.DataFrame, file: OneTable) -> pd.DataFrame:
        """Columns of a frame that are no metrics, so that Tweets can be grouped by them."""
        given = self._frame_given
        assert given is not None  # noqa: S101
        if any(part is not None for part in given.index.names):
            given = given.reset_index(allow_duplicates=True)
        rows = frame["row"].to_numpy() - 1
        extras = [i for i, why in file.layout.unused.items() if not why]
        extras += [i for i, name in enumerate(file.layout.names) if name == "account"]
        for i in extras:
            said = file.header[i]
            if said and said not in frame:
                frame[said] = given.iloc[rows, i].set_axis(frame.index)
        return frame[_in_order(n for n in frame.columns if n != "row")]

    def _told(self, frame: pd.DataFrame, files: list[OneTable]) -> list[str]:
        """Notes for readers of one kind of figures."""
        said: dict[str, list[str]] = defaultdict(list)
        # Nobody asks for the notes on videos, which stand in the file of the days.
        videos = [file for file in self._files if file.kind == "videos"]
        for file in [*files, *(videos if files[0].kind == "video" else ())]:
            for note in file.notes:
                said[note].append(file.file)
        notes = [f"{_few(names)} {note}." for note, names in said.items()]
        kinds = {file.kind for file in files}
        others = [kind for kind in self.kinds if kind not in kinds and kind != "videos"]
        if "tweet_id" not in frame:
            notes.append(
                f"These figures are by day of the whole account: {ANSWERS[files[0].kind]}."
            )
        if others:
            notes.append(
                f"The figures of the {listed(others)} file{'s' * (len(others) > 1)} are kept apart"
                " and are not included here."
            )
        by_x = len(frame) >= _ZERO_ROWS and kinds & {*_BY_X}
        zero = [label(name) for name in metric_columns(frame) if by_x and not frame[name].any()]
        if zero:
            notes.append(
                f"0 in every row: {listed(zero)}. X writes 0 for figures that it did not measure,"
                " so these may be missing and are not used as evidence."
            )
        if any(file.cells.marks.get("source") == "sandbox" for file in files):
            return notes
        if kinds & {"content", "overview"}:
            notes.append("These files of X count organic activity only, without promotion.")
        if "overview" in kinds:
            notes.append("X still revises the last days of an overview.")
        if "content" in kinds:
            end = max(file.last for file in files) + pd.Timedelta(days=1)
            young = int((frame["created_at"] > end - STILL_GROWING).sum())
            if young:
                notes.append(
                    f"{counted(young, 'Post')} of the last {STILL_GROWING.days} days still"
                    " collected engagements when the files were written."
                )
        return notes


def _copies(files: list[OneTable]) -> Iterator[str]:
    """Sentences on tables without ids whose rows are all in larger ones: copies of a sheet."""
    seen: set[int] = set()
    for file in sorted(files, key=lambda file: -file.table.num_rows):
        names = sorted({*file.table.column_names} - {"tweet_id"})
        rows = file.table.select(names).to_pandas()
        hashes = pd.util.hash_pandas_object(rows, index=False).tolist()
        if hashes and seen.issuperset(hashes):
            yield (
                f"All rows of {file.file} are in another table too, without ids. If it is a copy,"
                " remove it: they are counted twice."
            )
        seen.update(hashes)


def _group_of(kind: str) -> str:
    return next(group for group, kinds in _GROUPS.items() if kind in (group, *kinds))


def _compare(
    posts: pd.DataFrame, by_day: pd.DataFrame, kind: str, files: list[OneTable]
) -> Comparison:
    start, end = by_day["time"].min(), by_day["time"].max() + pd.Timedelta(days=1)
    inside = posts[(posts["created_at"] >= start) & (posts["created_at"] < end)]
    names = [name for name in metric_columns(by_day) if name in posts]
    sums = {name: (int(inside[name].sum()), int(by_day[name].sum())) for name in names}
    if "posts" in by_day:
        sums["posts"] = (len(inside), int(by_day["posts"].sum()))
    table = pd.DataFrame.from_dict(sums, orient="index", columns=["by_post", "by_day"])
    table.index.name = "metric"
    table["difference"] = table["by_day"] - table["by_post"]
    table["share"] = (table["difference"] / table["by_day"]).where(table["by_day"] > 0)
    total = table.loc["engagements"].astype(float).to_dict()
    period = f"{start:%Y-%m-%d} to {by_day['time'].max():%Y-%m-%d}"
    sentences = [
        f"From {period}, the {kind} files count {number(total['by_day'])} engagements by day, and"
        f" the {counted(len(inside), 'Post')} of these days have {number(total['by_post'])}"
        f" ({percent(abs(total['share']))} of the figure by day"
        f" {'more' if total['difference'] < 0 else 'less'}).",
        "Figures by day include engagements with Posts from before the first day; figures by Post"
        " include engagements after the last day.",
    ]
    if outside := len(posts) - len(inside):
        sentences.append(f"{counted(outside, 'Post')} outside these days are not compared.")
    by_post = [file for file in files if file.kind in _GROUPS["posts"]]
    if min(f.first for f in by_post) > start or max(f.last for f in by_post) < by_day["time"].max():
        sentences.append("The files by Post do not cover all of these days.")
    more = int(table["difference"].get("posts", 0))
    if more > 0:
        sentences.append(
            f"The {kind} files count {counted(more, 'Post')} that the files by Post lack: cut"
            " off, left out by the page's filter, deleted since, or without any figure."
        )
    sentences.append(
        "Figures by day do not name an account. They are assumed to be of the same account."
    )
    return Comparison(table, tuple(sentences))


def _in_order(names: Iterable[str]) -> list[str]:
    """Columns in our order: facts, then metrics, then promoted ones."""
    metrics = ["posts", "unfollows", "unlikes", *LABELS]
    metrics += [f"promoted_{name}" for name in LABELS]
    places = {name: place for place, name in enumerate(metrics)}
    return sorted(names, key=lambda name: places.get(name, -1))


def _each_once(names: pa.ChunkedArray) -> bool:
    """Whether no name, day or id occurs twice."""
    with suppress(pa.ArrowInvalid):
        # Numbers are sorted in a tenth of the memory of a table of texts.
        numbers = np.sort(pc.cast(names, pa.int64()).to_numpy())
        return bool((numbers[1:] != numbers[:-1]).all())
    return bool(pc.count_distinct(names, mode="all").as_py() == len(names))


def _plain(name: str) -> str:
    """A file's name without signs that control a screen."""
    return shown(name, 255)[1:-1]


def _few(names: Sequence[str]) -> str:
    """Some names, and how many more."""
    first = [_plain(name) for name in names[:3]]
    if len(names) <= 3:
        return listed(first)
    return f"{', '.join(first[:2])} and {len(names) - 2:,} more files"
