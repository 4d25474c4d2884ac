"""Every sentence of a report: figures of which it is true, and figures on which it is absent."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import engagement_nb as enb
from engagement_nb.gap.beside import PUBLIC
from engagement_nb.gap.sentences import growth, trend, usual, where
from engagement_nb.gap.share import Share
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


def hourly(by: str = "hour", posted: str = "2025-01-01T00:00Z") -> enb.Gap:
    """Two hours (or days) of each Tweet."""
    ids = pd.array([str(k) for k in range(40)] * 2, dtype="string")
    later = "2026-01-01T01:00Z" if by == "hour" else "2026-01-02T00:00Z"
    times = pd.to_datetime(["2026-01-01T00:00Z"] * 40 + [later] * 40)
    both, created = [*LIKES, *LIKES], pd.Timestamp(posted)
    return explored(both, {"by": by}, tweet_id=ids, created_at=created, time=times, favorites=both)


def one_day() -> enb.Gap:
    return hourly(by="day")


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
    ("answer", "Totals omits clicks", lambda: hiding(endpoint="totals", span="life"), hiding),
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
    ("figures", "from 2026-01-01 to 2026-01-28 (UTC)", lambda: hiding(**WINDOW), hiding),
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
    ("columns", "Every metric with any counts is part of engagements", plain, hiding),
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
    ("confidence", "is given as a range, 0.0–12.8 %, without a confidence interval", tied, hiding),
    ("confidence", "is for the share that such Tweets have on average", hiding, tied),
    ("confidence", "the counters were read together", hiding, late),
    ("confidence", "may have been read at different moments", late, hiding),
    ("content", "The hidden share differs by what the Tweet contains", differing, alike),
    ("content", "No two groups by what the Tweet contains differ beyond chance", alike, differing),
    ("content", "Nothing is known about what these Tweets contain", hiding, alike),
    ("age", "It is not known when these Tweets were posted", hiding, odd),
    ("month", "It is not known when these Tweets were posted", hiding, odd),
    ("hour", "These figures are sums, not a series", hiding, hourly),
    ("content", "There are no two groups by what the Tweet contains of at least", one_kind, alike),
    ("size", "differ by construction, and no test is made", hiding, one),
    ("size", "There are no two groups by engagements of the Tweet", one, hiding),
    ("definitions", "figures lack metrics: **likes + reposts + replies** (reposts and", hiding,
     public),
    ("definitions", "**all public metrics** (", hiding, public),
    ("trend", "Figures stand at the week of posting.", odd, hourly),
    ("trend", "Newer Tweets have had less time to collect engagements.", odd, hourly),
    ("growth", "Of the 1,640 engagements of Tweets that were posted within the series, half came by"
     " 0 h after posting", lambda: hourly(posted="2026-01-01T00:00Z"), hourly),
    ("growth", "No Tweet was posted within the series", lambda: hourly(posted="2025-01-01T00:00Z"),
     lambda: hourly(posted="2026-01-01T00:00Z")),
    ("growth", "Day 0 is the day of posting.",
     lambda: hourly(by="day", posted="2026-01-01T00:00Z"),
     lambda: hourly(posted="2026-01-01T00:00Z")),
    ("hour", "These figures are by day, so their hours are not known.", one_day, hourly),
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
    ("meaning", "−2,370, is not what is hidden: the columns include 2,460",
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


PARAGRAPHS = [
    (hiding, "columns", (
        'All columns together sum to 3,280, which is 2,370 more than engagements: the naive'
        ' gap is −2,370. The sum is above engagements on 40 Tweets, below on 0, equal on 0.'
        ' The naive gap mixes two errors of opposite sign: the sum includes 2,460'
        ' interactions that are not part of engagements, and lacks 90 engagements that match'
        ' no metric.'
    )),
    (hiding, "evidence", (
        '**Counted:** likes; no Tweet contradicts them.\n'
        '\n'
        '**Not counted in full:** bookmarks (contradicted by 40 of 40 Tweets with any).'
        ' They seem to include none, or hardly any, of bookmarks.'
    )),
    (hiding, "documents", (
        "The data agree with the vendor's documents on 1 metric and disagree on none. The"
        ' documents do not say whether bookmarks are counted; the data say: not counted in'
        ' full.'
    )),
    (hiding, "confidence", (
        'For these 40 Tweets the hidden share is known up to the undetermined metrics. The'
        ' 95 % confidence interval, 5.1–16.8 %, is for the share that such Tweets have on'
        ' average, if they are independent. It does not account for Tweets much larger than'
        ' any of these: do not rely on it if the hidden share rises with size. The counted'
        ' metrics equal engagements on at least 20 Tweets and exceed them on almost none, so'
        ' the counters were read together. Therefore a metric is called not counted in full'
        ' if at least 3 Tweets contradict it, and at least 3 for each Tweet that supports'
        ' it.'
    )),
    (hiding, "meaning", (
        "- For total engagement, use X's own figure: the other columns do not add up to it.\n"
        '- Report bookmarks beside engagements; do not add them.\n'
        '- Engagements less all columns, −2,370, is not what is hidden: the columns include'
        ' 2,460 that are not part of engagements.'
    )),
    (rare, "answer", (
        '40 Tweets have 922 engagements. 9.8 % of them (90) match no metric; 95 %'
        ' confidence interval 5.0–16.7 %. One metric is counted; app opens are undetermined'
        ' and assumed counted. These figures have no reposts, replies, URL clicks, hashtag clicks,'
        ' detail expands, permalink clicks, new follows and profile visits, which may be part of'
        ' this gap.'
    )),
    (rare, "evidence", (
        '**Counted:** likes; no Tweet contradicts them.\n'
        '\n'
        '**Undetermined:** app opens (no Tweet contradicts it, and none fits exactly with'
        ' it). The figures assume that app opens are counted. If all of them are counted, 90'
        ' engagements are hidden; if none is, 102.'
    )),
    (tied, "answer", (
        '40 Tweets have 940 engagements. 0.0–12.8 % of them (0 to 120) match'
        ' no metric, depending on media views and media engagements, which these Tweets'
        ' leave undetermined. One metric is counted; media engagements are undetermined and'
        ' assumed counted.'
    )),
    (tied, "evidence", (
        '**Counted:** likes; no Tweet contradicts them.\n'
        '\n'
        '**Undetermined:** media views (the Tweets that contradict it are too few or too'
        ' ambiguous for a verdict); media engagements (another metric fits as well in its'
        ' place). The figures assume that media engagements are counted. They assume media'
        ' engagements rather than media views because the documents say so; the Tweets do'
        ' not tell. If all of them are counted, 0 engagements are hidden; if none is, 120.'
    )),
    (wrong_row, "answer", (
        '1,000 Tweets have 499,605 engagements. The included metrics explain all of them:'
        ' nothing is hidden. One metric is counted. On 1 Tweet the included metrics exceed'
        ' engagements, by 895 in all.'
    )),
    (lacking, "answer", (
        '40 Tweets have 820 engagements. The included metrics explain all of them: nothing'
        ' is hidden. One metric is counted. 20 more Tweets have no figure for likes and are'
        ' excluded. Explore files of one kind at a time.'
    )),
    (odd, "oddities", (
        '- 2 Tweets without a URL in the text have 79 URL clicks. Clicks on hashtags count'
        ' as URL clicks; clicks on media or cards may too. (2 Tweets examined.)\n'
        '- 1 Tweet has more engagements than impressions: one person can engage several'
        ' times. (40 Tweets examined.)\n'
        '- 1 Tweet has engagements but no impressions. (40 Tweets examined.)'
    )),
    (differing, "content", (
        'The hidden share differs by what the Tweet contains: 58.8 % (with URL) against 0.0'
        ' % (no URL); permutation test, p = 0.0005 adjusted for 1 pair.'
    )),
    (alike, "content", (
        'No two groups by what the Tweet contains differ beyond chance (permutation tests'
        ' of 1 pair, smallest adjusted p 0.9).'
    )),
    (partly, "evidence", (
        '**Counted:** likes; no Tweet contradicts them.\n'
        '\n'
        '**Not counted in full:** app opens (contradicted by 143 of 143 Tweets with any).'
        ' Engagements seem to include 50 % of app opens.'
    )),
    (few_views, "evidence", (
        '**Counted:** likes; no Tweet contradicts them.\n'
        '\n'
        '**Not counted in full:** media views (contradicted by 9 of 9 Tweets with any). How'
        ' much of media views they include, these Tweets cannot tell.'
    )),
]  # fmt: skip


@pytest.mark.parametrize(("figures", "topic", "text"), PARAGRAPHS)
def test_the_sentences_on_a_topic_are_one_text_without_gaps(figures, topic, text):
    assert said(figures(), topic) == text


def one_more(gap: int) -> enb.Gap:
    """Likes explain all Tweets but one, which has one engagement more or a bookmark."""
    extra = (LIKES == 40).astype(int)
    hidden = extra if gap > 0 else 0 * extra
    return explored(LIKES + hidden, favorites=LIKES, bookmarks=BOOKMARKS * 0 + extra * (gap < 0))


def test_a_single_interaction_is_said_as_such():
    """The least that can be hidden, above, below or outside is one."""
    said = one_more(1).reading("columns")
    assert "All columns together sum to 820, which is 1 less than engagements" in said
    assert "above engagements on 0 Tweets, below on 1, equal on 39." in said
    assert said.endswith("The naive gap consists of engagements that match no metric.")
    assert "use X's own figure" in one_more(1).reading("meaning")
    assert "1 interactions that are not assumed to be part" in one_more(-1).reading("columns")
    both = explored(
        np.append(LIKES, 9), favorites=np.append(LIKES, 8), bookmarks=[1] * 3 + [0] * 38
    )
    assert both.not_counted == ["bookmarks"]
    assert (both.hidden, both.over_count) == (1, 3)
    assert "mixes two errors" in both.reading("columns")
    assert "is not what is hidden: the columns include 3" in both.reading("meaning")
    outside = explored(LIKES + HIDES, favorites=LIKES, bookmarks=(LIKES == 40).astype(int))
    assert (outside.hidden, outside.over_count) == (90, 1)
    assert "mixes two errors" in outside.reading("columns")
    assert "is not what is hidden: the columns include 1" in outside.reading("meaning")
    assert all_told().reading("meaning") == (
        "- Here engagements are the sum of likes.\n"
        "- Report bookmarks beside engagements; do not add them."
    )


def lacking_one_of(tweets: int) -> enb.Gap:
    """One Tweet of so many has no likes, and the rest have all figures."""
    likes = pd.array([*range(1, tweets), pd.NA], dtype="Int64")
    return explored(np.arange(1, tweets + 1), favorites=likes, replies=0)


def test_excluded_tweets_are_said_in_the_answer_from_one_in_ten_on():
    words = "1 more Tweet has no figure for likes and is excluded."
    assert words in lacking_one_of(9).sentence
    assert words not in lacking_one_of(10).sentence


def test_all_tweets_that_cannot_be_compared_are_counted_by_reason():
    likes = pd.array([*LIKES[:38], pd.NA, pd.NA], dtype="Int64")
    engagements = pd.array([*LIKES[:39], pd.NA], dtype="Int64")
    said = explored(engagements, favorites=likes).reading("figures")
    assert said.endswith(
        " Engagements are missing for 1 Tweet. The sums exclude 1 Tweet that lack an included"
        " metric."
    )


def test_all_notes_on_the_figures_follow_each_other():
    ids = pd.array([str(k) for k in (*range(40), 39)], dtype="string")
    both = [*LIKES, 40]
    gap = explored(both, {"source": "frame"}, tweet_id=ids, favorites=both, promoted_likes=both)
    assert gap.reading("figures") == (
        "40 Tweets, with 1 metric beside engagements. Promoted figures have columns of their own,"
        " which are ignored. Repeated rows ignored: 1."
    )
    assert hiding(source="sandbox", **WINDOW).reading("figures") == (
        "40 Tweets, with 2 metrics beside engagements; the figures are made up by the sandbox,"
        " which is not X. They count what happened from 2026-01-01 to 2026-01-28 (UTC)."
    )
    half = explored(LIKES, {"start": WINDOW["start"]}, favorites=LIKES)
    assert "They count what happened" not in half.reading("figures")


def test_percentages_of_a_range_are_shares_of_engagements():
    gap = tied()
    least, most = gap.share.least, gap.share.most
    words = f"{least / gap.engagements * 100:.1f}–{most / gap.engagements:.1%} of them"
    assert words.replace("%", " %") in gap.sentence
    assert most > least


def test_the_level_of_the_interval_is_said():
    gap = explored(LIKES + HIDES, favorites=LIKES)
    frame = gap.counts.frame
    assert "The 80 % confidence interval" in enb.explore_gap(frame, level=0.8).reading("confidence")
    assert "; 80 % confidence interval" in enb.explore_gap(frame, level=0.8).sentence


def weighed(share: float) -> str:
    return partly(share).reading("evidence")


def test_a_weight_of_a_tenth_is_a_part_and_less_is_hardly_any():
    assert "Engagements seem to include 10 % of app opens." in weighed(0.1)
    assert "none, or hardly any, of app opens" in weighed(0.0)
    mixed = explored(
        LIKES, favorites=LIKES, bookmarks=LIKES * 10, media_views=np.where(LIKES < 10, 8, 0)
    )
    assert mixed.reading("evidence").endswith(
        "They seem to include none, or hardly any, of bookmarks. How much of media views they"
        " include, these Tweets cannot tell."
    )


TESTS = pd.DataFrame(
    [["a", "b", 0.5, 0.25, 0.01, 0.05], ["a", "c", 0.5, 0.75, 0.01, 0.05]],
    columns=["group", "other", "hidden_share", "other_share", "p", "p_adjusted"],
)


def test_groups_differ_up_to_an_adjusted_p_of_a_twentieth_and_the_first_of_equal_pairs_is_said():
    assert where(hiding(), TESTS, "by owner") == (
        "The hidden share differs by owner: 50.0 % (a) against 25.0 % (b); permutation test, p ="
        " 0.05 adjusted for 2 pairs."
    )
    assert where(hiding(), TESTS.assign(p_adjusted=0.0501), "by owner") == (
        "No two groups by owner differ beyond chance (permutation tests of 2 pairs, smallest"
        " adjusted p 0.05)."
    )
    assert where(hiding(), TESTS.assign(p_adjusted=[0.9, 0.01]), "by owner").startswith(
        "The hidden share differs by owner: 50.0 % (a) against 75.0 % (c)"
    )


def trended(
    hidden: list[float | None], rates: list[float | None], name: str = "week of posting"
) -> pd.DataFrame:
    """Periods with a hidden share, an engagement rate, and intervals around 0.2 and 0.02."""
    weeks = pd.date_range("2026-01-05", periods=len(hidden), freq="7D", name=name)
    table = pd.DataFrame({"hidden_share": hidden, "engagement_rate": rates}, index=weeks)
    table = table.astype("Float64").assign(engagements=100, impressions=1000, partial=False)
    table["hidden_low"], table["hidden_high"] = 0.1, 0.2
    table["rate_low"], table["rate_high"] = 0.02, 0.03
    return table


def of_all(level: float = 0.95, share: float | None = 0.2, **about: object) -> SimpleNamespace:
    """What a trend is compared with: 200 engagements, of which 40 are hidden."""
    whole = Share("interval" if share else "unknown", share, 0.1, 0.3, 40, 40, 40, 200)
    told = About(**{"source": "export", "endpoint": "export", **about})  # type: ignore[arg-type]
    return SimpleNamespace(
        share=whole, engagement_rate=0.0402, level=level, engagements=200, hidden=40, about=told
    )


def test_the_sentences_on_a_trend_are_one_text():
    table = trended([0.1, 0.3], [0.04, 0.0404])
    table["hidden"] = [10, 30]
    rate = " The engagement rate is engagements / impressions, as the file has them."
    assert trend(of_all(0.9), table) == (
        "Figures stand at the week of posting. Newer Tweets have had less time to collect"
        " engagements. The hidden share of all is 20.0 %, which lies outside no interval (chance"
        " alone: 10 %). The engagement rate of all is 4.02 %, which lies outside 2 of 2 intervals"
        f" (chance alone: 10 %).{rate}"
    )
    table.loc["2026-01-05", ["hidden_low", "rate_low"]] = pd.NA
    table.loc["2026-01-12", "partial"] = True
    assert trend(of_all(), table.rename_axis("week of engagement")) == (
        "Figures stand at the week of engagement. The hidden share of all is 20.0 %, which lies"
        " outside no interval (chance alone: 5 %); 1 week has too few Tweets for an interval. The"
        " engagement rate of all is 4.02 %, which lies outside 1 of 1 interval (chance alone: 5 %);"
        " 1 week has too few Tweets for an interval. Covered in part only: the week of 2026-01-12."
        f"{rate}"
    )
    none = trended([None, None], [0.01, 0.01]).assign(hidden=0)
    assert "hidden share" not in trend(of_all(share=None), none)
    assert "outside 2 of 2 intervals" in trend(of_all(share=None), none)
    table["hidden_low"] = pd.NA
    assert "is 20.0 %; 2 weeks have too few Tweets for an interval." in trend(of_all(), table)


def test_sums_of_a_trend_that_are_not_those_of_all_are_said():
    table = trended([0.1, 0.3], [0.04, 0.0404]).assign(hidden=[10, 35])
    assert "sum to 45 instead of 40, because" in trend(of_all(), table)
    table["engagements"] = [100, 50]
    assert "Only 150 of the 200 engagements have a time." in trend(of_all(), table)


def test_only_rates_of_the_api_can_be_too_high_because_of_promotion():
    table = trended([0.1, 0.3], [0.04, 0.0404]).assign(hidden=[10, 30])
    assert "promoted" not in trend(of_all(), table)
    assert "the rate of promoted Tweets is too high" in trend(of_all(source="api"), table)
    for source in ("export", "table", "v2"):
        assert "promoted" not in trend(of_all(source=source), table)


def grown(engagements: list[int], name: str = "hours_since_posting") -> pd.DataFrame:
    spans = ["0 h", "1 h", "2 h", "3 h"][: len(engagements)]
    return pd.DataFrame({"engagements": engagements}, index=pd.Index(spans, name=name))


def test_growth_is_said_by_the_spans_in_which_half_and_nine_tenths_have_come():
    words = (
        "Of the 100 engagements of Tweets that were posted within the series, half came by 1 h"
        " after posting, and nine tenths by 2 h."
    )
    assert growth(grown([20, 30, 40, 10])) == words
    assert growth(grown([20, 30, 40, 10], "days_since_posting")) == (
        f"{words} Day 0 is the day of posting."
    )
    nothing = "No Tweet was posted within the series, so none can be followed from its start."
    assert growth(grown([0, 0])) == growth(grown([])) == nothing
    assert nothing not in growth(grown([1]))


def test_a_definition_is_said_with_what_is_known_of_it():
    table = pd.DataFrame(
        {
            "share_of_engagements": [0.5, None, 1.2],
            "top_agreement": [0.75, None, None],
            "rate": [0.01, None, None],
            "engagement_rate": [0.02, None, None],
            "missing": ["", "replies", ""],
            "tweets": [40, 0, 7],
        },
        index=["one", "two", "three"],
    )
    assert usual(hiding(), table) == (
        "- **one**: the sum is 50 % of engagements; it finds 75 % of the top tenth of Tweets; its"
        " rate per impression is 1.00 % instead of 2.00 %.\n"
        "- **three**: the sum is 120 % of engagements of the 7 Tweets that have all its metrics.\n"
        "- Not computable, because the figures lack metrics: **two** (replies)."
    )


def test_the_interval_is_called_wide_above_a_fifth():
    gap = giant()
    assert gap.share.high - gap.share.low > 0.2
    narrow = hiding()
    assert narrow.share.high - narrow.share.low < 0.2


def test_a_group_by_a_column_is_said_by_its_name():
    gap = explored(LIKES + HIDES, favorites=LIKES, team=["me"] * 40)
    assert gap.reading("team").startswith("There are no two groups by team of at least 20 Tweets")
    with pytest.raises(enb.AnalysisError, match="There is no reading on 'colour'"):
        gap.reading("colour")


def test_figures_and_oddities_are_said_also_without_an_answer():
    gap = explored([5], impressions=[0])
    assert gap.reading("figures").startswith("1 Tweet, with 0 metrics beside engagements")
    assert "1 Tweet has engagements but no impressions" in gap.reading("oddities")
    assert "no metric besides engagements" in gap.reading("columns")
