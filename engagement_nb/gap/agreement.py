"""Whether two sources give the same figures of the same Tweets, metric by metric."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from engagement_nb.apis.names import LABELS, label
from engagement_nb.errors import AnalysisError
from engagement_nb.metrics import Metrics
from engagement_nb.words import counted, listed, number

EQUAL, DIFFERS, NOT_GIVEN = "equal", "differs", "not given"


@dataclass(frozen=True, eq=False)
class Agreement:
    """Two sources compared metric by metric; made by `agree`.

    Parameters
    ----------
    names
        Names of the two sources.
    tweets
        Tweets, or Tweets and times of a series, that both have.
    only
        Rows that only the first, and only the second source has.
    table
        One row per metric (index: its wire name): ``label``, ``verdict`` ("equal", "differs",
        "not given"), ``compared`` (rows with a figure on both sides), ``different`` (rows whose
        figures differ), ``first`` and ``second`` (sums of the compared rows), ``largest`` (the
        largest difference of a row), and ``by`` (which source gives it, for "not given").
    sandbox
        Whether figures are made up by the sandbox.
    """

    names: tuple[str, str]
    tweets: int
    only: tuple[int, int]
    table: pd.DataFrame
    sandbox: bool

    def metrics(self, verdict: str) -> list[str]:
        """Wire names of the metrics with a verdict."""
        return [*self.table.index[self.table["verdict"] == verdict]]

    @property
    def agree(self) -> bool:
        """Whether every metric that both give is equal on every row."""
        return bool(self.metrics(EQUAL)) and not self.metrics(DIFFERS)

    @property
    def sentence(self) -> str:
        """The result in sentences."""
        one, other = self.names
        said = ["SANDBOX DATA (made up):"] if self.sandbox else []
        said.append(f"{one} and {other} have {counted(self.tweets, 'row')} in common.")
        if equal := self.metrics(EQUAL):
            said.append(f"Equal: {listed([label(name) for name in equal])}.")
        for name in self.metrics(DIFFERS):
            row = self.table.loc[name].to_dict()
            said.append(
                f"{label(name)} differ on {number(row['different'])} of"
                f" {counted(row['compared'], 'row')}: {number(row['first'])} against"
                f" {number(row['second'])}, at most {number(row['largest'])} on one row."
            )
        missing = self.table[self.table["verdict"] == NOT_GIVEN]
        for source, rows in missing.groupby("by"):
            said.append(f"Only {source} gives {listed([*rows['label']])}.")
        return " ".join(said)

    def to_frame(self) -> pd.DataFrame:
        """A copy of the table."""
        return self.table.copy()

    def to_dict(self) -> dict[str, Any]:
        """The result as plain values for JSON."""
        return {
            "names": list(self.names),
            "rows": self.tweets,
            "only": list(self.only),
            "agree": self.agree,
            "sandbox": self.sandbox,
            "metrics": self.table.reset_index().to_dict("records"),
        }

    def __repr__(self) -> str:
        return f"{self.sentence}\n{self.table.drop(columns='label').to_string()}"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self.sentence)}</p>{self.table.to_html()}"


def agree(
    first: Metrics, second: Metrics, names: tuple[str, str] = ("the first", "the second")
) -> Agreement:
    """Compare two sources' figures of the same Tweets (and times), metric by metric.

    Parameters
    ----------
    first, second
        Figures of the same endpoint or period: since posting, or of one period.
    names
        What the sources are called in the result.

    Raises
    ------
    AnalysisError
        The sources have no row in common, or one is a series and the other is not.
    """
    keys = [k for k in ("tweet_id", "time") if k in first.frame and k in second.frame]
    if ("time" in first.frame) != ("time" in second.frame) or "tweet_id" not in keys:
        raise AnalysisError(
            "These figures are not by the same unit.",
            advice="Read both by the same step: none, day or hour.",
        )
    one, other = (side.frame.set_index(keys).sort_index() for side in (first, second))
    shared = one.index.intersection(other.index)
    if shared.empty:
        raise AnalysisError(
            "The two sources have no Tweet in common.", advice="Give both the same ids."
        )
    a, b = (side.loc[shared].reindex(columns=[*LABELS]).astype("Int64") for side in (one, other))
    in_a, in_b = a.notna().any(), b.notna().any()
    both = a.notna() & b.notna()
    apart = (a - b).abs()
    verdict = pd.Series(EQUAL, index=a.columns).mask(apart.gt(0).any(), DIFFERS)
    table = pd.DataFrame(
        {
            "label": a.columns.map(label),
            "verdict": verdict.where(in_a & in_b, NOT_GIVEN),
            "compared": both.sum(),
            "different": apart.gt(0).sum(),
            "first": a.where(both).sum(),
            "second": b.where(both).sum(),
            "largest": apart.max().fillna(0),
            "by": np.select([in_a & in_b, in_a], ["", names[0]], names[1]),
        }
    )
    counts = dict.fromkeys(table.columns[2:-1], "int64")
    return Agreement(
        names=names,
        tweets=len(shared),
        only=(len(one.index.difference(shared)), len(other.index.difference(shared))),
        table=table[in_a | in_b].astype(counts).rename_axis("metric"),
        sandbox=first.about.sandbox or second.about.sandbox,
    )
