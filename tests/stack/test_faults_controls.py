"""With a protection switched off the checker must see what it protects from; and with it, nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator

import pytest

from atipico.sources import make
from atipico.stream.ledger import Ledger
from atipico.wire.lines import write
from atipico.wire.sample import Sample
from stack.faults.chain import Chain, Running
from stack.faults.http_proxy import Fault, wait_done
from stack.faults.table import TABLE
from stack.faults.undisturbed import options
from stack.faults.verdict import Verdict
from waiting import until

SEED = 7
pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(sys.platform != "linux", reason="full disks and stopped parts are made with Linux's means"),
]
BUSY = Fault("busy", lambda line: line.startswith((b"POST /write", b"POST /api/v2/write")))


@pytest.fixture(scope="module")
def chain() -> Iterator[Chain]:
    chain = Chain(SEED)
    try:
        chain.up("--rate", "1")
        yield chain
    finally:
        chain.close()


def healed(chain: Chain, stream: Running) -> Verdict:
    """All of a stream up to a second from now, once more shows: what is lost is told by what comes behind it."""
    upto = time.time_ns() + 10**9
    until(lambda: chain.visible(stream, upto))
    return chain.judged(stream, upto)


def switched(chain: Chain, stream: Running, part: str, patch: str | None) -> None:
    """Have a part run so, once there is a checkpoint to go on from; wait until something was scored since."""
    until(lambda: Ledger(chain.run / "host" / f"{stream.name}.json").newest().snapshot)
    chain.switch(part, patch)
    a_second_on = time.time_ns() + 10**9
    until(lambda: chain.visible(stream, a_second_on))


def disturbed(chain: Chain, stream: Running, part: str, patch: str | None, fault: Callable[[Chain], None]) -> Verdict:
    """What comes of a fault while a part runs so."""
    try:
        switched(chain, stream, part, patch)
        fault(chain)
        return healed(chain, stream)
    finally:
        chain.switch(part, None)


def killed_while_the_store_is_busy(chain: Chain) -> None:
    chain.write_proxy.set(BUSY)
    wait_done(chain.write_proxy, 3, 30.0)
    chain.restart("generator")
    chain.write_proxy.set(None)


def outcomes_meet_a_busy_store(chain: Chain) -> None:
    chain.log_proxy.set(BUSY)
    wait_done(chain.log_proxy, 3, 30.0)
    chain.log_proxy.set(None)


CONTROLS: list[tuple[str, str, str, Callable[[Chain], None], set[str]]] = [
    ("spool off", "generator", "spool_off", killed_while_the_store_is_busy, {"lost"}),
    ("log not fsynced", "store", "fsync_off", Chain.power_cut, {"lost"}),
    ("checkpoint off", "agent", "checkpoint_off", lambda chain: chain.restart("agent"), {"changed"}),
    ("outcomes stamped now", "host", "stamped_now", lambda chain: chain.restart("host"), {"lost", "repeated"}),
    ("rewind off", "host", "rewind_off", lambda chain: chain.restart("host"), {"lost"}),
    ("retry off", "host", "retry_off", outcomes_meet_a_busy_store, {"lost"}),
]


@pytest.mark.parametrize(("what", "part", "patch", "fault", "sees"), CONTROLS, ids=[one[0] for one in CONTROLS])
def test_the_checker_sees_it_when_a_protection_is_off(chain, what, part, patch, fault, sees):
    stream = chain.begin(patch, SEED)
    whole = healed(chain, stream)
    found = disturbed(chain, stream, part, patch, fault)

    print(f"{what}: {found}")
    TABLE.controls.append((what, str(found)))
    assert whole.clean, f"before anything was switched off: {whole}"
    assert {name for name in ("lost", "repeated", "changed") if getattr(found, name)} >= sees, str(found)


@pytest.mark.parametrize(
    ("part", "patch", "fault"),
    [("store", "synced_lengths", Chain.power_cut), ("generator", None, killed_while_the_store_is_busy)],
    ids=["power cut", "killed while the store is busy"],
)
def test_the_same_with_the_protection_on_costs_nothing(chain, part, patch, fault):
    found = disturbed(chain, chain.begin(f"on_{part}", SEED), part, patch, fault)

    assert found.clean, str(found)


@pytest.mark.parametrize("patch", [None, "late_off"], ids=["goes back", "does not"])
def test_a_second_writer_that_is_late_changes_nothing_unless_nobody_goes_back(chain, patch):
    name = f"late_{'off' if patch else 'on'}"
    chain.switch("host", patch)
    try:
        stream = chain.job(name, SEED, 'allowed_late = "1h"')
        last = written_by_two(chain, name, 1500)
        until(lambda: chain.visible(stream, last - 1500) == 1500)
        found = in_the_end(chain, stream, last, within_s=3 if patch else 30)
    finally:
        chain.switch("host", None)

    print(f"a late writer, {patch}: {found}")
    assert found.tried == 1500
    if patch is None:
        assert found.clean, str(found)
    else:
        TABLE.controls.append(("going back for what is late off", str(found)))
        assert found.changed
        assert not found.lost


def written_by_two(chain: Chain, name: str, samples: int) -> int:
    """Write a world's samples in their order, but every fifth 20 of its minutes later. Returns the newest time, ns.

    Its labels are left out: none is due in its first days.
    """
    batch, start = make("payments", **options(SEED)).read({}, samples), time.time_ns()
    order = sorted(
        range(samples), key=lambda row: batch.rows[row][1]["event_time"] + (0 if row % 5 else 20 * 60 * 10**9)
    )
    for at in range(0, samples, 10):
        some = [Sample(name, *batch.rows[row], start + row) for row in order[at : at + 10]]
        chain.write(write(some))
    return start + samples - 1


def in_the_end(chain: Chain, stream: Running, last: int, within_s: float) -> Verdict:
    """What is found once it is clean, or does not get cleaner any more."""
    deadline = time.monotonic() + within_s
    while True:
        found = chain.judged(stream, last + 1, anew=True)
        if found.clean or time.monotonic() > deadline:
            return found
        time.sleep(0.3)
