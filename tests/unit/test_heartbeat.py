"""The heartbeat: the file, and the row that tells of a part."""

from __future__ import annotations

import os

import orjson

from atipico import metrics
from atipico.heartbeat import beat_path, row, start_beating
from atipico.store_access import NOBODY, StoreAccess
from atipico.wire.lines import parse
from running_page import serving
from running_store import free_port
from waiting import until


def test_a_parts_row_is_line_protocol_that_tells_its_process_and_its_hops():
    metrics.SAMPLES_IN.labels("test_metrics").inc(3)
    metrics.HOPS.took("of_this_test", 0.002)

    parsed = parse(row("agent", 17, 1000).encode(), now=1)

    [sample] = parsed.samples
    assert not parsed.refused
    assert (sample.measurement, sample.tags) == ("parts", {"part": "agent"})
    assert sample.fields["pid"] == os.getpid()
    assert sample.fields["started"] == 17
    assert sample.fields["samples_in"] >= 3
    assert sample.fields["of_this_test_p99_ms"] == 2.0


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
