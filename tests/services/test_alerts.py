"""Alerts of the embedded engine: the host as a process between a store and a webhook."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
import requests

from atipico.alerts.episodes import Episodes
from atipico.engines.embedded import status
from atipico.registry.jobs import load_job
from atipico.stream.ledger import Ledger
from atipico.stream.outcomes import OutcomeLines
from atipico.wire.lines import parse
from atipico.wire.sample import Score
from parts import EmbeddedHost
from receiver import receiving
from running_store import RunningStore
from waiting import until

START = 1_800_000_000_000_000_000
JOB = """
stream = "pump"
detector = {{ gaussian = "heat", over = 16 }}
[alert]
for = 2
of = 3
over_after = 3
webhook = "{url}"
log = "alerts.jsonl"
"""


class Alerted:
    """Store, host and webhook; no agent answers the host, a test writes the outcomes."""

    def __init__(self, folder: Path, url: str) -> None:
        self.run = folder / "run"
        self.file = self.run / "jobs" / "pumps.toml"
        self.file.parent.mkdir(parents=True)
        self.file.write_text(JOB.format(url=url))
        self.store = RunningStore(folder).start()
        requests.post(f"{self.store.url}/query?q=CREATE+DATABASE+atipico", timeout=10)
        self.host = EmbeddedHost(self.run, ATIPICO_STORE_PORT=self.store.port)
        self.writer = OutcomeLines("pumps", "scores")

    def start(self) -> None:
        """Start the host; returns once what is written from now on counts."""
        self.host.start()
        until(lambda: len(list((self.run / "host").glob("pumps.alert*.json"))) == 3)

    def lines(self, scores: str, first: int = 0) -> list[str]:
        """Outcomes: x is an anomaly, - is none."""
        head = self.writer.head("pump", {"shard": "0"})
        told = [Score(0.9 if sign == "x" else 0.1, 0.5, sign == "x", "m@1", True, "") for sign in scores]
        return [self.writer.line(head, score, START + at) for at, score in enumerate(told, first)]

    def write(self, scores: str, first: int = 0) -> None:
        body = "\n".join(self.lines(scores, first)).encode()
        requests.post(f"{self.store.url}/write?db=atipico", body, timeout=10).raise_for_status()

    def rows(self) -> list[tuple[int, bool]]:
        return [(row[0] - START, row[1]) for row in self.store.query("SELECT firing FROM alerts")]

    def noted(self) -> bool:
        """Whether the host has noted that the webhook was told something."""
        return Ledger(self.run / "host" / "pumps.alert-webhook.json").newest().snapshot != ""

    def logged(self) -> list[bool]:
        file = self.run / "sinks" / "alerts.jsonl"
        return [orjson.loads(line)["firing"] for line in file.read_bytes().splitlines()] if file.exists() else []


@pytest.fixture
def receiver():
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def alerted(tmp_path, receiver):
    alerted = Alerted(tmp_path, receiver.url)
    alerted.start()
    yield alerted
    alerted.host.kill()
    alerted.store.stop()


def told(receiver) -> list[str]:
    return [one["status"] for one in receiver.outcomes]


def test_an_episode_is_told_once_where_it_begins_and_once_where_it_is_over(alerted, receiver):
    alerted.write("--xxxx-x------xx")
    until(lambda: len(told(receiver)) == 3 and len(alerted.logged()) == 3)

    assert told(receiver) == ["firing", "resolved", "firing"]
    assert alerted.logged() == [True, False, True]
    assert [firing for _, firing in alerted.rows()] == [True, False, True]


def test_status_counts_the_episodes_that_last(alerted, monkeypatch):
    monkeypatch.setenv("ATIPICO_RUN", str(alerted.run))

    alerted.write("-xx")
    until(lambda: status.alerts() == {"pumps": 1})
    alerted.write("-----", first=3)

    until(lambda: status.alerts() == {})


def an_episode_over_a_kill(alerted: Alerted, receiver, meanwhile: Callable[[], None]) -> list[str]:
    alerted.write("--xx")
    until(lambda: told(receiver) and alerted.noted())
    alerted.host.kill()
    meanwhile()
    alerted.start()
    alerted.write("xxxx-----", first=4)
    until(lambda: "resolved" in told(receiver))
    return told(receiver)


def test_an_episode_that_lasts_while_the_host_is_killed_is_told_once_and_so_is_its_end(alerted, receiver):
    assert an_episode_over_a_kill(alerted, receiver, meanwhile=lambda: None) == ["firing", "resolved"]


def test_the_control_a_host_that_forgets_its_episodes_tells_it_twice(alerted, receiver):
    def forget() -> None:
        for mark in (alerted.run / "host").glob("pumps.alert.*"):
            mark.unlink()

    assert an_episode_over_a_kill(alerted, receiver, meanwhile=forget) == ["firing", "firing", "resolved"]


def test_a_host_that_is_killed_again_and_again_tells_every_episode_and_at_most_one_a_kill_twice(alerted, receiver):
    dice, kills = random.Random(4), 5
    scores = "".join(dice.choice("x----" if at // 20 % 2 else "x-") for at in range(600))
    spec = load_job(alerted.file).alert
    expected = Episodes(spec).take(parse("\n".join(alerted.lines(scores)).encode(), now=0).samples)

    for first in range(0, 600, 600 // kills):
        seen = len(told(receiver))
        alerted.write(scores[first : first + 60], first)
        until(lambda seen=seen: len(told(receiver)) > seen + 2)
        alerted.host.kill()
        alerted.write(scores[first + 60 : first + 120], first + 60)
        alerted.host.start()
    until(lambda: len(alerted.rows()) >= len(expected) and len(seen_by(receiver)) >= len(expected))
    times = Counter(seen_by(receiver, once=False))

    assert alerted.rows() == [(row.time - START, row.fields["firing"]) for row in expected]
    assert len(times) == len(expected) > 20
    assert times.total() <= len(expected) + kills


def seen_by(receiver, once: bool = True) -> list[tuple[str, str]]:
    """The begins and ends that it was told, as often as it was."""
    seen = [(one["alerts"][0]["startsAt"], one["status"]) for one in list(receiver.outcomes)]
    return list(dict.fromkeys(seen)) if once else seen


def test_a_far_side_that_is_down_is_told_later_in_order_and_nothing_else_waits_for_it(alerted, receiver):
    receiver.judge = lambda _: (503, {})
    alerted.write("xx------xx")
    until(lambda: len(alerted.rows()) == 3 and len(alerted.logged()) == 3)

    receiver.judge = lambda _: (200, {})

    until(lambda: len(told(receiver)) == 3)
    assert told(receiver) == ["firing", "resolved", "firing"]


def test_outcomes_that_are_written_again_after_a_rewind_tell_no_old_episode(alerted, receiver):
    alerted.write("xx------")
    until(lambda: len(told(receiver)) == 2)

    alerted.write("xxxxx---")  # as it is after something came late
    alerted.write("xx", first=8)
    until(lambda: len(told(receiver)) == 3)

    assert told(receiver) == ["firing", "resolved", "firing"]
    assert [at for at, _ in alerted.rows()] == [2, 6, 9]


def test_what_was_scored_before_the_alert_was_declared_is_not_told(tmp_path, receiver):
    alerted = Alerted(tmp_path, receiver.url)
    alerted.write("xxx-----xx-----")
    alerted.start()
    alerted.write("xxx", first=20)
    until(lambda: told(receiver))

    assert [at for at, _ in alerted.rows()] == [22]
    alerted.host.kill()
    alerted.store.stop()
