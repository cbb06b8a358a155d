"""One fault, from the moment it is done to that in which nothing is missing any more."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from stack.faults import cells
from stack.faults.cells import WHOLE, Lengths
from stack.faults.chain import PARTS, Chain, Running
from stack.faults.table import Table
from stack.faults.undisturbed import mixed
from stack.faults.verdict import Verdict
from waiting import until

_HEALS_WITHIN_S = 90.0


class Trial(NamedTuple):
    """took_s: from the end of the faults until all that was accepted by then is visible and the parts are at work."""

    told: str
    took_s: float
    verdict: Verdict

    def __str__(self) -> str:
        return f"{self.told}: recovered in {self.took_s:.2f} s; {self.verdict}"


def tried(
    chain: Chain,
    stream: Running,
    faults: Sequence[tuple[str, str]],
    seed: object,
    table: Table,
    lengths: Lengths = WHOLE,
) -> Trial:
    """Do these faults, by part, at once; wait until they are healed, and compare what came since the last trial.

    Nothing is done before all parts are at work, the page too, which is no part of the chain.
    """
    until(lambda: all(map(chain.at_work, (*PARTS, "page"))), within_s=_HEALS_WITHIN_S)
    with ThreadPoolExecutor(len(faults)) as pool:
        at_once = [
            pool.submit(cells.do, chain, stream.name, part, fault, random.Random(mixed(seed, part, fault)), lengths)
            for part, fault in faults
        ]
        notes = [f"{part} × {fault} ({one.result()})" for (part, fault), one in zip(faults, at_once, strict=True)]
    end = time.time_ns()
    until(
        lambda: chain.visible(stream, end) and all(chain.at_work(part) for part, _ in faults),
        within_s=_HEALS_WITHIN_S,
    )
    trial = Trial(", ".join(notes), (time.time_ns() - end) / 1e9, chain.judged(stream, end))
    for part, fault in faults:
        table.add(part, fault, trial.took_s, trial.verdict)
    return trial
