"""The answer of `/query`: statements of InfluxQL, run one after the other on the databases."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Protocol

from atipico.errors import Refused
from atipico.store import bound, moments, regex, rules, show, where
from atipico.store.rows import Shown
from atipico.store.select import select
from atipico.wire.influxql import parse, write
from atipico.wire.influxql.tree import CreateDatabase, DropDatabase, From, Regex, Select, Show, Statement


class Database(Protocol):
    """`reader`: this thread's connection, read-only as a file (mode=ro); temporary tables may be made in it."""

    def reader(self) -> sqlite3.Connection: ...
    def wait_folded(self) -> object: ...


class Databases(Protocol):
    """`get` raises Refused("database not found: x")."""

    def names(self) -> Sequence[str]: ...
    def get(self, name: str) -> Any: ...
    def create(self, name: str) -> object: ...
    def drop(self, name: str) -> object: ...


def answer(
    databases: Databases,
    q: str,
    db: str | None,
    epoch: str | None,
    now: int,
    method: str,
    longest_s: float = bound.LONGEST_S,
) -> dict[str, Any]:
    """InfluxDB's result object. now: ns. method: GET may not change anything. longest_s: of each statement.

    Raises Refused for text that is no InfluxQL, or none that is spoken here: nothing of it is run.
    Raises NotYet when earlier writes can't be seen in time.
    What else goes wrong in a statement stands in its result, and the statements behind it are not executed.
    """
    statements = parse(q)
    for statement in statements:
        _check(statement)
    shown = moments.shown(epoch)
    results: list[dict[str, Any]] = []
    failed = False
    for number, statement in enumerate(statements):
        result: dict[str, Any] = {"statement_id": number}
        try:
            if failed:
                raise Refused("not executed")
            if series := _run(databases, statement, db, now, shown, method, longest_s):
                result["series"] = series
        except Refused as error:
            result["error"], failed = str(error), True
        results.append(result)
    return {"results": results}


def _check(statement: Statement) -> None:
    """Refuse what is not spoken here before anything is run."""
    if isinstance(statement, Select):
        rules.check_spoken(statement)
    if isinstance(statement, Show):
        for operand in statement.match.operands if statement.match else ():
            if isinstance(operand, Regex):
                regex.matching(operand.pattern, ())
        if statement.where is not None:
            where.check(statement.where)


def _run(
    databases: Databases, statement: Statement, db: str | None, now: int, shown: Shown, method: str, longest_s: float
) -> list[dict[str, Any]]:
    match statement:
        case CreateDatabase(name) | DropDatabase(name):
            if method != "POST":
                text = write(statement)
                raise Refused(f"deprecated use of '{text}' in a read only context, please use a POST request instead")
            if isinstance(statement, CreateDatabase):
                databases.create(name)
            elif name in databases.names():
                databases.drop(name)
            return []
        case Show(what="databases"):
            return show.databases(list(databases.names()))
        case Show(what="measurements") if (asked := statement.database or db) and asked not in databases.names():
            return []  # as InfluxDB, which tells of it in every other case
    return _read(databases, statement, db, now, shown, longest_s)


def _measurements(sources: Sequence[From | Select]) -> list[From]:
    """Those that a statement reads, in its subqueries too."""
    found: list[From] = []
    for source in sources:
        found += [source] if isinstance(source, From) else _measurements(source.sources)
    return found


def _read(
    databases: Databases, statement: Select | Show, db: str | None, now: int, shown: Shown, longest_s: float
) -> list[dict[str, Any]]:
    """Run a statement on the one database that it names, or that the request does."""
    named = statement.database if isinstance(statement, Show) else None
    wanted = {source.database or named or db for source in _measurements(statement.sources) or [From("")]}
    if len(wanted) > 1:
        raise Refused("reading several databases in one statement is not spoken here yet; ask each in its own")
    name = wanted.pop()
    if not name:
        raise Refused("database name required")
    if name not in databases.names():
        raise Refused(f"database not found: {name}")
    database = databases.get(name)
    database.wait_folded()
    connection = database.reader()
    with bound.limited(connection, longest_s):
        if isinstance(statement, Show):
            return show.show(connection, statement, now)
        return select(connection, statement, now, shown)
