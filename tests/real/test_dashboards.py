"""The dashboards on the real InfluxDB and Grafana, with what a running chain made."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import requests

from atipico.engines.grafana.dashboards import DASHBOARDS
from atipico.engines.grafana.push import push
from atipico.errors import Refused
from dashboards import fill, statements
from servers import Grafana, Influx
from stack.conftest import Stack
from waiting import until

COMPOSE = Path(__file__).parents[2] / "compose" / "grafana"


@pytest.fixture(scope="module")
def filled(influx: Influx) -> Influx:
    """A real InfluxDB that has what a running chain wrote into ours."""
    stack = Stack()
    try:
        stack.up("--rate", "300")
        fill(stack)
        for measurement in ("scores", "parts", "labels"):
            asked = urlencode({"db": "atipico", "measurement": measurement, "offset": "first", "limit": 2**22})
            with urlopen(f"{stack.url('store')}/log?{asked}", timeout=30) as answer:
                influx.write(answer.read(), db="dashboards")
    finally:
        stack.close()
    return influx


@pytest.fixture(scope="module", autouse=True)
def _database(influx):
    influx.query("CREATE DATABASE dashboards")


def test_every_panel_finds_rows_in_the_real_influxdb(filled):
    empty = [name for name, q in statements(time.time_ns()).items() if not filled.query(q, db="dashboards")]

    assert not empty


def provisioned(grafana: Grafana, influx: Influx) -> None:
    """Lay our provisioning where this Grafana looks for it, the database being the test's."""
    for kind in ("datasources", "dashboards"):
        text = (COMPOSE / "provisioning" / kind / "atipico.yaml").read_text()
        text = text.replace("${ATIPICO_INFLUX_URL}", influx.url).replace("database: atipico", "database: dashboards")
        folder = grafana.provisioning / kind
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "atipico.yaml").write_text(text.replace("${ATIPICO_DASHBOARDS}", str(COMPOSE / "dashboards")))


def asks(grafana: Grafana, q: str) -> list:
    """What the data source finds through Grafana."""
    (source,) = grafana.get("/api/datasources")
    told = grafana.get(f"/api/datasources/proxy/{source['id']}/query", db="dashboards", q=q, epoch="ms")
    assert isinstance(told, dict)
    return told["results"][0].get("series", [])


def test_a_provisioned_grafana_has_the_dashboards_and_its_data_source_answers_every_panel(new, filled):
    grafana = new(Grafana)
    provisioned(grafana, filled)
    grafana.start()
    until(lambda: len(grafana.get("/api/search", tag="atipico")) == len(DASHBOARDS))  # read a little after the start

    for board in DASHBOARDS.values():
        found = grafana.get(f"/api/dashboards/uid/{board.uid}")
        assert isinstance(found, dict)
        assert found["dashboard"]["title"] == board.title
        assert len(found["dashboard"]["panels"]) == len(board.panels)
    assert not [name for name, q in statements(time.time_ns()).items() if not asks(grafana, q)]


def test_dashboards_are_pushed_into_a_grafana_that_is_there_again_and_again(new, filled):
    grafana = new(Grafana).start()

    for _ in range(2):
        addresses = push(grafana.url, grafana.login, filled.url, "dashboards")

    assert len(addresses) == len(DASHBOARDS)
    assert all(requests.get(one, auth=grafana.login, timeout=10).ok for one in addresses)
    assert not [name for name, q in statements(time.time_ns()).items() if not asks(grafana, q)]


def test_a_grafana_takes_a_token_and_says_what_is_needed_without_one(new, influx):
    grafana = new(Grafana).start()
    key = requests.post(
        f"{grafana.url}/api/auth/keys", json={"name": "push", "role": "Admin"}, auth=grafana.login, timeout=10
    ).json()["key"]

    assert push(grafana.url, key, influx.url, "dashboards")
    with pytest.raises(Refused, match="--user and --password of an admin, or --token"):
        push(grafana.url, ("admin", "wrong"), influx.url, "dashboards")
