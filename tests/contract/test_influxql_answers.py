"""The InfluxQL of dashboards on our store: its answers are those that the real InfluxDB gave (influxql.json).

`./test.sh --real` asks the real one again and compares these with what is recorded.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests

from beside import same
from influxql_cases import BOTH_REFUSE, LINES, REFUSED, STATEMENTS
from running_store import RunningStore

RECORDED = json.loads((Path(__file__).parent / "influxql.json").read_text())


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """The answer of a store that holds the points of the cases; times in ns."""
    store = RunningStore(tmp_path_factory.mktemp("store")).start()
    requests.post(f"{store.url}/query", params={"q": "CREATE DATABASE d"}, timeout=30)
    assert requests.post(f"{store.url}/write", params={"db": "d"}, data=LINES, timeout=30).status_code == 204

    def ask(q, **more):
        return requests.get(f"{store.url}/query", params={"db": "d", "q": q, "epoch": "ns"} | more, timeout=30).json()

    yield ask
    store.stop()


@pytest.mark.parametrize("q", STATEMENTS)
def test_the_answer_is_that_of_the_real_influxdb(ask, q):
    assert same(ask(q), RECORDED[q])


def test_every_recorded_answer_belongs_to_a_case():
    assert set(RECORDED) == set(STATEMENTS)


@pytest.mark.parametrize("q", [*BOTH_REFUSE, *REFUSED])
def test_what_is_not_spoken_is_refused_with_a_sentence_and_never_answered_wrongly(ask, q):
    answer = ask(q)

    told = answer.get("error") or answer["results"][0].get("error", "")
    assert len(told.split()) > 3
