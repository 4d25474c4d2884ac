"""Facts about the content of a Tweet, from its text."""

from __future__ import annotations

from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from engagement_nb.tables.threads import in_threads

_LINK = r"(?i)https?://\S"
_LAST_LINK = r"(?i)https?://t\.co/\w+$"
_HASHTAG = r"(?:^|[^\pL\pN_&/])[#＃][\pN_]*\pL"
_MENTION = r"(?:^|[^\pL\pN_@/.])[@＠][A-Za-z0-9_]"
_REPLY = r"^[@＠][A-Za-z0-9_]"
_PATTERNS = (_LAST_LINK, _HASHTAG, _MENTION, _REPLY)


def with_facts(table: pa.Table) -> pa.Table:
    """Add facts about Tweets from their texts.

    Parameters
    ----------
    table
        With ``text``, stripped, and metrics under their wire names.

    Returns
    -------
    pyarrow.Table
        Behind ``text``: ``has_url``, ``has_hashtag``, ``has_mention``, ``is_reply``,
        ``has_media`` (booleans, null where the text cannot tell) and ``text_length``
        (characters). A fact that the table has already is kept where the text tells nothing.

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
    # In one piece, because each pattern is compiled for each piece, which takes up to 3 ms.
    text, unknown = table["text"].combine_chunks(), pa.scalar(None, pa.bool_())
    work = [partial(pc.count_substring_regex, text, _LINK), partial(pc.utf8_length, text)]
    work += [partial(pc.match_substring_regex, text, pattern) for pattern in _PATTERNS]
    links, length, ends_in_link, hashtag, mention, reply = in_threads(work, len(text) // 50_000)
    has_link = pc.greater(links, 0)
    doubtful = pc.and_(pc.equal(links, 1), ends_in_link)
    has_media = pc.if_else(has_link, unknown, has_link)
    for name in ("media_views", "media_engagements"):
        if name in table.column_names:
            seen = pc.fill_null(pc.greater(table[name], 0), False)
            has_media = pc.if_else(seen, True, has_media)
    facts = {
        "has_url": pc.if_else(doubtful, unknown, has_link),
        "has_hashtag": hashtag,
        "has_mention": mention,
        "is_reply": reply,
        "has_media": has_media,
        "text_length": pc.cast(length, pa.int64()),
    }
    at = table.column_names.index("text")
    for name, fact in facts.items():
        if name in table.column_names:
            place = table.column_names.index(name)
            table = table.set_column(place, name, pc.coalesce(fact, table[name]))
        else:
            at += 1
            table = table.add_column(at, name, fact)
    return table
