"""fill(): what the windows without points show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from atipico.store import bound
from atipico.store.aggregates import Found
from atipico.store.plan import Asked
from atipico.store.schema import Measurement
from atipico.wire.influxql.tree import Select

_ZEROS = {"string": "", "boolean": False}  # what a number to fill with becomes where no number fits


class Filler:
    """The lines of an answer, from the values that were found."""

    def __init__(self, select: Select, sources: list[Measurement], asked: list[Asked], found: Found) -> None:
        self.found = found
        self._fill = select.fill
        self._descending = select.descending
        self._most = select.offset + select.limit if select.limit else None
        self._missing = [self._number(one, sources) for one in asked]  # where a column found nothing
        self._blanks = [self._blank(one, sources) for one in asked]
        self._left = bound.MOST_WINDOWS

    def single(self, group: int) -> list[Any] | None:
        """The line of a group without windows; None when nothing was found. A number fills what was not."""
        if not any(group in values for values in self.found.values):
            return None
        return [
            values.get(group, {}).get(0, none) for values, none in zip(self.found.values, self._missing, strict=True)
        ]

    def windows(self, group: int, first: int | None, last: int) -> Iterator[tuple[int, list[Any]]]:
        """The number and the values of each window of a group, in the order of the answer.

        Lines reach from window `first` (from the first point on where the query left that open) to `last`.
        In a column that found nothing in the group, or nothing yet, only a number fills.
        Raises Refused when all groups together have more values than are answered.
        """
        columns = [values.get(group, {}) for values in self.found.values]
        if not any(columns):
            return
        begins = [min(column) if first is None else first for column in columns if column]
        numbers: Any = range(min(begins), last + 1)
        if self._fill.kind == "none":
            numbers = sorted(set().union(*columns))
        self._left -= (len(numbers) if self._most is None else min(len(numbers), self._most)) * len(columns)
        if self._left < 0:
            raise bound.too_many(bound.MOST_WINDOWS)
        shown: list[Any] = [None] * len(columns)
        begin = [min(column, default=last + 1) if first is None else first for column in columns]
        for number in reversed(numbers) if self._descending else numbers:
            for at, column in enumerate(columns):
                if column and number >= begin[at]:
                    shown[at] = column.get(number, shown[at] if self._fill.kind == "previous" else self._blanks[at])
                else:
                    shown[at] = self._missing[at]
            yield number, list(shown)

    def _blank(self, asked: Asked, sources: list[Measurement]) -> Any:
        """What an empty window of a column shows, unless that is what was before it."""
        if self._fill.kind == "null":
            return 0 if asked.function == "count" else None
        number = self._number(asked, sources)
        return number if number is None else _ZEROS.get(_type(asked, sources) or "", number)

    def _number(self, asked: Asked, sources: list[Measurement]) -> Any:
        """The number of fill(number), whole in a column of integers; None where nobody knows a column's type."""
        if self._fill.kind != "number" or self._fill.value is None:
            return None
        kind = _type(asked, sources) if asked.function else "float"
        return None if kind is None else int(self._fill.value) if kind == "integer" else self._fill.value


def _type(asked: Asked, sources: list[Measurement]) -> str | None:
    """The type of a function's answers."""
    known = next((source.fields[asked.name].type for source in sources if asked.name in source.fields), None)
    return {"count": "integer", "mean": "float"}.get(asked.function, known) if asked.function else None
