"""What people and files say was true: checked beside the samples, and written where it is news."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple

from atipico.client.ids import as_id, find_id_field
from atipico.client.outcomes import every
from atipico.client.pages import equal, one_of, pages, within
from atipico.client.reads import LABELS, check_stream, newest
from atipico.client.samples import as_stored
from atipico.client.store import Store, Table
from atipico.errors import Refused
from atipico.wire.influxql.tree import Expression
from atipico.wire.sample import SOURCE_TAG, TOLD_BY_TAG, Sample, Value

_WORDS = {"1": 1, "true": 1, "anomaly": 1, "0": 0, "false": 0, "usual": 0}
_FEW = 50  # ids that the store itself looks for; of more, all that it has are looked through here
_SHOWN = 5


class Labelled(NamedTuple):
    """What became of labels.

    written: are in the store now. corrected: of those, how many whose sample had another label before. known: were told
    before just so, and not written again. unknown: of no sample. refused: without a label or an id of the right form.
    empty: rows of a file that have no label. why: a sentence for each of the first few that were not taken.
    """

    written: int = 0
    corrected: int = 0
    known: int = 0
    unknown: int = 0
    refused: int = 0
    empty: int = 0
    why: tuple[str, ...] = ()

    def plus(self, other: Labelled) -> Labelled:
        sums = {name: getattr(self, name) + getattr(other, name) for name in self._fields}
        return Labelled(**sums | {"why": (self.why + other.why)[:_SHOWN]})

    def taken(self) -> Labelled:
        """Itself. Raises Refused with what was wrong when labels were told and not one of them was taken."""
        if self.why and not self.written + self.known:
            more = self.unknown + self.refused - 1
            raise Refused(self.why[0] + (f" (and {more} more like it)" if more else ""))
        return self


class Teller:
    """Tells labels of one stream.

    by: who says so, person or file. clock: gives each label a time of its own, ns. id_field: what names a sample; the
    first of ID_FIELDS that the samples have unless given. labels: the measurement that they go to.
    """

    def __init__(
        self, store: Store, stream: str, by: str, clock: Callable[[], int], id_field: str = "", labels: str = LABELS
    ) -> None:
        self._store, self._stream, self._labels, self._clock = store, check_stream(store, stream), labels, clock
        self._tags = {SOURCE_TAG: stream, TOLD_BY_TAG: by}
        fields, self._types = store.fields(stream), store.fields(labels)
        self.id_field = find_id_field(stream, fields, id_field)
        self._kind = fields[self.id_field]
        held = self._types.get("id", self._kind)
        if (held == "string") != (self._kind == "string"):
            raise Refused(
                f"{self.id_field} of {stream} is of type {self._kind}, but the ids in {labels!r} are of type {held}; "
                f"tell these labels in a measurement of their own, such as {stream}_labels (--labels), and have the "
                f'job read it: stream = "{stream}_labels" under [labels]'
            )

    def tell(self, told: Iterable[tuple[Any, Any]], strict: bool = False) -> Labelled:
        """Write the labels, (id, label) each, that are of a sample and news; the last of several for one id counts.

        strict: an id or a label of another form raises Refused, and nothing is written.
        """
        labels, wrong = self._read(told)
        if wrong and strict:
            raise Refused(wrong[0])
        there = self._there(labels)
        before = self._before(there)
        news = {id: label for id, label in labels.items() if id in there and before.get(id) != label}
        points = [Sample(self._labels, self._tags, {"id": id, "label": news[id]}, self._clock()) for id in news]
        self._store.write([as_stored(point, self._types) for point in points])
        unknown = [id for id in labels if id not in there]
        return Labelled(
            written=len(news),
            corrected=sum(id in before for id in news),
            known=len(there) - len(news),
            unknown=len(unknown),
            refused=len(wrong),
            why=(*wrong[:_SHOWN], *self._no_such(unknown[: max(0, _SHOWN - len(wrong))])),
        )

    def _read(self, told: Iterable[tuple[Any, Any]]) -> tuple[dict[Value, int], list[str]]:
        """Label by id, and what was wrong with the others."""
        labels: dict[Value, int] = {}
        wrong: list[str] = []
        for id, label in told:
            try:
                labels[as_id(id, self._kind)] = as_label(label)
            except Refused as error:
                wrong.append(f"{self.id_field} {id!r}: {error}")
        return labels, wrong

    def _there(self, ids: Collection[Value]) -> set[Value]:
        """Those of the ids that a sample has, looked for from the newest sample back."""
        missing = set(ids)
        for table in self._pages(self._stream, [self.id_field], self.id_field, ids, newest_first=True):
            missing.difference_update(table.column(self.id_field))
            if not missing:
                break
        return set(ids) - missing

    def _before(self, ids: Collection[Value]) -> dict[Value, int]:
        """The newest label that each of the ids has, if any."""
        found: dict[Value, int] = {}
        if not self._types:  # nothing was ever labelled
            return found
        for table in self._pages(self._labels, ["id", "label"], "id", ids, equal(SOURCE_TAG, self._stream)):
            rows = zip(table.column("id"), table.column("label"), strict=True)
            found.update((id, label) for id, label in rows if id in ids)
        return found

    def _pages(
        self,
        stream: str,
        columns: list[str],
        name: str,
        ids: Collection[Value],
        *of: Expression,
        newest_first: bool = False,
    ) -> Iterable[Table]:
        if not ids:
            return []
        few = [one_of(name, ids)] if len(ids) <= _FEW else []
        return pages(self._store, stream, columns, every(within(0, time.time_ns()), *of, *few), newest_first)

    def _no_such(self, ids: Collection[Value]) -> list[str]:
        last = newest(self._store, self._stream, self.id_field) if ids else None
        return [f"no sample of {self._stream!r} has {self.id_field} {id!r}; the newest has {last!r}" for id in ids]


def as_label(label: Any) -> int:
    """1 or 0. Raises Refused for what is neither."""
    word = str(label).strip().lower().removesuffix(".0")
    if word not in _WORDS:
        raise Refused(f"label {label!r}: 1, true or anomaly was needed, or 0, false or usual")
    return _WORDS[word]
