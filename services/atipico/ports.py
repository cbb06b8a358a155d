"""The seams: what each kind of part promises beyond its types. `checks.py` runs these promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np

from atipico.wire.sample import Sample, Score, Value

Clock = Callable[[], int]  # ns since 1970, UTC
Position = Mapping[str, Any]  # plain values that JSON keeps
_F = TypeVar("_F", bound=Callable[..., Any])


class Label(NamedTuple):
    """What was true of one sample: `id` is the sample's own id field, label 1 an anomaly, 0 none."""

    id: int | str
    label: int


class Batch(NamedTuple):
    """What a source gives at once.

    rows: (tags, fields) of samples that have no time yet, in order. A stream with a clock of its own
    carries it as the field `event_time` (int, ns). labels: those that became due with these rows.
    after: the position behind these rows.
    """

    rows: Sequence[tuple[Mapping[str, str], Mapping[str, Value]]]
    labels: Sequence[Label]
    after: Position


class Source(Protocol):
    """Where samples come from.

    `read` gives at most `most` rows behind `position` ({} is the start) and remembers nothing
    between calls that the position does not hold: the same position gives the same rows again,
    also in another process. A live source (`live` is True: the machine, a sensor) gives what is
    there now instead, and the position only counts. No rows: the source has ended.
    """

    live: bool

    def read(self, position: Position, most: int) -> Batch: ...


class Past(Protocol):
    """One field in a window of each sample's key, for a block of m samples; float64 (m,) each.

    The window holds what came before the sample, or the sample too for a feature that says `with_newest`.
    samples: how many entries it has. reach: s, the window's duration; infinite where it counts samples.
    NaN where an entry is missing that is needed: mean, least, largest, last, quantile and ages of an empty
    window, distance (of `newest` from the mean, to the last digit) too; spread (n - 1) below two. run: how
    many of the newest entries are not 0, without a 0 between; run_age: the age of the one that began it.
    Ages: s on the job's clock.
    """

    samples: np.ndarray
    reach: float

    @property
    def sum(self) -> np.ndarray: ...
    @property
    def mean(self) -> np.ndarray: ...
    @property
    def spread(self) -> np.ndarray: ...
    @property
    def least(self) -> np.ndarray: ...
    @property
    def largest(self) -> np.ndarray: ...
    @property
    def distinct(self) -> np.ndarray: ...
    @property
    def last(self) -> np.ndarray: ...
    @property
    def newest_age(self) -> np.ndarray: ...
    @property
    def oldest_age(self) -> np.ndarray: ...
    @property
    def run(self) -> np.ndarray: ...
    @property
    def run_age(self) -> np.ndarray: ...
    def quantile(self, q: float) -> np.ndarray: ...
    def distance(self, newest: np.ndarray) -> np.ndarray: ...


class Feature(Protocol):
    """One number for each sample of a block from its own value and what its window holds.

    newest: float64 (m,), the field's values in the stream's unit; 0 for the field `label`, which
    nobody knows yet. Its keyword-only parameters are what a job file may say beside. Returns float64 (m,),
    always finite for finite input: what has no answer yet (no earlier sample) has a neutral one, which
    the docstring tells. Raises Refused for an option that is wrong, also for a block of no samples. Changes nothing.
    """

    __call__: Callable[..., np.ndarray]  # (newest, past, *, option, ...)


def with_newest(feature: _F) -> _F:
    """Mark a feature whose window holds the newest sample too."""
    feature.with_newest = True  # type: ignore[attr-defined]
    return feature


def any_value(feature: _F) -> _F:
    """Mark a feature that takes texts and truths as well as numbers: it only looks at whether they are equal."""
    feature.any_value = True  # type: ignore[attr-defined]
    return feature


class ModelInfo(NamedTuple):
    """What a scorer needs to be asked: columns in their order, and what is usual for each (mean, spread).

    typical: a usual row, a number a column; empty where none is known.
    """

    version: str
    columns: tuple[str, ...]
    threshold: float
    usual: Mapping[str, tuple[float, float]]
    typical: tuple[float, ...] = ()


class Scored(NamedTuple):
    """scores: float64 (m,), NaN where a row was refused. refused: row -> why."""

    scores: np.ndarray
    threshold: float
    version: str
    refused: Mapping[int, str]


class Judged(NamedTuple):
    """scores: the outcomes of a block, in its order.

    late: row -> by how much a sample whose key has later ones already came behind the furthest clock, ns. The
    outcomes of those did not know of it.
    """

    scores: list[Score]
    late: Mapping[int, int]


class Scorer(Protocol):
    """Gives each row a score between 0 and 1.

    rows: float64 (m, k), finite, columns in the order of `info().columns`. Order in is order out.
    `score` waits out a far side that is down or slow (it returns only with an answer for every
    row, or raises Stopped when told to stop meanwhile). A row that fails by itself is refused.
    """

    def info(self) -> ModelInfo: ...
    def score(self, rows: np.ndarray) -> Scored: ...


class Detector(Protocol):
    """Turns windows into shares between 0 (as usual as can be) and 1 (stranger than all that is usual).

    A share says how much of what is usual is less strange: of usual samples one in a thousand has more than 0.999.
    One instance serves one field of one job and its calls never overlap. windows: float64 (m, n), one row a sample to
    score, the last n values of its key in the stream's unit, oldest first and its own last; NaN before the first there
    was. A row has `needs` numbers or more. Returns float64 (m,), finite, the same for a row whatever rows stand beside
    it. `score` changes nothing: a detector that is no Learner is a pure function.
    """

    needs: int

    def score(self, windows: np.ndarray) -> np.ndarray: ...


@runtime_checkable
class Learner(Detector, Protocol):
    """A detector that remembers more than the windows it is shown.

    `learn` gets each sample's window once, in the order of the samples, always LEARNED_AT_ONCE of them, whatever
    blocks they came in: it may change what the next `score` says. `restore` takes back what `save` gave, also in
    another instance with the same settings, which then scores and learns to the very same numbers; it raises
    ValueError, TypeError or a msgspec.DecodeError for other bytes.
    """

    def learn(self, windows: np.ndarray) -> None: ...
    def save(self) -> bytes: ...
    def restore(self, saved: bytes) -> None: ...


LEARNED_AT_ONCE = 256  # windows


class Sink(Protocol):
    """Where the outcomes of a job also go; the measurement `scores` stays the one truth.

    One instance serves one job and its calls never overlap. outcomes: rows of `scores`, in the order in which they
    were accepted; the same (tags, time) again is the same outcome, perhaps judged anew. `write` returns once the far
    side has them all safe, with a state: where the far side now stands, "" when it can't tell. Raises NotYet when the
    same call may work later; what is refused for good is left out, counted and said. `resume` comes before the first
    write, and again after one that failed, with the last state that was noted ("" when none was): what was written
    behind it is taken back where that can be, else it comes a second time. It returns where the far side then stands.
    """

    def write(self, outcomes: Sequence[Sample]) -> str: ...
    def resume(self, state: str) -> str: ...
