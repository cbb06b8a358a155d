"""Samples as the pieces of the log: lines of one measurement each, no larger than a record may be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from atipico.errors import Refused
from atipico.store.record import MOST_LINES
from atipico.wire.lines import write
from atipico.wire.sample import Sample


class Encoded(NamedTuple):
    """pieces: (measurement, lines). samples: those in the pieces, in their order. unfit: why others have no line."""

    pieces: list[tuple[bytes, bytes]]
    samples: list[Sample]
    unfit: Counter[str]


def encode(samples: Iterable[Sample]) -> Encoded:
    """Samples as lines with explicit ns, in their order: a label stays behind its sample."""
    encoded = Encoded([], [], Counter())
    for measurement, group in groupby(samples, key=attrgetter("measurement")):
        for lines, part in _pieces(list(group), encoded.unfit):
            encoded.pieces.append((measurement.encode(), lines))
            encoded.samples.extend(part)
    return encoded


def _pieces(samples: Sequence[Sample], unfit: Counter[str]) -> Iterator[tuple[bytes, Sequence[Sample]]]:
    """Halved until each piece is small enough, and until a sample that has no line is alone."""
    try:
        lines = write(samples)
        if len(lines) <= MOST_LINES or len(samples) == 1:
            yield lines, samples
            return
    except Refused as error:
        if len(samples) == 1:
            unfit[str(error)] += 1
            return
    half = len(samples) // 2
    yield from _pieces(samples[:half], unfit)
    yield from _pieces(samples[half:], unfit)
