"""A stack whose supervisor and guard were killed goes on alone; the next `up` takes it over, `down` ends it."""

from __future__ import annotations

import json
import os
import re
import signal
import time

from stack.conftest import Stack
from waiting import until

PARTS = ("store", "classifier", "agent", "host", "generator", "page")


def kill(stack: Stack, *names: str) -> None:
    """End the processes of these names with no warning, in this order."""
    for name in names:
        pids = [process.pid for process in stack.running().get(name, [])]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        until(lambda name=name, pids=pids: not {one.pid for one in stack.running().get(name, [])} & {*pids})


def pids(stack: Stack) -> dict[str, int]:
    """The one process of each part."""
    found = {name: several for name, several in stack.running().items() if name in PARTS}
    assert all(len(several) == 1 for several in found.values()), found
    return {name: several[0].pid for name, several in found.items()}


def scored(stack: Stack) -> None:
    since = time.time_ns()
    until(lambda: stack.scores(f"time > {since} AND source = 'payments'"))


def test_the_next_up_takes_over_what_lives_starts_what_died_and_replaces_what_is_other(new_stack):
    new_stack.up()
    before = pids(new_stack)

    kill(new_stack, "guard", "supervisor")
    scored(new_stack)  # nobody is needed for that
    kill(new_stack, "agent")
    new_stack.up()
    adopted = pids(new_stack)
    scored(new_stack)

    assert {name for name in PARTS if adopted[name] != before[name]} == {"agent"}
    assert {row["state"] for row in new_stack.status().values()} == {"up"}

    kill(new_stack, "guard", "supervisor")
    new_stack.up("--rate", "50")
    replaced = pids(new_stack)

    assert {name for name in PARTS if replaced[name] != adopted[name]} == {"generator"}


def test_down_ends_parts_that_go_on_alone_and_tells_what_they_left(new_stack):
    new_stack.up()
    kill(new_stack, "guard", "supervisor", "store")
    spooled = new_stack.run / "parts" / "generator.json"
    until(lambda: json.loads(spooled.read_bytes())["values"]['atipico_backlog{what="spool_samples"}'] > 20)

    done = new_stack.atipico("down")

    assert done.returncode == 0
    assert all(part in done.stdout.splitlines()[0] for part in PARTS if part != "store")
    assert re.search(r"^generator +left \d+ samples in the spool, for the next start$", done.stdout, re.MULTILINE)
    assert not new_stack.processes()
