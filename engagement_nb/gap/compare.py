"""Two sets of figures compared: what changed, and what may be chance.

The metrics that are part of engagements are found once, on the Tweets of both sides together, so
that hidden engagement means the same on both. Each difference has a confidence interval by Zou
and Donner's method, from the intervals of the two sides and the correlation of their estimates.
Tweets that are on both sides make that correlation large and the interval narrow, as in a paired
test. The intervals hold together (Bonferroni), so a comparison of equal populations reports any
change in at most ``1 - level`` of the cases. `docs/method.md` reports how that was tested.

`agree` tells whether two sources give the same figures of the same Tweets, metric by metric.
"""

from __future__ import annotations

import html
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from engagement_nb.apis.names import LABELS, label
from engagement_nb.errors import AnalysisError
from engagement_nb.gap.groups import LEAST_GROUP
from engagement_nb.gap.identify import COUNTED, TOLERANCE, UNDETERMINED, judge
from engagement_nb.gap.interval import (
    Interval,
    check_level,
    difference_interval,
    ratio_interval,
    share_interval,
)
from engagement_nb.gap.read import Counts, exact_sum, open_figures, read_counts
from engagement_nb.gap.result import Findings
from engagement_nb.gap.share import Share
from engagement_nb.metrics import Metrics, csv_text, metric_columns
from engagement_nb.tables.once import has_row_name
from engagement_nb.words import counted, listed, number, percent, sentence

HIDDEN_SHARE, RATE = "hidden share", "engagement rate"
SHARES = {HIDDEN_SHARE: 1, RATE: 2}
"""Quantities in percent, with their digits."""
_Ratio = tuple[np.ndarray, np.ndarray]
"""Part and whole of each row; a row with a whole of 0 is ignored."""
EQUAL, DIFFERS, NOT_GIVEN = "equal", "differs", "not given"


@dataclass(frozen=True)
class Change:
    """One quantity on both sides.

    Parameters
    ----------
    name
        "hidden share" (of engagements), "engagement rate" (engagements / impressions) or
        "engagements per Tweet" ("per day" for figures by day of a whole account).
    before, after
        Its value on each side; None if a hidden share is a range: see ``shares``.
    difference
        ``after - before``; None if one of them is.
    low, high
        Confidence interval of the difference; None if a side has too few Tweets.
    verdict
        "changed" if the interval does not contain 0, "may be chance" if it does, "too few
        Tweets" if a side has fewer than `engagement_nb.gap.groups.LEAST_GROUP`.
    shares
        Of a hidden share: both sides as `Share`, whose texts are those of a report.
    """

    name: str
    before: float | None
    after: float | None
    difference: float | None
    low: float | None
    high: float | None
    verdict: Literal["changed", "may be chance", "too few Tweets"]
    shares: tuple[Share, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """Both sides for people."""
        if self.shares:
            return tuple(share.point for share in self.shares)
        digits = SHARES.get(self.name)
        known = (0.0 if value is None else value for value in (self.before, self.after))
        return tuple(percent(value, digits) if digits else f"{value:,.1f}" for value in known)

    def _signed(self, value: float | None) -> str:
        """A difference for people, in percentage points for a share or a rate; empty for none."""
        if value is None:
            return ""
        digits = SHARES.get(self.name)
        shown = f"{value * 100:+z.{digits}f}" if digits else f"{value:+z,.1f}"
        return shown.replace("-", "\N{MINUS SIGN}")

    @property
    def by(self) -> str:
        """The difference for people; empty if there is none."""
        return self._signed(self.difference)

    @property
    def interval(self) -> str:
        """The interval for people; empty if there is none."""
        return "" if self.low is None else f"{self._signed(self.low)} to {self._signed(self.high)}"

    @property
    def sentence(self) -> str:
        """The change in a sentence."""
        verb = "rose" if (self.low or 0) > 0 else "fell"
        points = " percentage points" if self.name in SHARES else ""
        before, after = self.texts
        by = f"interval {self.interval}{points}"
        if self.by:
            by = f"{self.by}{points}, interval {self.interval}"
        return f"{sentence(self.name)} {verb} from {before} to {after} ({by})."


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two sets of figures compared; made by `compare`.

    Parameters
    ----------
    names
        Names of the two sides.
    totals
        Exact sums of both sides by name: "Tweets" (or "days"), "engagements", and "impressions"
        if both sides have them.
    shared
        Tweets that are on both sides.
    changes
        The quantities compared.
    summed
        Metrics that are taken as part of engagements on both sides (wire names).
    undetermined
        Metrics that may or may not be part of engagements: the interval of the hidden share
        covers both cases.
    level
        Confidence level of all intervals together.
    sandbox
        Whether a side has made-up figures of the sandbox.
    """

    names: tuple[str, str]
    totals: dict[str, tuple[int, int]]
    shared: int
    changes: tuple[Change, ...]
    summed: tuple[str, ...]
    undetermined: tuple[str, ...]
    level: float
    sandbox: bool

    @property
    def sentence(self) -> str:
        """What changed and what may be chance, in sentences."""
        unit, tweets = next(iter(self.totals.items()))
        said = [
            f"{'SANDBOX DATA (made up): ' if self.sandbox else ''}{self.names[0]}"
            f" ({number(tweets[0])} {unit}) against {self.names[1]} ({number(tweets[1])} {unit};"
            f" {number(self.shared)} on both sides)."
        ]
        said += self._verdicts()
        hidden = next((change for change in self.changes if change.name == HIDDEN_SHARE), None)
        if hidden is None:
            said.append("No metric is known to be counted, so hidden shares are not compared.")
        elif hidden.interval and not hidden.by:
            said.append(
                f"Undetermined metrics leave the hidden share at {' and '.join(hidden.texts)}; they"
                f" allow a difference of {hidden.interval} percentage points."
            )
        elif hidden.interval and self.undetermined:
            open_ones = listed([label(name) for name in self.undetermined])
            said.append(f"The interval of the hidden share covers both readings of {open_ones}.")
        return " ".join(said)

    @property
    def short(self) -> str:
        """The sums of both sides and what changed, for somebody who has one minute."""
        unit, tweets = next(iter(self.totals.items()))
        then, now = self.totals["engagements"]
        sums = (
            f"{number(tweets[0])} {unit} with {number(then)} engagements then,"
            f" {number(tweets[1])} with {number(now)} now."
        )
        return " ".join([sums, *self._verdicts()])

    def _verdicts(self) -> list[str]:
        unit = next(iter(self.totals))
        said = [change.sentence for change in self.changes if change.verdict == "changed"]
        few = f"cannot be compared: a side has fewer than {LEAST_GROUP} {unit} to tell it"
        chance = "did not change by more than chance explains"
        for verdict, words in (("may be chance", chance), ("too few Tweets", few)):
            if names := [change.name for change in self.changes if change.verdict == verdict]:
                said.append(f"{sentence(listed(names))} {words}.")
        return said

    def to_frame(self) -> pd.DataFrame:
        """One row per quantity (index: its name). The totals are first, and have no interval.

        Columns ``before``, ``after``, ``difference``, ``low``, ``high``, ``verdict``.
        """
        rows: list[dict[str, object]] = [
            {"name": name, "before": one, "after": other, "difference": other - one}
            for name, (one, other) in self.totals.items()
        ]
        rows += [{**asdict(change), "shares": ()} for change in self.changes]
        columns = ["name", "before", "after", "difference", "low", "high", "verdict"]
        frame = pd.DataFrame(rows, columns=columns).set_index("name")
        kinds = dict.fromkeys(columns[1:-1], "Float64")
        return frame.astype({**kinds, "verdict": "string"})

    def to_csv(self, path: str | Path) -> None:
        """Write `to_frame` to a CSV file."""
        Path(path).write_text(csv_text(self.to_frame().reset_index()), encoding="utf-8")

    def to_dict(self) -> dict[str, Any]:
        """The comparison as plain numbers and texts, for JSON."""
        return {"sentence": self.sentence, **asdict(self)}

    def _shown(self) -> pd.DataFrame:
        cells = [
            [number(a), number(b), ("+" if b > a else "") + number(b - a), "", ""]
            for a, b in self.totals.values()
        ]
        cells += [[*c.texts, c.by, c.interval, c.verdict] for c in self.changes]
        columns = [*self.names, "difference", f"{self.level * 100:g} % interval", "verdict"]
        index = [*self.totals, *(change.name for change in self.changes)]
        return pd.DataFrame(cells, index=index, columns=columns)

    def __repr__(self) -> str:
        return f"{self.sentence}\n{self._shown().to_string()}"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self.sentence)}</p>{self._shown().to_html()}"


def compare(
    before: Metrics | Findings | pd.DataFrame,
    after: Metrics | Findings | pd.DataFrame,
    *,
    names: tuple[str, str] = ("before", "after"),
    level: float = 0.95,
) -> Comparison:
    """Compare two sets of figures: two periods, accounts or files, or two snapshots.

    Parameters
    ----------
    before, after
        `Metrics` of any source, a `Gap`, or a frame as `explore_gap` takes it. Tweets on both
        sides are paired by ``tweet_id``. Metrics that only one side has are ignored.
    names
        Names of the sides.
    level
        Confidence level of all intervals together.

    Raises
    ------
    AnalysisError
        The figures cannot be analyzed (see `explore_gap`), no Tweet of a side has engagements,
        or one side is by Tweet and the other by day.

    Notes
    -----
    Which metrics are counted is judged from both sides together, so a side that cannot tell by
    itself can have a share here.

    The engagement rate is engagements / impressions, over Tweets with impressions. The API counts
    organic impressions only, but organic and promoted engagements, so the rate of promoted
    Tweets is too high and can exceed 100 %.

    Intervals are for such Tweets on average, if the Tweets are independent draws.
    """
    check_level(level)
    given = [
        (figures.counts, figures.about)
        if isinstance(figures, Findings)
        else open_figures(figures)[:2]
        for figures in (before, after)
    ]
    noun, rows = _rows(*(counts for counts, _ in given))
    counts = read_counts(rows)
    # Rows that are equal on both sides are evidence only once.
    distinct = read_counts(rows.drop_duplicates(["unit", *metric_columns(rows)]))
    verdicts, _ = judge(distinct, TOLERANCE)
    summed = [v.name for v in verdicts if v.in_hidden]
    sure = [v.name for v in verdicts if v.verdict == COUNTED]
    undetermined = [v.name for v in verdicts if v.verdict == UNDETERMINED and v.posts_above_zero]
    engagements, judged, known = counts.engagements, counts.judged, counts.complete(summed)
    sides, units = rows["side"].to_numpy(), pd.factorize(rows["unit"])[0]
    ratios: dict[str, list[_Ratio]] = {}
    shares: tuple[Share, ...] = ()
    if sure:
        # The last two are the bounds: no undetermined metric is counted, or all of them are.
        whole = engagements * known
        hidden, most, least = parts = [
            np.maximum(engagements - counts.sums(members), 0) * known
            for members in (summed, sure, [*sure, *undetermined])
        ]
        ratios[HIDDEN_SHARE] = [(part, whole) for part in parts]
        shares = tuple(
            Share.of(
                *(column[sides == side] for column in (hidden, least, most, whole)),
                level=level, undetermined=tuple(undetermined),
            )
            for side in (0, 1)
        )  # fmt: skip
    totals = {f"{noun}s": judged.astype(np.int64), "engagements": engagements}
    if "impressions" in rows:
        totals["impressions"], seen = counts.impressions
        both = judged & seen & (totals["impressions"] > 0)
        ratios[RATE] = [(engagements * both, totals["impressions"] * both)]
    ratios[f"engagements per {noun}"] = [(engagements, judged.astype(np.int64))]
    ratios = {
        name: found
        for name, found in ratios.items()
        if all(found[0][1][sides == side].any() for side in (0, 1))
    }
    each = 1 - (1 - level) / len(ratios)
    return Comparison(
        names=names,
        totals={
            name: (exact_sum(column[sides == 0]), exact_sum(column[sides == 1]))
            for name, column in totals.items()
        },
        shared=int(rows["unit"][judged].duplicated().sum()),
        changes=tuple(
            _change(name, found, sides, units, each, shares if name == HIDDEN_SHARE else ())
            for name, found in ratios.items()
        ),
        summed=tuple(summed),
        undetermined=tuple(undetermined),
        level=level,
        sandbox=any(about.sandbox for _, about in given),
    )


def _rows(before: Counts, after: Counts) -> tuple[str, pd.DataFrame]:
    """The noun ("Tweet" or "day"), and the rows of both sides with ``side`` and ``unit``."""
    frames = []
    names = [name for name in before.names if name in after.names]
    columns = {*before.frame.columns} & {*after.frame.columns} & {"engagements", "impressions"}
    by_day = ["day" in side.frame and "tweet_id" not in side.frame for side in (before, after)]
    if by_day[0] != by_day[1]:
        raise AnalysisError(
            "One side has figures by Tweet and the other by day of a whole account.",
            advice="Compare two files of one kind.",
        )
    for which, side in enumerate((before, after)):
        if not len(side):
            raise AnalysisError(
                "A side has no Tweets, so there is nothing to compare.",
                advice="Choose another period, or other Tweets.",
            )
        if not side.judged.any():
            raise AnalysisError(
                "No Tweet of a side has engagements, so there is nothing to compare.",
                advice="Fetch historical with the owner's tokens, or give an export file.",
            )
        # Without ids, no Tweet can be found on both sides.
        own = pd.Series(f"{which} " + side.frame.index.astype(str))
        unit = side.frame.get("day" if by_day[0] else "tweet_id", own).astype("string")
        unit = unit.mask(has_row_name(unit), own.set_axis(unit.index))
        ids = f"{which} " + unit
        frames.append(side.frame[[*names, *columns]].assign(unit=unit, side=which, tweet_id=ids))
    return "day" if by_day[0] else "Tweet", pd.concat(frames, ignore_index=True)


def _change(
    name: str,
    ratios: list[_Ratio],
    sides: np.ndarray,
    units: np.ndarray,
    level: float,
    shares: tuple[Share, ...],
) -> Change:
    """One quantity: values of the first ratio, with an interval that contains those of all."""
    pairs: list[list[tuple[float, Interval]]] = []
    limits: list[Interval] = []
    for part, whole in ratios:
        pair: list[tuple[float, Interval]] = []
        # By how much each unit moves each ratio. Its correlation is that of the two estimates.
        influence = np.zeros((2, units.max() + 1))
        for side in (0, 1):
            rows = (sides == side) & (whole > 0)
            mine, all_mine = part[rows].astype(float), whole[rows].astype(float)
            value = float(mine.sum() / all_mine.sum())
            of = share_interval if name in SHARES and value <= 1 else ratio_interval
            pair.append((value, of(mine, all_mine, level)))
            influence[side, units[rows]] = (mine - value * all_mine) / all_mine.sum()
        size = np.sqrt((influence**2).sum(axis=1).prod())
        correlation = float(influence.prod(axis=0).sum() / size) if size else 0.0
        limits.append(difference_interval(pair[0], pair[1], correlation))
        pairs.append(pair)
    (before, _), (after, _) = pairs[0]
    values: tuple[float | None, float | None, float | None] = (before, after, after - before)
    if any(share.value is None for share in shares):
        values = (None, None, None)
    if min(np.count_nonzero(ratios[0][1][sides == side]) for side in (0, 1)) < LEAST_GROUP:
        return Change(name, *values, None, None, "too few Tweets", shares)
    low, high = min(x.low for x in limits), max(x.high for x in limits)
    chance = low <= 0 <= high
    return Change(name, *values, low, high, "may be chance" if chance else "changed", shares)


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
