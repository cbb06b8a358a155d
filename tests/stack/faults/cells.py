"""The matrix: what each fault means for each part, done to a running chain. A cell returns what it did when it is over.

A connection belongs to both its parts. The generator's is what it writes; the store's are its answers, to whomever;
the host's are what it says to the agent and the outcomes it writes; the agent's are its answers to the host; the
classifier's are questions and answers both. The supervisor asks its parts whether they are ready: there
something else sits on the port of a part that it starts again.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.error import HTTPError

import psutil

from atipico.engines.embedded import state
from stack.faults import torn, udf_proxy
from stack.faults.chain import PARTS, Chain
from stack.faults.http_proxy import Fault, HttpProxy, Occupant, wait_done
from stack.faults.udf_proxy import TO_AGENT, TO_HOST
from stack.faults.undisturbed import mixed
from waiting import until

Proxy = HttpProxy | udf_proxy.UdfProxy
FAULTS = ("kill", "stop", "cut", "503", "late", "disk full", "torn")


class Lengths(NamedTuple):
    """How long faults last, in seconds. late: how long an answer is held."""

    stop: float = 10.0
    late: float = 30.0
    busy: float = 2.0
    full: float = 3.0

    @classmethod
    def short(cls, rng: random.Random) -> Lengths:
        return cls(rng.uniform(0.2, 1.5), rng.uniform(0.5, 2.0), rng.uniform(0.2, 1.0), rng.uniform(0.3, 1.5))


WHOLE = Lengths()


def do(chain: Chain, stream: str, part: str, fault: str, rng: random.Random, lengths: Lengths = WHOLE) -> str:
    """Do a fault to a part; returns when it is over, with what was done. What heals it has not begun or not ended."""
    return _FAULTS[fault](chain, stream, part, rng, lengths)


def all_cells() -> list[tuple[str, str]]:
    return [(part, fault) for fault in FAULTS for part in PARTS]


def sequence(seed: int) -> Iterator[tuple[tuple[str, str], Lengths]]:
    """Cells in an order of the seed, all of them before any comes again, and how long each lasts; for ever."""
    rng = random.Random(mixed(seed, "sequence"))
    while True:
        cells = all_cells()
        rng.shuffle(cells)
        for cell in cells:
            yield cell, Lengths.short(rng)


# ---------------------------------------------------------------- processes


def kill(chain: Chain, stream: str, part: str, rng: random.Random, lengths: Lengths) -> str:
    return f"pid {chain.end(part)}"


def stop(chain: Chain, stream: str, part: str, rng: random.Random, lengths: Lengths) -> str:
    """A part stands still; nobody else ends of it."""
    others = {other: chain.pid(other) for other in PARTS if other != part}
    process = psutil.Process(chain.pid(part))
    process.suspend()
    try:
        time.sleep(lengths.stop)
        assert process.status() == psutil.STATUS_STOPPED, f"{part} went on by itself"
    finally:
        process.resume()
    assert {other: chain.pid(other) for other in others} == others, f"others ended while {part} stood still"
    return f"{lengths.stop:.1f} s"


# ---------------------------------------------------------------- connections


def cut(chain: Chain, stream: str, part: str, rng: random.Random, lengths: Lengths) -> str:
    times = rng.randint(1, 3)
    if part == "supervisor":
        return _occupied(chain, "classifier", "cut", lengths.busy)
    for proxy, fault in _on_the_way(chain, part, "cut", 0.0):
        with _set(proxy, fault):
            wait_done(proxy, times, 30.0)
    return f"{times} times"


def busy(chain: Chain, stream: str, part: str, rng: random.Random, lengths: Lengths) -> str:
    if part == "supervisor":
        return _occupied(chain, "classifier", "busy", lengths.busy)
    with contextlib.ExitStack() as over:
        hit = [
            proxy for proxy, fault in _on_the_way(chain, part, "busy", 0.0) if over.enter_context(_set(proxy, fault))
        ]
        time.sleep(lengths.busy)
        for proxy in hit:
            wait_done(proxy, 1, 30.0)
        told = ", ".join(str(proxy.done) for proxy in hit)
    return f"{told} times in {lengths.busy:.1f} s"


def late(chain: Chain, stream: str, part: str, rng: random.Random, lengths: Lengths) -> str:
    """Over when the first answer that was held has been let go."""
    if part == "supervisor":
        return _occupied(chain, "page", "late", lengths.late)
    with contextlib.ExitStack() as over:
        hit = [over.enter_context(_set(*one)) for one in _on_the_way(chain, part, "late", lengths.late)]
        for proxy in hit:
            wait_done(proxy, 1, lengths.late + 30.0)
    return f"held for {lengths.late:.1f} s"


def _on_the_way(
    chain: Chain, part: str, what: str, hold_s: float
) -> list[tuple[HttpProxy | udf_proxy.UdfProxy, object]]:
    """The connections of a part, and what befalls them."""
    question = Fault("cut question" if what == "cut" else what, hold_s=hold_s)
    answer = Fault("cut answer" if what == "cut" else what, hold_s=hold_s)
    outcomes = question._replace(befalls=lambda line: line.startswith(b"POST /write"))
    if part == "generator":
        return [(chain.write_proxy, question)]
    if part == "store":
        return [(chain.write_proxy, answer), (chain.log_proxy, answer)]
    if part == "host":
        both = [(chain.log_proxy, outcomes), (chain.udf_proxy, udf_proxy.Fault(what, TO_AGENT, hold_s))]
        return {"cut": both, "busy": both[:1], "late": both[1:]}[what]
    if part == "agent":
        return [(chain.udf_proxy, udf_proxy.Fault(what, TO_HOST, hold_s))]
    both = [(chain.rest_proxy, question), (chain.rest_proxy, answer)]
    return both if what == "cut" else both[:1]


@contextlib.contextmanager
def _set(proxy: Proxy, fault: object) -> Iterator[Proxy]:
    proxy.set(fault)  # type: ignore[arg-type]
    try:
        yield proxy
    finally:
        proxy.set(None)


def _occupied(chain: Chain, victim: str, mode: str, for_s: float) -> str:
    """Something else answers on the port of a part that ended, so that the part can't begin, then lets it go."""
    with chain.nobody_restarts():
        chain.end(victim)
        occupant = until(lambda: _sits(chain.ports[victim], mode, for_s))
    try:
        tries = lambda: state.read(chain.run)["parts"][victim]["restarts"]  # noqa: E731
        before, deadline = tries(), time.monotonic() + for_s
        until(lambda: tries() > before + 1 and time.monotonic() > deadline)
        assert occupant.done, f"nobody asked what sits on the port of {victim}"
    finally:
        occupant.close()
    return f"{victim}'s port was another's for {for_s:.1f} s and {tries() - before} starts"


def _sits(port: int, mode: str, for_s: float) -> Occupant | None:
    with contextlib.suppress(OSError):  # the threads of the process that was killed are still ending
        return Occupant(port, mode, for_s)
    return None


# ---------------------------------------------------------------- disks


def disk_full(chain: Chain, stream: str, part: str, rng: random.Random, lengths: Lengths) -> str:
    """The folder that a part writes takes no byte more, nor do the logs. The classifier writes its heartbeat only."""
    disks = [chain.disks[part], chain.disks["logs"]]
    with contextlib.ExitStack() as over:
        for disk in disks:
            over.enter_context(disk.full([psutil.Process(chain.pid(part))]))
        if part == "store":
            _answers_503(chain)
        time.sleep(lengths.full)
    return f"{lengths.full:.1f} s, {'a small disk' if disks[0].mounted else 'a limit of file sizes'}"


def _answers_503(chain: Chain) -> None:
    def refused() -> bool:
        try:
            chain.write(b"probe v=1 1\n" * 400)
        except HTTPError as error:
            return error.code == 503
        return False

    until(refused, within_s=20.0)


# ---------------------------------------------------------------- records


def half_written(chain: Chain, stream: str, part: str, rng: random.Random, lengths: Lengths) -> str:
    """A part is killed, and what it wrote last is left half-written."""
    with chain.nobody_restarts():
        if part == "supervisor":
            pid = chain.pid(part)
            os.kill(pid, signal.SIGKILL)
            told = torn.halved(state.path(chain.run), rng)
        else:
            chain.end(part)
            told = _TORN[part](chain, stream, rng)
    return told


def _torn_generator(chain: Chain, stream: str, rng: random.Random) -> str:
    return torn.torn_wal(chain.run / "generator" / f"{stream}.sqlite", rng)


def _torn_store(chain: Chain, stream: str, rng: random.Random) -> str:
    database = chain.run / "store" / "atipico"
    return "; ".join(
        [
            torn.torn_log(database / "log", rng, stream),
            torn.torn_wal(database / "tables.sqlite", rng),
            torn.half_draft(database / "readers.tmp", rng),
        ]
    )


def _torn_host(chain: Chain, stream: str, rng: random.Random) -> str:
    ledger = chain.run / "host" / f"{stream}.json"
    return "; ".join([torn.halved(ledger, rng), torn.half_draft(ledger.with_suffix(".draft"), rng)])


def _torn_agent(chain: Chain, stream: str, rng: random.Random) -> str:
    folder = chain.run / "agent" / stream
    newest = max(folder.glob("*.checkpoint"), key=lambda path: int(path.stem))
    return "; ".join([torn.halved(newest, rng), torn.torn_wal(folder / "asleep.sqlite", rng)])


def _torn_classifier(chain: Chain, stream: str, rng: random.Random) -> str:
    """It keeps no state; what it reads is the folder of models, in which a newer version is half registered."""
    whole, begun = (chain.home / "models" / "payments" / number for number in ("1", "2"))
    shutil.copytree(whole, begun, dirs_exist_ok=True)
    manifest = (whole / "model.toml").read_text()
    assert "version = 1\n" in manifest
    (begun / "model.toml").write_text(manifest.replace("version = 1\n", "version = 2\n"))
    return f"version 2, {torn.halved(rng.choice(sorted(begun.iterdir())), rng)}"


_TORN: dict[str, Callable[[Chain, str, random.Random], str]] = {
    "generator": _torn_generator,
    "store": _torn_store,
    "host": _torn_host,
    "agent": _torn_agent,
    "classifier": _torn_classifier,
}
_FAULTS: dict[str, Callable[[Chain, str, str, random.Random, Lengths], str]] = {
    "kill": kill,
    "stop": stop,
    "cut": cut,
    "503": busy,
    "late": late,
    "disk full": disk_full,
    "torn": half_written,
}
