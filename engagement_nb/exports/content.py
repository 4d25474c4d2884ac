"""What the text of a Tweet tells about its content, as nullable yes or no."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

_LINK = r"(?i)https?://\S"
_LAST_LINK = r"(?i)https?://t\.co/\w+$"
_HASHTAG = r"(?:^|[^\pL\pN_&/])[#＃][\pN_]*\pL"
_MENTION = r"(?:^|[^\pL\pN_@/.])[@＠][A-Za-z0-9_]"
_REPLY = r"^[@＠][A-Za-z0-9_]"


def content_facts(text: pa.ChunkedArray, metrics: Mapping[str, pd.Series]) -> dict[str, pd.Series]:
    """What texts tell, with the help of the metrics beside them.

    Parameters
    ----------
    text
        The texts, stripped of white space at the ends.
    metrics
        Metrics of the same Tweets, under their wire names.

    Returns
    -------
    dict of str to Series
        ``has_url``, ``has_hashtag``, ``has_mention``, ``is_reply``, ``has_media`` (nullable
        yes or no) and ``text_length`` (characters).

    Notes
    -----
    X appends a t.co link for attached media, and for a quoted Tweet, to the text, and it looks
    like any other link. So a single t.co link at the end may be no URL that the author gave:

    - ``has_url`` is no where there is no link at all, yes where there is another link than the
      last one, and ``<NA>`` for a single last link. It comes from the text alone: clicks cannot
      tell, because a click on a hashtag or a card counts as a URL click too.
    - ``has_media`` is yes where media were seen, no where there is no link, else ``<NA>``.
    - ``is_reply`` is a text that starts with a mention.
    """
    links = _series(pc.count_substring_regex(text, pattern=_LINK)).astype("Int64")
    last = _yes_no(text, _LAST_LINK)
    hashtag = _yes_no(text, _HASHTAG)
    none = (links == 0).astype("boolean")
    media = _above_zero(metrics, "media_views", len(links)) | _above_zero(
        metrics, "media_engagements", len(links)
    )
    single = last & (links == 1)
    url = pd.Series(pd.NA, index=links.index, dtype="boolean")
    url = url.mask(none, False).mask(~none & ~single, True)
    has_media = pd.Series(pd.NA, index=links.index, dtype="boolean")
    return {
        "has_url": url,
        "has_hashtag": hashtag,
        "has_mention": _yes_no(text, _MENTION),
        "is_reply": _yes_no(text, _REPLY),
        "has_media": has_media.mask(none, False).mask(media, True),
        "text_length": _series(pc.utf8_length(text)).astype("Int64"),
    }


def _series(values: pa.ChunkedArray) -> pd.Series:
    return values.to_pandas()


def _yes_no(text: pa.ChunkedArray, pattern: str) -> pd.Series:
    return _series(pc.match_substring_regex(text, pattern)).astype("boolean")


def _above_zero(metrics: Mapping[str, pd.Series], name: str, length: int) -> pd.Series:
    if name not in metrics:
        return pd.Series(False, index=range(length), dtype="boolean")
    return (metrics[name] > 0).fillna(False).astype("boolean")
