"""A database as a whole: lines in, rows and log out, over restarts, full disks and retention."""

from __future__ import annotations

import errno
import os
import threading
import time

import pytest

from atipico import metrics
from atipico.at_work import Watch, at_work, waiting
from atipico.errors import NotYet, Refused
from atipico.store.database import Database
from atipico.store.databases import Databases, UnknownDatabase
from atipico.store.readers import Reader
from atipico.store.record import MOST_LINES
from atipico.store.settings import StoreSettings
from atipico.store.tables import Tables
from atipico.store.ticks import Ticks
from atipico.store.tidy import tidy_log, tidy_rows
from atipico.wire.lines import parse, write
from atipico.wire.sample import Sample
from waiting import until


@pytest.fixture
def opened(tmp_path):
    """Opens the database of the test's folder, again and again if wanted."""
    databases: list[Database] = []

    def opened(**given) -> Database:
        while databases:
            databases.pop().close()  # a second time, in some tests: that must do nothing
        databases.append(Database("d", tmp_path / "d", StoreSettings(**given), Ticks()))
        return databases[0]

    yield opened
    for database in databases:
        database.close()


def rows(database: Database, table: int = 1) -> list[tuple]:
    database.wait_folded()
    return database.reader().execute(f"SELECT * FROM m{table} ORDER BY t, s").fetchall()


def logged(database: Database, measurement: str) -> list[Sample]:
    lines = database.log.read(database.log.oldest, measurement, 2**30).lines
    parsed = parse(lines, now=0)
    assert parsed.refused == []
    return parsed.samples


def test_what_is_accepted_is_in_the_log_in_its_order_and_in_the_tables(opened):
    database = opened()

    written = database.write(b"a,k=1 v=1 1\nb v=1i 5\na,k=2 v=2\n# no\na v=3 3\r\nb v=2i 4\nbad\nb v=x 1\n")

    assert written.accepted == {"a": 3, "b": 2}
    assert [sample.fields["v"] for sample in logged(database, "a")] == [1.0, 2.0, 3.0]
    assert [sample.fields["v"] for sample in logged(database, "b")] == [1, 2]
    assert [row[2] for row in rows(database, 1)] == [1.0, 3.0, 2.0]
    assert rows(database, 2) == [(4, 2, 2), (5, 2, 1)]  # the series a,k=1 b a,k=2 a
    assert written.complaint() == (
        "partial write: unable to parse 'bad': missing fields\nunable to parse 'b v=x 1': invalid boolean dropped=0"
    )


def test_lines_that_need_no_change_are_logged_byte_by_byte(opened):
    database = opened()
    body = b"".join(b'm,k=%d v=1e3,s="x, y" %d\n' % (number % 3, number) for number in range(9000))

    database.write(body)
    database.write(b"m v=1 1")

    assert database.log.read(database.log.oldest, "m", 2**30).lines == body + b"m v=1 1\n"


def test_a_field_conflict_drops_its_line_alone(opened):
    database = opened()
    database.write(b"cpu v=1 1\n")

    written = database.write(b"cpu v=2 2\ncpu v=3i 3\ncpu v=4 4\ncpu v=5i 5\nbad\n")

    conflict = 'input field "v" on measurement "cpu" is type integer, already exists as type float'
    assert written.complaint() == (
        f"partial write: unable to parse 'bad': missing fields\nfield type conflict: {conflict} dropped=2"
    )
    assert [row[2] for row in rows(database)] == [1.0, 2.0, 4.0]
    assert [sample.time for sample in logged(database, "cpu")] == [1, 2, 4]


def test_a_record_is_no_larger_than_it_may_be_unless_a_line_is(opened):
    database = opened()
    long = [
        Sample("m", {}, {"s": "x" * size}, time) for time, size in enumerate([900_000, 10, 200_000, 100_000, 200_000])
    ]
    small = [Sample("m", {}, {f"f{number}": 0.1 for number in range(100)}, time) for time in range(2000)]

    database.write(write([*long, *small]) + b"m,b=1,a=2 late=1 1\n")

    sizes = [len(record.lines) for _, record in database.log.records(database.log.oldest)]
    assert max(sizes) < 901_000
    assert all(size <= MOST_LINES for size in sizes if size != max(sizes))
    assert logged(database, "m")[:-1] == [*long, *small]


def test_lines_without_time_never_overwrite_one_another(opened):
    for _ in range(3):
        opened().write(b"m v=1\n" * 100)

    assert len(rows(opened())) == 300


@pytest.mark.parametrize("lose", ["nothing", "tables", "log"])
def test_a_restart_folds_what_the_tables_lack(opened, tmp_path, lose):
    database = opened()
    database.write(b"m,k=1 v=1 1\nm,k=2 v=2,w=1i 2\nn v=1 3\n")
    database.write(b"m,k=1 v=3 1\n")
    before = rows(database), rows(database, 2)
    database.close()
    for path in {"nothing": [], "tables": tmp_path.glob("d/tables*"), "log": tmp_path.glob("d/log/*")}[lose]:
        path.unlink()

    database = opened()
    database.write(b"m,k=3 v=9 9\n")

    assert rows(database, 2) == before[1]
    assert rows(database) == [*before[0], (9, 4, 9.0, None)]


def test_tables_that_are_damaged_are_named_with_the_cure(opened, tmp_path):
    opened().write(b"m v=1 1\n")
    opened().close()
    (tmp_path / "d" / "tables.sqlite").write_bytes(b"no database at all" * 300)

    with pytest.raises(Refused, match=r"tables.sqlite: .*move it away"):
        opened()
    (tmp_path / "d" / "tables.sqlite").unlink()

    assert len(rows(opened())) == 1


def test_a_full_disk_refuses_the_write_and_later_ones_go_on(opened, monkeypatch):
    database = opened()
    database.write(b"m v=1 1\n")

    def full(file, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(NotYet, match="No space"):
        database.write(b"m v=2 2\n")
    monkeypatch.undo()
    database.write(b"m v=3 3\n")

    assert [row[0] for row in rows(database)] == [1, 3]
    assert [row[0] for row in rows(opened())] == [1, 3]


def test_what_the_disk_did_not_take_is_neither_in_the_log_nor_in_the_tables(opened, monkeypatch):
    database = opened()
    database.write(b"m v=1 1\n")

    def failing(file):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(database.log, "_fsync", failing)
    with pytest.raises(NotYet):
        database.write(b"m v=2 2\n")
    monkeypatch.undo()
    database.write(b"m v=3 3\n")

    assert [row[0] for row in rows(database)] == [1, 3]
    assert [sample.time for sample in logged(database, "m")] == [1, 3]
    assert [row[0] for row in rows(opened())] == [1, 3]


def test_writers_are_held_back_while_the_tables_are_slow(opened):
    database = opened(backlog=1000, wait_for_fold=0.5)
    held, release = threading.Event(), threading.Event()
    blocker = threading.Thread(target=database.fold.do, args=(lambda tables: held.set() or release.wait(30),))
    blocker.start()
    assert held.wait(30)

    for number in range(4):
        database.write(b"".join(b"m v=1 %d\n" % (number * 300 + k) for k in range(300)))
    with pytest.raises(NotYet, match="wait to be folded") as refused:
        database.write(b"m v=1 100000\n")
    accepted = database.log.synced
    with pytest.raises(NotYet, match="not yet folded"):
        database.wait_folded()
    release.set()
    blocker.join()

    assert refused.value.retry_after_s > 0
    database.fold.wait(accepted, 10)
    assert len(rows(database)) == 1200
    database.write(
        b"".join(b"m v=1 %d\n" % k for k in range(20_000, 40_000))
    )  # one body may be larger than the backlog
    database.fold.wait(database.log.synced, 10)
    assert len(rows(database)) == 21_200


def test_who_waits_for_the_tables_and_who_waits_behind_it_do_not_stand_still(opened):
    """given tables that take nothing for a while, as on a full disk, and two writers that repeat a sample"""
    database = opened(wait_for_fold=60.0)
    database.write(b"m v=1 1\n")
    held, release, begun = threading.Event(), threading.Event(), threading.Semaphore(0)

    def hold(tables: Tables) -> None:
        with waiting():
            held.set()
            release.wait(60)

    def repeat(value: int) -> None:
        with at_work("a write"):
            begun.release()
            database.write(b"m v=%d 1\n" % value)

    threads = [threading.Thread(target=database.fold.do, args=(hold,))]
    threads += [threading.Thread(target=repeat, args=(value,)) for value in (2, 3)]
    threads[0].start()
    assert held.wait(30)
    for one in threads[1:]:
        one.start()
        assert begun.acquire(timeout=30)
    watch = Watch(0.0)
    for second in range(30):
        time.sleep(0.02)
        assert watch.look(second) is None

    release.set()
    for one in threads:
        one.join()
    assert len(logged(database, "m")) == 3


def test_a_query_sees_each_write_that_was_answered_before(opened):
    database = opened()
    errors: list[int] = []

    def client(number: int) -> None:
        for count in range(1, 30):
            database.write(b"m,c=%d v=1 %d\n" % (number, count))
            database.wait_folded()
            key = f"m,c={number}"
            query = "SELECT count(*) FROM m1 WHERE s = (SELECT id FROM series WHERE key = ?)"
            if database.reader().execute(query, (key,)).fetchone() != (count,):
                errors.append(count)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []


# ---------------------------------------------------------------- retention


def fill(database: Database, count: int = 40) -> None:
    for number in range(count):
        database.write(b"".join(b"m v=%d %d\n" % (number, number * 100 + k) for k in range(100)))
    database.write(b"other v=1 1\n")
    database.wait_folded()


def lost() -> float:
    return metrics.values()['atipico_lost_total{reason="retention"}']


def test_the_log_goes_only_below_what_each_reader_is_done_with(opened):
    database = opened(segment=4096)
    fill(database)
    half = database.log.segments()[len(database.log.segments()) // 2][0]
    database.readers.note(Reader("fast", "m", database.log.end), database.log.end)
    database.readers.note(Reader("slow", "m", half), half)
    before = lost()

    tidy_log(database, kept=0, most=2**30)

    assert database.log.oldest == half
    assert lost() == before
    assert len(rows(database)) == 4000


def test_what_nobody_reads_goes_when_it_is_more_than_is_kept(opened):
    database = opened(segment=4096)
    fill(database)

    tidy_log(database, kept=20_000, most=2**30)

    assert 10_000 < database.log.size <= 20_000


def test_a_reader_that_stays_away_loses_only_at_the_hard_bound_and_it_is_counted(opened):
    database = opened(segment=4096)
    fill(database)
    database.readers.note(Reader("gone", "m", database.log.oldest), database.log.oldest)
    database.readers.note(Reader("elsewhere", "other", database.log.oldest), database.log.oldest)
    before, size = lost(), database.log.size

    tidy_log(database, kept=0, most=size * 2)
    assert (database.log.size, lost()) == (size, before)
    tidy_log(database, kept=0, most=20_000)

    assert database.log.size <= 20_000
    left = len(logged(database, "m"))
    assert lost() - before == 4000 - left > 0


def test_writers_of_what_a_reader_is_behind_with_are_told_to_come_again_until_it_has_caught_up(opened):
    database = opened(segment=4096, unread=10_000)
    database.readers.note(Reader("job", "m", database.log.oldest), database.log.oldest)
    fill(database, 10)

    with pytest.raises(NotYet, match="job is more than 10000 bytes of the log behind with m"):
        fill(database)
    refused_at = database.log.end
    assert 10_000 < database.log.size < 30_000
    assert database.write(b"scores v=1 1\n").accepted.total() == 1  # the reader's own outcomes among them
    with pytest.raises(NotYet):
        database.write(b"m v=1 1\n")

    database.readers.note(Reader("job", "m", database.log.oldest), refused_at)  # it has read, and may go back
    assert database.write(b"m v=1 1\n").accepted.total() == 1


def test_no_writer_waits_for_a_reader_that_stays_away(opened):
    database = opened(segment=4096, unread=10_000, reader_away=5.0)
    now = [100.0]
    database.readers._clock = lambda: now[0]
    database.readers.note(Reader("job", "m", database.log.oldest), database.log.oldest)
    fill(database, 10)
    with pytest.raises(NotYet):
        fill(database)

    now[0] += 6.0

    fill(database)


def test_readers_are_kept_over_restarts(opened):
    database = opened(segment=4096)
    database.readers.note(Reader("slow", "m", 17), 17)
    database.readers.note(Reader("slow", "n", 3), 3)
    database.readers.note(Reader("slow", "m", 18), 18)

    assert set(opened().readers.all()) == {Reader("slow", "m", 18), Reader("slow", "n", 3)}


def test_the_log_is_not_deleted_before_the_tables_are_on_disk(opened):
    database = opened(segment=4096)
    fill(database)
    reader = database.reader()
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM m1").fetchone()  # holds a state, so that a checkpoint can't be whole
    database.write(b"m v=1 999999\n")
    database.wait_folded()
    first = database.log.oldest
    database._tables.db.execute("PRAGMA busy_timeout=10")

    tidy_log(database, kept=0, most=2**30)
    assert database.log.oldest == first
    reader.execute("COMMIT")
    tidy_log(database, kept=0, most=2**30)

    assert database.log.oldest > first


def test_old_rows_are_deleted_and_no_others(opened):
    database = opened()
    database.write(b"".join(b"m,k=%d v=1 %d\n" % (k, time) for time in range(7000) for k in range(2)))
    rows(database)

    tidy_rows(database, before=6500, most_bytes=2**40)

    assert [row[0] for row in rows(database)] == [time for time in range(6500, 7000) for _ in range(2)]


def test_the_oldest_rows_go_when_the_tables_hold_too_much(opened):
    database = opened()
    for start in range(0, 60_000, 10_000):
        database.write(b"".join(b"m v=1 %d\n" % time for time in range(start, start + 10_000)))
    rows(database)
    size = 4096 * database.reader().execute("PRAGMA page_count").fetchone()[0]

    tidy_rows(database, before=-(2**62), most_bytes=size // 2)

    times = [row[0] for row in rows(database)]
    assert times == list(range(60_000 - len(times), 60_000))
    assert 10_000 < len(times) < 50_000


# ---------------------------------------------------------------- databases


def test_databases_are_made_found_and_dropped(tmp_path):
    databases = Databases(StoreSettings(data=str(tmp_path)))
    assert databases.names() == ["atipico"]
    databases.create("a/../b é.")
    databases.create("a/../b é.")
    databases.get("a/../b é.").write(b"m v=1 1\n")
    databases.create("gone")
    databases.drop("gone")
    databases.drop("gone")
    with pytest.raises(UnknownDatabase, match='database not found: "gone"'):
        databases.get("gone")
    for name in ("", "x" * 300):
        with pytest.raises(Refused):
            databases.create(name)
    with pytest.raises(Refused, match="in use by another store"):
        Databases(StoreSettings(data=str(tmp_path)))
    databases.close()

    again = Databases(StoreSettings(data=str(tmp_path)))

    assert again.names() == ["a/../b é.", "atipico"]
    assert len(rows(again.get("a/../b é."))) == 1
    assert {path.parent for path in tmp_path.glob("*/tables.sqlite")} == set(tmp_path.glob("a*"))
    again.close()


def test_a_database_that_is_made_again_has_none_of_the_old_offsets(tmp_path):
    databases = Databases(StoreSettings(data=str(tmp_path)))
    databases.create("d")
    databases.get("d").write(b"m v=1 1\n")
    old = databases.get("d").log.end

    databases.drop("d")
    databases.create("d")
    databases.get("d").write(b"m v=1 1\n")

    assert databases.get("d").log.oldest > old
    databases.close()


def test_ticks_never_come_twice_and_grow():
    ticks = Ticks()
    ticks.not_before(time.time_ns() + 10**12)
    seen: list[list[int]] = []

    def take() -> None:
        seen.append([ticks() for _ in range(2000)])

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(mine == sorted(mine) for mine in seen)
    assert len({tick for mine in seen for tick in mine}) == 8000


def test_what_is_written_again_just_as_it_is_stands_in_the_log_once(opened):
    database = opened()
    lines = b"".join(b'm,k=%d a=%d,b=%d.5,c=t,d="x" %d\n' % (n % 2, n, n, n) for n in range(10))

    database.write(lines)
    later = database.write(lines[: lines.index(b"4.5")] + b"4.5 4\n" + b"m,k=0 a=99 99")
    database = opened()
    again = database.write(lines + b"m,k=0 a=99 99")

    assert [sample.time for sample in logged(database, "m")] == [*range(10), 99]  # also what has but some of the fields
    assert (later.accepted, again.accepted) == ({"m": 6}, {"m": 11})
    assert len(rows(database)) == 11


def test_what_is_written_again_with_anything_else_stands_in_the_log_again(opened):
    database = opened()

    for line in (b"m v=1 5", b"m v=2 5", b"m v=1 5", b"m v=1,w=1 5", b"m v=1 5", b"m v=1 4", b"m,k=a v=1 5"):
        database.write(line)

    assert [(sample.time, sample.fields, sample.tags) for sample in logged(database, "m")] == [
        (5, {"v": 1.0}, {}),
        (5, {"v": 2.0}, {}),
        (5, {"v": 1.0}, {}),
        (5, {"v": 1.0, "w": 1.0}, {}),
        (4, {"v": 1.0}, {}),
        (5, {"v": 1.0}, {"k": "a"}),
    ]


def test_what_is_written_again_comes_behind_the_first_and_is_refused_at_once_while_that_cannot_be_safe(
    opened, monkeypatch
):
    database = opened(wait_for_fold=600.0)  # what nobody waits for while the disk takes nothing
    fold, full = database._tables.fold, threading.Event()

    def on_a_full_disk(*given):
        if full.is_set():
            raise OSError(errno.ENOSPC, "full")
        fold(*given)

    monkeypatch.setattr(database._tables, "fold", on_a_full_disk)
    full.set()
    database.write(b"m v=1 5")
    with pytest.raises(NotYet):
        database.write(b"m v=1 5")
    full.clear()
    until(lambda: database.fold.folded == database.log.synced)
    database.write(b"m v=1 5")

    assert len(logged(database, "m")) == 1


def test_measurements_that_are_read_together_come_in_the_order_they_were_written_in(opened):
    database = opened()
    body = b"".join(b"label v=1 %d\nsample v=1 %d\nlabel v=1 %d\n" % (n, n + 1, n + 2) for n in range(0, 6000, 3))

    database.write(body)

    lines = database.log.read(database.log.oldest, ["sample", "label"], 2**30).lines
    told = [sample.time for sample in parse(lines, now=0).samples]
    assert told == [*range(6000)]
