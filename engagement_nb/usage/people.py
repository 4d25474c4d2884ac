"""Who is who in a ledger: records of one user by id and by handle count once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def ids_of_handles(named: Iterable[tuple[str, str]]) -> dict[str, str]:
    """User ids by "@handle", from pairs of user id and handle."""
    return {f"@{handle.lower()}": user for user, handle in named if handle and user[:1] != "@"}


def one_each(users: Iterable[str], ids: Mapping[str, str]) -> list[str]:
    """The users, those known by handle alone under the id of that handle where it is known."""
    return [ids.get(user.lower(), user) for user in users]
