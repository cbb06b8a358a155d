"""Our agent in a batch task of the real Kapacitor, whose query looks back over what it gave before."""

from __future__ import annotations

import random
import time
from pathlib import Path

import numpy as np
import pytest
from test_real_kapacitor import JOB, START, Chain, as_if_nothing_happened

from atipico.engines.kapacitor.engine import Engine
from atipico.engines.kapacitor.settings import KapacitorSettings
from servers import Kapacitor
from waiting import until

pytestmark = pytest.mark.timeout(300)

TASK = """batch
    |query('SELECT amount, card, t FROM atipico.autogen.sale')
        .period(5m)
        .every(1s)
        .groupBy(*)
    @atipico_batch()
        .job('sales')
    |influxDBOut()
        .database('atipico')
        .retentionPolicy('autogen')
        .measurement('scores')
        .tag('atipico_job', 'sales')
        .tag('source', 'sale')
        .precision('ns')
        .flushInterval(50ms)
"""


class Batch(Chain):
    """The chain with a batch task over the stream `sale`, all of whose samples are of the last minutes."""

    def __init__(self, new, folder: Path, timeout: str = "10s") -> None:
        super().__init__(new, folder, timeout)
        udfs = {"atipico": self.socket, "atipico_batch": self.socket.with_name("a-batch.sock")}
        self.kapacitor = new(Kapacitor, self.influx, udfs, timeout)
        self.chance, self.at = random.Random(0), 0

    def start(self) -> Batch:
        super().start()
        (self.run / "jobs" / "sales.toml").write_text('engine = "kapacitor"\n' + JOB.format(stream="sale"))
        self.kapacitor.task("sales", TASK, "batch")
        until(lambda: self.kapacitor.look("sales")["executing"])
        return self

    def sell(self, samples: int) -> list[str]:
        """Sales of now by 20 cards in four shards."""
        now, lines = time.time_ns() - samples, []
        for at in range(samples):
            card, amount = self.chance.randrange(20), round(self.chance.lognormvariate(3, 1), 2)
            clock = START + (self.at + at) * 10**10
            lines.append(f"sale,shard={card % 4} amount={amount},card={card}i,t={clock}i {now + at}")
        self.at += samples
        self.write(lines)
        return lines

    def settings(self) -> KapacitorSettings:
        return KapacitorSettings(influx_url=self.influx.url, kapacitor_url=self.kapacitor.url)

    def scored(self, samples: int) -> None:
        until(lambda: len(self.outcomes()) == samples)


@pytest.fixture
def batch(new, tmp_path_factory):
    made = []

    def make(**more: str) -> Batch:
        made.append(Batch(new, tmp_path_factory.mktemp("b"), **more))
        return made[-1].start()

    yield make
    for chain in made:
        chain.close()


def runs(chain: Chain) -> int:
    """How many results of groups the task's query gave so far."""
    return int(chain.kapacitor.look("sales")["stats"]["node-stats"]["query1"]["batches_queried"])


def given(chain: Chain) -> int:
    """How many outcomes the agent gave in this task so far."""
    nodes = chain.kapacitor.look("sales")["stats"]["node-stats"]
    return next(int(of["points_written"]) for name, of in nodes.items() if name.startswith("influxdb_out"))


def same(real: dict, ours: dict) -> None:
    assert real.keys() == ours.keys()
    assert np.allclose([real[key][0] for key in real], [ours[key][0] for key in real], rtol=0, atol=1e-6)
    assert {key: row[1:] for key, row in real.items()} == {key: row[1:] for key, row in ours.items()}


def test_a_query_that_looks_back_tells_each_sample_once_as_a_stream_would(batch):
    chain = batch()
    samples = []
    for count in (700, 1, 299):
        samples += chain.sell(count)
        chain.scored(len(samples))
    seen = runs(chain)
    until(lambda: runs(chain) >= seen + 8)  # four groups each: it gave all of them twice more

    same(chain.outcomes(), as_if_nothing_happened(chain, samples))
    assert given(chain) == len(samples)


def test_after_kapacitor_and_then_the_agent_began_anew_nothing_is_lost_or_told_worse(batch):
    chain = batch()
    samples = chain.sell(400)
    chain.scored(400)
    told = chain.snapshots()
    until(lambda: chain.snapshots() >= told + 2)

    chain.kapacitor.kill()
    samples += chain.sell(200)  # nobody hands it over; the next query finds it
    chain.kapacitor.start()
    chain.scored(600)
    told = chain.snapshots()
    until(lambda: chain.snapshots() >= told + 2)
    chain.agent.kill()
    samples += chain.sell(200)
    until(lambda: not chain.kapacitor.look("sales")["executing"])
    chain.agent.start()
    chain.revive("sales")
    chain.scored(800)

    same(chain.outcomes(), as_if_nothing_happened(chain, samples))


def test_a_classifier_slower_than_the_timeout_ends_no_batch_task(batch):
    chain = batch(timeout="2s")
    chain.slowly.pause_s = 5.0

    chain.sell(50)

    chain.scored(50)
    assert chain.kapacitor.look("sales")["executing"]


def test_a_job_that_a_batch_task_asks_for_gets_no_stream_task_beside_it_and_is_said_not_to_be_swept(batch, monkeypatch):
    chain = batch()
    monkeypatch.setenv("ATIPICO_RUN", str(chain.run))
    before = Engine(chain.settings()).plan(chain.run / "jobs" / "sales.toml")
    (chain.run / "jobs" / "others.toml").write_text('engine = "kapacitor"\n' + JOB.format(stream="sale"))

    other = Engine(chain.settings()).plan(chain.run / "jobs" / "others.toml")

    assert [(one.sign, "not swept" in one.what) for one in before] == [("!", True)]
    assert "+ task atipico-others" in [f"{one.sign} {one.what}" for one in other]
