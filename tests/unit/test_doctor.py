"""The doctor sees each fault there is, names its cure, and sees none where there is none."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from atipico.engines.doctor import machine, stack, told
from atipico.engines.doctor.packages import packages
from atipico.engines.doctor.trip import HOPS, Trip
from running_store import free_port

SERVICES = Path(__file__).parents[2] / "services"


@pytest.fixture
def env(tmp_path):
    """Nothing runs here, and all ports are free."""
    served = {f"ATIPICO_{part}_PORT": str(free_port()) for part in ("STORE", "CLASSIFIER", "PAGE", "LAB")}
    quiet = {f"ATIPICO_{part}_METRICS_PORT": "0" for part in ("AGENT", "HOST", "GENERATOR", "SUPERVISOR")}
    return {**os.environ, **served, **quiet, "ATIPICO_RUN": str(tmp_path / "run"), "PYTHONPATH": str(SERVICES)}


def doctor(env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "atipico.cli", "doctor", *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_where_nothing_runs_and_nothing_is_wrong_the_doctor_ends_with_0(env):
    done = doctor(env, "--json")

    told = json.loads(done.stdout)
    assert (done.returncode, told["ok"]) == (0, True), done.stdout
    assert {"Python", "packages", "disk", "run folder", "clock", "parts"} <= {f["name"] for f in told["findings"]}


def test_a_port_that_another_program_has_is_a_fault_with_its_cure(env):
    with socket.create_server(("127.0.0.1", int(env["ATIPICO_STORE_PORT"]))):
        done = doctor(env)

    assert done.returncode == 1
    assert f"✗ port {env['ATIPICO_STORE_PORT']}" in done.stdout
    assert "set ATIPICO_STORE_PORT to a free port" in done.stdout
    assert "\x1b[" not in done.stdout


def test_a_metrics_port_that_is_taken_is_a_warning_only(env):
    with socket.create_server(("127.0.0.1", 0)) as server:
        env["ATIPICO_AGENT_METRICS_PORT"] = str(server.getsockname()[1])
        done = doctor(env)

    assert done.returncode == 0
    assert "ATIPICO_AGENT_METRICS_PORT" in done.stdout


def test_a_token_that_others_can_read_is_a_fault_with_its_cure(tmp_path):
    (tmp_path / "token").write_text("x")
    (tmp_path / "token").chmod(0o644)

    found = machine.folder(tmp_path)
    (tmp_path / "token").chmod(0o600)

    assert (found.state, found.cure) == ("fault", f"chmod 600 {tmp_path / 'token'}")
    assert machine.folder(tmp_path).state == "ok"


def test_a_clock_that_jumps_while_it_is_watched_is_a_fault():
    wall = iter([time.time(), time.time() + 3.0])

    assert machine.clock(wall=lambda: next(wall)).state == "fault"
    assert machine.clock().state == "ok"


def test_a_machine_that_is_busy_while_its_clock_is_watched_is_none_whose_clock_jumps():
    now = time.time()
    wall, steady = iter([now, now + 0.2]), iter([0.0, 1.0, 1.2, 3.0])  # held up beside each look at the wall's

    assert machine.clock(wall=lambda: next(wall), steady=lambda: next(steady)).state == "ok"


def test_a_clock_behind_the_files_of_the_package_is_told():
    assert machine.clock(wall=lambda: time.time() - 20 * 365 * 86400).state == "warning"


def test_a_disk_without_room_is_a_fault(tmp_path, monkeypatch):
    monkeypatch.setenv("ATIPICO_SUPERVISOR_UP__FREE", "1000000GiB")

    assert machine.disk(tmp_path).state == "fault"


def test_a_package_that_is_not_the_pinned_one_is_told_with_both_versions(tmp_path):
    pins = tmp_path / "requirements.txt"
    pins.write_text("numpy==0.0.1\nabsent==3 ; sys_platform == 'win32'\n")

    found = packages(pins)

    assert found.state == "warning"
    assert "(tested with 0.0.1)" in found.told
    assert "absent" not in found.told


def test_a_package_that_is_too_old_or_missing_is_a_fault(tmp_path):
    found = packages(tmp_path / "none", ["numpy>=999", "absent-thing>=1"])

    assert found.state == "fault"
    assert "is older than 999; absent-thing is missing" in found.told


def row(**changed: object) -> dict[str, object]:
    return {"name": "host", "state": "up", "restarts": 0, "lost": 0, "lag_s": 0.1, "pid": 7} | changed


@pytest.mark.parametrize(
    ("changed", "state"),
    [({}, "ok"), ({"state": "backoff"}, "fault"), ({"lost": 3}, "fault"), ({"lag_s": 99.0}, "warning")],
)
def test_a_part_is_judged_by_its_state_its_losses_and_its_lag(changed, state):
    [found] = stack.parts([row(**changed)])

    assert found.state == state
    assert bool(found.cure) == (state != "ok")


@pytest.mark.parametrize("missing", HOPS)
def test_the_first_hop_that_was_not_made_says_where_to_look(missing):
    made = HOPS[: HOPS.index(missing)]

    found = told(Trip({hop: 10.0 * at for at, hop in enumerate(made, 1)}))

    assert found.state == "fault"
    assert f"then not {missing}" in found.told
    assert "atipico logs" in found.cure


def test_a_whole_trip_tells_each_hops_own_time():
    found = told(Trip({"accepted": 5.0, "in the log": 4.0, "scored": 20.0, "visible": 21.5}))

    assert found.state == "ok"
    assert found.told == "accepted 5.0 ms, in the log 0.0 ms, scored 15.0 ms, visible 1.5 ms: 21.5 ms in all"
