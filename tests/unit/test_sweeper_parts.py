"""What the sweeper decides by: which stretches are lost for good, where to go back to, how samples are counted."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from atipico.engines.kapacitor.settings import KapacitorSettings
from atipico.engines.kapacitor.tasks import Task
from atipico.engines.server import Answered
from atipico.engines.sweeper import repair
from atipico.engines.sweeper.again import Again
from atipico.engines.sweeper.counts import Counting, Look
from atipico.engines.sweeper.feed import Feed
from atipico.engines.sweeper.gaps import Gaps
from atipico.engines.sweeper.marks import Mark, Marks
from atipico.engines.sweeper.repair import Repairs
from atipico.engines.sweeper.rows import Row
from atipico.engines.sweeper.sweep import Loss
from atipico.engines.sweeper.task import TaskStream
from atipico.errors import NotYet, Refused
from atipico.registry.jobs import Job
from atipico.wire.sample import Score
from atipico.wire.snapshot import Snapshot

AFTER_S = 3.0
JOB = Job("pumps", "", "pump", (), engine="kapacitor")


def looked(*counts: tuple[int, int]) -> Look:
    """Stretches 0, 1, 2 ... with so many samples and outcomes."""
    return Look(
        {at: many for at, (many, _) in enumerate(counts)}, {at: told for at, (_, told) in enumerate(counts) if told}
    )


class Watched:
    """Looks at one thing after the other, a second apart; tells when what was lost."""

    def __init__(self) -> None:
        self._gaps, self.now = Gaps(AFTER_S), 0.0

    def __call__(self, look: Look, seconds: int = 1) -> int | None:
        found = None
        for _ in range(seconds):
            found = self._gaps.first(look, self.now)
            self.now += 1.0
        return found


def test_what_is_missing_while_later_outcomes_are_there_is_lost_after_a_while():
    watched, hole = Watched(), looked((9, 9), (9, 4), (9, 9))

    assert watched(hole, 3) is None
    assert watched(hole) == 1


def test_what_still_grows_is_not_lost():
    watched = Watched()

    for told in range(9):
        assert watched(looked((9, 9), (9, told), (9, 9)), 2) is None


def test_what_is_missing_at_the_end_is_waited_for_four_times_as_long():
    watched, end = Watched(), looked((9, 9), (9, 4), (9, 0))

    assert watched(end, 12) is None
    assert watched(end) == 1


def test_a_backlog_that_is_worked_off_is_not_lost():
    watched = Watched()

    for done in range(40):
        counts = [(9, 9)] * done + [(9, 3)] + [(9, 0)] * 5
        assert watched(looked(*counts)) is None


def test_a_chain_that_lags_far_behind_and_moves_is_not_lost():
    watched = Watched()

    for done in range(60):
        assert watched(looked(*[(9, 9)] * done, *[(9, 0)] * 20)) is None


def test_what_was_dealt_with_is_waited_for_anew():
    watched, hole = Watched(), looked((9, 4), (9, 9))
    watched(hole, 4)

    watched._gaps.forget()

    assert watched(hole) is None


def snapshot(number: int, until: int, life: str = "a", shape: str = "s") -> bytes:
    return Snapshot(number, shape, None, life, {"shard=0": until - 3, "shard=1": until}).to_bytes()


@pytest.fixture
def marks(tmp_path) -> Marks:
    marks = Marks(tmp_path / "pumps.json")
    marks.begin(snapshot(1, 100), since=50)
    for number in range(1, 4):
        marks.add(snapshot(number, 100 * number))
    return marks


def test_a_job_goes_back_to_marks_that_know_nothing_of_what_was_lost_newest_first(marks):
    assert [mark.until for mark in marks.before(250)] == [200, 100, 49]
    assert [mark.until for mark in marks.before(200)] == [100, 49]
    assert marks.before(49) == []
    assert marks.before(250)[0].reached == {"shard=0": 197, "shard=1": 200}


def test_marks_that_know_what_was_made_anew_are_dropped_for_good(marks, tmp_path):
    marks.begin_repair(250)

    again = Marks(tmp_path / "pumps.json")
    assert (again.lost, [mark.until for mark in again.before(10**9)]) == (250, [200, 100, 49])


def test_a_repair_that_ended_is_begun_no_more(marks, tmp_path):
    marks.begin_repair(250)

    marks.end_repair(snapshot(9, 400))

    again = Marks(tmp_path / "pumps.json")
    assert (again.lost, again.newest.until) == (None, 400)


def test_marks_of_another_job_are_none_to_go_back_to(marks):
    other = snapshot(4, 500, shape="other")
    assert marks.is_news(other)
    assert not marks.is_news(snapshot(4, 500, life="b"))

    marks.begin(other, since=None)

    assert marks.before(10**9) == []


def test_the_end_of_the_agents_life_is_seen(marks):
    assert marks.is_of(snapshot(4, 500))
    assert not marks.is_of(snapshot(4, 500, life="b"))


def test_torn_marks_are_begun_anew_and_newer_ones_are_refused(marks, tmp_path):
    file = tmp_path / "pumps.json"
    whole = file.read_bytes()

    file.write_bytes(whole[: len(whole) // 2])
    assert Marks(file).newest is None

    file.write_bytes(whole.replace(b'"format":1', b'"format":2'))
    with pytest.raises(Refused, match="newer"):
        Marks(file)


def test_a_task_that_was_stopped_to_be_begun_anew_is_noted_before_it_is(marks, tmp_path):
    marks.note_reviving(True)

    assert Marks(tmp_path / "pumps.json").reviving


def test_only_so_many_marks_are_kept(marks):
    for number in range(4, 30):
        marks.add(snapshot(number, 100 * number))

    assert [mark.until for mark in marks.before(10**9)] == [2900, 2800, 2700, 2600, 2500, 2400]
    assert isinstance(marks.newest, Mark)


class Values:
    """An InfluxDB that has so many values of each field in a stretch, and so many outcomes."""

    def __init__(self, fields: dict[str, int], outcomes: int) -> None:
        self.fields, self.outcomes = fields, outcomes

    def select(self, statement: str) -> list[dict]:
        if '"scores"' in statement:
            return [{"columns": ["time", "count"], "values": [[0, self.outcomes]]}]
        if "*::field" in statement:
            return [
                {
                    "columns": ["time", *(f"count_{name}" for name in self.fields)],
                    "values": [[0, *self.fields.values()]],
                }
            ]
        counted = next(many for name, many in self.fields.items() if f'count("{name}")' in statement)
        return [{"columns": ["time", "count"], "values": [[0, counted]]}]


class Read:
    """The same samples, read."""

    def __init__(self, many: int) -> None:
        self._many = many

    def times(self, begin: int, end: int) -> list[int]:
        return list(range(self._many))


@pytest.mark.parametrize(
    ("fields", "samples", "counted"),
    [({"heat": 9, "hum": 3}, 9, 9), ({"hum": 3, "heat": 9}, 9, 9), ({"heat": 6, "hum": 3}, 9, 9)],
    ids=["first field in all", "last field in all", "no field in all"],
)
def test_samples_are_counted_whatever_fields_they_have(fields, samples, counted):
    counting = Counting(JOB, Values(fields, outcomes=samples), "autogen", Read(samples))

    assert counting.look(0, 1000, 1000).samples == {0: counted}


def test_a_field_that_comes_to_be_in_fewer_samples_is_counted_no_more():
    influx = Values({"heat": 9, "hum": 0}, outcomes=9)
    counting = Counting(JOB, influx, "autogen", Read(0))
    counting.look(0, 1000, 1000)

    influx.fields = {"heat": 2, "hum": 9}

    assert counting.look(0, 1000, 1000).samples == {0: 9}


def test_the_first_stretch_begins_where_is_looked_from():
    class Aligned(Values):
        def select(self, statement: str) -> list[dict]:
            series = super().select(statement)
            return [{**one, "values": [[0, *row[1:]] for row in one["values"]]} for one in series]

    look = Counting(JOB, Aligned({"heat": 9}, outcomes=3), "autogen", Read(9)).look(700, 2000, 1000)

    assert look.short == [700]


def test_what_is_sent_at_once_is_bounded_in_rows_and_in_bytes():
    def row(size: int) -> Row:
        return Row(0, "", "", b"x" * size)

    def sizes(rows: list[Row]) -> list[int]:
        return [len(some) for some in Feed.portions(None, rows)]

    assert sizes([row(10)] * 4500) == [2000, 2000, 500]
    assert sizes([row(2**20)] * 9) == [4, 4, 1]
    assert sizes([]) == []


class Stopped:
    """Tasks of a Kapacitor that ends between stopping a task and beginning it anew."""

    enabled = True

    def find(self, id: str) -> Task:
        return Task(id, "script", ("a", "b"), self.enabled, "" if self.enabled else "it does not execute")

    def since(self, id: str) -> int:
        return 5

    def revive(self, id: str) -> None:
        if self.enabled:
            self.enabled = False
            raise NotYet("Kapacitor does not answer")
        self.enabled = True


def test_a_task_is_begun_anew_though_the_first_try_ended_in_its_midst(tmp_path):
    tasks = Stopped()
    with pytest.raises(NotYet):
        TaskStream(tasks, "t", Marks(tmp_path / "pumps.json")).revive(stalled=True)

    again = TaskStream(tasks, "t", Marks(tmp_path / "pumps.json"))
    assert again.state().dead
    again.revive(stalled=False)

    assert (tasks.enabled, again.state().dead) == (True, "")


def test_a_task_that_a_person_stopped_is_none_to_begin_anew(tmp_path):
    tasks = Stopped()
    tasks.enabled = False

    assert "stopped by a person" in TaskStream(tasks, "t", Marks(tmp_path / "pumps.json")).state()


def test_a_job_without_a_stream_task_is_left_alone(tmp_path):
    none = type("Tasks", (), {"find": lambda _, id: None})()

    assert "no task t" in TaskStream(none, "t", Marks(tmp_path / "pumps.json")).state()


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
