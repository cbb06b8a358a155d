"""The supervisor with tiny parts: what ends comes back, what lives is never started twice, stop leaves nothing."""

from __future__ import annotations

import itertools
import os
import signal
import sys

import psutil
import pytest

from atipico.engines.embedded import processes, state
from atipico.engines.embedded.guard import GUARD, REFUSED, start_guard
from atipico.engines.embedded.lock import hold
from atipico.engines.embedded.parts import Part
from atipico.engines.embedded.settings import Restart, Stop, SupervisorSettings
from atipico.engines.embedded.supervisor import Supervisor
from atipico.errors import Refused
from supervised import LIVES, pids, run_folder, supervisor_of, tiny  # noqa: F401 - a fixture
from waiting import until

ENDS = "import time, sys; open(sys.argv[-2] + '/starts', 'a').write(f'{time.monotonic()}\\n')"
IGNORES_SIGTERM = (
    "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "open(sys.argv[-2] + '/deaf', 'w').close(); time.sleep(600)"
)


def test_a_part_that_is_killed_comes_back_and_its_neighbour_stays(run):
    supervisor = supervisor_of(run, tiny("one"), tiny("two"))
    until(lambda: pids(run, "one") and pids(run, "two"), supervisor.tick)
    [one], [two] = pids(run, "one"), pids(run, "two")

    os.kill(one, signal.SIGKILL)
    until(lambda: pids(run, "one") not in ([one], []), supervisor.tick)

    assert pids(run, "two") == [two]
    parts = state.read(run)["parts"]
    assert (parts["one"]["restarts"], parts["two"]["restarts"]) == (1, 0)


def test_a_part_that_keeps_ending_is_started_later_each_time_and_never_given_up(run):
    restart = Restart(first=0.1, longest=0.4)
    supervisor = supervisor_of(run, tiny("one", ENDS), restart=restart)
    starts = run / "starts"

    until(lambda: starts.exists() and len(starts.read_text().split()) >= 6, supervisor.tick)

    times = [float(line) for line in starts.read_text().split()]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert all(gap >= restart.delay(i + 1) for i, gap in enumerate(gaps))


def test_the_wait_before_a_restart_doubles_up_to_the_longest():
    restart = Restart()

    waits = [restart.delay(failures) for failures in (1, 2, 3, 6, 7, 1000)]

    assert waits == [0.2, 0.4, 0.8, 6.4, 10.0, 10.0]


def test_a_part_that_was_up_for_long_begins_with_the_first_wait_again(run):
    supervisor = supervisor_of(run, tiny("one"), restart=Restart(first=0.05, forgotten_after=0.1))
    [kept] = supervisor.kept
    kept.failures = 7

    until(lambda: kept.failures == 0, supervisor.tick)

    assert kept.state == "up"


def test_a_part_is_up_only_when_its_probe_says_so(run):
    answers = []
    part = Part("one", lambda pid: bool(answers), command=(sys.executable, "-c", LIVES))
    supervisor = supervisor_of(run, part)
    for _ in range(3):
        supervisor.tick()
    before = state.read(run)["parts"]["one"]["state"]

    answers.append("ready")
    supervisor.tick()

    assert (before, state.read(run)["parts"]["one"]["state"]) == ("starting", "up")


def test_stop_ends_all_parts_in_reverse_order_also_one_that_ignores_sigterm(run):
    supervisor = supervisor_of(run, tiny("one"), tiny("two"), tiny("deaf", IGNORES_SIGTERM))
    until(lambda: (run / "deaf").exists() and len(processes.running(run)) == 3, supervisor.tick)

    supervisor.stop()

    assert processes.running(run) == {}
    assert state.read(run)["state"] == "stopped"


def test_parts_of_another_run_folder_are_left_alone(run, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    process = processes.start(processes.marked((sys.executable, "-c", LIVES), other, "one"), other / "log")
    try:
        until(lambda: pids(other, "one"))

        supervisor = supervisor_of(run, tiny("one"))
        supervisor.adopt()

        assert supervisor.kept[0].process is None
    finally:
        processes.stop([process], 1.0)


def test_a_second_supervisor_in_the_same_folder_is_refused(run):
    with hold(run / "lock", "a supervisor"), pytest.raises(Refused, match="a supervisor is at work there already"):
        hold(run / "lock", "a supervisor")


@pytest.mark.parametrize("code", [0, REFUSED])
def test_the_guard_starts_a_supervisor_again_until_it_ends_by_itself(run, code):
    script = (
        "import os, signal, sys; file = open(sys.argv[2] + '/starts', 'a+'); file.write('x'); file.seek(0);"
        f"sys.exit({code}) if len(file.read()) == 2 else (file.close(), os.kill(os.getpid(), signal.SIGKILL))"
    )

    guard = start_guard(run, (sys.executable, "-c", script))

    assert guard.wait(20) == code
    assert (run / "starts").read_text() == "xx"


def test_a_supervisor_whose_guard_is_gone_says_so_and_keeps_on(run, capfd):
    guard = processes.start(processes.marked((sys.executable, "-c", LIVES), run, GUARD), run / "log" / "guard.log")
    supervisor = supervisor_of(run, tiny("one"))
    supervisor.guard = guard
    supervisor.tick()

    guard.kill()
    until(lambda: supervisor.guard is None, supervisor.tick)

    assert "the guard is gone" in "".join(capfd.readouterr())
    assert psutil.pid_exists(*pids(run, "one"))


def test_a_log_that_grew_too_large_is_cut_while_its_part_writes(run):
    settings = SupervisorSettings(log={"most": "64KiB"}, stop=Stop(grace=1.0))
    talks = "import time\nwhile True: print('x' * 1023, flush=True); time.sleep(0.001)"
    supervisor = Supervisor(run, [tiny("one", talks)], settings, {})
    log = run / "log" / "one.log"

    until(lambda: log.with_name("one.log.1").exists(), supervisor.tick)

    until(lambda: 0 < log.stat().st_size < 2 * 64 * 2**10, supervisor.tick)
    supervisor.stop()
