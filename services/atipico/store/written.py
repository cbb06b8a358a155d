"""What became of a body of lines, and how InfluxDB 1.8 says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from atipico import metrics
from atipico.wire.lines import BadLine

_SHOWN = 20


class Written:
    """accepted: how many samples of each measurement. unread: how many lines could not be read.
    unfit: why samples did not fit, and how many.
    """

    def __init__(self) -> None:
        self.accepted: Counter[str] = Counter()
        self.unfit: Counter[str] = Counter()
        self.unread = 0
        self._lines: list[str] = []

    def refuse(self, lines: Sequence[BadLine]) -> None:
        """These lines could not be read."""
        self.unread += len(lines)
        self._lines += map(str, lines[: _SHOWN - len(self._lines)])

    def complaint(self) -> str | None:
        """What to tell the client; None when all is well."""
        if not self.unread and not self.unfit:
            return None
        more = self.unread - len(self._lines)
        lines = [*self._lines, *([f"and {more} more lines"] if more else [])]
        if not self.accepted and not self.unfit:
            return "\n".join(lines)
        reasons = [reason for reason, _ in self.unfit.most_common(_SHOWN)]
        return "partial write: " + "\n".join(lines + reasons) + f" dropped={self.unfit.total()}"

    def count(self) -> None:
        """Add to the counters of this part."""
        for name, count in self.accepted.items():
            metrics.SAMPLES_IN.labels(name).inc(count)
        if self.unread:
            metrics.REFUSED.labels("line not understood").inc(self.unread)
        if self.unfit:
            metrics.REFUSED.labels("sample does not fit").inc(self.unfit.total())
