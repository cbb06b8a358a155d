"""The part of WHERE that speaks of tags and fields: tags are settled here, series by series, fields become SQL.

SQL text holds only column names made of positions, and question marks; names and values never enter it.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Mapping
from typing import NamedTuple

from atipico.errors import Refused
from atipico.store import regex
from atipico.store.schema import Field, Measurement, Series
from atipico.wire.influxql.tree import Binary, Expression, Literal, Name, Regex

_ORDERED = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}


class Clause(NamedTuple):
    """A condition on a row in SQL, with what its question marks stand for. op: what joins its parts, "" for one."""

    sql: str
    values: tuple[float | int | str, ...]
    op: str = ""


Verdict = Clause | bool  # of one series: on its rows, or on all of it


class Conditions:
    """The conditions of one statement on one measurement."""

    def __init__(
        self, where: Expression | None, measurement: Measurement, kinds: Mapping[str, str] | None = None
    ) -> None:
        """kinds: the types of names in all measurements that are read; what is a field in one is no tag in another."""
        self._where, self._measurement = where, measurement
        self._fields = measurement.fields
        self._lacking = {name for name, kind in (kinds or {}).items() if kind != "tag"} - self._fields.keys()
        self._found: dict[tuple[str, str], set[str]] = {}
        if where is not None:
            self._search(where, measurement.series)

    def on(self, series: Series) -> Verdict:
        """What is asked of the rows of one series; True: nothing, False: none of them can fit."""
        return True if self._where is None else self._verdict(self._where, series)

    def _search(self, value: Expression, series: list[Series]) -> None:
        """Run each pattern once over the different values of its tag."""
        match value:
            case Binary("=~" | "!~", Name() as name, Regex(pattern)):
                field = self._field(name)
                values = {one.tags.get(name.name, "") for one in series} if field is None else self._texts(field)
                self._found[name.name, pattern] = regex.matching(pattern, values)
            case Binary(_, left, right):
                self._search(left, series)
                self._search(right, series)

    def _verdict(self, value: Expression, series: Series) -> Verdict:
        match value:
            case Binary("AND", left, right):
                return _both(self._verdict(left, series), self._verdict(right, series))
            case Binary("OR", left, right):
                return _either(self._verdict(left, series), self._verdict(right, series))
            case Literal(bool() as plain):
                return plain
            case Binary(_, left, right) if self._lacks(left) or self._lacks(right):
                return False
            case Binary("=~" | "!~" as op, Name() as name, Regex(pattern)):
                field, found = self._field(name), self._found[name.name, pattern]
                if field is None:
                    return (series.tags.get(name.name, "") in found) == (op == "=~")
                return _in_texts(op, field, found)
            case Binary(op, Name() as name, Literal(plain)) | Binary(op, Literal(plain), Name() as name):
                op = op if value.left is name else _MIRRORED.get(op, op)
                field = self._field(name)
                return (
                    _on_tag(op, series.tags.get(name.name, ""), plain) if field is None else _on_field(op, field, plain)
                )
            case Binary(op, Literal(left), Literal(right)) if op in ("=", "!=", *_ORDERED):
                return _compare(op, left, right)
            case Name(name):
                raise Refused(f"invalid condition expression: {name}")
        raise Refused("this condition is not spoken here yet; compare a tag or a field with a value")

    def _texts(self, field: Field) -> set[str]:
        """The different texts of a field; none when it holds something else."""
        if field.type != "string":
            return set()
        sql = f"SELECT DISTINCT {field.column} FROM {self._measurement.table}"  # noqa: S608  # names of our own
        return {text for (text,) in self._measurement.db.execute(sql) if text is not None}

    def _lacks(self, value: Expression) -> bool:
        """Whether it is a field that only other measurements have."""
        return isinstance(value, Name) and value.kind != "tag" and value.name in self._lacking

    def _field(self, name: Name) -> Field | None:
        """The field of that name; a tag when there is none, or when the query says so."""
        return None if name.kind == "tag" else self._fields.get(name.name)


def check(value: Expression) -> None:
    """Raises Refused for a condition that is not spoken here, whatever the measurement holds."""
    match value:
        case Binary("AND" | "OR", left, right):
            check(left)
            check(right)
        case Binary("=~" | "!~", _, Regex(pattern)):
            regex.matching(pattern, ())
        case Binary(op, Name(left), Name(right)) if "time" not in (left.lower(), right.lower()):
            raise Refused(
                f"error parsing query: comparing one name with another ({left} {op} {right}) is not spoken here yet; "
                "a text stands in single quotes"
            )
        case Binary(op, _, _) if op in "+-*/%&|^":
            raise Refused(
                f"error parsing query: arithmetic ({op}) in WHERE is not spoken here yet; compare with a value"
            )
        case Binary(_, left, right) if not any(
            isinstance(one, Name) and one.name.lower() == "time" for one in (left, right)
        ):
            check(left)
            check(right)


def _on_tag(op: str, tag: str, value: object) -> bool:
    """A tag that a series lacks is the empty text; tags are equal or not, and have no order."""
    return op in ("=", "!=") and isinstance(value, str) and (tag == value) == (op == "=")


def _on_field(op: str, field: Field, value: float | int | bool | str) -> Verdict:
    """A row without the field fits no condition on it; neither does a value of another type."""
    ordered = field.type in ("float", "integer")
    fits = {"boolean": bool, "string": str}.get(field.type, (int, float))
    if not isinstance(value, fits) or (ordered and isinstance(value, bool)) or (op in _ORDERED and not ordered):
        return False
    return Clause(f"{field.column} {op} ?", (value,))


def _in_texts(op: str, field: Field, found: set[str]) -> Verdict:
    """A row whose text a pattern found, or did not; one without a text fits neither."""
    if field.type != "string":
        return False
    among, values = "IN (SELECT value FROM json_each(?))", (json.dumps(sorted(found)),)
    if op == "=~":
        return Clause(f"{field.column} {among}", values)
    return Clause(f"{field.column} IS NOT NULL AND {field.column} NOT {among}", values, "AND")


def _compare(op: str, left: float | str, right: float | str) -> bool:
    if op in ("=", "!="):
        return isinstance(left, str) == isinstance(right, str) and (left == right) == (op == "=")
    if isinstance(left, str) or isinstance(right, str):
        return False
    return bool(_ORDERED[op](left, right))


def _both(left: Verdict, right: Verdict) -> Verdict:
    if isinstance(left, Clause) and isinstance(right, Clause):
        return _joined("AND", left, right)
    return False if left is False or right is False else right if left is True else left


def _either(left: Verdict, right: Verdict) -> Verdict:
    if isinstance(left, Clause) and isinstance(right, Clause):
        return _joined("OR", left, right)
    return True if left is True or right is True else right if left is False else left


def _joined(op: str, left: Clause, right: Clause) -> Clause:
    """Two clauses as one, with parentheses only where the operators differ: SQLite's parser bears few of them."""
    sides = (side.sql if side.op in ("", op) else f"({side.sql})" for side in (left, right))
    return Clause(f" {op} ".join(sides), left.values + right.values, op)
