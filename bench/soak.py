"""Faults by the thousand on one running stack: any part, any fault, one after the other, each checked by sample id.

    .venv/bin/python bench/soak.py --faults 2000 --seed 7
    .venv/bin/python bench/soak.py --faults 42 --whole        every fault at its full length

The same faults and the same checker as in tests/stack/test_faults.py. Ends at the first fault that costs anything, with
what was found and the words that bring it again; at the end a table of faults by part.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from stack.faults.cells import WHOLE, sequence
from stack.faults.chain import Chain, Running
from stack.faults.table import Table
from stack.faults.trial import tried

AGAIN_EVERY = 200  # faults, after which all outcomes are compared once more


def words() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=1000, help="how many, one after the other")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the stream and of the faults")
    parser.add_argument("--whole", action="store_true", help="each fault as long as the matrix has it")
    return parser


def main() -> int:
    given, table = words().parse_args(), Table()
    print(f"seed {given.seed}", flush=True)
    chain = Chain(given.seed)
    try:
        chain.up("--rate", "1")
        chain.switch("agent", "few_awake")
        found = soak(chain, chain.begin("paid", given.seed), table, given)
    finally:
        print("\n".join(table.lines()), flush=True)
        chain.close()
    if found:
        print(f"{found}\nagain: .venv/bin/python bench/soak.py {' '.join(sys.argv[1:])} --seed {given.seed}")
    return 1 if found else 0


def soak(chain: Chain, stream: Running, table: Table, given: argparse.Namespace) -> str:
    """Do the faults; "" when they cost nothing, else what they cost."""
    for number, (cell, short) in enumerate(islice(sequence(given.seed), given.faults)):
        lengths = WHOLE if given.whole else short
        trial = tried(chain, stream, [cell], (given.seed, number), table, lengths)
        print(f"{number}: {trial}", flush=True)
        if not trial.verdict.clean:
            return f"fault {number}: {trial}"
        if number % AGAIN_EVERY == AGAIN_EVERY - 1 or number == given.faults - 1:
            verdict = chain.judged(stream, time.time_ns() - 10**10, anew=True)
            print(f"all so far: {verdict}", flush=True)
            if not verdict.clean:
                return f"after fault {number}: {verdict}"
    return ""


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the parts that were started end too
    sys.exit(main())
