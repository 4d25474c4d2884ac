"""The lessons, and the checks of answers to their exercises; the texts are in lessons.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from engagement_nb.apis.times import full_hour, next_full_hour
from engagement_nb.lessons.shown import Verdict

Wrong = dict[str, str]
"""What is wrong with an answer: key of the hint -> detail; empty if the answer is right."""

_EXAMPLES = {
    "tweet.id": "2120000000000000011",
    "engagement.type": "favorites",
    "engagement.day": "2026-11-20",
    "engagement.hour": "17",
}
"""An example key for each level of a response."""


@dataclass(frozen=True)
class Lesson:
    """One lesson of the notebook, and its exercise.

    Parameters
    ----------
    title, expects, praise, otherwise
        Texts: see lessons.toml.
    reads
        The key of `READERS` for answers.
    right
        The right answer.
    hints
        Hints, by what is wrong with an answer.
    live
        Whether the lesson is harmless on a live account.
    table, document
        The material of the exercise.
    """

    title: str
    expects: str
    reads: str
    right: Any
    praise: str
    otherwise: str
    hints: Mapping[str, str]
    live: bool = False
    table: Mapping[str, list[Any]] = field(default_factory=dict)
    document: Mapping[str, Any] = field(default_factory=dict)

    @property
    def material(self) -> pd.DataFrame | dict[str, Any]:
        """The material of the exercise: a frame, or a document."""
        return pd.DataFrame(self.table) if self.table else dict(self.document)

    def check(self, answer: Any) -> Verdict:
        """Check an answer of any type; never raises."""
        if answer is None or answer is ...:
            return Verdict(None, f"Not answered yet. Expected: {self.expects}.")
        try:
            wrong = READERS[self.reads](answer, self.right)
        except Exception:
            # Students give any kind of answer, and should not see a traceback.
            return Verdict(False, f"This cannot be read as an answer. Expected: {self.expects}.")
        if not wrong:
            return Verdict(True, self.praise)
        for key, hint in self.hints.items():
            if key in wrong:
                return Verdict(False, hint.replace("{}", wrong[key]))
        return Verdict(False, self.otherwise)


def _number(answer: Any, right: float) -> Wrong:
    given = float(answer)
    return {} if given == right else {f"{given:g}": ""}


def _endpoint_and_number(answer: Any, right: list[Any]) -> Wrong:
    name, number = str(answer[0]).strip().lower(), _number(answer[1], right[1])
    if name != right[0]:
        return {name: ""}
    return number and {**number, "number": ""}


def _choices(answer: Any, right: Mapping[str, str]) -> Wrong:
    given = {str(k).strip().lower(): str(v).strip().lower() for k, v in answer.items()}
    wrong: Wrong = {}
    for key, choice in right.items():
        if key not in given:
            wrong.setdefault("missing", key)
        elif given[key] not in right.values():
            wrong.setdefault("unknown", key)
        elif given[key] != choice:
            wrong[key] = ""
    return wrong


def _names(answer: Any, right: list[str]) -> Wrong:
    listed = answer.replace(",", " ").split() if isinstance(answer, str) else answer
    given = [str(name).strip().lower() for name in listed]
    wrong = {name: "" for name in given if name not in right}
    wrong |= {f"no {name}": "" for name in right if name not in given}
    return wrong | ({"twice": ""} if len(set(given)) < len(given) else {})


def _levels(answer: Any, right: list[str]) -> Wrong:
    if isinstance(answer, str) or not isinstance(answer, Iterable):
        raise TypeError
    given = [str(item) for item in answer]
    unknown = [item for item in given if item not in _EXAMPLES]
    if given == right:
        return {}
    if unknown or not given:
        return {"unknown": unknown[0]} if unknown else {"empty": ""}
    shape = '"3"'
    for item in reversed(given):
        shape = f'{{"{_EXAMPLES[item]}": {shape}}}'
    return {"shape": shape}


def _window(answer: Any, right: str) -> Wrong:
    hour = timedelta(hours=1)
    moments = []
    for value in answer:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value.strip())
        if moment.utcoffset():
            return {"offset": ""}
        moments.append(moment.replace(tzinfo=UTC))
    start, end = moments
    # As in the API, start is rounded down to the hour and end is rounded up.
    first, last = full_hour(start), next_full_hour(end)
    late, hours = (first - datetime.fromisoformat(right)) // hour, (last - first) // hour
    if hours <= 0:
        return {"empty": ""}
    if late:
        return {f"start {late:+d}": ""}
    return {} if hours == 24 else {f"hours {hours}": "", "hours": str(hours)}


READERS: dict[str, Callable[[Any, Any], Wrong]] = {
    "number": _number,
    "endpoint_and_number": _endpoint_and_number,
    "choices": _choices,
    "names": _names,
    "levels": _levels,
    "window": _window,
}
"""Functions that compare an answer with the right one."""

_WORDS = Path(__file__).with_name("lessons.toml").read_text("utf-8")
LESSONS = {key: Lesson(**words) for key, words in tomllib.loads(_WORDS).items()}
"""The lessons by key, in order."""
