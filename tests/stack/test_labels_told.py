"""A label that somebody tells by the command, through the parts: on the page, in figures, before the features."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from page_chain import PARTS, USUAL, Chain
from waiting import until

SERVICES = Path(__file__).parents[2] / "services"


@pytest.fixture
def chain() -> Iterator[Chain]:
    chain = Chain()
    try:
        chain.start(*PARTS)
        yield chain
    finally:
        chain.close()


def atipico(chain: Chain, *words: object) -> dict:
    env = {**os.environ, "ATIPICO_RUN": str(chain.run), "PYTHONPATH": str(SERVICES)}
    env["ATIPICO_STORE_PORT"] = str(chain.ports["store"])
    command = [sys.executable, "-m", "atipico.cli", *map(str, words), "--json"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def missed(chain: Chain) -> list[tuple[int, int]]:
    """(id, label) of the samples that the page marks without a flag."""
    view = requests.get(f"{chain.page}api/view", {"job": "payments", "field": "amount", "last": 60}, timeout=10)
    marks = view.json().get("marks", []) if view.ok else []
    return [(mark["fields"]["transaction_id"], mark["label"]) for mark in marks if not mark["anomalous"]]


def refused(chain: Chain, reason: str) -> float:
    name = f'atipico_refused_total{{reason="{reason}"}}'
    return float(json.loads((chain.run / "parts" / "agent.json").read_text())["values"].get(name, 0))


def test_a_label_told_by_the_command_is_on_the_page_in_the_figures_and_before_the_features(chain):
    ids = [chain.pay(USUAL) for _ in range(20)]
    until(lambda: chain.scored() == 20)

    told = atipico(chain, "label", "add", "payments", ids[3], "anomaly")
    for id in (ids[4], ids[5]):
        atipico(chain, "label", "add", "payments", id, "usual")
    figures = atipico(chain, "evaluate", "payments", "--last", "1h")

    assert (told["written"], told["unknown"]) == (1, 0)
    until(lambda: missed(chain) == [(ids[3], 1)])
    assert [figures[name] for name in ("samples", "labelled", "unlabelled", "anomalies")] == [20, 3, 17, 1]
    assert [figures["alerts"], figures["precision"], figures["recall"]] == [0, None, 0.0]

    corrected = atipico(chain, "label", "add", "payments", ids[3], "usual")
    chain.pay(USUAL)  # labels enter with the next sample

    assert corrected["corrected"] == 1
    until(lambda: missed(chain) == [])
    assert atipico(chain, "evaluate", "payments", "--last", "1h")["anomalies"] == 0
    until(lambda: refused(chain, "label of no sample that waits for one") == 1)  # the correction, in the features
