"""One record of the log: a few lines of one measurement, as they were accepted, with what proves them whole."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Collection, Iterator
from typing import NamedTuple

MOST_LINES = 256 * 1024  # bytes of lines in a record, unless one line alone is longer
_HEAD = struct.Struct("<II")  # bytes that follow the head, and their crc32
_REST = struct.Struct("<qH")  # received, ns; bytes of the name that follows, before the lines
_CHUNK = 2**20


class Record(NamedTuple):
    """measurement: its name, UTF-8. lines: line protocol with explicit ns, each with its newline. received: ns."""

    measurement: bytes
    lines: bytes
    received: int


class Torn(Exception):
    """No whole record starts at this place of the file: a write that was cut, or no record's start."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


def encode(record: Record) -> bytes:
    """The record's bytes."""
    rest = _REST.pack(record.received, len(record.measurement)) + record.measurement + record.lines
    return _HEAD.pack(len(rest), zlib.crc32(rest)) + rest


def walk(
    file: int, at: int, end: int, measurements: Collection[bytes] | None = None
) -> Iterator[tuple[int, Record | None]]:
    """The records of a file between two places: where each one ends, and the record (None: of another measurement).

    Those that are given are proven whole. Raises Torn at the place where no whole record starts.
    """
    chunk, base = b"", at
    while at < end:
        if not _holds(chunk, at - base):
            chunk, base = _load(file, at, end), at
        size, crc = _HEAD.unpack_from(chunk, at - base)
        start = at - base + _HEAD.size
        at += _HEAD.size + size
        yield at, _record(chunk, start, start + size, crc, measurements, base)


def _holds(chunk: bytes, at: int) -> bool:
    if len(chunk) < at + _HEAD.size:
        return False
    return len(chunk) >= at + _HEAD.size + int(_HEAD.unpack_from(chunk, at)[0])


def _load(file: int, at: int, end: int) -> bytes:
    """A chunk that holds at least the whole record at `at`."""
    chunk = os.pread(file, min(_CHUNK, end - at), at)
    if len(chunk) < _HEAD.size:
        raise Torn(at)
    size = _HEAD.size + int(_HEAD.unpack_from(chunk)[0])
    if size < _HEAD.size + _REST.size or at + size > end:
        raise Torn(at)
    if size > len(chunk):
        chunk = os.pread(file, size, at)
    if size > len(chunk):
        raise Torn(at)
    return chunk


def _record(chunk: bytes, start: int, end: int, crc: int, wanted: Collection[bytes] | None, base: int) -> Record | None:
    torn = Torn(base + start - _HEAD.size)
    if end - start < _REST.size:
        raise torn
    received, size = _REST.unpack_from(chunk, start)
    lines_at = start + _REST.size + size
    name = chunk[start + _REST.size : lines_at]
    if lines_at > end:
        raise torn
    if wanted is not None and name not in wanted:
        return None
    if zlib.crc32(memoryview(chunk)[start:end]) != crc:
        raise torn
    return Record(name, chunk[lines_at:end], received)
