"""Read users' files as text, and refuse anything else in one sentence."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import msgspec
import orjson

from engagement_nb.errors import InputError

_AS_IT_WAS = "Give the file as it was downloaded."
_WHAT_IT_IS = (
    (b"PK\x03\x04", "a zip archive or a spreadsheet",
     "Unpack the archive, or save the sheet as CSV, and give that file."),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet of the old form (xls)", "Save it as XLSX or CSV."),
    (b"%PDF", "a PDF, which has no figures or ids to read", "Export them as CSV."),
    (b"PAR1", "a Parquet file", "Read it, and give its column of ids."),
    (b"\x89PNG", "a picture", _AS_IT_WAS),
    (b"\xff\xd8\xff", "a picture", _AS_IT_WAS),
    (b"GIF8", "a picture", _AS_IT_WAS),
    (b"7z\xbc\xaf", "an archive", "Unpack it."),
    (b"Rar!", "an archive", "Unpack it."),
    (b"SQLite format 3", "a database", "Export the figures or ids as CSV."),
)  # fmt: skip
"""How files of other kinds begin, what they are, and what to do."""
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
MAX_WHOLE = 256 << 20
"""Limit in bytes of a file or a line that is read whole."""
_MAX_SMALL = 16 << 20
_MAX_RATIO = 100
"""Limit of a gzip file that is read whole, as a multiple of its size: tables have 5 to 20."""
_MAX_MEMBERS = 20_000
"""Limit of the parts of a gzip file: programs write one part, or one for each 64 KB."""
MAX_VALUE = 24 << 20
"""Limit in bytes of a JSON value that is parsed whole: as objects it is some 25 times as large."""
_MOST_VALUES = 8_000_000
"""Limit of the values of a JSON list, each of which takes some 60 bytes before it is parsed."""
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_BLOCK = 1 << 20


class Readable(Protocol):
    """An open file of bytes."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Turn errors of opening or reading a file into an `InputError` that names the file."""
    again = "Check the path."
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile):
        what, again = "the gzip file is damaged or cut off", "Download it again."
    except FileNotFoundError:
        what = "there is no such file or folder"
    except IsADirectoryError:
        what = "it is a folder, not a file"
    except PermissionError:
        what, again = "no permission to read it", "Ask its owner, or copy it."
    except OSError as error:
        what = f"it cannot be read: {error.strerror or error}"
    except ValueError as error:  # A NUL in its name.
        what = f"it cannot be read: {error}"
    else:
        return
    raise InputError(f"{name}: {what}.", advice=again)


def read_file(path: Path) -> bytes:
    """The bytes of a file, unpacked if it is gzipped: see `read_stream`."""
    with explained(str(path)), path.open("rb") as stream:
        return read_stream(stream, str(path))


def read_stream(stream: Readable, name: str) -> bytes:
    """The bytes of an open file, unpacked if it is gzipped.

    Raises
    ------
    InputError
        It is missing, a folder, unreadable or empty, or a damaged gzip file, or one of more than
        `MAX_WHOLE` bytes.
    """
    with explained(name):
        data = _bounded(stream, name, MAX_WHOLE)
        if data.startswith(b"\x1f\x8b"):
            most = min(MAX_WHOLE, max(_MAX_SMALL, len(data) * _MAX_RATIO))
            if data.count(b"\x1f\x8b\x08") > _MAX_MEMBERS:
                raise too_large(name, most)
            with gzip.GzipFile(fileobj=BytesIO(data)) as packed:
                data = _bounded(packed, name, most)
    if not data[:4096].strip() and not data.strip():
        raise empty_file(name)
    return data


def _bounded(stream: Readable, name: str, most: int) -> bytes:
    """All bytes of a stream, read in pieces: to ask for the most at once would reserve it."""
    pieces, size = [], 0
    while piece := stream.read(_BLOCK):
        if isinstance(piece, str):
            raise InputError(f"{name} is open as text.", advice='Open it with mode "rb".')
        pieces.append(piece)
        size += len(piece)
        if size > most:
            raise too_large(name, most)
    return b"".join(pieces)


def refuse_binary(data: bytes, name: str) -> None:
    """Raise an `InputError` if the first bytes, or a zero byte, show that this is not text."""
    for magic, kind, advice in _WHAT_IT_IS:
        if data.startswith(magic):
            raise InputError(f"{name}: it is {kind}.", advice=advice)
    if b"\0" in data and not data.startswith(UTF16):
        raise _not_text(name)


def as_utf8(data: bytes, name: str) -> tuple[bytes, str]:
    """Convert a file's text to UTF-8 without a byte order mark; also return its encoding.

    The encoding is "utf-8", "damaged utf-8", "utf-16" or "windows-1252". ``name`` is the
    file's name, for the `InputError` that is raised if the data are not text.
    """
    refuse_binary(data, name)
    if data[:1000].lstrip(codecs.BOM_UTF8 + b" \t\r\n")[:1] == b"<":
        raise InputError(
            f"{name}: it is a web page or XML.", advice="Log in to X and export the figures or ids."
        )
    if data.startswith(UTF16):
        try:
            return b"".join(t.encode() for t in _decoded(data, "utf-16", "strict")), "utf-16"
        except UnicodeError:
            raise _not_text(name) from None
    data = data.removeprefix(codecs.BOM_UTF8)
    if not data:
        raise empty_file(name)
    if data.isascii():
        return data, "utf-8"
    try:
        for _ in _decoded(data, "utf-8", "strict"):
            pass
    except UnicodeDecodeError:
        broken = beyond = 0
        for text in _decoded(data, "utf-8", "replace"):
            broken += text.count("\ufffd")
            beyond += len(text) - len(text.encode("ascii", "ignore"))
        # A few bytes cut out of a UTF-8 text leave most of its accents and emoji intact.
        damaged = broken * 4 < beyond
        found = ("utf-8", "damaged utf-8") if damaged else ("cp1252", "windows-1252")
        return b"".join(t.encode() for t in _decoded(data, found[0], "replace")), found[1]
    return data, "utf-8"


def _decoded(data: bytes, encoding: str, errors: str) -> Iterator[str]:
    """The text of some bytes, in pieces."""
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    for at in range(0, len(data), _BLOCK):
        yield decoder.decode(data[at : at + _BLOCK], at + _BLOCK >= len(data))


def json_batches(data: bytes, name: str) -> Iterator[list[Any]]:
    """The values of a JSON document, some at a time: the items of a list, lines, or the value.

    Raises
    ------
    InputError
        It is damaged, or one of its values is too large for memory.
    """
    batch: list[Any] = []
    size = 0
    for text in _texts(data, name):
        if len(text) > MAX_VALUE:
            raise InputError(
                f"{name}: one JSON value has more than {MAX_VALUE >> 20} MB, which is too large for"
                " memory.",
                advice="Write one Tweet or page per line (JSON Lines).",
            )
        batch.append(parsed(text))
        if batch[-1] is None and bytes(text) != b"null":
            raise _broken(name)
        size += len(text)
        if size > _BLOCK:
            yield batch
            batch, size = [], 0
    yield batch


def _texts(data: bytes, name: str) -> Iterator[bytes | memoryview]:
    """The texts of a document's values."""
    begin = len(data) - len(data.lstrip())
    if data[begin : begin + 1] == b"[":
        if data.count(b",") > _MOST_VALUES:
            raise InputError(
                f"{name}: its list has more than {_MOST_VALUES:,} values, too many for memory.",
                advice="Write one Tweet or page per line (JSON Lines).",
            )
        try:
            items = _ITEMS.decode(data[begin:].rstrip(b" \t\r\n;"))
            yield from (memoryview(item) for item in items)
        except (msgspec.DecodeError, RecursionError):
            raise _broken(name) from None
    elif is_lines(data) or (data.find(b"\n", begin) >= 0 and len(data) - begin > MAX_VALUE):
        yield from filter(None, map(bytes.strip, BytesIO(data)))
    else:
        yield data[begin:].rstrip(b" \t\r\n;")


def is_lines(data: bytes) -> bool:
    """Whether some text is JSON Lines: its first line is JSON, and others follow."""
    begin = len(data) - len(data.lstrip())
    end = data.find(b"\n", begin)
    return end >= 0 and parsed(data[begin:end]) is not None and bool(data[end:].strip())


def parsed(text: str | bytes | memoryview) -> Any:
    """A text parsed as JSON; None if it is not JSON, or too large for memory."""
    try:
        return orjson.loads(text) if len(text) <= MAX_VALUE else None
    except orjson.JSONDecodeError:
        return None


def _broken(name: str) -> InputError:
    return InputError(
        f"{name} is neither JSON nor JSON Lines: it is cut off or damaged.",
        advice="Download it again.",
    )


def _not_text(name: str) -> InputError:
    return InputError(
        f"{name} is not a text file.", advice="Give the CSV file as it was downloaded."
    )


def too_large(name: str, most: int) -> InputError:
    """The error for a file of more than ``most`` bytes, as it is or unpacked."""
    return InputError(
        f"{name} has more than {most >> 20:,} MB, which is too large for memory.",
        advice="If that is right, unpack it, split it into several files, and give their folder.",
    )


def empty_file(name: str) -> InputError:
    """The error for an empty file."""
    return InputError(
        f"{name} is empty.", advice="Check that it is the right one, or export it again."
    )
