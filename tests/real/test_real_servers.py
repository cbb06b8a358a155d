"""The harness itself: each server starts, says what it is, and leaves nothing behind."""

import psutil
import pytest
import requests

from servers import Grafana, Influx, Kapacitor

OURS = {"influxd": "1.8.", "kapacitord": "1.5.", "grafana-server": "6."}


def test_the_servers_are_of_the_versions_that_the_contract_is_about(versions):
    assert all(versions[name].startswith(first) for name, first in OURS.items())


def test_each_server_answers_and_is_gone_when_it_is_stopped(new):
    influx = new(Influx).start()
    started = [influx, new(Kapacitor, influx, {}).start(), new(Grafana).start()]
    processes = [psutil.Process(server.process.pid) for server in started]

    for server in reversed(started):
        server.stop()

    assert not any(process.is_running() for process in processes)


def test_a_server_that_cannot_start_shows_what_it_said(new):
    influx = new(Influx)
    (influx.folder / "meta").write_text("a file where a folder must be")

    with pytest.raises(AssertionError, match="not a directory"):
        influx.start()


def test_grafana_lets_nobody_in_without_the_password(new):
    grafana = new(Grafana).start()

    assert grafana.get("/api/search") == []
    assert requests.get(grafana.url + "/api/search", timeout=10).status_code == 401
