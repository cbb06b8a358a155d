"""Samples become lines of the line protocol: the form that `parse` reads back as the same samples."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from atipico.errors import Refused
from atipico.wire.line_exact import MAX_KEY, MAX_LINE
from atipico.wire.line_value import HIGHEST, LOWEST
from atipico.wire.sample import Sample, Value

MAX_TIME = 2**63 - 2  # ns since 1970, and as far before it: InfluxDB's range
_KEY, _NAME, _STRING = re.compile(r"([,= ])"), re.compile(r'([,= "])'), re.compile(r'(["\\])')
_SHORT = 10_000  # characters; a shorter line can be over no bound in bytes


def escape_key(text: str) -> str:
    """A tag's name or value as it is written. Raises Refused when the protocol has no form for it."""
    return _KEY.sub(r"\\\1", _writable(text))


def escape_name(text: str) -> str:
    """A measurement or a field's name as it is written. Raises Refused when the protocol has no form for it."""
    if text.startswith(("\t", "\0")):
        raise Refused(f"name {text[:40]!r} starts with white space, which the line protocol skips")
    return _NAME.sub(r"\\\1", _writable(text))


def escape_string(text: str) -> str:
    """A text value as it is written, quotes included; it may hold anything."""
    return '"' + (_STRING.sub(r"\\\1", text) if '"' in text or "\\" in text else text) + '"'


def _writable(text: str) -> str:
    if not text or "\n" in text or text.endswith("\\"):
        raise Refused(
            f"name {text[:40]!r} can't be written in line protocol: it is empty, holds a newline or ends in \\"
        )
    return text


@lru_cache(20_000)
def _head(measurement: str, tags: tuple[tuple[str, str], ...]) -> str:
    if measurement.startswith("#"):
        raise Refused(f"measurement {measurement[:40]!r}: a line that starts with # is a comment")
    pairs = "".join(f",{escape_key(name)}={escape_key(value)}" for name, value in sorted(tags))
    return escape_name(measurement) + pairs


def head(measurement: str, tags: Mapping[str, str]) -> str:
    """What stands before the fields: the measurement and the tags sorted by name."""
    return _head(measurement, tuple(tags.items()))


_name = lru_cache(20_000)(escape_name)


def _float(value: float) -> str:
    if math.isfinite(value):
        return float.__repr__(value)
    raise Refused(f"float {value} has no form in line protocol; leave the field out")


def _integer(value: int) -> str:
    if LOWEST <= value <= HIGHEST:
        return f"{int(value)}i"
    raise Refused(f"integer {value} is outside of {LOWEST} .. {HIGHEST}")


def _boolean(value: bool) -> str:
    return "true" if value else "false"


_WRITERS: dict[type, Callable[[Any], str]] = {float: _float, int: _integer, bool: _boolean, str: escape_string}


def _value(value: Any) -> str:
    for kind in (float, int, str):  # a subclass, such as numpy's float64
        if isinstance(value, kind):
            return _WRITERS[kind](value)
    raise Refused(f"value {value!r} of type {type(value).__name__} is no float, integer, boolean or text")


def _line(sample: Sample) -> str:
    measurement, tags, fields, time = sample
    pairs = [f"{_name(name)}={_WRITERS.get(type(value), _value)(value)}" for name, value in fields.items()]
    if not pairs or not -MAX_TIME <= time <= MAX_TIME:
        raise Refused(f"sample of {measurement!r} has no fields, or its time {time} is out of range")
    start = _head(measurement, tuple(tags.items()))
    text = f"{start} {','.join(pairs)} {time}\n"
    if len(text) > _SHORT:
        _check_size(start, fields, text)
    return text


def _check_size(start: str, fields: Mapping[str, Value], text: str) -> None:
    size, key = len(text.encode()), len(start.encode()) + 4 + max(len(_name(name).encode()) for name in fields)
    if size > MAX_LINE or key > MAX_KEY:
        raise Refused(f"line {text[:40]!r}… of {size} bytes, its key of {key}; {MAX_LINE} and {MAX_KEY} at most")


def write(samples: Iterable[Sample]) -> bytes:
    """Lines with explicit ns, one a sample, each with its newline. Floats read back equal.

    Raises Refused when one of them can't be written; then none is.
    """
    try:
        return "".join([_line(sample) for sample in samples]).encode()
    except UnicodeEncodeError as error:
        raise Refused(
            f"text {error.object[error.start : error.start + 20]!r} is no Unicode (a lone surrogate)"
        ) from error
