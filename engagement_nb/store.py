"""Files below one address, local or of any fsspec file system, published whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import time
import uuid
from datetime import datetime
from pathlib import Path, PurePosixPath

import fsspec
from fsspec.implementations.local import LocalFileSystem

from engagement_nb.errors import DatasetError

STALE_AFTER = 600
"""Seconds after which an unfinished file is somebody's who is gone: writing takes far less."""
_TEMPORARY = ".tmp-"


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
        except (ValueError, ImportError) as error:
            raise DatasetError(f"{self.where} cannot be used: {error}.") from error
        self.root = str(root).rstrip("/")
        self.local = isinstance(self.fs, LocalFileSystem)

    def path(self, name: str) -> str:
        """The full path of a name below the address."""
        return f"{self.root}/{name}"

    def exists(self, name: str) -> bool:
        """Whether there is such a file or folder."""
        return bool(self.fs.exists(self.path(name)))

    def read(self, name: str) -> bytes:
        """A file's content."""
        return bytes(self.fs.cat_file(self.path(name)))

    def names(self, folder: str, suffix: str = "") -> list[str]:
        """Finished files directly in a folder, in order of name; none if there is no folder."""
        try:
            found = self.fs.ls(self.path(folder), detail=False, refresh=True)
        except FileNotFoundError:
            return []
        except TypeError:
            found = self.fs.ls(self.path(folder), detail=False)
        names = sorted(PurePosixPath(str(path)).name for path in found)
        return [n for n in names if n.endswith(suffix) and not n.startswith(_TEMPORARY)]

    def publish(self, name: str, data: bytes) -> None:
        """Put a file in place, whole or not at all, replacing one of the same name.

        Raises
        ------
        DatasetError
            The disk is full, or the place cannot be written to.
        """
        folder, _, last = name.rpartition("/")
        temporary = f"{folder}/{_TEMPORARY}{uuid.uuid4().hex}-{last}".lstrip("/")
        try:
            if self.local:
                self._publish_local(name, temporary, data)
            else:
                self.fs.makedirs(self.path(folder), exist_ok=True)
                self.fs.pipe_file(self.path(temporary), data)
                self.fs.mv(self.path(temporary), self.path(name))
        except OSError as error:
            with contextlib.suppress(OSError):
                self.fs.rm_file(self.path(temporary))
            raise DatasetError(
                f"{self.where} cannot be written to: {error.strerror or error}.",
                advice=_write_advice(error),
            ) from error

    def _publish_local(self, name: str, temporary: str, data: bytes) -> None:
        target = Path(self.path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        with Path(self.path(temporary)).open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(self.path(temporary)).replace(target)
        if os.name == "posix":
            directory = os.open(target.parent, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)

    def remove_stale(self) -> None:
        """Remove what writers that were killed left unfinished."""
        with contextlib.suppress(OSError, NotImplementedError):
            for path, info in self.fs.find(self.root, detail=True).items():
                if PurePosixPath(str(path)).name.startswith(_TEMPORARY):
                    written = info.get("mtime") or info.get("LastModified") or info.get("created")
                    if isinstance(written, datetime):
                        written = written.timestamp()
                    if written is not None and time.time() - written > STALE_AFTER:
                        self.fs.rm_file(path)


def _write_advice(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "Make room and run the same command again: it goes on from there."
    return "Choose a place that can be written to."
