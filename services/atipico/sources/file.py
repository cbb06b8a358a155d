"""A recorded file, CSV or Parquet, row by row in its own order."""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import Any

from atipico.config import home, nanoseconds
from atipico.errors import Refused, nearest
from atipico.metrics import REFUSED
from atipico.ports import Batch, Label, Position
from atipico.sources.columns import Rows, columns_of, quoted
from atipico.sources.dataset import Dataset, pick_dataset, read_dataset
from atipico.wire.sample import Value

_NS_OF_UNIT = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_LABELS_AT_ONCE = 256


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
        self._dataset = d = _named(dataset) if dataset else pick_dataset(path)
        types = columns_of(path)
        if missing := [column for column in d.columns() if column not in types]:
            raise Refused(f"{path}: lacks {', '.join(missing)}; it has {', '.join(types)}")
        self.measurement = d.measurement
        self.fields, self.id_field = tuple(d.fields), d.id
        self._names = [*d.fields, "event_time"]
        clock = _clock(d, types[d.time])
        if not any(time for (time,) in Rows(path, [clock]).at(0, 100)):
            raise Refused(
                f"{path}: no time in {d.time} of the first 100 rows; needed as 2026-01-31T10:00:00, zone allowed"
            )
        self._rows = Rows(path, [*(_cell(c, types[c]) for c in d.fields.values()), clock])
        if d.label and d.id:
            of = d.fields[d.id]
            truth = f"TRY_CAST({quoted(d.label.column)} AS DOUBLE)"
            if types[d.label.column] == "BOOLEAN":
                truth = f"CAST(TRY_CAST({quoted(d.label.column)} AS BOOLEAN) AS DOUBLE)"
            self._truths = Rows(path, [clock, _cell(of, types[of]), truth])
            self._delay = nanoseconds(d.label.delay)

    def read(self, position: Position, most: int) -> Batch:
        row, clock = position.get("row", 0), position.get("clock")
        samples: list[tuple[dict[str, str], dict[str, Value]]] = []
        while len(samples) < most and (found := self._rows.at(row, most - len(samples))):
            row += len(found)
            for cells in found:
                fields = {name: cell for name, cell in zip(self._names, cells, strict=True) if _is_value(cell)}
                if (time := fields.get("event_time")) is not None:
                    clock = max(clock or time, time)  # type: ignore[type-var]
                if not fields or fields.keys() == {"event_time"}:
                    REFUSED.labels("row of the file without any field").inc()
                else:
                    samples.append((self._tags(fields), fields))
        labels, label_row = self._due(position.get("label_row", 0), row, clock) if samples else ([], 0)
        after = {"row": row, "label_row": label_row, "clock": clock} if samples else dict(position)
        return Batch(samples, labels, after)

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
                if time is not None and time + self._delay > clock:
                    return labels, row
                row += 1
                if time is not None and id is not None and truth is not None and not math.isnan(truth):
                    labels.append(Label(id, int(truth != 0)))
        return labels, row


def _named(dataset: str) -> Dataset:
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


def _cell(column: str, kind: str) -> str:
    """SQL for a field's value: BIGINT, DOUBLE, BOOLEAN or VARCHAR, NULL where the cell is not of the column's kind."""
    name = quoted(column)
    if kind.endswith("INT") or kind == "INTEGER":  # a cast alone would round 1.5 to 2
        return f"CASE WHEN TRY_CAST({name} AS DOUBLE) = TRY_CAST({name} AS BIGINT) THEN TRY_CAST({name} AS BIGINT) END"
    if kind.startswith(("DOUBLE", "FLOAT", "DECIMAL")):
        return f"TRY_CAST({name} AS DOUBLE)"
    return f"TRY_CAST({name} AS {'BOOLEAN' if kind == 'BOOLEAN' else 'VARCHAR'})"


def _clock(dataset: Dataset, kind: str) -> str:
    """SQL for a row's own time in ns since 1970, UTC, NULL where there is none."""
    name = quoted(dataset.time)
    if dataset.time_unit:
        return f"TRY(CAST(ROUND(CAST({name} AS DECIMAL(28, 9)) * {_NS_OF_UNIT[dataset.time_unit]}) AS BIGINT))"
    if kind == "TIMESTAMP_NS":
        return f"epoch_ns({name})"
    if kind.startswith(("TIMESTAMP", "DATE")):
        return f"epoch_ns(TRY_CAST({name} AS TIMESTAMPTZ))"
    raise Refused(
        f"column {dataset.time} is {kind} and no time; if it is a number, tell its time_unit (s, ms, us or ns)"
    )
