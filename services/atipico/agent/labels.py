"""Labels that come on a connection of their own, brought to their place among the samples: that of their time."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence

from atipico.metrics import REFUSED
from atipico.wire.points import is_of, time_of

MOST = 200_000  # labels; beyond it those furthest ahead are left out


class Labels:
    """Labels of the measurement `stream` that wait for the first sample later than they are.

    Behind Kapacitor samples and labels come over two connections: where the one is held up, the other overtakes it,
    and a label that comes before its sample is nobody's.
    """

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._waiting: list[tuple[int, bytes]] = []  # by time, ns

    def merged(self, points: Sequence[bytes]) -> Sequence[bytes]:
        """The samples of a block, in their order, each behind the labels that are older. Labels among them wait."""
        samples = []
        for point in points:
            if is_of(point, self._stream):
                self._wait(point)
            else:
                samples.append(point)
        if not self._waiting or not samples:
            return samples
        return self._behind_labels(samples)

    def _behind_labels(self, samples: list[bytes]) -> list[bytes]:
        told = list[bytes]()
        for sample in samples:
            if self._waiting and self._waiting[0][0] < (time := time_of(sample)):
                due = bisect_left(self._waiting, (time, b""))
                told += [label for _, label in self._waiting[:due]]
                del self._waiting[:due]
            told.append(sample)
        return told

    def _wait(self, label: bytes) -> None:
        insort(self._waiting, (time_of(label), label))
        if len(self._waiting) > MOST:
            self._waiting.pop()
            REFUSED.labels("label far ahead of its stream").inc()
