"""SIGTERM: each part finishes what it has, in bounded time, and says what it left undone."""

from __future__ import annotations

import ctypes
import os
import signal
import sqlite3
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from recorder import recording
from running_page import outcome, sample
from running_part import RunningPart
from running_store import free_port
from scripted import Host, ScriptedClassifier
from waiting import until

ROW = b'{"rows": [{"amount": 1}]}'
HALF = b"POST /classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
WRITE = b"POST /write?db=atipico HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
STREAM = '[streams.payments]\nsource = "payments"\nrate = 500\n'
JOB = 'model = "test"\nstream = "pump"\n[features]\nheat = "heat"\n'


@pytest.fixture
def run() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="at-") as folder:  # short: a socket's path is
        yield Path(folder)


@pytest.fixture
def part(run):
    """Starts parts that do not outlive the test."""
    started: list[RunningPart] = []

    def start(name: str, *words: str, **settings: object) -> RunningPart:
        started.append(RunningPart(run, name, *words, **settings))
        return started[-1]

    yield start
    for one in started:
        one.close()


def test_a_request_that_is_on_its_way_is_answered_before_the_classifier_ends(part):
    classifier = part("classifier").listening()
    head = (HALF % len(ROW)).replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")
    with classifier.connect(head) as half:
        assert half.recv(100).startswith(b"HTTP/1.1 100")  # it is being dealt with
        classifier.told_to_stop()
        until(lambda: "stopping" in classifier.log.read_text())

        half.sendall(ROW)
        answer = half.recv(2**16)

    assert answer.startswith(b"HTTP/1.1 400"), answer  # the model wants more than an amount
    assert classifier.left() == {}


@pytest.mark.parametrize("name", ["store", "classifier", "page"])
@pytest.mark.parametrize("sent", [b"POST /cla", HALF % 1000 + b"{"], ids=["half a header", "half a body"])
def test_a_request_that_never_ends_does_not_keep_a_part_from_ending(part, name, sent):
    served = part(name).listening()
    with served.connect(sent):
        left = served.told_to_stop().left()

    assert sum(left.values()) <= 1


@pytest.mark.skipif(sys.platform != "linux", reason="needs tgkill, by which one thread of another process is told")
@pytest.mark.parametrize("name", ["store", "host", "agent"])
def test_a_part_that_is_told_to_stop_in_any_of_its_threads_stops(part, name):
    told = part(name)
    if name == "store":
        told.listening()

    def tell() -> bool:
        """Whether a thread was there to be told, which had not ended."""
        threads = {*os.listdir(f"/proc/{told.process.pid}/task")} - {str(told.process.pid)}
        return bool(threads) and ctypes.CDLL(None).tgkill(told.process.pid, int(min(threads)), signal.SIGTERM) == 0

    until(told.beat)
    until(tell)

    assert told.left() == {}


def test_the_store_folds_all_that_it_accepted_before_it_ends(part, run):
    store = part("store").listening()
    lines = b"".join(b"pump heat=%d %d\n" % (at, at + 1) for at in range(20_000))
    with store.connect(WRITE % len(lines), lines) as writer:
        assert writer.recv(100).startswith(b"HTTP/1.1 204")
        left = store.told_to_stop().left()

    assert left == {}
    with sqlite3.connect(run / "store" / "atipico" / "tables.sqlite") as tables:
        [(number,)] = tables.execute("SELECT id FROM measurement WHERE name = 'pump'").fetchall()
        assert tables.execute(f"SELECT count(*) FROM m{number}").fetchone() == (20_000,)


def test_the_page_lets_go_of_browsers_that_are_kept_up_to_date(part):
    store = part("store").listening()
    lines = "\n".join([sample(1, 20.0), outcome(1, 0.1)]).encode()
    with store.connect(WRITE % len(lines), lines) as writer:
        assert writer.recv(100).startswith(b"HTTP/1.1 204")
    page = part("page", store_port=store.port).listening()

    def listening() -> bool:
        browser = page.connect(b"GET /events?job=pumps&field=heat&place=1.1.1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        opened.append(browser)
        return b"text/event-stream" in browser.recv(1000)

    opened: list = []
    until(listening)

    assert page.told_to_stop().left() == {}  # a request that was given up would be told
    for browser in opened:
        browser.close()


def test_the_generator_sends_what_is_in_its_spool_before_it_ends(part, run):
    with recording() as recorder:
        slow = threading.Event()
        recorder.taken = lambda: slow.wait(0.3) and None
        (run / "generator.toml").write_text(STREAM)
        generator = part("generator", store_port=recorder.port)
        until(lambda: len(recorder.points) > 100)
        left = generator.told_to_stop().left()

    with sqlite3.connect(run / "generator" / "payments.sqlite") as spool:
        assert spool.execute("SELECT count(*) FROM block").fetchone() == (0,)
    assert left == {}


def test_the_generator_says_how_many_samples_it_kept_for_later(part, run):
    (run / "generator.toml").write_text(STREAM)
    generator = part("generator", store_port=free_port())
    until(lambda: generator.value('atipico_backlog{what="spool_samples"}') > 100)

    left = generator.told_to_stop().left()

    with sqlite3.connect(run / "generator" / "payments.sqlite") as spool:
        [(kept,)] = spool.execute("SELECT sum(samples) FROM block").fetchall()
    assert left == {"samples in the spool, for the next start": kept}


@pytest.fixture
def agent(part, run):
    """An agent with the job `pumps` before a classifier that waits for its gate."""
    (run / "jobs").mkdir()
    (run / "jobs" / "pumps.toml").write_text(JOB)
    gate, asked = threading.Event(), threading.Event()

    def script(rows):
        asked.set()
        gate.wait()
        return rows[:, 0] / 100

    classifier = ScriptedClassifier(("heat",), script)
    agent = part("agent", classifier_port=int(classifier.url.rpartition(":")[2]), agent_classifier_timeout="30s")
    agent.gate, agent.asked = gate, asked
    yield agent
    gate.set()
    classifier.close()


def kapacitor(run: Path, points: int) -> Host:
    """A host that never sends again what it sent, some points long."""
    import socket

    from test_agent import point

    until((run / "agent.sock").is_socket)
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(run / "agent.sock"))
    host = Host(connection)
    assert host.init(job="pumps").init.success
    host.points([point(at, heat=20.0) for at in range(points)])
    return host


def test_the_agent_answers_what_came_in_before_it_ends(agent, run):
    host = kapacitor(run, 500)
    assert agent.asked.wait(20)

    agent.told_to_stop()
    until(lambda: not (run / "agent.sock").exists())
    agent.gate.set()

    assert len(host.answers(500)) == 500
    assert agent.left() == {}


def test_the_agent_says_how_many_points_are_without_an_answer(agent, run):
    kapacitor(run, 500)
    assert agent.asked.wait(20)

    left = agent.told_to_stop().left()

    assert left == {"points without an answer, which a host that begins again sends again": 500}


def pumped(store: RunningPart, first: int, last: int) -> None:
    lines = b"".join(b"pump heat=%d %d\n" % (at, at + 1) for at in range(first, last))
    with store.connect(WRITE % len(lines), lines) as writer:
        assert writer.recv(100).startswith(b"HTTP/1.1 204")


def outcomes(store: RunningPart) -> int:
    asked = {"db": "atipico", "q": 'SELECT count("score") FROM "scores"'}
    told = requests.get(f"http://127.0.0.1:{store.port}/query", asked, timeout=30).json()["results"][0]
    return told["series"][0]["values"][0][1] if "series" in told else 0


def begun_again(part, store: RunningPart, end: Callable[[RunningPart], object]) -> int:
    """How many samples a host takes in once one more came, after one before it had 3000 and was ended."""
    settings = {"store_port": store.port, "host_checkpoint_every": "10m"}
    host = part("host", **settings)
    pumped(store, 0, 3000)
    until(lambda: host.value('atipico_samples_out_total{stream="pumps"}') == 3000)
    end(host)

    again = part("host", **settings)
    pumped(store, 3000, 3001)
    until(lambda: outcomes(store) == 3001)
    assert again.told_to_stop().left() == {}
    return int(again.value('atipico_samples_in_total{stream="pumps"}'))


def test_the_host_marks_what_has_its_outcome_so_that_the_next_start_does_nothing_again(part, agent):
    agent.gate.set()
    store = part("store").listening()

    assert begun_again(part, store, lambda host: host.told_to_stop().left()) == 1


def test_control_a_host_that_is_killed_is_seen_to_do_it_again(part, agent):
    agent.gate.set()
    store = part("store").listening()

    assert begun_again(part, store, RunningPart.close) > 3000


def test_the_host_says_how_many_samples_wait_for_their_outcome(part, agent):
    store = part("store").listening()
    host = part("host", store_port=store.port)
    pumped(store, 0, 3000)
    until(lambda: host.value('atipico_samples_in_total{stream="pumps"}') == 3000)

    left = host.told_to_stop().left()

    assert left == {"samples without an outcome, sent again by the next start": 3000}
