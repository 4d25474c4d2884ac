"""A progress bar for runs that take longer than a moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from engagement_nb.client.pacing import PacerState

DELAY = 1.5
"""Seconds: shorter runs show no bar."""


class Meter:
    """Shows finished requests, Tweets, the rest of the quota and the time to finish.

    Parameters
    ----------
    show
        None to show it only on a terminal or in a notebook.
    """

    def __init__(self, show: bool | None = None) -> None:
        self._show = show
        self._bar: Any = None

    def __enter__(self) -> Self:
        if self._show is not False:
            # Imported late: in a notebook it imports the widgets too.
            from tqdm.auto import tqdm

            self._bar = tqdm(
                total=0,
                unit="request",
                delay=DELAY,
                disable=None if self._show is None else False,
                leave=False,
                # The quota comes in bursts: only the overall average predicts the time left.
                smoothing=0,
            )
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def expect(self, requests: int) -> None:
        """Add requests to the total."""
        if self._bar is not None:
            self._bar.total += requests

    def done(self, tweets: int, quota: Callable[[], PacerState]) -> None:
        """Count one finished request."""
        if self._bar is None or self._bar.disable:
            return
        state = quota()
        words = f"{tweets:,} Tweets"
        if state.limit is not None:
            minutes = state.window / 60
            span = "this minute" if minutes <= 1 else f"these {minutes:g} minutes"
            words += f", {state.left} of {state.limit} left {span}"
        self._bar.set_postfix_str(words, refresh=False)
        self._bar.update(1)
