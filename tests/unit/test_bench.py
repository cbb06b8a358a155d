"""The naive chain that ours is measured beside: it must do the same work, or the ratio says nothing."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from atipico.agent.server import listen, serve
from atipico.agent.work import SumWork
from atipico.scorers.sum import SumScorer
from atipico.sources import make
from atipico.wire.points import group_of, read_answer, read_points, write_point
from atipico.wire.sample import SHARD_TAG, Sample
from scripted import Host

ROOT = Path(__file__).parents[2]
PAYMENTS = [
    Sample("payments", tags, fields, 1_700_000_000_000_000_000 + number)
    for number, (tags, fields) in enumerate(make("payments", seed=2).read({}, 120).rows)
]


def encoded(samples: list[Sample]) -> list[bytes]:
    """The samples as a host sends them."""
    return [write_point(sample, "atipico", *group_of(sample.tags, SHARD_TAG)) for sample in samples]


def connected(path: Path, within_s: float = 20.0) -> Host:
    deadline = time.monotonic() + within_s
    while True:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(path))
            return Host(connection)
        except OSError:
            connection.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


@pytest.fixture
def half_service() -> Iterator[str]:
    """A service that scores an amount above 50 with 1 and any other with 0; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sample = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps({"score": float(sample["amount"] > 50)}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def naive(tmp_path: Path, half_service: str) -> Iterator[Callable[[], Host]]:
    """The naive agent as the bench starts it; gives connections to it."""
    path = tmp_path / "naive.sock"
    command = [sys.executable, "-P", str(ROOT / "bench" / "naive" / "agent.py")]
    words = ["--socket", str(path), "--url", half_service]
    process = subprocess.Popen(command + words, env={**os.environ, "PYTHONPATH": str(ROOT / "services")})
    yield lambda: connected(path)
    process.terminate()
    process.wait(10)


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Callable[[], Host]]:
    """Our agent with a scorer that needs no classifier; gives connections to it."""
    path = tmp_path / "ours.sock"
    listener = listen(path)
    threading.Thread(target=serve, args=(listener, lambda *_: SumWork(SumScorer())), daemon=True).start()
    yield lambda: connected(path)
    listener.close()


def test_the_naive_agent_answers_the_same_points_in_the_same_order_as_ours(naive, ours):
    answers = []
    for connect in (naive, ours):
        host = connect()
        assert host.init(job="payments").init.success
        host.points(encoded(PAYMENTS))
        answers.append(read_points(host.answers(len(PAYMENTS)), None))

    assert answers[0].times == answers[1].times == [sample.time for sample in PAYMENTS]
    assert answers[0].groups == answers[1].groups
    assert set(answers[1].columns) <= set(answers[0].columns)


def test_the_naive_agent_scores_every_point_by_its_service_and_gives_all_its_fields_back(naive):
    host = naive()
    host.init(job="payments")
    host.points(encoded(PAYMENTS))
    answers = host.answers(len(PAYMENTS))

    scores = [read_answer(answer)[1] for answer in answers]
    assert [score.score for score in scores] == [float(sample.fields["amount"] > 50) for sample in PAYMENTS]
    assert all(score.scored and score.version == "naive@1" for score in scores)
    assert [score.anomalous for score in scores] == [score.score >= 0.5 for score in scores]
    fields = read_points(answers, None).columns
    for name in PAYMENTS[0].fields:
        assert fields[name] == [sample.fields[name] for sample in PAYMENTS]


def test_the_naive_agent_answers_what_a_host_asks_beside_points(naive):
    host = naive()

    host.send(info={})
    assert host.next().WhichOneof("message") == "info"
    host.send(keepalive={"time": 7})
    assert host.next().keepalive.time == 7
    host.send(snapshot={})
    assert host.next().WhichOneof("message") == "snapshot"
    host.send(restore={"snapshot": b""})
    assert host.next().restore.success


def test_the_bench_of_features_works_out_those_of_every_row_and_counts_its_time():
    script, file = ROOT / "bench" / "features.py", ROOT / "data" / "payments" / "sample.csv"

    said = subprocess.run(
        [sys.executable, script, file, "--rows", "40", "--block", "15", "--repeat", "2", "--json"],
        check=True,
        capture_output=True,
    )

    told = json.loads(said.stdout)
    assert [(one["rows"], one["features"]) for one in told] == [(40, 23)] * 2
    assert all(one["cpu_s"] > 0 and one["rows_per_s"] == one["rows"] / one["cpu_s"] for one in told)
