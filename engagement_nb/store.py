"""Files below one address, local or on any fsspec file system, published whole or not at all.

A record is a JSON file that names its format. A newer format is refused, and so is a file that
is not a record.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import fsspec
import msgspec
import orjson
from fsspec.implementations.local import LocalFileSystem

from engagement_nb.errors import DatasetError

STALE_AFTER = 600
"""An unfinished file older than this, in seconds, was left by a dead writer."""
FORMAT = 1
"""Format of records that this version writes, and the newest one that it reads."""
_Record = TypeVar("_Record")
_TEMPORARY = ".tmp-"
_JSON = orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z | orjson.OPT_OMIT_MICROSECONDS


class NewerFormatError(DatasetError):
    """A record of a newer version of the package."""


class Store:
    """Files below one address: read, listed, published whole.

    Parameters
    ----------
    where
        A local path or an fsspec address, such as ``s3://bucket/key`` or ``memory://name``.
    """

    def __init__(self, where: str | os.PathLike[str]) -> None:
        self.where = str(where)
        try:
            self.fs, root = fsspec.core.url_to_fs(os.fspath(where))
        except Exception as error:
            # Third-party file systems raise their own errors, not all of them readable.
            why = f": {error}" if isinstance(error, ValueError | ImportError) else ""
            raise DatasetError(
                f"{self.where} cannot be used as an address{why.rstrip('.')}.",
                advice="Give a folder, or an address such as s3://bucket/folder.",
            ) from error
        self.root = str(root).rstrip("/")
        self.local = isinstance(self.fs, LocalFileSystem)

    def path(self, name: str) -> str:
        """The full path of a name below the address."""
        return f"{self.root}/{name}"

    def exists(self, name: str) -> bool:
        """Whether there is such a file or folder."""
        return bool(self.fs.exists(self.path(name)))

    def check_folder(self) -> None:
        """Refuse a file or a device in the folder's place.

        Raises
        ------
        DatasetError
            There is one.
        """
        if self.local and self.exists("") and not Path(self.root).is_dir():
            raise DatasetError(f"{self.where} is not a folder.", advice="Give a folder.")

    def read(self, name: str) -> bytes:
        """A file's content.

        Raises
        ------
        OSError
            There is no such file, or it cannot be read.
        """
        if self.local and not Path(self.path(name)).is_file():
            raise FileNotFoundError(errno.ENOENT, "There is no such file", self.path(name))
        return bytes(self.fs.cat_file(self.path(name)))

    @property
    def waits(self) -> bool:
        """Whether reading waits for a disk or a network."""
        return "memory" not in self.fs.protocol and sys.platform != "emscripten"

    def names(self, folder: str, suffix: str = "") -> list[str]:
        """Names of the finished files and folders in a folder, sorted; empty if there is none.

        Raises
        ------
        DatasetError
            One is a pipe or a device.
        """
        self.fs.invalidate_cache()
        try:
            found = self.fs.ls(self.path(folder), detail=True)
        except FileNotFoundError:
            return []
        names = []
        for info in found:
            name = PurePosixPath(str(info["name"])).name
            if name.endswith(suffix) and not name.startswith(_TEMPORARY):
                if info["type"] not in ("file", "directory"):
                    # Reading a pipe waits for somebody to write into it.
                    raise DatasetError(f"{info['name']} is not a file.", advice="Remove it.")
                names.append(name)
        return sorted(names)

    def find(self) -> list[str]:
        """Names of all finished files at any depth, relative to the address."""
        self.fs.invalidate_cache()
        paths = [PurePosixPath(str(path)) for path in self.fs.find(self.root)]
        return [
            str(path.relative_to(self.root))
            for path in paths
            if not path.name.startswith(_TEMPORARY)
        ]

    def read_many(self, names: Sequence[str]) -> list[bytes]:
        """The content of each file; empty where it cannot be read."""
        paths = [self.path(name) for name in names]
        # One call, so remote file systems read the files concurrently.
        found = dict(self.fs.cat(paths, on_error="return")) if paths else {}
        content = [found.get(path) for path in paths]
        return [data if isinstance(data, bytes) else b"" for data in content]

    def read_record(self, name: str) -> dict[str, Any]:
        """The values of a record.

        Raises
        ------
        DatasetError
            The file is not a record, or has a newer format.
        OSError
            There is no such file, or it cannot be read.
        """
        values = decode_record(self.read(name), self.path(name), dict[str, Any])
        values.pop("format", None)
        return values

    def publish_record(self, name: str, values: dict[str, Any]) -> None:
        """Put a record in place: see `publish`."""
        self.publish(name, orjson.dumps({"format": FORMAT} | values, option=_JSON))

    def remove(self, names: Iterable[str]) -> None:
        """Remove files that may be gone already, and the folders that they leave empty."""
        folders: dict[str, None] = {}
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                self.fs.rm_file(self.path(name))
            folders |= dict.fromkeys(map(str, list(PurePosixPath(name).parents)[:-1]))
        for folder in sorted(folders, key=len, reverse=True):
            # It has other files, or the file system has no folders.
            with contextlib.suppress(OSError, NotImplementedError):
                self.fs.rmdir(self.path(folder))

    def publish(self, name: str, data: Any) -> None:
        """Put a file in place, whole or not at all, replacing one of the same name.

        Parameters
        ----------
        name
            Its name.
        data
            Its content: bytes, or another object with a buffer.

        Raises
        ------
        DatasetError
            The disk is full, or the address cannot be written to.
        """
        folder, _, last = name.rpartition("/")
        temporary = f"{folder}/{_TEMPORARY}{uuid.uuid4().hex}-{last}".lstrip("/")
        try:
            if self.local:
                self._publish_local(name, temporary, data)
            else:
                self.fs.makedirs(self.path(folder), exist_ok=True)
                self.fs.pipe_file(self.path(temporary), bytes(data))
                self.fs.mv(self.path(temporary), self.path(name))
        except Exception as error:
            with contextlib.suppress(Exception):
                self.fs.rm_file(self.path(temporary))
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise DatasetError(
                f"{self.where} cannot be written to: {why}.",
                advice=self._write_advice(error),
            ) from error

    def _write_advice(self, error: Exception) -> str:
        if isinstance(error, UnicodeEncodeError):  # A name that the locale cannot write.
            return "Set LC_ALL=C.UTF-8."
        advice = "Choose a place that you may write to."
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            advice = "Free some space and rerun the command."
        with contextlib.suppress(Exception):
            if self.find():
                return f"Stored data is kept. {advice}"
        return advice

    def _publish_local(self, name: str, temporary: str, data: Any) -> None:
        target = Path(self.path(name))
        if not target.parent.resolve().is_relative_to(Path(self.root).resolve()):
            raise DatasetError(f"{target.parent} leads out of {self.where}.", advice="Remove it.")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        for attempt in range(10):
            try:
                # Never writable by everybody, not even where the umask is 0.
                for folder in reversed([target.parent, *target.parent.parents]):
                    if not folder.is_dir():
                        folder.mkdir(mode=0o775, exist_ok=True)
                number = os.open(self.path(temporary), flags, 0o664)
                break
            except FileNotFoundError:
                # Another process has just removed a folder, which was empty.
                if attempt == 9:
                    raise
        with os.fdopen(number, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(self.path(temporary)).replace(target)
        if os.name == "posix":
            # Another process may have sealed the file already, and removed its folder.
            with contextlib.suppress(FileNotFoundError):
                directory = os.open(target.parent, os.O_RDONLY)
                try:
                    os.fsync(directory)
                finally:
                    os.close(directory)

    def remove_stale(self) -> None:
        """Remove unfinished files of killed writers."""
        with contextlib.suppress(OSError, NotImplementedError):
            for path, info in self.fs.find(self.root, detail=True).items():
                if PurePosixPath(str(path)).name.startswith(_TEMPORARY):
                    written = info.get("mtime") or info.get("LastModified") or info.get("created")
                    if isinstance(written, datetime):
                        written = written.timestamp()
                    if written is not None and time.time() - written > STALE_AFTER:
                        self.fs.rm_file(path)


class _Format(msgspec.Struct):
    format: int = FORMAT


def decode_record(data: bytes, path: str, kind: type[_Record], newest: int = FORMAT) -> _Record:
    """The record of some JSON, with every value checked.

    Parameters
    ----------
    data, path
        The content and the path of its file.
    kind
        What it is.
    newest
        The newest format of it that is read.

    Raises
    ------
    DatasetError
        It is damaged, or of a newer version.
    """
    try:
        if msgspec.json.decode(data, type=_Format).format <= newest:
            return msgspec.json.decode(data, type=kind)
    except (ValueError, RecursionError) as error:
        raise DatasetError(
            f"{path} is damaged, or not a file that engagement_nb wrote: {error}.",
            advice="Remove it, or restore it from a copy. What a dataset lacks is fetched again.",
        ) from error
    raise NewerFormatError(
        f"{path} was written by a newer version of engagement_nb.",
        advice="Update engagement_nb.",
    )
