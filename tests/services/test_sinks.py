"""Sinks: what a far side gets of a job's outcomes, and what it gets when something is killed in the midst."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
import requests
from prometheus_client import REGISTRY

from atipico.errors import NotYet
from atipico.registry.jobs import Job, load_job
from atipico.sinks.file import File
from atipico.sinks.spec import SinkSpec
from atipico.sinks.webhook import Webhook
from atipico.stream.ledger import Ledger, Mark
from atipico.stream.outcomes import OutcomeLines
from atipico.stream.relay import Relay, sink_feed
from atipico.stream.settings import HostSettings
from atipico.stream.store import LogBlock, LogGone
from atipico.wire.lines import parse
from atipico.wire.sample import Sample, Score
from receiver import Receiver, receiving
from running_store import RunningStore, fresh_store  # noqa: F401 - a fixture
from waiting import until

JOB = Job("pumps", "m", "pump", ())
START = 1_800_000_000_000_000_000


def line(at: int, job: str = "pumps") -> str:
    """The outcome of sample `at`; each tenth is an anomaly."""
    writer = OutcomeLines(job, "scores")
    score = Score(at % 10 / 9, 1.0, at % 10 == 9, "m@1", True, 'heat=9 "high", usual 3' if at % 10 == 9 else "")
    return writer.line(writer.head("pump", {"shard": str(at % 3), "source": "own"}), score, START + at)


def sample(at: int) -> Sample:
    return parse(line(at).encode(), now=0).samples[0]


@pytest.fixture
def receiver():
    with receiving() as receiver:
        yield receiver


@pytest.fixture(autouse=True)
def _run(tmp_path, monkeypatch):
    monkeypatch.setenv("ATIPICO_RUN", str(tmp_path / "run"))


class Log:
    """The store's log: records of some outcomes each, at the offsets 10, 20, ..."""

    def __init__(self, *records: list[str], oldest: int = 0) -> None:
        self.records, self.oldest = list(records), oldest

    def read(self, database, measurements, offset, limit, wait_s, reader, done) -> LogBlock:
        assert (database, measurements, reader) == ("atipico", ["scores"], ""), "the log would be kept for it"
        offset = self.oldest if offset is None else offset
        if offset < self.oldest:
            raise LogGone("gone", self.oldest)
        end = 10 * len(self.records)
        if offset >= end:
            threading.Event().wait(0.01)
            return LogBlock(b"", offset, end, end)
        return LogBlock("\n".join(self.records[offset // 10]).encode(), offset, offset + 10, end)


@pytest.fixture
def relayed(tmp_path):
    """Runs a relay of a log to a sink until something is true."""

    def relayed(log: Log, spec: SinkSpec, true: Callable[[], bool], ledger: Ledger | None = None) -> None:
        stop, ledger = threading.Event(), ledger or Ledger(tmp_path / "sink.json")
        thread = threading.Thread(target=Relay(JOB, sink_feed(JOB, spec), HostSettings(), log, ledger, stop).run)
        thread.start()
        try:
            until(true, within_s=20)
        finally:
            stop.set()
            thread.join(20)

    return relayed


def times(file: Path) -> list[int]:
    """Which outcomes a file has, in its order, less the one that is just being written or was when its host died."""
    lines = file.read_bytes().split(b"\n")[:-1] if file.exists() else []
    return [int(orjson.loads(line)["time"][-10:-1]) for line in lines]


def test_an_outcome_is_one_flat_object_that_names_its_sample(tmp_path):
    sink = File(str(tmp_path / "out.jsonl"))
    sink.resume("")

    sink.write([sample(9)])

    told = orjson.loads((tmp_path / "out.jsonl").read_bytes())
    assert len(told.pop("id")) == 24
    assert told == {
        "time": "2027-01-15T08:00:00.000000009Z",
        "job": "pumps",
        "stream": "pump",
        "tags": {"shard": "0", "source": "own"},
        "score": 1.0,
        "threshold": 1.0,
        "anomalous": True,
        "version": "m@1",
        "scored": True,
        "why": 'heat=9 "high", usual 3',
    }


def test_a_sink_gets_the_outcomes_of_its_own_job_and_of_the_kind_it_wants(relayed, tmp_path):
    records = [[line(at), line(at, "others")] for at in range(40)]
    every, some = tmp_path / "every.jsonl", tmp_path / "some.jsonl"

    relayed(Log(*records), SinkSpec("file", str(every)), lambda: len(times(every)) >= 40)
    relayed(
        Log(*records),
        SinkSpec("file", str(some), "anomalous"),
        lambda: len(times(some)) >= 4,
        Ledger(tmp_path / "some.json"),
    )

    assert times(every) == list(range(40))
    assert times(some) == [9, 19, 29, 39]


class Crash(BaseException):
    """The process ends here."""


class Crashing(Ledger):
    """Whose process is killed before its third mark is on disk."""

    left = 3

    def commit(self, mark: Mark) -> None:
        self.left -= 1
        if not self.left:
            raise Crash
        super().commit(mark)


def crashed_and_started_again(tmp_path: Path, spec: SinkSpec, relayed, true: Callable[[], bool]) -> None:
    log = Log([line(at) for at in range(10)], [line(at) for at in range(10, 20)], [line(at) for at in range(20, 30)])
    relay = Relay(JOB, sink_feed(JOB, spec), HostSettings(), log, Crashing(tmp_path / "sink.json"), threading.Event())
    with pytest.raises(Crash):
        relay.run()
    del relay._feed  # what its process held open
    relayed(log, spec, true)


def test_what_was_written_and_not_noted_when_it_was_killed_is_in_the_file_once(relayed, tmp_path):
    out = tmp_path / "out.jsonl"

    crashed_and_started_again(tmp_path, SinkSpec("file", str(out)), relayed, lambda: 29 in times(out))

    assert times(out) == list(range(30))


def test_the_control_a_file_that_is_not_cut_off_has_it_twice(relayed, tmp_path, monkeypatch):
    out = tmp_path / "out.jsonl"
    monkeypatch.setattr("os.ftruncate", lambda *_: None)

    crashed_and_started_again(tmp_path, SinkSpec("file", str(out)), relayed, lambda: 29 in times(out))

    assert len(times(out)) > 30


def test_a_webhook_gets_it_a_second_time_with_the_same_id(relayed, receiver, tmp_path):
    spec = SinkSpec("webhook", receiver.url)

    crashed_and_started_again(tmp_path, spec, relayed, lambda: len(receiver.ids()) > 30)

    assert set(Counter(receiver.ids()).values()) == {1, 2}


def test_a_file_that_is_moved_away_loses_nothing_and_repeats_nothing(relayed, tmp_path):
    out, moved, log = tmp_path / "out.jsonl", tmp_path / "moved.jsonl", Log([line(at) for at in range(10)])

    def move_and_go_on() -> bool:
        if len(log.records) == 1 and len(times(out)) == 10:
            out.rename(moved)
            log.records.append([line(at) for at in range(10, 20)])
        return 19 in times(out)

    relayed(log, SinkSpec("file", str(out)), move_and_go_on)

    assert (times(moved), times(out)) == (list(range(10)), list(range(10, 20)))


def test_two_sinks_never_write_into_one_file(tmp_path):
    first, second = File(str(tmp_path / "out.jsonl")), File(str(tmp_path / "out.jsonl"))
    first.resume("")

    with pytest.raises(NotYet, match="another sink writes there"):
        second.resume("")


def test_a_sink_that_was_away_longer_than_the_log_goes_on_with_what_is_there(relayed, tmp_path):
    out, records = tmp_path / "out.jsonl", [[line(at)] for at in range(6)]
    Ledger(tmp_path / "sink.json").commit(Mark(10, ""))

    relayed(Log(*records, oldest=30), SinkSpec("file", str(out)), lambda: 5 in times(out))

    assert times(out) == [3, 4, 5]


def test_a_far_side_that_is_down_is_waited_for_and_nothing_is_missing(relayed, receiver):
    answers = iter([(503, {"Retry-After": "0"}), (500, {}), (401, {}), (302, {"Location": "http://elsewhere/"})])
    receiver.judge = lambda outcomes: next(answers, (202, {}))

    log = Log([line(at) for at in range(10)])
    relayed(log, SinkSpec("webhook", receiver.url), lambda: len(receiver.outcomes) >= 10)

    assert len(set(receiver.ids())) == 10


def test_what_a_far_side_refuses_for_its_content_is_left_out_alone_and_counted(receiver):
    def refused() -> float:
        return REGISTRY.get_sample_value("atipico_refused_total", {"reason": "outcome by a sink"}) or 0.0

    before, bad = refused(), sample(17).time
    receiver.judge = lambda outcomes: (422 if any(one["time"].endswith("017Z") for one in outcomes) else 200, {})

    Webhook(receiver.url).write([sample(at) for at in range(40)])

    assert refused() == before + 1
    assert len(receiver.outcomes) == 39
    assert bad % 1000 == 17


def test_a_redirect_is_not_followed_and_the_words_say_where_it_leads(receiver):
    receiver.judge = lambda outcomes: (307, {"Location": "http://127.0.0.1:1/other"})

    with pytest.raises(NotYet, match=r"it sends to 'http://127[.]0[.]0[.]1:1/other', give that address"):
        Webhook(receiver.url + "?key=secret").write([sample(1)])


def test_no_secret_of_an_address_is_told(receiver):
    receiver.judge = lambda outcomes: (500, {})

    with pytest.raises(NotYet) as told:
        Webhook(receiver.url + "?key=secret").write([sample(1)])

    assert "secret" not in str(told.value)


def test_a_token_is_sent_and_read_anew_and_one_of_a_netrc_is_not(receiver, tmp_path, monkeypatch):
    netrc, token = tmp_path / "netrc", tmp_path / "token"
    netrc.write_text("machine 127.0.0.1 login me password mine\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    sink = Webhook(receiver.url, token_file=str(token))

    for secret in ("one\n", "two\n"):
        token.write_text(secret)
        sink.write([sample(1)])
    Webhook(receiver.url).write([sample(1)])

    assert [headers.get("Authorization") for headers in receiver.headers] == ["Bearer one", "Bearer two", None]


def test_a_token_file_that_is_not_there_is_waited_for(receiver, tmp_path):
    with pytest.raises(NotYet, match="token"):
        Webhook(receiver.url, token_file=str(tmp_path / "none")).write([sample(1)])


# The host as a process, which is killed.

MADE = 3000


class RunningHost:
    """A host with one job, which has nothing to do but its sinks: no agent answers it."""

    def __init__(self, folder: Path, store: RunningStore, sinks: str) -> None:
        self.jobs, self._said = folder / "run" / "jobs", folder / "host.log"
        self.jobs.mkdir(parents=True)
        (self.jobs / "pumps.toml").write_text(
            f'stream = "pump"\ndetector = {{ gaussian = "heat", over = 16 }}\nsinks = {sinks}\n'
        )
        load_job(self.jobs / "pumps.toml")
        self._env = {**os.environ, "ATIPICO_RUN": str(folder / "run"), "ATIPICO_STORE_PORT": str(store.port)}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._said.open("ab") as said:
            command = [sys.executable, "-c", "from atipico.stream.app import run; run()"]
            self._process = subprocess.Popen(command, env=self._env, stdout=said, stderr=said)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)


def killed_again_and_again(tmp_path: Path, store: RunningStore, receiver: Receiver, between) -> list[int]:
    """What the file has after a host was killed five times while outcomes came in and went out."""
    out, dice = tmp_path / "run" / "sinks" / "out.jsonl", random.Random(3)
    host = RunningHost(tmp_path, store, f'[{{ file = "out.jsonl" }}, {{ webhook = "{receiver.url}" }}]')

    def write() -> None:
        for first in range(0, MADE, 20):
            body = "\n".join(line(at) for at in range(first, first + 20)).encode()
            requests.post(f"{store.url}/write?db=atipico", body, timeout=10).raise_for_status()
            done.wait(0.02)

    done, writer = threading.Event(), threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(5):
            before = len(times(out))
            host.start()
            until(lambda: len(times(out)) > before + dice.randint(0, 200) or not writer.is_alive())  # noqa: B023
            host.kill()
            between()
        host.start()
        until(lambda: len(set(times(out))) >= MADE and len(set(receiver.ids())) >= MADE)
    finally:
        host.kill()
        done.set()
        writer.join()
    return times(out)


def test_a_host_that_is_killed_again_and_again_leaves_each_outcome_in_the_file_once(tmp_path, store, receiver):
    found = killed_again_and_again(tmp_path, store, receiver, between=lambda: None)

    assert found == list(range(MADE))


def test_the_control_without_its_kept_position_outcomes_are_there_twice(tmp_path, store, receiver):
    def forget() -> None:
        for mark in (tmp_path / "run" / "host").glob("pumps.file-*"):  # and the one before it
            mark.unlink()

    found = killed_again_and_again(tmp_path, store, receiver, between=forget)

    assert len(found) > MADE
    assert set(found) == set(range(MADE))
