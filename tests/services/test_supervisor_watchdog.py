"""A part that lives and does nothing any more: the supervisor ends it and starts it again, and nobody else."""

from __future__ import annotations

import itertools
import os
import signal
import time
from types import SimpleNamespace

import pytest

from atipico import heartbeat
from atipico.engines.embedded import state
from atipico.engines.embedded import supervisor as module
from atipico.engines.embedded.settings import Hang
from atipico.engines.embedded.silence import Silence
from supervised import BEATS, left_by_a_killed_supervisor, pids, run_folder, supervisor_of, tiny  # noqa: F401 - a fixture
from waiting import until


def beaten(run, name="one"):
    return (run / "parts" / f"{name}.json").exists()


def test_a_part_that_hangs_is_killed_and_started_again_and_its_neighbour_stays(run, capfd):
    supervisor, beat = supervisor_of(run, tiny("one", BEATS), tiny("two"), hang=Hang(after=0.5)), run / "parts/two.json"

    def tick() -> None:
        """Two has always just beaten, also where the machine has no time for it."""
        beat.parent.mkdir(exist_ok=True)
        beat.touch()
        supervisor.tick()

    until(lambda: beaten(run, "one"), tick)
    [one], [two] = pids(run, "one"), pids(run, "two")

    os.kill(one, signal.SIGSTOP)
    until(lambda: pids(run, "one") not in ([one], []), tick)

    assert pids(run, "two") == [two]
    parts = state.read(run)["parts"]
    assert (parts["one"]["restarts"], parts["two"]["restarts"]) == (1, 0)
    assert "a part hangs and is killed" in "".join(capfd.readouterr())


def test_control_without_the_watchdog_a_part_that_hangs_stays(run):
    supervisor = supervisor_of(run, tiny("one", BEATS), hang=Hang(after=0))
    until(lambda: beaten(run), supervisor.tick)
    [one], kept = pids(run, "one"), supervisor.kept[0]

    os.kill(one, signal.SIGSTOP)
    until(lambda: kept.silence.seconds > 1.0, supervisor.tick)

    assert pids(run, "one") == [one]


def test_a_part_that_never_gives_a_sign_has_longer_and_is_then_started_again_too(run, monkeypatch):
    seconds = itertools.count(0.0, 0.1)  # by the supervisor's clock
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(seconds), time=time.time))
    supervisor = supervisor_of(run, tiny("one"), hang=Hang(after=0.1, start=0.8))
    until(lambda: pids(run, "one"), supervisor.tick)
    [one], kept = pids(run, "one"), supervisor.kept[0]

    until(lambda: kept.silence.seconds > 0.4, supervisor.tick)
    before = pids(run, "one")
    until(lambda: pids(run, "one") not in ([one], []), supervisor.tick)

    assert before == [one]


def test_a_part_that_hangs_again_and_again_is_started_later_each_time(run):
    supervisor = supervisor_of(run, tiny("one"), hang=Hang(after=0.05, start=0.05))
    [kept] = supervisor.kept

    until(lambda: kept.failures >= 3, supervisor.tick)

    assert supervisor.settings.restart.delay(kept.failures) >= 4 * supervisor.settings.restart.first


def test_a_part_that_was_taken_over_and_hangs_is_started_again(run):
    [one] = left_by_a_killed_supervisor(run, "one")["one"]
    supervisor = supervisor_of(run, tiny("one"), hang=Hang(after=0.3, start=0.3))
    supervisor.adopt()

    os.kill(one, signal.SIGSTOP)

    until(lambda: pids(run, "one") not in ([one], []), supervisor.tick)


def test_time_in_which_the_supervisor_did_not_run_is_nobodys_silence(tmp_path):
    beat, asleep_s = tmp_path / "one.json", 8 * 3600.0
    beat.touch()
    silence = Silence(beat, now=0.0)

    for now in (0.2, 0.4, asleep_s, asleep_s + 0.2):
        silence.look(now)

    assert silence.seconds < 2


def test_control_time_in_which_it_ran_is(tmp_path):
    silence = Silence(tmp_path / "one.json", now=0.0)

    for tick in range(1, 201):
        silence.look(tick / 5)

    assert silence.seconds == pytest.approx(40.0)


def test_a_full_disk_makes_no_part_look_dead(tmp_path, monkeypatch):
    path = tmp_path / "one.json"
    heartbeat.beat(path)
    told, silence = path.read_bytes(), Silence(path, now=0.0)

    def full(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    until(lambda: silence.look(1.0) or silence.ever, lambda: heartbeat.beat(path))

    assert path.read_bytes() == told
    assert silence.seconds == 0
