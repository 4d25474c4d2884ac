"""The record of a run in a dataset, and of each of its requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain, repeat
from typing import Any

import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from engagement_nb.apis.availability import Window
from engagement_nb.apis.contract import By, Span
from engagement_nb.apis.engagement import ENGAGEMENT
from engagement_nb.apis.reasons import Reason
from engagement_nb.client.credentials import Profile
from engagement_nb.client.request import Request
from engagement_nb.errors import DatasetError
from engagement_nb.store import FORMAT, Store, decode_record

METADATA_KEY = b"engagement_nb"
_MOMENTS = ("start", "end", "started_at", "read_at", "answered", "windows")
_ASKED = ("endpoint", "by", "metrics", "tweet_ids", "start", "end", "auth")
"""Fields of a request, as a description has them."""
_LISTED_BEFORE = {
    "unsupported_impressions": Reason.OLDER_THAN_90_DAYS.value,
    "unsupported_video": Reason.OLDER_THAN_1800_DAYS.value,
}
"""Names that parts of version 0.1.0 have instead of ``unsupported``."""


@dataclass(frozen=True, eq=False)
class Part:
    """The result of one finished request, which is not sent again.

    Parameters
    ----------
    request
        The request. Its Tweets are those that the response settles, with figures or as
        unavailable; Tweets that the response leaves out are not among them.
    read_at
        When the response arrived, UTC.
    answered
        The window that the response names; empty if it names none.
    unavailable
        Tweets that the response lists as unavailable.
    unsupported
        Tweets that the response lists as too old for some metrics, by the reason of the rule.
    refused
        Whether the API refused the request; it has no rows then.
    forbidden
        Tweets of other users, as the refusal names them.
    authors
        Their authors by Tweet id, if the refusal names them.
    texts
        The API's own words.
    missing
        Tweets in the response that lack a metric, by metric.
    table
        The rows; None if only the description was read.
    """

    request: Request
    read_at: datetime
    answered: tuple[datetime, datetime] | tuple[()] = ()
    unavailable: tuple[str, ...] = ()
    unsupported: Mapping[Reason, tuple[str, ...]] = field(default_factory=dict)
    refused: bool = False
    forbidden: tuple[str, ...] = ()
    authors: Mapping[str, str] = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    missing: Mapping[str, Sequence[str]] = field(default_factory=dict)
    table: pa.Table | None = None

    @property
    def tweet_ids(self) -> tuple[str, ...]:
        """The Tweets that the response settles."""
        return self.request.tweet_ids

    @property
    def period(self) -> Window | None:
        """The period of the figures; None for all time since posting."""
        return Window(*self.answered) if self.answered else self.request.window

    def description(self) -> bytes:
        """Everything except the rows, as JSON. Of the tokens it has the owner's names only."""
        request = self.request
        asked = {name: getattr(request, name) for name in _ASKED}
        asked |= {"profile": request.profile.name, "owner": request.owner}
        told = {f.name: getattr(self, f.name) for f in fields(self)[1:-1]}
        told["unsupported"] = {reason.value: ids for reason, ids in self.unsupported.items() if ids}
        return orjson.dumps({"format": FORMAT} | asked | told)

    @classmethod
    def described(cls, description: bytes) -> Part:
        """The part that a description describes, without its rows."""
        values = _revived(decode_record(description, "A part of a dataset"))
        # Older parts also name Tweets that the response left out: nothing is known about these.
        left_out = {*values.pop("silent", ()), *values.pop("absent", ())}
        values["tweet_ids"] = tuple(t for t in values["tweet_ids"] if t not in left_out)
        listed = dict(values.pop("unsupported", {}))
        for name, reason in _LISTED_BEFORE.items():
            listed[reason] = values.pop(name, listed.get(reason, ()))
        profile = _owner(values.pop("profile"), values.pop("owner"))
        request = Request(**{name: values.pop(name) for name in _ASKED}, profile=profile)
        unsupported = {Reason(reason): tuple(ids) for reason, ids in listed.items()}
        return cls(request=request, unsupported=unsupported, **values)

    def encode(self) -> bytes:
        """A Parquet file with the rows, and the description in its footer."""
        table = self.table
        if table is None:
            table = pa.table({"tweet_id": pa.array([], pa.string())})
        return parquet(table.replace_schema_metadata({METADATA_KEY: self.description()}))

    def __repr__(self) -> str:
        what = "refused" if self.refused else "answered"
        return f"<Part: {self.request.endpoint}, {len(self.tweet_ids)} Tweets, {what}>"


@lru_cache(maxsize=256)
def _owner(name: str, user_id: str) -> Profile:
    """A profile without tokens: all that a dataset knows of one."""
    return Profile(name, user=user_id)


def parquet(table: pa.Table) -> bytes:
    """The bytes of a Parquet file."""
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression="zstd")
    return bytes(buffer.getvalue())


def _revived(values: dict[str, Any]) -> dict[str, Any]:
    """Values of a JSON record, with lists as tuples and times as datetimes."""

    def revive(value: Any, moment: bool) -> Any:
        if isinstance(value, list):
            return tuple(revive(item, moment) for item in value)
        return datetime.fromisoformat(value) if moment and value is not None else value

    return {name: revive(value, name in _MOMENTS) for name, value in values.items()}


@dataclass(frozen=True)
class RunRecord:
    """What a run requested, as the dataset stores it.

    Parameters
    ----------
    ask
        Digest of the question: see `engagement_nb.dataset.ask_digest`.
    endpoint, by, metrics, windows, start, end
        What was asked, times in UTC.
    started_at
        When it began.
    snapshot
        Label of the snapshot of its parts; empty for historical unless given.
    notes
        Sentences that a reader of the figures needs.
    id
        Name of the run's files: its start and a random suffix.
    done
        Whether every request is finished.
    api, span
        Name of the API, and what the figures of the endpoint cover. Runs of version 0.1.0 don't
        have them: they are of the Engagement API.
    """

    ask: str
    endpoint: str
    by: By | None
    metrics: tuple[str, ...]
    windows: tuple[tuple[datetime, datetime], ...]
    start: datetime | None
    end: datetime | None
    started_at: datetime
    snapshot: str = ""
    notes: tuple[str, ...] = ()
    id: str = ""
    done: bool = False
    api: str = ENGAGEMENT.name
    span: Span | None = None

    def __post_init__(self) -> None:
        if self.span is None:
            object.__setattr__(self, "span", ENGAGEMENT.endpoint(self.endpoint).span)

    @property
    def kind(self) -> str:
        """Endpoint and grouping: the folder of its parts."""
        return f"{self.endpoint}-{self.by}" if self.by else self.endpoint

    @property
    def sets(self) -> list[str]:
        """The folders of its parts: one for each window, or one for the snapshot."""
        return [self.folder(*window) for window in self.windows or [(None, None)]]

    def folder(self, start: datetime | None, end: datetime | None) -> str:
        """The folder of the parts of one window, or of the snapshot."""
        words = [f"{moment.astimezone(UTC):%Y%m%dT%H}" for moment in (start, end) if moment]
        words += [self.snapshot] if self.snapshot else []
        return f"parts/{self.kind}/{'_'.join(words)}"


class RunWriter:
    """Stores the parts of one run in a dataset; used by several threads at once."""

    def __init__(self, store: Store, record: RunRecord) -> None:
        self._store = store
        self.record = record
        self._tweets_of: dict[str, tuple[str, ...]] = {}
        # A killed run must not leave an index of parts that it has replaced.
        for folder in record.sets:
            with suppress(FileNotFoundError):
                store.remove(_index_of(folder))

    def _name(self, request: Request) -> str:
        return f"{self.record.folder(request.start, request.end)}/{request.key}.parquet"

    def put(self, part: Part) -> None:
        """Write a finished request, whole or not at all."""
        name = self._name(part.request)
        self._store.publish(name, part.encode())
        self._tweets_of[name] = part.tweet_ids

    def find(self, request: Request) -> Part | None:
        """The part of the same request from an earlier run, without its rows."""
        name = self._name(request)
        return describe(self._store, name) if self._store.exists(name) else None

    def parts(self) -> Iterator[Part]:
        """Everything finished so far, without its rows."""
        names = part_names(self._store, self.record.sets)
        for name, part in zip(names, described_parts(self._store, names), strict=True):
            self._tweets_of[name] = part.tweet_ids
            yield part

    def close(self, problems: pd.DataFrame, *, done: bool, summary: dict[str, Any]) -> None:
        """Store the problems and the index of parts; ``done`` marks the run as finished."""
        for folder in self.record.sets:
            mine = {n: ids for n, ids in self._tweets_of.items() if n.startswith(f"{folder}/")}
            names = chain.from_iterable(repeat(name, len(ids)) for name, ids in mine.items())
            columns = [pa.array(c, pa.string()) for c in (chain(*mine.values()), names)]
            index = pa.table(columns, names=["tweet_id", "part"])
            self._store.publish(_index_of(folder), parquet(index))
        run = f"runs/{self.record.id}"
        table = pa.Table.from_pandas(problems, preserve_index=False)
        self._store.publish(f"{run}.problems.parquet", parquet(table))
        if done:
            self._store.publish_record(f"{run}.done.json", summary)


def read_runs(store: Store) -> list[RunRecord]:
    """All runs of a dataset, oldest first.

    Raises
    ------
    DatasetError
        A run's file is damaged, or of a newer version.
    """
    names = store.names("runs", ".json")
    found = []
    for name in names:
        if name.endswith(".done.json"):
            continue
        path = f"runs/{name}"
        try:
            done = f"{name.removesuffix('.json')}.done.json" in names
            record = RunRecord(**{**_revived(store.read_record(path)), "done": done})
            if not all(isinstance(v, tuple) for v in (record.metrics, record.notes)):
                raise TypeError(path)
            found.append(record)
        except (OSError, TypeError, ValueError) as error:
            raise DatasetError(
                f"{store.path(path)} is damaged.",
                advice="Remove this file and fetch again: no stored part is requested again.",
            ) from error
    return found


def describe(store: Store, name: str) -> Part:
    """A part without its rows.

    Raises
    ------
    DatasetError
        The file is damaged.
    """
    try:
        with store.fs.open(store.path(name), "rb") as file:
            schema = pq.read_schema(file)
        return Part.described(schema.metadata[METADATA_KEY])
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise DatasetError(
            f"{store.path(name)} is damaged ({error}).",
            advice="Remove this file and fetch again: only its Tweets are requested.",
        ) from error


def part_names(store: Store, sets: Iterable[str]) -> list[str]:
    """The files of the parts in these folders."""
    return [f"{folder}/{name}" for folder in sets for name in store.names(folder, ".parquet")]


def parts_with(store: Store, folder: str, tweet_ids: Sequence[str]) -> list[str]:
    """The files of the parts in a folder that may have rows of these Tweets.

    Without an index, or with a damaged one, these are all parts.
    """
    names = part_names(store, [folder])
    try:
        index = pq.read_table(pa.BufferReader(store.read(_index_of(folder))))
        wanted = index.filter(pc.is_in(index["tweet_id"], pa.array(tweet_ids, pa.string())))
        listed, found = ({*table["part"].unique().to_pylist()} for table in (index, wanted))
    except (OSError, KeyError, pa.ArrowException):
        return names
    # A part that is not in the index is newer than it.
    return [name for name in names if name in found or name not in listed]


def _index_of(folder: str) -> str:
    return f"{folder.replace('parts', 'index', 1)}.parquet"


def described_parts(store: Store, names: Iterable[str]) -> Iterator[Part]:
    """The parts in these files, without their rows."""
    with ThreadPoolExecutor(8) as pool:
        yield from pool.map(lambda name: describe(store, name), names)
