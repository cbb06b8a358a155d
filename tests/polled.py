"""A job of the engine `polled` beside a store: an agent in this process, a sweeper in one of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from atipico.agent.server import listen, serve
from atipico.agent.works import Works
from atipico.wire.lines import parse
from atipico.wire.points import PointWriter, read_answer
from parts import Sweeper
from waiting import until

JOB = """
stream = "pump"
detector = { gaussian = "heat", by = "pump", over = 8, threshold = 0.99 }
"""
Read = Callable[[str], list[dict]]  # the series of a statement, times in ns
Write = Callable[[bytes], None]


class Polled:
    """Up when it is made. read, write: ask the store, and give it lines."""

    def __init__(self, folder: Path, read: Read, write: Write, **access: object) -> None:
        self.run, self._read, self.write = folder / "run", read, write
        (self.run / "jobs").mkdir(parents=True)
        (self.run / "jobs" / "pumps.toml").write_text('engine = "polled"' + JOB)
        self._listener = listen(folder / "a.sock")
        works = Works(self.run / "jobs", self.run / "agent", lambda *_: None)
        threading.Thread(target=serve, args=(self._listener, works.open), daemon=True).start()
        more = {f"ATIPICO_KAPACITOR_{name.upper()}": value for name, value in access.items()}
        quick = {"ATIPICO_KAPACITOR_SWEEP_EVERY": "0.2s", "ATIPICO_KAPACITOR_SWEEP_AFTER": "0.3s"}
        quick["ATIPICO_KAPACITOR_MARK_EVERY"] = "0.5s"
        self.sweeper = Sweeper(self.run, ATIPICO_KAPACITOR_AGENT_SOCKET=folder / "a.sock", **quick, **more)
        self.sweeper.start()

    def outcomes(self) -> dict[int, tuple[float, bool]]:
        """Score and decision by time, of all that are there."""
        told = self._read('SELECT "score", "anomalous" FROM "scores" WHERE "atipico_job" = \'pumps\'')
        return {time: (score, anomalous) for series in told for time, score, anomalous in series["values"]}

    def in_order(self, lines: list[str]) -> dict[int, tuple[float, bool]]:
        """What they would be if all had come in the order of their time, to the embedded engine."""
        return in_order(self.run, JOB, lines)

    def become(self, expected: dict[int, tuple[float, bool]]) -> None:
        """Wait until the outcomes are just these."""
        until(lambda: self.outcomes() == expected)

    def close(self) -> None:
        self.sweeper.stop()
        self._listener.close()


def lines(first: int, last: int, begin: int) -> list[str]:
    """Samples of a tenth of a second each, from `begin` (ns) on, of two series."""
    return [
        f"pump,host={'ab'[at % 2]} heat={20 + at * at % 7}.0,pump={at % 2}i {begin + at * 10**8}"
        for at in range(first, last)
    ]


def in_order(run: Path, job: str, lines: list[str]) -> dict[int, tuple[float, bool]]:
    """Score and decision by time that samples get of a job, `pumps`, to which they come in the order of their time."""
    (run / "alone").mkdir(exist_ok=True)
    (run / "alone" / "pumps.toml").write_text(job)
    works = Works(run / "alone", run / "alone-agent", lambda *_: None)
    ordered = sorted(lines, key=lambda line: int(line.rsplit(" ", 1)[1]))
    points = [PointWriter("atipico").write(one) for one in parse("\n".join(ordered).encode(), now=0).samples]
    session = type("S", (), {"stop": threading.Event(), "heard": time.monotonic()})()
    told = map(read_answer, works.open({"job": "pumps"}, session).answers(points))
    return {at: (score.score, score.anomalous) for at, score, _ in told}
