"""Conditions on entries: `where = "amount > usual"`, some with `or` between, or a list of them that must all hold."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from atipico.errors import Refused

_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_FORM = re.compile(r"\s*([A-Za-z_][\w.-]*)\s*(!=|<=|>=|=|<|>)\s*(\S+)\s*")


class Comparison(NamedTuple):
    """`left` compared with `right`: a field or an earlier feature with another, or with a number."""

    left: str
    operator: str
    right: str | float

    def holds(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
        right = values[self.right] if isinstance(self.right, str) else self.right
        held: np.ndarray = _OPERATORS[self.operator](values[self.left], right)
        return held


class Condition(NamedTuple):
    """Comparisons of which at least one must hold."""

    any: tuple[Comparison, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The fields and features that it looks at."""
        sides = [side for one in self.any for side in (one.left, one.right)]
        return tuple(side for side in sides if isinstance(side, str))

    def holds(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """Whether it holds, bool (m,), for the values of its names, float64 (m,) each."""
        told: np.ndarray = np.logical_or.reduce([one.holds(values) for one in self.any])
        return told


def parse_where(given: str | Sequence[str]) -> tuple[Condition, ...]:
    """The conditions of a declaration, which must all hold. Raises Refused with what was needed."""
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise Refused(f"where = {given!r}: needed a condition, or a list of them that must all hold")
    return tuple(Condition(tuple(_parse(part) for part in re.split(r"\s+or\s+", text))) for text in texts)


def _parse(text: str) -> Comparison:
    match = _FORM.fullmatch(text)
    if not match:
        raise Refused(f'where = {text!r}: needed NAME OPERATOR NAME-OR-NUMBER, such as "amount > usual" or "label = 1"')
    left, sign, right = match.groups()
    try:
        return Comparison(left, sign, float(right))
    except ValueError:
        return Comparison(left, sign, right)
