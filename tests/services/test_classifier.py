"""The classifier: right scores for right requests, one clear sentence for others, and nothing remembered."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import Client

from atipico.classifier.service import create_app
from atipico.classifier.settings import ClassifierSettings
from atipico.config import PACKAGE
from atipico.learn.register import register
from atipico.metrics import values
from atipico.registry.asked import ask
from atipico.registry.models import Model
from atipico.registry.shelf import open_shelf
from atipico.scorers.http import HttpScorer
from atipico.wire.classify import COLUMNS, CONTENT_TYPE, THRESHOLD, VERSION, digest, to_bytes, to_scores
from running_store import free_port
from trained import COLUMNS as NAMES
from trained import small
from waiting import until

MOST = 100_000
DIGEST = digest(NAMES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """small@1, small@2 and strange@1, which is unsupervised."""
    folder = tmp_path_factory.mktemp("models")
    for trained in (small(), small(seed=1), small("strange", "unsupervised")):
        register(trained, folder)
    return folder


@pytest.fixture(scope="module")
def shelf(folder):
    return open_shelf(folder)


@pytest.fixture(scope="module")
def client(shelf):
    return Client(create_app(shelf, "small", MOST))


@pytest.fixture
def rows():
    return np.random.default_rng(1).normal(0, 2, (43, len(NAMES)))


def post_block(client, rows, model="small", columns=DIGEST, **options):
    headers = {COLUMNS: columns} if columns else {}
    body = rows if isinstance(rows, bytes) else to_bytes(rows)
    return client.post(f"/classify?model={model}", data=body, content_type=CONTENT_TYPE, headers=headers, **options)


def post_rows(client, rows, model="small"):
    return client.post(f"/classify?model={model}", json={"rows": [dict(zip(NAMES, row, strict=True)) for row in rows]})


def test_json_and_float64_get_the_same_scores(client, shelf, rows):
    block, named = post_block(client, rows), post_rows(client, rows.tolist())

    scores = to_scores(block.data, len(rows))
    assert block.content_type == CONTENT_TYPE
    assert (block.headers[VERSION], float(block.headers[THRESHOLD])) == ("small@2", 0.5)
    assert scores.tolist() == named.json["scores"] == shelf.get("small").score(rows).tolist()
    assert named.json["anomalous"] == (scores >= 0.5).tolist()
    assert (named.json["version"], named.json["threshold"]) == ("small@2", 0.5)


def test_one_object_gets_its_decision_by_the_default_model(client):
    odd = client.post("/", json={"amount": 4.0, "speed": 0.0, "heat": 0})
    usual = client.post("/", json={"heat": 0.0, "speed": 0.0, "amount": -1})

    assert odd.json["results"] == 1
    assert usual.json["results"] == 0
    assert usual.json["score"] < usual.json["threshold"] == 0.5 <= odd.json["score"]
    assert odd.json["version"] == "small@2"


@settings(max_examples=30)
@given(st.lists(st.integers(0, 42), min_size=1, max_size=43))
def test_a_score_depends_on_its_row_alone(client, order):
    rows = np.random.default_rng(1).normal(0, 2, (43, len(NAMES)))
    whole = to_scores(post_block(client, rows, "strange").data, 43)

    some = to_scores(post_block(client, rows[order], "strange").data, len(order))

    assert some.tolist() == whole[order].tolist()


def test_many_at_once_get_each_their_own_scores(client, shelf):
    blocks = [np.random.default_rng(seed).normal(0, 2, (seed % 7 + 1, len(NAMES))) for seed in range(60)]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda rows: post_block(client, rows).data, blocks))

    assert [to_scores(a, len(b)).tolist() for a, b in zip(answers, blocks, strict=True)] == [
        shelf.get("small").score(rows).tolist() for rows in blocks
    ]


def test_a_row_that_is_not_finite_costs_its_neighbours_nothing(client, rows):
    whole = to_scores(post_block(client, rows).data, 43)
    rows[5, 1], rows[9, 0] = np.nan, np.inf

    scores = to_scores(post_block(client, rows).data, 43)

    assert np.flatnonzero(np.isnan(scores)).tolist() == [5, 9]
    assert (np.delete(scores, [5, 9]) == np.delete(whole, [5, 9])).all()


def test_columns_of_another_model_are_refused(client, rows):
    answer = post_block(client, rows, columns=digest(NAMES[::-1]))

    assert answer.status_code == 409
    assert DIGEST in answer.json["error"]
    assert "/models/small@2" in answer.json["error"]


def test_without_the_digest_swapped_columns_would_be_scored_wrongly(shelf, rows):
    swapped = rows[:, ::-1]

    assert not np.allclose(shelf.get("small").score(swapped), shelf.get("small").score(rows))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"amount": 1, "speed": 2}', "row 0: missing 'heat'; every feature of the model is needed"),
        ('{"amount": 1, "speed": 2, "heatt": 3}', "row 0: no feature 'heatt'; did you mean 'heat'?"),
        ('{"amount": "x", "speed": 2, "heat": 3}', "row 0, feature 'amount': \"x\" is not a finite number"),
        ('{"amount": null, "speed": 2, "heat": 3}', "row 0, feature 'amount': null is not a finite number"),
        ("[" * 90_000, "the body is not understood"),
        ("", "the body is not understood"),
    ],
)
def test_a_bad_row_is_told_in_one_sentence(client, body, said):
    answer = client.post("/", data=body, content_type="application/json")

    assert answer.status_code == 400
    assert list(answer.json) == ["error"]
    assert answer.json["error"].startswith(said)


def test_a_null_among_many_rows_is_told_with_its_row_and_column(client, rows):
    many = rows.tolist()
    many[17][1] = None

    answer = post_rows(client, many)

    assert (answer.status_code, answer.json["error"]) == (
        400,
        "row 17, feature 'speed': null is not a finite number",
    )


@pytest.mark.parametrize("cut", [1, 7, 23])
def test_a_block_of_no_whole_rows_is_refused(client, rows, cut):
    answer = post_block(client, to_bytes(rows)[:-cut])

    assert answer.status_code == 400
    assert "no whole number of rows of 3 float64" in answer.json["error"]


def test_a_block_without_its_columns_is_refused(client, rows):
    answer = post_block(client, rows, columns=None)

    assert answer.status_code == 400
    assert f"header {COLUMNS} is missing" in answer.json["error"]


def test_a_body_that_ends_too_early_is_refused(client, rows):
    answer = post_block(client, rows, environ_overrides={"CONTENT_LENGTH": str(44 * 24)})

    assert answer.status_code == 400
    assert "the body ended after 1032 of 1056 bytes" in answer.json["error"]


@pytest.mark.parametrize("kind", [CONTENT_TYPE, "application/json"])
def test_a_body_that_is_too_large_is_not_read(client, kind):
    answer = client.post("/classify", data=b" " * (MOST + 8), content_type=kind, headers={COLUMNS: DIGEST})

    assert answer.status_code == 413
    assert f"a body of {MOST + 8} bytes is too large, at most {MOST}" in answer.json["error"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None])
def test_another_content_type_is_refused_with_the_needed_one(client, kind):
    answer = client.post("/classify", data=b"{}", content_type=kind)

    assert answer.status_code == 415
    assert "application/json was needed" in answer.json["error"]


@pytest.mark.parametrize("path", ["/classify?model=smal", "/?model=smal", "/models/smal"])
def test_an_unknown_model_gets_the_nearest_name(client, path):
    answer = client.get(path) if path.startswith("/models") else client.post(path, json={})

    assert answer.status_code == 404
    assert answer.json["error"] == "no model 'smal'; did you mean 'small'?"


def test_a_version_is_asked_for_by_name(client, shelf, rows):
    answer = post_block(client, rows, "small%401")

    assert answer.headers[VERSION] == "small@1"
    assert to_scores(answer.data, 43).tolist() == shelf.get("small@1").score(rows).tolist()


def test_what_is_no_route_is_told_in_json_too(client):
    for answer, status in ((client.get("/nope"), 404), (client.get("/classify"), 405)):
        assert answer.status_code == status
        assert "error" in answer.json


def test_a_failure_inside_shows_no_trace_and_is_counted(folder, rows, monkeypatch, caplog):
    client = Client(create_app(open_shelf(folder), "small", MOST))
    before = values().get('atipico_refused_total{reason="broken"}', 0)
    monkeypatch.setattr(Model, "score", lambda self, rows: 1 / 0)

    answers = [post_block(client, rows), post_rows(client, rows.tolist())]

    assert [answer.status_code for answer in answers] == [500, 500]
    assert all("ZeroDivision" not in answer.text and "Traceback" not in answer.text for answer in answers)
    assert values()['atipico_refused_total{reason="broken"}'] == before + 2
    assert "ZeroDivisionError" in caplog.text


def test_a_model_is_told_with_what_a_sender_needs(client):
    told = client.get("/models/small").json
    listed = client.get("/models").json

    assert (told["name"], told["version"], told["id"]) == ("small", 2, "small@2")
    assert (told["columns"], told["digest"], told["threshold"]) == (list(NAMES), DIGEST, 0.5)
    assert set(told["usual"]) == set(NAMES)
    assert [model["id"] for model in listed["models"]] == ["small@1", "small@2", "strange@1"]
    assert client.get("/models/small@1").json["id"] == "small@1"


def test_ready_means_that_the_golden_rows_pass_just_now(folder, monkeypatch):
    client = Client(create_app(open_shelf(folder), "small", MOST))
    assert client.get("/-/ready").json["models"] == ["small@1", "small@2", "strange@1"]

    monkeypatch.setattr(Model, "_finite", lambda self, rows: np.zeros(len(rows)))
    answer = client.get("/-/ready")

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert "golden row" in answer.json["error"]


def test_no_model_is_alive_but_not_ready(tmp_path):
    client = Client(create_app(open_shelf(tmp_path), "small", MOST))

    assert client.get("/health").status_code == client.get("/ping").status_code == 200
    assert client.get("/-/ready").status_code == 503
    assert client.post("/", json={}).status_code == 404


def test_a_refused_model_answers_503_with_its_reason_and_others_are_served(folder, tmp_path, rows):
    models = shutil.copytree(folder, tmp_path / "models")
    (models / "strange" / "1" / "model.onnx").write_bytes(b"")
    client = Client(create_app(open_shelf(models), "small", MOST))

    answer = post_block(client, rows, "strange")

    assert answer.status_code == 503
    assert "strange@1 is not served" in answer.json["error"]
    assert "model.onnx" in client.get("/models").json["refused"]["strange@1"]
    assert client.get("/-/ready").status_code == 200
    assert post_block(client, rows).status_code == 200


def test_the_openapi_document_lists_every_route(client):
    document = client.get("/openapi.json").json

    assert set(document["paths"]) == {
        "/",
        "/classify",
        "/models",
        "/models/{name}",
        "/ping",
        "/health",
        "/-/ready",
        "/metrics",
    }
    bodies = document["paths"]["/classify"]["post"]["requestBody"]["content"]
    assert set(bodies) == {"application/json", CONTENT_TYPE}
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert named
    assert named <= set(document["components"]["schemas"])


def test_metrics_count_the_rows_of_each_model(client, rows):
    before = values().get('atipico_samples_out_total{stream="strange@1"}', 0)

    post_block(client, rows, "strange")

    assert f'atipico_samples_out_total{{stream="strange@1"}} {before + 43}' in client.get("/metrics").text


def test_the_defaults_in_the_config_file_are_the_defaults(tmp_path, monkeypatch):
    text = (PACKAGE / "classifier" / "config.toml").read_text()
    (tmp_path / "all.toml").write_text(re.sub(r"(?m)^# (\w+ = )", r"\1", text))

    monkeypatch.setitem(ClassifierSettings.model_config, "toml_file", tmp_path / "none.toml")
    plain = ClassifierSettings()
    monkeypatch.setitem(ClassifierSettings.model_config, "toml_file", tmp_path / "all.toml")

    assert ClassifierSettings() == plain


@pytest.fixture
def run(tmp_path):
    """The run folder of `process`."""
    return tmp_path / "run"


@pytest.fixture
def process(folder, run):
    """A classifier in its own process, on a free port; gives its URL and the process."""
    port = free_port()
    code = (
        "import sys; from pathlib import Path; from atipico.classifier.app import run;"
        "run(int(sys.argv[1]), None, Path(sys.argv[2]))"
    )
    environment = {**os.environ, "ATIPICO_RUN": str(run), "ATIPICO_CLASSIFIER_DEFAULT": "small"}
    started = subprocess.Popen([sys.executable, "-c", code, str(port), folder], env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: started.poll() is None and _ready(url))
        yield url, started
    finally:
        started.kill()
        started.wait()


def _ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/-/ready", timeout=1).ok
    except requests.RequestException:
        return False


def test_a_real_process_serves_the_agents_scorer_and_ends_on_sigterm(process, shelf, rows):
    url, started = process
    scorer = HttpScorer(url, "small", 5.0, threading.Event())

    scored = scorer.score(rows)

    assert scorer.info() == shelf.get("small").info()
    assert scored.scores.tolist() == shelf.get("small").score(rows).tolist()
    assert (scored.version, scored.threshold, scored.refused) == ("small@2", 0.5, {})
    scorer.close()
    started.send_signal(signal.SIGTERM)
    assert started.wait(20) == 0


def test_a_real_process_takes_a_body_of_unknown_length_and_refuses_other_hosts(process, rows):
    url, _ = process
    one = json.dumps(dict(zip(NAMES, rows[0].tolist(), strict=True))).encode()

    chunked = requests.post(url, data=iter([one[:9], one[9:]]), headers={"Content-Type": "application/json"}, timeout=9)
    foreign = requests.get(f"{url}/models", headers={"Host": "elsewhere.example"}, timeout=9)

    assert (chunked.status_code, chunked.json()["version"]) == (200, "small@2")
    assert foreign.status_code == 403


def test_a_new_version_is_served_when_it_is_asked_for_while_requests_go_on(process, run, folder, rows):
    url, _ = process
    scorer, versions, stop = HttpScorer(url, "small", 5.0, threading.Event()), [], threading.Event()

    def score() -> None:
        while not stop.is_set():
            versions.append(scorer.score(rows).version)

    asking = threading.Thread(target=score)
    asking.start()
    new = register(small(seed=2), folder)
    until(lambda: len(versions) > 5)
    before = set(versions)
    ask(run)
    until(lambda: versions[-1] == new.id)
    stop.set()
    asking.join()

    assert before == {"small@2"}  # there, and not yet served
    assert versions == sorted(versions)  # never back, and no request was refused
    shutil.rmtree(folder / "small" / "3")


def test_models_that_are_damaged_when_they_are_read_again_stop_no_other(process, run, folder):
    url, _ = process
    graph = folder / "small" / "2" / "model.onnx"
    whole = graph.read_bytes()

    graph.write_bytes(whole[:-1])
    number = ask(run)
    until(lambda: requests.get(f"{url}/models", timeout=9).json()["asked"] == number)
    told = requests.get(f"{url}/models", timeout=9).json()
    graph.write_bytes(whole)

    assert [one["id"] for one in told["models"]] == ["small@1", "strange@1"]
    assert "model.onnx" in told["refused"]["small@2"]
