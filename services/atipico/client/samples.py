"""What people have in hand becomes samples: rows, a DataFrame, lines, each with a time of its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from atipico.client import frames
from atipico.errors import Refused
from atipico.wire.lines import parse
from atipico.wire.sample import Sample, Value

Row = Mapping[str, Any]
Tags = Mapping[str, str] | Sequence[str]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_samples(what: Any, measurement: str, tags: Tags, clock: Callable[[], int]) -> list[Sample]:
    """Samples in the order given.

    what: lines (text or bytes), a Sample, a row (field -> value), a DataFrame, or several of those.
    tags: the same for all rows, or the names of the columns that are tags. A row's "time" is ns or a datetime with
    a zone; one without gets the next of `clock`. What is missing in a row (None, NaN) is left out.
    Raises Refused with the row and what was needed.
    """
    if isinstance(what, str | bytes):
        return _lines(what, measurement, clock)
    if frames.is_frame(what):
        what = frames.rows_of(what)
    elif isinstance(what, Sample | Mapping):
        what = [what]
    if not isinstance(what, Iterable):
        raise Refused(f"{type(what).__name__} can't be written; needed are rows (dict), a DataFrame, samples or lines")
    samples = list(_each(what, measurement, tags, clock))
    _check_apart(samples)
    return samples


def _each(rows: Iterable[Any], measurement: str, tags: Tags, clock: Callable[[], int]) -> Iterator[Sample]:
    for number, row in enumerate(rows):
        if isinstance(row, Sample):
            yield row._replace(measurement=measurement) if measurement else row
        elif isinstance(row, str | bytes):
            yield from _lines(row, measurement, clock)
        elif isinstance(row, Mapping):
            try:
                yield _sample(row, measurement, tags, clock)
            except Refused as error:
                raise Refused(f"row {number}: {error}") from error
        else:
            raise Refused(f"row {number} is of type {type(row).__name__}; needed is a dict, a Sample or a line")


def _sample(row: Row, measurement: str, tags: Tags, clock: Callable[[], int]) -> Sample:
    if not measurement:
        raise Refused("which stream? measurement=... is needed to write rows")
    fields = {str(name): value for name, value in ((n, _plain(v)) for n, v in row.items()) if value is not None}
    time = _time(fields.pop("time", None), clock)
    if isinstance(tags, Mapping):
        return Sample(measurement, tags, _some(fields), time)
    if isinstance(tags, str):
        tags = (tags,)
    given = {name: str(fields.pop(name)) for name in tags if name in fields}
    return Sample(measurement, given, _some(fields), time)


def _some(fields: dict[str, Any]) -> dict[str, Value]:
    if not fields:
        raise Refused("it has no field; a sample needs one or more")
    return fields


def _plain(value: Any) -> Any:
    """numpy's numbers become Python's; NaN becomes None."""
    if hasattr(value, "item") and not isinstance(value, datetime):
        value = value.item()
    return None if isinstance(value, float) and math.isnan(value) else value


def _time(value: Any, clock: Callable[[], int]) -> int:
    """ns since 1970, UTC."""
    if value is None:
        return clock()
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, datetime):
        raise Refused(
            f"time {value!r} is of type {type(value).__name__}; needed are ns (int) or a datetime with a zone"
        )
    if value.tzinfo is None:
        raise Refused(f"time {value} has no zone; tell it: datetime.now(timezone.utc), column.dt.tz_localize('UTC')")
    if hasattr(value, "as_unit"):  # pandas' Timestamp, which is exact to the ns
        return int(value.as_unit("ns").value)
    past = value - _EPOCH
    return (past.days * 86400 + past.seconds) * 10**9 + past.microseconds * 1000


def _lines(text: str | bytes, measurement: str, clock: Callable[[], int]) -> list[Sample]:
    if measurement:
        raise Refused(f"lines carry their measurement themselves; leave measurement={measurement!r} out")
    parsed = parse(text.encode() if isinstance(text, str) else text, now=clock)
    if parsed.refused:
        bad, more = parsed.refused[0], len(parsed.refused) - 1
        raise Refused(f"line {bad.number}: {bad}{f' (and {more} more lines)' if more else ''}; nothing was written")
    return parsed.samples


def _check_apart(samples: list[Sample]) -> None:
    """Raises Refused for two samples that are the same one to the store: the later would overwrite the earlier."""
    seen: dict[Any, int] = {}
    for number, sample in enumerate(samples):
        key = (sample.measurement, sample.time, tuple(sorted(sample.tags.items())))
        if (other := seen.setdefault(key, number)) != number:
            raise Refused(
                f"rows {other} and {number} of {sample.measurement!r} have the same time {sample.time} and tags, so "
                "the later one would overwrite the other; give them times of their own, or a tag that differs"
            )


def as_stored(sample: Sample, types: Mapping[str, str]) -> Sample:
    """Numbers in the type that their field has in the store, where nothing is lost: 5 as 5.0, or 5.0 as 5."""
    return sample._replace(fields={name: _as(value, types.get(name, "")) for name, value in sample.fields.items()})


def _as(value: Value, kind: str) -> Value:
    if isinstance(value, bool):
        return value
    if kind == "float" and isinstance(value, int) and int(float(value)) == value:
        return float(value)
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    return value
