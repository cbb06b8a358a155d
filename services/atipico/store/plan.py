"""What a SELECT asks for, seen before any point is read: its columns, windows and groups, or why it is refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from atipico.errors import Refused
from atipico.store import regex, where
from atipico.store.schema import Measurement
from atipico.store.span import moment
from atipico.wire.influxql.tree import Call, Column, Duration, Expression, Literal, Name, Regex, Select, Wildcard

SELECTORS = frozenset({"first", "last", "max", "min"})  # their answer is a point; the others' a number of many
_NUMBERS = {"float", "integer"}
_ORDERED = {*_NUMBERS, "boolean"}
_ALL = {*_ORDERED, "string"}
# Which types of field each function takes.
FUNCTIONS = {"count": _ALL, "sum": _NUMBERS, "mean": _NUMBERS, "min": _ORDERED, "max": _ORDERED}
FUNCTIONS |= {"first": _ALL, "last": _ALL}
_KNOWN = """abs acos asin atan atan2 bottom ceil chande_momentum_oscillator cos count cumulative_sum derivative
difference distinct double_exponential_moving_average elapsed exp exponential_moving_average floor histogram
holt_winters holt_winters_with_fit integral kaufmans_adaptive_moving_average kaufmans_efficiency_ratio ln log log10 log2
median mode moving_average non_negative_derivative non_negative_difference percentile pow relative_strength_index round
sample sin spread sqrt stddev tan top triple_exponential_derivative triple_exponential_moving_average"""


@dataclass(frozen=True)
class Asked:
    """One column of the answer: a field or tag, or what a function makes of a field.

    function: "" for the value itself. kind: "field" or "tag" where the query says so. named: the title is the
    query's own.
    """

    title: str
    name: str
    function: str = ""
    kind: str = ""
    named: bool = False

    @property
    def call(self) -> tuple[str, str]:
        return self.function, self.name


@dataclass(frozen=True)
class Windows:
    """GROUP BY time: windows of `width` ns that begin at `offset` (0 <= offset < width) past a multiple of it."""

    width: int
    offset: int

    def start(self, time: int) -> int:
        """Where the window of a time begins."""
        return time - (time - self.offset) % self.width


def check(select: Select) -> None:
    """Raises Refused, as a syntax error, for all that is not spoken here whatever the store holds."""
    for column in select.columns:
        _check_column(column.value)
    if select.where is not None:
        where.check(select.where)
    if select.fill.kind == "linear":
        raise Refused("error parsing query: fill(linear) is not spoken here yet; null, none, previous and a number are")
    for dimension in select.dimensions:
        if isinstance(dimension, Regex):
            regex.matching(dimension.pattern, ())


def _check_column(value: Expression) -> None:
    match value:
        case Name() | Wildcard() | Regex() | Literal() | Duration():
            return
        case Call(name, arguments):
            if name in _KNOWN.split() and name not in FUNCTIONS:
                spoken = ", ".join(FUNCTIONS)
                raise Refused(f"error parsing query: {name.upper()} is not spoken here yet; {spoken} are")
            if any(isinstance(argument, Call) for argument in arguments):
                raise Refused("error parsing query: a function of a function is not spoken here yet; ask for one")
            return
    raise Refused("error parsing query: arithmetic in SELECT is not spoken here yet; ask for the parts")


def windows(dimensions: Iterable[Expression], now: int) -> Windows | None:
    """The windows that GROUP BY time(...) makes, None without it."""
    found = [one for one in dimensions if isinstance(one, Call) and one.name == "time"]
    if any(isinstance(one, Name) and one.name.lower() == "time" for one in dimensions):
        raise Refused("time() is a function and expects at least one argument")
    if len(found) > 1:
        raise Refused("multiple time dimensions not allowed")
    if not found:
        return None
    match found[0].arguments:
        case (Duration(0),):
            return None
        case (Duration(width), *rest) if len(rest) < 2:
            if width <= 0:
                raise Refused("the width of GROUP BY time() must be more than 0")
            return Windows(width, moment(rest[0], now) % width if rest else 0)
    raise Refused("time dimension expected 1 or 2 arguments: a duration, and the offset of the windows")


def tags(dimensions: Iterable[Expression], sources: Iterable[Measurement]) -> list[str]:
    """The names of the tags that GROUP BY names, sorted; a tag that no series has is named all the same."""
    known = sorted({tag for source in sources for tag in source.tags})
    found: set[str] = set()
    for one in dimensions:
        match one:
            case Name(name):
                found.add(name)
            case Wildcard():
                found |= set(known)
            case Regex(pattern):
                found |= regex.matching(pattern, known)
            case Call("time"):
                pass
            case _:
                raise Refused("only time and tag dimensions allowed")
    return sorted(found)


def columns(select: Select, sources: list[Measurement], grouped: list[str]) -> list[Asked]:
    """The columns of the answer behind `time`, wildcards and patterns spelled out, each with a title of its own.

    Raises Refused for functions that do not go together, or that are not there.
    """
    fields: dict[str, set[str]] = {}
    for source in sources:
        for name, field in source.fields.items():
            fields.setdefault(name, set()).add(field.type)
    every = any(isinstance(one, Wildcard | Regex) for one in select.dimensions)  # then `*` means fields, as in InfluxDB
    known_tags = [] if every else sorted({tag for source in sources for tag in source.tags} - set(grouped))
    found = [asked for column in select.columns for asked in _spelled(column, fields, known_tags)]
    found = [asked for asked in found if asked.function or asked.name.lower() != "time"]
    _check_together(select, found)
    return _titled(found)


def _spelled(column: Column, fields: dict[str, set[str]], known_tags: list[str]) -> list[Asked]:
    match column.value:
        case Name(name, kind):
            return [Asked(column.alias or name, name, "", kind, column.alias is not None)]
        case Call(function, arguments):
            return _called(column, function, arguments, fields)
        case Wildcard(kind):
            wanted: set[str] | None = None
        case Regex(pattern):
            kind, wanted = "", regex.matching(pattern, [*fields, *known_tags])
        case _:
            raise Refused("field must contain at least one variable")
    both = [(name, "field") for name in fields if kind != "tag"] + [
        (tag, "tag") for tag in known_tags if kind != "field"
    ]
    return [Asked(name, name, "", its) for name, its in sorted(both) if wanted is None or name in wanted]


def _called(
    column: Column, function: str, arguments: tuple[Expression, ...], fields: dict[str, set[str]]
) -> list[Asked]:
    if function not in FUNCTIONS:
        raise Refused(f"undefined function {function}()")
    if len(arguments) != 1:
        raise Refused(f"invalid number of arguments for {function}, expected 1, got {len(arguments)}")
    match arguments[0]:
        case Name(name):
            return [Asked(column.alias or function, name, function, "", column.alias is not None)]
        case Wildcard(kind) if kind != "tag":
            wanted = set(fields)
        case Regex(pattern):
            wanted = regex.matching(pattern, fields)
        case _:
            raise Refused(f"expected field argument in {function}()")
    fitting = [name for name in sorted(wanted) if fields[name] & FUNCTIONS[function]]
    return [Asked(f"{column.alias or function}_{name}", name, function) for name in fitting]


def _check_together(select: Select, found: list[Asked]) -> None:
    calls = {asked.call for asked in found if asked.function}
    plain = [asked for asked in found if not asked.function]
    timed = any(isinstance(one, Call) for one in select.dimensions)
    if not found and all(isinstance(c.value, Name) for c in select.columns):
        raise Refused("at least 1 non-time field must be queried")
    if calls and plain and not all(function in SELECTORS for function, _ in calls):
        raise Refused("mixing aggregate and non-aggregate queries is not supported")
    if len(calls) > 1 and plain:
        raise Refused("mixing multiple selector functions with tags or fields is not supported")
    if plain and not calls and timed:
        raise Refused("GROUP BY requires at least one aggregate function")
    if plain and not calls and select.fill.kind == "none":
        raise Refused("fill(none) must be used with a function")


def _titled(found: list[Asked]) -> list[Asked]:
    """A title that is there already gets the next free number behind it, unless AS gave it."""
    used = {asked.title for asked in found if asked.named}
    titled = []
    for asked in found:
        title, number = asked.title, 1
        while title in used and not asked.named:
            title, number = f"{asked.title}_{number}", number + 1
        used.add(title)
        titled.append(replace(asked, title=title))
    return titled
