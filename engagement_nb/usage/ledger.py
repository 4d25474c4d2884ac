"""Handles queried this billing month: the count that a contract limits and nobody else keeps.

A contract can limit the unique handles a billing month: the authenticated users who own the
Tweets queried. There is no usage endpoint and no blocking, an overage is billed; so the count
is kept here, in a ledger shared by all runs of a user, or of a team on shared storage.

The ledger is a folder of tiny files that are made once and never changed, one a day (in the
contract's time zone) and user::

    live/2026-11-23/12345      sandbox/...      settings.json

The name alone is the record. So writers need no lock, a killed one loses nothing that it wrote,
two of them writing the same record make one, and any address of fsspec will do as the place.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import threading
import uuid
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import platformdirs

from engagement_nb.errors import DatasetError, HandlesWarning, InputError
from engagement_nb.store import Store, decode_record
from engagement_nb.usage.contract import Contract

if TYPE_CHECKING:
    from engagement_nb.client.credentials import Profile

_log = logging.getLogger(__name__)

ENV_LEDGER = "ENGAGEMENT_LEDGER"
"""Folder or fsspec address of the ledger, where it is not the user's own."""

COLUMNS = ["day", "user_id", "handle", "first_queried", "sandbox"]
"""Columns of a ledger's records, and of the CSV that it is exported to."""

_SETTINGS = "settings.json"
_KINDS = {False: "live", True: "sandbox"}
USER = re.compile(r"\d{1,20}|@\w{1,20}", re.ASCII)
_RECORD = re.compile(r"(live|sandbox)/(\d{4}-\d\d-\d\d)/(\d{1,20}|@\w{1,20})", re.ASCII)


@dataclass(frozen=True)
class Check:
    """What a fetch would do to this billing month's count.

    Parameters
    ----------
    before, after
        Handles of this billing month without and with the fetch.
    added
        User ids that the fetch would add.
    contracted
        The contract's number, or None.
    """

    before: int
    after: int
    added: tuple[str, ...]
    contracted: int | None

    @property
    def over(self) -> bool:
        """Whether the fetch adds handles beyond the contract."""
        return self.contracted is not None and self.after > self.contracted and bool(self.added)

    @property
    def sentence(self) -> str:
        """What a person must know before the fetch; one sentence or two."""
        # Up to: a plan counts everybody who may own a Tweet of unknown owner.
        handles = {0: "0 handles", 1: "1 handle"}.get(
            len(self.added), f"up to {len(self.added):,} handles"
        )
        text = f"This adds {handles} to the {self.before:,} of this billing month"
        if self.contracted is None:
            return f"{text}."
        if self.over:
            return (
                f"{text}: {self.after:,} where the contract has {self.contracted:,}."
                " The overage is billed; nothing at the API's side stops it."
            )
        return f"{text}: {self.after:,} of {self.contracted:,}."


class Ledger:
    """The record of handles queried.

    Parameters
    ----------
    address
        A folder or an fsspec address; without it that of the environment variable
        `ENV_LEDGER`, or else a folder in the user's data directory.
    options
        Options of the fsspec file system.

    Raises
    ------
    InputError
        The address cannot be used.
    """

    def __init__(self, address: str | Path | None = None, **options: Any) -> None:
        default = Path(platformdirs.user_data_dir("engagement_nb", appauthor=False)) / "ledger"
        self.address = str(address or os.environ.get(ENV_LEDGER) or default)
        try:
            self._store = Store(self.address, **options)
        except DatasetError as error:
            raise InputError(
                f"The ledger's address {error.what}",
                advice=f"Check the option or the environment variable {ENV_LEDGER}.",
            ) from None
        self._written: set[str] = set()
        self._contract: Contract | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Ledger({self.address!r})"

    @property
    def contract(self) -> Contract:
        """What the contract says, as stored in the ledger."""
        try:
            return Contract(**self._store.read_record(_SETTINGS))
        except FileNotFoundError:
            return Contract()
        except (DatasetError, TypeError) as error:
            what = error.what if isinstance(error, DatasetError) else f"{_SETTINGS}: {error}."
            raise InputError(
                f"The contract of the ledger {self.address} cannot be understood: {what}",
                advice="Set the contract again: engagement-nb usage --contract N --day D --zone Z.",
            ) from None

    @contract.setter
    def contract(self, contract: Contract) -> None:
        self._store.publish_record(_SETTINGS, asdict(contract))

    def record(
        self,
        users: Mapping[str, str] | Iterable[str],
        when: datetime | None = None,
        *,
        sandbox: bool = False,
    ) -> None:
        """Enter users whose Tweets are being queried; entering them again changes nothing.

        Parameters
        ----------
        users
            User ids, or a mapping of user ids to handles or names; "@handle" does as an id
            where no other is known.
        when
            The moment of the query; now when not given.
        sandbox
            Whether it was the sandbox, which is counted apart.

        Raises
        ------
        InputError
            What is given is not a user id.
        DatasetError
            The ledger cannot be written.
        """
        moment = when or datetime.now(UTC)
        stamp = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        names = users if isinstance(users, Mapping) else dict.fromkeys(users, "")
        for user, handle in names.items():
            if not USER.fullmatch(user):
                raise InputError(
                    f'"{user}" is not a user id.', advice="Give the digits of the id, or @handle."
                )
            name = f"{_KINDS[sandbox]}/{self._first_contract().day_of(moment)}/{user}"
            if name not in self._written:
                if not self._store.exists(name):
                    about = {"handle": handle, "first_queried": stamp.astimezone(UTC).isoformat()}
                    self._store.publish_record(name, about)
                self._written.add(name)

    def record_use(self, profile: Profile) -> None:
        """Enter the owner of a profile's tokens: their Tweets were queried.

        Parameters
        ----------
        profile
            Whose user tokens got an answer with data.
        """
        try:
            self.record({user_of(profile): profile.name}, sandbox=profile.hosts.sandbox)
        except Exception as error:
            # The answer is paid for: whatever the file system raises, it is not thrown away.
            _log.warning("The handle %s is not counted: %s", profile.name, error)

    def _first_contract(self) -> Contract:
        """The contract as it was at the first record of this process: one read, not thousands."""
        with self._lock:
            if self._contract is None:
                self._contract = self.contract
            return self._contract

    def records(self) -> pd.DataFrame:
        """All records, by day and user.

        Returns
        -------
        DataFrame
            `COLUMNS`: ``day`` (date in the contract's zone), ``user_id``, ``handle``,
            ``first_queried`` (UTC, of that day), ``sandbox``.

        Raises
        ------
        InputError
            A record was written by a newer version of the package.
        """
        found = [
            (name, match, day)
            for name in self._store.find()
            if (match := _RECORD.fullmatch(name)) and (day := _day(match[2]))
        ]
        contents = self._store.read_many([name for name, _, _ in found])
        rows = []
        for (name, match, day), content in zip(found, contents, strict=True):
            about = _details(content, f"{self.address}/{name}")
            rows.append((day, match[3], *about, match[1] == "sandbox"))
        frame = pd.DataFrame(rows, columns=COLUMNS).astype(
            {"user_id": "string", "handle": "string", "sandbox": "bool"}
        )
        frame["first_queried"] = pd.to_datetime(
            frame["first_queried"], utc=True, errors="coerce", format="ISO8601"
        )
        return frame.sort_values(["sandbox", "day", "user_id"], ignore_index=True)

    def users(self, first: date, after: date, *, sandbox: bool = False) -> set[str]:
        """User ids queried from a day on, up to but without another."""
        found: set[str] = set()
        for name in self._store.names(_KINDS[sandbox]):
            day = _day(name)
            if day and first <= day < after:
                names = self._store.names(f"{_KINDS[sandbox]}/{name}")
                found |= {user for user in names if USER.fullmatch(user)}
        return found

    def check(
        self,
        users: Mapping[str, str] | Iterable[str],
        *,
        max_handles: int | None = None,
        when: datetime | None = None,
        sandbox: bool = False,
    ) -> Check:
        """What a fetch would do to this billing month's count; nothing is entered.

        Parameters
        ----------
        users
            User ids of the owners that the fetch would count for, or a mapping of them to
            handles, as in ``Plan.signers``: who is on record by handle alone counts once.
        max_handles
            The most handles that this billing month may come to.
        when
            The moment of the fetch; now when not given.
        sandbox
            Whether it is the sandbox's count that is meant.

        Raises
        ------
        InputError
            The fetch would take the count beyond ``max_handles``.
        """
        contract = self.contract
        month = contract.month_of(contract.day_of(when or datetime.now(UTC)))
        counted = self.users(*month, sandbox=sandbox)
        asked = dict.fromkeys(users)
        if any(user.startswith("@") for user in (*counted, *asked)):
            records = self.records()
            named = [*zip(records["user_id"], records["handle"], strict=True)]
            ids = ids_of_handles([*named, *(users.items() if isinstance(users, Mapping) else ())])
            counted, asked = (
                set(canonical_ids(counted, ids)),
                dict.fromkeys(canonical_ids(asked, ids)),
            )
        added = tuple(user for user in asked if user not in counted)
        check = Check(
            before=len(counted),
            after=len(counted) + len(added),
            added=added,
            contracted=None if sandbox else contract.handles,
        )
        if max_handles is not None and added and check.after > max_handles:
            raise InputError(
                f"{check.sentence.rstrip('.')}, over the limit of {max_handles:,} (max_handles);"
                " nothing was asked.",
                advice="Fetch fewer owners' Tweets, or raise the limit.",
            )
        return check

    def guard(
        self,
        users: Mapping[str, str] | Iterable[str],
        *,
        max_handles: int | None = None,
        sandbox: bool = False,
    ) -> str:
        """Check users before a fetch: refuse beyond a limit, warn beyond the contract.

        Parameters
        ----------
        users, max_handles, sandbox
            As for `check`.

        Returns
        -------
        str
            What was warned of; empty where nothing was.

        Raises
        ------
        InputError
            The fetch would take the count beyond ``max_handles``.

        Warns
        -----
        HandlesWarning
            The fetch would take the count beyond the contract, or that cannot be known.
        """
        try:
            check = self.check(users, max_handles=max_handles, sandbox=sandbox)
        except OSError as error:
            text = (
                f"The ledger {self.address} cannot be read ({error.strerror or error}): the"
                " handles of this fetch are not checked."
            )
        else:
            text = check.sentence if check.over else ""
        if text:
            warnings.warn(text, HandlesWarning, stacklevel=2)
        return text

    def ensure_writable(self) -> None:
        """Make sure that records can be entered: a limit on what is not counted is none.

        Raises
        ------
        InputError
            They cannot.
        """
        probe = f".probe-{uuid.uuid4().hex}"
        try:
            self._store.publish(probe, b"probe")
            self._store.remove(probe)
        except Exception as error:
            what = error.what if isinstance(error, DatasetError) else type(error).__name__
            raise InputError(
                f"The handles cannot be counted, so a limit would not hold; nothing was asked."
                f" {what}",
                advice=f"Check the environment variable {ENV_LEDGER}.",
            ) from None


def user_of(profile: Profile) -> str:
    """The user that a profile's tokens count for: the id, else "@" and the profile's name."""
    return profile.user_id or "@" + re.sub(r"\W", "_", profile.name, flags=re.ASCII)[:20].lower()


def ids_of_handles(named: Iterable[tuple[str, str]]) -> dict[str, str]:
    """User ids by "@handle", from pairs of user id and handle."""
    return {f"@{handle.lower()}": user for user, handle in named if handle and user[:1] != "@"}


def canonical_ids(users: Iterable[str], ids: Mapping[str, str]) -> list[str]:
    """The users, those known by handle alone under the id of that handle where it is known."""
    return [ids.get(user.lower(), user) for user in users]


def _day(text: str) -> date | None:
    """The day that a folder is named for; None for a folder of another name."""
    with contextlib.suppress(ValueError):
        return date.fromisoformat(text)
    return None


def _details(content: bytes, path: str) -> tuple[str, str | None]:
    """Handle and moment of a record; one that a kill cut off still counts, by its name alone."""
    try:
        about = decode_record(content, path)
    except DatasetError as error:
        if "newer" in error.what:
            raise InputError(error.what, advice=error.advice) from None
        return "", None
    handle, moment = about.get("handle"), about.get("first_queried")
    return str(handle or ""), moment if isinstance(moment, str) else None
