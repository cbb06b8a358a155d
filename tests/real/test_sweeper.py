"""The crash contract on the real servers: whatever is killed, stopped or restarted, no outcome is lost or changed."""

from __future__ import annotations

import signal
import time

import pytest

from real_chain import STREAM, Chain
from waiting import until

STOPPED_S = 7.0  # longer than the agent may be silent
WITHIN_S = 30.0
PARTS = ("influxd", "kapacitord", "agent", "classifier", "generator")
AT_REST_NS = 10**9  # the newest samples are on their way


@pytest.fixture(scope="module")
def chain(new_for_all, tmp_path_factory):
    chain = Chain(new_for_all, tmp_path_factory.mktemp("c"))
    try:
        chain.begin()
        yield chain
    finally:
        chain.close()


def kill(chain: Chain, part: str) -> None:
    chain.parts[part].kill()
    chain.parts[part].start()


def restart(chain: Chain, part: str) -> None:
    chain.parts[part].stop()
    chain.parts[part].start()


def stop(chain: Chain, part: str) -> None:
    process = chain.parts[part].process
    process.send_signal(signal.SIGSTOP)
    time.sleep(STOPPED_S)
    process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("fault", [kill, stop, restart])
@pytest.mark.parametrize("part", PARTS)
def test_nothing_is_lost_repeated_or_changed_by_a(chain, part, fault):
    time.sleep(2.0)

    fault(chain, part)
    took = chain.whole(time.time_ns() - AT_REST_NS, WITHIN_S)

    print(f"{fault.__name__} {part}: whole after {took:.1f} s", flush=True)


def test_what_comes_last_has_its_outcome_too(chain):
    chain.kapacitor.kill()  # with outcomes that it did not write yet
    chain.generator.stop()

    chain.kapacitor.start()

    chain.whole(time.time_ns(), WITHIN_S)


def test_without_the_sweeper_the_same_loses_outcomes(new, tmp_path_factory):
    chain = Chain(new, tmp_path_factory.mktemp("c"), sweeper=False)
    try:
        chain.begin()

        kill(chain, "agent")
        until(lambda: chain.kapacitor.look(f"atipico-{STREAM}")["error"])
        chain.apply()
        revived = time.time_ns()
        until(lambda: chain.outcomes(since=revived) > 0)

        assert chain.verdict(revived).lost
    finally:
        chain.close()
