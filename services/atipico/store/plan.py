"""What a SELECT asks for, seen before any point is read: its windows, its groups, its columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from atipico.errors import Refused
from atipico.store import regex
from atipico.store.functions import NUMBERS, POINTS
from atipico.store.points import Windows
from atipico.store.span import moment
from atipico.wire.influxql.tree import Binary, Call, Duration, Expression, Name, Regex, Select, Wildcard
from atipico.wire.influxql.tree import Column as Written

TIME = "time"


@dataclass(frozen=True)
class Column:
    """One column of the answer behind `time`. named: the title is the query's own."""

    title: str
    value: Expression
    named: bool = False


def windows(dimensions: Iterable[Expression], now: int) -> Windows | None:
    """The windows that GROUP BY time(...) makes, None without it."""
    found = [one for one in dimensions if isinstance(one, Call) and one.name == TIME]
    if any(isinstance(one, Name) and one.name.lower() == TIME for one in dimensions):
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


def tags(dimensions: Iterable[Expression], known: Iterable[str]) -> list[str]:
    """The names of the tags that GROUP BY names, sorted; a tag that no series has is named all the same."""
    found: set[str] = set()
    for one in dimensions:
        match one:
            case Name(name):
                found.add(name)
            case Wildcard():
                found |= set(known)
            case Regex(pattern):
                found |= regex.matching(pattern, set(known))
            case Call("time"):
                pass
            case _:
                raise Refused("only time and tag dimensions allowed")
    return sorted(found)


def columns(select: Select, kinds: Mapping[str, str], grouped: Iterable[str]) -> list[Column]:
    """The columns of the answer behind `time`, wildcards and patterns spelled out, each with a title of its own.

    kinds: the types of the fields and, as "tag", the tags. grouped: the tags that GROUP BY names.
    """
    every = any(isinstance(one, Wildcard | Regex) for one in select.dimensions)  # then `*` means fields, as in InfluxDB
    left_out = {name for name, kind in kinds.items() if kind == "tag" and (every or name in set(grouped))}
    known = {name: kind for name, kind in sorted(kinds.items()) if name not in left_out}
    found = [column for written in select.columns for column in _spelled(written, known)]
    found = [one for one in found if not is_time(one.value)]
    if not found and all(isinstance(one.value, Name) for one in select.columns):
        raise Refused("at least 1 non-time field must be queried")
    return _titled(found)


def time_title(select: Select) -> str:
    """The title of the column of times."""
    return next((one.alias for one in reversed(select.columns) if one.alias and is_time(one.value)), TIME)


def is_time(value: Expression) -> bool:
    return isinstance(value, Name) and value.name == TIME


def _spelled(written: Written, known: Mapping[str, str]) -> list[Column]:
    value, alias = written.value, written.alias
    match value:
        case Wildcard(kind):
            fitting = [name for name, its in known.items() if not kind or (kind == "tag") == (its == "tag")]
        case Regex(pattern):
            wanted = regex.matching(pattern, known)
            fitting = [name for name in known if name in wanted]
        case Call() if isinstance((*_innermost(value).arguments, None)[0], Wildcard | Regex):
            return _spelled_call(value, alias, known)
        case _:
            return [Column(alias or _name(value), value, alias is not None)]
    return [Column(name, Name(name, "tag" if known[name] == "tag" else "field")) for name in fitting]


def _spelled_call(value: Call, alias: str | None, known: Mapping[str, str]) -> list[Column]:
    inner = _innermost(value)
    takes = POINTS[inner.name].takes if inner.name in POINTS else NUMBERS
    what = inner.arguments[0]
    wanted = regex.matching(what.pattern, known) if isinstance(what, Regex) else set(known)
    fitting = [name for name, kind in known.items() if kind in takes and name in wanted]
    return [Column(f"{alias or value.name}_{name}", _replaced(value, Name(name)), True) for name in fitting]


def _innermost(call: Call) -> Call:
    """The call whose first argument is no call."""
    first = call.arguments[0] if call.arguments else None
    return _innermost(first) if isinstance(first, Call) and first.arguments else call


def _replaced(call: Call, name: Name) -> Call:
    first, *others = call.arguments
    return replace(call, arguments=(_replaced(first, name) if isinstance(first, Call) else name, *others))


def _name(value: Expression) -> str:
    """What InfluxDB calls a column: its field or function, or all of those that it is computed from."""
    match value:
        case Name(name) | Call(name):
            return name
        case Binary(_, left, right):
            return "_".join(name for name in (_name(left), _name(right)) if name)
    return ""


def _titled(found: list[Column]) -> list[Column]:
    """A title that is there already gets the next free number behind it, unless AS gave it."""
    used = {one.title for one in found if one.named}
    titled = []
    for one in found:
        title, number = one.title, 1
        while title in used and not one.named:
            title, number = f"{one.title}_{number}", number + 1
        used.add(title)
        titled.append(replace(one, title=title))
    return titled
