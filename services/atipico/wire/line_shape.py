"""The quick way to read a line: most look like one before, with the same tags and the same fields in one order.

`Known` remembers what stood before the fields (the head) and, for each head, a pattern made from the
fields of its last line (the shape). A line that the pattern matches to its end says what the exact reader
would have said; any other line is left to that reader. What is remembered is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from atipico.wire.line_exact import Line
from atipico.wire.line_value import BOOLEANS
from atipico.wire.sample import Value

_HEADS, _HEAD_BYTES, _SHAPES, _SHAPE_FIELDS = 20_000, 512, 400, 200
# 99 digits and an exponent of two can't overflow a float, nor 18 digits an int64, nor 19 that start below 9.
_PATTERNS = {
    "f": rb"(-?\d{1,99}+(?:\.\d{1,99}+)?+(?:[eE][-+]?\d\d?+)?+)",
    "i": rb"(-?(?:[0-8]\d{18}|\d{1,18}+))i",
    "b": b"(" + b"|".join(sorted(BOOLEANS, reverse=True)) + b")",
    "s": rb'"([^"\\]*+)"',
}
_READERS: dict[str, Callable[[bytes], Value]] = {"f": float, "i": int, "b": BOOLEANS.__getitem__, "s": bytes.decode}
Kinds = tuple[tuple[bytes, str], ...]
Match = Callable[[bytes, int, int], "re.Match[bytes] | None"]


class Shape(NamedTuple):
    """Fields of fixed names and kinds: the pattern over fields and time, and what reads each group."""

    match: Match
    names: tuple[str, ...]
    readers: tuple[Callable[[bytes], Value], ...] | None  # None: all are floats

    def fields(self, groups: tuple[Any, ...]) -> dict[str, Value]:
        """The fields of a match; its last group, the time, is left over. Raises ValueError on bad UTF-8."""
        if self.readers is None:
            return dict(zip(self.names, map(float, groups), strict=False))
        return {name: read(text) for name, read, text in zip(self.names, self.readers, groups, strict=False)}


class Head(NamedTuple):
    """What stood before the fields, once read. `plain`: its tags are sorted. Samples of one head share their tags."""

    measurement: str
    tags: dict[str, str]
    plain: bool
    shape: Shape


class Known:
    """The heads and shapes met so far. Threads may share one: a race costs a second reading, never a wrong one."""

    def __init__(self) -> None:
        self.heads: dict[bytes, Head] = {}
        self._shapes: dict[Kinds, Shape | None] = {}

    def learn(self, line: Line) -> dict[str, str]:
        """Remember a line that was read exactly. Returns its tags, the very ones of earlier lines with that head."""
        head = self.heads.get(line.head)
        tags = head.tags if head else line.tags
        if b"\\" in line.head or len(line.head) > _HEAD_BYTES or (shape := self._shape(line.kinds)) is None:
            return tags
        if len(self.heads) >= _HEADS:
            self.heads.clear()
        self.heads[line.head] = Head(line.measurement, tags, line.in_order, shape)
        return tags

    def _shape(self, kinds: Kinds) -> Shape | None:
        """The shape of these fields; None at first sight (a pattern costs some 50 lines) and for odd ones."""
        if len(kinds) > _SHAPE_FIELDS or any(kind not in _PATTERNS or b"\\" in name for name, kind in kinds):
            return None
        if (shape := self._shapes.get(kinds)) is None:
            shape = _compile(kinds) if kinds in self._shapes else None
            if len(self._shapes) >= _SHAPES:
                self._shapes.clear()
            self._shapes[kinds] = shape
        return shape


def _compile(kinds: Kinds) -> Shape:
    fields = b",".join(re.escape(name) + b"=" + _PATTERNS[kind] for name, kind in kinds)
    pattern = re.compile(fields + rb"(?: (-?\d{1,19}+))?+")
    names = tuple(name.decode() for name, _ in kinds)
    floats = all(kind == "f" for _, kind in kinds)
    return Shape(pattern.fullmatch, names, None if floats else tuple(_READERS[kind] for _, kind in kinds))
