"""Samples that were written, and the outcomes that they got."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from atipico.client.reads import SCORES, whole
from atipico.client.results import Written
from atipico.client.store import Store, Table
from atipico.errors import NotYet
from atipico.wire.influxql import write as to_text
from atipico.wire.influxql.tree import Binary, Column, Expression, From, Literal, Name, Select, Wildcard
from atipico.wire.sample import JOB_TAG, SOURCE_TAG, Sample, sample_tags

_FIRST_S, _LONGEST_S = 0.02, 1.0
_Key = tuple[str, tuple[tuple[str, str], ...], int]


def wait(store: Store, written: Written, job: str, timeout_s: float) -> list[Table]:
    """The outcomes of just these samples, once each has one (of `job`, or of any). Raises NotYet at the deadline."""
    missing = {_key(sample.measurement, sample.tags, sample.time) for sample in written.samples}
    wanted, deadline, pause_s = frozenset(missing), time.monotonic() + timeout_s, _FIRST_S
    while True:
        found = [table for select in _selects(written.samples, job) for table in whole(store.ask(to_text(select)))]
        tables, seen = _pick(found, wanted)
        if not (missing := set(wanted - seen)):
            return tables
        if time.monotonic() > deadline:
            raise NotYet(_told(missing, len(wanted), job, timeout_s))
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_S)


def _selects(samples: Iterable[Sample], job: str) -> list[Select]:
    """One statement a stream, from its first sample to its last."""
    spans: dict[str, tuple[int, int]] = {}
    for sample in samples:
        first, last = spans.get(sample.measurement, (sample.time, sample.time))
        spans[sample.measurement] = (min(first, sample.time), max(last, sample.time))
    return [
        Select(
            (Column(Wildcard()),),
            (From(SCORES),),
            every(
                Binary("=", Name(SOURCE_TAG), Literal(stream)),
                Binary(">=", Name("time"), Literal(first)),
                Binary("<=", Name("time"), Literal(last)),
                *([Binary("=", Name(JOB_TAG), Literal(job))] if job else []),
            ),
            (Wildcard(),),
        )
        for stream, (first, last) in spans.items()
    ]


def every(*conditions: Expression) -> Expression:
    """All of them hold."""
    first, *rest = conditions
    for condition in rest:
        first = Binary("AND", first, condition)
    return first


def _pick(tables: Iterable[Table], wanted: frozenset[_Key]) -> tuple[list[Table], set[_Key]]:
    """Of the outcomes those of wanted samples, and which samples that are."""
    picked: list[Table] = []
    seen: set[_Key] = set()
    for table in tables:
        tags = sample_tags(table.tags)
        keys = [_key(table.tags[SOURCE_TAG], tags, at) for at in table.column("time")]
        rows = [row for row, key in zip(table.values, keys, strict=True) if key in wanted]
        seen |= wanted & set(keys)
        if rows:
            picked.append(table._replace(values=rows))
    return picked, seen


def _key(stream: str, tags: Mapping[str, str], at: int) -> _Key:
    return stream, tuple(sorted((name, value) for name, value in tags.items() if value)), at


def _told(missing: set[_Key], of: int, job: str, timeout_s: float) -> str:
    streams = ", ".join(sorted({stream for stream, _, _ in missing}))
    return (
        f"{len(missing)} of {of} samples have no outcome{f' of job {job!r}' if job else ''} after {timeout_s:g} s; "
        f"does a job read {streams}? Client.jobs() shows which do, Client.status() whether all parts are up"
    )
