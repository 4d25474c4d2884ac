"""The files of a dataset: open parts, sealed runs, and what they say.

The same figures may be in several files for a while, because a run is killed, or two run at
once: in its open parts and in its sealed file. A part has one name in both, so each counts once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import TypeVar

import msgspec
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from fsspec.implementations.dirfs import DirFileSystem

from engagement_nb.dataset.records import (
    FORMAT,
    METADATA_KEY,
    SEALED_KEY,
    Part,
    RunRecord,
    Sealed,
)
from engagement_nb.errors import DatasetError
from engagement_nb.metrics.problems import ProblemLog
from engagement_nb.store import Store, decode_record

_Result = TypeVar("_Result")
IDENTITY = "dataset.json"
RUNS = "runs"
_KEYS: dict[type, bytes] = {Part: METADATA_KEY, Sealed: SEALED_KEY}
_FEW = 8
"""Fewer files than this are read without threads."""
_ATTEMPTS = 4
_DONE, _PROBLEMS = ".done.json", ".problems.parquet"
"""Files of version 0.1.0 beside a run's record."""


class Files:
    """The files of a dataset.

    Parameters
    ----------
    store
        Where they are.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._read: dict[str, Sealed] = {}

    def sealed(self) -> dict[str, Sealed]:
        """The files of finished runs by name, oldest first, and their footers."""
        names = [
            f"{RUNS}/{name}"
            for name in self.store.names(RUNS, ".parquet")
            if not name.endswith(_PROBLEMS)
        ]
        new = [name for name in names if name not in self._read]
        # A sealed file never changes.
        for name, sealed in zip(new, self.footers(new, Sealed), strict=True):
            self._check(name, f"{RUNS}/{sealed.record.id}.parquet")
            self._read[name] = sealed
        return {name: self._read[name] for name in names}

    def runs(self) -> list[RunRecord]:
        """All runs, oldest first.

        Raises
        ------
        DatasetError
            A record is damaged, or of a newer version.
        """
        names = self.store.names(RUNS)
        runs = {}
        for name in names:
            if name.endswith(".json") and not name.endswith(_DONE):
                path = f"{RUNS}/{name}"
                record = self.record(path, RunRecord)
                self._check(path, f"{RUNS}/{record.id}.json")
                done = f"{name.removesuffix('.json')}{_DONE}" in names
                runs[name.removesuffix(".json")] = replace(record, done=done)
        runs |= {sealed.record.id: sealed.record for sealed in self.sealed().values()}
        return [runs[name] for name in sorted(runs)]

    def _check(self, name: str, told: str) -> None:
        """Refuse a record that names another file than its own."""
        if name != told:
            raise DatasetError(f"{self.store.path(name)} is of another run.", advice="Remove it.")

    def record(self, name: str, kind: type[_Result]) -> _Result:
        """The record in a JSON file.

        Raises
        ------
        DatasetError
            There is none, or it is damaged, or of a newer version.
        """
        path = self.store.path(name)
        try:
            data = self.store.read(name)
        except OSError as error:
            raise DatasetError(f"{path} cannot be read.") from error
        return decode_record(data, path, kind, FORMAT)

    def problems(self, run: RunRecord) -> ProblemLog:
        """What was missing when a run ended."""
        old = f"{RUNS}/{run.id}{_PROBLEMS}"
        if run.problems or not self.store.exists(old):
            return run.log
        read = partial(pq.read_table, pa.BufferReader(self.store.read(old)))
        return explained(lambda: ProblemLog.from_rows(read().to_pylist()))

    def open_parts(self, folder: str) -> list[str]:
        """Names of the parts in a folder, without those that a sealed file has too."""
        names = [f"{folder}/{name}" for name in self.store.names(folder, ".parquet")]
        sealed = self.sealed_parts() if names else {}
        return [name for name in names if name not in sealed]

    def sealed_parts(self) -> dict[str, tuple[str, int]]:
        """Names of the parts in sealed files, each with its file and number."""
        return {
            f"{sealed.record.folder(part.start, part.end)}/{part.key}.parquet": (name, number)
            for name, sealed in self.sealed().items()
            for number, part in enumerate(sealed.parts)
        }

    def described(self, folders: Collection[str]) -> dict[str, Part]:
        """The parts in these folders by name, as their files describe them."""

        def read() -> dict[str, Part]:
            names = [name for folder in sorted(folders) for name in self.open_parts(folder)]
            opened = dict(zip(names, self.footers(names, Part), strict=True))
            places, sealed = self.sealed_parts(), self.sealed()
            return opened | {
                name: sealed[file].parts[number]
                for name, (file, number) in places.items()
                if name.rpartition("/")[0] in folders
            }

        return steady(read)

    def parts(self, folders: Collection[str]) -> dict[str, Part]:
        """The parts in these folders by name, without their rows, but with all their Tweets."""
        parts, places = self.described(folders), self.sealed_parts()
        tweets = {file: self._tweets(file) for file in {places[n][0] for n in parts if n in places}}
        for name in parts.keys() & places.keys():
            file, number = places[name]
            ids = (*parts[name].tweet_ids, *tweets[file].get(number, ()))
            parts[name] = msgspec.structs.replace(parts[name], tweet_ids=ids)
        return parts

    def _tweets(self, file: str) -> dict[int, list[str]]:
        """The Tweets with rows of each part in a sealed file."""
        table = explained(
            lambda: (
                self.rows([file], pa.schema([("tweet_id", pa.string()), ("part", pa.int32())]))
                .to_table()
                .group_by(["part", "tweet_id"])
                .aggregate([])
            )
        )
        found: dict[int, list[str]] = {}
        pairs = zip(table["part"].to_pylist(), table["tweet_id"].to_pylist(), strict=True)
        for number, tweet_id in pairs:
            found.setdefault(number, []).append(tweet_id)
        return found

    def sweep(self) -> None:
        """Remove what killed writers left: unfinished files, and parts of sealed runs."""
        self.store.remove_stale()
        records = {*self.store.names(RUNS, ".json")}
        for sealed in self.sealed().values():
            if f"{sealed.record.id}.json" in records:
                self.tidy(sealed.record)

    def tidy(self, run: RunRecord) -> None:
        """Remove the record of an unfinished run, and its parts that sealed files have."""
        names = {f"{folder}/{name}" for folder in run.sets for name in self.store.names(folder)}
        self.store.remove([*names.intersection(self.sealed_parts()), f"{RUNS}/{run.id}.json"])

    def rows(self, names: Iterable[str], schema: pa.Schema) -> ds.Dataset:
        """The rows of files, with null where a file lacks a column."""
        paths, fs = [self.store.path(name) for name in names], self.store.fs
        if self._arrow_opens:
            return explained(lambda: ds.dataset(paths, schema=schema, format="parquet"))
        if self.store.local:
            # This file system starts a thread, so it is only for what nothing else can name.
            paths, fs = [*names], DirFileSystem(self.store.root, fs)
        filesystem = pa.fs.PyFileSystem(pa.fs.FSSpecHandler(fs))
        return explained(
            lambda: ds.dataset(paths, schema=schema, format="parquet", filesystem=filesystem)
        )

    @property
    def _arrow_opens(self) -> bool:
        """Whether Arrow can open the files itself: they are local, and their path is text."""
        try:
            self.store.root.encode()
        except UnicodeEncodeError:  # bytes of a name that the locale cannot read
            return False
        return self.store.local

    def footers(self, names: Sequence[str], kind: type[_Result]) -> list[_Result]:
        """What each file says of itself: see `footer`."""
        # Threads help only where reading waits, and a browser has none.
        if len(names) < _FEW or not self.store.waits:
            return [self.footer(name, kind) for name in names]
        with ThreadPoolExecutor(_FEW) as pool:
            return list(pool.map(lambda name: self.footer(name, kind), names))

    def footer(self, name: str, kind: type[_Result]) -> _Result:
        """What a file says of itself.

        Raises
        ------
        DatasetError
            It is damaged, or of a newer version.
        """
        path = self.store.path(name)
        try:
            with nullcontext(path) if self._arrow_opens else self.store.fs.open(path, "rb") as f:
                metadata = pq.read_metadata(f).metadata[_KEYS[kind]]
        except (OSError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
            raise DatasetError(
                f"{path} is damaged ({' '.join(str(error).split())}).",
                advice="Remove this file and fetch again: only its Tweets are requested.",
            ) from error
        return decode_record(metadata, path, kind, FORMAT)


def steady(read: Callable[[], _Result]) -> _Result:
    """The result of listing files and reading them, again if one of them has gone since.

    Another run may seal parts at any moment: their rows are in another file then.
    """
    for _ in range(_ATTEMPTS):
        try:
            return read()
        except DatasetError as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                raise
    return read()


def explained(read: Callable[[], _Result]) -> _Result:
    """The result of reading rows; damage is a sentence."""
    try:
        return read()
    except (OSError, pa.ArrowException, ValueError, OverflowError) as error:
        raise DatasetError(
            f"A file of the dataset is damaged: {' '.join(str(error).split())}.",
            advice="Remove that file and fetch again: only its Tweets are requested.",
        ) from error
