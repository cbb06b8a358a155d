"""The rows of a SELECT as a source of points for the SELECT around it: its columns are read as fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from atipico.store import regex
from atipico.store.functions import check_takes
from atipico.store.points import Point, Scope, Stream
from atipico.wire.influxql.tree import Binary, Call, Expression, Literal, Name, Regex


class Line(NamedTuple):
    """One row of an answer. tags: those that its statement groups by. values: of its columns."""

    name: str
    tags: Mapping[str, str]
    time: int
    values: list[Any]


class Subquery:
    """What a subquery answered, under the conditions of the statement around it.

    titles: of its columns. kinds: their types, and of the tags that it groups by "tag". lines: answers its rows, in
    the order of time, for what the statement around it looks at.
    """

    def __init__(
        self,
        titles: Sequence[str],
        kinds: Mapping[str, str],
        tags: list[str],
        lines: Callable[[Scope], list[Line]],
        where: Expression | None,
    ) -> None:
        self.kinds, self.tags = kinds, tags
        self._places = {title: at for at, title in enumerate(titles)}
        self._ask, self._where = lines, where
        self._asked: dict[Scope, list[Line]] = {}

    def check(self, call: Call, field: str) -> None:
        """Raises Refused when the function does not take the type of the column."""
        check_takes(call, "string" if self.kinds.get(field) == "tag" else self.kinds.get(field, ""))

    def folded(self, calls: Sequence[Call], beside: Sequence[Name], scope: Scope, selects: bool) -> dict[Call, Stream]:
        """Nothing: no function is computed while reading."""
        return {}

    def read(self, field: Name | None, beside: Sequence[Name], scope: Scope) -> Stream:
        """The rows in which the column is not empty; without one all of them."""
        if field is not None and field.name not in self.kinds:
            return {}
        stream: Stream = {}
        for line in self._lines(scope):
            value = self._value(line, field.name) if field else None
            if field and value is None:
                continue
            group = line.name, tuple(line.tags.get(name, "") for name in scope.names)
            point = Point(line.time, value, tuple(self._value(line, name.name) for name in beside))
            stream.setdefault(group, []).append(point)
        return stream

    def _lines(self, scope: Scope) -> list[Line]:
        if scope not in self._asked:
            lines = self._ask(scope)
            fitting = lines if self._where is None else _Condition(self._where, self._seen, lines).fitting(lines)
            self._asked[scope] = fitting
        return self._asked[scope]

    def _seen(self, line: Line, name: str) -> Any:
        """What a condition sees: a name that is no column is a tag, and a tag that is not there is the empty text."""
        return line.values[self._places[name]] if name in self._places else line.tags.get(name, "")

    def _value(self, line: Line, name: str) -> Any:
        at = self._places.get(name)
        return line.tags.get(name) if at is None else line.values[at]


class _Condition:
    """WHERE on rows: what does not compare is false, and so is what is not there."""

    def __init__(self, where: Expression, value: Callable[[Line, str], Any], lines: list[Line]) -> None:
        self._where, self._value = where, value
        self._found: dict[tuple[str, str], set[str]] = {}
        self._search(where, lines)

    def fitting(self, lines: list[Line]) -> list[Line]:
        return [line for line in lines if self._on(self._where, line) is True]

    def _search(self, value: Expression, lines: list[Line]) -> None:
        """Run each pattern once over the different texts of its column."""
        match value:
            case Binary("=~" | "!~", Name(name), Regex(pattern)):
                texts = {one for line in lines if isinstance(one := self._value(line, name), str)}
                self._found[name, pattern] = regex.matching(pattern, texts)
            case Binary(_, left, right):
                self._search(left, lines)
                self._search(right, lines)

    def _on(self, value: Expression, line: Line) -> Any:
        match value:
            case Binary("AND", left, right):
                return self._on(left, line) is True and self._on(right, line) is True
            case Binary("OR", left, right):
                return self._on(left, line) is True or self._on(right, line) is True
            case Binary("=~" | "!~" as op, Name(name), Regex(pattern)):
                text = self._value(line, name)
                return isinstance(text, str) and (text in self._found[name, pattern]) == (op == "=~")
            case Binary(op, left, right):
                return compare(op, self._on(left, line), self._on(right, line))
            case Name(name):
                return self._value(line, name)
            case Literal(plain):
                return plain
        return None


def compare(op: str, left: Any, right: Any) -> bool:
    """Numbers with numbers, texts with texts, booleans with booleans; beside a boolean, nothing is false."""
    if (left is None and type(right) is bool) or (right is None and type(left) is bool):
        left, right = bool(left), bool(right)
    numbers = type(left) in (int, float) and type(right) in (int, float)
    if not numbers and (type(left) is not type(right) or left is None):
        return False
    if op in ("=", "!="):
        return bool(left == right) == (op == "=")
    if not numbers:
        return False
    return bool({"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[op])
