"""How fast and how dear the chain is, beside a naive one on the same machine in the same run.

    .venv/bin/python bench/chain.py
    .venv/bin/python bench/chain.py --points 200000 --fields 30 --json
    ATIPICO_REAL=FOLDER .venv/bin/python bench/chain.py --real --points 40000 --fields 30 --trees 100

Both chains are store, host, agent and classifier as processes; store and host are ours in both, or with --real both
InfluxDB and Kapacitor (see tests/real/README.md). The naive agent
reads a byte at a time and posts each sample by itself with `requests`; the naive classifier is Flask's own server
calling scikit-learn's `predict`. Its model is a forest of the same shape as ours, fitted on the sample's own
fields: it is spared the windows that ours keeps. Repetitions alternate and ratios are taken inside each.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from pathlib import Path

from load import Payments
from measure import Latency, cores, heap, latency
from naive import forest
from running import Chain
from table import Repetition, plain, show
from wide import register_wider

from atipico.errors import AtipicoError

WARM, NAIVE_WARM, RATE = 2000, 5, 1000.0


def words() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=100_000, help="samples through our chain, a repetition")
    parser.add_argument("--naive-points", type=int, default=500, help="samples through the naive one, a repetition")
    parser.add_argument("--fields", default="payments", help="payments: their own 5 fields; N: floats added up to N")
    parser.add_argument("--repeat", type=int, default=3, help="repetitions")
    parser.add_argument("--seconds", type=float, default=8.0, help="how long latency is measured, at 1000 samples/s")
    parser.add_argument("--trees", type=int, help="of both forests; as many as models/payments has unless given")
    parser.add_argument("--real", action="store_true", help="on InfluxDB and Kapacitor")
    parser.add_argument("--json", action="store_true", help="print JSON and no table")
    return parser


def main() -> None:
    parser = words()
    given = parser.parse_args()
    fields = 5 if given.fields == "payments" else int(given.fields) if given.fields.isdecimal() else 0
    if fields < 5 or min(given.points, given.naive_points, given.repeat) < 1 or given.seconds < 0:
        parser.error("--fields takes payments or a number from 5 on, --points, --naive-points and --repeat 1 or more")
    repetitions: list[Repetition] = []
    late: Latency | None = None
    busy: dict[str, float] = {}
    kind = Chain
    if given.real:
        from real_chain import RealChain as kind  # needs the servers
    with tempfile.TemporaryDirectory(prefix="at-") as folder:
        file = Path(folder) / "forest.joblib"
        say("fitting the naive model")
        model = forest.train(file, trees=given.trees)
        models = Path(folder) / "models" if given.trees else None
        if models:
            register_wider(models, given.trees)
        for number in range(given.repeat):
            say(f"repetition {number + 1} of {given.repeat}: ours")
            seconds = given.seconds if number == given.repeat - 1 else 0
            with kind(models=models) as chain:
                payments = Payments(fields)
                ours = heap(chain, payments, WARM, given.points)
                if seconds:
                    late, busy = latency(chain, payments, RATE, seconds), generated(chain, seconds)
            say(f"repetition {number + 1} of {given.repeat}: naive")
            with kind(file) as chain:
                naive = heap(chain, Payments(fields), NAIVE_WARM, given.naive_points)
            repetitions.append(Repetition(ours, naive))
    if given.json:
        print(json.dumps(plain(model, fields, repetitions, late, busy), indent=1))
    else:
        show(model, fields, repetitions, late, busy)


def generated(chain: Chain, seconds: float) -> dict[str, float]:
    """How much of a core each part takes while our generator writes 1000 payments a second."""
    chain.generate(RATE)
    return cores(chain, seconds)


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the parts that were started end too
    try:
        main()
    except AtipicoError as error:
        sys.exit(str(error))
