"""Every sentence of a report: figures of which it is true, and figures on which it is absent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import engagement_nb as enb
from engagement_nb.gap.asked import Asked
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
NOTHING = [pd.NA]
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


def tied_in_silence() -> enb.Gap:
    """Two metrics are equal, and the documents say nothing about either."""
    calls = LIKES % 7
    return explored(LIKES + calls, favorites=LIKES, quote_tweets=calls, bookmarks=calls)


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


def lacking(**about: object) -> enb.Gap:
    """Twenty of sixty Tweets have no likes."""
    likes = pd.array([*LIKES, *[pd.NA] * 20], dtype="Int64")
    return explored(np.append(LIKES, [5] * 20), about, favorites=likes)


def unknown() -> enb.Gap:
    engagements = pd.array([*LIKES, pd.NA], dtype="Int64")
    return explored(engagements, favorites=[*LIKES, 3])


def one() -> enb.Gap:
    return explored([5], favorites=[3])


def zeros() -> enb.Gap:
    """No Tweet has any of the only metric."""
    return explored([9, 12, 7], favorites=[0, 0, 0])


def no_pair() -> enb.Gap:
    """Each Tweet lacks one of two metrics."""
    return explored(
        [5, 6],
        favorites=pd.array([1, pd.NA], dtype="Int64"),
        replies=pd.array([pd.NA, 2], dtype="Int64"),
    )


def all_told() -> enb.Gap:
    """Likes explain everything, and bookmarks are not counted."""
    return explored(LIKES, favorites=LIKES, bookmarks=BOOKMARKS)


def few_views() -> enb.Gap:
    """Nine Tweets have media views, which are not counted: too few to read a weight."""
    likes = np.arange(1, 61)
    return explored(likes, favorites=likes, media_views=np.where(likes < 10, 8, 0))


def one_against() -> enb.Gap:
    """A single Tweet contradicts app opens."""
    return explored(LIKES, favorites=LIKES, app_opens=np.where(LIKES == 40, 12, 0))


def two_fits() -> enb.Gap:
    """Two Tweets fit exactly with app opens."""
    opens = np.where(LIKES > 38, 12, 0)
    return explored(LIKES + opens, favorites=LIKES, app_opens=opens)


def odd() -> enb.Gap:
    """Two Tweets have URL clicks and no URL; one has one impression, one has none."""
    seen = np.where(LIKES == 10, 1, LIKES * 10)
    seen[10] = 0
    seen[11] += 99
    return explored(
        LIKES,
        url_clicks=LIKES,
        impressions=seen,
        has_url=pd.array(LIKES < 39, dtype="boolean"),
        created_at=pd.date_range("2026-01-01", periods=40, tz="UTC"),
    )


def hourly() -> enb.Gap:
    """Two hours of each Tweet."""
    ids = pd.array([str(k) for k in range(40)] * 2, dtype="string")
    times = pd.to_datetime(["2026-01-01T00:00Z"] * 40 + ["2026-01-01T01:00Z"] * 40)
    both = [*LIKES, *LIKES]
    return explored(both, {"by": "hour"}, tweet_id=ids, time=times, favorites=both)


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
    ("answer", "counted: 28 of the engagements match no metric.", zeros, silent),
    ("answer", "There are no Tweets in these figures.", lambda: explored([], favorites=[]), one),
    ("answer", "no metric besides engagements", lambda: explored([5]), one),
    ("answer", "Engagements are missing for all of 1 Tweet", lambda: explored(
        NOTHING, favorites=[1]), unknown),
    ("answer", "All metrics besides engagements are missing", lambda: explored(
        [5], favorites=NOTHING), lacking),
    ("answer", "No Tweet has both engagements and all the metrics", no_pair, lacking),
    ("answer", "1 Tweet has no engagements, so there is no gap", lambda: explored(
        [0], favorites=[0]), one),
    ("answer", "Bookmarks (2,460) look like engagement but are not counted in full", hiding, rare),
    ("answer", "the included metrics exceed engagements, by 895 in all", wrong_row, hiding),
    ("answer", "Totals omits clicks", lambda: hiding(endpoint="totals"), hiding),
    ("answer", "20 more Tweets have no figure for likes and are excluded", lacking, plain),
    ("answer", "Explore files of one kind at a time", lacking, plain),
    ("answer", "Explore files of one kind at a time", lacking, lambda: lacking(source="api")),
    ("answer", "40 days have 910 engagements.", daily, hiding),
    ("answer", "Tweet", hiding, daily),
    ("evidence", "no day contradicts them", daily, hiding),
    ("figures", "40 Tweets, posted from 2026-01-01 to 2026-02-09, with 1 metric", odd, hiding),
    ("figures", "with 2 metrics beside engagements", hiding, plain),
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
    ("columns", "above engagements on 40 Tweets, below on 0, equal on 0.", hiding, plain),
    ("columns", "mixes two errors of opposite sign: the sum includes 2,460 interactions that are"
     " not part of engagements, and lacks 90 engagements that match no metric", hiding, plain),
    ("columns", "that are not assumed to be part of engagements", open_outside, hiding),
    ("columns", "The sum includes 2,460 interactions that are not part", all_told, hiding),
    ("columns", "consists of engagements that match no metric", rare, hiding),
    ("columns", "Every metric is part of engagements, and nothing is hidden", plain, hiding),
    ("evidence", "**Counted:** likes; no Tweet contradicts them.", hiding, late),
    ("evidence", "**Counted:**", hiding, silent),
    ("evidence", "they sum to more than engagements on 1 Tweet", late, hiding),
    ("evidence", "**Not counted in full:** bookmarks (contradicted by 40 of 40", hiding, rare),
    ("evidence", "none, or hardly any, of bookmarks", hiding, partly),
    ("evidence", "Engagements seem to include 50 % of app opens.", partly, hiding),
    ("evidence", "How much of media views they include, these Tweets cannot tell", few_views,
     partly),
    ("evidence", "app opens (zero on every Tweet", lambda: explored(
        LIKES, favorites=LIKES, app_opens=LIKES * 0), rare),
    ("evidence", "app opens (not known for any Tweet", lambda: explored(
        LIKES, favorites=LIKES, app_opens=NOTHING * 40), rare),
    ("evidence", "(another metric fits as well in its place)", tied, rare),
    ("evidence", "(another metric fits as well in its place)", tied_in_silence, rare),
    ("evidence", "the Tweets that contradict it are too few", one_against, rare),
    ("evidence", "(too few Tweets fit exactly with it)", two_fits, rare),
    ("evidence", "**Undetermined:** app opens (no Tweet contradicts it,", rare, hiding),
    ("evidence", "The figures assume that app opens are counted", rare, open_outside),
    ("evidence", "media engagements rather than media views because the documents", tied, rare),
    ("evidence", "because the documents say so", tied, tied_in_silence),
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
    ("content", "Nothing is known of what these Tweets contain", hiding, alike),
    ("age", "It is not known when these Tweets were posted", hiding, odd),
    ("month", "It is not known when these Tweets were posted", hiding, odd),
    ("hour", "These figures are sums, not a series", hiding, hourly),
    ("content", "There are no two groups by what the Tweet contains of at least", one_kind, alike),
    ("size", "differ by construction, and no test is made", hiding, one),
    ("size", "There are no two groups by engagements of the Tweet", one, hiding),
    ("definitions", "figures lack metrics: **likes + reposts + replies** (reposts and", hiding,
     public),
    ("definitions", "**all public metrics** (", hiding, public),
    ("definitions", "**all public metrics**: the sum is 100 %", public, hiding),
    ("definitions", "it finds 100 % of the top tenth of Tweets", plain, silent),
    ("definitions", "its rate per impression is 10.00 % instead of 10.00 %", odd, plain),
    ("oddities", "On 1 Tweet the metrics that are part of engagements sum", wrong_row, hiding),
    ("oddities", "2 Tweets without a URL in the text have 79 URL clicks.", odd, plain),
    ("oddities", "1 Tweet has more engagements than impressions", odd, plain),
    ("oddities", "1 Tweet has engagements but no impressions.", odd, plain),
    ("oddities", "No oddities were found.", hiding, wrong_row),
    ("meaning", "use X's own figure", hiding, plain),
    ("meaning", "Here engagements are the sum of likes.", plain, hiding),
    ("meaning", "Here engagements are the sum", plain, wrong_row),
    ("meaning", "Report bookmarks beside engagements; do not add them.", hiding, rare),
    ("meaning", "does not measure what is hidden: it mixes 90 hidden engagements with 2,460",
     hiding, plain),
    ("meaning", "do not show whether app opens are counted", rare, hiding),
    ("meaning", "Nothing follows from so few figures", zeros, hiding),
    ("meaning", "The interval is wide", giant, hiding),
    ("meaning", "figures of the sandbox", lambda: hiding(source="sandbox"), hiding),
]  # fmt: skip


def said(gap: enb.Gap, topic: str) -> str:
    return gap.sentence if topic == "answer" else gap.reading(topic)


@pytest.mark.parametrize(("topic", "words", "true_of", "not_of"), CASES)
def test_a_sentence_stands_where_it_is_true_and_nowhere_else(topic, words, true_of, not_of):
    assert words in said(true_of(), topic)
    assert words not in said(not_of(), topic)


def test_the_note_on_media_views_of_2017_stands_only_where_tweets_leave_room_for_them():
    old = pd.Timestamp("2017-01-01", tz="UTC")
    views = LIKES * 2
    with_views = explored(LIKES + views, favorites=LIKES, media_views=views, created_at=old)
    without = explored(LIKES, favorites=LIKES, media_views=views, created_at=old)
    assert "2017-10-09" in with_views.reading("oddities")
    assert "2017-10-09" not in without.reading("oddities")


def test_counters_that_fell_since_an_earlier_snapshot_are_said_and_others_are_not():
    earlier = pd.DataFrame({"tweet_id": ["0", "1"], "favorites": [5, 2]})
    said = plain().reading("oddities", earlier)
    assert "Likes fell by 4 in all on 1 Tweet since the earlier snapshot" in said
    assert "fell" not in plain().reading("oddities", earlier.assign(favorites=[1, 2]))


SPLIT = Asked(
    tweets=9,
    not_compared=0,
    not_known=0,
    engagements=100,
    gap_in_totals=40,
    not_asked=30,
    hidden=10,
    drift=0,
    clicks={"url_clicks": 30},
    sandbox=False,
)
NO_GAP = replace(SPLIT, gap_in_totals=0, not_asked=0, hidden=0, clicks={})


@pytest.mark.parametrize(
    ("words", "true_of", "not_of"),
    [
        ("totals leave 40 of 100 engagements unexplained.", SPLIT, NO_GAP),
        ("30 of them (75.0 %) are metrics that totals cannot return (most: URL clicks)", SPLIT,
         NO_GAP),
        ("10 match no metric of either endpoint.", SPLIT, NO_GAP),
        ("totals show no gap: its metrics explain all engagements.", NO_GAP, SPLIT),
        ("; 3 are changes between the two readings.", replace(SPLIT, drift=3), SPLIT),
        ("1 Tweet with engagements outside the window is excluded.",
         replace(SPLIT, not_compared=1), SPLIT),
        ("2 Tweets with engagements outside the window are excluded.",
         replace(SPLIT, not_compared=2), SPLIT),
        ("Totals lacks some figures for 2 Tweets.", replace(SPLIT, not_known=2), SPLIT),
        ("No Tweet's whole life lies in the window", replace(NO_GAP, tweets=0), NO_GAP),
    ],
)  # fmt: skip
def test_the_split_of_the_gap_of_totals_is_said_where_it_is_true(words, true_of, not_of):
    assert words in true_of.sentence
    assert words not in not_of.sentence
