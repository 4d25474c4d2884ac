"""The answer in a few sentences, or why there is none: only what is true of the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engagement_nb.vocabulary import label
from engagement_nb.words import counted, interval, listed, number, percent, sentence, spelled

if TYPE_CHECKING:
    from engagement_nb.gap.result import Findings


def answer(gap: Findings) -> str:
    """What a report says first: engagements, what explains them, what is hidden, what is not."""
    if (nothing := no_answer(gap)) is not None:
        return nothing
    parts = [f"Engagements of {counted(gap.posts, 'Tweet')}: {number(gap.engagements)}."]
    parts.append(_explained(gap))
    outside = [name for name in gap.not_counted if gap.table["sum"][name]]
    if outside:
        names = listed([label(name) for name in outside])
        of_them = gap.table.loc[outside, "sum"].sum()
        parts.append(
            sentence(f"{names} ({number(of_them)}) look like engagement and are not part of it.")
        )
    if gap.about.endpoint == "totals" and gap.hidden:
        parts.append("Totals give no clicks, so much of that is only not asked for.")
    if left_out := _left_out(gap):
        parts.append(left_out)
    return " ".join(parts)


def _left_out(gap: Findings) -> str:
    """That many Tweets are not in the figures, because they lack a metric that others have."""
    judged = gap.counts.judged
    lacking = int(judged.sum()) - gap.posts
    if lacking <= judged.sum() * 0.1 or gap.counts.known is None:
        return ""
    known = dict(zip(gap.counts.names, gap.counts.known, strict=True))
    names = [label(name) for name in gap.summed if not known[name][judged].all()]
    text = (
        f"Another {counted(lacking, 'Tweet')} are left out: {listed(names)} are not known of them"
    )
    if gap.about.source == "export":
        return f"{text}. Explore files of one kind at a time."
    return f"{text}."


def no_answer(gap: Findings) -> str | None:
    """Why there is nothing to say; None when there is."""
    tweets = len(gap.counts)
    if not tweets:
        return "There are no Tweets in these figures."
    if not gap.counts.names:
        return (
            "These figures have no metric besides engagements, so there is nothing to add up:"
            " ask for favorites, replies, url_clicks and so on."
        )
    if not gap.counts.judged.any():
        return (
            f"Engagements are not known for any of {counted(tweets, 'Tweet')}, so there is nothing"
            " to compare the metrics with: it takes the owner's tokens or an export file, and"
            " totals know them for 90 days only."
        )
    if gap.counts.known is not None and not gap.counts.known.any():
        return (
            f"Besides engagements no metric is known for any of {counted(tweets, 'Tweet')}, so"
            " there is nothing to add up."
        )
    if not gap.posts:
        return "No Tweet has both engagements and all the metrics to compare them with."
    if not gap.engagements:
        noun = "Tweet has" if gap.posts == 1 else "Tweets have"
        return f"{number(gap.posts)} {noun} no engagements at all: there is no gap to explain."
    return None


def _explained(gap: Findings) -> str:
    spread = gap.hidden_interval
    between = (
        f"; {gap.level * 100:g} % interval {interval(spread.low, spread.high)}"
        if spread.low is not None and gap.hidden and gap.counted
        else ""
    )
    share = gap.hidden_share or 0.0
    hidden = f"{number(gap.hidden)} ({percent(share)}{between}) have no metric of their own."
    if gap.hidden < 0:
        return (
            f"The metrics taken as part of it sum to {number(-gap.hidden)} more than that: these"
            " figures do not belong together."
        )
    if not gap.counted:
        told = "These Tweets cannot tell which metrics are part of it; as far as known,"
        return f"{told} {hidden}" if gap.hidden else f"{told} nothing is hidden."
    noun = "metric is" if len(gap.counted) == 1 else "metrics are"
    part = sentence(f"{spelled(len(gap.counted))} {noun} part of it and")
    verb = "explains" if len(gap.counted) == 1 else "explain"
    doubtful = [name for name in gap.undetermined if name in gap.summed and gap.table["sum"][name]]
    if percent(1 - share) != percent(1 - gap.hidden_at_most / gap.engagements):
        part = part.removesuffix(" and")
        part += f"; with {spelled(len(doubtful))} that these Tweets leave undetermined,"
        part += " it" if len(gap.counted) == 1 else " they"
    if not gap.hidden:
        return f"{part} {verb} all of it: nothing is hidden."
    return f"{part} {verb} {percent(1 - share)}; {hidden}"
