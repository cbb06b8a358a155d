"""Every fault done to every part of a running stack: nothing is lost, nothing is there twice, no outcome is another.

ATIPICO_FAULTS_SEED chooses the stream and the details of each fault, ATIPICO_FAULTS how many come in sequence.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from itertools import islice

import pytest

from stack.faults.cells import FAULTS, all_cells, sequence
from stack.faults.chain import PARTS, Chain, Running
from stack.faults.table import TABLE
from stack.faults.trial import tried

SEED = int(os.environ.get("ATIPICO_FAULTS_SEED", "1"))
IN_SEQUENCE = int(os.environ.get("ATIPICO_FAULTS", "100"))
AGAIN = f"again: ATIPICO_FAULTS_SEED={SEED} ./test.sh tests/stack/test_faults.py"
# What takes long is done to two parts at once where neither hides the other's fault.
LATE = [("generator", "agent"), ("store", "supervisor"), ("host",), ("classifier",)]

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform != "linux", reason="full disks and stopped parts are made with Linux's means"),
]


@pytest.fixture(scope="module")
def chain() -> Iterator[Chain]:
    chain = Chain(SEED)
    try:
        chain.up("--rate", "1")
        chain.switch("agent", "few_awake")
        yield chain
    finally:
        chain.close()


@pytest.fixture(scope="module")
def stream(chain) -> Running:
    return chain.begin("paid", SEED)


def test_the_matrix_has_every_fault_for_every_part():
    assert len(all_cells()) == len(FAULTS) * len(PARTS) == 42
    assert sorted(part for parts in LATE for part in parts) == sorted(PARTS)


@pytest.mark.parametrize(("part", "fault"), [cell for cell in all_cells() if cell[1] != "late"])
def test_a_fault_loses_nothing_repeats_nothing_and_changes_nothing(chain, stream, part, fault):
    trial = tried(chain, stream, [(part, fault)], SEED, TABLE)

    print(trial)
    assert trial.verdict.clean, f"{trial}\n{AGAIN} -k '{fault} and {part}'"


@pytest.mark.parametrize("parts", LATE, ids=" and ".join)
def test_answers_after_30_s_lose_nothing_repeat_nothing_and_change_nothing(chain, stream, parts):
    trial = tried(chain, stream, [(part, "late") for part in parts], SEED, TABLE)

    print(trial)
    assert trial.verdict.clean, f"{trial}\n{AGAIN} -k '30_s and {parts[0]}'"


@pytest.mark.timeout(900)
def test_faults_in_sequence_lose_nothing_repeat_nothing_and_change_nothing(chain, stream):
    for number, (cell, lengths) in enumerate(islice(sequence(SEED), IN_SEQUENCE)):
        trial = tried(chain, stream, [cell], (SEED, number), TABLE, lengths)
        print(f"{number}: {trial}")
        assert trial.verdict.clean, f"fault {number}: {trial}\n{AGAIN} -k sequence"


def test_all_outcomes_are_those_of_an_undisturbed_run_to_the_end(chain, stream):
    verdict = chain.judged(stream, time.time_ns() - 10**10, anew=True)

    print(verdict)
    assert verdict.tried > 1000
    assert verdict.clean, f"{verdict}\n{AGAIN}"
