"""A recorded file, CSV or Parquet, row by row in its own order."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from atipico.config import home, nanoseconds
from atipico.errors import Refused, nearest
from atipico.metrics import REFUSED
from atipico.ports import Batch, Label, Position
from atipico.sources.cells import clock_sql, field_sql, truth_sql
from atipico.sources.columns import Rows, arrays_of, columns_of, quoted
from atipico.sources.dataset import Dataset, pick_dataset, read_dataset
from atipico.wire.points import group_of
from atipico.wire.sample import SHARD_TAG, Value

_LABELS_AT_ONCE = 256


class Whole(NamedTuple):
    """All rows of a file, an array (n,) each. A masked one has no value in places.

    fields: those asked for, with event_time (int64, ns). series: the group of each row's tags. label: int8, 1 an
    anomaly, 0 none, -1 unknown. kind: text, what kind of anomaly it was; None where no column tells it.
    """

    fields: dict[str, np.ndarray]
    series: np.ndarray
    label: np.ndarray
    kind: np.ndarray | None


class File:
    """The rows of `file` as a dataset.toml names them, its own time as the field `event_time` (ns, UTC).

    dataset: the name of a folder in `data/`, or the path of a dataset.toml; the one that fits unless
    given. A time without a zone counts as UTC. A cell that is empty, NaN, infinite or not of its
    column's type leaves its field out; a row without any field is counted as refused and skipped. A
    label is due when a row comes whose own time is the label's delay or more behind the labelled row's;
    rows without time or id have none. The position is {"row", "label_row"}, the next of each, and
    {"clock"}, the newest time so far.
    """

    live = False

    def __init__(self, file: str, dataset: str | None = None) -> None:
        path = Path(file)
        self._dataset = d = dataset_of(file, dataset)
        types = columns_of(path)
        if missing := [column for column in d.columns() if column not in types]:
            raise Refused(f"{path}: lacks {', '.join(missing)}; it has {', '.join(types)}")
        self.measurement = d.measurement
        self.fields, self.id_field = (*d.fields, *([d.numbered] if d.numbered else [])), d.id
        self.id_column = d.fields.get(d.id or "")  # the id field's name in the file itself
        self.label_column = d.label.column if d.label else None
        self.path, self._types = path, types
        self._names = [*self.fields, "event_time"]
        self._no_cell = {"event_time", d.numbered}
        clock = clock_sql(d, types[d.time])
        if all(time is None for (time,) in Rows(path, [clock]).at(0, 100)):
            raise Refused(
                f"{path}: no time in {d.time} of the first 100 rows; needed as 2026-01-31T10:00:00, zone allowed"
            )
        self._rows = Rows(path, [*(field_sql(d, name, types) for name in self.fields), clock])
        self._clock = clock
        self.label_delay = nanoseconds(d.label.delay) if d.label else 0
        if d.label and d.id:
            self._truths = Rows(path, [clock, field_sql(d, d.id, types), truth_sql(d.label.column, types)])

    def read(self, position: Position, most: int) -> Batch:
        row, clock = position.get("row", 0), position.get("clock")
        samples: list[tuple[dict[str, str], dict[str, Value]]] = []
        while len(samples) < most and (found := self._rows.at(row, most - len(samples))):
            row += len(found)
            for cells in found:
                fields = {name: cell for name, cell in zip(self._names, cells, strict=True) if _is_value(cell)}
                if (time := fields.get("event_time")) is not None:
                    clock = max(clock or time, time)  # type: ignore[type-var]
                if not fields.keys() - self._no_cell:
                    REFUSED.labels("row of the file without any field").inc()
                else:
                    samples.append((self._tags(fields), fields))
        labels, label_row = self._due(position.get("label_row", 0), row, clock) if samples else ([], 0)
        after = {"row": row, "label_row": label_row, "clock": clock} if samples else dict(position)
        return Batch(samples, labels, after)

    def whole(self, names: Sequence[str], kinds: bool = True) -> Whole:
        """All rows at once with the fields `names`: what `read` gives, as arrays and with every label.

        A row without any field is among them, with none. kinds: whether those of anomalies are read too. Raises Refused
        for a field that the file does not have.
        """
        if unknown := [name for name in names if name not in self._names]:
            raise Refused(f"{self.path}: no field {unknown[0]!r}{nearest(unknown[0], self._names)}")
        d, types = self._dataset, self._types
        shard_key = [d.shard.key] if d.shard else []
        wanted = list(dict.fromkeys([*(name for name in names if name != "event_time"), *shard_key]))
        cells = [self._clock, *(field_sql(d, name, types) for name in wanted)]
        label = d.label.column if d.label else None
        told = d.label.kinds if kinds and d.label and d.label.kinds in types else None
        asked = [
            *cells,
            *([truth_sql(label, types)] if label else []),
            *([f"CAST({quoted(told)} AS VARCHAR)"] if told else []),
        ]
        time, *found = arrays_of(self.path, asked)
        fields = {"event_time": time, **dict(zip(wanted, map(_finite, found), strict=False))}
        return Whole(
            {name: fields[name] for name in dict.fromkeys(["event_time", *names])},
            self._series(fields[d.shard.key]) if d.shard else np.full(len(time), ""),
            _labels(found[len(wanted)]) if label else np.full(len(time), -1, dtype=np.int8),
            np.ma.filled(found[-1], "") if told else None,
        )

    def _series(self, keys: np.ndarray) -> np.ndarray:
        """The group that each row's shard makes, from the field that the shard goes by."""
        name, numbers = self._dataset.shard.key, dict[Any, int]()  # type: ignore[union-attr]
        which = [numbers.setdefault(key, len(numbers)) for key in keys.tolist()]
        tags = [self._tags({} if key is None else {name: key}) for key in numbers]
        return np.array([group_of(one, SHARD_TAG)[0] for one in tags])[which]

    def _tags(self, fields: dict[str, Value]) -> dict[str, str]:
        shard = self._dataset.shard
        if shard is None:
            return {}
        return {"shard": str(_number(fields.get(shard.key, 0)) % shard.shards)}

    def _due(self, row: int, read: int, clock: int | None) -> tuple[list[Label], int]:
        """The labels from `row` on that are due at `clock`, and the first row that is not due, at most the `read`th."""
        labels: list[Label] = []
        if self._dataset.label is None or clock is None:
            return labels, row
        while found := self._truths.at(row, min(_LABELS_AT_ONCE, read - row)):
            for time, id, truth in found:
                if time is not None and time + self.label_delay > clock:
                    return labels, row
                row += 1
                if time is not None and id is not None and truth is not None and not math.isnan(truth):
                    labels.append(Label(id, int(truth != 0)))
        return labels, row


def dataset_of(file: str, dataset: str | None) -> Dataset:
    """What a file's columns are: as the data set of that name, or path, tells; the one that fits unless given."""
    if dataset is None:
        return pick_dataset(Path(file))
    if dataset.endswith(".toml"):
        return read_dataset(Path(dataset))
    folder = home() / "data"
    known = [path.parent.name for path in folder.glob("*/dataset.toml")]
    if dataset not in known:
        raise Refused(f"no data set {dataset!r} in {folder}{nearest(dataset, known)}")
    return read_dataset(folder / dataset / "dataset.toml")


def _number(key: Any) -> int:
    """A number for a shard's key that is the same in every process: whole numbers are their own."""
    return key if isinstance(key, int) else zlib.crc32(str(key).encode())


def _is_value(cell: Any) -> bool:
    return cell is not None and not (isinstance(cell, float) and not math.isfinite(cell))


def _finite(cells: np.ndarray) -> np.ndarray:
    """The cells, masked where they are no value."""
    if cells.dtype.kind != "f" or np.isfinite(np.ma.filled(cells, np.nan)).all():
        return cells
    return np.ma.masked_invalid(cells)


def _labels(truths: np.ndarray) -> np.ndarray:
    told = np.ma.filled(truths, np.nan)
    return np.where(np.isnan(told), -1, told != 0).astype(np.int8)
