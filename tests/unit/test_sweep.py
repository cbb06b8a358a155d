"""What a sweep does about what it sees, with counts, an agent and a task that are told to it."""

from __future__ import annotations

import threading
import time

import pytest
from structlog.testing import capture_logs

from atipico.engines.kapacitor.settings import KapacitorSettings
from atipico.engines.sweeper.counts import Look
from atipico.engines.sweeper.marks import Marks
from atipico.engines.sweeper.sweep import Loss, State, Sweep, Tools
from atipico.wire.snapshot import Snapshot

SECOND = 10**9


class World:
    """A job that began 100 s ago; `look`, `state` and `life` are what the sweep will see, `repaired` is what it did."""

    def __init__(self, folder) -> None:
        self.since = time.time_ns() - 100 * SECOND
        self.state, self.life, self.reached = State(self.since), "a", self.since + 50 * SECOND
        self.samples: dict[int, int] = {}
        self.outcomes: dict[int, int] = {}
        self.marks, self.repaired = Marks(folder / "pumps.json"), list[Loss]()
        settings = KapacitorSettings(sweep_after=0.001, mark_every=0.001)
        tools = Tools(counting=self, look=self._snapshot, repair=self._repair)
        self.sweep = Sweep("pumps", settings, type("S", (), {"state": lambda _: self.state})(), self.marks, tools)

    def look(self, begin: int, end: int, step: int) -> Look:
        return Look(dict(self.samples), dict(self.outcomes))

    def at(self, second: int, samples: int, outcomes: int) -> int:
        """So many in the stretch that begins there; its beginning."""
        begin = self.since + second * SECOND
        self.samples[begin], self.outcomes[begin] = samples, outcomes
        return begin

    def twice(self) -> list[Loss]:
        """Sweep, and again when what is missing has been so for long."""
        for _ in range(2):
            self.sweep._sweep(threading.Event())
            time.sleep(0.01)
        return self.repaired

    def _snapshot(self) -> bytes:
        return Snapshot(1, "s", None, self.life, {"shard=0": self.reached}).to_bytes()

    def _repair(self, loss: Loss, since: int, stop: threading.Event) -> int:
        self.repaired.append(loss)
        return 0


@pytest.fixture
def world(tmp_path) -> World:
    return World(tmp_path)


def test_where_nothing_is_missing_nothing_is_made_anew_and_marks_are_made(world):
    world.at(40, 9, 9)

    assert world.twice() == []
    assert [mark.until for mark in world.marks.before(2**62)] == [world.reached, world.since - 1]


def test_what_was_passed_by_is_made_anew_from_there(world):
    hole = world.at(40, 9, 3)
    world.at(42, 9, 9)

    assert world.twice() == [Loss(hole, stalled=False)]


def test_a_task_behind_which_nothing_comes_is_taken_for_dead_though_it_says_that_it_runs(world):
    world.at(40, 9, 9)
    hole = world.at(42, 9, 0)

    assert world.twice() == [Loss(hole, stalled=True)]


def test_a_dead_task_is_dealt_with_at_once(world):
    hole = world.at(42, 9, 0)
    world.state = State(world.since, "broken pipe")

    world.sweep._sweep(threading.Event())

    assert [loss.since for loss in world.repaired] == [hole]


def test_a_dead_task_that_missed_nothing_yet_is_dealt_with_too(world):
    world.at(42, 9, 9)
    world.state = State(world.since, "broken pipe")

    assert world.twice()


def test_an_agent_that_forgot_is_taken_back_to_what_it_knew_at_the_newest_mark(world):
    world.at(40, 9, 9)
    assert world.twice() == []
    world.at(44, 9, 9)

    world.life = "b"

    assert world.twice()[0].since == world.reached + 1


def test_a_repair_that_was_begun_goes_first_whatever_is_seen(world):
    world.at(40, 9, 9)
    world.twice()
    world.marks.begin_repair(world.since + 7)

    world.sweep._sweep(threading.Event())

    assert world.repaired == [Loss(world.since + 7)]


def test_a_task_that_a_person_stopped_is_left_alone(world):
    world.at(40, 9, 3)
    world.at(42, 9, 9)
    world.state = "stopped by a person"

    with capture_logs() as said:
        assert world.twice() == []
    assert [one["why"] for one in said] == ["stopped by a person"]
