"""What Kapacitor has in its hands when a repair begins does not stand over what the repair makes anew."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from functools import partial

import pytest
from test_kapacitor_jobs import Real

from atipico.engines.kapacitor.tasks import Tasks
from atipico.engines.server import Server
from parts import Sweeper
from polled import in_order
from waiting import until

JOB = 'stream = "pump"\ndetector = { gaussian = "heat", by = "pump", over = 500, threshold = 0.99 }\n'


class Hasty(Sweeper):
    """The control: a sweeper that does not ask what Kapacitor has in its hands."""

    code = "from atipico.engines.sweeper import app, repair; repair.Repairs._settle = lambda *_: None; app.run()"


@pytest.fixture
def real(new, tmp_path_factory) -> Iterator[Real]:
    real = Real(new, tmp_path_factory.mktemp("r"))
    real.job.write_text('engine = "kapacitor"\n' + JOB)
    yield real
    real.listener.close()


class Stream:
    """A sample each 10 ms or so, as often as it is asked for them."""

    def __init__(self, real: Real) -> None:
        self._real, self._count, self.lines = real, itertools.count(), list[str]()

    def go_on(self) -> None:
        heat = 20 + next(self._count) ** 2 % 7
        self.lines.append(f"pump,shard=0 heat={heat}.0,pump=1i {time.time_ns()}")
        self._real.influx.write(self.lines[-1].encode())


def outcomes(real: Real) -> dict[int, tuple[float, bool]]:
    told = real.influx.query('SELECT "score", "anomalous" FROM "scores"')
    return {at: (score, anomalous) for series in told for at, score, anomalous in series["values"]}


def unlike(real: Real, kind: type[Sweeper], gathers_s: float) -> int:
    """How many outcomes are not those of an undisturbed run, behind a loss that was repaired while samples came.

    gathers_s: for so long Kapacitor has outcomes in its hands.
    """
    real.env["ATIPICO_KAPACITOR_FLUSH"] = f"{gathers_s:g}s"
    real.says("apply", "-f", real.job)
    stream, enabled = Stream(real), partial(real.kapacitor.patch, "atipico-pumps", status="enabled")
    until(lambda: outcomes(real), stream.go_on)
    real.kapacitor.patch("atipico-pumps", status="disabled")
    for _ in range(50):
        stream.go_on()  # and nobody is handed it over
    enabled()
    sweeper = kind(real.run, **{**real.env, "ATIPICO_KAPACITOR_AGENT_SOCKET": real.job.with_name("a.sock")})
    sweeper.start()
    try:
        until(lambda: "outcomes made anew" in sweeper.said.read_text(), stream.go_on)
        until(lambda: len(outcomes(real)) == len(stream.lines))
        tasks = Tasks(Server("Kapacitor", real.kapacitor.url, {}, 10.0, ""), "atipico")
        until(lambda: not tasks.unwritten("atipico-pumps"))
        expected, told = in_order(real.run, JOB, stream.lines), outcomes(real)
    finally:
        sweeper.stop()
    assert told.keys() == expected.keys()
    return sum(told[at] != expected[at] for at in expected)


def test_what_kapacitor_writes_while_a_repair_begins_does_not_stand_over_what_is_made_anew(real):
    assert unlike(real, Sweeper, gathers_s=1.0) == 0


def test_the_control_a_sweeper_that_does_not_wait_for_it_is_written_over(real):
    assert unlike(real, Hasty, gathers_s=8.0) > 0
