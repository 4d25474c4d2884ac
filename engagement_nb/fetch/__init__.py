"""From a question to figures: question → plan → requests → parts, in memory or into a dataset."""

from engagement_nb.fetch.plan import Plan, make_plan
from engagement_nb.fetch.question import Question
from engagement_nb.fetch.run import Run, fetch_into

__all__ = ["Plan", "Question", "Run", "fetch_into", "make_plan"]
