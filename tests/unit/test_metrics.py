"""How long hops take, and the lag of what is dealt with."""

from __future__ import annotations

import time

from atipico import metrics
from atipico.metrics import Hops


def test_half_of_the_hops_are_faster_than_p50_and_one_in_a_hundred_slower_than_p99():
    hops = Hops()

    hops.took("write", *(at / 1000 for at in range(1000, 0, -1)))

    assert hops.quantiles("write") == {0.5: 0.501, 0.99: 0.991}
    assert hops.quantiles("never made") == {}


def test_hops_of_more_than_a_minute_ago_are_forgotten(monkeypatch):
    hops, began = Hops(), time.monotonic()
    hops.took("write", 9.0)

    monkeypatch.setattr(metrics.time, "monotonic", lambda: began + 61)
    gone = hops.quantiles("write")
    hops.took("write", 0.5)

    assert gone == {}
    assert hops.quantiles("write")[0.99] == 0.5


def test_metrics_that_are_read_in_the_midst_of_a_first_hop_are_whole():
    hops, read = Hops(), []

    class Watched(float):
        """Reads the metrics while it is added up."""

        def __radd__(self, other: float) -> float:
            read.append([sample.name for family in hops.collect() for sample in family.samples])
            return other + float(self)

    hops.took("write", Watched(1.0))

    assert read == [[]]
    assert hops.quantiles("write")[0.5] == 1.0


def test_however_many_hops_are_made_few_are_remembered():
    hops = Hops()

    for at in range(5000):
        hops.took("write", float(at))

    assert hops.quantiles("write")[0.5] > 3976
    [family] = hops.collect()
    assert {sample.value for sample in family.samples if sample.name.endswith("_count")} == {5000}


def test_what_is_dealt_with_tells_the_lag_of_its_newest_and_the_hop_from_its_own_time():
    now = time.time_ns()

    metrics.dealt_with("dealt", "from_then", [now - 8 * 10**9, *[now - 6 * 10**9] * 90, now - 4 * 10**9])

    lag = metrics.REGISTRY.get_sample_value("atipico_lag_seconds", {"stream": "dealt"})
    took = metrics.HOPS.quantiles("from_then")
    assert lag >= 4
    assert [round(took[q] - lag, 6) for q in (0.5, 0.99)] == [2, 4]
    assert metrics.REGISTRY.get_sample_value("atipico_hop_seconds_count", {"hop": "from_then"}) < 12
