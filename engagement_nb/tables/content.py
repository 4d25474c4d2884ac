"""Facts about the content of a Tweet, from its text, as nullable booleans."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

_LINK = r"(?i)https?://\S"
_LAST_LINK = r"(?i)https?://t\.co/\w+$"
_HASHTAG = r"(?:^|[^\pL\pN_&/])[#＃][\pN_]*\pL"
_MENTION = r"(?:^|[^\pL\pN_@/.])[@＠][A-Za-z0-9_]"
_REPLY = r"^[@＠][A-Za-z0-9_]"


def content_facts(frame: pd.DataFrame) -> dict[str, pd.Series]:
    """Facts about Tweets from their texts.

    Parameters
    ----------
    frame
        With the column ``text``, stripped, and the metrics.

    Returns
    -------
    dict of str to Series
        ``has_url``, ``has_hashtag``, ``has_mention``, ``is_reply``, ``has_media`` (nullable
        booleans) and ``text_length`` (characters).

    Notes
    -----
    For attached media and for a quoted Tweet, X appends a t.co link to the text, which looks
    like any other link. So a single t.co link at the end may not be a URL of the author:

    - ``has_url`` is False without any link, True with another link than the last one, and
      ``<NA>`` for a single last link. It is read from the text alone, because a click on a
      hashtag or a card counts as a URL click too.
    - ``has_media`` is True if media were seen, False without any link, and ``<NA>`` otherwise.
    - ``is_reply`` is True if the text starts with a mention.
    """
    text = pa.array(frame["text"], pa.large_string())
    links = pc.count_substring_regex(text, pattern=_LINK).to_pandas().astype("Int64")
    media = np.zeros(len(frame), dtype=bool)
    for name in ("media_views", "media_engagements"):
        if name in frame:
            media |= (frame[name] > 0).fillna(False).to_numpy(dtype=bool)

    def found(pattern: str) -> pd.Series:
        matches: pd.Series = pc.match_substring_regex(text, pattern).to_pandas()
        return matches.astype("boolean")

    has_link = links > 0
    facts = {
        "has_url": has_link.mask((found(_LAST_LINK) & (links == 1)).fillna(False)),
        "has_hashtag": found(_HASHTAG),
        "has_mention": found(_MENTION),
        "is_reply": found(_REPLY),
        "has_media": has_link.mask(has_link).mask(media, True),
        "text_length": pc.utf8_length(text).to_pandas().astype("Int64"),
    }
    return {name: values.set_axis(frame.index) for name, values in facts.items()}
