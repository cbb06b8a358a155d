"""The stream host between a store that does as it is told and a real agent."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from prometheus_client import REGISTRY

from atipico.agent import session
from atipico.agent.server import listen, serve
from atipico.agent.work import SumWork
from atipico.errors import NotYet
from atipico.features.spec import parse_specs
from atipico.registry.jobs import Job
from atipico.scorers.sum import SumScorer
from atipico.stream import pending
from atipico.stream.ledger import Ledger, Mark
from atipico.stream.link import Link
from atipico.stream.runner import JobRunner
from atipico.stream.settings import HostSettings
from atipico.wire.lines import parse
from waiting import until

JOB = Job("pumps", "sum", "pump", parse_specs({"heat": "heat"}))
OK = (204, b"")


class ScriptedStore:
    """A log of lines given at the start, a record each; `script(body, headers)` tells how a write is answered."""

    def __init__(self, records: list[bytes]) -> None:
        self.records, self.taken, self.asked, self.holds_s = records, [], 0, 0.0
        self.script: Callable[[bytes, Any], tuple[int, bytes]] = lambda body, headers: OK
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                asked = parse_qs(urlsplit(self.path).query)
                threading.Event().wait(outer.holds_s)
                at = 0 if asked["offset"][0] == "first" else int(asked["offset"][0])
                if at >= len(outer.records):
                    threading.Event().wait(0.02)
                body = b"".join(outer.records[at : at + 1])
                after = min(at + 1, len(outer.records))
                told = {"X-Atipico-Begin": at, "X-Atipico-Next": after, "X-Atipico-End": len(outer.records)}
                self.reply(200, body, {name: str(offset) for name, offset in told.items()})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.asked += 1
                status, said = outer.script(body, self.headers)
                if status == 204:
                    outer.taken += parse(body, now=0).samples
                self.reply(status, said, {})

            def reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def times(self) -> list[int]:
        return [row.time for row in self.taken]


class Agent:
    """A real agent whose classifier is a sum; `gate` holds it back while it is clear."""

    def __init__(self, socket: Path) -> None:
        self.gate, self.sessions = threading.Event(), 0
        self.gate.set()
        self.listener = listen(socket)
        threading.Thread(target=serve, args=(self.listener, self._open), daemon=True).start()

    def _open(self, options: dict[str, str], one: Any) -> SumWork:
        self.sessions += 1
        agent = self

        class Held(SumScorer):
            def score(self, rows):
                agent.gate.wait()
                return super().score(rows)

        work = SumWork(Held())
        work.snapshot = lambda: b"kept"  # type: ignore[method-assign]
        return work


@pytest.fixture
def agent(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a short path for the socket
    monkeypatch.setenv("ATIPICO_RUN", str(tmp_path / "run"))
    agent = Agent(Path("a.sock"))
    yield agent
    agent.gate.set()
    agent.listener.close()


@pytest.fixture
def run(agent, tmp_path):
    """Starts a host on a store's records; gives the store."""
    stop, threads, stores = threading.Event(), [], []

    def run(
        records: list[bytes],
        ledger: Ledger | None = None,
        script=lambda body, headers: OK,
        agent_timeout: float = 10.0,
        holds_s: float = 0.0,
    ) -> ScriptedStore:
        store = ScriptedStore(records)
        store.holds_s = holds_s
        store.script = script
        stores.append(store)
        settings = HostSettings(store_port=store.server.server_port, checkpoint_every=0.05, agent_timeout=agent_timeout)
        ledger = ledger or Ledger(tmp_path / "pumps.json")
        threads.append(threading.Thread(target=JobRunner(JOB, settings, Path("a.sock"), ledger, stop).run))
        threads[-1].start()
        return store

    yield run
    stop.set()
    agent.gate.set()
    for thread in threads:
        thread.join(20)
    for store in stores:
        store.server.shutdown()
        store.server.server_close()


def test_an_agent_that_takes_long_to_begin_is_waited_for_while_it_answers_keepalives(agent, monkeypatch):
    monkeypatch.setattr(SumWork, "restore", lambda self, snapshot: threading.Event().wait(1.5))
    link = Link(Path("a.sock"), timeout_s=0.5)
    link.begin("pumps")

    link.restore(b"a large one")

    link.close()


def test_an_agent_that_answers_nothing_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    deaf = listen(Path("deaf.sock"))
    link = Link(Path("deaf.sock"), timeout_s=0.2)

    with pytest.raises(NotYet, match="silent"):
        link.begin("pumps")

    link.close()
    deaf.close()


def pump(at: int, more: str = "") -> bytes:
    return f"pump heat={at}{more} {at}\n".encode()


def lost() -> float:
    return REGISTRY.get_sample_value("atipico_lost_total", {"reason": "outcome refused by the store"}) or 0.0


def test_a_store_that_wants_the_token_gets_it_also_when_it_is_made_later(run, tmp_path):
    before, token = lost(), tmp_path / "run" / "token"
    right = "Token 0123456789abcdef"

    store = run([pump(at) for at in range(5)], script=lambda _, h: OK if h["Authorization"] == right else (401, b"{}"))
    until(lambda: store.asked > 2)
    token.write_text("0123456789abcdef\n")
    token.chmod(0o600)
    until(lambda: len(store.taken) >= 5)

    assert store.times() == list(range(5))
    assert lost() == before


def test_an_agent_with_nothing_to_answer_is_not_taken_for_a_silent_one_however_long_the_store_takes(run, agent):
    store = run([pump(at) for at in range(3)], agent_timeout=0.4, holds_s=1.0)

    until(lambda: len(store.taken) >= 3)

    assert (store.times(), agent.sessions) == ([0, 1, 2], 1)


def test_outcomes_that_are_too_much_at_once_are_written_in_halves(run):
    store = run(
        [b"".join(map(pump, range(50)))],
        script=lambda body, _: OK if len(body.split(b"\n")) <= 7 else (413, b"{}"),
    )

    until(lambda: len(store.taken) >= 50)

    assert store.times() == list(range(50))


def test_outcomes_that_do_not_fit_are_counted_each(run):
    before = lost()
    told = b'{"error":"partial write: field type conflict: dropped=3"}'

    run([b"".join(map(pump, range(50)))], script=lambda body, _: (400, told))
    until(lambda: lost() > before)

    assert lost() == before + 3


class FullDisk(Ledger):
    """No room for a mark."""

    def commit(self, mark: Mark) -> None:
        raise OSError(28, "No space left on device")


def test_a_mark_that_finds_no_room_on_the_disk_begins_nothing_again(run, agent, tmp_path):
    records = [pump(at) for at in range(200)]

    store = run(records, ledger=FullDisk(tmp_path / "full.json"))
    until(lambda: len(store.taken) >= len(records))

    assert (store.times(), agent.sessions) == (list(range(200)), 1)


def test_wide_samples_are_held_back_before_the_agent_leaves_any_out(run, agent, monkeypatch):
    monkeypatch.setattr(session, "_INBOX_BYTES", 64 * 2**10)
    monkeypatch.setattr(pending, "MOST_BYTES", 32 * 2**10)
    text = ',text="' + "x" * 4000 + '"'
    records = [pump(at, text) for at in range(100)]
    agent.gate.clear()

    store = run(records)
    until(lambda: agent.sessions)
    threading.Timer(1.5, agent.gate.set).start()
    until(lambda: len(store.taken) >= len(records))

    assert (store.times(), agent.sessions) == (list(range(100)), 1)
