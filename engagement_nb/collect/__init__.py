"""Running a plan: concurrently, with retries, around refusals, from where it was cut off."""

from engagement_nb.collect.collecting import Collected, collect, collect_into

__all__ = ["Collected", "collect", "collect_into"]
