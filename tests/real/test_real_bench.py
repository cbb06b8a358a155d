"""bench/chain.py --real, as small as can be: it has to run when somebody wants to measure again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CHAIN = Path(__file__).parents[2] / "bench" / "chain.py"
SMALL = {"points": 300, "naive-points": 5, "repeat": 1, "seconds": 1, "fields": 30, "trees": 3}


@pytest.mark.timeout(300)
def test_both_chains_run_on_the_real_servers_and_every_part_is_measured(tmp_path):
    words = [word for name, value in SMALL.items() for word in (f"--{name}", str(value))]
    env = {**os.environ, "PYTHONPATH": ":".join(sys.path)}

    with (tmp_path / "told").open("wb") as out, (tmp_path / "said").open("wb") as said:
        bench = subprocess.Popen([sys.executable, CHAIN, "--real", "--json", *words], env=env, stdout=out, stderr=said)
        try:
            bench.wait(240)
        finally:
            bench.terminate()  # it ends what it started
            bench.wait(60)

    assert bench.returncode == 0, (tmp_path / "said").read_text()
    told = json.loads((tmp_path / "told").read_text())
    (repetition,) = told["repetitions"]
    parts = ["influxd", "kapacitord", "agent", "classifier"]
    assert [list(repetition[chain]["cpu_us"]) for chain in ("ours", "naive")] == [parts, parts]
    assert list(told["cores_with_generator"]) == [*parts, "generator"]
    assert told["latency"]["samples"] == 1000
