"""InfluxDB 2.x and 3 as far as our parts speak to them: their version-1 endpoints, a token, and how they say no."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests
from werkzeug.wrappers import Request, Response

from atipico.client.client import Client
from atipico.config import load
from atipico.engines.doctor import elsewhere
from atipico.engines.kapacitor.engine import Engine
from atipico.errors import NotYet, Refused
from atipico.generator.store import StoreWriter
from atipico.page.service import create_app
from atipico.page.settings import PageSettings
from atipico.store_access import Login, StoreAccess
from running_page import outcome, pair, sample, serving

TOKEN = "a-token_of==theirs"
JOB = 'engine = "kapacitor"\nstream = "pumps"\ndetector = { gaussian = "heat", over = 8 }\n'
VERSIONS = ("v2.7.12", "3.2.0")
NOBODY_SAID = {"2": {"code": "unauthorized", "message": "unauthorized access"}, "3": {"error": "not authenticated"}}


def later(version: str, store: str) -> Callable[..., Any]:
    """A server of that version before a store of ours that has the data: who has the token gets through.

    2.x knows its databases by their mapping to buckets, and buckets by their organisation.
    """
    major = version.lstrip("v")[0]

    def refusal(request: Request) -> tuple[int, dict[str, str]] | None:
        if request.headers.get("Authorization") not in (f"Token {TOKEN}", f"Bearer {TOKEN}"):
            return 401, NOBODY_SAID[major]
        if major == "2" and request.path == "/api/v2/write" and request.args["org"] != "atipico":
            return 404, {"code": "not found", "message": f'organization name "{request.args["org"]}" not found'}
        if major == "2" and request.args.get("db", request.form.get("db", "atipico")) != "atipico":
            return 404, {"code": "not found", "message": "no dbrp mapping found"}
        return None

    @Request.application
    def app(request: Request) -> Response:
        if request.path == "/ping":
            return Response(status=204, headers={"X-Influxdb-Version": version})
        body = request.get_data(cache=True)
        if no := refusal(request):
            response = Response(status=no[0], content_type="application/json")
            response.set_data(json.dumps(no[1]))
            return response
        kept = {"Content-Type": request.headers.get("Content-Type", "")}
        answer = requests.request(request.method, store + request.full_path, data=body, headers=kept, timeout=20)
        return Response(answer.content, answer.status_code, content_type=answer.headers.get("Content-Type"))

    return app


@pytest.fixture(params=VERSIONS)
def far(request, tmp_path, monkeypatch):
    """Such a server, and a run that is told of it."""
    monkeypatch.setenv("ATIPICO_RUN", str(tmp_path / "run"))
    with pair(tmp_path) as ours, serving(later(request.param, ours.store)) as url:
        monkeypatch.setenv("ATIPICO_STORE_URL", url)
        monkeypatch.setenv("ATIPICO_STORE_TOKEN", TOKEN)
        yield url


def access(url: str, token: str = TOKEN) -> StoreAccess:
    return StoreAccess(url, Login(token=token))


def test_what_the_generator_writes_the_client_reads_and_the_page_shows(far):
    lines = "\n".join([sample(10**18, 21.5), outcome(10**18, 0.9)]).encode()
    StoreWriter(access(far), "atipico", 5.0).write(lines)
    Client().write({"heat": 22.5, "time": 10**18 + 1}, "pumps", tags={"shard": "0"})

    rows = Client().rows("SELECT heat FROM pumps")
    with serving(create_app(load(PageSettings))) as page:
        view = requests.get(
            f"{page}/api/view", {"job": "pumps", "field": "heat", "from": 10**18, "to": 10**18 + 10**9}, timeout=20
        )

    assert [row["heat"] for row in rows] == [21.5, 22.5]
    assert view.json()["values"]["v"] == [21.5, 22.5]
    assert [mark["anomalous"] for mark in view.json()["marks"]] == [True]


def test_the_doctor_says_whether_the_store_answers_and_knows_who_asks(far, monkeypatch):
    (well,) = elsewhere.store()
    monkeypatch.setenv("ATIPICO_STORE_TOKEN", "old")
    (ill,) = elsewhere.store()

    assert (well.state, "knows who asks" in well.told) == ("ok", True)
    assert (ill.state, "401" in ill.told, "ATIPICO_STORE_TOKEN" in ill.told) == ("fault", True, True)
    monkeypatch.delenv("ATIPICO_STORE_URL")
    assert list(elsewhere.store()) == []


def test_who_has_no_good_token_is_told_so_and_what_to_set(far, monkeypatch):
    monkeypatch.setenv("ATIPICO_STORE_TOKEN", "old")

    with pytest.raises(Refused, match=r"401.*(unauthorized access|not authenticated).*ATIPICO_STORE_TOKEN"):
        Client().streams()
    with pytest.raises(NotYet, match=r"401.*ATIPICO_STORE_TOKEN"):  # the samples are kept until it has one
        StoreWriter(access(far, "old"), "atipico", 5.0).write(b"m x=1 1")
    with serving(create_app(load(PageSettings))) as page:
        told = requests.get(f"{page}/api/names", timeout=20).json()["error"]
    assert "401" in told
    assert "ATIPICO_STORE_TOKEN" in told


@pytest.mark.parametrize("far", VERSIONS[:1], indirect=True)
def test_a_database_that_no_bucket_is_mapped_to_is_told_with_the_cure(far):
    with pytest.raises(Refused, match=r"404: no dbrp mapping found; .*bucket"):
        Client(database="plant").write({"heat": 1.0}, "pumps")


@pytest.mark.parametrize("far", VERSIONS[:1], indirect=True)
def test_samples_for_an_organisation_that_is_not_there_wait_until_it_is_named(far):
    with pytest.raises(NotYet, match="organization name"):
        StoreWriter(access(far), "atipico", 5.0, org="nobody").write(b"m x=1 1")


def test_a_job_for_kapacitor_is_refused_because_no_points_would_come(far, tmp_path):
    file = tmp_path / "pumps.toml"
    file.write_text(JOB)

    with pytest.raises(Refused, match=r"version v?[23]\..* hands no points over"):
        Engine().plan(file)
