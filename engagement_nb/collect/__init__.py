"""Run a plan: concurrently, with retries, around refusals, resuming interrupted runs."""

from engagement_nb.collect.collecting import Collected, collect, collect_into

__all__ = ["Collected", "collect", "collect_into"]
