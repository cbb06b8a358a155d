"""The store's log: what was synced survives whatever happens; what was not is never shown."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atipico.errors import NotYet
from atipico.store.disk import fsync
from atipico.store.log import Log, LogGone
from atipico.store.record import Record


def record(number: int, measurement: bytes = b"m", size: int = 0) -> Record:
    return Record(measurement, b"%b v=%di%b 1\n" % (measurement, number, b"0" * size), number)


def lines(log: Log, measurement: str = "m") -> list[bytes]:
    return log.read(log.oldest, measurement, 2**30).lines.splitlines()


class Disk:
    """A disk that keeps through a power cut only what was synced; `honest` False: it only says that it synced."""

    def __init__(self, honest: bool = True) -> None:
        self.honest, self.kept, self.syncs = honest, dict[str, int](), 0

    def sync(self, file: int) -> None:
        self.syncs += 1
        if self.honest:
            self.kept[os.readlink(f"/proc/self/fd/{file}")] = os.fstat(file).st_size

    def power_cut(self, folder: Path) -> None:
        for path in folder.glob("*.log"):
            os.truncate(path, self.kept.get(str(path), 0))


needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="finds the name of an open file in /proc")


@needs_proc
@pytest.mark.parametrize("segment", [2**20, 200])
@pytest.mark.parametrize("honest", [True, False])
def test_a_power_cut_takes_only_what_was_not_synced(tmp_path, honest, segment):
    disk = Disk(honest)
    log = Log(tmp_path, segment=segment, sync=disk.sync)
    for number in range(50):
        log.sync(log.append([record(number)]))
    log.append([record(50)])

    disk.power_cut(tmp_path)
    again = Log(tmp_path, segment=segment)

    survived = [line for line in lines(again) if line in {b"m v=%di 1" % number for number in range(50)}]
    assert (len(survived) == 50) == honest  # a disk that lies loses samples: this test can see it


def test_what_is_not_synced_is_not_read(tmp_path):
    log = Log(tmp_path)
    first = log.append([record(1)])
    log.sync(first)

    second = log.append([record(2)])

    assert lines(log) == [b"m v=1i 1"]
    assert log.read(log.oldest, "m", 2**20).after == first
    log.sync(second)
    assert lines(log) == [b"m v=1i 1", b"m v=2i 1"]


@settings(max_examples=60)
@given(cut=st.integers(0, 400), flip=st.booleans())
def test_a_torn_end_is_cut_off_and_counted_wherever_it_is_torn(tmp_path_factory, cut, flip):
    folder = tmp_path_factory.mktemp("log")
    log = Log(folder)
    ends = [log.append([record(number, size=number)]) for number in range(8)]
    log.close()
    (path,) = folder.glob("*.log")
    size = path.stat().st_size
    cut = min(cut, size)
    if flip and cut < size:
        data = bytearray(path.read_bytes())
        data[cut] ^= 0xFF
        path.write_bytes(data)
    else:
        os.truncate(path, cut)

    again = Log(folder)

    whole = sum(end - int(path.stem) <= cut for end in ends)
    assert [int(line.split(b"=")[1].split(b"i")[0]) for line in lines(again)] == list(range(whole))
    assert again.end == ([int(path.stem), *ends])[whole]
    assert again.torn == (size if flip else cut) - (again.end - int(path.stem))
    after = again.append([record(99)])
    again.sync(after)
    assert lines(again)[-1] == b"m v=99i 1"


def test_many_writers_share_a_sync(tmp_path):
    begun, go = threading.Event(), threading.Event()
    syncs = []

    def slow(file: int) -> None:
        syncs.append(file)
        begun.set()
        go.wait(10)

    log = Log(tmp_path, sync=slow)
    threads = [threading.Thread(target=lambda n=n: log.sync(log.append([record(n)]))) for n in range(20)]
    threads[0].start()
    assert begun.wait(10)
    for thread in threads[1:]:
        thread.start()
    while log.end - log.oldest < 20 * 20:  # all have appended while the first sync goes on
        threading.Event().wait(0.001)
    go.set()
    for thread in threads:
        thread.join(10)

    assert log.synced == log.end
    assert len(lines(log)) == 20
    assert len(syncs) <= 3


def test_records_come_in_order_of_one_measurement_and_in_whole_records(tmp_path):
    log = Log(tmp_path, segment=300)
    for number in range(60):
        log.append([record(number, b"a" if number % 3 else b"b", size=number)])
    log.sync(log.end)

    offset, found, steps = log.oldest, [], 0
    while True:
        block = log.read(offset, "a", 64)
        if not block.lines:
            break
        found += block.lines.splitlines()
        offset, steps = block.after, steps + 1

    assert found == [record(number, b"a", size=number).lines.rstrip() for number in range(60) if number % 3]
    assert steps > 10
    assert len(log.segments()) > 5
    assert offset == block.end == log.end


def test_a_record_larger_than_any_buffer_is_read(tmp_path):
    log = Log(tmp_path)
    big = record(1, size=3 * 2**20)
    log.sync(log.append([record(0), big, record(2, b"other"), record(3)]))

    assert log.read(log.oldest, "m", 2**30).lines == record(0).lines + big.lines + record(3).lines
    assert log.read(log.oldest, "m", 1).lines == record(0).lines
    assert [found.measurement for _, found in log.records(log.oldest)] == [b"m", b"m", b"other", b"m"]


def test_an_offset_of_another_log_is_gone_and_never_another_record(tmp_path):
    log, other = Log(tmp_path / "a"), Log(tmp_path / "b")
    offset = log.append([record(1)])
    log.sync(offset)
    other.sync(other.append([record(number) for number in range(100)]))

    for wrong in (offset, other.oldest - 1, other.oldest + 1, other.end + 1, 0):
        with pytest.raises(LogGone) as gone:
            other.read(wrong, "m", 100)
        assert (gone.value.oldest, gone.value.end) == (other.oldest, other.end)
    with pytest.raises(LogGone):
        other.read(other.end + 1, "m", 100, until=other.end + 2)
    assert other.read(other.end, "m", 100, until=other.end + 2).after == other.end
    assert other.read(other.end, "m", 100, until=other.oldest).after == other.end


def test_deleted_segments_are_gone_and_the_rest_is_read(tmp_path):
    log = Log(tmp_path, segment=100)
    for number in range(30):
        log.append([record(number)])
    log.sync(log.end)
    first = log.oldest

    log.drop_first()
    log.drop_first()

    with pytest.raises(LogGone):
        log.read(first, "m", 100)
    kept = lines(log)
    assert kept == [record(number).lines.rstrip() for number in range(30 - len(kept), 30)]
    assert 0 < len(kept) < 30
    while len(log.segments()) > 1:
        log.drop_first()
    log.drop_first()
    assert len(log.segments()) == 1


class Full(OSError):
    def __init__(self) -> None:
        super().__init__(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch):
    log = Log(tmp_path)
    log.sync(log.append([record(1)]))
    real = os.write

    def half(file: int, data: bytes) -> int:
        if len(data) < 20:
            raise Full
        return real(file, data[: len(data) // 2])

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(NotYet, match="space"):
        log.append([record(2, size=100)])
    monkeypatch.undo()
    log.sync(log.append([record(3)]))
    log.close()

    assert lines(Log(tmp_path)) == [b"m v=1i 1", b"m v=3i 1"]
    assert Log(tmp_path).torn == 0


def test_a_log_at_its_bound_takes_nothing_more_until_something_is_deleted(tmp_path):
    log = Log(tmp_path, segment=200, most=1000)
    while log.size + 200 < 1000:
        log.sync(log.append([record(0)]))
    with pytest.raises(NotYet, match="full"):
        log.append([record(1, size=300)])

    log.drop_first()

    log.sync(log.append([record(100, size=300)]))
    assert lines(log)[-1] == record(100, size=300).lines.rstrip()


@pytest.mark.parametrize("segment", [2**20, 60])
def test_what_the_disk_did_not_take_is_taken_back_and_its_offsets_are_never_used_again(tmp_path, segment):
    broken = False

    def sync(file: int) -> None:
        if broken:
            raise Full
        fsync(file)

    log = Log(tmp_path, segment=segment, sync=sync)
    good = log.append([record(1)])
    log.sync(good)
    broken = True
    lost = []
    for number in range(2, 6):
        try:
            lost.append(log.append([record(number)]))
        except NotYet:
            break  # a full segment is synced before the next begins
    with pytest.raises(NotYet):
        log.sync(lost[-1])
    broken = False

    after = log.append([record(9)])
    log.sync(after)

    assert lines(log) == [b"m v=1i 1", b"m v=9i 1"]
    assert after > lost[-1]
    assert log.read(good, "m", 100).lines == b"m v=9i 1\n"
    for offset in lost:
        with pytest.raises(NotYet):
            log.sync(offset)
    log.close()
    assert lines(Log(tmp_path)) == [b"m v=1i 1", b"m v=9i 1"]


def test_a_reader_that_waits_is_woken_by_what_is_synced(tmp_path):
    log = Log(tmp_path)
    woken: list[bool] = []
    waiter = threading.Thread(target=lambda: woken.append(log.wait(log.oldest, 20)))
    waiter.start()

    log.sync(log.append([record(1)]))
    waiter.join(20)

    assert woken == [True]
    assert log.wait(log.end, 0.01) is False


def test_a_log_goes_on_no_earlier_than_it_is_told(tmp_path):
    log = Log(tmp_path)
    log.sync(log.append([record(1)]))
    end = log.end

    log.skip_to(end + 1000)
    log.skip_to(end)
    behind = log.append([record(2)])
    log.sync(behind)

    assert behind > end + 1000
    assert log.read(end, "m", 100).lines == b"m v=2i 1\n"
    assert len(lines(Log(tmp_path))) == 2
