"""The sentences of a report: each says only what is true of the figures."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from engagement_nb.apis.engagement import METRICS, NO_CANDIDATES
from engagement_nb.apis.names import COLUMN_ORDERS, ORIGINS, label
from engagement_nb.gap.groups import LEAST_GROUP
from engagement_nb.gap.identify import FITS_PER_EXCESS, LEAST_TWEETS, SETTLED, TOGETHER
from engagement_nb.gap.result import Findings
from engagement_nb.words import counted, having, listed, number, percent, sentence, span, spelled

SIGNIFICANT = 0.05
"""Adjusted p-value up to which two groups are said to differ."""


def labels(names: list[str]) -> str:
    """Metrics as a list in a sentence."""
    return listed([label(name) for name in names])


def by_unit(text: str, gap: Findings) -> str:
    """A text about Tweets, changed to days if each row of the figures is a day."""
    return re.sub(r"\bTweet(s?)\b", r"day\1", text) if gap.about.unit == "day" else text


def answer(gap: Findings) -> str:
    """What a report says first: engagements, what is hidden, what is included, what is not."""
    if (nothing := no_answer(gap)) is not None:
        return nothing
    parts = [f"{having(gap.posts)} {number(gap.engagements)} engagements."]
    parts += [gap.share.sentence, _included(gap), outside(gap)]
    if gap.excess:
        parts.append(
            f"On {counted(gap.contradictions, 'Tweet')} the included metrics exceed engagements,"
            f" by {number(gap.excess)} in all."
        )
    absent = _not_asked_for(gap) if gap.hidden else []
    if absent and gap.about.of_totals:
        what = "Totals omits clicks" if "url_clicks" in absent else f"Totals omits {labels(absent)}"
        parts.append(f"{what}, so part of this gap is metrics that it cannot return.")
    elif absent and gap.about.source in ("table", "export"):
        parts.append(f"These figures have no {labels(absent)}, which may be part of this gap.")
    parts += [settled(gap), _left_out(gap)]
    return " ".join(part for part in parts if part)


def _not_asked_for(gap: Findings) -> list[str]:
    """Metrics that engagements should include by the documents, and these figures lack.

    X's own files have only some of them, which somebody may have removed.
    """
    given = {*gap.counts.frame.columns, *NO_CANDIDATES}
    if gap.about.source == "export":
        given |= {*METRICS} - ({*COLUMN_ORDERS["content"]} & {*COLUMN_ORDERS["classic"]})
    return [n for n, expected in METRICS.items() if expected == "counted" and n not in given]


def outside(gap: Findings) -> str:
    """Which metrics are not counted in full and not 0, with their sum; empty if none is."""
    names = [name for name in gap.not_counted if gap.table["sum"][name]]
    total = number(gap.table.loc[names, "sum"].sum())
    said = f"{labels(names)} ({total}) look like engagement but are not counted in full."
    return sentence(said) if names else ""


def _included(gap: Findings) -> str:
    if not gap.counted:
        return ""
    many = len(gap.counted)
    text = f"{sentence(spelled(many))} {'metric is' if many == 1 else 'metrics are'} counted"
    presumed = [name for name in gap.unsettled if name in gap.summed]
    if presumed:
        text += f"; {labels(presumed)} are undetermined and assumed counted"
    return text + "."


def settled(gap: Findings) -> str:
    """Which verdicts come from a longer history; empty without one."""
    known = [v for v in gap.verdicts if v.why.startswith(SETTLED)]
    verb = "was" if len(known) == 1 else "were"
    named = labels([v.name for v in known])
    return sentence(f"{named} {verb} {known[0].why}.") if known else ""


def _left_out(gap: Findings) -> str:
    """How many Tweets the figures exclude because they lack a metric that other Tweets have."""
    judged = gap.counts.judged
    lacking = int(judged.sum()) - gap.posts
    if lacking <= judged.sum() * 0.1:
        return ""
    known = dict(zip(gap.counts.names, gap.counts.known, strict=True))
    names = [name for name in gap.summed if not known[name][judged].all()]
    text = f"{having(lacking, 'more Tweet')} no figure for {labels(names)} and"
    text += f" {'is' if lacking == 1 else 'are'} excluded."
    one = " Explore files of one kind at a time." if gap.about.source == "export" else ""
    return text + one


def no_answer(gap: Findings) -> str | None:
    """Why the figures give no answer; None if they give one."""
    tweets = len(gap.counts)
    if not tweets:
        return "There are no Tweets in these figures."
    if not gap.counts.names:
        return (
            "These figures have no metric besides engagements, so there is nothing to add up:"
            " request favorites, replies, url_clicks and so on."
        )
    if not gap.counts.judged.any():
        none = (
            f"Engagements are missing for all of {counted(tweets, 'Tweet')}, so there is nothing to"
            " compare the metrics with."
        )
        if gap.about.span:
            return (
                f"{none} They require the owner's tokens or an export file, and totals has them for"
                " 90 days only."
            )
        return f"{none} Give X's own file, or add its column Engagements."
    if not gap.counts.known.any():
        return "All metrics besides engagements are missing, so there is nothing to add up."
    if not gap.posts:
        return "No Tweet has both engagements and all the metrics to compare them with."
    if not gap.engagements:
        none = f"{having(gap.posts)} no engagements"
        if gap.sum_of_metrics:
            return (
                f"{none}, but their metrics sum to {number(gap.sum_of_metrics)}: these metrics are"
                " outside of engagements, or the counters were read at different moments."
            )
        return f"{none}, so there is no gap to explain."
    return None


def dates(gap: Findings) -> tuple[str, str]:
    """When Tweets were posted, as it follows them, and the period as it follows a verb."""
    said = gap.period.partition(" (")[0]
    if said.startswith("posted"):
        return f", {said},", ""
    return "", said and f" {'from' if ' to ' in said else 'on'} {said}"


def figures(gap: Findings) -> str:
    """Which figures there are, and which cannot be compared."""
    frame, about = gap.counts.frame, gap.about
    where = ORIGINS.get(about.source, "") + (", which is not X" if about.sandbox else "")
    text = counted(len(frame), "Tweet")
    times = frame["created_at"].dropna() if "created_at" in frame.columns else frame.iloc[:0, 0]
    if len(times):
        first, last = (
            f"{time.tz_convert(gap.zone):%Y-%m-%d}" for time in (times.min(), times.max())
        )
        text += f", posted from {first} to {last}"
    text += f", with {counted(len(gap.counts.names), 'metric')} beside engagements"
    text += f"; the figures are {where}." if where else "."
    if about.start is not None and about.end is not None:
        text += f" They count what happened{dates(gap)[1]} ({gap.zone})."
    unknown = len(frame) - int(gap.counts.judged.sum())
    if unknown:
        text += f" Engagements are missing for {counted(unknown, 'Tweet')}."
    if lacking := gap.posts_left_out - unknown:
        text += f" The sums exclude {counted(lacking, 'Tweet')} that lack an included metric."
    if any(str(name).startswith("promoted_") for name in frame.columns):
        text += " Promoted figures have columns of their own, which are ignored."
    if gap.ignored:
        text += f" By choice, {labels([*gap.ignored])} are not looked at."
    if gap.counts.dropped:
        text += f" Repeated rows ignored: {number(gap.counts.dropped)}."
    return text


def columns(gap: Findings) -> str:
    """The sum of all columns against engagements."""
    gaps = gap.tweets["naive_gap"].to_numpy()
    above, below = int(np.count_nonzero(gaps > 0)), int(np.count_nonzero(gaps < 0))
    equal = gap.posts - above - below
    naive = f": the naive gap is {number(gap.naive_gap)}" if gap.naive_gap else ""
    return (
        f"{all_columns(gap, ', which is')}{naive}. The sum is above engagements on"
        f" {counted(below, 'Tweet')}, below on {number(above)}, equal on {number(equal)}."
        f" {_two_errors(gap)}"
    )


def _two_errors(gap: Findings) -> str:
    """What the sum of all columns includes and lacks."""
    both = "The naive gap mixes two errors of opposite sign: the sum includes"
    sure = gap.share.value is not None
    outside = "not assumed to be" if sure and gap.doubtful_outside else "not"
    over = f"{span(*gap.over_bounds)} interactions that are {outside} part of engagements"
    if not sure or (gap.hidden and gap.over_count):
        decide = "" if sure else " Undetermined metrics decide."
        hidden = f"{gap.share.counts} engagements that match no metric"
        return f"{both} {over}, and lacks {hidden}.{decide}"
    if gap.over_count:
        return f"The sum includes {over}."
    if gap.excess:
        lacks = f", and lacks {number(gap.hidden)} that match no metric" if gap.hidden else ""
        return f"On some Tweets it exceeds engagements, by {number(gap.excess)} in all{lacks}."
    if gap.hidden:
        return "The naive gap consists of engagements that match no metric."
    return "Every metric with any counts is part of engagements, and nothing is hidden."


def evidence(gap: Findings) -> str:
    """Which metrics are counted and which are not, with the evidence."""
    table = gap.table.to_dict("index")
    parts = []
    if gap.counted:
        against = "no Tweet contradicts them"
        if gap.contradictions:
            against = (
                f"they sum to more than engagements on {counted(gap.contradictions, 'Tweet')},"
                " which incorrect rows or counters read at different moments can explain"
            )
        parts.append(f"**Counted:** {labels(gap.counted)}; {against}.")
    if gap.not_counted:
        said = [
            f"{label(n)} (contradicted by {number(table[n]['contradictions'])} of"
            f" {counted(table[n]['posts_above_zero'], 'Tweet')} with any)"
            for n in gap.not_counted
        ]
        parts.append(f"**Not counted in full:** {listed(said)}. {_weights(gap)}")
    if gap.undetermined:
        said = [f"{label(n)} ({table[n]['why']})" for n in gap.undetermined]
        text = f"**Undetermined:** {'; '.join(said)}."
        if presumed := [n for n in gap.unsettled if n in gap.summed]:
            text += f" The figures assume that {labels(presumed)} are counted."
        tied = [
            v
            for v in gap.verdicts
            if v.in_hidden and v.stand_in not in ("", *gap.summed) and v.expected == "counted"
        ]
        if tied:
            pairs = listed([f"{label(v.name)} rather than {label(v.stand_in)}" for v in tied])
            text += f" They assume {pairs} because the documents say so; the Tweets do not tell."
        least, most = gap.share.least, gap.share.most
        if least < most:
            text += (
                f" If all of them are counted, {number(least)} engagements are hidden; if none is,"
                f" {number(most)}."
            )
        parts.append(text)
    return "\n\n".join(parts)


def _weights(gap: Findings) -> str:
    """Which share of a metric that is not counted in full is counted, where Tweets tell."""
    known = [v for v in gap.verdicts if v.weight is not None]
    partly = [f"{percent(v.weight, 0)} of {label(v.name)}" for v in known if (v.weight or 0) >= 0.1]
    nothing = [v.name for v in known if (v.weight or 0) < 0.1]
    untold = [n for n in gap.not_counted if n not in {v.name for v in known}]
    parts = []
    if partly:
        parts.append(f"Engagements seem to include {listed(partly)}.")
    if nothing:
        parts.append(f"They seem to include none, or hardly any, of {labels(nothing)}.")
    if untold:
        parts.append(f"How much of {labels(untold)} they include, these Tweets cannot tell.")
    return " ".join(parts)


def documents(gap: Findings) -> str:
    """The documented expectation against what the data say."""
    short = {"counted": "counted", "not counted in full": "not counted"}
    told = [(v, short[v.verdict]) for v in gap.verdicts if v.verdict in short]
    against = [v for v, found in told if {found, v.expected} == {"counted", "not counted"}]
    agreed = [v for v, found in told if found == v.expected]
    silent = [v for v, _ in told if v.expected == "not said"]
    parts = []
    if against:
        said = [f"{label(v.name)} (documents: {v.expected}; data: {v.verdict})" for v in against]
        parts.append(f"The data disagree with the vendor's documents on {listed(said)}.")
    elif agreed:
        parts.append(
            f"The data agree with the vendor's documents on {counted(len(agreed), 'metric')} and"
            " disagree on none."
        )
    for verdict in dict.fromkeys(v.verdict for v in silent):
        names = [v.name for v in silent if v.verdict == verdict]
        parts.append(
            f"The documents do not say whether {labels(names)} are counted; the data say:"
            f" {verdict}."
        )
    return " ".join(parts) or "The data neither support nor contradict the documents."


def confidence(gap: Findings) -> str:
    """How certain the share and the set are."""
    parts = []
    if gap.posts == 1:
        parts.append("One Tweet says nothing about others, so there is no interval.")
    elif not gap.counted:
        parts.append("These Tweets cannot tell which metrics are counted, so there is no interval.")
    elif gap.share.kind == "bounds":
        parts.append(
            "The undetermined metrics decide more than the choice of Tweets does, so the hidden"
            f" share is given as a range, {gap.share.point}, without a confidence interval."
        )
    elif gap.share.limits:
        parts.append(
            f"For these {counted(gap.posts, 'Tweet')} the hidden share is known up to the"
            f" undetermined metrics. The {gap.level * 100:g} % confidence interval,"
            f" {gap.share.limits}, is for the share that such Tweets have on average, if they are"
            " independent. It does not account for Tweets much larger than any of these: do not"
            " rely on it if the hidden share rises with size."
        )
    if gap.together:
        parts.append(
            f"The counted metrics equal engagements on at least {TOGETHER} Tweets and exceed them"
            " on almost none, so the counters were read together. Therefore a metric is called"
            f" not counted in full if at least {LEAST_TWEETS} Tweets contradict it, and at least"
            f" {FITS_PER_EXCESS} for each Tweet that supports it."
        )
    elif gap.counted:
        parts.append(
            "The counters may have been read at different moments, so a metric is called not"
            " counted in full only if many Tweets contradict it."
        )
    return " ".join(parts)


def where(gap: Findings, tests: pd.DataFrame, by: str) -> str:
    """Which groups differ, from a table of `Gap.differences`."""
    if gap.share.value is None:
        return (
            f"Groups {by} are not compared, because undetermined metrics could make any difference."
        )
    if not len(tests):
        return (
            f"There are no two groups {by} of at least {LEAST_GROUP} Tweets with engagements to"
            " compare."
        )
    many = counted(len(tests), "pair")
    row = tests.sort_values("p_adjusted", kind="stable").iloc[0]
    if row["p_adjusted"] > SIGNIFICANT:
        return (
            f"No two groups {by} differ beyond chance (permutation tests of {many}, smallest"
            f" adjusted p {row['p_adjusted']:.2g})."
        )
    return (
        f"The hidden share differs {by}: {percent(row['hidden_share'])} ({row['group']}) against"
        f" {percent(row['other_share'])} ({row['other']}); permutation test, p ="
        f" {row['p_adjusted']:.2g} adjusted for {many}."
    )


def groups_title(table: pd.DataFrame, tests: pd.DataFrame, by: str) -> str:
    """What a chart of groups shows."""
    if len(tests):
        differ = tests["p_adjusted"].min() <= SIGNIFICANT
        return f"The hidden share {'differs' if differ else 'does not differ beyond chance'} {by}"
    known = table["hidden_share"].dropna()
    if len(known) < 2:
        return f"Hidden share {by}"
    return f"Hidden share {by}: {percent(known.min())} to {percent(known.max())}"


def by_size(table: pd.DataFrame, by: str) -> str:
    """The warning for groups by engagements."""
    if table["engagements"].gt(0).sum() < 2:
        return f"There are no two groups {by} to compare."
    return (
        "Engagements include what is hidden, so a Tweet that hides much is also large. The groups"
        f" {by} therefore differ by construction, and no test is made."
    )


def trend(gap: Findings, table: pd.DataFrame) -> str:
    """How hidden share and engagement rate move over time, from `Gap.trend`."""
    step, _, of_what = str(table.index.name).partition(" of ")
    parts = [f"Figures stand at the {step} of {of_what}."]
    if of_what == "posting":
        parts[0] += " Newer Tweets have had less time to collect engagements."
    for name, ratio, low, high, overall, said in (
        ("hidden share", "hidden_share", "hidden_low", "hidden_high", gap.share.value,
         gap.share.point),
        ("engagement rate", "engagement_rate", "rate_low", "rate_high", gap.engagement_rate,
         percent(gap.engagement_rate, 2)),
    ):  # fmt: skip
        known = table[table[ratio].notna()]
        told = known[known[low].notna()]
        if overall is None and (ratio != "hidden_share" or gap.share.kind != "bounds"):
            continue
        text = f"The {name} of all is {said}"
        if len(told) and overall is not None:
            outside = int(((told[low] > overall) | (told[high] < overall)).sum())
            of = f"{number(outside)} of {counted(len(told), 'interval')}"
            text += f", which lies outside {of if outside else 'no interval'}"
            text += f" (chance alone: {(1 - gap.level) * 100:g} %)"
        if few := len(known) - len(told):
            text += f"; {having(few, step)} too few Tweets for an interval"
        parts.append(f"{text}.")
    parts.append(_other_sums(gap, table))
    partial = [f"{day:%Y-%m-%d}" for day in table.index[table["partial"]]]
    if partial:
        parts.append(f"Covered in part only: the {step} of {listed(partial)}.")
    if gap.engagement_rate is not None:
        parts.append(rate_note(gap))
    return " ".join(part for part in parts if part)


def _other_sums(gap: Findings, table: pd.DataFrame) -> str:
    """By how much the sums of a trend differ from those of all, and why."""
    engagements = int(table["engagements"].sum())
    if engagements != gap.engagements:
        return (
            f"Only {number(engagements)} of the {number(gap.engagements)} engagements have a time."
        )
    more = int(table["hidden"].sum()) - gap.hidden
    if more and gap.share.value is not None:
        return (
            f"Hidden engagements by period sum to {number(gap.hidden + more)} instead of"
            f" {number(gap.hidden)}, because in some periods the included metrics of a Tweet exceed"
            " its engagements."
        )
    return ""


def rate_note(gap: Findings) -> str:
    """What an engagement rate is, for figures of this source."""
    if not gap.about.mixes_promoted:
        said = "file has them" if gap.about.source == "export" else "source gives them"
        return f"The engagement rate is engagements / impressions, as the {said}."
    return (
        "The engagement rate is engagements / impressions. Impressions are organic only, while"
        " engagements are organic and promoted, so the rate of promoted Tweets is too high."
    )


def growth(table: pd.DataFrame) -> str:
    """When the engagements of new Tweets come, from `Gap.growth`."""
    come = table["engagements"].cumsum()
    if not len(table) or not come.iloc[-1]:
        return "No Tweet was posted within the series, so none can be followed from its start."
    half, most = (table.index[int(np.argmax(come >= part * come.iloc[-1]))] for part in (0.5, 0.9))
    text = (
        f"Of the {number(come.iloc[-1])} engagements of Tweets that were posted within the series,"
        f" half came by {half} after posting, and nine tenths by {most}."
    )
    return f"{text} Day 0 is the day of posting." if "days" in str(table.index.name) else text


def usual(gap: Findings, table: pd.DataFrame) -> str:
    """The usual definitions against engagements, from `Gap.definitions`."""
    parts = []
    for name, row in table.to_dict("index").items():
        if pd.isna(row["share_of_engagements"]):
            continue
        text = f"- **{name}**: the sum is {percent(row['share_of_engagements'], 0)} of engagements"
        if row["tweets"] != gap.posts:
            text += f" of the {counted(row['tweets'], 'Tweet')} that have all its metrics"
        if pd.notna(row["top_agreement"]):
            text += f"; it finds {percent(row['top_agreement'], 0)} of the top tenth of Tweets"
        if pd.notna(row.get("rate")):
            text += (
                f"; its rate per impression is {percent(row['rate'], 2)} instead of"
                f" {percent(row['engagement_rate'], 2)}"
            )
        parts.append(text + ".")
    if "rate" in table and gap.about.mixes_promoted:
        parts.append(f"- {rate_note(gap)}")
    if lacking := [f"**{name}** ({what})" for name, what in table["missing"].items() if what]:
        parts.append(f"- Not computable, because the figures lack metrics: {listed(lacking)}.")
    return "\n".join(parts)


def all_columns(gap: Findings, then: str) -> str:
    """The sum of all columns against engagements, without the end of the sentence."""
    if not gap.naive_gap:
        return "All columns together sum to exactly the engagements"
    more = "more" if gap.naive_gap < 0 else "less"
    return (
        f"All columns together sum to {number(gap.sum_of_metrics)}{then}"
        f" {number(abs(gap.naive_gap))} {more} than engagements"
    )


def consequences(gap: Findings) -> list[str]:
    """What to do with the answer, the most important first."""
    parts = []
    if gap.counted and gap.share.least > 0:
        parts.append(
            "For total engagement, use X's own figure: the other columns do not add up to it."
        )
    elif gap.counted and not gap.excess and not gap.unsettled and gap.share.value == 0:
        names = [name for name in gap.counted if gap.table["sum"][name]]
        parts.append(f"Here engagements are the sum of {labels(names)}.")
    if gap.not_counted:
        parts.append(
            sentence(f"report {labels(gap.not_counted)} beside engagements; do not add them.")
        )
    if gap.over_count > 0 and gap.hidden > 0 and gap.share.value is not None:
        parts.append(
            f"Engagements less all columns, {number(gap.naive_gap)}, is not what is hidden:"
            f" the columns include {number(gap.over_count)} that are not part of engagements."
        )
    if unsure := gap.unsettled:
        parts.append(
            f"These Tweets do not show whether {labels(unsure)} are counted. More Tweets that have"
            " these metrics could show it, especially Tweets with few engagements."
        )
    low, high = gap.share.low, gap.share.high
    if gap.share.limits and low is not None and high is not None and high - low > 0.2:
        parts.append("The interval is wide: do not apply the hidden share to other Tweets.")
    if gap.sandbox:
        parts.append("These are figures of the sandbox: they say nothing about X.")
    return [by_unit(part, gap) for part in parts]
