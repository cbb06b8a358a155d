"""The recent samples of one key, and the bytes they are kept as in a checkpoint."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import NamedTuple


class Window(NamedTuple):
    """The recent samples of one key, column by column, oldest first; all columns have one length.

    times: ns on the job's clock. ids: the samples' own times, ns. series: a number for each sample's series.
    values: one field, in the stream's unit.
    """

    times: array[int]
    ids: array[int]
    series: array[int]
    values: array[float]

    @classmethod
    def empty(cls) -> Window:
        return cls(array("q"), array("q"), array("q"), array("d"))

    def to_bytes(self) -> list[bytes]:
        """One piece a column, as this machine lays numbers out."""
        return [column.tobytes() for column in self]

    @classmethod
    def from_bytes(cls, pieces: Sequence[bytes]) -> Window:
        """The window that `to_bytes` told of. Raises ValueError for pieces that are no columns of one length."""
        times, ids, series, values = pieces
        window = cls(array("q", times), array("q", ids), array("q", series), array("d", values))
        if len({len(column) for column in window}) > 1:
            raise ValueError(f"columns of {', '.join(str(len(column)) for column in window)} samples")
        return window
