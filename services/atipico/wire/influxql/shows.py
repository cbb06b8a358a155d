"""SHOW: what a store holds."""

from __future__ import annotations

from atipico.errors import Refused
from atipico.wire.influxql.expression import expression
from atipico.wire.influxql.reader import Reader
from atipico.wire.influxql.sources import sources
from atipico.wire.influxql.tree import Match, Regex, Show

_SHOWN = """CONTINUOUS DATABASES DIAGNOSTICS FIELD GRANTS MEASUREMENT MEASUREMENTS QUERIES RETENTION SERIES SHARD SHARDS
STATS SUBSCRIPTIONS TAG USERS"""
_SPOKEN = "DATABASES, MEASUREMENTS, FIELD KEYS, TAG KEYS, TAG VALUES, SERIES and RETENTION POLICIES are"
_SECOND = {"FIELD": ("KEYS",), "TAG": ("KEYS", "VALUES"), "RETENTION": ("POLICIES",)}
_WANTED = {"FIELD": ("KEY", "KEYS"), "TAG": ("KEY", "KEYS", "VALUES"), "RETENTION": ("POLICIES",)}


def show(reader: Reader) -> Show:
    """The statement behind the word SHOW."""
    what = _what(reader)
    if what == "databases":
        return Show(what)
    database = reader.name() if reader.taken("ON") else None
    if what == "retention policies":
        return Show(what, database)
    read_from = sources(reader) if what != "measurements" and reader.taken("FROM") else ()
    match = _match(reader, what)
    where = expression(reader) if what != "field keys" and reader.taken("WHERE") else None
    if reader.taken("ORDER", "BY"):  # these answers are sorted by name, whatever is asked
        if reader.name() != "time":
            raise Refused("error parsing query: only ORDER BY time supported at this time")
        _ = reader.taken("ASC") or reader.taken("DESC")
    limit, offset = (reader.integer() if reader.taken(word) else 0 for word in ("LIMIT", "OFFSET"))
    return Show(what, database, read_from, match, where, limit, offset)


def _what(reader: Reader) -> str:
    if reader.next.kind not in _SHOWN.split():
        raise reader.unexpected(*_SHOWN.split())
    word = reader.take().kind
    if word in _SECOND:
        if reader.next.kind not in _WANTED[word]:
            raise reader.unexpected(*_WANTED[word])
        second = reader.take().kind
        if second in _SECOND[word]:
            return f"{word} {second}".lower()
        word = f"{word} {second}"
    elif word in ("DATABASES", "MEASUREMENTS", "SERIES") and reader.word() not in ("CARDINALITY", "EXACT"):
        return word.lower()
    raise Refused(f"error parsing query: SHOW {word} {reader.word()}".rstrip() + f" is not spoken here yet; {_SPOKEN}")


def _match(reader: Reader, what: str) -> Match | None:
    """WITH MEASUREMENT for measurements, WITH KEY for tag values (which cannot do without)."""
    ops: tuple[str, ...] = ("=", "=~")
    if what == "tag values":
        reader.expect("WITH")
        reader.expect("KEY")
        ops = ("IN", "=", "=~", "!=", "!~")
    elif what == "measurements" and reader.taken("WITH"):
        reader.expect("MEASUREMENT")
    else:
        return None
    if reader.next.kind not in ops:
        raise reader.unexpected(*ops[:3])
    op = reader.take().kind
    if op == "IN":
        return Match(op, _names(reader))
    if op in ("=~", "!~"):
        return Match(op, (Regex(str(reader.expect("regex").value)),))
    return Match(op, (reader.name(),))


def _names(reader: Reader) -> tuple[str, ...]:
    reader.expect("(")
    found = [reader.name()]
    while reader.taken(","):
        found.append(reader.name())
    reader.expect(")")
    return tuple(found)
