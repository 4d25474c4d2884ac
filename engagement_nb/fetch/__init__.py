"""From a question to figures: question → plan → requests → parts, in memory or into a dataset."""

from engagement_nb.fetch.plan import Plan, make_plan
from engagement_nb.fetch.question import Question
from engagement_nb.fetch.run import Run, record_of

__all__ = ["Plan", "Question", "Run", "make_plan", "record_of"]
