"""One line of the line protocol, read exactly: the rules of InfluxDB 1.8, byte by byte.

A byte behind a backslash never delimits. The backslash itself goes away only before a byte that would
have delimited; before any other, and before another backslash, it stays. Inside a quoted string only
`\\"` and `\\\\` are escapes. Where we differ from InfluxDB: CRLF ends a line, `5u` is read (up to int64), names
are UTF-8 and hold no newline, and a string that never ends spoils its own line and not all that follow.
"""

from __future__ import annotations

import re
import sys
from typing import NamedTuple

from atipico.wire.line_value import number_or_boolean, text
from atipico.wire.sample import Value

MAX_LINE = 2**20  # bytes
MAX_KEY = 65535  # bytes of measurement, tags and one field name together, as InfluxDB has it

_WHITE = re.compile(rb"[ \t\0]*+")
_MEASUREMENT = re.compile(rb"(?:[^\\, \n]++|\\++[, ]?+)++")
_NAME = re.compile(rb"(?:[^\\,= \n]++|\\++[,= ]?+)++")
_STRING = re.compile(rb'"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_TOKEN = re.compile(rb"[^, \n]*+")
_TIME = re.compile(rb"-?\d++")
_END = re.compile(rb" *+\r?+(?:(?=\n)|\Z)")
_REST = re.compile(rb'(?:[^\n"\\]++|\\[^\n]?+|(?<==)"(?:[^"\\]++|\\.)*+"|")*+', re.DOTALL)
_TAG_ESCAPE, _NAME_ESCAPE = re.compile(r"\\([,= ])"), re.compile(r'\\([,= "])')


class BadSyntax(Exception):
    """A line that can't be read: why, and where it ends."""

    def __init__(self, reason: str, end: int) -> None:
        super().__init__(reason)
        self.reason, self.end = reason, end


class Line(NamedTuple):
    """What one line says.

    head: its bytes up to the fields. kinds: each field's name as written and the kind of its value.
    time: as written, None where there is none. in_order: the tags are written sorted by name. plain: so are they,
    and nothing but one space stands between the parts.
    """

    head: bytes
    measurement: str
    tags: dict[str, str]
    fields: dict[str, Value]
    kinds: tuple[tuple[bytes, str], ...]
    time: int | None
    in_order: bool
    plain: bool


class _Wrong(Exception):
    """What is wrong, and from where on the rest of the line is to be skipped."""


def read(body: bytes, start: int) -> tuple[Line, int]:
    """The line that starts at `start` (no comment, not blank) and where it ends. Raises BadSyntax."""
    try:
        line, end = _read(body, start)
    except _Wrong as wrong:
        reason, at = wrong.args
        end = line_end(body, at)
        raise BadSyntax(_too_long(end - start) or reason, end) from None
    except UnicodeDecodeError:
        raise BadSyntax("text is not UTF-8", line_end(body, start)) from None
    if reason := _too_long(end - start):
        raise BadSyntax(reason, end)
    return line, end


def blank(body: bytes, start: int, end: int) -> bool:
    """Whether these bytes are white space or a comment, which say nothing."""
    first = _skip(body, start, end)
    return first == end or body[first : first + 1] == b"#" or body[first:end] == b"\r"


def line_end(body: bytes, at: int) -> int:
    """Where the line ends: the next newline outside of quotes, or the end of the body."""
    found = _REST.match(body, at)
    return found.end() if found else at


def _read(body: bytes, start: int) -> tuple[Line, int]:
    begin = _skip(body, start)
    measurement, tags, in_order, at = _head(body, begin)
    head = body[begin:at]
    first = _skip(body, at)
    fields, kinds, behind = _fields(body, first)
    longest = len(head) + 4 + max(len(name) for name, _ in kinds)
    if longest > MAX_KEY:
        raise _Wrong(f"max key length exceeded: {longest} > {MAX_KEY}", behind)
    stamp = _skip(body, behind)
    time, at = _time(body, stamp)
    end = _END.match(body, at)
    if end is None:
        raise _Wrong("point is invalid" if time is not None and body[at : at + 1] == b" " else "bad timestamp", at)
    plain = in_order and begin == start and first == begin + len(head) + 1 and stamp == behind + 1 and end.end() == at
    return Line(head, measurement, tags, fields, tuple(kinds), time, in_order, plain), end.end()


def _head(body: bytes, at: int) -> tuple[str, dict[str, str], bool, int]:
    """The measurement, the tags sorted by name, whether they were written so, and where the head ends."""
    found = _MEASUREMENT.match(body, at)
    if found is None:
        raise _Wrong("missing measurement", at)
    measurement, at = _NAME_ESCAPE.sub(r"\1", found[0].decode()), found.end()
    tags: list[tuple[str, str]] = []
    while body[at : at + 1] == b",":
        name = _NAME.match(body, at + 1)
        if name is None:
            raise _Wrong("missing tag key", at)
        value = _NAME.match(body, name.end() + 1) if body[name.end() : name.end() + 1] == b"=" else None
        if value is None:
            raise _Wrong("missing tag value", name.end())
        at = value.end()
        if body[at : at + 1] == b"=":
            raise _Wrong("invalid tag format", at)
        tags.append((_TAG_ESCAPE.sub(r"\1", name[0].decode()), _TAG_ESCAPE.sub(r"\1", value[0].decode())))
    if body[at : at + 1] != b" ":
        raise _Wrong("missing fields", at)
    if len(dict(tags)) < len(tags):
        raise _Wrong("duplicate tags", at)
    in_order = sorted(tags)
    return measurement, dict(in_order), tags == in_order, at


def _fields(body: bytes, at: int) -> tuple[dict[str, Value], list[tuple[bytes, str]], int]:
    fields: dict[str, Value] = {}
    kinds: list[tuple[bytes, str]] = []
    while True:
        name = _NAME.match(body, at)
        behind = name.end() if name else at
        if body[behind : behind + 1] != b"=":
            raise _Wrong("invalid field format", behind)
        if name is None or name[0][:1] in (b"\t", b"\0"):  # white space that would be skipped in front of the first
            raise _Wrong("missing field key", at)
        value, kind, at = _value(body, behind + 1)
        fields[_NAME_ESCAPE.sub(r"\1", name[0].decode())] = value
        kinds.append((name[0], kind))
        if body[at : at + 1] != b",":
            return fields, kinds, at
        at += 1


def _value(body: bytes, at: int) -> tuple[Value, str, int]:
    """A field's value, its kind (f, i, u, b, s) and where it ends."""
    if body[at : at + 1] == b'"':
        found = _STRING.match(body, at)
        if found is None:
            raise _Wrong("unbalanced quotes", at)
        if body[found.end() : found.end() + 1] not in (b"", b",", b" ", b"\n", b"\r"):
            raise _Wrong("invalid field format", at + 1)  # that quote may be a neighbour's: skip this line alone
        return text(found[1]), "s", found.end()
    found = _TOKEN.match(body, at)
    token = found[0] if found else b""
    if token.endswith(b"\r") and body[at + len(token) : at + len(token) + 1] in (b"", b"\n"):
        token = token[:-1]
    try:
        return *number_or_boolean(token), at + len(token)
    except ValueError as error:
        raise _Wrong(str(error), at) from None


def _time(body: bytes, at: int) -> tuple[int | None, int]:
    """The time as written (None: there is none) and where it ends."""
    found = _TIME.match(body, at)
    if found is None:
        return None, at
    digits = found[0].decode()
    if len(digits) > 20:
        raise _Wrong(f'strconv.ParseInt: parsing "{digits[:40]}": value out of range', at)
    return int(digits), found.end()


def _skip(body: bytes, at: int, end: int = sys.maxsize) -> int:
    found = _WHITE.match(body, at, end)
    return found.end() if found else at


def _too_long(size: int) -> str | None:
    return f"line of {size} bytes, at most {MAX_LINE} are read" if size > MAX_LINE else None
