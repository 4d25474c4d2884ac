"""The ledger of handles and of billed reads, and the contract that limits handles.

A ledger is a folder of tiny files that are created once and never changed: one per day (in the
contract's time zone) and user, and one per response with Posts that are billed::

    live/2026-11-23/12345      reads/live/2026-11-23/RANDOM.json      sandbox/...      settings.json

The name of a handle's file alone is the record. So writers need no lock, a killed writer loses no
record that it has written, two writers of the same record make one file, and any fsspec address
works.
"""

from __future__ import annotations

import calendar
import contextlib
import logging
import os
import re
import uuid
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import platformdirs

from engagement_nb.apis.times import as_utc
from engagement_nb.errors import DatasetError, HandlesWarning, InputError
from engagement_nb.metrics.periods import zone_of
from engagement_nb.store import NewerFormatError, Store, decode_record

if TYPE_CHECKING:
    from engagement_nb.client.credentials import Profile

_log = logging.getLogger(__name__)

ENV_LEDGER = "ENGAGEMENT_LEDGER"
"""Environment variable: folder or fsspec address of the ledger, instead of the default."""

COLUMNS = ["day", "user_id", "handle", "first_queried", "sandbox"]
"""Columns of a ledger's records, and of its CSV export."""

USER = re.compile(r"\d{1,20}|@\w{1,20}", re.ASCII)
_SETTINGS = "settings.json"
_KINDS = {False: "live", True: "sandbox"}
_RECORD = re.compile(rf"(live|sandbox)/(\d{{4}}-\d\d-\d\d)/({USER.pattern})", re.ASCII)


@dataclass(frozen=True)
class Contract:
    """The terms of a contract about handles.

    Parameters
    ----------
    handles
        Unique handles per billing month; None if they are not limited, or not known.
    day
        Day of the month on which a billing month begins; the last day in shorter months.
    zone
        Time zone in which that day begins.
    """

    handles: int | None = None
    day: int = 1
    zone: str = "UTC"

    def __post_init__(self) -> None:
        if self.handles is not None and self.handles < 1:
            raise InputError(
                f"A contract cannot have {self.handles} handles.", advice="Give 1 or more."
            )
        if not 1 <= self.day <= 31:
            raise InputError(
                f"{self.day} is not a day of a month.", advice="Give 1 to 31, as in the contract."
            )
        zone_of(self.zone)

    def day_of(self, moment: datetime) -> date:
        """The calendar day of a moment in the contract's zone. Naive moments are in UTC."""
        return as_utc(moment).astimezone(zone_of(self.zone)).date()

    def month_of(self, day: date) -> tuple[date, date]:
        """First day of the billing month that contains a day, and of the next one."""
        month = day.year * 12 + day.month - 1
        begins = self._begins(month)
        if day < begins:
            return self._begins(month - 1), begins
        return begins, self._begins(month + 1)

    def _begins(self, months: int) -> date:
        year, month = months // 12, months % 12 + 1
        return date(year, month, min(self.day, calendar.monthrange(year, month)[1]))


@dataclass(frozen=True)
class Check:
    """The effect of a fetch on the count of this billing month.

    Parameters
    ----------
    before, after
        Handles of this billing month without and with the fetch.
    added
        User ids that the fetch would add.
    contracted
        The contract's number of handles, or None.
    sandbox
        Whether this is the sandbox's count, which nobody bills.
    """

    before: int
    after: int
    added: tuple[str, ...]
    contracted: int | None
    sandbox: bool = False

    @property
    def over(self) -> bool:
        """Whether the fetch adds handles beyond the contract."""
        return self.contracted is not None and self.after > self.contracted and bool(self.added)

    @property
    def sentence(self) -> str:
        """The effect in one or two sentences."""
        # A plan counts all possible owners of Tweets whose owner is unknown, hence "up to".
        handles = {0: "0 handles", 1: "1 handle"}.get(
            len(self.added), f"up to {len(self.added):,} handles"
        )
        text = f"This adds {handles} to the {self.before:,} of this billing month"
        if self.contracted is None:
            return f"{text}."
        if self.over:
            bill = "The overage is billed; the API does not stop it."
            if self.sandbox:
                bill = "The sandbox bills nothing; the API would bill the overage."
            return f"{text}: {self.after:,}, but the contract has {self.contracted:,}. {bill}"
        return f"{text}: {self.after:,} of {self.contracted:,}."


class Ledger:
    """The record of handles queried.

    Parameters
    ----------
    address
        A folder or an fsspec address; by default that of the environment variable
        `ENV_LEDGER`, or else a folder in the user's data directory.

    Raises
    ------
    InputError
        The address cannot be used.
    """

    def __init__(self, address: str | Path | None = None) -> None:
        default = Path(platformdirs.user_data_dir("engagement_nb", appauthor=False)) / "ledger"
        self.address = str(address or os.environ.get(ENV_LEDGER) or default)
        try:
            self._store = Store(self.address)
            self._store.check_folder()
        except DatasetError as error:
            raise InputError(
                f"The ledger's address {error.what}",
                advice=f"Check the option or the environment variable {ENV_LEDGER}.",
            ) from None
        self._written: set[str] = set()

    def __repr__(self) -> str:
        return f"Ledger({self.address!r})"

    @property
    def contract(self) -> Contract:
        """The contract, as stored in the ledger."""
        try:
            told = self._store.read(_SETTINGS)
            return decode_record(told, self._store.path(_SETTINGS), Contract)
        except FileNotFoundError:
            return Contract()
        except DatasetError as error:
            raise InputError(
                f"The contract of the ledger {self.address} cannot be read: {error.what}",
                advice="Set the contract again: engagement-nb usage --contract N --day D --zone Z.",
            ) from None

    @contract.setter
    def contract(self, contract: Contract) -> None:
        self._store.publish_record(_SETTINGS, asdict(contract))
        self._recording = contract

    @cached_property
    def _recording(self) -> Contract:
        """The contract for new records. It is read once, not for each of thousands."""
        return self.contract

    def record(
        self,
        users: Mapping[str, str] | Iterable[str],
        when: datetime | None = None,
        *,
        sandbox: bool = False,
    ) -> None:
        """Record users whose Tweets are queried. Recording them again changes nothing.

        Parameters
        ----------
        users
            User ids, or a mapping of user ids to handles or names. An unknown id can be
            written as "@handle".
        when
            The moment of the query; by default now.
        sandbox
            Whether the sandbox was queried, whose count is separate.

        Raises
        ------
        InputError
            An entry is not a user id.
        DatasetError
            The ledger cannot be written to.
        """
        moment = as_utc(when or datetime.now(UTC))
        for user, handle in _with_handles(users).items():
            if not USER.fullmatch(user):
                raise InputError(
                    f'"{user}" is not a user id.', advice="Give the digits of the id, or @handle."
                )
            name = f"{_KINDS[sandbox]}/{self._recording.day_of(moment)}/{user}"
            if name not in self._written:
                if not self._store.exists(name):
                    about = {"handle": handle, "first_queried": moment.isoformat()}
                    self._store.publish_record(name, about)
                self._written.add(name)

    def record_use(self, profile: Profile) -> None:
        """Record the owner of a profile's tokens, whose Tweets were queried.

        Parameters
        ----------
        profile
            The profile whose user tokens got a response with data.
        """
        try:
            self.record({user_of(profile): profile.name}, sandbox=profile.hosts.sandbox)
        except Exception as error:
            # The response is paid for, so an error of a file system must not lose it.
            _log.warning("The handle %s is not counted: %s", profile.name, error)

    def record_reads(
        self, tweet_ids: Iterable[str], when: datetime, *, price: float, sandbox: bool = False
    ) -> None:
        """Record Posts that a response of an API returned that bills each once per UTC day.

        Parameters
        ----------
        tweet_ids
            The Posts.
        when
            When the response arrived.
        price
            What each of them costs, in US dollars.
        sandbox
            Whether they were read from the sandbox, which nobody bills.
        """
        if ids := list(dict.fromkeys(tweet_ids)):
            name = f"{_reads_folder(when, sandbox)}/{uuid.uuid4().hex}.json"
            self._store.publish_record(name, {"price": price, "ids": ids})

    def reads_of(self, when: datetime, *, sandbox: bool = False) -> dict[str, float]:
        """Posts read on the UTC day of a moment, with what each was billed: its highest price."""
        billed: dict[str, float] = {}
        folder = _reads_folder(when, sandbox)
        for name in self._store.names(folder):
            try:
                told = self._store.read_record(f"{folder}/{name}")
                price, ids = float(told["price"]), [str(tweet_id) for tweet_id in told["ids"]]
            except (OSError, DatasetError, ValueError, KeyError, TypeError):
                continue  # Another program's file, or one that is being written.
            for tweet_id in ids:
                billed[tweet_id] = max(price, billed.get(tweet_id, 0.0))
        return billed

    def records(self) -> pd.DataFrame:
        """Read all records, sorted by day and user.

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
        names = [
            name
            for name in self._store.find()
            if (match := _RECORD.fullmatch(name)) and _day(match[2])
        ]
        rows = []
        for name, content in zip(names, self._store.read_many(names), strict=True):
            kind, day, user = name.split("/")
            about = _details(content, f"{self.address}/{name}")
            rows.append((_day(day), user, *about, kind == "sandbox"))
        frame = pd.DataFrame(rows, columns=COLUMNS).astype(
            {"user_id": "string", "handle": "string", "sandbox": "bool"}
        )
        frame["first_queried"] = pd.to_datetime(
            frame["first_queried"], utc=True, errors="coerce", format="ISO8601"
        )
        return frame.sort_values(["sandbox", "day", "user_id"], ignore_index=True)

    def users(self, first: date, after: date, *, sandbox: bool = False) -> set[str]:
        """User ids queried from the first day until the day before ``after``."""
        kind = _KINDS[sandbox]
        days = [name for name in self._store.names(kind) if (day := _day(name))
                and first <= day < after]  # fmt: skip
        names = (name for day in days for name in self._store.names(f"{kind}/{day}"))
        return {user for user in names if USER.fullmatch(user)}

    def check(
        self,
        users: Mapping[str, str] | Iterable[str],
        *,
        max_handles: int | None = None,
        when: datetime | None = None,
        sandbox: bool = False,
    ) -> Check:
        """Compute the effect of a fetch on this billing month's count. Records nothing.

        Parameters
        ----------
        users
            User ids of the owners that the fetch would count for, or a mapping of them to
            handles, as in ``Plan.signers``. A user who is recorded by handle alone counts once.
        max_handles
            The limit for this billing month.
        when
            The moment of the fetch; by default now.
        sandbox
            Whether to check the sandbox's count.

        Raises
        ------
        InputError
            The fetch would take the count over ``max_handles``.
        """
        contract = self.contract
        month = contract.month_of(contract.day_of(when or datetime.now(UTC)))
        counted = self.users(*month, sandbox=sandbox)
        asked = _with_handles(users)
        added = dict.fromkeys(asked)
        if any(user.startswith("@") for user in (*counted, *asked)):
            records = self.records()
            named = [*zip(records["user_id"], records["handle"], strict=True), *asked.items()]
            counted = set(canonical_ids(counted, named))
            added = dict.fromkeys(canonical_ids(asked, named))
        new = tuple(user for user in added if user not in counted)
        check = Check(
            before=len(counted),
            after=len(counted) + len(new),
            added=new,
            contracted=contract.handles,
            sandbox=sandbox,
        )
        if max_handles is not None and new and check.after > max_handles:
            raise InputError(
                f"{check.sentence} That is over the limit of {max_handles:,} (max_handles);"
                " nothing was requested.",
                advice="Fetch the Tweets of fewer owners, or raise the limit.",
            )
        return check

    def guard(
        self,
        users: Mapping[str, str] | Iterable[str],
        *,
        max_handles: int | None = None,
        sandbox: bool = False,
    ) -> str:
        """Check users before a fetch: refuse it over a limit, and warn over the contract.

        Parameters
        ----------
        users, max_handles, sandbox
            As for `check`.

        Returns
        -------
        str
            The text of the warning; "" without one.

        Raises
        ------
        InputError
            The fetch would take the count over ``max_handles``.

        Warns
        -----
        HandlesWarning
            The fetch would take the count over the contract, or the ledger cannot be read.
        """
        try:
            check = self.check(users, max_handles=max_handles, sandbox=sandbox)
            text = check.sentence if check.over else ""
        except OSError as error:
            text = (
                f"The ledger {self.address} cannot be read ({error.strerror or error}): the"
                " handles of this fetch are not checked."
            )
        if text:
            warnings.warn(text, HandlesWarning, stacklevel=2)
        return text

    def ensure_writable(self) -> None:
        """Make sure that handles can be recorded. Otherwise a limit could not be kept.

        Raises
        ------
        InputError
            The ledger cannot be written to.
        """
        probe = f".probe-{uuid.uuid4().hex}"
        try:
            self._store.publish(probe, b"probe")
            self._store.remove([probe])
        except Exception as error:
            what = error.what if isinstance(error, DatasetError) else type(error).__name__
            raise InputError(
                "Handles cannot be counted, so a limit could not be kept; nothing was requested."
                f" {what}",
                advice=f"Check the environment variable {ENV_LEDGER}.",
            ) from None


def user_of(profile: Profile) -> str:
    """The user of a profile's tokens: the id, or "@" and the profile's name."""
    return profile.user_id or "@" + re.sub(r"\W", "_", profile.name, flags=re.ASCII)[:20].lower()


def canonical_ids(users: Iterable[str], named: Iterable[tuple[str, str]]) -> list[str]:
    """The users, with each "@handle" replaced by its user id if a pair in ``named`` has it."""
    ids = {f"@{handle.lower()}": user for user, handle in named if handle and user[:1] != "@"}
    return [ids.get(user.lower(), user) for user in users]


def _with_handles(users: Mapping[str, str] | Iterable[str]) -> Mapping[str, str]:
    return users if isinstance(users, Mapping) else dict.fromkeys(users, "")


def _reads_folder(when: datetime, sandbox: bool) -> str:
    return f"reads/{_KINDS[sandbox]}/{when.astimezone(UTC):%Y-%m-%d}"


def _day(text: str) -> date | None:
    """The day in a folder's name; None for a folder with another name."""
    with contextlib.suppress(ValueError):
        return date.fromisoformat(text)
    return None


def _details(content: bytes, path: str) -> tuple[str, str | None]:
    """Handle and moment of a record. A damaged record still counts, by its name."""
    try:
        about = decode_record(content, path, dict)
    except NewerFormatError as error:
        raise InputError(error.what, advice=error.advice) from None
    except DatasetError:
        return "", None
    handle, moment = about.get("handle"), about.get("first_queried")
    return str(handle or ""), moment if isinstance(moment, str) else None
