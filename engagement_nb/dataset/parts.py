"""One finished request: its rows, what the API said beside them, and where it is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Protocol

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from engagement_nb.errors import DatasetError
from engagement_nb.store import FORMAT, Store, decode_record

METADATA_KEY = b"engagement_nb"


@dataclass(frozen=True, eq=False)
class Part:
    """What one finished request gave; the API need not be asked that again.

    Parameters
    ----------
    endpoint, by, metrics, tweet_ids, start, end, auth
        What was asked. ``metrics`` are those of the request.
    profile, owner
        Name of the profile, and user id of its tokens.
    read_at
        When the answer came, UTC.
    answered
        The window that the answer names; empty where it names none.
    unavailable, unsupported_impressions, unsupported_video
        Tweets that the answer lists so.
    refused
        Whether the API refused the request: there are no rows then.
    forbidden
        Tweets of somebody else, named by the refusal; none if it names none.
    authors
        Their authors, by Tweet id, where the refusal tells.
    absent
        Tweets that were asked for and that the answer does not mention.
    missing
        Tweets that the answer has and whose figure of a metric it has not, by metric.
    texts
        The API's own words.
    table
        The rows, or None when only the description was read.
    """

    endpoint: str
    by: str | None
    metrics: tuple[str, ...]
    tweet_ids: tuple[str, ...]
    start: datetime | None
    end: datetime | None
    auth: str
    profile: str
    owner: str
    read_at: datetime
    answered: tuple[datetime, datetime] | tuple[()] = ()
    unavailable: tuple[str, ...] = ()
    unsupported_impressions: tuple[str, ...] = ()
    unsupported_video: tuple[str, ...] = ()
    refused: bool = False
    forbidden: tuple[str, ...] = ()
    authors: Mapping[str, str] = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    missing: Mapping[str, Sequence[str]] = field(default_factory=dict)
    table: pa.Table | None = None

    @property
    def key(self) -> str:
        """The name of the request, made from all that makes it different from another."""
        return request_key(
            self.endpoint, self.tweet_ids, self.metrics, self.start, self.end, self.by,
            self.auth, self.owner or self.profile,
        )  # fmt: skip

    def description(self) -> bytes:
        """All but the rows, as JSON."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "table"}
        return orjson.dumps({"format": FORMAT} | values)

    @classmethod
    def described(cls, description: bytes, table: pa.Table | None = None) -> Part:
        """The part of a description, with or without its rows."""
        values = decode_record(description, "A part of a dataset")
        if "silent" in values:  # its name until 0.1
            values["absent"] = values.pop("silent")
        for name in ("start", "end", "read_at"):
            text = values[name]
            values[name] = None if text is None else datetime.fromisoformat(text)
        values["answered"] = [datetime.fromisoformat(text) for text in values["answered"]]
        for name, value in values.items():
            if isinstance(value, list):
                values[name] = tuple(value)
        return cls(**values, table=table)

    def __repr__(self) -> str:
        what = "refused" if self.refused else "answered"
        return f"<Part: {self.endpoint}, {len(self.tweet_ids)} Tweets, {what}>"


def request_key(
    endpoint: str,
    tweet_ids: Sequence[str],
    metrics: Sequence[str],
    start: datetime | None,
    end: datetime | None,
    by: str | None,
    auth: str,
    owner: str,
) -> str:
    """A name for a request: the same for the same question, whoever asks it and when."""
    window = [None if moment is None else moment.astimezone(UTC) for moment in (start, end)]
    question = [endpoint, list(tweet_ids), sorted(metrics), *window, by, auth, owner]
    return hashlib.sha256(orjson.dumps(question)).hexdigest()[:32]


class Sink(Protocol):
    """Where a run puts what is finished, and finds what was finished before."""

    def put(self, part: Part) -> None:
        """Keep a finished request."""

    def find(self, key: str, start: datetime | None, end: datetime | None) -> Part | None:
        """A finished request by its key."""

    def parts(self) -> Iterator[Part]:
        """All finished requests."""


class Memory:
    """A sink that keeps parts in memory."""

    def __init__(self) -> None:
        self.kept: list[Part] = []

    def put(self, part: Part) -> None:
        """Keep a finished request."""
        self.kept.append(part)

    def find(self, key: str, start: datetime | None, end: datetime | None) -> Part | None:
        """Nothing is asked twice within a run."""
        return None

    def parts(self) -> Iterator[Part]:
        """All finished requests."""
        return iter(list(self.kept))


def encode(part: Part) -> bytes:
    """A part as the bytes of a Parquet file."""
    table = (
        part.table if part.table is not None else pa.table({"tweet_id": pa.array([], pa.string())})
    )
    table = table.replace_schema_metadata({METADATA_KEY: part.description()})
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression="zstd")
    return bytes(buffer.getvalue())


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
            advice="Remove this file and fetch again: only its Tweets are asked for.",
        ) from error


def part_names(store: Store, sets: Iterable[str]) -> list[str]:
    """The files of the parts in these folders."""
    return [f"{folder}/{name}" for folder in sets for name in store.names(folder, ".parquet")]


def described_parts(store: Store, sets: Iterable[str]) -> Iterator[Part]:
    """The parts in these folders, without their rows."""
    names = part_names(store, sets)
    if len(names) < 50:
        yield from (describe(store, name) for name in names)
        return
    with ThreadPoolExecutor(8) as pool:
        yield from pool.map(lambda name: describe(store, name), names)
