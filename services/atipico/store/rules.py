"""What may stand in one SELECT together, seen from its text alone."""

from __future__ import annotations

from atipico.errors import Refused
from atipico.store import functions, regex, where
from atipico.store.functions import MATH, POINTS, SELECTORS, STEPS, UNSPOKEN
from atipico.wire.influxql.tree import Binary, Call, Duration, Expression, Literal, Name, Regex, Select, Wildcard

_COMPARING = frozenset({"=", "!=", "<", "<=", ">", ">=", "=~", "!~", "AND", "OR"})


def check_spoken(select: Select) -> None:
    """Raises Refused, as a syntax error, for all that is not spoken here whatever the store holds."""
    for column in select.columns:
        _check_spoken(column.value)
    if select.where is not None:
        where.check(select.where)
    for dimension in select.dimensions:
        if isinstance(dimension, Regex):
            regex.matching(dimension.pattern, ())
    subqueries = [source for source in select.sources if isinstance(source, Select)]
    for subquery in subqueries:
        if subquery.series_limit or subquery.series_offset or select.series_limit or select.series_offset:
            raise Refused("error parsing query: SLIMIT and SOFFSET with a subquery is not spoken here yet; use WHERE")
        check_spoken(subquery)


def _check_spoken(value: Expression) -> None:
    match value:
        case Call(name, arguments):
            if name in UNSPOKEN:
                raise Refused(f"error parsing query: {name.upper()} is not spoken here yet; {functions.SPOKEN} are")
            if name in ("top", "bottom") and len(arguments) > 2:
                raise Refused(f"error parsing query: {name}() with tags is not spoken here yet; use GROUP BY and max()")
            for argument in arguments:
                _check_spoken(argument)
        case Binary(op, left, right):
            if op in _COMPARING:
                raise Refused(f"error parsing query: a comparison ({op}) in SELECT is not spoken here yet; use WHERE")
            _check_spoken(left)
            _check_spoken(right)


def _before(call: Call) -> int:
    match call:
        case Call("moving_average", (inner, Literal(int() as own))):
            pass
        case Call(name, (inner, *_)) if name in STEPS:
            own = 1
        case _:
            return 0
    return max(own, _before(inner)) if isinstance(inner, Call) else own


def _is_constant(value: Expression) -> bool:
    match value:
        case Binary(_, left, right):
            return _is_constant(left) and _is_constant(right)
        case Call(name, arguments) if name in MATH:
            return bool(arguments) and all(map(_is_constant, arguments))
    return isinstance(value, Literal | Duration)


class Together:
    """What the columns of a statement ask for. `calls`: its different functions over points, in their order.

    inherited: its windows are those of the statement around it.
    """

    def __init__(self, columns: list[Expression], timed: bool, inherited: bool) -> None:
        self.calls: list[Call] = []
        self.names: list[Name] = []
        self._wild = self._wild_call = False
        self._timed, self._inherited = timed, inherited
        for value in columns:
            if _is_constant(value):
                raise Refused("field must contain at least one variable")
            self._look(value, wild=True)

    @property
    def before(self) -> int:
        """How many windows before its first one the statement reads. Steps in steps count as one, as in InfluxDB."""
        return max(map(_before, self.calls), default=0)

    @property
    def selects(self) -> bool:
        """Whether one function selects a point, so that other values of it may stand beside."""
        return len(self.calls) == 1 and self.calls[0].name in SELECTORS

    def _look(self, value: Expression, wild: bool) -> None:
        match value:
            case Name():
                self._add(self.names, value)
            case Wildcard() | Regex():
                self._wild = True
                if not wild:
                    what = "wildcard" if isinstance(value, Wildcard) else "regex"
                    raise Refused(f"unable to use {what} in a binary expression")
            case Call(name, arguments) if name in MATH:
                if len(arguments) != MATH[name]:
                    raise Refused(
                        f"invalid number of arguments for {name}, expected {MATH[name]}, got {len(arguments)}"
                    )
                for argument in arguments:
                    self._look(argument, wild)
            case Call():
                self._check_call(value, wild)
                self._add(self.calls, value)
            case Binary(_, left, right):
                self._look(left, wild=False)
                self._look(right, wild=False)
            case Duration():
                raise Refused("a duration in SELECT is not spoken here yet; write a number")
            case Literal():
                pass

    def _add(self, found: list[Call] | list[Name], value: Call | Name) -> None:
        if value not in found:
            found.append(value)  # type: ignore[arg-type]  # each list gets its own kind

    def _check_call(self, call: Call, wild: bool) -> None:
        functions.check(call)
        inner = call.arguments[0]
        if isinstance(inner, Wildcard | Regex) and not wild:
            what = "wildcard" if isinstance(inner, Wildcard) else "regex field"
            raise Refused(f"unsupported expression with {what}: {call.name}()")
        self._wild_call |= isinstance(inner, Wildcard | Regex)
        if call.name not in STEPS:
            return
        if isinstance(inner, Call):
            if not self._timed:
                raise Refused(f"{call.name} aggregate requires a GROUP BY interval")
            if inner.name not in POINTS:
                raise Refused(f"{call.name}({inner.name}()) is not spoken here yet; use a function over points")
            self._check_call(inner, wild)
        elif self._timed and not self._inherited:
            raise Refused(f"aggregate function required inside the call to {call.name}")

    def check(self, select: Select) -> None:
        """Raises Refused for what does not go together."""
        fields = bool(self.names) or self._wild  # some are read as they are
        if not self.calls:
            if select.fill.kind in ("none", "linear"):
                raise Refused(f"fill({select.fill.kind}) must be used with a function")
            if self._timed and not self._inherited:
                raise Refused("GROUP BY requires at least one aggregate function")
        names = [call.name for call in self.calls]
        for name in ("top", "bottom"):
            if name in names and len(names) > 1:
                raise Refused(f"selector function {name}() cannot be combined with other functions")
        for call in self.calls:
            match call:
                case Call("top" | "bottom" as name, (_, Literal(int() as most))) if 0 < select.limit < most:
                    told = f"limit ({most}) in {name} function can not be larger than the LIMIT ({select.limit})"
                    raise Refused(f"{told} in the select statement")
        if "distinct" in names and (len(names) > 1 or fields):
            raise Refused("aggregate function distinct() cannot be combined with other functions or fields")
        if fields and names and (self._wild_call or not all(name in SELECTORS for name in names)):
            raise Refused("mixing aggregate and non-aggregate queries is not supported")
        if fields and len(names) > 1:
            raise Refused("mixing multiple selector functions with tags or fields is not supported")
