"""A recorded file scored on the spot: the chain's own features, model, detector and words, in one process, no store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from atipico.agent.work import judged, knowledge
from atipico.config import home
from atipico.engines.results import Results
from atipico.errors import Refused, nearest
from atipico.ports import Batch
from atipico.registry.jobs import Job, load_job, load_jobs
from atipico.registry.models import Model
from atipico.registry.scorer import ModelScorer
from atipico.registry.shelf import open_shelf
from atipico.sources.file import File
from atipico.wire.points import group_of
from atipico.wire.sample import SHARD_TAG, Score, Value

BLOCK = 4096  # rows worked on at once, as many as the agent takes
EVENT_TIME = "event_time"


class Summary(NamedTuple):
    """rows: in the result. read: rows of the file that have a field. unscored: those of the result without a score."""

    job: str
    version: str
    read: int
    rows: int
    anomalous: int
    unscored: int
    seconds: float


class Span(NamedTuple):
    """Which rows are told, by their own time in ns: from `start` on, before `stop`; None: no bound."""

    start: int | None = None
    stop: int | None = None

    def __contains__(self, time: object) -> bool:
        if self.start is None and self.stop is None:
            return True
        if not isinstance(time, int):
            return False
        return (self.start is None or self.start <= time) and (self.stop is None or time < self.stop)


EVERYTHING = Span()


def find_job(name: str | None, model: str | None) -> Job:
    """The job NAME of jobs/, or of a file NAME.toml; without a name the one whose model is meant.

    Raises Refused, with the nearest names, when there is none or several could be meant.
    """
    if name is not None and name.endswith(".toml"):
        return load_job(Path(name))
    folder = home() / "jobs"
    if name is not None:
        known = [path.stem for path in folder.glob("*.toml")]
        if name not in known:
            raise Refused(f"no job {name!r} in {folder}{nearest(name, known)}")
        return load_job(folder / f"{name}.toml")
    jobs, wanted = load_jobs(folder), (model or "").partition("@")[0]
    fitting = [job for job in jobs.values() if job.model and job.model.partition("@")[0] == wanted]
    own = [job for job in fitting if job.name == wanted]
    if len(own or fitting) == 1:
        return (own or fitting)[0]
    if fitting:
        names = ", ".join(job.name for job in fitting)
        raise Refused(f"jobs {names} use model {wanted}; name one: --job {fitting[0].name}")
    models = {job.model.partition("@")[0] for job in jobs.values() if job.model}
    raise Refused(f"no job in {folder} uses a model {wanted!r}{nearest(wanted, models)}")


def find_model(name: str) -> Model:
    """The model NAME or NAME@VERSION of models/. Raises Refused or NotYet, with the nearest names."""
    return open_shelf(home() / "models").get(name)


def model_of(job: Job, instead: str | None = None) -> Model | None:
    """The model of a job, or another one `instead`; None for a job with a detector, which takes none."""
    if job.model:
        return find_model(instead or job.model)
    if instead:
        raise Refused(f"job {job.name} has a detector, so it can't run model {instead}; leave --model out")
    return None


def score(
    file: Path,
    job: Job,
    model: Model | None,
    results: Results,
    dataset: str | None = None,
    span: Span = EVERYTHING,
    step: Callable[[int], object] = lambda rows: None,
) -> Summary:
    """Score the rows of a file in their order and put those of `span` into `results`; `step` gets each block's size.

    Rows outside of the span fill the windows of those in it. What a job without a clock takes for a
    sample's time is the row's own. model: the job's; None where it has a detector. Raises Refused before the first row
    when file, job and model do not fit together.
    """
    known, scorer, source = knowledge(job), ModelScorer(model) if model else None, File(str(file), dataset)
    _check(job, known.needs, model, source)
    begun, read, told = time.monotonic(), 0, [0, 0, 0]
    ticks = _Ticks(bool(job.clock))
    for batch in _batches(source):
        fields = [fields for _, fields in batch.rows]
        groups = [group_of(tags, SHARD_TAG)[0] for tags, _ in batch.rows]
        columns = {name: [one.get(name) for one in fields] for name in known.needs}
        scores = judged(known, scorer, ticks.of(fields), groups, columns)
        _put(results, source.id_field, fields, scores, span, read, told)
        read += len(fields)
        step(len(fields))
    rows, anomalous, unscored = told
    version = model.id if model else job.detector.version if job.detector else ""
    return Summary(job.name, version, read, rows, anomalous, unscored, round(time.monotonic() - begun, 3))


def _put(
    results: Results,
    id_field: str | None,
    fields: Sequence[Mapping[str, Value]],
    scores: Sequence[Score],
    span: Span,
    first: int,
    told: list[int],
) -> None:
    kept = [at for at, one in enumerate(fields) if one.get(EVENT_TIME) in span]
    ids: list[Any] = [fields[at].get(id_field) if id_field else first + at for at in kept]
    results.put(ids, [fields[at].get(EVENT_TIME) for at in kept], [scores[at] for at in kept])
    told[0] += len(kept)
    told[1] += sum(scores[at].anomalous for at in kept)
    told[2] += sum(not scores[at].scored for at in kept)


def _batches(source: File) -> Iterator[Batch]:
    batch = source.read({}, BLOCK)
    while batch.rows:
        yield batch
        batch = source.read(batch.after, BLOCK)


def _check(job: Job, needs: Sequence[str], model: Model | None, source: File) -> None:
    declared = {spec.name for spec in job.features}
    if model and (missing := [name for name in model.columns if name not in declared]):
        raise Refused(
            f"model {model.id} needs features that job {job.name} does not declare: {', '.join(missing)}; "
            "name the job that does: --job"
        )
    there = [*source.fields, EVENT_TIME]
    if missing := [name for name in needs if name not in there]:
        raise Refused(
            f"job {job.name} needs {', '.join(missing)}, which the file's dataset.toml has no field for"
            f"{nearest(missing[0], there)}"
        )


class _Ticks:
    """The time of each sample, ns. With a clock of its own a job only looks at their order; each gets its own ns."""

    def __init__(self, clocked: bool) -> None:
        self._clocked, self._count, self._own, self._last = clocked, 0, -1, -1

    def of(self, fields: Sequence[Mapping[str, Value]]) -> list[int]:
        if self._clocked:
            self._count += len(fields)
            return list(range(self._count - len(fields), self._count))
        return [self._next(one.get(EVENT_TIME)) for one in fields]

    def _next(self, own: Any) -> int:
        """The row's own time; a row with the same as the one before it, or with none, comes 1 ns behind that one."""
        self._last = self._last + 1 if own is None or own == self._own else own
        self._own = self._own if own is None else own
        return self._last
