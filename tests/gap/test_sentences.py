"""Every sentence of a report: figures of which it is true, and figures on which it is absent."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import engagement_nb as enb
from engagement_nb.gap.definitions import PUBLIC
from engagement_nb.metrics import About, Metrics, problems_frame


def explored(engagements, about: dict[str, object] | None = None, **columns) -> enb.Gap:
    """The analysis of columns of counts; facts that are not counts are taken as they are."""
    frame = pd.DataFrame({"engagements": engagements, **columns})
    if "tweet_id" not in frame:
        frame.insert(0, "tweet_id", pd.array([str(k) for k in range(len(frame))], dtype="string"))
    told = {"source": "export", "endpoint": "export", **(about or {})}
    return enb.explore_gap(Metrics(frame, problems_frame(), About(**told)))  # type: ignore[arg-type]


LIKES = np.arange(1, 41)
HIDES = np.where(LIKES % 4 == 0, 9, 0)
BOOKMARKS = LIKES * 3
RARE = np.where(LIKES == 40, 12, 0)
RNG = np.random.default_rng(0)


def plain() -> enb.Gap:
    """Likes are all there is."""
    return explored(LIKES, favorites=LIKES)


def hiding(**about: object) -> enb.Gap:
    """Likes are counted, bookmarks are not, and a quarter of the Tweets hide nine."""
    return explored(LIKES + HIDES, about, favorites=LIKES, bookmarks=BOOKMARKS)


def rare() -> enb.Gap:
    """App opens are on one Tweet only, so that it cannot tell."""
    return explored(LIKES + HIDES + RARE, favorites=LIKES, app_opens=RARE)


def open_outside() -> enb.Gap:
    """One Tweet has bookmarks, and hides enough for them."""
    return explored(LIKES + HIDES, favorites=LIKES, bookmarks=np.where(LIKES == 40, 9, 0))


def tied() -> enb.Gap:
    """Media views and media engagements are equal."""
    media = LIKES % 7
    return explored(LIKES + media, favorites=LIKES, media_views=media, media_engagements=media)


def silent() -> enb.Gap:
    """Three Tweets that all hide much."""
    return explored([70, 80, 190], favorites=[1, 2, 3])


def wrong_row() -> enb.Gap:
    """One of a thousand rows is far too small."""
    many = np.arange(1, 1001)
    return explored(np.where(many == 900, 5, many), favorites=many)


def late() -> enb.Gap:
    """One of forty Tweets has its engagements read too early."""
    return explored(np.where(LIKES == 30, 28, LIKES + HIDES), favorites=LIKES)


def partly(share: float = 0.5) -> enb.Gap:
    """Half of the app opens is counted, on Tweets that hide nothing; some have likes only."""
    opens = np.where(np.arange(200) < 60, 0, 10 + np.arange(200) % 9 * 10)
    opens[:3], likes = 4, RNG.poisson(9, 200) + 1
    counted = np.where(np.arange(200) < 3, 0, opens * share)
    return explored(likes + counted.astype(int), favorites=likes, app_opens=opens)


def tweets_in(group: np.ndarray, hidden: np.ndarray) -> enb.Gap:
    return explored(LIKES + hidden, favorites=LIKES, has_url=pd.array(group, dtype="boolean"))


URL = LIKES % 2 == 0


def differing() -> enb.Gap:
    return tweets_in(URL, URL * 30)


def alike() -> enb.Gap:
    return tweets_in(URL, np.where(LIKES % 4 < 2, 9, 0))


def one_kind() -> enb.Gap:
    return tweets_in(URL | True, HIDES)


def lacking() -> enb.Gap:
    """Twenty of sixty Tweets have no likes."""
    likes = pd.array([*LIKES, *[pd.NA] * 20], dtype="Int64")
    return explored(np.append(LIKES, [5] * 20), favorites=likes)


def unknown() -> enb.Gap:
    engagements = pd.array([*LIKES, pd.NA], dtype="Int64")
    return explored(engagements, favorites=[*LIKES, 3])


def one() -> enb.Gap:
    return explored([5], favorites=[3])


def against_documents() -> enb.Gap:
    """Media views are counted here; the documents say that they are not."""
    return explored(LIKES + 2 * LIKES % 11, favorites=LIKES, media_views=2 * LIKES % 11)


def giant() -> enb.Gap:
    """One Tweet carries nearly all."""
    return explored(np.append(LIKES + HIDES, 20_000), favorites=np.append(LIKES, 12_000))


def daily() -> enb.Gap:
    """Each row is a day of the whole account."""
    frame = pd.DataFrame({"engagements": LIKES + HIDES, "favorites": LIKES})
    frame.insert(0, "time", pd.date_range("2025-01-01", periods=len(LIKES), tz="UTC"))
    about = About("export", "export", by="day", unit="day", kind="daily")
    return enb.explore_gap(Metrics(frame, problems_frame(), about))


def public() -> enb.Gap:
    """Everything that anybody can see on a Tweet."""
    return explored(LIKES * 5, **dict.fromkeys(PUBLIC, LIKES))


def promoted() -> enb.Gap:
    return explored(LIKES, favorites=LIKES, promoted_likes=LIKES)


def repeated() -> enb.Gap:
    ids = pd.array([str(k) for k in (*range(40), 39)], dtype="string")
    both = [*LIKES, 40]
    return explored(both, tweet_id=ids, favorites=both)


WINDOW = {
    "start": pd.Timestamp("2026-01-01", tz="UTC"),
    "end": pd.Timestamp("2026-01-29", tz="UTC"),
}

# Topic, words of the sentence, figures that it is true of, figures on which it must not appear.
CASES = [
    ("answer", "40 Tweets have 910 engagements.", hiding, plain),
    ("answer", "9.9 % of them (90) match no metric", hiding, plain),
    ("answer", "95 % confidence interval", hiding, plain),
    ("answer", "95 % confidence interval", hiding, tied),
    ("answer", "95 % confidence interval", hiding, silent),
    ("answer", "explain all of them: nothing is hidden", plain, hiding),
    ("answer", "One metric is counted.", plain, rare),
    ("answer", "app opens are undetermined and assumed counted", rare, open_outside),
    ("answer", "which these Tweets leave undetermined", tied, hiding),
    ("answer", "cannot tell which metrics are counted: 264 to", lambda: explored(
        [90, 180], favorites=[1, 5]), hiding),
    ("answer", "cannot tell which metrics are counted", silent, hiding),
    ("answer", "Bookmarks (2,460) look like engagement but are not counted in full", hiding, rare),
    ("answer", "the included metrics exceed engagements, by 895 in all", wrong_row, hiding),
    ("answer", "Totals omits clicks", lambda: hiding(endpoint="totals"), hiding),
    ("answer", "20 more Tweets have no figure for likes and are excluded", lacking, plain),
    ("answer", "Explore files of one kind at a time", lacking, plain),
    ("answer", "40 days have 910 engagements.", daily, hiding),
    ("answer", "Tweet", hiding, daily),
    ("evidence", "no day contradicts them", daily, hiding),
    ("figures", "made up by the sandbox", lambda: hiding(source="sandbox"), hiding),
    ("figures", "from the Engagement API", lambda: hiding(source="api"), hiding),
    ("figures", "from an export file", hiding, lambda: hiding(source="api")),
    ("figures", "from 2026-01-01 00:00 to 2026-01-29 00:00 UTC", lambda: hiding(**WINDOW), hiding),
    ("figures", "Engagements are missing for 1 Tweet.", unknown, plain),
    ("figures", "exclude 20 Tweets that lack an included metric", lacking, plain),
    ("figures", "Promoted figures", promoted, plain),
    ("figures", "Repeated rows ignored: 1.", repeated, plain),
    ("columns", "sum to exactly the engagements", plain, hiding),
    ("columns", "more than engagements: the naive gap is −2,370", hiding, rare),
    ("columns", "less than engagements: the naive gap is 90", rare, hiding),
    ("columns", "2,460 that do not belong, and 90 that match no metric", hiding, plain),
    ("columns", "that are not taken as part of them", open_outside, hiding),
    ("columns", "consists of engagement that matches no metric", rare, hiding),
    ("columns", "No metric is outside of engagements, and nothing is hidden", plain, hiding),
    ("evidence", "**Counted:** likes; no Tweet contradicts them.", hiding, late),
    ("evidence", "**Counted:**", hiding, silent),
    ("evidence", "they sum to too much on 1 Tweet", late, hiding),
    ("evidence", "**Not counted in full:** bookmarks (contradicted by 40 of 40", hiding, rare),
    ("evidence", "none, or hardly any, of bookmarks", hiding, partly),
    ("evidence", "**Undetermined:** app opens (nothing contradicts it,", rare, hiding),
    ("evidence", "The figures assume that app opens are counted", rare, open_outside),
    ("evidence", "media engagements rather than media views from the documents", tied, rare),
    ("evidence", "If all of them are counted, 0 engagements are hidden", tied, hiding),
    ("documents", "agree with the vendor's documents on 1 metric and", plain, against_documents),
    ("documents", "disagree with the vendor's documents on media views", against_documents, plain),
    ("documents", "do not say whether bookmarks are counted", hiding, plain),
    ("documents", "neither support nor contradict", silent, plain),
    ("confidence", "One Tweet says nothing about others", one, hiding),
    ("confidence", "which metrics are counted, so there is no interval", silent, hiding),
    ("confidence", "so a range is given and no confidence interval", tied, hiding),
    ("confidence", "is for the share that such Tweets have on average", hiding, tied),
    ("confidence", "the counters were read together", hiding, late),
    ("confidence", "may have been read at different moments", late, hiding),
    ("content", "The hidden share differs by what the Tweet contains", differing, alike),
    ("content", "No two groups by what the Tweet contains differ beyond chance", alike, differing),
    ("content", "There are no two groups by what the Tweet contains of at least", one_kind, alike),
    ("size", "differ by construction, and no test is made", hiding, one),
    ("size", "There are no two groups by engagements of the Tweet", one, hiding),
    ("definitions", "figures lack metrics: **likes + reposts + replies** (reposts and", hiding,
     public),
    ("definitions", "**all public metrics** (", hiding, public),
    ("definitions", "**all public metrics**: the sum is 100 %", public, hiding),
    ("oddities", "1 Tweet on which the metrics", wrong_row, hiding),
    ("oddities", "No oddities were found.", hiding, wrong_row),
    ("meaning", "use X's own figure", hiding, plain),
    ("meaning", "Here engagements are the sum of likes.", plain, hiding),
    ("meaning", "Here engagements are the sum", plain, wrong_row),
    ("meaning", "Report bookmarks beside engagements; do not add them.", hiding, rare),
    ("meaning", "does not measure what is hidden: it nets 90 against 2,460", hiding, plain),
    ("meaning", "cannot tell whether app opens are counted", rare, hiding),
    ("meaning", "The interval is wide", giant, hiding),
    ("meaning", "figures of the sandbox", lambda: hiding(source="sandbox"), hiding),
]  # fmt: skip


def said(gap: enb.Gap, topic: str) -> str:
    return gap.sentence if topic == "answer" else gap.reading(topic)


@pytest.mark.parametrize(("topic", "words", "true_of", "not_of"), CASES)
def test_a_sentence_stands_where_it_is_true_and_nowhere_else(topic, words, true_of, not_of):
    assert words in said(true_of(), topic)
    assert words not in said(not_of(), topic)


def test_how_much_of_a_metric_is_counted_is_said_where_tweets_show_it():
    gap = partly()
    assert gap.not_counted == ["app_opens"]
    weight = gap.table.at["app_opens", "weight"]
    assert ("seem to include" in gap.reading("evidence")) == pd.notna(weight)
    if pd.isna(weight):
        assert "these Tweets cannot tell" in gap.reading("evidence")


def test_the_note_on_media_views_of_2017_stands_only_where_tweets_leave_room_for_them():
    old = pd.Timestamp("2017-01-01", tz="UTC")
    views = LIKES * 2
    with_views = explored(LIKES + views, favorites=LIKES, media_views=views, created_at=old)
    without = explored(LIKES, favorites=LIKES, media_views=views, created_at=old)
    assert "2017-10-09" in with_views.reading("oddities")
    assert "2017-10-09" not in without.reading("oddities")
