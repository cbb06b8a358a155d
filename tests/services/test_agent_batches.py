"""The agent behind a batch task, before a host that the test plays: what a query gives again and again."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from atipico.agent.batches import Batches
from atipico.agent.server import listen, serve
from atipico.agent.work import SumWork
from atipico.agent.works import Works
from atipico.scorers.sum import SumScorer
from atipico.wire.frames import frame, point_frames
from atipico.wire.points import read_answer
from atipico.wire.sample import Score
from atipico.wire.udf_pb2 import BATCH, STREAM, BeginBatch, EndBatch, Point, Request
from scripted import Host

START = 1_700_000_000 * 10**9
S = 10**9
WATCHED = """
engine = "kapacitor"
stream = "pump"
clock = "t"
detector = { gaussian = "heat", by = "card", over = 8, threshold = 0.99 }
"""

Heats = Mapping[str, Mapping[int, float]]  # of each host, by second


@pytest.fixture
def works(tmp_path) -> Works:
    (tmp_path / "jobs").mkdir()
    for job in ("watched", "other"):
        (tmp_path / "jobs" / f"{job}.toml").write_text(WATCHED)
    return Works(tmp_path / "jobs", tmp_path / "agent", lambda *_: None)


@pytest.fixture
def connect(tmp_path, works, monkeypatch) -> Callable[[], Host]:
    """Connections to the agent's socket for batch tasks."""
    monkeypatch.chdir(tmp_path)
    listener = listen(Path("b.sock"))
    threading.Thread(target=serve, args=(listener, works.open, None, True), daemon=True).start()
    opened: list[socket.socket] = []

    def one(job: str = "watched") -> Host:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect("b.sock")
        opened.append(connection)
        host = Host(connection)
        assert host.init(job=job).init.success
        return host

    yield one
    for connection in opened:
        connection.close()
    listener.close()


def query(host: Host, heats: Heats, until: int) -> None:
    """What Kapacitor sends of one run of a query: numbers as floats, no names; group after group, at once."""
    run = b""
    for name, values in heats.items():
        of = {"name": "pump", "group": f"host={name}", "tags": {"host": name}}
        run += frame(Request(begin={**of, "size": len(values)}).SerializeToString())
        points = [
            Point(
                time=START + at * S,
                group=f"host={name}",
                tags={"host": name},
                fieldsDouble={"heat": heat, "card": 7.0, "t": float(START + at * S)},
            ).SerializeToString()
            for at, heat in values.items()
        ]
        run += point_frames(points) + frame(Request(end={**of, "tmax": START + until * S}).SerializeToString())
    host.socket.sendall(run)


def told(host: Host, count: int) -> dict[tuple[int, str], Score]:
    """The next outcomes by second and host, which must be all different ones."""
    answers = host.answers(count)
    found = {(Point.FromString(one).time - START) // S: one for one in answers}
    assert len(found) == count
    return {(at, Point.FromString(one).tags["host"]): read_answer(one)[1] for at, one in found.items()}


def nothing_more(host: Host) -> bool:
    host.send(snapshot={})
    return host.next().WhichOneof("message") == "snapshot"


def part(heats: Heats, first: int, last: int) -> Heats:
    return {name: {at: heat for at, heat in of.items() if first <= at < last} for name, of in heats.items()}


def calm(first: int, last: int) -> dict[str, dict[int, float]]:
    """Two hosts turn about, a sample a second."""
    return {
        name: {at: 20.0 + at % 3 for at in range(first, last) if at % 2 == odd} for odd, name in enumerate(("a", "b"))
    }


def test_the_socket_says_that_it_wants_batches_and_gives_a_stream(connect):
    host = connect()
    host.send(info={})

    info = host.next().info

    assert (info.wants, info.provides) == (BATCH, STREAM)
    assert "job" in info.options


def test_each_point_of_a_batch_has_one_answer_with_its_time_tags_and_group(connect):
    host = connect()

    query(host, calm(0, 20), until=20)

    answers = [Point.FromString(one) for one in host.answers(20)]
    assert [one.time for one in answers] == [START + at * S for at in range(20)]  # by time, though groups came apart
    assert {(one.name, one.group, *one.dimensions) for one in answers} == {
        ("pump", "host=a", "host"),
        ("pump", "host=b", "host"),
    }
    assert [dict(one.tags)["host"] for one in answers[:3]] == ["a", "b", "a"]
    assert nothing_more(host)


def test_groups_that_come_one_after_the_other_share_windows_as_if_they_had_come_by_time(connect, works):
    host = connect()
    heats = calm(0, 40)
    heats["a"][38] = 99.0

    query(host, heats, until=40)

    scores = told(host, 40)
    assert [at for (at, _), score in scores.items() if score.anomalous] == [38]
    assert not [score.why for score in scores.values() if "late" in score.why]
    assert scores[2, "a"].why == "3 of 8 samples known"


def test_what_a_query_gives_again_is_answered_once_and_counts_once(connect):
    host, again = connect(), None
    for until in range(10, 60, 10):
        heats = calm(max(0, until - 40), until)
        query(host, heats, until)
        again = told(host, 10) if again is None else again | told(host, 10)

    assert sorted(at for at, _ in again) == list(range(50))
    assert nothing_more(host)
    assert not [score.why for score in again.values() if "late" in score.why]


def test_a_sample_that_was_overwritten_between_two_queries_is_answered_again(connect):
    host = connect()
    heats = calm(0, 20)
    query(host, heats, until=20)
    told(host, 20)

    heats["b"][19] = 99.0
    query(host, heats, until=30)

    assert told(host, 1)[19, "b"].anomalous


def test_a_sample_that_was_written_late_is_answered_though_newer_ones_were_before(connect):
    host = connect()
    heats = calm(0, 20)
    missing = heats["a"].pop(10)
    query(host, heats, until=20)
    told(host, 19)

    heats["a"][10] = missing
    query(host, heats, until=30)

    assert list(told(host, 1)) == [(10, "a")]


def test_after_a_restart_of_the_connection_windows_go_on_and_nothing_is_told_worse(connect):
    """A query looks back further than windows do, so what is known already must not be scored by what is left."""
    chance = random.Random(1)
    heats = {"a": {at: chance.gauss(20, 1) for at in range(60)}}
    undisturbed, first = connect(job="other"), connect()
    query(undisturbed, heats, until=60)
    query(first, part(heats, 0, 40), until=40)
    before = told(first, 40)
    first.socket.close()

    second = connect()
    query(second, part(heats, 5, 60), until=60)

    assert before | told(second, 20) == told(undisturbed, 60)
    assert nothing_more(second)


def test_a_batch_of_any_size_is_worked_on_by_blocks(tmp_path, monkeypatch):
    blocks: list[int] = []

    class Counts(SumWork):
        def answers(self, points: Sequence[bytes]) -> list[bytes]:
            blocks.append(len(points))
            return super().answers(points)

    monkeypatch.chdir(tmp_path)
    listener = listen(Path("c.sock"))
    open_work = lambda *_: Counts(SumScorer())  # noqa: E731
    threading.Thread(target=serve, args=(listener, open_work, None, True), daemon=True).start()
    with listener, socket.socket(socket.AF_UNIX) as connection:
        connection.connect("c.sock")
        host = Host(connection)
        host.init()

        query(host, {"a": dict.fromkeys(range(20_000), 1.0)}, until=20_000)

        assert len(told(host, 20_000)) == 20_000
    assert max(blocks) <= 8192


def test_points_that_lack_what_their_batch_says_get_it_from_there():
    batches = Batches()
    batches.begin(BeginBatch(name="pump", group="host=a", tags={"host": "a"}))
    batches.point(Point(time=5, fieldsDouble={"card": 7.0, "heat": 1.5, "far": 1e300}).SerializeToString())
    batches.end(EndBatch(tmax=9))

    (point,) = map(Point.FromString, batches.over())

    assert (point.name, point.group, dict(point.tags)) == ("pump", "host=a", {"host": "a"})
    assert (dict(point.fieldsInt), dict(point.fieldsDouble)) == ({"card": 7}, {"heat": 1.5, "far": 1e300})


def test_what_found_no_room_comes_again_with_the_next_query():
    batches = Batches()

    def run(tmax: int) -> int:
        batches.begin(BeginBatch(name="pump", group="g"))
        batches.point(Point(time=5, fieldsDouble={"heat": 1.0}).SerializeToString())
        return len(batches.end(EndBatch(tmax=tmax))) + len(batches.over())

    once, twice = run(1), run(2)
    batches.forget()

    assert (once, twice, run(3)) == (1, 0, 1)
