"""Scores of lessons: one student's, saved with the notebook or as a file, and a class's table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from engagement_nb.errors import InputError
from engagement_nb.lessons.exercises import LESSONS
from engagement_nb.metrics import bundle, handed_over

FORMAT = 1
PART = "score"
"""Name of the score among what a notebook hands over."""
_LARGEST = 20_000_000
"""Bytes of a student's file; a notebook of all lessons has less than one million."""


@dataclass(frozen=True)
class Tally:
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
    tries: int = 0
    hints: int = 0

    def after(self, right: bool | None) -> Tally:
        """The tally after one more check; ``right`` is None if there was no answer."""
        if right is None:
            return self
        return Tally(right, self.tries + 1, self.hints + (not right))


@dataclass(frozen=True, eq=False)
class Score:
    """How a student's exercises went: shown as a table. It contains no name.

    Parameters
    ----------
    tallies
        By lesson, in order.
    """

    tallies: Mapping[str, Tally] = field(default_factory=dict)

    @property
    def right(self) -> int:
        """Exercises whose last answer was right."""
        return sum(tally.right is True for tally in self.tallies.values())

    def to_frame(self) -> pd.DataFrame:
        """One row per lesson: ``lesson``, ``title``, ``right`` (boolean), ``tries``, ``hints``."""
        rows = [
            {"lesson": key, "title": LESSONS[key].title, **asdict(tally)}
            for key, tally in self.tallies.items()
        ]
        columns = ["lesson", "title", "right", "tries", "hints"]
        return pd.DataFrame(rows, columns=columns).astype({"right": "boolean"})

    def to_dict(self) -> dict[str, Any]:
        """The score as plain values for JSON."""
        return {"format": FORMAT, "lessons": {key: asdict(t) for key, t in self.tallies.items()}}

    def save(self, path: str | Path) -> None:
        """Write the score to a JSON file."""
        Path(path).write_text(json.dumps(self.to_dict(), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def of(cls, document: Any) -> Score:
        """The score in a JSON document.

        Raises
        ------
        ValueError
            It is not a score, or one of a newer version.
        """
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise ValueError("It contains no score that this version knows.")
        tallies = {}
        lessons = document.get("lessons")
        for key, told in (lessons if isinstance(lessons, dict) else {}).items():
            right, tries, hints = (told.get(name) for name in ("right", "tries", "hints"))
            counts = all(type(n) is int and 0 <= n < 10**6 for n in (tries, hints))
            if key not in LESSONS or right not in (True, False, None) or not counts:
                raise ValueError(f"Its score of the lesson {str(key)[:40]!r} cannot be read.")
            tallies[key] = Tally(right, tries, hints)
        return cls(tallies)

    def __repr__(self) -> str:
        lines = [f"{self.right} of {len(self.tallies)} exercises are right."]
        for key, tally in self.tallies.items():
            mark = {True: "right", False: "not yet", None: "no answer"}[tally.right]
            lines.append(f"  {key:10} {mark:9} tries {tally.tries}, hints {tally.hints}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        shown = self.to_frame()
        shown["right"] = shown["right"].map({True: "right", False: "not yet"}).fillna("no answer")
        head = f"<p><b>{self.right} of {len(self.tallies)}</b> exercises are right.</p>"
        return head + shown.to_html(index=False)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return bundle(**{PART: self.to_dict()})


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
            raise ValueError("It is too large for a notebook of lessons.")
        document = json.loads(path.read_text(encoding="utf-8"))
        if path.suffix == ".ipynb":
            document = handed_over(document).get(PART)
        return Score.of(document)
    except (OSError, ValueError, RecursionError, AttributeError, KeyError, TypeError) as error:
        why = str(error) if type(error) is ValueError else "It cannot be read."
        raise InputError(
            f"{path.name} has no score. {why}",
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
        marks = {
            key: {True: "right", False: "not yet", None: ""}[score.tallies.get(key, Tally()).right]
            for key in LESSONS
        }
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
