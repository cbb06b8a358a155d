"""What stands still is told, and for how long; what only takes long, or waits for others, is not."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from atipico import at_work as module
from atipico.at_work import Watch, at_work, waiting
from waiting import until

SERVICES = Path(__file__).parents[2] / "services"
reckoned = [0.0]  # s of processor time, by the thread that does
linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only the whole process's time is known")


@contextlib.contextmanager
def thread_at(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """A thread is at some work; it is over when its event is set."""
    over, begun = threading.Event(), threading.Event()

    def run() -> None:
        with at_work("some work"):
            begun.set()
            work(over)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    begun.wait()
    try:
        yield
    finally:
        over.set()
        thread.join()


def blocked(over: threading.Event) -> None:
    over.wait()


def polling(over: threading.Event) -> None:
    while not over.wait(0.05):
        pass


def reckoning(over: threading.Event) -> None:
    while not over.is_set():
        hashlib.pbkdf2_hmac("sha256", b"", b"", 5000)
        reckoned[0] = time.thread_time()


def waiting_for_others(over: threading.Event) -> None:
    with waiting():
        over.wait()


def coming_round(over: threading.Event) -> None:
    while not over.is_set():
        with waiting():
            over.wait(0.001)


def still_for(seconds: int, watch: Watch | None = None, since: int = 0, reckons: bool = False) -> float:
    """For how long something is told to have stood still after that many looks, one a second as it is told."""
    watch, told = watch or Watch(0.0), 0.0
    for second in range(since + 1, since + seconds + 1):
        pause(reckons)
        told = one.seconds if (one := watch.look(second)) else 0.0
    return told


def pause(reckons: bool) -> None:
    """A moment; where a thread reckons, until it has used processor time that the system counts."""
    before = reckoned[0]
    threading.Event().wait(0.06)
    until(lambda: not reckons or not before <= reckoned[0] < before + 0.04)


@pytest.mark.parametrize("work", [blocked, polling])
def test_work_that_stands_still_is_told_with_how_long(work, monkeypatch):
    if work is polling:  # which may just be awake when it is looked at
        used = module._used
        monkeypatch.setattr(module, "_used", lambda thread: ("S", used(thread)[1]))
    with thread_at(work):
        watch = Watch(0.0)
        told = still_for(9, watch)
        one = watch.look(10.0)

    assert told == 8.0  # it began before the first look, nobody knows how long
    assert one is not None
    assert one.what == "some work"


@linux
@pytest.mark.parametrize("work", [reckoning, waiting_for_others, coming_round])
def test_work_that_takes_long_or_waits_for_others_or_comes_round_does_not_stand_still(work):
    with thread_at(work):
        assert still_for(9, reckons=work is reckoning) == 0.0


@linux
def test_while_one_works_for_long_whoever_waits_for_it_does_not_stand_still_but_then_does():
    watch = Watch(0.0)
    with thread_at(blocked):
        before = still_for(5, watch)
        with thread_at(reckoning):
            beside = still_for(5, watch, since=5, reckons=True)
        after = still_for(3, watch, since=10)

    assert before == 4.0
    assert beside <= before + 1.0  # the look that finds the other one new
    assert after == beside + 3.0


def test_time_in_which_the_process_did_not_run_does_not_count():
    with thread_at(blocked):
        watch = Watch(0.0)
        still_for(2, watch)

        one = watch.look(8 * 3600.0)

    assert one is not None
    assert one.seconds == 3.0  # a second, and two of the hours


def test_nothing_is_left_of_work_that_is_over_also_where_it_failed():
    with contextlib.suppress(KeyError), at_work("outer"), at_work("inner"):
        raise KeyError

    assert threading.get_native_id() not in module._rounds


def test_a_thread_that_ended_in_its_work_is_no_matter():
    module._rounds[-1] = module.Round("of a thread that is gone", -1)
    try:
        told = still_for(3)
    finally:
        del module._rounds[-1]

    assert told == 0.0 or sys.platform != "linux"


PART = """
import sys, threading, time
from atipico.at_work import at_work, waiting
from atipico.heartbeat import start_beating
lock = threading.Lock()
start_beating("one", every_s=0.05)
def dead_lock():
    with lock, at_work("a dead lock"), lock: pass
def long_wait():
    with at_work("a long wait"), waiting(): time.sleep(600)
print("begins", flush=True)
globals()[sys.argv[1]]()
"""


@pytest.fixture
def part(tmp_path):
    """Starts a process that beats and then does one thing for ever."""
    started: list[subprocess.Popen[str]] = []

    def start(what: str, most: str) -> subprocess.Popen[str]:
        told = {"ATIPICO_RUN": str(tmp_path), "ATIPICO_STILL": most, "PYTHONPATH": str(SERVICES)}
        command = [sys.executable, "-c", PART, what]
        started.append(
            subprocess.Popen(
                command, env={**os.environ, **told}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
        )
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.communicate()


def test_a_process_whose_work_stands_still_ends_and_says_where(part):
    process = part("dead_lock", "300ms")
    said, _ = process.communicate(timeout=60)

    assert process.returncode == 75
    assert "work stands still" in said
    assert "a dead lock" in said
    assert "in dead_lock" in said  # the stacks of its threads


@pytest.mark.parametrize(("what", "most"), [("long_wait", "100ms"), ("dead_lock", "0s")])
def test_a_process_that_waits_or_whose_watch_is_off_goes_on(part, tmp_path, what, most):
    process = part(what, most)
    beat = tmp_path / "parts" / "one.json"
    until(beat.exists)

    times: set[int] = set()
    until(lambda: times.add(beat.stat().st_mtime_ns) or len(times) > 20)

    assert process.poll() is None


def test_the_stacks_of_a_part_are_told_when_they_are_asked_for(part, tmp_path):
    process = part("long_wait", "60s")
    until((tmp_path / "parts" / "one.json").exists)

    until(lambda: "in long_wait" in process.stdout.readline(), lambda: process.send_signal(signal.SIGUSR1))
