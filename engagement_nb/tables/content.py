"""Facts about the content of a Tweet, from its text."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

_LINK = r"(?i)https?://\S"
_LAST_LINK = r"(?i)https?://t\.co/\w+$"
_HASHTAG = r"(?:^|[^\pL\pN_&/])[#＃][\pN_]*\pL"
_MENTION = r"(?:^|[^\pL\pN_@/.])[@＠][A-Za-z0-9_]"
_REPLY = r"^[@＠][A-Za-z0-9_]"


def content_facts(
    text: pa.ChunkedArray, figures: Mapping[str, pa.ChunkedArray]
) -> dict[str, pa.ChunkedArray]:
    """Facts about Tweets from their texts.

    Parameters
    ----------
    text
        The texts, stripped.
    figures
        The metrics of the same Tweets, by wire name.

    Returns
    -------
    dict of str to array
        ``has_url``, ``has_hashtag``, ``has_mention``, ``is_reply``, ``has_media`` (booleans, null
        where the text cannot tell) and ``text_length`` (characters).

    Notes
    -----
    For attached media and for a quoted Tweet, X appends a t.co link to the text, which looks
    like any other link. So a single t.co link at the end may not be a URL of the author:

    - ``has_url`` is False without any link, True with another link than the last one, and
      null for a single last link. It is read from the text alone, because a click on a
      hashtag or a card counts as a URL click too.
    - ``has_media`` is True if media were seen, False without any link, and null otherwise.
    - ``is_reply`` is True if the text starts with a mention.
    """
    unknown = pa.scalar(None, pa.bool_())
    links = pc.count_substring_regex(text, pattern=_LINK)
    has_link = pc.greater(links, 0)
    doubtful = pc.and_(pc.equal(links, 1), pc.match_substring_regex(text, _LAST_LINK))
    has_media = pc.if_else(has_link, unknown, has_link)
    for name in ("media_views", "media_engagements"):
        if name in figures:
            seen = pc.fill_null(pc.greater(figures[name], 0), False)
            has_media = pc.if_else(seen, True, has_media)
    return {
        "has_url": pc.if_else(doubtful, unknown, has_link),
        "has_hashtag": pc.match_substring_regex(text, _HASHTAG),
        "has_mention": pc.match_substring_regex(text, _MENTION),
        "is_reply": pc.match_substring_regex(text, _REPLY),
        "has_media": has_media,
        "text_length": pc.cast(pc.utf8_length(text), pa.int64()),
    }
