"""The generator's parts: pace, times, spool, sender."""

from __future__ import annotations

import itertools
import math
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atipico.config import load
from atipico.errors import NotYet, Refused
from atipico.generator.app import run
from atipico.generator.lines import to_lines
from atipico.generator.pace import MOST, Rate, Speed
from atipico.generator.sender import Sender
from atipico.generator.settings import GeneratorSettings, read_file
from atipico.generator.spool import Spool
from atipico.generator.store import Partly
from atipico.generator.stream import Stream
from atipico.metrics import REFUSED, SAMPLES_OUT
from atipico.ports import Batch, Label
from atipico.sources import make
from atipico.wire.lines import parse

SECOND = 10**9


def rows(*event_times: int) -> list[tuple[dict[str, str], dict[str, int]]]:
    return [({}, {"event_time": time}) for time in event_times]


def batch(*values: float, labels: int = 0) -> Batch:
    return Batch([({"shard": "0"}, {"x": value}) for value in values], [Label(i, 1) for i in range(labels)], {"row": 1})


@pytest.fixture
def spool(tmp_path):
    spool = Spool(tmp_path / "spool.sqlite", 10_000)
    yield spool
    spool.close()


def put(spool: Spool, lines: bytes, samples: int = 1, position: int = 0) -> None:
    spool.put(lines, samples, 0, spool.last + samples, "source", {"row": position})


# Pace


@settings(max_examples=50)
@given(st.lists(st.floats(0.01, 0.4), min_size=20, max_size=60), st.sampled_from([0.5, 7.0, 500.0]))
def test_a_rate_gives_as_many_rows_as_time_passed(steps, rate):
    pace, now, given_rows = Rate(rate, 0.0, 0.05, 10.0), 0.0, 0

    for step in steps:
        now += step
        given_rows += pace.most(now)

    assert now * rate - max(1.0, rate * 0.05) - 1 <= given_rows <= now * rate


def test_a_rate_waits_until_a_block_is_due():
    pace = Rate(2.0, 0.0, 0.05, 10.0)

    assert pace.most(0.3) == 0
    assert pace.wait(0.3) == pytest.approx(0.2)
    assert pace.most(0.5) == 1


def test_a_rate_that_was_held_up_catches_up_so_much_and_no_more_in_blocks_of_at_most_5000():
    pace = Rate(1000.0, 0.0, 0.05, catch_up_s=8.0)

    blocks = [pace.most(3600.0) for _ in range(4)]

    assert blocks == [MOST, 3000, 0, 0]


def test_a_speed_makes_rows_due_by_their_own_clock():
    pace = Speed(3600.0, 0.05, 10.0)
    hour = 3600 * SECOND

    assert pace.due(rows(0), now=100.0) == 0
    assert pace.due(rows(hour), now=100.2) == pytest.approx(0.8)
    assert pace.due(rows(2 * hour, 3 * hour), now=101.0) == pytest.approx(2.0)
    assert pace.due(rows(2 * hour), now=103.0) <= 0  # a clock that went back is due at once


def test_a_speed_reads_more_at_once_while_a_block_spans_less_than_a_tick():
    pace, now, clock = Speed(1.0, 0.05, 10.0), 0.0, 0

    for _ in range(40):  # 1000 rows a second on the rows' own clock
        block = rows(*range(clock, clock + pace.most(now) * SECOND // 1000, SECOND // 1000))
        clock = block[-1][1]["event_time"] + SECOND // 1000
        now += max(0.0, pace.due(block, now))

    assert 25 <= pace.most(now) <= 100


def test_a_speed_that_was_held_up_makes_up_for_so_much_and_no_more():
    pace = Speed(1.0, 0.05, catch_up_s=5.0)
    pace.due(rows(0), now=0.0)

    assert pace.due(rows(SECOND), now=1000.0) == pytest.approx(-999.0)
    assert pace.due(rows(2 * SECOND), now=1000.0) == pytest.approx(-4.0)


def stream_for(days: int, pace: Speed) -> tuple[float, int]:
    """The seconds that so many simulated days take at a pace if nothing else took any, and the largest block."""
    source, position, now, largest = make("payments", days=days), {}, 0.0, 0
    while (block := source.read(position, pace.most(now))).rows:
        now += max(0.0, pace.due(block.rows, now))
        position, largest = block.after, max(largest, len(block.rows))
    return now, largest


def test_simulated_days_pass_in_so_many_seconds_as_the_speed_says():
    took, largest = stream_for(4, Speed(2 * 86_400.0, 0.05, 10.0))

    assert 1.7 < took < 2.0  # from the first payment of the first day to the last of the last
    assert largest < 200  # of 1920


def test_a_speed_without_bound_never_waits_and_reads_as_much_as_it_can_at_once():
    assert load(GeneratorSettings, streams={"s": {"source": "payments", "speed": "inf"}}).streams["s"].speed == math.inf

    assert stream_for(40, Speed(math.inf, 0.05, 10.0)) == (0.0, MOST)


def test_a_speed_for_rows_without_a_clock_is_refused():
    with pytest.raises(Refused, match="event_time"):
        Speed(1.0, 0.05, 10.0).due([({}, {"x": 1.0})], now=0.0)


# Times


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(1, 2 * 10**18), st.integers(1, 5), st.integers(0, 3)), min_size=1, max_size=8))
def test_times_grow_strictly_whatever_the_clock_does(tmp_path_factory, jumps):
    path, times = tmp_path_factory.mktemp("spool") / "s.sqlite", []

    for now, n, labels in jumps:
        spool = Spool(path, 10**6)  # a new process each time: only what is on disk is known
        block = to_lines(batch(*range(n), labels=labels), "m", now, spool.last)
        spool.put(block.lines, block.samples, block.labels, block.last, "source", {})
        spool.close()
        times += [sample.time for sample in parse(block.lines, now=0).samples]

    assert all(a < b for a, b in itertools.pairwise(times))


def test_control_without_the_last_time_kept_a_clock_that_jumps_back_repeats_a_time():
    first, second = (to_lines(batch(1.0, 2.0), "m", now, last=0) for now in (1001, 1000))

    times = [sample.time for block in (first, second) for sample in parse(block.lines, now=0).samples]

    assert len(set(times)) < len(times)


def test_times_are_those_of_the_clock_when_it_goes_on():
    block = to_lines(batch(1.0, 2.0, labels=1), "m", now=5000, last=4000)

    assert [sample.time for sample in parse(block.lines, now=0).samples] == [5000, 5001, 5002]
    assert block.last == 5002


def test_a_label_is_a_point_of_its_own_that_names_its_stream():
    block = to_lines(Batch([({}, {"x": 1.5})], [Label("a", 1), Label("b", 0)], {}), "pumps", 10, 0)

    sample, *labels = parse(block.lines, now=0).samples
    assert sample == ("pumps", {}, {"x": 1.5}, 10)
    assert [(label.measurement, label.tags, label.fields) for label in labels] == [
        ("labels", {"source": "pumps", "told_by": "time"}, {"id": "a", "label": 1}),
        ("labels", {"source": "pumps", "told_by": "time"}, {"id": "b", "label": 0}),
    ]


def test_a_row_without_a_form_is_counted_and_its_neighbours_are_written():
    counter = REFUSED.labels("no form in line protocol")
    before = counter._value.get()

    block = to_lines(batch(1.0, float("nan"), 3.0, labels=1), "m", 10, 0)

    assert [sample.fields.get("x") for sample in parse(block.lines, now=0).samples] == [1.0, 3.0, None]
    assert (block.samples, block.labels) == (2, 1)
    assert counter._value.get() == before + 1


# Spool


def test_a_spool_opened_again_has_its_blocks_its_position_and_its_newest_time(tmp_path):
    spool = Spool(tmp_path / "s.sqlite", 1000)
    spool.put(b"one\n", 1, 0, 77, "source", {"row": 1})
    spool.put(b"two\n", 2, 1, 78, "source", {"row": 2})
    spool.close()

    again = Spool(tmp_path / "s.sqlite", 1000)

    assert [block[1:] for block in again.take(10**6)] == [(b"one\n", 1, 0, 77), (b"two\n", 2, 1, 78)]
    assert (again.position("source"), again.position("another")) == ({"row": 2}, {})
    assert (again.last, again.samples) == (78, 3)


def test_a_full_spool_takes_no_more_until_there_is_room_and_its_position_stays(spool):
    put(spool, b"x" * 6000, position=1)

    with pytest.raises(NotYet, match=r"full with 6000 bytes of at most 10000"):
        put(spool, b"y" * 6000, position=2)

    assert spool.position("source") == {"row": 1}
    spool.done(spool.take(0))
    put(spool, b"y" * 6000, position=2)
    assert spool.position("source") == {"row": 2}


def test_a_block_larger_than_the_spool_still_passes_through_an_empty_one(spool):
    put(spool, b"x" * 20_000)

    assert len(spool.take(0)) == 1


def test_a_full_disk_keeps_the_spool_as_it_was(spool):
    put(spool, b"first\n", position=1)
    spool._db.execute("PRAGMA max_page_count = 8")  # what a full disk looks like to it

    with pytest.raises(NotYet, match="full; make room"):
        put(spool, b"x" * 9000, position=2)

    assert [block.lines for block in spool.take(10**6)] == [b"first\n"]
    assert (spool.position("source"), spool.last, spool.samples) == ({"row": 1}, 1, 1)
    spool._db.execute("PRAGMA max_page_count = 1000")
    put(spool, b"x" * 9000, position=2)
    assert spool.position("source") == {"row": 2}


def test_refused_blocks_are_kept_with_the_reason_and_only_the_newest_hundred(spool):
    for i in range(103):
        put(spool, b"line %d\n" % i)
        spool.done(spool.take(0), refused="no")

    kept = spool._db.execute("SELECT lines, reason FROM refused ORDER BY id").fetchall()
    assert len(kept) == 100
    assert kept[-1] == (b"line 102\n", "no")


def test_a_file_that_is_no_spool_is_refused_with_the_cure(tmp_path):
    (tmp_path / "s.sqlite").write_bytes(b"not a database, but long enough to be taken for one" * 100)

    with pytest.raises(Refused, match="remove it"):
        Spool(tmp_path / "s.sqlite", 1000)


# Sender


class Stop(threading.Event):
    """Remembers how long it was to wait, and does not."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        return self.is_set()


def test_small_blocks_go_together_and_in_order(spool):
    sent: list[bytes] = []
    for i in range(5):
        put(spool, b"line %d\n" % i)

    Sender("m", spool, sent.append, Stop()).send()

    assert sent == [b"line 0\nline 1\nline 2\nline 3\nline 4\n"]
    assert spool.take(1) == []


def test_a_store_that_is_away_is_tried_again_ever_later_and_as_late_as_it_asks(spool):
    answers = iter([NotYet("away", 0.0)] * 8 + [NotYet("busy", 17.0), None])
    stop = Stop()

    def write(lines: bytes) -> None:
        if answer := next(answers):
            raise answer

    put(spool, b"line\n")
    sender = Sender("m", spool, write, stop)
    for _ in range(10):
        sender.send()

    assert stop.waits[0] <= 0.1
    assert 2.5 <= stop.waits[7] <= 5.0
    assert stop.waits[8:] == [17.0]
    assert spool.take(1) == []


def test_only_the_block_that_is_refused_is_set_aside(spool):
    sent: list[bytes] = []

    def write(lines: bytes) -> None:
        if b"bad" in lines:
            raise Refused("bad line")
        sent.append(lines)

    for lines in (b"a\n", b"bad\n", b"c\n", b"d\n"):
        put(spool, lines)
    sender = Sender("m", spool, write, Stop())
    for _ in range(5):
        sender.send()

    assert sent == [b"a\n", b"c\n", b"d\n"]
    assert spool._db.execute("SELECT lines, reason FROM refused").fetchall() == [(b"bad\n", "bad line")]


def test_a_store_that_goes_away_amid_single_blocks_loses_none(spool):
    sent: list[bytes] = []
    answers = iter([Refused("all"), None, NotYet("away", 0.0), None, None])

    def write(lines: bytes) -> None:
        if answer := next(answers):
            raise answer
        sent.append(lines)

    for lines in (b"a\n", b"b\n", b"c\n"):
        put(spool, lines)
    sender = Sender("m", spool, write, Stop())
    for _ in range(5):
        sender.send()

    assert b"".join(sent) == b"a\nb\nc\n"


def test_nothing_ends_the_sender(spool):
    answers = iter([ValueError("what is this"), None])

    def write(lines: bytes) -> None:
        if answer := next(answers):
            raise answer

    put(spool, b"line\n")
    sender = Sender("m", spool, write, Stop())
    sender.send()
    sender.send()

    assert spool.take(1) == []


def test_a_block_taken_in_part_counts_what_was_taken(spool):
    out, refused = SAMPLES_OUT.labels("partly"), REFUSED.labels("by the store")
    before = out._value.get(), refused._value.get()

    def write(lines: bytes) -> None:
        raise Partly("partial write: 2 of them", 2)

    put(spool, b"lines\n", samples=7)
    Sender("partly", spool, write, Stop()).send()

    assert (out._value.get() - before[0], refused._value.get() - before[1]) == (5, 2)


# Stream


def test_a_source_that_fails_is_tried_again_from_the_same_position(spool):
    class Shaky:
        live = False

        def __init__(self):
            self.asked = []

        def read(self, position, most):
            self.asked.append(position.get("row", 0))
            if len(self.asked) == 2:
                raise OSError("the disk coughed")
            return batch(1.0) if len(self.asked) < 4 else Batch([], [], {})

    source = Shaky()
    Stream("shaky", "m", source, Rate(10**6, -1.0, 0.05, 1.0), spool, lambda: 5, Stop()).run()

    assert source.asked == [0, 1, 1, 1]
    assert spool.samples == 2


def test_another_clock_than_the_system_s_can_be_passed_in(spool):
    stream = Stream("s", "series", make("series", samples=3), Rate(10**6, -1.0, 0.05, 1.0), spool, lambda: 700, Stop())
    stream.run()

    times = [sample.time for block in spool.take(10**6) for sample in parse(block.lines, now=0).samples]
    assert times[0] == 700
    assert spool.last == times[-1]


# Settings


def test_the_streams_of_a_file_stand_alone_and_bad_ones_are_refused(tmp_path):
    file = tmp_path / "g.toml"
    file.write_text('[streams.s]\nsource = "series"\nspeed = 2\n')

    assert list(load(GeneratorSettings, **read_file(file)).streams) == ["s"]
    assert list(load(GeneratorSettings).streams) == ["payments", "machine"]
    for streams, told in [
        ({"s": {"source": "series"}}, "either rate"),
        ({"s": {"source": "series", "rate": 1, "speed": 1}}, "either rate"),
        ({"s": {"source": "series", "rate": 0}}, "greater than 0"),
        ({"../s": {"source": "series", "rate": 1}}, "no file names"),
        ({"s": {"source": "series", "rate": 1, "colour": 1}}, "colour"),
    ]:
        with pytest.raises(Refused, match=told):
            load(GeneratorSettings, streams=streams)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[streams.a]\nsource = "nose"\nrate = 1\n', "there are file, machine, payments, series"),
        ('[streams.a]\nsource = "series"\nrate = 1\noptions = { colour = 1 }\n', "do not fit"),
        (
            '[streams.a]\nsource = "series"\nrate = 1\n[streams.b]\nsource = "series"\nrate = 1\n',
            "a and b both write series",
        ),
        ("streams = ", "g.toml"),
        ('[store]\nurl = "127.0.0.1"\n', "needed as http"),
    ],
)
def test_what_can_t_be_streamed_is_refused_at_the_start(tmp_path, monkeypatch, text, told):
    monkeypatch.setenv("ATIPICO_RUN", str(tmp_path))
    (tmp_path / "g.toml").write_text(text)

    with pytest.raises(Refused, match=told):
        run(config=tmp_path / "g.toml")
