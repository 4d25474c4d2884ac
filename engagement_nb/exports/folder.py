"""A folder of export files: what each kind can answer, and how the kinds compare."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from engagement_nb.apis.names import label
from engagement_nb.errors import InputError
from engagement_nb.exports.content import content_facts
from engagement_nb.exports.layouts import HOW_TO_EXPORT, METRIC_NAMES, NotAnExportError
from engagement_nb.exports.reading import (
    CUT_AT,
    STILL_GROWING,
    ExportFile,
    NoRowsError,
    read_one,
)
from engagement_nb.metrics import About, Metrics, metric_columns, problems_frame
from engagement_nb.words import counted, listed, number, percent

_NAMED_LIKE_AN_EXPORT = (
    "account_analytics",
    "account_overview",
    "video_overview",
    "tweet_activity",
)
ANSWERS = {
    "content": "the gap by Tweet",
    "classic": "the gap by Tweet",
    "daily": "the gap by day, for the whole account",
    "overview": "totals and trend by day of engagement; nothing about hidden engagements, because"
    " it has no clicks and expands",
    "video": "video views and completion by day",
    "videos": "views of each video, beside its Post where the file links it",
}
"""What each kind of file can answer, the most detailed first."""
_GROUPS = {"posts": ("content", "classic")} | {
    kind: (kind,) for kind in ("daily", "overview", "video", "videos")
}
"""The kinds of files that are joined into one frame."""
_DTYPES = {pa.int64(): pd.Int64Dtype(), pa.large_string(): pd.StringDtype()}
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


class Exports:
    """One export file of X, or a folder of them, each kind of file separately.

    Parameters
    ----------
    path
        The file or folder.
    account
        Handles whose Posts are read, separated by commas (an account that was renamed has
        several). Without it, files of several accounts are refused.

    Raises
    ------
    InputError
        A file is not an export or cannot be read.
    """

    def __init__(self, path: str | Path, account: str = "") -> None:
        self.path = Path(path).expanduser()
        self._account = account
        self._notes: dict[str, list[str]] = defaultdict(list)
        self._files = sorted(self._read(), key=ExportFile.newness, reverse=True)

    @property
    def kinds(self) -> list[str]:
        """The kinds of files that are present, the most detailed first."""
        there = {file.kind for file in self._files}
        return [kind for kind in ANSWERS if kind in there]

    @cached_property
    def accounts(self) -> list[str]:
        """Handles found in the links and names of the files, the most frequent first."""
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
        if kind == "videos" or not (kind in self._frames or kind in self.kinds):
            raise InputError(
                f"{self.path} has no file of the kind {kind!r}.",
                advice=f"It has: {listed(self.kinds)}.",
            )
        frame = self._frame(kind)
        files = [f for f in self._files if f.kind in _GROUPS.get(kind, (kind,))]
        by_day = "time" in frame
        about = About(
            source="export",
            endpoint="export",
            by="day" if by_day else None,
            start=frame["time"].min().to_pydatetime() if by_day else None,
            end=(frame["time"].max() + pd.Timedelta(days=1)).to_pydatetime() if by_day else None,
            labels={name: said for f in reversed(files) for name, said in f.labels.items()},
            notes=(*self._notes[""], *self._notes[_group_of(kind)], *self._told(frame, files)),
            unit="day" if by_day else "tweet",
            kind=" and ".join(k for k in self.kinds if k in {f.kind for f in files}),
        )
        return Metrics(frame, problems_frame(row for f in files for row in f.problems), about)

    def files(self) -> pd.DataFrame:
        """One row per file (or table of a video file), and what became of its rows.

        Columns ``file``, ``kind``, ``header`` ("known" or "by position"), ``first``, ``last``
        (its period), ``rows``, ``used``, ``repeated`` (within the file), ``in_newer_file``,
        ``without_id``, ``cut`` (it has the maximum number of Posts) and ``answers``.
        """
        # Joining the files counts their rows.
        files = self._files if self._frames else []
        return pd.DataFrame(
            {
                "file": file.path.name,
                "kind": file.kind,
                "header": "by position" if file.layout.checks else "known",
                "first": file.first.date(),
                "last": file.last.date(),
                "rows": file.rows,
                "used": file.rows - file.repeated - file.in_newer_file - len(file.problems),
                "repeated": file.repeated,
                "in_newer_file": file.in_newer_file,
                "without_id": len(file.problems),
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
            raise InputError(f"{self.path} has no video file.", advice=HOW_TO_EXPORT)
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
                f"{self.path} has no files by Post or no files by day, so nothing can be compared.",
                advice="Put account_analytics_content_... and account_overview_analytics files of"
                " the same account into one folder.",
            )
        return _compare(self._frames["posts"], self._frames[by_day], by_day, self._files)

    def _read(self) -> list[ExportFile]:
        if not self.path.is_dir():
            return read_one(self.path)
        try:
            paths = sorted(
                entry
                for entry in self.path.iterdir()
                if not entry.name.startswith((".", "~"))
                and entry.name.lower().endswith((".csv", ".csv.gz"))
            )
        except PermissionError:
            raise InputError(
                f"{self.path}: no permission to list it.", advice="Ask its owner, or copy it."
            ) from None
        files: list[ExportFile] = []
        empty: list[str] = []
        for path in paths:
            try:
                files += read_one(path)
            except NotAnExportError as error:
                if any(part in path.name.lower() for part in _NAMED_LIKE_AN_EXPORT):
                    raise
                self._notes[""].append(f"{path.name} was left out: {error.why}.")
            except NoRowsError:
                empty.append(path.name)
        if empty:
            self._notes[""].append(f"{_few(empty)} {'have' if empty[1:] else 'has'} no posts.")
        if not files:
            raise InputError(
                f"{self.path} has no export of X ({len(paths)} CSV files looked at).",
                advice=HOW_TO_EXPORT,
            )
        return files

    @cached_property
    def _rows_by_account(self) -> Counter[str]:
        rows: Counter[str] = Counter()
        for file in self._files:
            if "account" in file.table.column_names:
                for found in pc.value_counts(file.table["account"].drop_null()).to_pylist():
                    rows[found["values"]] += found["counts"]
            elif file.named_account:
                rows[file.named_account] += file.rows
        return rows

    @cached_property
    def _frames(self) -> dict[str, pd.DataFrame]:
        """The figures of the chosen account, by group of kinds."""
        self._choose_account()
        files = {g: [f for f in self._files if f.kind in kinds] for g, kinds in _GROUPS.items()}
        return {group: self._join(group, some) for group, some in files.items() if some}

    def _frame(self, kind: str) -> pd.DataFrame:
        """The rows of a kind, or of a group of kinds."""
        frame = self._frames[_group_of(kind)]
        if kind in _GROUPS or "file_kind" not in frame:
            return frame
        mine = frame[frame["file_kind"] == kind].drop(columns="file_kind")
        return mine.dropna(axis="columns", how="all").reset_index(drop=True)

    def _choose_account(self) -> None:
        """Drop files and rows of other accounts than the chosen ones."""
        there = self._rows_by_account
        wanted = [n.strip().lower().lstrip("@") for n in self._account.split(",") if n.strip()]
        if not wanted and len(there) > 1:
            told = [f"@{name} ({number(rows)} rows)" for name, rows in there.most_common()]
            raise InputError(
                f"{self.path} has Posts of {len(told)} accounts: {listed(told[:5])}"
                f"{', ...' if len(told) > 5 else ''}. They are not added up.",
                advice="Make one report for each (--by account), or name one (profile=...);"
                " name both handles, separated by a comma, if one account was renamed.",
            )
        if unknown := [name for name in wanted if name not in there]:
            raise InputError(
                f"{self.path} has no Posts of @{unknown[0]}.",
                advice=f"It has: {listed(['@' + name for name in self.accounts]) or 'none'}.",
            )
        for file in self._files if wanted else ():
            if "account" in file.table.column_names:
                mine = pc.is_in(file.table["account"], pa.array(wanted, pa.large_string()))
                file.table, before = file.table.filter(mine), file.table.num_rows
                file.rows -= before - file.table.num_rows
            elif file.named_account not in wanted and len(there) > 1:
                self._notes[""].append(
                    f"{file.path.name} was left out: it does not name an account."
                )
                file.rows = 0
        self._files = [file for file in self._files if file.rows]

    def _join(self, group: str, files: list[ExportFile]) -> pd.DataFrame:
        """Join files into one frame; if a row is in several files, the newest counts."""
        key, what = files[0].key, "post" if group == "posts" else "day"
        tables, columns = [], [set(file.table.column_names) for file in files]
        for i, file in enumerate(files):
            of_file = pa.array(np.full(file.table.num_rows, i, dtype=np.int32))
            tables.append(file.table.append_column("file", of_file))
            # The joined table replaces it. Two copies would double the memory.
            file.table = file.table.schema.empty_table()
        joined = pa.concat_tables(tables, promote_options="default")
        del tables
        frame = joined.to_pandas(types_mapper=_DTYPES.get, split_blocks=True, self_destruct=True)
        del joined
        repeated = frame.duplicated([key, "file"], keep="last")
        frame, again = frame[~repeated], frame["file"][repeated]
        for i, rows in again.value_counts().items():
            files[i].repeated = rows
            files[i].notes.append(
                f"repeats a {what} in {rows:,} rows; the last row of each is used"
            )
        older = frame.duplicated(key)
        frame, left_out = frame[~older].reset_index(drop=True), frame["file"][older]
        for i, rows in left_out.value_counts().items():
            files[i].in_newer_file = rows
        if len(left_out):
            self._notes[group].append(
                f"{len(left_out):,} rows were left out because a newer file has the same {what}."
            )
        lacking: dict[str, list[str]] = defaultdict(list)
        for file, have in zip(files, columns, strict=True):
            names = [name for name in METRIC_NAMES if name in frame and name not in have]
            if names:
                lacking[", ".join(names)].append(file.path.name)
        for told, names in lacking.items():
            self._notes[group].append(f"{_few(names)} {'lack' if names[1:] else 'lacks'} {told}.")
        if len({file.kind for file in files}) > 1:
            frame["file_kind"] = np.array([file.kind for file in files])[frame["file"]]
        return _in_order(frame.drop(columns=["file", "account"], errors="ignore"))

    def _told(self, frame: pd.DataFrame, files: list[ExportFile]) -> list[str]:
        """Notes for readers of one kind of figures."""
        said: dict[str, list[str]] = defaultdict(list)
        for file in files:
            for note in file.notes:
                said[note].append(file.path.name)
        notes = [f"{_few(names)} {note}." for note, names in said.items()]
        kinds = {file.kind for file in files}
        others = [kind for kind in self.kinds if kind not in kinds and kind != "videos"]
        if "time" in frame:
            notes.append(
                f"These figures are by day of the whole account: {ANSWERS[files[0].kind]}."
            )
        if others:
            notes.append(
                f"The figures of the {listed(others)} file{'s' * (len(others) > 1)} are kept apart"
                " and are not included here."
            )
        zero = [label(name) for name in metric_columns(frame) if (frame[name] == 0).all()]
        if zero and len(frame) >= _ZERO_ROWS and "daily" not in kinds:
            notes.append(
                f"0 in every row: {listed(zero)}. X writes 0 for figures that it did not measure,"
                " so these may be missing and are not used as evidence."
            )
        if kinds & {"content", "overview"}:
            notes.append("These files of X count organic activity only, without promotion.")
        if "overview" in kinds:
            notes.append(_REVISED)
        if "content" in kinds:
            end = max(file.last for file in files) + pd.Timedelta(days=1)
            young = int((frame["created_at"] > end - STILL_GROWING).sum())
            if young:
                notes.append(
                    f"{counted(young, 'Post')} of the last {STILL_GROWING.days} days still"
                    " collected engagements when the files were written."
                )
        return notes


_REVISED = "X still revises the last days of an overview."


def _group_of(kind: str) -> str:
    return next(group for group, kinds in _GROUPS.items() if kind in (group, *kinds))


def _compare(
    posts: pd.DataFrame, by_day: pd.DataFrame, kind: str, files: list[ExportFile]
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
    if cut := [file.path.name for file in by_post if file.cut]:
        sentences.append(f"{_few(cut)} was cut at {CUT_AT:,} Posts; the figures by day were not.")
    more = int(table["difference"].get("posts", 0))
    if more > 0:
        sentences.append(
            f"The {kind} files count {counted(more, 'Post')} that the files by Post lack: cut"
            " off, left out by the page's filter, deleted since, or without any figure."
        )
    if "is_reply" in inside and inside["is_reply"].nunique() == 1:
        only = "only replies" if inside["is_reply"].iloc[0] else "no replies"
        sentences.append(f"The files by Post have {only}: the page's filter may have been set.")
    if kind == "overview":
        sentences.append(_REVISED)
    sentences.append(
        "Figures by day do not name an account. They are assumed to be of the same account."
    )
    return Comparison(table, tuple(sentences))


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """The same frame with facts from the texts, its columns in our order."""
    if "text" in frame:
        frame = frame.assign(**content_facts(frame))
    metrics = [name for name in ("posts", "unfollows", *METRIC_NAMES) if name in frame]
    promoted = [f"promoted_{name}" for name in METRIC_NAMES if f"promoted_{name}" in frame]
    facts = [name for name in frame.columns if name not in {*metrics, *promoted}]
    return frame[[*facts, *metrics, *promoted]]


def _few(names: Sequence[str]) -> str:
    """Some names, and how many more."""
    if len(names) <= 3:
        return listed(names)
    return f"{', '.join(names[:2])} and {len(names) - 2:,} more files"
