"""Secrets, and how they are kept out of every output."""

from __future__ import annotations

import base64
import logging
import os
from functools import lru_cache
from typing import NoReturn
from urllib.parse import quote, unquote

from engagement_nb.apis.engagement import TOKEN_VARIABLES

MASK = "[secret]"
_SHORTEST = 6
"""Shorter values are not secrets of this API, and masking them would garble any text."""

_seen: set[str] = set()


class Secret:
    """A string that ``repr``, ``str``, f-strings, JSON and pickle do not show.

    It is not a subclass of ``str``, so nothing can join, log or serialize it by accident. Call
    `reveal` for the characters.

    Parameters
    ----------
    value
        The secret itself; an empty one is false.
    """

    __slots__ = ("__value",)

    def __init__(self, value: str = "") -> None:
        self.__value = value
        _remember(value)

    def reveal(self) -> str:
        """Give the characters, for signing and for the one file that may contain them."""
        return self.__value

    def __repr__(self) -> str:
        return f"Secret({MASK!r})" if self.__value else "Secret('')"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reveal() == self.__value

    def __hash__(self) -> int:
        return hash(("Secret", self.__value))

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "Secrets are not pickled: look the profile up again, by its name, where it is needed."
        )


def _remember(value: str) -> None:
    # A user's access token begins with the id, which is no secret, and a dash.
    head, _, tail = value.partition("-")
    for part in (value, tail) if head.isdecimal() else (value,):
        if len(part) >= _SHORTEST:
            _seen.add(part)


@lru_cache(1)
def _forms(values: frozenset[str]) -> list[str]:
    """Every form that secrets are sent in, the longest first."""
    forms = set()
    for value in values:
        forms |= {value, quote(value, safe=""), quote(quote(value, safe=""), safe="")}
        forms.add(base64.b64encode(value.encode()).decode())
        # Bearer tokens are issued quoted, and a program that decodes one shows it unquoted.
        if len(bare := unquote(value)) >= _SHORTEST:
            forms.add(bare)
    return sorted(forms, key=len, reverse=True)


def mask(text: str) -> str:
    """Mask secrets in a text, in every form that they are sent in.

    These are all that this process has seen, and those in its environment variables.
    """
    for name, value in os.environ.items():
        if name.split("__")[0] in TOKEN_VARIABLES.values():
            _remember(value.strip())
    # The copy takes one step, so other threads may add to the original.
    for form in _forms(frozenset(_seen.copy())):
        # A secret that is part of the mask itself must not be replaced in earlier masks.
        text = MASK.join(part.replace(form, MASK) for part in text.split(MASK))
    return text


def hush_signing_logs() -> None:
    """Drop what the signing library logs below warnings.

    At debug level, oauthlib logs base strings and signatures. A filter on each of its loggers
    works at any level. Only existing loggers can have one, so this is called after the library is
    imported.
    """
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] == "oauthlib":
            logging.getLogger(name).addFilter(lambda record: record.levelno >= logging.WARNING)
