"""How many rows a second the features of a job are worked out for, on one core, over a recorded file.

    atipico data make payments --out payments.parquet
    .venv/bin/python bench/features.py payments.parquet
    .venv/bin/python bench/features.py payments.parquet --block 1000 --rows 200000

The very `Plan` that learning, replay and the agent use, with each label when it is due. Reading the file is not timed;
time is the CPU time of this process, so that other work on the machine counts little.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # before numpy is there

from atipico.engines.replay import blocks_of  # noqa: E402
from atipico.errors import AtipicoError  # noqa: E402
from atipico.features.block import Labels  # noqa: E402
from atipico.features.plan import Plan  # noqa: E402
from atipico.registry.jobs import Job, load_job  # noqa: E402
from atipico.sources.blocks import BLOCK  # noqa: E402
from atipico.sources.file import File  # noqa: E402

JOB = Path(__file__).parents[1] / "jobs" / "transactions.toml"


def words() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", help="a recorded file with the fields that the job reads")
    parser.add_argument("--dataset", help="its dataset.toml, unless it can be told from its columns")
    parser.add_argument("--job", type=Path, default=JOB, help="whose features; those of card transactions unless given")
    parser.add_argument("--block", type=int, default=BLOCK, help=f"rows at once; {BLOCK} unless given")
    parser.add_argument("--rows", type=int, help="of the file; all unless given")
    parser.add_argument("--repeat", type=int, default=3, help="repetitions, each from nothing")
    parser.add_argument("--json", action="store_true", help="print JSON and no table")
    return parser


def measured(source: File, job: Job, size: int, rows: int | None) -> dict[str, Any]:
    """One repetition: CPU seconds, and by how much the memory at most grew (of the first one of a process), MB."""
    plan = Plan(job.features, job.clock, job.labels)
    _, _, blocks = blocks_of(source, job, plan, None, warn=None)
    before, used, done = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 0.0, 0
    for block in blocks.of(0, rows, size):
        labels = Labels(*block.labels)
        begun = time.process_time()
        plan.rows(block.times, block.groups, block.columns, labels)
        used += time.process_time() - begun
        done += len(block.times)
    unit = 2**20 if sys.platform == "darwin" else 2**10
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / unit
    return {"rows": done, "features": len(plan.columns), "cpu_s": used, "rows_per_s": done / used, "memory_mb": grown}


def main() -> None:
    given = words().parse_args()
    try:
        source, job = File(given.file, given.dataset), load_job(given.job)
        told = [measured(source, job, given.block, given.rows) for _ in range(given.repeat)]
    except AtipicoError as error:
        sys.exit(str(error))
    if given.json:
        print(json.dumps(told))
        return
    print(f"{told[0]['rows']:,} rows, {told[0]['features']} features, blocks of {given.block:,}, one core")
    for one in told:
        print(f"{one['rows_per_s']:>10,.0f} rows/s, {1e6 * one['cpu_s'] / one['rows']:.2f} us of CPU a row")
    print(f"memory grew by {told[0]['memory_mb']:,.0f} MB")


if __name__ == "__main__":
    main()
