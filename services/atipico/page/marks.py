"""What is marked in a chart and listed beneath it: anomalies, unscored samples, and what was true where known."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

from atipico.page import ask
from atipico.page.influx import Influx, Series
from atipico.page.names import LABELS, SCORES, Stream
from atipico.wire.influxql.tree import Binary, Expression, Literal, Name, Select
from atipico.wire.sample import JOB_TAG, SOURCE_TAG, outcome_tags, sample_tags

Mark = dict[str, Any]
OUTCOME = ("score", "threshold", "anomalous", "version", "scored", "why")
_TOLD = ask.some([ask.equals("anomalous", True), ask.equals("scored", False)])
_AT_ONCE = 50  # statements, or alternatives, in one request
_LISTED = 100  # marks of a range that has too many to mark each
_KEPT = 5000  # samples that are remembered, so that a mark is looked up once
_MISSED_WITHIN = 3600 * 10**9  # ns; in longer ranges those are not looked for


class Marks:
    """A mark: {"time": ns as text, "tags", "fields" of the sample, the outcome's fields, "label": 0 | 1 | None}.

    A mark that is not `anomalous` and has the label 1 was missed.
    """

    def __init__(self, influx: Influx, most: int) -> None:
        self._influx, self._most = influx, most
        self._samples: OrderedDict[tuple[Any, ...], dict[str, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def whole(self, stream: Stream, start: int, stop: int) -> dict[str, Any]:
        """Those of a range, the oldest first; the newest of them when there are too many.

        flagged, unscored: how many there are. complete: whether all are among `marks`. missed: whether those were
        looked for.
        """
        marks = self._rows(stream, start, stop)
        complete = not self.full(marks)
        marks = marks if complete else marks[-_LISTED:]
        self._add_samples(stream, marks)
        self.label(stream, marks)
        flagged = sum(mark["anomalous"] is True for mark in marks)
        unscored = len(marks) - flagged
        if not complete:
            flagged, unscored = self._count(stream, start, stop)
        missed = complete and bool(stream.id_field) and stop - start <= _MISSED_WITHIN
        if missed:
            marks = sorted(marks + self._missed(stream, marks, start, stop), key=lambda mark: int(mark["time"]))
        return {"flagged": flagged, "unscored": unscored, "complete": complete, "missed": missed, "marks": marks}

    def newest(self, stream: Stream, start: int, stop: int | None = None) -> list[Mark]:
        """The newest anomalies and unscored samples from `start` on, the oldest first; labels are not looked up."""
        marks = self._rows(stream, start, stop)
        self._add_samples(stream, marks)
        return marks

    def _rows(self, stream: Stream, start: int, stop: int | None) -> list[Mark]:
        where = ask.every(ask.within(start, stop), ask.equals(JOB_TAG, stream.job), _TOLD)
        found = self._influx.one(ask.rows([ask.ALL], SCORES, where, newest=self._most))
        return [_mark(row) for one in found for row in one.rows()][::-1]

    def full(self, marks: Sequence[Mark]) -> bool:
        """Whether there may be more than these."""
        return len(marks) >= self._most

    def label(self, stream: Stream, marks: Sequence[Mark]) -> None:
        """Fill in what is known of marks, the oldest first; a label is never older than its sample."""
        asked = {mark["fields"].get(stream.id_field): mark for mark in marks}
        asked.pop(None, None)
        start = int(marks[0]["time"]) if marks else 0
        for ids in _chunks(list(asked)):
            one_of = ask.some(ask.equals("id", id) for id in ids)
            for id, label in self._labels(ask.every(_of(stream), ask.within(start), one_of)):
                if id in asked:
                    asked[id]["label"] = label

    def labels_since(self, stream: Stream, start: int) -> tuple[list[tuple[int, Any, int]], bool]:
        """(time, id, label) of labels written from `start` on, and whether there were too many to tell."""
        where = ask.every(_of(stream), ask.within(start))
        most = 20 * self._most
        found = self._influx.one(ask.rows([ask.field("id"), ask.field("label")], LABELS, where, limit=most))
        rows = [(row["time"], row["id"], row["label"]) for one in found for row in one.rows()]
        return rows, len(rows) >= most

    def _count(self, stream: Stream, start: int, stop: int) -> tuple[int, int]:
        here = ask.every(ask.within(start, stop), ask.equals(JOB_TAG, stream.job))
        flagged, unscored = self._influx.ask(
            *(
                ask.rows([ask.of("count", "score", "count")], SCORES, ask.every(here, kind))
                for kind in (ask.equals("anomalous", True), ask.equals("scored", False))
            )
        )
        return _sum(flagged), _sum(unscored)

    def _missed(self, stream: Stream, marks: Sequence[Mark], start: int, stop: int) -> list[Mark]:
        """Samples of the range that are known to be true and were not flagged."""
        seen = {mark["fields"].get(stream.id_field) for mark in marks}
        true = self._labels(ask.every(_of(stream), ask.within(start), ask.equals("label", 1)), limit=5 * self._most)
        ids = [id for id, _ in true if id not in seen]
        found: list[Mark] = []
        for some in _chunks(ids):
            one_of = ask.some(ask.equals(stream.id_field, id) for id in some)
            where = ask.every(ask.within(start, stop), one_of)
            for one in self._influx.one(ask.rows([ask.ALL], stream.measurement, where)):
                found += [self._unflagged(stream, row) for row in one.rows()]
            if len(found) >= self._most:
                break
        self.label(stream, sorted(found, key=lambda mark: int(mark["time"])))
        found = [mark for mark in found if mark["label"] == 1]  # others were corrected since
        self._add_outcomes(stream, found)
        return found

    def _unflagged(self, stream: Stream, row: dict[str, Any]) -> Mark:
        tags = {name: row[name] for name in stream.tags if row.get(name) is not None}
        fields = {name: value for name, value in row.items() if name in stream.fields and value is not None}
        return {"time": str(row["time"]), "tags": tags, "fields": fields, "label": 1, "anomalous": False, "score": None}

    def _add_outcomes(self, stream: Stream, marks: Sequence[Mark]) -> None:
        for some in _chunks(marks):
            tags = [outcome_tags(mark["tags"], stream.job, stream.measurement) for mark in some]
            answers = self._influx.ask(
                *(_at(SCORES, mark, of, map(ask.field, OUTCOME)) for mark, of in zip(some, tags, strict=True))
            )
            for mark, found in zip(some, answers, strict=True):
                for row in (row for one in found for row in one.rows()):
                    mark.update({name: row[name] for name in OUTCOME})

    def _add_samples(self, stream: Stream, marks: Sequence[Mark]) -> None:
        """Give each mark the fields of its sample; those looked up before are remembered."""
        unknown = [mark for mark in marks if not self._remembered(stream, mark)]
        for some in _chunks(unknown):
            answers = self._influx.ask(*(_at(stream.measurement, mark, mark["tags"], [ask.ALL]) for mark in some))
            for mark, found in zip(some, answers, strict=True):
                for row in (row for one in found for row in one.rows()):
                    fields = {name: value for name, value in row.items() if name in stream.fields}
                    mark["fields"] = {name: value for name, value in fields.items() if value is not None}
                    self._remember(stream, mark)

    def _remembered(self, stream: Stream, mark: Mark) -> bool:
        with self._lock:
            mark["fields"] = self._samples.get(_key(stream, mark), {})
            return bool(mark["fields"])

    def _remember(self, stream: Stream, mark: Mark) -> None:
        with self._lock:
            self._samples[_key(stream, mark)] = mark["fields"]
            while len(self._samples) > _KEPT:
                self._samples.popitem(last=False)

    def _labels(self, where: Expression, limit: int = 0) -> list[tuple[Any, int]]:
        found = self._influx.one(ask.rows([ask.field("id"), ask.field("label")], LABELS, where, newest=limit))
        return [(row["id"], row["label"]) for one in found for row in one.rows()]


def _of(stream: Stream) -> Expression:
    return ask.equals(SOURCE_TAG, stream.measurement)


def _at(measurement: str, mark: Mark, tags: dict[str, str], columns: Iterable[Any]) -> Select:
    """The one row that has the mark's time and tags."""
    same = [ask.equals(name, value) for name, value in sorted(tags.items())]
    at = Binary("=", Name("time"), Literal(int(mark["time"])))
    return ask.rows(columns, measurement, ask.every(at, *same))


def _mark(row: dict[str, Any]) -> Mark:
    told = {name: row.get(name) for name in OUTCOME}
    tags = {name: value for name, value in row.items() if name not in (*OUTCOME, "time") and isinstance(value, str)}
    return {"time": str(row["time"]), "tags": sample_tags(tags), "fields": {}, "label": None, **told}


def _key(stream: Stream, mark: Mark) -> tuple[Any, ...]:
    return (stream.measurement, mark["time"], *sorted(mark["tags"].items()))


def _sum(found: Sequence[Series]) -> int:
    return sum(value for one in found for value in one.column("count"))


def _chunks(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (items[at : at + _AT_ONCE] for at in range(0, len(items), _AT_ONCE))
