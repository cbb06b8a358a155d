"""Under 200 samples/s any part may be killed: no accepted sample is without its one outcome."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from urllib.request import urlopen

import pytest

from stack.checker import compare, settled
from stack.conftest import Stack

PARTS = ["host", "agent", "classifier", "store", "generator", "supervisor"]

PAYMENTS = "\"atipico_job\" = 'payments'"

pytestmark = pytest.mark.parametrize("stack", [("--rate", "200")], indirect=True)


def wait_until(true: Callable[[], bool], within_s: float = 40.0) -> None:
    """Until it is true; a store that is just coming back counts as not yet."""
    deadline = time.monotonic() + within_s
    while True:
        with suppress(OSError):
            if true():
                return
        assert time.monotonic() < deadline, "not within the deadline"
        time.sleep(0.1)


def written_since(stack: Stack, time_ns: int) -> bool:
    """Whether more than a few samples later than that are in the store, all without an outcome."""
    samples = stack.query(f'SELECT count("amount") FROM "payments" WHERE time > {time_ns}')
    return bool(samples) and samples[0]["values"][0][1] > 100 and not stack.scores(f"time > {time_ns} AND {PAYMENTS}")


def follows(one: int, other: int) -> bool:
    """Whether a payment's id is the next one: counted within a day, days of 10**7 ids each."""
    return other == one + 1 or other == (one // 10**7 + 1) * 10**7


def log_end(stack: Stack) -> int:
    with urlopen(f"{stack.url('store')}/log?db=atipico&measurement=payments&offset=first&limit=1&wait=0") as answer:
        return int(answer.headers["X-Atipico-End"])


@pytest.mark.parametrize("part", PARTS)
def test_a_killed_part_comes_back_and_every_sample_has_its_one_outcome(stack, part):
    before = stack.scores()
    wait_until(lambda: stack.scores() > before + 200)

    dead = stack.kill(part)
    wait_until(lambda: (stack.status().get(part) or {}).get("pid") not in (None, dead))
    again = time.time_ns()
    wait_until(lambda: stack.scores(f"time > {again}") > 200)
    found = settled(stack, "payments", time.time_ns() - 10**9)

    assert not found.lost
    assert not found.strange
    assert not found.unscored
    assert not [pair for pair in pairwise(found.ids) if not follows(*pair)], "a sample was made twice or never"


def test_the_control_a_host_whose_mark_runs_ahead_of_its_outcomes_is_seen_to_lose(stack):
    ledger = stack.run / "host" / "payments.json"
    dead = int(stack.status()["host"]["pid"])
    os.kill(dead, signal.SIGSTOP)
    first = time.time_ns()
    wait_until(lambda: written_since(stack, first + 10**9))  # what came before that may have been on its way

    told = json.loads(ledger.read_bytes())
    told["marks"][-1][0], skipped = log_end(stack), time.time_ns()
    ledger.write_text(json.dumps(told))
    os.kill(dead, signal.SIGKILL)
    wait_until(lambda: stack.status()["host"]["pid"] not in (None, dead))
    wait_until(lambda: stack.scores(f"time > {skipped} AND {PAYMENTS}") > 100)
    found = compare(stack, "payments", skipped)

    assert found.lost, "the checker is blind: samples were skipped and it saw none"
