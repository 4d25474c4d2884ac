"""From ids, a period and tokens to requests and their price; nothing is sent or spent."""

from engagement_nb.planning.plan import Plan, make_plan

__all__ = ["Plan", "make_plan"]
