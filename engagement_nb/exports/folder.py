"""A folder of export files: what each kind can answer, and how the kinds agree."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

from engagement_nb.errors import InputError
from engagement_nb.exports.content import content_facts
from engagement_nb.exports.layouts import HOW_TO_EXPORT, METRIC_NAMES, NotAnExportError
from engagement_nb.exports.reading import (
    CUT_AT,
    STILL_GROWING,
    ExportFile,
    NoRowsError,
    account_of_name,
    read_one,
)
from engagement_nb.metrics import About, Metrics, metric_columns, problems_frame
from engagement_nb.vocabulary import label
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
"""What each kind of file can answer."""
_ZERO_ROWS = 20
"""Rows from which on a column of zeros is worth a word."""


class SeveralAccountsError(InputError):
    """Files hold Posts of several ``accounts``, which are never added up."""

    accounts: list[str]


@dataclass(frozen=True)
class Comparison:
    """Figures by Post against figures by day of engagement.

    Parameters
    ----------
    table
        One row a metric: ``by_post``, ``by_day``, ``difference`` (by day less by Post) and
        ``share`` of by day.
    sentences
        Where the difference can come from, as far as the files tell.
    """

    table: pd.DataFrame
    sentences: tuple[str, ...]


class Exports:
    """One export file of X, or a folder of them, each kind of file apart.

    Parameters
    ----------
    path
        The file or folder.
    account
        Handles whose Posts are read, where the files are of several accounts; several handles
        (of an account that was renamed) are separated by commas.

    Raises
    ------
    InputError
        Something is not an export or cannot be read; or the files are of several accounts and
        none is named.
    """

    def __init__(self, path: str | Path, account: str = "") -> None:
        self.path = Path(path).expanduser()
        self._notes: list[str] = []
        self._files = self._read()
        if len(self._files) > 1:
            self._files.sort(key=ExportFile.newness, reverse=True)
        self._accounts = self._count_accounts()
        self.account = self._choose(account)
        self._frames: dict[str, pd.DataFrame] = {}
        self._older: dict[int, int] = {}
        for key, kinds in _GROUPS.items():
            self._join(key, [file for file in self._files if file.kind in kinds])

    @property
    def kinds(self) -> list[str]:
        """The kinds of files that are there, the most telling first."""
        there = {file.kind for file in self._files}
        return [kind for kind in ANSWERS if kind in there]

    @property
    def accounts(self) -> list[str]:
        """Handles found in the links and names of the files, the most frequent first."""
        return list(self._accounts)

    def metrics(self) -> Metrics:
        """What tells most: the Tweets, else the days of a daily file, an overview, or of videos."""
        key = next(key for key in _GROUPS if key in self._frames)
        return self.of(key)

    def of(self, key: str) -> Metrics:
        """The figures of one kind: "posts", "daily", "overview" or "video".

        Raises
        ------
        InputError
            There is no file of that kind.
        """
        if key not in self._frames:
            raise InputError(
                f"{self.path} holds no file of the kind {key!r}.",
                advice=f"It holds: {listed(self.kinds)}.",
            )
        kinds = [kind for kind in self.kinds if kind in _GROUPS[key]]
        files = [file for file in self._files if file.kind in kinds]
        frame = self._frames[key]
        labels: dict[str, str] = {}
        for file in reversed(files):
            labels |= file.labels
        by_day = key != "posts"
        about = About(
            source="export",
            endpoint="export",
            by="day" if by_day else None,
            start=frame["time"].min().to_pydatetime() if by_day else None,
            end=(frame["time"].max() + pd.Timedelta(days=1)).to_pydatetime() if by_day else None,
            labels=labels,
            notes=(*self._notes, *self._told(key, files)),
            unit="day" if by_day else "tweet",
            kind=" and ".join(kind for kind in kinds if kind != "videos"),
        )
        problems = problems_frame(row for file in files for row in file.problems)
        return Metrics(frame, problems, about)

    def files(self) -> pd.DataFrame:
        """One row a file (or table of a video file), and what became of its rows.

        Columns ``file``, ``kind``, ``header`` ("known" or "by position"), ``first``, ``last``
        (its period), ``rows``, ``used``, ``repeated`` (within the file), ``in_newer_file``,
        ``without_id``, ``cut`` (it holds as many Posts as X writes at most) and ``answers``.
        """
        rows = []
        for file in self._files:
            first, last = file.period()
            older = self._older.get(id(file), 0)
            left = file.rows - file.repeated - older - len(file.problems)
            rows.append(
                {
                    "file": file.path.name,
                    "kind": file.kind,
                    "header": "by position" if file.checks else "known",
                    "first": first,
                    "last": last,
                    "rows": file.rows,
                    "used": left,
                    "repeated": file.repeated,
                    "in_newer_file": older,
                    "without_id": len(file.problems),
                    "cut": file.kind == "content" and file.rows == CUT_AT,
                    "answers": ANSWERS[file.kind],
                }
            )
        return pd.DataFrame(rows)

    def summary(self) -> pd.DataFrame:
        """One row a kind of file: ``files``, ``rows``, ``unit``, its sums, and what it answers."""
        rows = []
        for kind in self.kinds:
            files = [file for file in self._files if file.kind == kind]
            key = next((key for key, kinds in _GROUPS.items() if kind in kinds), "")
            frame = self._frames[key] if key else pd.concat([file.frame for file in files])
            if "file_kind" in frame:
                frame = frame[frame["file_kind"] == kind]
            sums = {
                name: int(frame[name].sum()) if name in frame else None
                for name in ("impressions", "engagements", "video_views")
            }
            unit = {"posts": "Tweet", "": "video"}.get(key, "day")
            rows.append(
                {"kind": kind, "files": len(files), "unit": unit, "rows": len(frame)}
                | sums
                | {"answers": ANSWERS[kind]}
            )
        return pd.DataFrame(rows).set_index("kind").convert_dtypes()

    def videos(self) -> pd.DataFrame:
        """One row a video, with the figures of its Post where the file links one that is there.

        Raises
        ------
        InputError
            There is no video file.
        """
        frames = [file.frame for file in self._files if file.kind == "videos"]
        if not frames:
            raise InputError(f"{self.path} holds no video file.", advice=HOW_TO_EXPORT)
        videos = pd.concat(frames, ignore_index=True).drop_duplicates("video_id", keep="first")
        if "posts" not in self._frames:
            return videos
        of_posts = self._frames["posts"][["tweet_id", "impressions", "engagements"]]
        return videos.merge(of_posts, on="tweet_id", how="left")

    def reconcile(self) -> Comparison:
        """Compare figures by Post with figures by day of engagement.

        Raises
        ------
        InputError
            There are not both files by Post and files by day.
        """
        by_day = next((key for key in ("overview", "daily") if key in self._frames), "")
        if "posts" not in self._frames or not by_day:
            raise InputError(
                f"{self.path} has not both files by Post and files by day, so nothing can be"
                " compared.",
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
                f"{self.path}: no permission to look into it.", advice="Ask its owner, or copy it."
            ) from None
        files: list[ExportFile] = []
        empty: list[str] = []
        for path in paths:
            try:
                files += read_one(path)
            except NotAnExportError as error:
                if any(part in path.name.lower() for part in _NAMED_LIKE_AN_EXPORT):
                    raise
                self._notes.append(f"{path.name} was left out: {error.why}.")
            except NoRowsError:
                empty.append(path.name)
        if empty:
            self._notes.append(f"{_few(empty)} {'hold' if len(empty) > 1 else 'holds'} no posts.")
        if not files:
            raise InputError(
                f"{self.path} holds no export of X ({len(paths)} CSV files looked at).",
                advice=HOW_TO_EXPORT,
            )
        return files

    def _count_accounts(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for file in self._files:
            if "account" in file.frame:
                for handle, rows in file.frame["account"].value_counts().items():
                    if rows:
                        counts[str(handle)] = counts.get(str(handle), 0) + int(rows)
            elif handle := account_of_name(file.path):
                counts[handle] = counts.get(handle, 0) + file.rows
        return dict(sorted(counts.items(), key=lambda item: -item[1]))

    def _choose(self, account: str) -> list[str]:
        """The handles to read; files and rows of others are left out."""
        wanted = [name.strip().lower().lstrip("@") for name in account.split(",") if name.strip()]
        if not wanted:
            if len(self._accounts) > 1:
                told = [f"@{name} ({number(rows)} rows)" for name, rows in self._accounts.items()]
                error = SeveralAccountsError(
                    f"{self.path} holds Posts of {len(told)} accounts: {listed(told[:5])}"
                    f"{', ...' if len(told) > 5 else ''}. They are not added up.",
                    advice="Make one report for each (--by account), or name one (profile=...);"
                    " name both handles, separated by a comma, if one account was renamed.",
                )
                error.accounts = self.accounts
                raise error
            return list(self._accounts)
        if unknown := [name for name in wanted if name not in self._accounts]:
            raise InputError(
                f"{self.path} holds no Posts of @{unknown[0]}.",
                advice=f"It holds: {listed(['@' + name for name in self._accounts]) or 'none'}.",
            )
        kept = []
        for file in self._files:
            named = account_of_name(file.path)
            if "account" in file.frame:
                mine = file.frame["account"].isin(wanted)
                left, file.frame = int((~mine).sum()), file.frame[mine].reset_index(drop=True)
                file.rows -= left
                if len(file.frame):
                    kept.append(file)
            elif named in wanted or len(self._accounts) == 1:
                kept.append(file)
            else:
                self._notes.append(f"{file.path.name} was left out: it names no account.")
        self._files = kept
        return wanted

    def _join(self, key: str, files: list[ExportFile]) -> None:
        """One frame of several files: of what comes twice, the newest file's figures."""
        if not files:
            return
        frames = [file.frame.drop(columns="account", errors="ignore") for file in files]
        if len({file.kind for file in files}) > 1:
            frames = [
                frame.assign(file_kind=file.kind) for file, frame in zip(files, frames, strict=True)
            ]
        column = files[0].key
        if len(frames) == 1:
            self._frames[key] = _in_order(frames[0])
            return
        for file in files:  # The joined frame replaces them; two copies would double the memory.
            file.frame = file.frame[[c for c in ("created_at", "time") if c in file.frame]]
        joined = pd.concat(frames, ignore_index=True)
        lengths = [len(frame) for frame in frames]
        columns = [set(frame.columns) for frame in frames]
        del frames
        again = joined.duplicated(column, keep="first")
        if again.any():
            number_of = pd.Series(range(len(files))).repeat(lengths).reset_index(drop=True)
            for i, rows in number_of[again.to_numpy()].value_counts().items():
                self._older[id(files[int(str(i))])] = int(rows)
            what = "post" if column == "tweet_id" else "day"
            self._notes.append(
                f"{int(again.sum()):,} rows were left out because a newer file holds the same"
                f" {what}."
            )
            joined = joined[~again].reset_index(drop=True)
        lacking: dict[str, list[str]] = {}
        for file, have in zip(files, columns, strict=True):
            names = [name for name in METRIC_NAMES if name in joined and name not in have]
            if names:
                lacking.setdefault(", ".join(names), []).append(file.path.name)
        for told, names in lacking.items():
            self._notes.append(
                f"{_few(names)} {'do' if len(names) > 1 else 'does'} not tell: {told}."
            )
        self._frames[key] = _in_order(joined)

    def _told(self, key: str, files: list[ExportFile]) -> list[str]:
        """What a reader of one kind of figures must know."""
        said: dict[str, list[str]] = {}
        for file in files:
            for note in file.notes:
                said.setdefault(note, []).append(file.path.name)
        notes = [f"{_few(names)} {note}." for note, names in said.items()]
        frame = self._frames[key]
        others = [k for k in self.kinds if k not in _GROUPS[key] and k != "videos"]
        if key != "posts":
            notes.append(f"These figures are by day of the whole account: {ANSWERS[key]}.")
        if others and key == next(iter(self._frames)):
            notes.append(
                f"The figures of the {listed(others)} file{'s' * (len(others) > 1)} are kept apart"
                " and are not in these."
            )
        zero = [name for name in metric_columns(frame) if (frame[name] == 0).all()]
        if zero and len(frame) >= _ZERO_ROWS and key != "daily":
            notes.append(
                f"0 in every row: {listed([label(name) for name in zero])}. X writes a figure that"
                " it did not measure as 0, so these may be missing and are no evidence."
            )
        kinds = {file.kind for file in files}
        if kinds & {"content", "overview"}:
            notes.append("These files of X count organic activity only, without promotion.")
        if "overview" in kinds:
            notes.append("X still revises the last days of an overview.")
        if "content" in kinds:
            end = max(file.period()[1] for file in files) + pd.Timedelta(days=1)
            young = int((frame["created_at"] > end - STILL_GROWING).sum())
            if young:
                notes.append(
                    f"{counted(young, 'Post')} of the last {STILL_GROWING.days} days still"
                    " gathered engagements when the files were written."
                )
        return notes


_GROUPS = {
    "posts": ("content", "classic"),
    "daily": ("daily",),
    "overview": ("overview",),
    "video": ("video",),
}
"""What is joined into one frame."""


def _compare(
    posts: pd.DataFrame, by_day: pd.DataFrame, kind: str, files: list[ExportFile]
) -> Comparison:
    start, end = by_day["time"].min(), by_day["time"].max() + pd.Timedelta(days=1)
    inside = posts[(posts["created_at"] >= start) & (posts["created_at"] < end)]
    names = [name for name in metric_columns(by_day) if name in posts]
    table = pd.DataFrame(
        {
            "by_post": [int(inside[name].sum()) for name in names],
            "by_day": [int(by_day[name].sum()) for name in names],
        },
        index=pd.Index(names, name="metric"),
    )
    if "posts" in by_day:
        table.loc["posts"] = [len(inside), int(by_day["posts"].sum())]
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
    if len(inside) < len(posts):
        sentences.append(
            f"{counted(len(posts) - len(inside), 'Post')} outside these days are not compared."
        )
    covered = [f.period() for f in files if f.kind in ("content", "classic")]
    if covered and (min(c[0] for c in covered) > start or max(c[1] for c in covered) < end):
        sentences.append("The files by Post do not cover all of these days.")
    cut = [file.path.name for file in files if file.kind == "content" and file.rows == CUT_AT]
    if cut:
        sentences.append(f"{_few(cut)} was cut at {CUT_AT:,} Posts; the figures by day were not.")
    more = int(table["difference"].get("posts", 0))
    if more > 0:
        sentences.append(
            f"The {kind} files count {counted(more, 'Post')} more than the files by Post list: cut"
            " off, left out by the page's filter, deleted since, or without any figure."
        )
    if "is_reply" in inside and len(inside) and inside["is_reply"].nunique() == 1:
        only = "only replies" if bool(inside["is_reply"].iloc[0]) else "no replies"
        sentences.append(f"The files by Post hold {only}: the page's filter may have been set.")
    if kind == "overview":
        sentences.append("X still revises the last days of an overview.")
    sentences.append("Figures by day name no account; they are taken to be of the same one.")
    return Comparison(table, tuple(sentences))


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """The same frame with what the texts tell, its columns in our order."""
    if "text" in frame:
        # Once for all files, because each call costs as much as the reading of a small file.
        text = pa.chunked_array([pa.array(frame["text"], pa.large_string())])
        facts = pd.DataFrame(content_facts(text, {n: frame[n] for n in metric_columns(frame)}))
        at = frame.columns.get_loc("text")
        frame = pd.concat([frame.iloc[:, :at], facts, frame.iloc[:, at:]], axis=1)
    known = [name for name in ("posts", "unfollows", *METRIC_NAMES) if name in frame]
    promoted = [f"promoted_{name}" for name in METRIC_NAMES if f"promoted_{name}" in frame]
    rest = [name for name in frame.columns if name not in {*known, *promoted}]
    return frame[[*rest, *known, *promoted]]


def _few(names: list[str]) -> str:
    """Some names, and how many more."""
    if len(names) <= 3:
        return listed(names)
    return f"{', '.join(names[:2])} and {len(names) - 2:,} more files"
