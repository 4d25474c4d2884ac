"""The account of what came in: rows, columns, options and the period, each used or named."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from engagement_nb.apis.availability import Window
from engagement_nb.words import counted


@dataclass(frozen=True)
class Coverage:
    """What part of the requested period the figures cover.

    Parameters
    ----------
    start, end
        The requested period, UTC, ``end`` exclusive.
    whole, partial
        Tweets with figures for all of it, and for a part of it only.
    holes
        Parts of the period (start, end) for which no Tweet has figures.
    """

    start: datetime
    end: datetime
    whole: int = 0
    partial: int = 0
    holes: tuple[tuple[datetime, datetime], ...] = ()


@dataclass(frozen=True)
class Account:
    """What became of everything that a source was given.

    Parameters
    ----------
    rows_in, rows_used
        Rows of a table, or Tweets of a request: given, and in the frame.
    rows_named
        Rows that are not in the frame, by reason.
    metrics
        Wire name of each column that was read as a metric, by the column's own name.
    known
        What each other column was recognized as, by its own name.
    not_used
        Why a column was not used, or what it may be; empty text if nothing is known of it.
    options
        The options in effect: each a text or a list of texts.
    coverage
        The period that the figures cover, where there is one.
    requests
        Requests that the API answered; None for sources that make none.
    world
        The sandbox's world; empty for other sources.
    handles
        Accounts whose Posts a file has, where it names them.
    """

    rows_in: int = 0
    rows_used: int = 0
    rows_named: Mapping[str, int] = field(default_factory=dict)
    metrics: Mapping[str, str] = field(default_factory=dict)
    known: Mapping[str, str] = field(default_factory=dict)
    not_used: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    coverage: Coverage | None = None
    requests: int | None = None
    world: str = ""
    handles: tuple[str, ...] = ()

    def naming(self, others: Mapping[str, int]) -> Account:
        """The account with rows that were given too and are not used, by reason."""
        named = Counter(others) + Counter(self.rows_named)
        return replace(self, rows_in=self.rows_in + sum(others.values()), rows_named=dict(named))

    @property
    def balanced(self) -> bool:
        """Whether every row that came in is used or named."""
        return self.rows_in == self.rows_used + sum(self.rows_named.values())

    def lines(self) -> list[str]:
        """The account in words, a line for each part that says something."""
        lines = [f"{counted(self.rows_in, 'row')} given, {self.rows_used:,} used"]
        lines += [f"{counted(n, 'row')} not used: {why}" for why, n in self.rows_named.items()]
        if self.metrics:
            lines.append(f"{counted(len(self.metrics), 'column')} read as metrics")
        for column, why in self.not_used.items():
            lines.append(f"column not used: {column}" + (f" ({why})" if why else ""))
        if self.options:
            chosen = [
                f"{name} {', '.join(value) if isinstance(value, list) else value}"
                for name, value in self.options.items()
            ]
            lines.append(f"options: {'; '.join(chosen)}")
        if (period := self.coverage) is not None:
            of = ""
            if period.whole or period.partial:
                of = f": {counted(period.whole, 'Tweet')} whole, {period.partial:,} in part"
            lines.append(f"period {Window(period.start, period.end)}{of}")
            lines += [f"no figures from {Window(*hole)}" for hole in period.holes]
        if self.requests is not None:
            lines.append(counted(self.requests, "request"))
        if self.world:
            lines.append(self.world)
        return lines

    def to_dict(self) -> dict[str, Any]:
        """The account as plain values for JSON."""
        told = asdict(self)
        if self.coverage is not None:
            told["coverage"] |= {
                "start": self.coverage.start.isoformat(),
                "end": self.coverage.end.isoformat(),
                "holes": [[a.isoformat(), b.isoformat()] for a, b in self.coverage.holes],
            }
        return told

    def __repr__(self) -> str:
        return "\n".join(self.lines())

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{html.escape(line)}</li>" for line in self.lines())
        return f"<ul>{items}</ul>"
