"""The stack as a whole: one command brings it up, whatever is killed comes back, one command takes it away."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

from waiting import until

PARTS = ("supervisor", "store", "classifier", "agent", "host", "generator", "page")


def test_up_returns_when_the_first_score_can_be_read(stack):
    assert stack.scores() > 0


def test_scores_of_both_jobs_keep_coming(stack):
    since = time.time_ns()

    for source in ("payments", "machine"):
        until(lambda source=source: stack.scores(f"time > {since} AND source = '{source}'"))


def test_status_has_every_part_with_its_process_and_counts(stack):
    until(lambda: stack.status()["host"]["samples_out"])

    status = stack.status()

    assert list(status) == list(PARTS)
    assert {row["state"] for row in status.values()} == {"up"}
    assert {row["lost"] for name, row in status.items() if name != "supervisor"} == {0}
    assert all(row["memory_bytes"] > 0 for row in status.values())
    assert all(os.path.exists(f"/proc/{row['pid']}") or not os.path.isdir("/proc") for row in status.values())


def test_all_parts_together_take_less_than_700_mb(stack):
    assert sum(row["memory_bytes"] for row in stack.status().values()) < 700e6


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_killed_comes_back_and_scores_go_on(stack, part):
    before = until(lambda: (row := stack.status()[part])["state"] == "up" and row)
    others = {name: row["pid"] for name, row in stack.status().items() if name != part}

    os.kill(before["pid"], signal.SIGKILL)
    killed = time.time_ns()
    after = until(lambda: (row := stack.status()[part])["pid"] != before["pid"] and row["state"] == "up" and row)

    until(lambda: stack.scores(f"time > {killed} AND source = 'payments'"))
    assert after["restarts"] == before["restarts"] + 1
    assert {name: row["pid"] for name, row in stack.status().items() if name != part} == others


def test_a_second_up_is_refused_and_disturbs_nothing(stack):
    before = {process.pid for process in stack.processes()}

    done = stack.atipico("up")

    assert done.returncode == 1
    assert stack.url("store") in done.stderr
    assert {process.pid for process in stack.processes()} == before


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl")
def test_the_line_that_up_prints_shows_scores(new_stack):
    told = new_stack.up()
    [line] = [line.removeprefix("scores").strip() for line in told.splitlines() if line.startswith("scores")]

    shown = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=60, check=True).stdout

    assert '"scores"' in shown
    assert "payments@" in shown or "machine@" in shown


def test_down_leaves_no_process_no_port_and_no_socket(new_stack):
    new_stack.up()

    done = new_stack.atipico("down")

    assert done.returncode == 0
    assert not new_stack.processes()
    for port in new_stack.ports.values():
        with socket.socket() as client:
            assert client.connect_ex(("127.0.0.1", port)) != 0
    assert not list(new_stack.run.rglob("*.sock"))


def test_up_that_is_interrupted_leaves_nothing_half_started(new_stack):
    up = subprocess.Popen([sys.executable, "-m", "atipico.cli", "up"], env=new_stack.env, stderr=subprocess.PIPE)
    until(lambda: len(new_stack.processes()) > 2)

    up.send_signal(signal.SIGINT)
    up.communicate(timeout=60)

    assert up.returncode != 0
    assert not new_stack.processes()
