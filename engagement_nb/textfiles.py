"""Read users' files as text, and refuse anything else in one sentence."""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import BinaryIO, cast

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
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
MAX_WHOLE = 256 << 20
"""Limit in bytes of a gzipped file or a line that is read whole."""


def plain_words(cell: str) -> str:
    """The words of a header cell, in lower case without punctuation or repeated spaces."""
    return " ".join(re.sub(r"[_\W]+", " ", cell.lower()).split())


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Turn errors of opening or reading a file into an `InputError` that names the file."""
    again = "Check the path."
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error):
        what, again = "the gzip file is damaged or cut off", "Download it again."
    except FileNotFoundError:
        what = "there is no such file or folder"
    except IsADirectoryError:
        what = "it is a folder, not a file"
    except PermissionError:
        what, again = "no permission to read it", "Ask its owner, or copy it."
    except OSError as error:
        what = f"it cannot be read: {error.strerror or error}"
    else:
        return
    raise InputError(f"{name}: {what}.", advice=again)


def unpacked(stream: BinaryIO) -> BufferedReader[RawIOBase] | gzip.GzipFile:
    """The same stream, unpacked if it is gzipped."""
    buffered = BufferedReader(cast(RawIOBase, stream))
    packed = buffered.peek(2)[:2] == b"\x1f\x8b"
    return gzip.GzipFile(fileobj=buffered) if packed else buffered


def read_file(path: Path) -> bytes:
    """The bytes of a file, unpacked if it is gzipped.

    Raises
    ------
    InputError
        The file is missing, a folder, unreadable or empty, or a damaged gzip file, or one that
        unpacks to more than `MAX_WHOLE`.
    """
    with explained(str(path)), unpacked(path.open("rb")) as stream:
        packed = isinstance(stream, gzip.GzipFile)
        data = stream.read(MAX_WHOLE + 1 if packed else -1)
    if packed and len(data) > MAX_WHOLE:
        raise too_large(str(path), MAX_WHOLE)
    if not data[:4096].strip() and not data.strip():
        raise empty_file(str(path))
    return data


def refuse_binary(data: bytes, name: str) -> None:
    """Raise an `InputError` if the first bytes, or a zero byte, show that this is not text."""
    for magic, kind in _WHAT_IT_IS:
        if data.startswith(magic):
            raise InputError(
                f"{name} is {kind}, not a text file, despite its name.",
                advice="Give the file as it was downloaded.",
            )
    if b"\0" in data and not data.startswith(UTF16):
        raise _not_text(name)


def as_utf8(data: bytes, name: str) -> tuple[bytes, str]:
    """Convert a file's text to UTF-8 without a byte order mark; also return its encoding.

    The encoding is "utf-8", "damaged utf-8", "utf-16" or "windows-1252". ``name`` is the
    file's name, for the `InputError` that is raised if the data are not text.
    """
    refuse_binary(data, name)
    if data.startswith(UTF16):
        try:
            return data.decode("utf-16").encode(), "utf-16"
        except UnicodeError:
            raise _not_text(name) from None
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


def too_large(name: str, most: int) -> InputError:
    """The error for a gzip file that unpacks to more than ``most`` bytes."""
    return InputError(
        f"{name}: the gzip file unpacks to more than {most >> 20:,} MB.",
        advice="If that is right, unpack it first and give the unpacked file.",
    )


def empty_file(name: str) -> InputError:
    """The error for an empty file."""
    return InputError(
        f"{name} is empty.", advice="Check that it is the right one, or export it again."
    )
