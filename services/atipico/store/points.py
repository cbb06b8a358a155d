"""Points on their way from a source to the rows of an answer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from atipico.store.span import Span
from atipico.wire.influxql.tree import Fill


class Point(NamedTuple):
    """time: ns. value: None in a window without points. beside: other values of the same point."""

    time: int
    value: Any
    beside: tuple[Any, ...] = ()


Group = tuple[str, tuple[str, ...]]  # a measurement, and the values of the tags that a statement groups by
Stream = dict[Group, list[Point]]  # in the order of the answer's times


@dataclass(frozen=True)
class Windows:
    """GROUP BY time: windows of `width` ns that begin at `offset` (0 <= offset < width) past a multiple of it."""

    width: int
    offset: int

    def start(self, time: int) -> int:
        """Where the window of a time begins."""
        return time - (time - self.offset) % self.width


@dataclass(frozen=True)
class Scope:
    """Which points a statement looks at, and how it divides them.

    names: the tags that it groups by, sorted. span: the windows that it makes. reach: no point beyond is read.
    """

    names: tuple[str, ...]
    span: Span
    windows: Windows | None
    descending: bool
    fill: Fill
    reach: Span = field(default_factory=Span)

    @property
    def start(self) -> int:
        """The time of a row that stands for the whole range."""
        return self.span.low or 0

    def wider(self) -> Scope:
        """One window more on the side where reading begins: what a step from point to point starts from."""
        return replace(self, span=self.wider_by(1))

    def wider_by(self, windows: int) -> Span:
        """The times with some windows more on the side where reading begins."""
        if self.windows is None:
            return self.span
        low, high, more = self.span.low, self.span.high, windows * self.windows.width
        if self.descending:
            return Span(low, None if high is None else high + more)
        return Span(None if low is None else low - more, high)
