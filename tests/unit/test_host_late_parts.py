"""What a host does about samples that come late, part by part, at the moments at which it could go wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from atipico.errors import NotYet
from atipico.features.plan import Plan
from atipico.features.spec import parse_specs
from atipico.registry.jobs import Job
from atipico.stream.late import Latecomers
from atipico.stream.ledger import Ledger, Mark
from atipico.stream.outcomes import OutcomeLines
from atipico.stream.outgoing import Outgoing, Reader
from atipico.stream.section import Section, pieces, section
from atipico.stream.sender import Sender
from atipico.stream.settings import HostSettings
from atipico.stream.store import LogBlock, LogGone
from atipico.stream.taker import Taker
from atipico.wire.frames import Splitter, point_frames
from atipico.wire.points import AnswerWriter, Late, late_mark, read_points, write_point
from atipico.wire.sample import Sample, Score
from atipico.wire.snapshot import Snapshot
from atipico.wire.udf_pb2 import Response

JOB = Job("sales", "sums", "sales", ())
SCORE = Score(0.25, 0.5, False, "test@1", True, "late 5 s")


def mark(offset: int, clock: int) -> Mark:
    return Mark(offset, Snapshot(offset, clock=clock).to_bytes().decode())


def answer(time: int, late: Late | None = None) -> bytes:
    told = AnswerWriter().write(write_point(Sample("sales", {}, {}, time), "atipico", "", []), SCORE)
    return Splitter().feed(point_frames([told + (late_mark(late) if late else b"")]))[0]


class Link:
    """Gives these messages one by one, each once it may; keeps what is sent."""

    session = "sales.1"

    def __init__(self, *messages: tuple[threading.Event | None, bytes]) -> None:
        self._messages, self.sent, self.closed = messages, list[Any](), threading.Event()

    def messages(self) -> Iterator[list[bytes]]:
        for gate, message in self._messages:
            if gate:
                gate.wait()
            yield [message]
        self.closed.wait()
        raise NotYet("closed")

    def send_points(self, points: list[bytes]) -> None:
        self.sent.append(points)

    def keep_alive(self, time: int) -> None: ...

    def close(self) -> None:
        self.closed.set()


class Sink:
    """A store that takes everything."""

    def write(self, database: str, lines: bytes) -> None: ...


class Log:
    """A source whose every section is empty."""

    def section(self, mark: Mark, end: int, most: int | None = None) -> Section:
        return Section([], [], end, 0)


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    ledger = Ledger(tmp_path / "sales.json")
    for one in (mark(1, 100), mark(2, 200)):
        ledger.commit(one)
    return ledger


def taker(ledger: Ledger, link: Link) -> Taker:
    return Taker(JOB, HostSettings(), link, ledger, Sink(), OutcomeLines("sales", "scores"))  # type: ignore[arg-type]


def sender(ledger: Ledger, link: Link, taker: Taker) -> Sender:
    return Sender(JOB, HostSettings(block=100), ledger, Log(), link, taker)  # type: ignore[arg-type]


@pytest.mark.parametrize(("late", "newest"), [(Late(150, 60), 2), (None, 3)], ids=["late", "the control: in its order"])
def test_no_mark_is_made_that_knows_of_a_sample_which_its_job_has_still_to_go_back_for(ledger, late, newest):
    snapshot = Response(snapshot={"snapshot": mark(3, 210).snapshot.encode()}).SerializeToString()
    takes = taker(ledger, Link((None, answer(7, late)), (None, snapshot)))
    takes.pending.add([("sales", 7)])
    takes.pending.add_snapshot(Mark(3))

    takes.start()
    assert takes.pending.wait_for_all(10)
    while takes.pending.snapshot_asked():
        takes.pending.wait_for_all(0.01)
    takes.stop()

    assert ledger.newest().offset == newest
    assert takes.kept == (late is None)


def test_a_job_goes_back_for_the_earliest_of_all_that_was_sent_also_if_its_answer_is_still_to_come(ledger):
    gate = threading.Event()
    link = Link((None, answer(7, Late(250, 5))), (gate, answer(8, Late(150, 105))))
    takes = taker(ledger, link)
    takes.pending.add([("sales", 7), ("sales", 8)])
    takes.start()

    while not takes.late:
        takes.pending.wait_for_all(0.01)
    threading.Timer(0.3, gate.set).start()
    back = sender(ledger, link, takes)._way_back(9, True, threading.Event())
    takes.stop()

    assert back is not None
    assert back.mark == mark(1, 100)


def test_one_that_no_mark_lies_before_does_not_keep_its_job_from_going_back_for_another(ledger):
    late = Latecomers(JOB, ledger)

    late.note(Late(90, 130), again=False)
    late.note(Late(150, 70), again=False)

    assert late.mark() == mark(1, 100)
    late.note(Late(250, 10), again=False)
    late.give_up(mark(1, 100), "too much of the log came since")
    assert late.mark() == mark(2, 200)
    late.note(Late(150, 110), again=False)
    assert late.mark() == mark(2, 200)
    late.give_up(mark(2, 200), "too much of the log came since")
    assert not late


def test_a_job_goes_back_also_while_the_disk_takes_no_mark(tmp_path, ledger):
    (tmp_path / "sales.draft").mkdir()

    ledger.go_back(mark(1, 100))

    assert ledger.newest() == mark(1, 100)
    assert Ledger(tmp_path / "sales.json").newest() == mark(2, 200)


def sent(*sizes: int) -> list[Outgoing]:
    return [Outgoing(at, at, "sales", b"." * size) for at, size in enumerate(sizes)]


def test_a_section_is_sent_in_pieces_as_large_as_a_block_of_the_log():
    some = sent(40, 40, 40, 300, 10)

    points = [[one.point for one in part] for part in (some[:3], some[3:4], some[4:])]
    assert [piece.points for piece in pieces(some, 100)] == points
    assert [time for piece in pieces(some, 100) for _, time in piece.heads] == [0, 1, 2, 3, 4]
    assert list(pieces([], 100)) == []


def test_samples_of_one_key_and_moment_are_sent_again_in_the_order_that_windows_have_them_in():
    reader = Reader(JOB, OutcomeLines("sales", "scores"))

    for number in range(20):
        lines = f"sales,shop=a{number} card=1i,amount=2 5\nsales,shop=b{number} card=1i,amount=3 5\n"
        placed = sorted(reader.placed(lines.encode()), key=lambda one: one.place)
        read = read_points([one.point for one in placed], None)
        plan = Plan(parse_specs({"many": {"count": "amount", "by": "card", "over": 5}}))
        assert not plan.rows(read.times, read.groups, read.columns).late


def test_a_host_that_is_told_to_stop_does_not_send_the_rest_of_a_section(ledger):
    stop, link = threading.Event(), Link()
    link.send_points = lambda points: (link.sent.append(points), stop.set())  # type: ignore[method-assign]
    some = sent(*[60] * 10)

    sender(ledger, link, taker(ledger, link))._send_again(Section(some, [0] * 10, 9, -1), stop)

    assert link.sent == [[one.point for one in some[:2]]]


def test_a_section_of_a_log_that_ends_before_it_is_not_waited_for_without_end():
    def read(offset: int, until: int) -> LogBlock:
        return LogBlock(b"", offset, min(until, 30), 30)

    with pytest.raises(LogGone):
        section(read, Reader(JOB, OutcomeLines("sales", "scores")), Mark(10, "x", until=60, floor=5), 60, None)
