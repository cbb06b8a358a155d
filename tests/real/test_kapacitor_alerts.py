"""Alerts of jobs on the real Kapacitor: the episodes that the embedded engine tells, each once."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
import requests
from test_kapacitor_jobs import START, Real

from atipico.alerts.episodes import Episodes
from atipico.alerts.spec import parse_alert
from atipico.ports import ModelInfo, Scored
from atipico.wire.sample import Sample
from receiver import receiving
from waiting import until

JOB = """
engine = "kapacitor"
model = "given"
stream = "pump"
[features]
heat = "heat"
[alert]
"""
MS = 10**6


class Given:
    """The score is what the sample says."""

    def info(self) -> ModelInfo:
        return ModelInfo("given@1", ("heat",), 0.5, {})

    def score(self, rows: np.ndarray) -> Scored:
        return Scored(rows[:, 0], 0.5, "given@1", {})


@pytest.fixture
def real(new, tmp_path_factory):
    real = Real(new, tmp_path_factory.mktemp("r"), Given)
    yield real
    real.listener.close()


@pytest.fixture
def receiver():
    with receiving() as receiver:
        yield receiver


def apply(real: Real, alert: str, job: str = "pumps") -> None:
    file = real.job.with_name(f"{job}.toml")
    file.write_text(JOB + alert)
    real.says("apply", "-f", file)


def write(real: Real, scores: list[float], first: int, pumps: int = 1) -> None:
    """A sample each millisecond, of one pump after the other; returns once all have their outcome."""
    lines = [
        f"pump,shard=0,pump=p{at % pumps} heat={score} {START + at * MS}" for at, score in enumerate(scores, first)
    ]
    real.influx.write("\n".join(lines).encode())


def rows(real: Real, measurement: str, job: str = "pumps") -> list[Sample]:
    found = real.influx.query(f"SELECT * FROM {measurement} WHERE atipico_job = '{job}' GROUP BY *")
    samples = [
        Sample(
            measurement, one["tags"], {k: v for k, v in zip(one["columns"], row, strict=True) if k != "time"}, row[0]
        )
        for one in found
        for row in one["values"]
    ]
    return sorted(samples, key=lambda one: one.time)


def plain(rows: list[Sample]) -> list[tuple[Any, ...]]:
    """What both engines tell of an episode: whose, when, and how it stands."""
    told = ("firing", "hits", "duration")
    return [({k: v for k, v in one.tags.items() if v}, one.time, *(one.fields[k] for k in told)) for one in rows]


@pytest.mark.parametrize(
    "alert",
    [
        {},
        {"for": 2, "of": 2, "over_after": 1, "level": "warning"},
        {"for": 3, "of": 5, "over_after": 4, "by": ["pump"]},
        {"above": 0.8, "of": 3, "over_after": "6ms", "by": []},
    ],
)
def test_the_real_kapacitor_tells_the_episodes_that_the_embedded_engine_tells(real, alert):
    apply(real, "\n".join(f"{word} = {value!r}" for word, value in alert.items()))
    chance = random.Random(5)
    high = [share for share in (0.05, 0.5, 0.0, 0.2) for _ in range(100)]  # how often a sample is high, over time
    scores = [round(chance.uniform(0.5, 1.0) if chance.random() < share else 0.1, 3) for share in high]

    write(real, scores, 0, pumps=3)
    until(lambda: len(rows(real, "scores")) == len(scores))
    expected = plain(Episodes(parse_alert(alert, embedded=False)).take(rows(real, "scores")))
    until(lambda: len(rows(real, "alerts")) >= len(expected))

    assert plain(rows(real, "alerts")) == expected
    assert len(expected) >= 4
    assert {row[2] for row in expected} == {True, False}


def levels(receiver) -> list[str]:
    return [one["level"] for one in receiver.outcomes]


def killed(real: Real) -> None:
    real.kapacitor.kill()
    real.kapacitor.start()


def revived(real: Real) -> None:
    """As a task is whose agent was killed."""
    real.kapacitor.patch("atipico-pumps", status="disabled")
    real.kapacitor.patch("atipico-pumps", status="enabled")


def forgotten(real: Real) -> None:
    topics = f"{real.kapacitor.url}/kapacitor/v1/alerts/topics"
    for topic in requests.get(topics, timeout=10).json()["topics"]:
        requests.delete(f"{topics}/{quote(topic['id'], safe='')}", timeout=10).raise_for_status()
    killed(real)


def an_episode_over(happens: Callable[[Real], None], real: Real, receiver) -> list[str]:
    """Which levels a webhook was told: an episode begins, something happens to Kapacitor, samples stay high."""
    apply(real, f'for = 2\nover_after = 3\nwebhook = "{receiver.url}"')
    write(real, [0.1, 0.9, 0.9], 0)
    # The row is written once Kapacitor has noted on disk how it stands; the webhook may be told before.
    until(lambda: levels(receiver) and rows(real, "alerts"))
    happens(real)
    until(lambda: real.kapacitor.look("atipico-pumps")["executing"])
    place = itertools.count(3)
    # InfluxDB hands nothing over until it has found Kapacitor again.
    until(lambda: len(rows(real, "scores")) >= 6, lambda: write(real, [0.9], next(place)))
    write(real, [0.1] * 8, next(place))
    until(lambda: "OK" in levels(receiver))
    return levels(receiver)


@pytest.mark.parametrize("happens", [killed, revived])
def test_an_episode_that_lasts_while_kapacitor_or_its_task_begins_anew_is_told_once_and_so_is_its_end(
    real, receiver, happens
):
    assert an_episode_over(happens, real, receiver) == ["CRITICAL", "OK"]


def test_the_control_a_kapacitor_that_forgets_its_topics_tells_it_twice(real, receiver):
    assert an_episode_over(forgotten, real, receiver) == ["CRITICAL", "CRITICAL", "OK"]


def test_an_episode_has_its_id_in_a_topic_of_the_job_until_the_job_is_deleted(real):
    def topics() -> list[str]:
        told = requests.get(f"{real.kapacitor.url}/kapacitor/v1/alerts/topics", timeout=10).json()["topics"]
        return [one["id"] for one in told]

    apply(real, 'by = ["pump"]')
    write(real, [0.9], 0)
    until(lambda: "atipico-pumps" in topics())
    path = "/kapacitor/v1/alerts/topics/atipico-pumps/events"
    (event,) = requests.get(real.kapacitor.url + path, timeout=10).json()["events"]

    assert (event["id"], event["state"]["level"]) == ("pumps pump=p0", "CRITICAL")
    assert event["state"]["message"] == "pumps pump=p0: 1 of the last 1 samples anomalous"
    real.says("delete", "pumps")
    assert topics() == []


def test_an_endpoint_of_kapacitors_own_keeps_the_secret_out_of_the_task(real, receiver):
    file = real.job.with_name("pumps.toml")
    file.write_text(JOB + 'by = ["pump"]\nendpoint = "pager"')
    unknown = real.atipico("apply", "-f", file)
    headers = '{ Authorization = "Bearer secret" }'
    real.kapacitor.stop()
    real.kapacitor.more = f'[[httppost]]\nendpoint = "pager"\nurl = "{receiver.url}"\nheaders = {headers}\n'
    real.kapacitor.start()
    real.says("apply", "-f", file)
    place = itertools.count()

    until(lambda: levels(receiver), lambda: write(real, [0.9], next(place)))

    assert (unknown.returncode, "no [[httppost]] of that endpoint" in unknown.stderr) == (1, True), unknown.stderr
    assert receiver.headers[0]["Authorization"] == "Bearer secret"
    assert "secret" not in real.kapacitor.look("atipico-pumps")["script"]
