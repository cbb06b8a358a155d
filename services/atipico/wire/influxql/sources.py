"""FROM: the measurements that a statement reads."""

from __future__ import annotations

from collections.abc import Callable

from atipico.wire.influxql.reader import Reader
from atipico.wire.influxql.tree import From, Regex, Select


def sources(reader: Reader) -> tuple[From, ...]:
    """One or more measurements, `FROM` being taken already."""
    found: list[From] = []
    while not found or reader.taken(","):
        found.append(_measurement(reader))
    return tuple(found)


def sources_of_select(reader: Reader, select: Callable[[Reader], Select]) -> tuple[From | Select, ...]:
    """Measurements and subqueries. select: reads a SELECT, that word being taken already."""
    found: list[From | Select] = []
    while not found or reader.taken(","):
        if reader.next.kind != "(":
            found.append(_measurement(reader))
            continue
        reader.take()
        reader.expect("SELECT")
        with reader.deeper():
            found.append(select(reader))
        reader.expect(")")
    return tuple(found)


def _measurement(reader: Reader) -> From:
    """m, "policy"."m", "database"."policy"."m", "database".."m", or a pattern in the last place."""
    parts: list[str | Regex | None] = [_part(reader)]
    while reader.taken(".") and len(parts) < 3:
        parts.append(None if reader.next.kind == "." else _part(reader))
    *before, name = parts
    if name is None or any(isinstance(part, Regex) for part in before):
        raise reader.unexpected("identifier")
    policy, database = [*reversed(before), None, None][:2]
    return From(name, database, policy)  # type: ignore[arg-type]  # those before are no patterns


def _part(reader: Reader) -> str | Regex:
    return Regex(str(reader.take().value)) if reader.next.kind == "regex" else reader.name()
