"""Line protocol: bytes become samples, samples become bytes, and parse ∘ write is the identity."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

from atipico.wire.line_exact import MAX_LINE, BadSyntax, blank, read
from atipico.wire.line_shape import Known
from atipico.wire.line_write import MAX_TIME, escape_key, escape_name, escape_string, head, write
from atipico.wire.sample import Sample

__all__ = [
    "MAX_LINE",
    "MAX_TIME",
    "BadLine",
    "Known",
    "Parsed",
    "blocks",
    "escape_key",
    "escape_name",
    "escape_string",
    "head",
    "parse",
    "write",
]

_SHOWN = 200  # bytes of a refused line that its error repeats
_KNOWN = Known()
_new = tuple.__new__  # what Sample(...) does without binding names: a tenth of the cost of a line of 3 fields


class BadLine(NamedTuple):
    """A line that was refused. number: counted from 1. text: how it starts."""

    number: int
    text: str
    reason: str

    def __str__(self) -> str:
        return f"unable to parse '{self.text}': {self.reason}"


class Parsed(NamedTuple):
    """What a body says. Samples with the same head share one `tags`, which nobody may change.

    verbatim: each line is a sample with its time in ns, its tags sorted, nothing between them: fit to be kept as it is.
    start, end: where in the body these lines stand, the last newline included if there is one.
    """

    samples: list[Sample]
    refused: list[BadLine]
    verbatim: bool
    start: int
    end: int


def parse(body: bytes, *, unit: int = 1, now: int | Callable[[], int], known: Known | None = _KNOWN) -> Parsed:
    """Read a body line by line; a bad line is refused and takes no neighbour with it.

    unit: ns in one unit of the times. now: for lines without time, each its own ns, in order: the first one, which is
    counted up, or a clock that never gives the same ns twice. known: what makes it quick; None reads each line exactly.
    """
    for parsed in blocks(body, unit=unit, now=now, known=known, most=sys.maxsize):
        return parsed
    return Parsed([], [], True, 0, 0)


def blocks(
    body: bytes,
    *,
    unit: int = 1,
    now: int | Callable[[], int],
    known: Known | None = _KNOWN,
    most: int = 10_000,
    size: int = sys.maxsize,
) -> Iterator[Parsed]:
    """`parse` in steps, so that a large body does not fill the memory: at most `most` lines, the last of them the one
    that reaches `size` bytes.
    """
    reading = _Reading(body, unit, iter(range(now, MAX_TIME + 1)).__next__ if isinstance(now, int) else now, known)
    while reading.at < len(body):
        yield reading.step(most, size)


class _Reading:
    """One body on its way to samples."""

    def __init__(self, body: bytes, unit: int, clock: Callable[[], int], known: Known | None) -> None:
        self.body, self.unit, self.clock, self.known = body, unit, clock, known
        self.heads = known.heads if known else {}
        self.at, self._number, self._counted = 0, 1, 0
        self._clear()

    def _clear(self) -> None:
        self.samples: list[Sample] = []
        self.refused: list[BadLine] = []
        self.verbatim = self.unit == 1

    def step(self, most: int, most_bytes: int) -> Parsed:
        body, at, quickly = self.body, self.at, self._quickly
        start, size = at, len(body)
        stop = min(size, start + most_bytes)
        while at < stop and most > 0:
            end = body.find(b"\n", at)
            if end < 0:
                end = size
            if not quickly(at, end):
                end = self._exactly(at, end)
            at, most = end + 1, most - 1
        self.at = at
        parsed = Parsed(self.samples, self.refused, self.verbatim and not self.refused, start, min(at, size))
        self._clear()
        return parsed

    def _quickly(self, at: int, end: int) -> bool:
        """Read a line of a known head and shape. False: nothing was done."""
        body = self.body
        if (space := body.find(b" ", at, end)) < 0:
            return False
        head = self.heads.get(body[at:space])
        if head is None or (found := head.shape.match(body, space + 1, end)) is None or end - at > MAX_LINE:
            return False
        groups = found.groups()
        stamp = groups[-1]
        if stamp is None:
            time, self.verbatim = self.clock(), False
        elif not -MAX_TIME <= (time := int(stamp) * self.unit) <= MAX_TIME:
            return False
        try:
            fields = head.shape.fields(groups)
        except UnicodeDecodeError:
            return False
        self.samples.append(_new(Sample, (head.measurement, head.tags, fields, time)))
        if not head.plain:
            self.verbatim = False
        return True

    def _exactly(self, at: int, end: int) -> int:
        """Read what starts at `at` by the rules; where it ends, which may be lines later."""
        if blank(self.body, at, end):
            self.verbatim = False
            return end
        try:
            line, end = read(self.body, at)
        except BadSyntax as error:
            self._refuse(at, error.end, error.reason)
            return error.end
        time = line.time * self.unit if line.time is not None else self.clock()
        if not -MAX_TIME <= time <= MAX_TIME:
            self._refuse(at, end, f"time outside range -{MAX_TIME} - {MAX_TIME}")
            return end
        tags = self.known.learn(line) if self.known else line.tags
        self.samples.append(Sample(line.measurement, tags, line.fields, time))
        self.verbatim &= line.plain and line.time is not None
        return end

    def _refuse(self, at: int, end: int, reason: str) -> None:
        self._number += self.body.count(b"\n", self._counted, at)
        self._counted = at
        text = self.body[at : min(end, at + _SHOWN + 1)].decode(errors="replace").lstrip(" \t\0").rstrip("\r")
        shown = text if end - at <= _SHOWN else text[:_SHOWN] + "…"
        self.refused.append(BadLine(self._number, shown, reason))
