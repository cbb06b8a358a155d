"""A repair: back to before the loss, what is not older is made anew, and stays."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from atipico.answer import Answered
from atipico.engines.kapacitor.settings import KapacitorSettings
from atipico.engines.sweeper import repair
from atipico.engines.sweeper.again import Again
from atipico.engines.sweeper.feed import Feed
from atipico.engines.sweeper.marks import Marks
from atipico.engines.sweeper.repair import Repairs
from atipico.engines.sweeper.rows import Row
from atipico.engines.sweeper.sweep import Loss
from atipico.errors import NotYet
from atipico.registry.jobs import Job
from atipico.wire.sample import Score
from atipico.wire.snapshot import Snapshot
from marked import marked, snapshot

JOB = Job("pumps", "", "pump", (), engine="kapacitor")


@pytest.fixture
def marks(tmp_path) -> Marks:
    return marked(tmp_path)


def test_what_is_sent_at_once_is_bounded_in_rows_and_in_bytes():
    def row(size: int) -> Row:
        return Row(0, "", "", b"x" * size)

    def sizes(rows: list[Row]) -> list[int]:
        return [len(some) for some in Feed.portions(None, rows)]

    assert sizes([row(10)] * 4500) == [2000, 2000, 500]
    assert sizes([row(2**20)] * 9) == [4, 4, 1]
    assert sizes([]) == []


class Fed:
    """A connection to an agent that scores what it is sent."""

    portions = Feed.portions

    def __init__(self) -> None:
        self.restored, self.sent = list[str](), list[int]()

    def restore(self, snapshot: str) -> None:
        self.restored.append(snapshot)

    def scores(self, rows: list[Row]):
        self.sent += [row.time for row in rows]
        return [(row, Score(0.5, 0.9, False, "m@1", True, "")) for row in rows]

    def knock(self) -> None: ...

    def snapshot(self) -> bytes:
        return snapshot(9, 10**18)

    def close(self) -> None: ...


class Has:
    """An InfluxDB with samples at some times, outcomes of others, and what is written to it."""

    def __init__(self, samples: list[int], told: list[int] = (), refuses: bool = False) -> None:
        self.times, self.outcomes, self.written, self.refuses = samples, told, list[bytes](), refuses

    def read(self, begin: int, end: int) -> list[Row]:
        return [Row(at, "scores", "shard=0", b"p") for at in self.times if begin <= at < end]

    samples = read

    def count(self, begin: int, end: int) -> int:
        return sum(begin <= at < end for at in self.times)

    def told(self, begin: int, end: int) -> set[tuple[int, str]]:
        return {(at, "scores") for at in self.outcomes}

    def write(self, database: str, policy: str, lines: bytes) -> None:
        if self.refuses:
            raise Answered("field type conflict", 400)
        self.written += [int(line.rsplit(b" ", 1)[1]) for line in lines.splitlines()]


class Gathers:
    """A task in Kapacitor that gathers outcomes: `hands` are those that it was told and writes when it gets to it."""

    def __init__(self, has: Has, hands: Sequence[int] = (), hangs: bool = False) -> None:
        self._has, self._hands, self._hangs, self.revived = has, list(hands), hangs, list[bool]()

    def unwritten(self) -> int:
        if self._hangs:
            raise NotYet("Kapacitor does not answer")
        left = len(self._hands)
        self._has.written += self._hands[:1]
        del self._hands[:1]
        return left

    def revive(self, stalled: bool) -> None:
        self._has.written += self._hands
        self._hands = []
        self.revived.append(stalled)


def repaired(marks: Marks, has: Has, lost: int, task: Gathers | None = None) -> tuple[Fed, list[bool], Again]:
    """A repair from a time on; what was fed, and whether the task was begun anew."""
    fed, task, settings = Fed(), task or Gathers(has), KapacitorSettings(overlap=0, flush=0.001)
    again = Again(JOB, settings, has, has)
    Repairs("pumps", settings, again, lambda: fed, marks, task).run(Loss(lost, True), 50, threading.Event())
    return fed, task.revived, again


def test_a_repair_goes_back_before_the_loss_and_writes_what_is_not_older(marks):
    has = Has([150, 210, 240, 260])

    fed, revived, _ = repaired(marks, has, lost=230)

    assert Snapshot.from_bytes(fed.restored[0].encode()).checkpoint == 2
    assert (fed.sent, has.written, revived) == ([210, 240, 260], [240, 260], [True])
    assert (marks.lost, marks.newest.until) == (None, 10**18)


def test_what_kapacitor_has_in_its_hands_is_written_before_what_is_made_anew(marks):
    has = Has([210, 240, 260])

    repaired(marks, has, 230, Gathers(has, hands=[-240, -260]))

    assert has.written == [-240, -260, 240, 260]


def test_what_a_task_that_hangs_never_wrote_it_is_made_to_write_before_too(marks, monkeypatch):
    monkeypatch.setattr(repair, "_SETTLES_S", 0.02)
    has = Has([210, 240, 260])

    repaired(marks, has, 230, Gathers(has, hands=[-260] * 10**5))

    assert has.written[10**5 :] == [240, 260]


def test_a_kapacitor_that_does_not_answer_is_not_waited_for(marks):
    has = Has([210, 240, 260])

    repaired(marks, has, 230, Gathers(has, hangs=True))

    assert has.written == [240, 260]


def test_a_mark_that_cannot_be_had_just_now_is_neither_left_for_an_older_one_nor_for_none(marks):
    class Full(Fed):
        def restore(self, snapshot: str) -> None:
            super().restore(snapshot)
            raise NotYet("no file more can be opened")

    fed, has, settings = Full(), Has([240]), KapacitorSettings(overlap=0, flush=0.001)
    again = Again(JOB, settings, has, has)
    with pytest.raises(NotYet):
        Repairs("pumps", settings, again, lambda: fed, marks, Gathers(has)).run(Loss(230), 50, threading.Event())

    assert [Snapshot.from_bytes(one.encode()).checkpoint for one in fed.restored] == [2]
    assert (has.written, marks.lost, marks.newest.until) == ([], 230, 200)


def test_what_lies_behind_a_long_rest_is_read_in_short_pieces(marks):
    class Counted(Has):
        most = 0

        def read(self, begin: int, end: int) -> list[Row]:
            rows = super().read(begin, end)
            self.most = max(self.most, end - begin if rows else 0)
            return rows

    at = 10**18
    has = Counted([240, at, at + 1])

    repaired(marks, has, lost=230)

    assert has.written == [240, at, at + 1]
    assert has.most <= 20 * 10**9


def test_what_was_lost_before_any_mark_is_scored_as_it_is_and_the_task_is_begun_anew_too(marks):
    has = Has([20, 30, 310], told=[30])

    fed, revived, _ = repaired(marks, has, lost=10)

    assert Snapshot.from_bytes(fed.restored[0].encode()).checkpoint == 3
    assert (fed.sent, has.written, revived) == ([310, 20], [310, 20], [True])


def test_outcomes_that_the_store_will_never_take_are_told(marks):
    _, _, again = repaired(marks, Has([240, 260], refuses=True), lost=230)

    assert again.refused_until == 260
