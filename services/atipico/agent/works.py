"""Which job a connection is for, and who may work on it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from atipico.agent.checkpoints import Checkpoints
from atipico.agent.session import Session, Work
from atipico.agent.work import JobWork
from atipico.errors import Refused, nearest
from atipico.metrics import SAMPLES_IN, SAMPLES_OUT
from atipico.ports import Scorer
from atipico.registry.jobs import Job, load_job
from atipico.scorers.http import Stopped

MakeScorer = Callable[[Job, threading.Event], Scorer]


class Attached:
    """A job's work seen from one connection, with that connection's own way to the classifier."""

    def __init__(
        self, work: JobWork, lock: threading.Lock, scorer: Scorer | None, rewinds: bool, ended: threading.Event
    ) -> None:
        self._work, self._lock, self._scorer, self._rewinds, self._ended = work, lock, scorer, rewinds, ended
        self._in, self._out = SAMPLES_IN.labels(work.job.name), SAMPLES_OUT.labels(work.job.name)

    def answers(self, points: Sequence[bytes]) -> list[bytes]:
        with self._mine() as work:
            answers = work.answers(points, self._scorer, tell_late=self._rewinds)
        self._in.inc(len(answers))
        self._out.inc(len(answers))
        return answers

    def snapshot(self) -> bytes:
        with self._mine() as work:
            return work.snapshot()

    def restore(self, snapshot: bytes) -> None:
        with self._mine() as work:
            if self._rewinds or not work.live:
                work.rewind(snapshot)

    @contextmanager
    def _mine(self) -> Iterator[JobWork]:
        """The work, for this connection alone. Raises Stopped when its host will send again what is left here."""
        with self._lock:
            if self._rewinds and self._ended.is_set():
                raise Stopped("the connection ended; its host sends again")
            yield self._work


class Works:
    """The jobs of this agent. Their state outlives connections; the folder of job files is read at each Init.

    An Init names its job with the option `job`. With the option `rewind` the host says that it sends
    again from where its Restore was taken, or from the beginning without one: connections it left
    behind are ended and the job forgets what it knew. Without it, as behind Kapacitor, which never
    sends again, the state stays, and a Restore counts only for a job that knows nothing yet. The option `labels`
    then is the measurement of the points that the host waits for no answer to.
    """

    def __init__(self, jobs: Path, state: Path, make_scorer: MakeScorer) -> None:
        self._jobs, self._state, self._make_scorer = jobs, state, make_scorer
        self._works: dict[str, JobWork] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._sessions: dict[str, list[Session]] = {}
        self._opening = threading.Lock()

    def open(self, options: dict[str, str], session: Session) -> Work:
        """The work an Init asks for. Raises Refused for an unknown job or one whose file is wrong."""
        job = self._job(options.get("job", ""))
        with self._opening:
            lock = self._locks.setdefault(job.name, threading.Lock())
            rewinds = options.get("rewind") == "yes"
            if rewinds:
                _check_labels(job, options.get("labels", ""))
                for old in self._sessions.pop(job.name, []):
                    old.end()
            with lock:
                work = self._works.get(job.name)
                if work is None or not work.remembers(job):
                    checkpoints = Checkpoints(self._state / job.name)
                    checkpoints.check()
                    work = self._works[job.name] = JobWork(job, checkpoints)
                if rewinds:
                    work.rewind(b"")
            open_ones = [one for one in self._sessions.get(job.name, []) if not one.stop.is_set()]
            self._sessions[job.name] = [*open_ones, session]
        scorer = self._make_scorer(job, session.stop) if job.model else None
        return Attached(work, lock, scorer, rewinds, session.stop)

    def _job(self, name: str) -> Job:
        known = [path.stem for path in self._jobs.glob("*.toml")]
        if name not in known:
            wanted = f"no job {name!r}" if name else "which job? give the option job"
            raise Refused(f"{wanted}{nearest(name, known)} (files in {self._jobs})")
        return load_job(self._jobs / f"{name}.toml")


def _check_labels(job: Job, told: str) -> None:
    """Raises Refused when the host would wait for answers to labels, or for none to samples."""
    known = job.labels.stream if job.labels else ""
    if told != known:
        mine, its = (name or "nowhere" for name in (known, told))
        raise Refused(
            f"job {job.name}: labels come from {mine} by its file, from {its} by the host; start the host again"
        )
