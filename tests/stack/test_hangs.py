"""Parts that hang, all of them at once: the supervisor notices, and samples get their outcomes again."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Any

from stack.conftest import Stack
from waiting import until

PARTS = ("store", "classifier", "agent", "host", "generator", "page")


def parts(stack: Stack) -> list[tuple[str, dict[str, Any]]]:
    told = stack.status()
    return [(name, told[name]) for name in PARTS]


def test_parts_that_hang_are_started_again_and_scores_go_on(new_stack):
    new_stack.env["ATIPICO_SUPERVISOR_HANG__AFTER"] = "3s"
    new_stack.up()
    before = new_stack.status()

    for part in PARTS:
        os.kill(before[part]["pid"], signal.SIGSTOP)
    stopped = time.time_ns()
    until(lambda: all(row["pid"] not in (None, before[name]["pid"]) for name, row in parts(new_stack)))
    until(lambda: {row["state"] for row in new_stack.status().values()} == {"up"})
    until(lambda: new_stack.scores(f"time > {stopped} AND source = 'payments'"))

    assert all(row["restarts"] >= 1 for _, row in parts(new_stack))
    log = (new_stack.run / "log" / "supervisor.log").read_text()
    told = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert {one["name"] for one in told if one["event"] == "a part hangs and is killed"} == {*PARTS}
