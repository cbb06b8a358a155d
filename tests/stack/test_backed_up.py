"""A backup of a stack under load, restored elsewhere: the same samples, the same outcomes, and the stream goes on."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from stack.checker import settled
from stack.conftest import Stack
from stack.test_lossless import follows, wait_until

JOB = "payments"


@pytest.fixture
def elsewhere():
    """Another run folder on other ports."""
    stack = Stack()
    yield stack
    stack.close()


@pytest.mark.timeout(300)  # two stacks come up and go, which takes 95 s where ten want each of two cores
def test_a_backup_under_load_goes_on_elsewhere_with_every_outcome_and_no_id_twice(new_stack, elsewhere, tmp_path):
    new_stack.up("--rate", "200")
    wait_until(lambda: new_stack.scores() > 1000)
    accepted = time.time_ns() - 10**9
    backup = str(tmp_path / "b.tar.gz")
    done = new_stack.atipico("backup", backup)
    assert done.returncode == 0, done.stderr
    taken = time.time_ns()
    wait_until(lambda: new_stack.scores(f"time > {taken}") > 100)
    before = settled(new_stack, JOB, accepted)
    undisturbed = new_stack.outcomes(JOB)
    new_stack.atipico("down")

    done = elsewhere.atipico("restore", backup)
    assert done.returncode == 0, done.stderr
    elsewhere.up("--rate", "200")
    began = time.time_ns()
    wait_until(lambda: elsewhere.scores(f"time > {began}") > 200)
    after = settled(elsewhere, JOB, time.time_ns() - 10**9)
    outcomes = elsewhere.outcomes(JOB)

    assert not before.lost
    assert not after.lost
    assert not after.strange
    assert after.ids[: len(before.ids)] == before.ids
    kept = [at for at in undisturbed if at in outcomes and at < taken]
    assert len(kept) >= len(before.ids)
    assert [at for at in kept if outcomes[at].score != pytest.approx(undisturbed[at].score, abs=1e-6)] == []
    assert [at for at in kept if outcomes[at].anomalous != undisturbed[at].anomalous] == []
    assert not [pair for pair in pairwise(after.ids) if not follows(*pair)], "a sample was made twice or never"
