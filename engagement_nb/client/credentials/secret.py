"""Strings that must not be shown, and the means to keep them out of what is shown."""

from __future__ import annotations

import base64
import logging
import os
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


class Secret:
    """A string that ``repr``, ``str``, f-strings, JSON and pickle don't show.

    Not a subclass of ``str``, so that nothing can join, log or serialize it by accident:
    whoever needs the characters asks for them with `reveal`.

    Parameters
    ----------
    value
        The secret itself; may be empty, which is false.
    """

    __slots__ = ("__value",)

    def __init__(self, value: str = "") -> None:
        self.__value = value
        _remember(value)

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

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "Secrets are not pickled: look the profile up again, by its name, where it is needed."
        )


def _remember(value: str) -> None:
    if len(value) >= _SHORTEST:
        _seen.add(value)


def met_secrets() -> frozenset[str]:
    """All secrets that this process has met, and those in its environment variables."""
    for name, value in os.environ.items():
        if name.split("__")[0] in SECRET_VARIABLES:
            _remember(value.strip())
    # A copy is made in one step, while other threads add to the original.
    return frozenset(_seen.copy())


def mask(text: str) -> str:
    """A text without the secrets that this process has met, in any form the wire has of them."""
    forms = set()
    for value in met_secrets():
        forms |= {value, quote(value, safe=""), quote(quote(value, safe=""), safe="")}
        forms.add(base64.b64encode(value.encode()).decode())
        # Bearer tokens are handed out quoted, and whoever decodes one shows it unquoted.
        if len(bare := unquote(value)) >= _SHORTEST:
            forms.add(bare)
    for form in sorted(forms, key=len, reverse=True):
        # A secret that is part of the mask itself must not be found in masks set before.
        text = MASK.join(part.replace(form, MASK) for part in text.split(MASK))
    return text


def _is_warning(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING


def hush_signing_logs() -> None:
    """Keep what the signing libraries log below warnings out of every log.

    At debug level oauthlib writes base strings and signatures, and requests-oauthlib whole
    token responses. A filter on each of their loggers holds whatever level a person sets; only
    loggers that exist can have one, so this is called after the libraries are imported.
    """
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] in ("oauthlib", "requests_oauthlib"):
            logging.getLogger(name).addFilter(_is_warning)
