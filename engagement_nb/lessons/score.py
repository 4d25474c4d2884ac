"""Scores of lessons: one student's, saved with the notebook or as a file, and a class's table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pandas as pd
from msgspec import Meta, Struct

from engagement_nb.errors import InputError
from engagement_nb.lessons.exercises import LESSONS
from engagement_nb.metrics import bundle, handed_over

PART = "score"
"""Name of the score among what a notebook hands over."""
_LARGEST = 20_000_000
"""Bytes of a student's file; a notebook of all lessons has less than one million."""
_MARKS = {True: "right", False: "not yet", None: ""}
Count = Annotated[int, Meta(ge=0, lt=10**6)]


class Tally(Struct, frozen=True):
    """How one exercise went.

    Parameters
    ----------
    right
        Whether the last answer was right; None if there was none.
    tries
        Answers that were checked.
    hints
        Wrong answers, each of which got a hint.
    """

    right: bool | None = None
    tries: Count = 0
    hints: Count = 0

    def after(self, right: bool | None) -> Tally:
        """The tally after one more check; ``right`` is None if there was no answer."""
        if right is None:
            return self
        return Tally(right, self.tries + 1, self.hints + (not right))


class Score(Struct, frozen=True, eq=False):
    """How a student's exercises went: shown as a table. It contains no name.

    Parameters
    ----------
    tallies
        By lesson, in order.

    Raises
    ------
    ValueError
        There is no such lesson.
    """

    tallies: dict[str, Tally] = msgspec.field(name="lessons")
    format: Literal[1] = 1

    def __post_init__(self) -> None:
        if not self.tallies.keys() <= LESSONS.keys():
            raise ValueError("There is no such lesson.")

    @property
    def right(self) -> int:
        """Exercises whose last answer was right."""
        return sum(tally.right is True for tally in self.tallies.values())

    def save(self, path: str | Path) -> None:
        """Write the score to a JSON file."""
        Path(path).write_bytes(msgspec.json.format(msgspec.json.encode(self)) + b"\n")

    @property
    def _sentence(self) -> str:
        return f"{self.right} of {len(self.tallies)} exercises are right."

    def _table(self) -> pd.DataFrame:
        columns = ["lesson", "title", "right", "tries", "hints"]
        rows = (
            (key, LESSONS[key].title, _MARKS[one.right] or "no answer", one.tries, one.hints)
            for key, one in self.tallies.items()
        )
        return pd.DataFrame(rows, columns=columns)

    def __repr__(self) -> str:
        return f"{self._sentence}\n{self._table().to_string(index=False)}"

    def _repr_html_(self) -> str:
        return f"<p><b>{self._sentence}</b></p>{self._table().to_html(index=False)}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return bundle(**{PART: msgspec.to_builtins(self)})


def read_score(path: str | Path) -> Score:
    """The score in a student's saved notebook or score file.

    Raises
    ------
    InputError
        The file has no score, or cannot be read.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError
        document = msgspec.json.decode(path.read_bytes())
        if path.suffix == ".ipynb":
            document = handed_over(document).get(PART)
        return msgspec.convert(document, Score)
    except Exception:
        # A student's file can hold anything.
        raise InputError(
            f"{path.name} has no score that can be read.",
            advice="Run its last cells, room.score(), and save the notebook.",
        ) from None


def collect_scores(
    files: Iterable[str | Path], *, anonymous: bool = False
) -> tuple[pd.DataFrame, dict[str, str]]:
    """One table of a class.

    Parameters
    ----------
    files
        Students' saved notebooks and score files.
    anonymous
        Whether students get numbers instead of the names of their files.

    Returns
    -------
    table
        One row per file: ``student``, a column per lesson ("right", "not yet", or empty if there
        was no answer), ``right``, ``tries`` and ``hints``.
    left_out
        Why a file has no row, by its name.
    """
    rows: list[dict[str, Any]] = []
    left_out: dict[str, str] = {}
    for path in sorted(map(Path, files)):
        try:
            score = read_score(path)
        except InputError as error:
            left_out[path.name] = str(error)
            continue
        marks = {key: _MARKS[score.tallies.get(key, Tally()).right] for key in LESSONS}
        tallies = score.tallies.values()
        counts = {name: sum(getattr(t, name) for t in tallies) for name in ("tries", "hints")}
        student = len(rows) + 1 if anonymous else path.stem
        rows.append({"student": str(student), **marks, "right": score.right, **counts})
    columns = ["student", *LESSONS, "right", "tries", "hints"]
    return pd.DataFrame(rows, columns=columns), left_out


def answer_key() -> str:
    """The right answer of each exercise, for the teacher, in Markdown."""
    lines = [
        "# Answers of 03_api_behaviour",
        "",
        "| | lesson | answer | why |",
        "|---|---|---|---|",
    ]
    for number, (key, lesson) in enumerate(LESSONS.items(), 1):
        lines.append(
            f"| {number} | {lesson.title} (`{key}`) | `{lesson.right}` | {lesson.praise} |"
        )
    return "\n".join(lines) + "\n"


def without_solutions(notebook: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the lessons' notebook for students, without the cells of solutions."""
    cells = [
        cell
        for cell in notebook["cells"]
        if "solution" not in cell.get("metadata", {}).get("tags", [])
    ]
    return {**notebook, "cells": cells}
