"""Exercises: a question, a hidden check, and a hint where the answer is wrong."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Exercise:
    """One exercise of a lesson.

    Parameters
    ----------
    key
        The lesson's key.
    expects
        What an answer looks like.
    hint
        Gives "" for a right answer, else what to think of.
    praise
        What a right answer has shown.
    """

    key: str
    expects: str
    hint: Callable[[Any], str]
    praise: str

    def check(self, answer: Any) -> Verdict:
        """Judge an answer; never raises, whatever the answer is."""
        if answer is None or answer is ...:
            return Verdict(None, f"Not answered yet. Expected: {self.expects}.")
        try:
            hint = self.hint(answer)
        except Exception:
            # An answer of any type at all must not end in somebody's traceback.
            hint = f"This cannot be read as an answer. Expected: {self.expects}."
        return Verdict(not hint, hint or self.praise)


@dataclass(frozen=True)
class Verdict:
    """What a check says.

    Parameters
    ----------
    right
        None where nothing was answered.
    text
        The hint, or what a right answer has shown.
    unanswered
        The first word where nothing was answered.
    """

    right: bool | None
    text: str
    unanswered: str = "Exercise."

    def __repr__(self) -> str:
        return f"{self._mark} {self.text}"

    def _repr_html_(self) -> str:
        colour = {True: "#009E73", False: "#D55E00", None: "#8A8A8A"}[self.right]
        return (
            f'<div style="border-left:4px solid {colour};padding:4px 10px;max-width:860px">'
            f"<b>{self._mark}</b> {html.escape(self.text)}</div>"
        )

    @property
    def _mark(self) -> str:
        return {True: "Right.", False: "Not yet.", None: self.unanswered}[self.right]


@dataclass(frozen=True)
class Claim:
    """A sentence about the API, and whether it was seen to hold."""

    text: str
    holds: bool

    def __repr__(self) -> str:
        return f"{'seen' if self.holds else 'NOT SEEN'}: {self.text}"

    def _repr_html_(self) -> str:
        mark, colour = ("✓", "#009E73") if self.holds else ("✗", "#D55E00")
        return (
            f'<div style="max-width:860px"><b style="color:{colour}">{mark}</b>'
            f" {html.escape(self.text)}</div>"
        )
