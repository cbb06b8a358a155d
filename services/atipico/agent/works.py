"""Which job a connection is for, and who may work on it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from atipico.agent.checkpoints import Checkpoints
from atipico.agent.session import Session, Work
from atipico.agent.turn import Turn
from atipico.agent.work import JobWork
from atipico.errors import Refused, nearest
from atipico.metrics import SAMPLES_IN, SAMPLES_OUT
from atipico.ports import Scorer
from atipico.registry.jobs import Job, load_job
from atipico.scorers.http import Stopped

LOG, TIME, LOOK = "yes", "by time", "looks"  # how a host sends again
_REWINDS = ("", LOG, TIME, LOOK)
_SWEPT_S = 600.0
MakeScorer = Callable[[Job, threading.Event], Scorer]


class Attached:
    """A job's work seen from one connection, with that connection's own way to the classifier."""

    def __init__(self, work: JobWork, turn: Turn, scorer: Scorer | None, session: Session) -> None:
        self._work, self._turn, self._scorer, self._session = work, turn, scorer, session
        self._in, self._out = SAMPLES_IN.labels(work.job.name), SAMPLES_OUT.labels(work.job.name)

    def answers(self, points: Sequence[bytes]) -> list[bytes]:
        with self._turn.behind_others(self._session):
            if self._work.reached:
                points = self._work.reached.fresh(points)
            if self._work.labels:
                points = self._work.labels.merged(points)
            return self._counted(self._work.answers(points, self._scorer)) if points else []

    def snapshot(self) -> bytes:
        """While somebody looks after the job, what they were told last: many more would push theirs off the disk."""
        with self._turn.now():
            swept = time.monotonic() - self._work.swept_at < _SWEPT_S
            return self._work.told_sweeper if swept else self._work.snapshot()

    def restore(self, snapshot: bytes) -> None:
        with self._turn.now():
            if not self._work.live:
                self._work.rewind(snapshot)

    def end(self) -> None:
        """Others may be waiting for that, see SendsAgain."""

    def reached(self) -> Mapping[str, int]:
        return self._work.reached.newest() if self._work.reached else {}

    def _counted(self, answers: list[bytes]) -> list[bytes]:
        self._in.inc(len(answers))
        self._out.inc(len(answers))
        return answers


class Looks(Attached):
    """The same for who looks after the job beside others: no points, but snapshots to go back to."""

    def snapshot(self) -> bytes:
        with self._turn.now():
            return self._work.snapshot_for_sweeper()


class SendsAgain(Attached):
    """The same for a host that sends again what it has no answer to, so that its connection can be ended any time."""

    def __init__(self, work: JobWork, turn: Turn, scorer: Scorer | None, session: Session, tell_late: bool) -> None:
        super().__init__(work, turn, scorer, session)
        self._tell_late = tell_late

    def answers(self, points: Sequence[bytes]) -> list[bytes]:
        with self._mine():
            return self._counted(self._work.answers(points, self._scorer, self._tell_late))

    def snapshot(self) -> bytes:
        with self._mine():
            return self._work.snapshot() if self._tell_late else self._work.snapshot_for_sweeper()

    def restore(self, snapshot: bytes) -> None:
        with self._mine():
            self._work.rewind(snapshot)
            self._work.live = True  # no other host knows better

    def end(self) -> None:
        with self._turn.now():
            if self._turn.end_again(self._session) and self._work.reached:
                self._work.reached.deal()

    @contextmanager
    def _mine(self) -> Iterator[None]:
        """Raises Stopped when its host will send again what is left here."""
        with self._turn.now():
            if self._session.stop.is_set():
                raise Stopped("the connection ended; its host sends again")
            yield


class Works:
    """The jobs of this agent. Their state outlives connections; the folder of job files is read at each Init.

    An Init names its job with the option `job`. What the option `rewind` says of its host:

    - "yes": it sends again from where its Restore was taken, or from the beginning without one, in the order of its
      log. Connections that it left behind are ended and the job forgets what it knew.
    - "by time": beside others it goes back to where a Restore was taken and sends again from there, in the order of
      time. The points of other connections wait until it ends; what it sent is then left out of them. Without a
      Restore the job knows what it knew.
    - "looks": it sends nothing; it asks for snapshots, which "by time" goes back to.
    - nothing, as behind Kapacitor: it never sends again. The state stays, and a Restore counts only for a job that
      knows nothing yet.

    The option `labels` is the measurement of the points that a host which sends again waits for no answer to.
    """

    def __init__(self, jobs: Path, state: Path, make_scorer: MakeScorer) -> None:
        self._jobs, self._state, self._make_scorer = jobs, state, make_scorer
        self._works: dict[str, JobWork] = {}
        self._turns: dict[str, Turn] = {}
        self._sessions: dict[str, dict[Session, str]] = {}  # of each job, with what their hosts say of themselves
        self._opening = threading.Lock()

    def open(self, options: dict[str, str], session: Session) -> Work:
        """The work an Init asks for. Raises Refused for an unknown job or one whose file is wrong."""
        job, rewind = self._job(options.get("job", "")), options.get("rewind", "")
        if rewind not in _REWINDS:
            raise Refused(f"rewind = {rewind!r}{nearest(rewind, _REWINDS)}")
        if rewind in (LOG, TIME):
            _check_labels(job, options.get("labels", ""))
        with self._opening:
            turn = self._turns.setdefault(job.name, Turn())
            self._end_left_behind(job.name, rewind)
            self._sessions.setdefault(job.name, {})[session] = rewind
        with turn.now():
            work = self._works.get(job.name)
            if work is None or not work.remembers(job):
                checkpoints = Checkpoints(self._state / job.name)
                checkpoints.check()
                work = self._works[job.name] = JobWork(job, checkpoints)
            scorer = self._make_scorer(job, session.stop) if job.model else None
            if rewind == LOG:
                work.rewind(b"")
            if rewind == TIME:
                turn.begin_again(session)
        if rewind in (LOG, TIME):
            return SendsAgain(work, turn, scorer, session, tell_late=rewind == LOG)
        return (Looks if rewind else Attached)(work, turn, scorer, session)

    def _end_left_behind(self, job: str, rewind: str) -> None:
        """End the connections that a host left behind when it comes anew, and forget those that ended."""
        for old, its in list(self._sessions.get(job, {}).items()):
            if rewind == LOG or (rewind == TIME and its in (LOG, TIME)):
                old.end()
            if old.stop.is_set():
                del self._sessions[job][old]

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
