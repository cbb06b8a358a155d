"""A store that hands nothing over is asked for samples as they come: each has its outcome, also what comes late."""

from __future__ import annotations

import time

import pytest
import requests

from polled import Polled, lines
from running_store import RunningStore
from waiting import until


@pytest.fixture
def polled(tmp_path, tmp_path_factory):
    store = RunningStore(tmp_path).start()

    def read(text: str) -> list[dict]:
        answer = requests.get(f"{store.url}/query", params={"db": "atipico", "q": text, "epoch": "ns"}, timeout=30)
        return answer.json()["results"][0].get("series", [])

    def write(body: bytes) -> None:
        assert requests.post(f"{store.url}/write", params={"db": "atipico"}, data=body, timeout=30).status_code == 204

    polled = Polled(tmp_path_factory.mktemp("p"), read, write, influx_url=store.url)
    yield polled
    polled.close()
    store.stop()


def written(polled: Polled, some: list[str]) -> list[str]:
    polled.write("\n".join(some).encode())
    return some


def test_each_sample_gets_the_outcome_that_it_would_have_on_the_embedded_engine(polled):
    all_of_them = written(polled, lines(0, 40, time.time_ns()))
    all_of_them += written(polled, lines(40, 60, time.time_ns() - 4 * 10**9))

    polled.become(polled.in_order(all_of_them))


def test_what_is_written_late_counts_as_if_it_had_come_in_its_order(polled):
    begin = time.time_ns()
    on_time, late = lines(0, 60, begin)[::2], lines(0, 60, begin)[1::2][10:12]
    written(polled, on_time)
    polled.become(polled.in_order(on_time))

    written(polled, late)

    polled.become(polled.in_order(on_time + late))


def test_a_sweeper_that_is_killed_goes_on_where_it_was(polled):
    begin = time.time_ns()
    first = written(polled, lines(0, 30, begin))
    until(lambda: len(polled.outcomes()) > 0)
    polled.sweeper.kill()
    second = written(polled, lines(30, 60, begin))

    polled.sweeper.start()

    polled.become(polled.in_order(first + second))
