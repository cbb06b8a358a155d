"""Parts whose supervisor was killed live on: the next one takes them over, if they are what it would start."""

from __future__ import annotations

import os
import signal

import pytest

from atipico.engines.embedded import alike, processes
from atipico.engines.embedded.lock import hold
from supervised import left_by_a_killed_supervisor, pids, run_folder, supervisor_of, tiny  # noqa: F401 - a fixture
from waiting import until


def test_a_supervisor_takes_over_the_parts_of_one_that_was_killed(run):
    before = left_by_a_killed_supervisor(run, "one", "two")
    (run / "supervisor.json").unlink(missing_ok=True)  # it may have died before it wrote of a part

    with hold(run / "lock", "a supervisor"):  # free although its parts live
        second = supervisor_of(run, tiny("one"), tiny("two"))
        second.adopt()
        for _ in range(5):
            second.tick()

    assert {name: pids(run, name) for name in ("one", "two")} == before


def test_a_part_that_died_while_no_supervisor_ran_is_started(run):
    before = left_by_a_killed_supervisor(run, "one", "two")
    os.kill(before["one"][0], signal.SIGKILL)
    until(lambda: not pids(run, "one"))

    second = supervisor_of(run, tiny("one"), tiny("two"))
    second.adopt()
    until(lambda: pids(run, "one"), second.tick)

    assert pids(run, "one") != before["one"]
    assert pids(run, "two") == before["two"]


def test_a_part_that_is_taken_over_and_ends_later_is_started_again(run):
    before = left_by_a_killed_supervisor(run, "one")
    second = supervisor_of(run, tiny("one"))
    second.adopt()

    os.kill(before["one"][0], signal.SIGKILL)

    until(lambda: pids(run, "one") not in (before["one"], []), second.tick)


def another_setting(run, monkeypatch):
    monkeypatch.setenv("ATIPICO_ONE_PORT", "1234")
    return tiny("one")


def another_word(run, monkeypatch):
    return tiny("one", words=("--rate", "7"))


def a_file_that_changed(run, monkeypatch):
    (run / "jobs").mkdir()
    (run / "jobs" / "one.toml").write_text("model = 1")
    return tiny("one", reads=(run / "jobs",))


def another_version(run, monkeypatch):
    monkeypatch.setattr(alike, "PACKAGE", run)
    (run / "new.py").touch()
    return tiny("one")


@pytest.mark.parametrize("change", [another_setting, another_word, a_file_that_changed, another_version])
def test_a_part_that_is_not_what_would_be_started_now_is_replaced(run, monkeypatch, change):
    before = left_by_a_killed_supervisor(run, "one")
    second = supervisor_of(run, change(run, monkeypatch))

    second.adopt()
    until(lambda: pids(run, "one"), second.tick)

    assert before["one"][0] not in pids(run, "one")
    assert len(pids(run, "one")) == 1


def test_of_twins_one_is_taken_over_and_the_other_ended(run):
    left_by_a_killed_supervisor(run, "one")
    supervisor_of(run, tiny("one")).tick()  # it did not look who lives
    twins = until(lambda: len(pids(run, "one")) == 2 and pids(run, "one"))

    second = supervisor_of(run, tiny("one"))
    second.adopt()
    second.tick()

    assert pids(run, "one") == twins[:1]


def test_a_part_that_is_no_longer_wanted_is_ended(run):
    left_by_a_killed_supervisor(run, "one", "lab")

    supervisor_of(run, tiny("one")).adopt()

    assert list(processes.running(run)) == ["one"]


def test_control_a_supervisor_that_does_not_take_over_starts_twins(run):
    first = supervisor_of(run, tiny("one"))
    first.tick()
    until(lambda: pids(run, "one"))

    second = supervisor_of(run, tiny("one"))
    second.tick()

    until(lambda: len(pids(run, "one")) == 2)


def test_the_restarts_of_a_killed_supervisor_and_of_its_parts_are_remembered(run):
    first = supervisor_of(run, tiny("one"))
    first.kept[0].restarts = 3
    first.tick()

    second = supervisor_of(run, tiny("one"))
    second.adopt()

    assert (second.restarts, second.kept[0].restarts) == (1, 3)
