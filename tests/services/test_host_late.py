"""A job goes back for samples that come late: real store, agent and host, in whatever order the samples come."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import requests
from prometheus_client import REGISTRY

from atipico.agent.server import listen, serve
from atipico.agent.work import judged, knowledge
from atipico.agent.works import Works
from atipico.features.block import Labels
from atipico.ports import ModelInfo, Scored
from atipico.registry.jobs import Job, load_job
from atipico.stream import sender
from atipico.stream.ledger import Ledger
from atipico.stream.runner import JobRunner
from atipico.stream.settings import HostSettings
from atipico.wire.sample import Score
from running_store import RunningStore
from waiting import until

MS, START = 10**6, 1_700_000_000 * 10**9
M, ALLOWED_MS = 600, 100

FEATURES = f"""
model = "sums"
stream = "sales"
clock = "at"
allowed_late = "{ALLOWED_MS}ms"
[labels]
stream = "frauds"
id = "id"
delay = "50ms"
[features]
amount = "amount"
before = {{ last = "amount", by = "card", over = 5 }}
usual = {{ mean = "amount", by = "card", over = "200ms" }}
frauds = {{ sum = "label", by = "card", over = 20 }}
"""
DETECTOR = f"""
stream = "sales"
clock = "at"
allowed_late = "{ALLOWED_MS}ms"
detector = {{ forecast = "amount", by = "card", over = 16, threshold = 0.99 }}
"""


class Sums:
    """Scores a row with a sum in which each feature counts: none can change unseen."""

    def info(self) -> ModelInfo:
        return ModelInfo("sums@1", ("amount", "before", "usual", "frauds"), 1e9, {})

    def score(self, rows: np.ndarray) -> Scored:
        return Scored(rows @ (1.0, 10.0, 100.0, 1000.0), 1e9, "sums@1", {})


class Chain:
    """A store, an agent and a host for one job."""

    def __init__(self, folder: Path, text: str) -> None:
        (folder / "jobs").mkdir()
        (folder / "jobs" / "sales.toml").write_text(text)
        self.job = load_job(folder / "jobs" / "sales.toml")
        self.folder, self.store = folder, RunningStore(folder).start()
        self._begin()

    def _begin(self) -> None:
        self._stop, works = threading.Event(), Works(self.folder / "jobs", self.folder / "agent", lambda *_: Sums())
        self._listener = listen(Path("a.sock"))
        threading.Thread(target=serve, args=(self._listener, works.open), daemon=True).start()
        settings = HostSettings(store_port=self.store.port, checkpoint_every=0.05, agent_timeout=2)
        self._host = JobRunner(self.job, settings, Path("a.sock"), Ledger(self.folder / "sales.json"), self._stop)
        self._thread = threading.Thread(target=self._host.run)
        self._thread.start()

    def again(self) -> None:
        """Host and agent begin anew, with what they have on disk."""
        self._end()
        self._begin()

    def _end(self) -> None:
        self._stop.set()
        self._thread.join(20)
        self._listener.shutdown(socket.SHUT_RDWR)  # also for the thread that waits in accept
        self._listener.close()

    def close(self) -> None:
        self._end()
        self.store.stop()

    def write(self, lines: list[str]) -> None:
        answer = requests.post(f"{self.store.url}/write?db=atipico", "\n".join(lines).encode(), timeout=10)
        assert answer.status_code == 204, answer.text

    def shows(self, samples: int) -> None:
        """Wait until so many samples have an outcome."""
        until(lambda: len(self.outcomes()) == samples)

    def outcomes(self) -> dict[int, Score]:
        fields = ", ".join(f'"{name}"' for name in Score._fields)
        rows = self.store.query(f'SELECT {fields} FROM "scores" WHERE time > 0')
        return {time: Score(*told) for time, *told in rows}


@pytest.fixture
def chain(tmp_path, monkeypatch, request) -> Iterator[Chain]:
    monkeypatch.chdir(tmp_path)  # a short path for the socket
    monkeypatch.setenv("ATIPICO_RUN", str(tmp_path / "run"))
    chain = Chain(tmp_path, request.param)
    yield chain
    chain.close()


def sales() -> list[tuple[int, int, int, float]]:
    """(clock in ms, time in ns, card, amount), one a ms of the clock."""
    dice = random.Random(7)
    return [(at, START + at * MS, dice.randrange(3), float(dice.randint(1, 9))) for at in range(M)]


def line(sale: tuple[int, int, int, float]) -> str:
    at, time, card, amount = sale
    return f"sales,shard=0 at={at * MS}i,card={card}i,amount={amount},id={at}i {time}"


def label(at: int) -> str:
    return f"frauds label=1i,id={at}i {START + at}"


def expected(job: Job, given: list[tuple[int, int, int, float]], labels: dict[int, int]) -> dict[int, Score]:
    """As if all had come in the order of the clock. labels: id -> the clock (ms) of the sample that it came behind."""
    given = sorted(given)
    known, times = knowledge(job), [time for _, time, *_ in given]
    columns = {
        "at": [at * MS for at, *_ in given],
        "card": [card for *_, card, _ in given],
        "amount": [amount for *_, amount in given],
        "id": [at for at, *_ in given],
    }
    clocks = columns["at"]
    told = sorted((clocks.index(behind * MS) + 1, id) for id, behind in labels.items())
    came = Labels([id for _, id in told], [1.0] * len(told), [at for at, _ in told])
    found = judged(known, Sums(), times, ["shard=0"] * len(times), columns, came)
    return dict(zip(times, found.scores, strict=True))


def parts(came: list[tuple[int, int, int, float]], size: int) -> list[list[tuple[int, int, int, float]]]:
    return [came[at : at + size] for at in range(0, len(came), size)]


def counted(name: str) -> float:
    return REGISTRY.get_sample_value(f"atipico_{name}_total", {"stream": "sales"}) or 0.0


def same(told: Score, other: Score) -> bool:
    return abs(told.score - other.score) < 1e-6 and told[1:] == other[1:]


def in_disorder(seed: int) -> list[tuple[int, int, int, float]]:
    """Each fifth sale comes up to 80 ms of the clock late."""
    dice = random.Random(seed)
    return sorted(sales(), key=lambda sale: sale[0] + (dice.randrange(80) if dice.random() < 0.2 else 0))


@pytest.mark.parametrize("chain", [FEATURES, DETECTOR], indirect=True, ids=["features", "detector"])
@pytest.mark.parametrize("dies", [False, True], ids=["", "host and agent begin anew"])
def test_what_comes_late_within_the_allowed_is_as_if_it_had_come_in_its_order(chain, dies):
    came, labels, first = in_disorder(1), {}, (counted("rewinds"), counted("too_late"))

    for number, part in enumerate(parts(came, 20)):
        furthest = max(at for at, *_ in came[: 20 * (number + 1)])
        labels |= {at: furthest for at, *_ in part[::4]}
        chain.write([line(sale) for sale in part] + [label(at) for at, *_ in part[::4]])
        if dies and number % 7 == 3:
            chain.again()
        chain.shows(20 * (number + 1))
    wanted = expected(chain.job, came, labels)
    until(lambda: all(same(told, wanted[time]) for time, told in chain.outcomes().items()))
    told = chain.outcomes()

    assert [time for time in wanted if not same(told[time], wanted[time])] == []
    assert counted("rewinds") > first[0] + 3
    assert counted("too_late") == first[1]


@pytest.mark.parametrize("chain", [FEATURES], indirect=True)
def test_the_control_a_host_that_does_not_go_back_is_seen_to_have_scored_without_what_came_late(chain, monkeypatch):
    monkeypatch.setattr(sender.Sender, "_way_back", lambda *_, **__: None)
    came = in_disorder(1)

    for part in parts(came, 20):
        chain.write([line(sale) for sale in part])
    chain.shows(M)
    told, wanted = chain.outcomes(), expected(chain.job, came, {})

    assert len([time for time in wanted if not same(told[time], wanted[time])]) > 20


@pytest.mark.parametrize("chain", [FEATURES], indirect=True)
def test_what_comes_later_than_is_allowed_is_scored_as_it_is_says_so_and_changes_nothing_before_it(chain):
    came, before = sales(), counted("too_late")
    late = came.pop(100)

    chain.write([line(sale) for sale in came])
    chain.shows(M - 1)
    others = chain.outcomes()
    chain.write([line(late)])
    chain.shows(M)
    told = chain.outcomes()

    assert told.pop(late[1]).why == "late 0.499 s"
    assert told == others
    until(lambda: counted("too_late") > before)


@pytest.mark.parametrize("chain", [FEATURES], indirect=True)
def test_a_stream_that_is_never_in_order_has_its_job_go_back_no_farther_than_is_allowed_and_a_little(
    chain, monkeypatch
):
    sent, again = [], sender.Sender._send_again
    monkeypatch.setattr(
        sender.Sender,
        "_send_again",
        lambda self, section, stop: sent.append(section.samples) or again(self, section, stop),
    )
    came = [sales()[at + 5 * (-1) ** (at // 5 % 2)] for at in range(M)]  # fives come in turns

    for number, part in enumerate(parts(came, 10)):
        chain.write([line(sale) for sale in part])
        chain.shows(10 * (number + 1))
    wanted = expected(chain.job, came, {})
    until(lambda: all(same(told, wanted[time]) for time, told in chain.outcomes().items()))

    assert [time for time, told in chain.outcomes().items() if not same(told, wanted[time])] == []
    assert len(sent) > 6
    assert max(sent) <= 3 * ALLOWED_MS
