"""The heartbeat: how long hops take, and the row that tells of a part."""

from __future__ import annotations

import os
import time

import orjson

from atipico import metrics
from atipico.metrics import Hops, beat_path, row, start_beating
from atipico.store_access import NOBODY, StoreAccess
from atipico.wire.lines import parse
from running_page import serving
from running_store import free_port
from waiting import until


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


def test_a_parts_row_is_line_protocol_that_tells_its_process_and_its_hops():
    metrics.SAMPLES_IN.labels("test_metrics").inc(3)
    metrics.HOPS.took("classify", 0.002)

    parsed = parse(row("agent", 17, 1000).encode(), now=1)

    [sample] = parsed.samples
    assert not parsed.refused
    assert (sample.measurement, sample.tags) == ("parts", {"part": "agent"})
    assert sample.fields["pid"] == os.getpid()
    assert sample.fields["started"] == 17
    assert sample.fields["samples_in"] >= 3
    assert sample.fields["classify_p99_ms"] == 2.0


def test_what_is_dealt_with_tells_the_lag_of_its_newest_and_the_hop_from_its_own_time():
    now = time.time_ns()

    metrics.dealt_with("dealt", "from_then", [now - 8 * 10**9, *[now - 6 * 10**9] * 90, now - 4 * 10**9])

    lag = metrics.REGISTRY.get_sample_value("atipico_lag_seconds", {"stream": "dealt"})
    took = metrics.HOPS.quantiles("from_then")
    assert lag >= 4
    assert [round(took[q] - lag, 6) for q in (0.5, 0.99)] == [2, 4]
    assert metrics.REGISTRY.get_sample_value("atipico_hop_seconds_count", {"hop": "from_then"}) < 12


def test_a_heartbeat_reaches_the_file_also_while_no_store_is_there_and_the_store_when_it_comes(tmp_path, monkeypatch):
    monkeypatch.setenv("ATIPICO_RUN", str(tmp_path))
    port, heard = free_port(), []

    def store(environ, start_response):
        heard.append(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        start_response("204 No Content", [])
        return [b""]

    monkeypatch.setenv("ATIPICO_STILL", "0s")  # this process is the tests' own
    start_beating("tested", StoreAccess(f"http://127.0.0.1:{port}", NOBODY), every_s=0.05)
    until(lambda: beat_path("tested").is_file())
    first = orjson.loads(beat_path("tested").read_bytes())["time"]
    until(lambda: orjson.loads(beat_path("tested").read_bytes())["time"] > first)

    with serving(store, port):
        until(lambda: heard)
    assert parse(heard[0], now=1).samples[0].fields["pid"] == os.getpid()
