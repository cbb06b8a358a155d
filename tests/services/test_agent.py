"""The agent behind a host that the test plays, before a classifier that does as it is told."""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import REGISTRY

from atipico.agent.checkpoints import KEPT
from atipico.agent.server import listen, serve
from atipico.agent.session import rest_s
from atipico.agent.work import SumWork
from atipico.agent.works import Attached, Works
from atipico.errors import NotYet, Refused
from atipico.scorers.http import HttpScorer, Stopped
from atipico.scorers.sum import SumScorer
from atipico.stream.link import Link
from atipico.wire.frames import frame
from atipico.wire.points import read_answer, write_point
from atipico.wire.sample import Sample, Score
from atipico.wire.udf_pb2 import Response
from limits import no_more_files
from scripted import Host, ScriptedClassifier

JOB = """
model = "test"
stream = "pump"
[features]
heat = "heat"
z = { z = "heat", by = "pump", over = 50 }
count = { count = "heat", by = "pump", over = 50 }
"""
COLUMNS = ("heat", "z", "count")
WATCHED = """
stream = "pump"
detector = { forecast = "heat", by = "pump", over = 8, threshold = 0.99 }
"""


def point(at: int, **fields: object) -> bytes:
    sample = Sample("pump", {"shard": "0"}, {"pump": 7, **fields}, 1_700_000_000_000_000_000 + at)
    return write_point(sample, "atipico", "shard=0", ["shard"])


def scores(answers: list[bytes]) -> list[Score]:
    return [read_answer(answer)[1] for answer in answers]


@pytest.fixture
def classifier():
    """Scores a row with its third column, the count, over 100."""
    server = ScriptedClassifier(COLUMNS, lambda rows: rows[:, 2] / 100)
    yield server
    server.close()


@pytest.fixture
def works(tmp_path, classifier) -> Works:
    """What an agent with the job `pumps`, which has a model, and `watched`, which has a detector, works on."""
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "pumps.toml").write_text(JOB)
    (tmp_path / "jobs" / "watched.toml").write_text(WATCHED)
    return Works(
        tmp_path / "jobs", tmp_path / "agent", lambda job, stop: HttpScorer(classifier.url, job.model, 0.5, stop)
    )


@pytest.fixture
def connect(tmp_path, works, monkeypatch) -> Callable[[], Host]:
    """Connections to an agent with the jobs `pumps` and `watched`."""
    monkeypatch.chdir(tmp_path)  # a short path for the socket
    listener = listen(Path("a.sock"))
    threading.Thread(target=serve, args=(listener, works.open), daemon=True).start()
    opened: list[socket.socket] = []

    def one() -> Host:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect("a.sock")
        opened.append(connection)
        return Host(connection)

    yield one
    for connection in opened:
        connection.close()
    listener.close()


def begun(host: Host, job: str = "pumps", **options: str) -> Host:
    assert host.init(job=job, **options).init.success
    return host


def heats(first: int, last: int) -> list[bytes]:
    """Points of a pump that swings, with a leap at each 400th."""
    return [point(at, heat=20.0 + math.sin(at / 5) + (9.0 if at % 400 == 399 else 0.0)) for at in range(first, last)]


def test_behind_few_points_more_are_let_come_together_for_a_moment_and_behind_many_not():
    assert rest_s(1, 0.001) == 0.004
    assert rest_s(255, 9.0) == 0.01
    assert rest_s(256, 0.001) == 0.0


def test_a_job_with_a_detector_needs_no_classifier_and_finds_what_stands_out(connect, classifier):
    host = begun(connect(), job="watched")

    host.points(heats(0, 1600))
    got = scores(host.answers(1600))

    assert classifier.asked == 0
    assert all(score.scored and score.threshold == 0.99 for score in got)
    assert got[0].version.startswith("forecast@")
    assert got[0].why == "1 of 4 samples known"
    flagged = [at for at in range(600, 1600) if got[at].anomalous]
    assert {799, 1199, 1599} <= set(flagged)
    assert len(flagged) < 12
    assert got[1599].why == "heat=28.4 (usual 19 to 19.22)"


@pytest.mark.parametrize("sizes", [[1600], [1] * 50 + [700, 850], [256] * 6 + [64]])
def test_however_its_samples_are_cut_a_detectors_answers_are_the_same(works, sizes):
    whole = works.open({"job": "watched", "rewind": "yes"}, Connection()).answers(heats(0, 1600))
    again, told, at = works.open({"job": "watched", "rewind": "yes"}, Connection()), [], 0

    for size in sizes:
        told += again.answers(heats(at, at + size))
        at += size

    assert told == whole


def test_an_agent_that_was_killed_goes_on_with_a_detector_that_knows_what_it_knew(works, tmp_path):
    first = works.open({"job": "watched", "rewind": "yes"}, Connection())
    first.answers(heats(0, 700))
    snapshot = first.snapshot()
    expected = first.answers(heats(700, 1600))

    def restarted() -> Attached:
        return Works(tmp_path / "jobs", tmp_path / "agent", lambda *_: None).open({"job": "watched"}, Connection())

    second, forgetful = restarted(), restarted()
    second.restore(snapshot)

    assert second.answers(heats(700, 1600)) == expected
    assert forgetful.answers(heats(700, 1600)) != expected, "the control: without the snapshot it answers otherwise"


def test_every_point_gets_its_answer_in_order_with_features_of_what_came_before(connect):
    host = begun(connect())

    host.points([point(at, heat=20.0 + at % 3) for at in range(40)])
    answers = host.answers(40)

    assert [read_answer(answer)[0] for answer in answers] == [1_700_000_000_000_000_000 + at for at in range(40)]
    assert [score.score for score in scores(answers)] == pytest.approx([(at + 1) / 100 for at in range(40)])
    assert all(score.scored and score.version == "test@1" and not score.anomalous for score in scores(answers))


def test_a_connection_that_brings_nothing_but_labels_stays_alive(connect, tmp_path):
    (tmp_path / "jobs" / "pumps.toml").write_text(
        JOB.replace('stream = "pump"', 'stream = "pump"\nlabels = { id = "pump" }')
    )
    host = begun(connect())

    host.points([write_point(Sample("labels", {}, {"id": 7, "label": 1}, 5), "atipico", "", [])])
    host.send(snapshot={})
    host.next()
    host.send(keepalive={"time": 123})

    assert host.next().keepalive.time == 123


def test_an_anomaly_says_which_features_stood_out(connect, classifier):
    host = begun(connect())
    classifier.script = lambda rows: (np.abs(rows[:, 1]) > 10).astype(float)

    host.points([point(at, heat=20.0 + at % 3) for at in range(30)])
    host.points([point(31, heat=900.0)])
    last = scores(host.answers(31))[-1]

    assert last.anomalous
    assert "z=100 (usual 0)" in last.why


def test_a_sample_that_cannot_be_scored_says_why_and_its_neighbours_are_scored(connect):
    host = begun(connect())

    host.points([point(0, heat=1.0), point(1), point(2, heat=float("nan")), point(3, heat="hot"), point(4, heat=2.0)])
    got = scores(host.answers(5))

    assert [score.scored for score in got] == [True, False, False, False, True]
    assert "heat is missing" in got[1].why
    assert "nan" in got[2].why
    assert "'hot'" in got[3].why
    assert got[4].score == pytest.approx(0.02)


def test_keepalives_are_answered_while_the_classifier_is_down_and_nothing_is_lost(connect, classifier):
    host, healthy = begun(connect()), classifier.script
    classifier.script = lambda rows: (503, b"busy", {"Retry-After": "0"})

    host.points([point(at, heat=1.0) for at in range(10)])
    host.send(keepalive={"time": 123})
    alive = host.next()
    classifier.script = healthy
    got = scores(host.answers(10))

    assert alive.keepalive.time == 123
    assert all(score.scored for score in got)


def test_a_classifier_that_sleeps_past_the_timeout_is_asked_again(connect, classifier):
    host, healthy, asleep = begun(connect()), classifier.script, threading.Event()

    def sleepy(rows: np.ndarray) -> np.ndarray:
        asleep.wait(10)
        return healthy(rows)

    classifier.script = sleepy
    host.points([point(0, heat=1.0)])
    host.send(keepalive={"time": 5})
    assert host.next().keepalive.time == 5
    classifier.script = healthy
    got = scores(host.answers(1))
    asleep.set()

    assert got[0].scored


def test_a_block_that_takes_longer_than_the_timeout_is_asked_for_in_smaller_ones(connect, classifier):
    classifier.script = lambda rows: (time.sleep(0.005 * len(rows)), rows[:, 2] / 100)[1]
    host = begun(connect())

    host.points([point(at, heat=1.0) for at in range(400)])  # 2 s of work, 0.5 s to answer

    got = scores(host.answers(400))
    assert [score.scored for score in got] == [True] * 400
    assert got[10].score == pytest.approx(0.11)


@pytest.mark.parametrize("status", [400, 500])
def test_a_row_that_the_classifier_cannot_take_is_refused_alone(connect, classifier, status):
    host, healthy = begun(connect()), classifier.script

    def picky(rows: np.ndarray):
        return (status, b'{"error":"no such heat"}', {}) if (rows[:, 0] == 13.0).any() else healthy(rows)

    classifier.script = picky
    host.points([point(at, heat=float(at)) for at in range(20)])
    got = scores(host.answers(20))

    assert [at for at, score in enumerate(got) if not score.scored] == [13]
    assert "no such heat" in got[13].why
    assert got[19].score == pytest.approx(0.2)


def test_a_classifier_that_breaks_on_everything_makes_no_dead_letters(connect, classifier):
    host, healthy = begun(connect()), classifier.script
    broken = threading.Event()

    def breaks(rows: np.ndarray):
        if len(rows) == 1:
            broken.set()
        return (500, b"broken", {})

    classifier.ready, classifier.script = False, breaks
    host.points([point(at, heat=1.0) for at in range(4)])
    assert broken.wait(10)
    classifier.script, classifier.ready = healthy, True
    got = scores(host.answers(4))

    assert all(score.scored for score in got)


def test_a_model_swapped_for_one_with_other_columns_is_asked_for_its_columns_again(connect, classifier):
    host = begun(connect())
    host.points([point(0, heat=1.0)])
    host.answers(1)

    classifier.columns, classifier.version = ("count", "heat"), "test@2"
    classifier.script = lambda rows: rows[:, 0] / 100
    host.points([point(1, heat=5.0)])
    got = scores(host.answers(1))[0]

    assert (got.version, got.score) == ("test@2", pytest.approx(0.02))


def test_a_host_that_rewinds_gets_the_same_scores_again(connect):
    first = begun(connect(), rewind="yes")
    first.points([point(at, heat=1.0) for at in range(5)])
    first.answers(5)
    first.send(snapshot={})
    snapshot = first.next().snapshot.snapshot
    first.points([point(at, heat=2.0) for at in range(5, 9)])
    before = scores(first.answers(4))

    second = begun(connect(), rewind="yes")
    second.send(restore={"snapshot": snapshot})
    assert second.next().restore.success
    second.points([point(at, heat=2.0) for at in range(5, 9)])

    assert scores(second.answers(4)) == before


class Connection:
    """What `Works` wants of a session."""

    def __init__(self) -> None:
        self.stop = threading.Event()

    def end(self) -> None:
        self.stop.set()


def test_what_a_lost_connection_left_behind_enters_no_window_once_the_host_sends_again(works):
    given = {"job": "pumps", "rewind": "yes"}
    first = works.open(given, Connection())
    first.answers([point(at, heat=1.0) for at in range(60)])
    snapshot = first.snapshot()

    second = works.open(given, Connection())
    second.restore(snapshot)
    with pytest.raises(Stopped):
        first.answers([point(at, heat=1.0) for at in range(60, 1000)])
    with pytest.raises(Stopped):
        first.restore(b"")

    assert {score.score for score in scores(second.answers([point(at, heat=1.0) for at in range(60, 100)]))} == {0.5}


def test_without_rewind_the_state_stays_and_an_older_restore_is_ignored(connect):
    first = begun(connect())
    first.points([point(at, heat=1.0) for at in range(5)])
    first.answers(5)
    first.send(snapshot={})
    snapshot = first.next().snapshot.snapshot
    first.points([point(5, heat=1.0)])
    first.answers(1)
    first.socket.close()

    second = begun(connect())
    second.send(restore={"snapshot": snapshot})
    assert second.next().restore.success
    second.points([point(6, heat=1.0)])

    assert scores(second.answers(1))[0].score == pytest.approx(0.07)


def test_only_a_host_that_goes_back_is_told_what_came_late(works):
    times = (0, 10, 5)

    for given, late in (({"rewind": "yes"}, [False, False, True]), ({}, [False] * 3)):
        answers = works.open({"job": "watched", **given}, Connection()).answers([point(at, heat=1.0) for at in times])
        works.open({"job": "watched", "rewind": "yes"}, Connection())  # which forgets them
        assert [read_answer(answer)[2] is not None for answer in answers] == late
        assert scores(answers)[2].why.startswith("late ")


def test_a_checkpoint_that_a_host_goes_back_to_again_and_again_stays(works):
    first = works.open({"job": "watched", "rewind": "yes"}, Connection())
    first.answers(heats(0, 100))
    kept = first.snapshot()

    for _ in range(2 * KEPT):
        again = works.open({"job": "watched", "rewind": "yes"}, Connection())
        again.restore(kept)
        again.answers(heats(100, 200))
        assert again.snapshot() != kept


def test_a_torn_checkpoint_is_told_and_not_taken(connect, tmp_path):
    host = begun(connect(), rewind="yes")
    host.points([point(0, heat=1.0)])
    host.answers(1)
    host.send(snapshot={})
    snapshot = host.next().snapshot.snapshot
    (file,) = (tmp_path / "agent" / "pumps").glob("*.checkpoint")
    file.write_bytes(file.read_bytes()[:-3])

    again = begun(connect(), rewind="yes")
    again.send(restore={"snapshot": snapshot})
    told = again.next().restore

    assert not told.success
    assert "torn" in told.error


@pytest.mark.parametrize("rewind", ["yes", "by time"])
def test_a_checkpoint_that_cannot_be_had_just_now_is_none_that_is_gone(connect, rewind):
    host = begun(connect(), job="watched", rewind=rewind)
    host.points(heats(0, 20))
    host.answers(20)
    host.send(snapshot={})
    snapshot = host.next().snapshot.snapshot
    host.points(heats(20, 30))
    expected = host.answers(10)
    link = Link(Path("a.sock"), 5.0)
    link.begin("watched", rewind=rewind)

    with no_more_files(), pytest.raises(NotYet, match="Too many open files"):
        link.restore(snapshot)

    again = begun(connect(), job="watched", rewind=rewind)
    again.send(restore={"snapshot": snapshot})
    assert again.next().restore.success
    again.points(heats(20, 30))
    assert again.answers(10) == expected


@pytest.mark.parametrize("options", [{}, {"job": "pump"}])
def test_an_init_without_a_known_job_says_which_there_are(connect, options):
    told = connect().init(**options).init

    assert not told.success
    assert "pumps" in told.error


def test_a_point_that_cannot_be_read_is_counted_and_its_neighbours_are_scored(connect):
    def counted() -> float:
        return REGISTRY.get_sample_value("atipico_refused_total", {"reason": "point can't be read"}) or 0.0

    before, host = counted(), begun(connect())

    host.points([point(0, heat=1.0), b"\x08\xff", point(1, heat=1.0)])

    assert [score.scored for score in scores(host.answers(2))] == [True, True]
    assert counted() == before + 1


def test_an_agent_that_could_not_take_a_connection_takes_the_next(tmp_path, monkeypatch):
    class Short:
        """A listener that once finds no file descriptor free."""

        def __init__(self, listener: socket.socket) -> None:
            self._listener, self._short = listener, True
            self.fileno = listener.fileno

        def accept(self):
            if self._short:
                self._short = False
                raise OSError(24, "Too many open files")
            return self._listener.accept()

    monkeypatch.chdir(tmp_path)
    listener = listen(Path("a.sock"))
    threading.Thread(target=serve, args=(Short(listener), lambda *_: SumWork(SumScorer())), daemon=True).start()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect("a.sock")
        host = Host(connection)
        host.socket.settimeout(5)
        host.send(info={})
        assert host.next().WhichOneof("message") == "info"
    listener.close()


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n" * 8, b"\xff" * 64, frame(b"\x8a\x01\x05abc")])
def test_garbage_ends_its_own_connection_with_a_word_and_no_other(connect, garbage):
    good, bad = begun(connect()), connect()

    bad.socket.sendall(garbage)
    told: Response = bad.next()
    with pytest.raises(EOFError):
        bad.next()
    good.points([point(0, heat=1.0)])

    assert told.error.error
    assert scores(good.answers(1))[0].scored


def test_a_stale_socket_file_is_replaced_and_a_living_agent_is_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stale = socket.socket(socket.AF_UNIX)
    stale.bind("b.sock")
    stale.close()

    living = listen(Path("b.sock"))

    with pytest.raises(Refused, match="another one listens"):
        listen(Path("b.sock"))
    living.close()


def test_alone_it_answers_the_sum_of_all_numbers_of_each_point(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    listener = listen(Path("c.sock"))
    threading.Thread(target=serve, args=(listener, lambda *_: SumWork(SumScorer())), daemon=True).start()
    connection = socket.socket(socket.AF_UNIX)
    connection.connect("c.sock")
    host = Host(connection)
    assert host.init().init.success

    host.points([point(0, heat=1.5), point(0, heat=1.5), point(1, cold=-4, name="x", on=True)])

    assert [score.score for score in scores(host.answers(3))] == [8.5, 8.5, 4.0]
    connection.close()
    listener.close()


def test_a_host_that_read_other_labels_in_the_job_file_is_told_to_start_again(works, tmp_path):
    labelled = JOB.replace('stream = "pump"', 'stream = "pump"\nlabels = { id = "pump" }')
    (tmp_path / "jobs" / "labelled.toml").write_text(labelled)
    given = {"job": "labelled", "rewind": "yes"}

    with pytest.raises(Refused, match="start the host again"):
        works.open(given, Connection())
    with pytest.raises(Refused, match="start the host again"):
        works.open({**given, "job": "pumps", "labels": "labels"}, Connection())

    assert works.open({**given, "labels": "labels"}, Connection())
