"""A person who logs in at the page of a sandbox."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx


def pin_from(page: str, account: int = 0) -> str:
    """Do what a person does at the sandbox's page: allow the app, read the PIN."""
    token = page.partition("oauth_token=")[2]
    base = page.partition("/oauth/")[0]
    form = {"oauth_token": token, "account": str(account)}
    response = httpx.post(f"{base}/oauth/authorize", data=form)
    pin = re.search(r"\b(\d{7})\b", response.text)
    assert pin, response.text
    return pin[1]


class Person:
    """Answers the questions of a login, and keeps what was shown."""

    def __init__(self, answer: Callable[[str], str] = pin_from) -> None:
        self.shown: list[str] = []
        self.answer = answer

    def show(self, text: str) -> None:
        self.shown.append(text)

    def ask(self, question: str) -> str:
        return self.answer(self.shown[0].splitlines()[-1])
