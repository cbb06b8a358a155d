"""What calls give back where it is no table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from atipico.wire.sample import Sample


class Result(NamedTuple):
    """The score of one row, 0..1, and the threshold from which on it is anomalous. version: such as "payments@1"."""

    score: float
    anomalous: bool
    threshold: float
    version: str


@dataclass(frozen=True, repr=False)
class Written:
    """Samples that are safe in the store, with the time that each one got; `wait_for_scores` takes this."""

    database: str
    samples: tuple[Sample, ...]

    def __len__(self) -> int:
        return len(self.samples)

    def __repr__(self) -> str:
        streams = ", ".join(sorted({sample.measurement for sample in self.samples}))
        return f"<{len(self)} samples written to {streams or 'nothing'} in {self.database}>"
