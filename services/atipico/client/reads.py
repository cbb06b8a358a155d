"""What is asked of a store, by stream, job and time."""

from __future__ import annotations

from atipico.client.names import known
from atipico.client.store import Store, Table
from atipico.config import nanoseconds
from atipico.wire.influxql.text import quoted
from atipico.wire.sample import JOB_TAG, SOURCE_TAG, TOLD_BY_TAG, Value

LABELS, SCORES = "labels", "scores"
SCORE_TYPES = {
    "score": "float",
    "threshold": "float",
    "anomalous": "boolean",
    "version": "string",
    "scored": "boolean",
    "why": "string",
}


def check_stream(store: Store, stream: str) -> str:
    """The name of a stream that is there. Raises Unknown with the nearest."""
    return known("stream", stream, store.streams(), f"database {store.database!r}")


def samples(store: Store, stream: str, last: str) -> list[Table]:
    """Samples of the last such while, the oldest first; an empty table with all columns where there is none."""
    check_stream(store, stream)
    found = store.ask(f"SELECT * FROM {quoted(stream)} WHERE {_within(last)}")  # noqa: S608 - names are quoted
    return found or [Table(stream, {}, ["time", *store.tags(stream), *store.fields(stream)], [])]


def check_job(store: Store, job: str) -> list[str]:
    """The streams that a job has scores of. Raises Unknown with the nearest for a job that has none at all."""
    known("job", job, _tag_values(store, JOB_TAG), f"the scores of database {store.database!r}")
    return _tag_values(store, SOURCE_TAG, f" WHERE {quoted(JOB_TAG)} = {_text(job)}")


def _tag_values(store: Store, tag: str, where: str = "") -> list[str]:
    named = store.ask(f"SHOW TAG VALUES FROM {quoted(SCORES)} WITH KEY = {quoted(tag)}{where}")
    return [name for table in named for name in table.column("value")]


def newest(store: Store, stream: str, field: str) -> Value | None:
    """The field of the newest sample that has it."""
    found = store.ask(f"SELECT {quoted(field)} FROM {quoted(stream)} ORDER BY time DESC LIMIT 1")  # noqa: S608
    return found[0].column(field)[0] if found else None


def scores(store: Store, job: str, last: str) -> list[Table]:
    """Outcomes of a job. Raises Unknown with the nearest for a job that has none at all."""
    check_job(store, job)
    of_job = f"{_within(last)} AND {quoted(JOB_TAG)} = {_text(job)}"
    found = whole(store.ask(f"SELECT * FROM {quoted(SCORES)} WHERE {of_job}"))  # noqa: S608
    return found or [Table(SCORES, {}, ["time", SOURCE_TAG, *SCORE_TYPES], [])]


def whole(tables: list[Table]) -> list[Table]:
    """Outcomes without those that lack a field: an InfluxDB shows a row while it is being written, field by field."""
    kept = []
    for table in tables:
        at = [place for place, name in enumerate(table.columns) if name in SCORE_TYPES]
        if rows := [row for row in table.values if len(at) == len(SCORE_TYPES) and None not in [row[n] for n in at]]:
            kept.append(table._replace(values=rows))
    return kept


def jobs(store: Store) -> list[Table]:
    """The newest outcome of each job and stream; the tags tell which."""
    q = (
        f'SELECT "version", "threshold", "score" FROM {quoted(SCORES)} '  # noqa: S608
        f"GROUP BY {quoted(JOB_TAG)}, {quoted(SOURCE_TAG)} ORDER BY time DESC LIMIT 1"
    )
    return store.ask(q)


def labels(store: Store, stream: str, last: str) -> list[Table]:
    """Labels told in the last such while, of one stream or ("") of all."""
    where = _within(last) + (f" AND {quoted(SOURCE_TAG)} = {_text(stream)}" if stream else "")
    columns = (TOLD_BY_TAG, SOURCE_TAG, "id", "label")
    found = store.ask(f"SELECT {', '.join(map(quoted, columns))} FROM {quoted(LABELS)} WHERE {where}")  # noqa: S608
    return found or [Table(LABELS, {}, ["time", *columns], [])]


def _within(last: str) -> str:
    return f"time > now() - {nanoseconds(last)}ns"


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
