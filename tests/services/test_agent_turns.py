"""One host goes back and sends again beside others: whose turn it is, and what the others' points come to."""

from __future__ import annotations

import threading
import time

import pytest

from atipico.agent import reached, turn
from atipico.agent.works import Works
from atipico.errors import Refused
from atipico.scorers.http import Stopped
from atipico.wire.points import read_answer, write_point
from atipico.wire.sample import Sample
from atipico.wire.snapshot import Snapshot
from waiting import until

JOB = """
stream = "pump"
detector = { gaussian = "heat", by = "pump", over = 8, threshold = 0.99 }
"""
BESIDE = {"job": "beside", "rewind": "by time"}


class Connection:
    """What the works see of a session."""

    def __init__(self) -> None:
        self.stop, self.heard = threading.Event(), float("inf")

    def end(self) -> None:
        self.stop.set()


@pytest.fixture
def works(tmp_path):
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "beside.toml").write_text('engine = "kapacitor"\n' + JOB)
    (tmp_path / "jobs" / "alone.toml").write_text(JOB)
    return Works(tmp_path / "jobs", tmp_path / "agent", lambda *_: None)


def heats(first: int, last: int, shard: str = "0") -> list[bytes]:
    samples = [
        Sample("pump", {"shard": shard}, {"pump": 7, "heat": float(at * at % 7)}, at) for at in range(first, last)
    ]
    return [write_point(sample, "atipico", f"shard={shard}", ["shard"]) for sample in samples]


def times(answers: list[bytes]) -> list[int]:
    return [read_answer(answer)[0] for answer in answers]


class Waiting(threading.Thread):
    """Points of a connection that may have to wait."""

    def __init__(self, work, points: list[bytes]) -> None:
        super().__init__(daemon=True)
        self._work, self._points, self.answers, self.failed = work, points, None, None
        self.start()

    def run(self) -> None:
        try:
            self.answers = self._work.answers(self._points)
        except Stopped as error:
            self.failed = error

    def result(self) -> list[bytes]:
        self.join(10)
        assert self.answers is not None
        return self.answers


def test_points_of_others_wait_for_the_one_that_sends_again_and_what_it_sent_is_left_out(works):
    expected = works.open({"job": "alone"}, Connection()).answers(heats(0, 60))
    live, again = works.open({"job": "beside"}, Connection()), works.open(BESIDE, Connection())
    held = Waiting(live, heats(30, 60))

    told = again.answers(heats(0, 40))
    assert held.is_alive()
    again.end()

    assert told == expected[:40]
    assert held.result() == expected[40:]


def test_an_end_without_the_one_that_sends_again_lets_nobody_through(works):
    live, other, again = (
        works.open({"job": "beside"}, Connection()),
        *(works.open(one, Connection()) for one in ({"job": "beside"}, BESIDE)),
    )
    held = Waiting(live, heats(0, 3))

    other.end()

    assert held.is_alive()
    again.end()
    assert times(held.result()) == [0, 1, 2]


def test_what_was_sent_again_is_left_out_however_long_it_was_held_up_on_its_way(works, monkeypatch):
    monkeypatch.setattr(reached, "_LOOK_S", 0.05)
    live, again = works.open({"job": "beside"}, Connection()), works.open(BESIDE, Connection())
    again.answers(heats(0, 40))
    again.end()

    time.sleep(0.1)

    assert times(live.answers(heats(10, 42))) == [40, 41]


def test_points_of_a_group_that_was_not_sent_again_are_not_left_out(works):
    live, again = works.open({"job": "beside"}, Connection()), works.open(BESIDE, Connection())
    again.answers(heats(0, 40))
    again.end()

    assert times(live.answers(heats(10, 12, "1") + heats(39, 42))) == [10, 11, 40, 41]


def test_a_connection_that_sends_again_and_says_nothing_any_more_is_ended(works, monkeypatch):
    monkeypatch.setattr(turn, "_LOOK_S", 0.01)
    silent = Connection()
    live, again = works.open({"job": "beside"}, Connection()), works.open(BESIDE, silent)
    held = Waiting(live, heats(0, 3))
    assert not silent.stop.wait(0.1), "the control: one that is heard is left alone"

    silent.heard = float("-inf")

    assert silent.stop.wait(10)
    again.end()  # as its session does then
    assert times(held.result()) == [0, 1, 2]


def test_a_connection_that_ends_while_it_waits_works_on_nothing(works, monkeypatch):
    monkeypatch.setattr(turn, "_LOOK_S", 0.01)
    gone = Connection()
    live, again = works.open({"job": "beside"}, gone), works.open(BESIDE, Connection())
    held = Waiting(live, heats(0, 3))

    gone.end()
    until(lambda: held.failed)

    assert times(again.answers(heats(0, 3))) == [0, 1, 2]


def test_a_snapshot_tells_how_far_each_group_is_and_going_back_to_it_undoes_what_came_since(works):
    live = works.open({"job": "beside"}, Connection())
    live.answers(heats(0, 30) + heats(5, 9, "1"))
    snapshot = live.snapshot()
    expected = live.answers(heats(30, 50))

    again = works.open(BESIDE, Connection())
    again.restore(snapshot)

    assert Snapshot.from_bytes(snapshot).reached == {"shard=0": 29, "shard=1": 8}
    assert Snapshot.from_bytes(again.snapshot()).reached == {"shard=0": 29, "shard=1": 8}
    assert again.answers(heats(30, 50)) == expected


def test_what_another_host_restores_does_not_undo_what_was_gone_back_to(works, tmp_path):
    live = works.open({"job": "beside"}, Connection())
    live.answers(heats(0, 10))
    old = live.snapshot()
    live.answers(heats(10, 30))
    new = live.snapshot()
    anew = Works(tmp_path / "jobs", tmp_path / "agent", lambda *_: None)

    again = anew.open(BESIDE, Connection())
    again.restore(new)
    anew.open({"job": "beside"}, Connection()).restore(old)

    assert Snapshot.from_bytes(again.snapshot()).reached == {"shard=0": 29}


def test_another_life_of_the_agent_is_told(works, tmp_path):
    def life(works: Works) -> str:
        return Snapshot.from_bytes(works.open({"job": "beside"}, Connection()).snapshot()).life

    assert life(works) == life(works)
    assert life(works) != life(Works(tmp_path / "jobs", tmp_path / "agent", lambda *_: None))


def test_who_sends_again_beside_others_ends_those_that_do_so_too_and_no_others(works):
    live, first = Connection(), Connection()
    works.open({"job": "beside"}, live)
    works.open(BESIDE, first)

    works.open(BESIDE, Connection())

    assert (first.stop.is_set(), live.stop.is_set()) == (True, False)


def test_a_job_of_the_embedded_engine_keeps_no_account_of_groups(works):
    alone = works.open({"job": "alone", "rewind": "yes"}, Connection())
    alone.answers(heats(0, 3))

    assert Snapshot.from_bytes(alone.snapshot()).reached == {}


def test_a_way_of_sending_again_that_nobody_knows_is_refused(works):
    with pytest.raises(Refused, match="by time"):
        works.open({"job": "beside", "rewind": "bytime"}, Connection())


def test_where_nothing_entered_since_a_snapshot_is_the_one_that_was(works):
    live = works.open({"job": "beside"}, Connection())
    live.answers(heats(0, 3))
    first = live.snapshot()

    assert live.snapshot() == first
    live.answers(heats(3, 4))
    assert Snapshot.from_bytes(live.snapshot()).checkpoint > Snapshot.from_bytes(first).checkpoint


def test_who_streams_pushes_no_snapshot_off_the_disk_that_a_sweeper_may_go_back_to(works):
    live, looks = (
        works.open({"job": "beside"}, Connection()),
        works.open({"job": "beside", "rewind": "looks"}, Connection()),
    )
    live.answers(heats(0, 3))
    mark = looks.snapshot()

    for at in range(3, 40):
        live.answers(heats(at, at + 1))
        live.snapshot()

    again = works.open(BESIDE, Connection())
    again.restore(mark)
    assert Snapshot.from_bytes(again.snapshot()).reached == {"shard=0": 2}


def test_a_sample_of_the_future_tells_nothing_of_its_group(works):
    live, far = works.open({"job": "beside"}, Connection()), time.time_ns() + 10**15
    live.answers(heats(0, 3) + heats(far, far + 1))

    assert Snapshot.from_bytes(live.snapshot()).reached == {"shard=0": 2}


def test_groups_that_ended_long_ago_are_told_no_more(works):
    live, hour = works.open({"job": "beside"}, Connection()), 3600 * 10**9
    live.answers(heats(0, 1, "old") + heats(5, 6, "young") + heats(hour + 2, hour + 3))

    assert Snapshot.from_bytes(live.snapshot()).reached == {"shard=0": hour + 2, "shard=young": 5}


def test_a_block_that_failed_begins_another_life(tmp_path):
    class Broken:
        def info(self):
            raise Stopped("the host is gone")

    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "scored.toml").write_text(
        'engine = "kapacitor"\nmodel = "m"\nstream = "pump"\n[features]\nheat = "heat"\n'
    )
    works = Works(tmp_path / "jobs", tmp_path / "agent", lambda *_: Broken())
    live, looks = (works.open({"job": "scored", **more}, Connection()) for more in ({}, {"rewind": "looks"}))
    before = Snapshot.from_bytes(looks.snapshot()).life

    with pytest.raises(Stopped):
        live.answers(heats(0, 3))

    assert Snapshot.from_bytes(looks.snapshot()).life != before
