"""Strings that must not be shown, and the means to keep them out of what is shown."""

from __future__ import annotations

import base64
import logging
import os
import threading
from typing import NoReturn
from urllib.parse import quote, unquote

from engagement_nb.vocabulary import (
    ENV_ACCESS_TOKEN,
    ENV_ACCESS_TOKEN_SECRET,
    ENV_BEARER_TOKEN,
    ENV_CONSUMER_KEY,
    ENV_CONSUMER_SECRET,
)

MASK = "[secret]"
SECRET_VARIABLES = (
    ENV_CONSUMER_KEY,
    ENV_CONSUMER_SECRET,
    ENV_ACCESS_TOKEN,
    ENV_ACCESS_TOKEN_SECRET,
    ENV_BEARER_TOKEN,
)
_SHORTEST = 6
"""Shorter values are no secrets of this API, and masking them would garble any text."""

_seen: set[str] = set()
_seen_lock = threading.Lock()


class Secret:
    """A string that ``repr``, ``str``, f-strings, JSON and pickle don't show.

    Not a subclass of ``str``, so that nothing can join, log or serialise it by accident:
    whoever needs the characters asks for them with `reveal`.

    Parameters
    ----------
    value
        The secret itself; may be empty, which is false.
    """

    __slots__ = ("__value",)

    def __init__(self, value: str = "") -> None:
        self.__value = value
        remember(value)

    def reveal(self) -> str:
        """The characters themselves, for signing and for the one file that may hold them."""
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

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "Secrets are not pickled: look the profile up again, by its name, where it is needed."
        )


def remember(value: str) -> None:
    """Take a string among those that `redact` masks."""
    if len(value) >= _SHORTEST:
        with _seen_lock:
            _seen.add(value)


def known_secrets() -> frozenset[str]:
    """All secrets that this process has met, and those in its environment variables.

    Returns
    -------
    frozenset of str
        For comparing only, for instance to refuse a notebook parameter that is one of them.
    """
    for name, value in os.environ.items():
        if name.split("__")[0] in SECRET_VARIABLES:
            remember(value.strip())
    with _seen_lock:
        return frozenset(_seen)


def redact(text: str) -> str:
    """A text with every known secret masked, in the forms in which the wire carries it too."""
    forms = set()
    for value in known_secrets():
        forms |= {value, quote(value, safe=""), quote(quote(value, safe=""), safe="")}
        forms.add(base64.b64encode(value.encode()).decode())
        # Bearers are handed out quoted, and whoever takes one apart shows it otherwise.
        if len(bare := unquote(value)) >= _SHORTEST:
            forms.add(bare)
    for form in sorted(forms, key=len, reverse=True):
        # A secret that is part of the mask itself must not be found in masks set before.
        text = MASK.join(part.replace(form, MASK) for part in text.split(MASK))
    return text


class _Quiet(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING


_quiet = _Quiet()


def hush_signing_logs() -> None:
    """Keep the talk of the signing libraries below warnings out of every log.

    At debug level oauthlib writes base strings and signatures, and requests-oauthlib whole
    token answers. A filter on each of their loggers holds whatever level a person sets; it is
    put on those loggers that exist, so this is called after the libraries are imported.
    """
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] in ("oauthlib", "requests_oauthlib"):
            logger = logging.getLogger(name)
            if _quiet not in logger.filters:
                logger.addFilter(_quiet)
