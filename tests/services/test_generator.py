"""The generator as a process: killed, restarted, refused, and still each sample once."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator

import orjson
import pytest

from atipico.config import PACKAGE, home
from atipico.sources.payments import simulate
from recorder import TAKEN, Recorder, recording
from waiting import until

DAYS, PER_DAY = 5, 300
OPTIONS = {"customers": 50, "per_day": PER_DAY, "days": DAYS, "label_delay": "1d"}
IDS = set(simulate(DAYS, customers=50, per_day=PER_DAY)["transaction_id"].tolist())


class Generator:
    """A generator process on a run folder of its own."""

    def __init__(self, run, port: int) -> None:
        self.run, self.port = run, port
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, streams: str, more: str = "", call: str = "run()") -> None:
        steady = 'block = "20ms"\ncatch_up = "50ms"\n'  # so that no block holds all, however busy the machine is
        (self.run / "generator.toml").write_text(f"{steady}{more}\n{streams}")
        environment = {
            **os.environ,
            "ATIPICO_RUN": str(self.run),
            "ATIPICO_STORE_PORT": str(self.port),
            "PYTHONPATH": str(PACKAGE.parent),
        }
        code = f"from atipico.generator.app import run; {call}"
        with (self.run / "log").open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=log, stderr=log)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def values(self) -> dict[str, float]:
        with contextlib.suppress(OSError):
            beat = orjson.loads((self.run / "parts" / "generator.json").read_bytes())
            if self.process is not None and beat["pid"] == self.process.pid:
                return beat["values"]
        return {}

    def spool(self, sql: str) -> list[tuple[object, ...]]:
        """Look into, or change, the spool of a generator that is dead."""
        database = sqlite3.connect(self.run / "generator" / "payments.sqlite")
        with contextlib.closing(database), database:
            return database.execute(sql).fetchall()


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording() as recorder:
        yield recorder


@pytest.fixture
def generator(tmp_path, recorder) -> Iterator[Generator]:
    generator = Generator(tmp_path, recorder.port)
    yield generator
    if generator.process is not None and generator.process.poll() is None:
        generator.kill()


def payments(rate: float = 3000, **options: object) -> str:
    given = ", ".join(f"{name} = {json.dumps(value)}" for name, value in {**OPTIONS, **options}.items())
    return f'[streams.payments]\nsource = "payments"\nrate = {rate}\noptions = {{ {given} }}\n'


def kill_between_taken_and_answered(generator: Generator, recorder: Recorder, after: int) -> None:
    """Kill the generator when the recorder has kept a body behind `after` samples and the answer is on its way."""
    held, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        if len(recorder.points) >= after:
            held.set()
            go_on.wait(20)

    recorder.taken = hold
    assert held.wait(30)
    generator.kill()
    recorder.taken = lambda: None
    go_on.set()


def test_a_generator_killed_before_its_answers_sends_each_sample_once(generator, recorder):
    for after in (200, 900):
        generator.start(payments())
        kill_between_taken_and_answered(generator, recorder, after)
        assert generator.spool("SELECT count(*) FROM block") != [(0,)]

    generator.start(payments())
    until(lambda: recorder.seen("transaction_id").keys() >= IDS)

    assert recorder.seen("transaction_id") == dict.fromkeys(IDS, 1)
    assert recorder.times() == sorted(set(recorder.times()))


def test_control_without_its_spool_the_killed_generator_repeats_samples(generator, recorder):
    generator.start(payments())
    kill_between_taken_and_answered(generator, recorder, 200)
    for file in (generator.run / "generator").iterdir():
        file.unlink()

    generator.start(payments())
    until(lambda: recorder.seen("transaction_id").keys() >= IDS)

    assert max(recorder.seen("transaction_id").values()) > 1


def test_control_without_the_spool_s_blocks_the_killed_generator_loses_samples(generator, recorder):
    recorder.judge = lambda samples: (503, {}, b'{"error":"not now"}')
    generator.start(payments())
    until(lambda: recorder.requests)
    generator.kill()
    generator.spool("DELETE FROM block")
    recorder.judge = lambda samples: TAKEN

    generator.start(payments())
    until(lambda: max(IDS) in recorder.seen("transaction_id"))

    assert IDS - recorder.seen("transaction_id").keys()


def test_a_store_that_is_full_is_waited_for_and_nothing_is_lost(generator, recorder):
    recorder.judge = lambda samples: (503, {"Retry-After": "0"}, b'{"error":"full"}')
    generator.start(payments())
    until(lambda: generator.values().get('atipico_retries_total{to="store"}', 0) >= 2)
    assert not recorder.points

    recorder.judge = lambda samples: TAKEN
    until(lambda: recorder.seen("transaction_id").keys() >= IDS)

    assert recorder.seen("transaction_id") == dict.fromkeys(IDS, 1)
    until(lambda: sent_and_left(generator) == (len(IDS), 0))


def sent_and_left(generator: Generator) -> tuple[float | None, float | None]:
    """How many payments were acknowledged, and how many wait, of one heartbeat."""
    values, sent = generator.values(), 'atipico_samples_out_total{stream="payments"}'
    return values.get(sent), values.get('atipico_backlog{what="spool_samples"}')


def test_a_recorded_source_pauses_while_its_spool_is_full(generator, recorder):
    recorder.judge = lambda samples: (503, {}, b"")
    generator.start(payments(), 'spool = "20KiB"')
    until(lambda: b"full with" in (generator.run / "log").read_bytes())
    waiting = generator.values().get('atipico_samples_in_total{stream="payments"}', 0)

    recorder.judge = lambda samples: TAKEN
    until(lambda: recorder.seen("transaction_id").keys() >= IDS)

    assert waiting < len(IDS)
    assert recorder.seen("transaction_id") == dict.fromkeys(IDS, 1)


def test_live_readings_that_find_the_spool_full_are_counted(generator, recorder):
    recorder.judge = lambda samples: (503, {}, b"")
    generator.start('[streams.machine]\nsource = "machine"\nrate = 50\n', 'spool = "1KiB"')

    until(lambda: generator.values().get('atipico_refused_total{reason="live reading, spool full"}', 0) > 2)

    assert generator.process is not None
    assert generator.process.poll() is None


def test_a_refused_block_is_set_aside_with_the_reason_and_the_rest_goes_on(generator, recorder):
    bad = sorted(IDS)[700]

    def judge(samples):
        if any(sample.fields.get("transaction_id") == bad for sample in samples):
            return 400, {}, b'{"code":"invalid","message":"no such luck"}'
        return TAKEN

    recorder.judge = judge
    generator.start(payments())
    until(lambda: max(IDS) in recorder.seen("transaction_id"))
    until(lambda: generator.values().get('atipico_refused_total{reason="by the store"}'))
    refused = generator.values()['atipico_refused_total{reason="by the store"}']
    generator.kill()

    ((reason, lines),) = generator.spool("SELECT reason, lines FROM refused")
    assert "no such luck" in reason
    assert f"transaction_id={bad}i".encode() in lines
    assert len(IDS - recorder.seen("transaction_id").keys()) == lines.count(b"payments,shard=") == refused


def test_labels_come_as_points_of_their_own_when_they_are_due(generator, recorder):
    generator.start(payments())
    until(lambda: max(IDS) in recorder.seen("transaction_id"))
    until(lambda: len(recorder.seen("id", "labels")) > PER_DAY)

    known = simulate(DAYS, customers=50, per_day=PER_DAY)
    truth = dict(zip(known["transaction_id"].tolist(), known["fraud"].tolist(), strict=True))
    points = recorder.all()
    labels = {fields["id"]: fields for (name, _, _), fields in points.items() if name == "labels"}
    of_labels = (("source", "payments"), ("told_by", "time"))
    assert {tags for name, tags, _ in points if name == "labels"} == {of_labels}
    assert all(fields == {"id": id, "label": truth[id]} for id, fields in labels.items())
    assert not any(
        {"label", "fraud", "scenario"} & fields.keys() for (n, _, _), fields in points.items() if n == "payments"
    )
    assert set(recorder.seen("id", "labels").values()) == {1}


def test_a_stopped_generator_ends_by_itself_and_goes_on_where_it_was(generator, recorder):
    generator.start(payments(rate=500))
    until(lambda: len(recorder.points) > 50)
    generator.process.send_signal(signal.SIGTERM)

    assert generator.process.wait(timeout=10) == 0
    generator.start(payments())
    until(lambda: recorder.seen("transaction_id").keys() >= IDS)
    assert recorder.seen("transaction_id") == dict.fromkeys(IDS, 1)


def test_a_stream_without_a_bound_to_its_speed_sends_each_sample_once(generator, recorder):
    generator.start(payments().replace("rate = 3000", "speed = inf"))

    until(lambda: recorder.seen("transaction_id").keys() >= IDS)

    assert recorder.seen("transaction_id") == dict.fromkeys(IDS, 1)


def test_a_source_named_in_the_call_streams_alone(generator, recorder):
    generator.start(payments(), call="run(source='series', rate=200, measurement='waves')")

    until(lambda: len(recorder.times("waves")) > 20 and recorder.times("labels"))

    assert {name for name, _, _ in recorder.all()} == {"waves", "labels"}


def test_a_recorded_file_goes_at_a_multiple_of_its_own_speed_and_then_only_that_stream_ends(generator, recorder):
    file = home() / "data" / "transactions" / "sample.csv"  # of 12 days
    streams = f'[streams.file]\nsource = "file"\nspeed = 1e6\nfile = "{file}"\n'
    generator.start(streams + '[streams.machine]\nsource = "machine"\nrate = 20\n')

    until(lambda: len(recorder.times("transactions")) == 50)
    until(lambda: b"ended" in (generator.run / "log").read_bytes())
    seen = len(recorder.times("machine"))

    until(lambda: len(recorder.times("machine")) > seen)
    own = [fields["event_time"] for (name, _, _), fields in recorder.all().items() if name == "transactions"]
    published = recorder.times("transactions")
    assert own == sorted(own)
    assert published[-1] - published[0] >= (own[-1] - own[0]) / 1e6 * 0.9


def test_a_second_generator_on_the_same_folder_is_refused(generator, recorder):
    generator.start(payments(rate=100))
    until(lambda: recorder.points)
    second = Generator(generator.run, recorder.port)
    second.start(payments(rate=100))

    assert second.process.wait(timeout=20) == 1
    assert b"does another generator run" in (generator.run / "log").read_bytes()
