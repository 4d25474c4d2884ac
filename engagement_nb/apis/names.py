"""One table of names: what X, its files and people call a figure, and what we call it.

The table is ``names.toml``. A name is matched without case, accents, blanks, dots, colons and
underscores, so ``like_count``, ``Like count`` and ``LikeCount`` are one name.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files
from typing import Any

from engagement_nb.errors import InputError

_TABLE: dict[str, Any] = tomllib.loads(
    files(__package__).joinpath("names.toml").read_text(encoding="utf-8")
)
OTHER_NAMES: dict[str, list[str]] = {n: said.split(",") for n, said in _TABLE["metrics"].items()}
"""The English names of each metric, by our name; the first is its label."""
LABELS: dict[str, str] = {name: said[0] for name, said in OTHER_NAMES.items()}
"""What readers of a report call each metric, by our name: all metrics that a frame can have."""
ORIGINS = {
    "sandbox": "made up by the sandbox",
    "api": "from the Engagement API",
    "v2": "from X API v2",
    "export": "from an export file",
    "table": "from a table",
}
"""Where figures are from, by the source that datasets and results record."""
COLUMN_ORDERS: dict[str, tuple[str, ...]] = {
    kind: tuple(words["names"].split(","))
    for kind, words in (_TABLE["files"] | _TABLE["videos"]).items()
}
"""Our names of the columns of each kind of X's files, in X's order."""
_MOST_WORDS = 4
_COUNTING = re.compile(r"^(?:total|number of|num|sum of|no of)[ _.]|[ _.]?(?:counts?|total|sum)$")


@lru_cache(maxsize=4096)
def name_key(text: str) -> str:
    """What is compared of a name: its letters and digits, in lower case, without accents."""
    split = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in split if sign.isalnum())


def _words(table: dict[str, str]) -> dict[str, str]:
    return {name_key(said): name for name, words in table.items() for said in words.split(",")}


def _words_of_files(table: dict[str, dict[str, str]], *kinds: str) -> dict[str, str]:
    return {
        name_key(said): name
        for kind in kinds
        for language, words in table[kind].items()
        for said, name in zip(words.split(","), COLUMN_ORDERS[kind], strict=True)
        if said and language != "names"
    }


_METRICS = {name_key(name): name for name in LABELS} | _words(_TABLE["metrics"])
_COLUMNS: dict[str, str] = (
    {name_key(name): name for name in _TABLE["columns"]}
    | _words(_TABLE["columns"])
    | _words_of_files(_TABLE["files"], *_TABLE["files"])
    | _METRICS
)
_OF_CONTENT = {
    key
    for key, name in _words_of_files(_TABLE["files"], "content").items()
    if name in ("tweet_id", "text", "link")
} - {*_words_of_files(_TABLE["files"], "classic")}
_IN_ALL = {"impressions", "engagements", "retweets", "reposts"}
"""Words that are the same in several languages."""
_ENGLISH = (
    {name_key(name) for name in LABELS}
    | {*_words(_TABLE["metrics"])}
    | {name_key(w) for f in _TABLE["files"].values() for w in f["en"].split(",")[4:]}
) - _IN_ALL
_OLD = _words(_TABLE["old"])
_VIDEO = {kind: _words_of_files(_TABLE["videos"], kind) for kind in _TABLE["videos"]}
_SUMMARIES = _words(_TABLE["summaries"])
TRUTH = _words(_TABLE["truth"])
"""What spreadsheets write for "yes" and for "no", as `name_key` has it."""
_PROMOTED = tuple(name_key(word) for word in _TABLE["promoted"]["words"].split(","))


def wire_name(text: str) -> str | None:
    """The wire name of a metric, from any of its names; None if it is no metric.

    Parameters
    ----------
    text
        A name in any API, file, era or language, or as people type it: ``likes``,
        ``like_count``, ``Gefällt mir``.

    Returns
    -------
    str or None
        One of `LABELS`.
    """
    name = _COLUMNS.get(name_key(text))
    return name if name in LABELS else None


def wire_names(names: Iterable[str] | str) -> list[str]:
    """The wire names of metrics that a person gave, each once.

    Parameters
    ----------
    names
        Names as for `wire_name`; a text is split at commas.

    Raises
    ------
    InputError
        One of them is no metric; the sentence has the nearest name.
    """
    asked = names.split(",") if isinstance(names, str) else list(names)
    chosen: dict[str, None] = {}
    for text in (str(name).strip() for name in asked):
        if not text and isinstance(names, str):
            continue
        name = wire_name(text)
        if name is None:
            near = guess(text)
            raise InputError(
                f'There is no metric "{text[:60]}".',
                advice=f"Did you mean {near}?" if near else f"Metrics are {', '.join(LABELS)}.",
            )
        chosen[name] = None
    return list(chosen)


@lru_cache(maxsize=4096)
def guess(text: str) -> str | None:
    """The metric that a text probably means, if it is not a name of one; None if it is none."""
    bare = _COUNTING.sub("", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text.strip()).lower()).strip()
    if bare and (name := wire_name(bare)):
        return name
    key = name_key(text)
    near = get_close_matches(key, _METRICS, n=1, cutoff=0.8) if len(key) > 3 else []
    return _METRICS[near[0]] if near else None


def label(name: str) -> str:
    """What a reader of a report calls a metric, for any column of a frame."""
    return LABELS.get(name, name.replace("_", " "))


def column_name(text: str) -> str:
    """Our name of a table's column; "" if it is unknown.

    Returns
    -------
    str
        A metric, ``promoted_<metric>``, or a column that is no metric: ``tweet_id``, ``date``,
        ``text``, ``link``, ``rate``, ``posts``, ``unfollows``, ``unlikes``.
    """
    key = name_key(text)
    if key in _COLUMNS:
        return _COLUMNS[key]
    for word in _PROMOTED:
        for bare in (key.removeprefix(word), key.removesuffix(word)):
            if name := _COLUMNS.get(bare):
                return f"promoted_{name}" if name in LABELS else name
    return ""


def old_column_name(text: str) -> str:
    """The metric that the oldest files call by this name; "" if there is none."""
    return _OLD.get(name_key(text), "")


def is_english(text: str) -> bool:
    """Whether a name is that of a metric in English, and in no other language."""
    return name_key(text) in _ENGLISH


def is_of_content_file(text: str) -> bool:
    """Whether only X's content files have a column of this name: Post id, Post text, Post Link."""
    return name_key(text) in _OF_CONTENT


def summary_name(text: str, *, among_words: bool) -> str:
    """What the label of a row says of its figures: "sum", "average", ...; "" for any other text.

    Parameters
    ----------
    text
        A label: ``Total``, ``Ø``, ``Zwischensumme``; numbers in it do not count.
    among_words
        Whether a label of a few words may begin or end with it: ``Average per post``.
    """
    words = re.findall(r"[^\W\d_]+", text)
    said = [" ".join(words)]
    if among_words and len(words) <= _MOST_WORDS:
        said += words[:1] + words[-1:]
    return next((_SUMMARIES[key] for key in map(name_key, said) if key in _SUMMARIES), "")


def video_column_names(header: Iterable[str], kind: str) -> list[str]:
    """Our names of the columns of one of a video file's tables; "" where unknown.

    Parameters
    ----------
    header
        The column names.
    kind
        "video" (by day) or "videos" (by video).
    """
    return [_VIDEO[kind].get(name_key(text), "") for text in header]
