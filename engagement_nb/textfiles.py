"""Files that people have, as UTF-8 text: what is no text, or no file, is refused in words."""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import IO, Any, BinaryIO

from engagement_nb.errors import InputError

_WHAT_IT_IS = (
    (b"PK\x03\x04", "a spreadsheet (xlsx) or a zip archive"),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet (xls)"),
    (b"%PDF", "a PDF"),
    (b"PAR1", "a Parquet file"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"7z\xbc\xaf", "an archive"),
    (b"Rar!", "an archive"),
    (b"SQLite format 3", "a database"),
)
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
Bytes = IO[bytes] | gzip.GzipFile
_GZIP = b"\x1f\x8b"
_CHUNK = 1 << 22
MAX_WHOLE = 256 << 20
"""Bytes that a gzipped file may unpack to where it has to be held as a whole."""
MAX_STREAM = 2 << 30
"""Bytes that a gzipped file may unpack to where it is read line by line."""


def csv_safe(value: Any) -> Any:
    """A value for a cell of a CSV file: a text that a spreadsheet would run gets a quote before.

    Applies to texts that begin with ``=``, ``+``, ``-``, ``@``, a tab or a carriage return.
    Everything else is given back as it is. Use it as ``frame[texts].map(csv_safe)``.
    """
    risky = isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{value}" if risky else value


def open_file(path: Path) -> Bytes:
    """A file as a stream of bytes, gunzipped where it is gzipped.

    Raises
    ------
    InputError
        The file is missing, a folder or not readable.
    """
    try:
        return gunzipped(path.open("rb"))
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file.", advice="Check the path.") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder.", advice="Give a file.") from None
    except PermissionError:
        raise InputError(
            f"{path}: no permission to read it.", advice="Ask its owner, or copy it."
        ) from None
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror or error}.", advice="Check the path."
        ) from None


def gunzipped(stream: BinaryIO) -> Bytes:
    """The same stream, gunzipped where it is gzipped."""
    buffered = BufferedReader(stream)  # type: ignore[type-var]
    return gzip.GzipFile(fileobj=buffered) if buffered.peek(2)[:2] == _GZIP else buffered


def chunks(stream: Bytes, name: str, limit: int) -> Iterator[bytes]:
    """The bytes of a stream piece by piece.

    Parameters
    ----------
    stream
        What `open_file` gave.
    name
        Its name, for the error.
    limit
        Bytes that a gzipped file may be unpacked to; other files have no limit.

    Raises
    ------
    InputError
        A gzip file is damaged, or holds more than the limit.
    """
    size = 0
    while True:
        try:
            chunk = stream.read(_CHUNK)
        except (gzip.BadGzipFile, EOFError, zlib.error):
            raise InputError(
                f"{name}: the gzip file is damaged or cut off.", advice="Download it again."
            ) from None
        except OSError as error:
            raise InputError(
                f"{name} cannot be read: {error.strerror or error}.", advice="Check the path."
            ) from None
        if not chunk:
            return
        size += len(chunk)
        if size > limit and isinstance(stream, gzip.GzipFile):
            raise InputError(
                f"{name}: the gzip file unpacks to more than {limit >> 20:,} MB.",
                advice="If that is right, unpack it first and give the unpacked file.",
            )
        yield chunk


def read_file(path: Path) -> bytes:
    """The bytes of a file, gunzipped where it is gzipped.

    Raises
    ------
    InputError
        The file is missing, a folder, not readable or empty; or a gzip file is damaged or
        unpacks to more than `MAX_WHOLE`.
    """
    with open_file(path) as stream:
        data = b"".join(chunks(stream, str(path), MAX_WHOLE))
    if not data[:4096].strip() and not data.strip():
        raise empty_file(str(path))
    return data


def as_utf8(data: bytes, name: str) -> tuple[bytes, str]:
    """Text of a file as UTF-8 without a byte order mark, and the encoding it had.

    Parameters
    ----------
    data
        What `read_file` gave.
    name
        The file's name, for the error.

    Returns
    -------
    tuple of bytes and str
        The text, and "utf-8", "damaged utf-8", "utf-16" or "windows-1252".

    Raises
    ------
    InputError
        It is not text.
    """
    for magic, kind in _WHAT_IT_IS:
        if data.startswith(magic):
            raise InputError(
                f"{name} is {kind}, not a text file, whatever its name says.",
                advice="Give the file as it was downloaded.",
            )
    if data.startswith(_UTF16):
        try:
            return data.decode("utf-16").encode(), "utf-16"
        except UnicodeError:
            raise _not_text(name) from None
    if b"\0" in data[:65536] or b"\0" in data:
        raise _not_text(name)
    data = data.removeprefix(codecs.BOM_UTF8)
    if not data:
        raise empty_file(name)
    try:
        data.decode()
    except UnicodeDecodeError:
        repaired = data.decode(errors="replace")
        broken = repaired.count("\ufffd")
        # A few bytes cut out of a UTF-8 text leave most of its accents and emoji intact.
        if broken * 4 < len(_BEYOND_ASCII.findall(repaired)):
            return repaired.encode(), "damaged utf-8"
        return data.decode("cp1252", errors="replace").encode(), "windows-1252"
    return data, "utf-8"


def _not_text(name: str) -> InputError:
    return InputError(
        f"{name} is not a text file.", advice="Give the CSV file as it was downloaded."
    )


def empty_file(name: str) -> InputError:
    """The error of a file with nothing in it."""
    return InputError(
        f"{name} is empty.", advice="Check that it is the right one, or export it again."
    )
