"""Turn ids, a period and tokens into requests and their price; nothing is sent or spent."""

from engagement_nb.planning.make import make_plan
from engagement_nb.planning.plan import Plan

__all__ = ["Plan", "make_plan"]
