"""Our agent behind the real Kapacitor."""

from __future__ import annotations

import itertools
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import requests

from atipico.engines.kapacitor.tick import script
from atipico.registry.jobs import load_job
from parts import Agent, EmbeddedHost
from running_store import RunningStore
from scripted import ScriptedClassifier
from servers import Influx, Kapacitor
from waiting import until

pytestmark = pytest.mark.timeout(300)  # servers and parts start and end in each

START = 1_700_000_000 * 10**9
JOB = """
model = "test"
stream = "{stream}"
clock = "t"
[features]
amount = "amount"
count = {{ count = "amount", by = "card", over = 50 }}
z = {{ z = "amount", by = "card", over = 20 }}
hour = {{ mean = "amount", by = "card", over = "1h" }}
"""
COLUMNS = ("amount", "count", "z", "hour")


def lines(samples: int, stream: str = "sale", first: int = 0) -> list[str]:
    """Line protocol of sales by 20 cards in four shards; always the same ones."""
    chance = random.Random(first)
    found = []
    for at in range(first, first + samples):
        card, amount = chance.randrange(20), round(chance.lognormvariate(3, 1), 2)
        found.append(f"{stream},shard={card % 4} amount={amount},card={card}i,t={START + at * 10**10}i {START + at}")
    return found


class Slowly:
    """Scores a row by all of its columns; the next block takes `pause_s`."""

    def __init__(self) -> None:
        self.pause_s = 0.0

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        pause_s, self.pause_s = self.pause_s, 0.0
        time.sleep(pause_s)
        return 1 / (1 + np.exp(-np.nan_to_num(rows) @ [0.01, 0.02, 0.5, -0.01]))


class Chain:
    """Agent and classifier of ours; InfluxDB and Kapacitor."""

    def __init__(self, new: Callable, folder: Path, timeout: str = "10s") -> None:
        self.run, self.slowly = folder / "run", Slowly()
        (self.run / "jobs").mkdir(parents=True)
        self.classifier = ScriptedClassifier(COLUMNS, self.slowly)
        self.socket = folder / "a.sock"
        self.agent = self.new_agent(self.run, self.socket)
        self.influx = new(Influx).start()
        self.kapacitor = new(Kapacitor, self.influx, {"atipico": self.socket}, timeout)

    def new_agent(self, run: Path, socket: Path) -> Agent:
        port = urlsplit(self.classifier.url).port or 0
        return Agent(run, socket, port, ATIPICO_AGENT_CLASSIFIER_TIMEOUT="30s", ATIPICO_LOG="debug")

    def start(self) -> Chain:
        self.agent.start()
        self.kapacitor.start()
        until(lambda: self.influx.query("SHOW SUBSCRIPTIONS"))
        return self

    def task(self, job: str, stream: str = "sale") -> None:
        """A job, and the task that the product makes of it."""
        file = self.run / "jobs" / f"{job}.toml"
        file.write_text(JOB.format(stream=stream))
        self.kapacitor.task(job, script(load_job(file), "atipico", "autogen", by_shard=True, flush_s=0.05))
        until(lambda: self.kapacitor.look(job)["executing"])

    def revive(self, job: str) -> None:
        self.kapacitor.patch(job, status="disabled")
        self.kapacitor.patch(job, status="enabled")
        until(lambda: self.kapacitor.look(job)["executing"])

    def write(self, samples: list[str], at_once: int = 500) -> None:
        for begin in range(0, len(samples), at_once):
            self.influx.write("\n".join(samples[begin : begin + at_once]).encode())

    def snapshots(self) -> int:
        """How many Kapacitor was told."""
        return self.agent.said.read_text().count('"event": "snapshot"')

    def outcomes(self, job: str = "sales") -> dict[tuple[int, str], tuple]:
        """What was told of each sample: score, anomalous, version, scored; by time and shard."""
        return outcomes(self.influx.query, job)

    def close(self) -> None:
        self.agent.stop()
        self.classifier.close()


def outcomes(query: Callable, job: str) -> dict[tuple[int, str], tuple]:
    asked = f"SELECT score, anomalous, version, scored FROM scores WHERE atipico_job = '{job}' GROUP BY \"shard\""
    return {(row[0], one["tags"]["shard"]): tuple(row[1:]) for one in query(asked) for row in one["values"]}


@pytest.fixture
def new_chain(new, tmp_path_factory):
    made = []

    def make(**more: str) -> Chain:
        made.append(Chain(new, tmp_path_factory.mktemp("k"), **more))
        return made[-1]

    yield make
    for chain in made:
        chain.close()


@pytest.fixture
def chain(new_chain):
    return new_chain().start()


def test_each_sample_of_a_stream_has_one_outcome_under_its_own_time_and_tags(chain):
    chain.task("sales")
    samples = lines(3000)

    chain.write(samples)

    until(lambda: len(chain.outcomes()) == len(samples))
    told = chain.outcomes()
    expected = {(int(line.rsplit(" ")[-1]), line.split("shard=")[1][0]) for line in samples}
    assert told.keys() == expected
    assert {(row[2], row[3]) for row in told.values()} == {("test@1", True)}


def test_kapacitor_opens_its_port_only_once_the_agent_has_answered(new_chain):
    chain = new_chain()
    chain.kapacitor.launch()
    until(lambda: "opened task master" in chain.kapacitor.tail())  # the last it says before it asks its UDFs
    assert not chain.kapacitor.up()

    chain.agent.start()

    assert until(chain.kapacitor.up)


def test_several_tasks_share_one_socket_and_keep_their_own_windows(chain):
    chain.task("sales")
    chain.task("rents", "rent")
    sales, rents = lines(600), lines(400, "rent")

    chain.write([line for pair in zip(sales, rents, strict=False) for line in pair] + sales[400:])

    until(lambda: (len(chain.outcomes("sales")), len(chain.outcomes("rents"))) == (600, 400))
    both = chain.outcomes("sales").items() & chain.outcomes("rents").items()
    assert len(both) == 400  # the same samples with the same past: neither saw the other's


def test_a_job_that_the_option_names_and_nobody_knows_stops_its_task_and_no_other(chain):
    chain.task("sales")
    known = script(load_job(chain.run / "jobs" / "sales.toml"), "atipico", "autogen", by_shard=True, flush_s=0.05)

    chain.kapacitor.task("strange", known.replace("'sales'", "'nobody'"))

    until(lambda: "no job 'nobody'; there are sales" in chain.kapacitor.look("strange")["error"])
    chain.write(lines(10))
    until(lambda: len(chain.outcomes()) == 10)


def test_a_batch_task_is_refused_because_the_agent_takes_streams(chain):
    asked = "batch|query('SELECT amount FROM atipico.autogen.sale').period(1s).every(1s)@atipico().job('sales')"

    with pytest.raises(AssertionError, match="stream"):
        chain.kapacitor.task("asked", asked, "batch")


def test_a_classifier_slower_than_the_timeout_ends_no_task(new_chain):
    chain = new_chain(timeout="2s").start()
    chain.task("sales")
    chain.slowly.pause_s = 6.0

    chain.write(lines(200))

    until(lambda: len(chain.outcomes()) == 200)
    assert chain.kapacitor.look("sales")["executing"]


def test_an_agent_that_says_nothing_for_the_timeout_ends_the_task(new_chain):
    """The control of the test before: it is the answered keepalives that keep the task alive."""
    chain = new_chain(timeout="2s").start()
    chain.task("sales")

    more = itertools.count()

    chain.agent.process.send_signal(signal.SIGSTOP)
    # Kapacitor notices with the next point.
    until(lambda: not chain.kapacitor.look("sales")["executing"], lambda: chain.write(lines(1, first=next(more))))

    assert "keepalive" in chain.kapacitor.look("sales")["error"]
    chain.agent.kill()  # what is stopped hears nothing else


def test_after_a_restart_of_kapacitor_the_windows_go_on(chain):
    chain.task("sales")
    samples = lines(1200)
    chain.write(samples[:600])
    until(lambda: len(chain.outcomes()) == 600)

    chain.kapacitor.kill()
    chain.kapacitor.start()
    until(lambda: chain.kapacitor.look("sales")["executing"])
    chain.write(samples[600:])

    until(lambda: len(chain.outcomes()) == 1200)
    assert chain.outcomes() == as_if_nothing_happened(chain, samples)


def test_after_a_restart_of_both_sides_a_snapshot_brings_the_windows_back(chain):
    chain.task("sales")
    samples = lines(1200)
    chain.write(samples[:600])
    until(lambda: len(chain.outcomes()) == 600)
    told = chain.snapshots()
    until(lambda: chain.snapshots() >= told + 2)  # one holds all of them

    chain.kapacitor.stop()
    chain.agent.kill()
    chain.agent.start()
    chain.kapacitor.start()
    until(lambda: chain.kapacitor.look("sales")["executing"])
    chain.write(samples[600:])

    until(lambda: len(chain.outcomes()) == 1200)
    assert chain.outcomes() == as_if_nothing_happened(chain, samples)


def test_a_killed_agent_ends_the_task_and_a_revived_task_scores_what_comes_then(chain):
    chain.task("sales")
    chain.write(lines(100))
    until(lambda: len(chain.outcomes()) == 100)

    chain.agent.kill()
    chain.agent.start()
    chain.write(lines(5, first=100))  # the write that finds the socket broken
    until(lambda: not chain.kapacitor.look("sales")["executing"])
    chain.revive("sales")
    chain.write(lines(100, first=200))

    until(lambda: len(chain.outcomes()) >= 200)
    lost = {START + at for at in range(100, 105)} - {time for time, _ in chain.outcomes()}
    assert lost == {START + at for at in range(100, 105)}  # Kapacitor's loss, which a sweeper must find


def test_the_embedded_host_and_the_real_kapacitor_tell_the_same_outcomes(chain, tmp_path_factory):
    chain.task("sales")
    samples = lines(4000)

    chain.write(samples)
    until(lambda: len(chain.outcomes()) == len(samples))
    real, ours = chain.outcomes(), as_if_nothing_happened(chain, samples)

    assert real.keys() == ours.keys()
    assert np.allclose([real[key][0] for key in real], [ours[key][0] for key in real], rtol=0, atol=1e-6)
    assert {key: row[1:] for key, row in real.items()} == {key: row[1:] for key, row in ours.items()}
    assert len({row[0] for row in real.values()}) > 3000  # the control: they are not all alike


def as_if_nothing_happened(chain: Chain, samples: list[str]) -> dict[tuple[int, str], tuple]:
    """The outcomes of the same samples from the embedded store and host, through an agent that was never killed."""
    folder = chain.run.parent / "embedded"
    (folder / "jobs").mkdir(parents=True)
    (folder / "jobs" / "sales.toml").write_text(JOB.format(stream="sale"))
    store = RunningStore(folder).start()
    agent = chain.new_agent(folder, folder / "b.sock")
    host = EmbeddedHost(folder, ATIPICO_STORE_PORT=store.port, ATIPICO_HOST_AGENT_SOCKET=folder / "b.sock")
    try:
        requests.post(f"{store.url}/query", params={"q": "CREATE DATABASE atipico"}, timeout=30)
        agent.start()
        host.start()
        body = "\n".join(samples).encode()
        assert requests.post(f"{store.url}/write?db=atipico", data=body, timeout=30).status_code == 204

        def query(q: str) -> list[dict]:
            answer = requests.get(f"{store.url}/query", params={"db": "atipico", "q": q, "epoch": "ns"}, timeout=30)
            return answer.json()["results"][0].get("series", [])

        until(lambda: len(outcomes(query, "sales")) == len(samples))
        return outcomes(query, "sales")
    finally:
        for part in (host, agent, store):
            part.stop()
