"""Why a query gave nothing: a name in it that is not there, or just no rows."""

from __future__ import annotations

from typing import Any

from atipico.client.names import known
from atipico.client.reads import check_stream
from atipico.client.store import Store
from atipico.errors import Refused
from atipico.wire.influxql import parse
from atipico.wire.influxql.tree import Binary, Call, Column, Name, Select


def check_names(store: Store, q: str) -> None:
    """Raises Unknown when a SELECT names a stream or a field that is not there, with the nearest."""
    for select in _selects(q):
        for source in select.sources:
            if isinstance(source, Select) or not isinstance(source.name, str) or source.database is not None:
                continue
            check_stream(store, source.name)
            there = {"time", *store.fields(source.name), *store.tags(source.name)}
            for name in _names(select):
                known("field or tag", name, there, f"stream {source.name!r}")


def _selects(q: str) -> list[Select]:
    try:
        return [select for statement in parse(q) for select in _all(statement)]
    except Refused:  # a real InfluxDB understands more than our grammar
        return []


def _all(part: Any) -> list[Select]:
    """The innermost SELECTs: what stands around a subquery names its columns, which need not be fields."""
    if not isinstance(part, Select):
        return []
    inner = [select for source in part.sources for select in _all(source)]
    return inner or [part]


def _names(part: Any) -> list[str]:
    """Every field and tag that a part of a statement names."""
    match part:
        case Name(name):
            return [name]
        case Select():
            return _names((part.columns, part.where, part.dimensions))
        case Column(value):
            return _names(value)
        case Call():
            return _names(part.arguments)
        case Binary():
            return _names((part.left, part.right))
        case tuple():
            return [name for one in part for name in _names(one)]
    return []
