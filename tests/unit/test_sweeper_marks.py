"""Where a job goes back to: marks that know nothing of what was lost, and what is kept of them."""

from __future__ import annotations

import pytest

from atipico.engines.sweeper.marks import Mark, Marks
from atipico.errors import Refused
from marked import marked, snapshot


@pytest.fixture
def marks(tmp_path) -> Marks:
    return marked(tmp_path)


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
