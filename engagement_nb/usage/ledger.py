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

import json
import logging
import os
import re
import threading
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec
import platformdirs

from engagement_nb.errors import InputError
from engagement_nb.usage.contract import Contract
from engagement_nb.usage.people import ids_of_handles, one_each

if TYPE_CHECKING:
    import pandas as pd

    from engagement_nb.client.credentials import Profile

_log = logging.getLogger(__name__)

ENV_LEDGER = "ENGAGEMENT_LEDGER"
"""Folder or fsspec address of the ledger, where it is not the user's own."""

COLUMNS = ["day", "user_id", "handle", "first_queried", "sandbox"]
"""Columns of a ledger's records, and of the CSV that it is exported to."""

_SETTINGS = "settings.json"
_KINDS = {False: "live", True: "sandbox"}
USER = re.compile(r"\d{1,20}|@\w{1,20}", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_RECORD = re.compile(r"/(live|sandbox)/(\d{4}-\d\d-\d\d)/(\d{1,20}|@\w{1,20})$", re.ASCII)


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
    """

    def __init__(self, address: str | Path | None = None, **options: Any) -> None:
        default = Path(platformdirs.user_data_dir("engagement_nb", appauthor=False)) / "ledger"
        self.address = str(address or os.environ.get(ENV_LEDGER) or default)
        try:
            self._fs, root = fsspec.core.url_to_fs(self.address, **options)
        except Exception as error:
            # File systems of other makers raise errors of their own, not all of them for people.
            why = f": {error}" if isinstance(error, ValueError | ImportError) else ""
            raise InputError(
                f"{self.address} is no address for a ledger{why.rstrip('.')}.",
                advice=f"Check the option or the environment variable {ENV_LEDGER}.",
            ) from None
        self._root = str(root).rstrip("/")
        self._written: set[str] = set()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Ledger({self.address!r})"

    @property
    def contract(self) -> Contract:
        """What the contract says, as stored in the ledger."""
        try:
            stored = json.loads(self._fs.cat_file(f"{self._root}/{_SETTINGS}"))
            return Contract(**stored)
        except FileNotFoundError:
            return Contract()
        except (ValueError, TypeError):
            raise InputError(
                f"{self.address}/{_SETTINGS} cannot be understood.",
                advice="Set the contract again: engagement-nb usage --contract N --day D --zone Z.",
            ) from None

    @contract.setter
    def contract(self, contract: Contract) -> None:
        self._publish(_SETTINGS, json.dumps(asdict(contract), indent=1).encode())

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
            What is given is no user id.
        OSError
            The ledger cannot be written.
        """
        moment = when or datetime.now(UTC)
        names = users if isinstance(users, Mapping) else dict.fromkeys(users, "")
        if not names:
            return
        day = self._cached_contract().day_of(moment)
        for user, handle in names.items():
            if not USER.fullmatch(user):
                raise InputError(
                    f'"{user}" is no user id.', advice="Give the digits of the id, or @handle."
                )
            self._enter(f"{_KINDS[sandbox]}/{day}/{user}", handle, moment)

    def _enter(self, name: str, handle: str, moment: datetime) -> None:
        if name in self._written:
            return
        stamp = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        about = {"handle": handle, "first_queried": stamp.astimezone(UTC).isoformat()}
        try:
            self._create(name, json.dumps(about).encode())
        except OSError:
            raise
        except Exception as error:
            # File systems of other makers raise errors of their own.
            raise OSError(f"{self.address}: {type(error).__name__}") from error
        self._written.add(name)

    def records(self) -> pd.DataFrame:
        """All records, by day and user.

        Returns
        -------
        DataFrame
            `COLUMNS`: ``day`` (date in the contract's zone), ``user_id``, ``handle``,
            ``first_queried`` (UTC, of that day), ``sandbox``.
        """
        # Imported here: a client that only enters what it asks need not load it.
        import pandas as pd

        try:
            self._fs.invalidate_cache()
            paths = [str(path) for path in self._fs.find(self._root)]
        except FileNotFoundError:
            paths = []
        found = [(path, match) for path in paths if (match := _RECORD.search("/" + path))]
        read = self._read([path for path, _ in found])
        rows = []
        for path, match in found:
            about = _details(read.get(path, b""))
            rows.append(
                {
                    "day": date.fromisoformat(match[2]),
                    "user_id": match[3],
                    "handle": about.get("handle", ""),
                    "first_queried": about.get("first_queried"),
                    "sandbox": match[1] == "sandbox",
                }
            )
        frame = pd.DataFrame(rows, columns=COLUMNS).astype(
            {"user_id": "string", "handle": "string", "sandbox": "bool"}
        )
        frame["first_queried"] = pd.to_datetime(frame["first_queried"], utc=True, errors="coerce")
        return frame.sort_values(["sandbox", "day", "user_id"], ignore_index=True)

    def users(self, first: date, after: date, *, sandbox: bool = False) -> set[str]:
        """User ids queried from a day on, up to but without another."""
        found: set[str] = set()
        root = f"{self._root}/{_KINDS[sandbox]}"
        for name in self._names(root):
            if _DAY.fullmatch(name) and first <= date.fromisoformat(name) < after:
                found |= {user for user in self._names(f"{root}/{name}") if USER.fullmatch(user)}
        return found

    def _names(self, folder: str) -> list[str]:
        try:
            self._fs.invalidate_cache(folder)
            return [str(path).rsplit("/", 1)[-1] for path in self._fs.ls(folder, detail=False)]
        except FileNotFoundError:
            return []

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
            counted, asked = set(one_each(counted, ids)), dict.fromkeys(one_each(asked, ids))
        added = tuple(user for user in asked if user not in counted)
        check = Check(
            before=len(counted),
            after=len(counted) + len(added),
            added=added,
            contracted=None if sandbox else contract.handles,
        )
        if max_handles is not None and added and check.after > max_handles:
            raise InputError(
                f"{check.sentence.rstrip('.')}, over the {max_handles:,} of --max-handles;"
                " nothing was asked.",
                advice="Fetch fewer owners' Tweets, or raise --max-handles.",
            )
        return check

    def _cached_contract(self) -> Contract:
        """The contract as it was at the first record of this process: one read, not thousands."""
        with self._lock:
            if not hasattr(self, "_contract"):
                self._contract = self.contract
            return self._contract

    def _create(self, name: str, content: bytes) -> None:
        path = f"{self._root}/{name}"
        if self._local:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            try:
                with Path(path).open("xb") as file:
                    file.write(content)
            except FileExistsError:
                pass
        elif not self._fs.exists(path):
            self._publish(name, content)

    def _read(self, paths: list[str]) -> dict[str, Any]:
        if self._local:
            return {path: Path(path).read_bytes() for path in paths}
        # One call, which file systems with latency answer concurrently.
        return dict(self._fs.cat(paths, on_error="return")) if paths else {}

    @property
    def _local(self) -> bool:
        return "file" in self._fs.protocol

    def must_count(self) -> None:
        """Make sure that records can be entered: a limit on what is not counted is none.

        Raises
        ------
        InputError
            They cannot.
        """
        probe = f".probe-{uuid.uuid4().hex}"
        try:
            self._publish(probe, b"")
            self._fs.rm_file(f"{self._root}/{probe}")
        except Exception as error:
            # File systems of other makers raise errors of their own.
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise InputError(
                f"The ledger {self.address} cannot be written to ({reason}), so that --max-handles"
                " would not hold; nothing was asked.",
                advice=f"Check the environment variable {ENV_LEDGER}.",
            ) from None

    def _publish(self, name: str, content: bytes) -> None:
        path = f"{self._root}/{name}"
        self._fs.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
        if not self._local:
            self._fs.pipe_file(path, content)
            return
        draft = Path(f"{path}.{os.getpid()}")
        draft.write_bytes(content)
        draft.replace(path)


def user_of(profile: Profile) -> str:
    """The user that a profile's tokens count for: the id, else "@" and the profile's name."""
    return profile.user_id or "@" + re.sub(r"\W", "_", profile.name, flags=re.ASCII)[:20].lower()


_own: dict[str, Ledger] = {}


def record_use(profile: Profile) -> None:
    """Enter the owner of a profile's tokens into the user's ledger: their Tweets were queried.

    Parameters
    ----------
    profile
        Whose user tokens got an answer with data.
    """
    address = os.environ.get(ENV_LEDGER, "")
    ledger = _own.get(address) or _own.setdefault(address, Ledger())
    try:
        ledger.record({user_of(profile): profile.name}, sandbox=profile.hosts.sandbox)
    except (OSError, InputError) as error:
        # The answer is paid for; it is not thrown away because it could not be counted.
        _log.warning("The handle %s is not counted: %s", profile.name, error)


def _details(content: Any) -> dict[str, str]:
    """What a record says; a record cut off by a kill still counts, with its name alone."""
    try:
        about = json.loads(content)
    except (ValueError, TypeError):
        return {}
    return about if isinstance(about, dict) else {}
