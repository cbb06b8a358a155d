"""A backup holds one moment of a run folder; a restore brings back all of it or changes nothing."""

from __future__ import annotations

import fcntl
import gzip
import io
import sqlite3
import sys
import tarfile
import threading
import tracemalloc
from pathlib import Path

import orjson
import pytest

from atipico.engines.backup.archive import FORMAT, HEAD, TAIL
from atipico.engines.backup.restore import restore
from atipico.engines.backup.take import backup
from atipico.engines.embedded import prepare, processes
from atipico.errors import NotYet, Refused
from atipico.generator.spool import Spool, gate
from atipico.store.databases import Databases
from atipico.store.record import Record, encode
from atipico.store.settings import StoreSettings
from supervised import LIVES
from waiting import until


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A house with a model, in which `run` is a run folder with a store of 100 samples."""
    (tmp_path / "house" / "models" / "pump" / "1").mkdir(parents=True)
    (tmp_path / "house" / "models" / "pump" / "1" / "model.toml").write_text("name = 'pump'\n")
    monkeypatch.setenv("ATIPICO_HOME", str(tmp_path / "house"))
    use(tmp_path / "run", monkeypatch)
    prepare.make_folder(tmp_path / "run")
    databases = Databases(StoreSettings())
    databases.get("atipico").write(b"".join(b"pump heat=%d %d\n" % (at, at + 1) for at in range(100)))
    databases.close()
    return tmp_path


def use(run: Path, monkeypatch) -> Path:
    run.mkdir(exist_ok=True)
    monkeypatch.setenv("ATIPICO_RUN", str(run))
    return run


def samples() -> list[bytes]:
    """What the store of the run folder holds, in the order in which it came."""
    databases = Databases(StoreSettings())
    try:
        database = databases.get("atipico")
        assert database.log.torn == 0
        database.wait_folded()
        return database.log.read(database.log.oldest, "pump", 2**30).lines.splitlines()
    finally:
        databases.close()


def test_what_was_accepted_is_there_again_in_an_empty_folder(house, monkeypatch):
    before = samples()
    taken = backup(house / "b.tar.gz")

    use(house / "other", monkeypatch)
    restored = restore(house / "b.tar.gz")

    assert samples() == before
    assert len(before) == 100
    assert (restored.files, restored.bytes) == (taken.files, taken.bytes)


def test_a_record_that_is_being_written_is_left_out(house, monkeypatch):
    before = samples()
    [segment] = (house / "run" / "store" / "atipico" / "log").glob("*.log")
    with segment.open("ab") as log:
        log.write(encode(Record(b"pump", b"pump heat=1 1000\n", 1))[:-3])

    backup(house / "b.tar.gz")
    use(house / "other", monkeypatch)
    restore(house / "b.tar.gz")

    assert samples() == before


def test_a_backup_is_consistent_while_a_store_takes_writes(house, monkeypatch):
    databases, stop = Databases(StoreSettings(segment=2**14)), threading.Event()
    database, told = databases.get("atipico"), []

    def write() -> None:
        while not stop.is_set():
            at = 1000 + len(told)
            database.write(b"pump heat=%d %d\n" % (at, at))
            told.append(at)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        until(lambda: len(told) > 300)
        accepted = len(told)
        backup(house / "b.tar.gz")
    finally:
        stop.set()
        writer.join()
        databases.close()

    use(house / "other", monkeypatch)
    restore(house / "b.tar.gz")
    found = samples()[100:]

    assert len(found) >= accepted
    assert found == [b"pump heat=%d %d" % (at, at) for at in told[: len(found)]]


def spool_of(run: Path) -> Spool:
    return Spool(run / "generator" / "payments.sqlite", 2**20)


def test_the_spool_of_a_running_generator_is_in_it_with_its_position(house, monkeypatch):
    spool = spool_of(house / "run")
    spool.put(b"pump heat=1 1\n", 1, 0, 1, "pumps", {"row": 1})

    backup(house / "b.tar.gz")
    spool.put(b"pump heat=2 2\n", 1, 0, 2, "pumps", {"row": 2})
    spool.close()
    use(house / "other", monkeypatch)
    restore(house / "b.tar.gz")

    restored = spool_of(house / "other")
    assert [block.lines for block in restored.take(2**20)] == [b"pump heat=1 1\n"]
    assert restored.position("pumps") == {"row": 1}
    restored.close()


def test_nothing_goes_into_or_out_of_a_spool_while_its_gate_is_held(house):
    spool, done = spool_of(house / "run"), threading.Event()
    spool.put(b"pump heat=1 1\n", 1, 0, 1, "pumps", {})
    blocks = spool.take(2**20)

    with gate(house / "run" / "generator" / "payments.sqlite", fcntl.LOCK_EX):
        mover = threading.Thread(target=lambda: (spool.done(blocks), done.set()))
        mover.start()
        moved = done.wait(0.2)

    mover.join()
    assert not moved
    assert done.is_set()
    spool.close()


def test_a_jobs_checkpoints_and_sleeping_keys_are_in_it_while_the_agent_has_them_open(house, monkeypatch):
    job = house / "run" / "agent" / "pumps"
    job.mkdir(parents=True)
    (job / "7.checkpoint").write_bytes(b"what it knew")
    asleep = sqlite3.connect(job / "asleep.sqlite")
    asleep.execute("PRAGMA journal_mode = WAL")
    asleep.executescript("CREATE TABLE asleep(id); INSERT INTO asleep VALUES (42)")

    backup(house / "b.tar.gz")
    asleep.close()
    use(house / "other", monkeypatch)
    restore(house / "b.tar.gz")

    job = house / "other" / "agent" / "pumps"
    assert (job / "7.checkpoint").read_bytes() == b"what it knew"
    assert sqlite3.connect(job / "asleep.sqlite").execute("SELECT id FROM asleep").fetchall() == [(42,)]


def names(file: Path) -> list[str]:
    with tarfile.open(file) as tar:
        return tar.getnames()


def test_the_token_is_in_it_only_when_it_is_asked_for(house, monkeypatch):
    token = (house / "run" / "token").read_text()
    backup(house / "without.tar.gz")
    backup(house / "with.tar.gz", secrets=True)

    use(house / "other", monkeypatch)
    restore(house / "without.tar.gz")
    use(house / "third", monkeypatch)
    restore(house / "with.tar.gz")

    assert "run/token" not in names(house / "without.tar.gz")
    assert (house / "other" / "token").read_text() != token
    assert (house / "third" / "token").read_text() == token
    assert (house / "third" / "token").stat().st_mode & 0o777 == 0o600


def test_a_backup_is_for_its_user_alone_and_replaces_no_file(house):
    backup(house / "b.tar.gz")

    assert (house / "b.tar.gz").stat().st_mode & 0o777 == 0o600
    with pytest.raises(Refused, match="is there already"):
        backup(house / "b.tar.gz")


def test_a_backup_that_fails_leaves_nothing_behind(house, monkeypatch):
    monkeypatch.setattr("atipico.engines.backup.take._copy_spools", lambda *_: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        backup(house / "b.tar.gz")

    assert sorted(path.name for path in house.iterdir()) == ["house", "run"]


def test_a_folder_that_is_not_empty_is_replaced_only_by_force(house):
    backup(house / "b.tar.gz")
    before = samples()
    (house / "run" / "host").mkdir()
    (house / "run" / "host" / "later.json").write_text("[]")

    with pytest.raises(Refused, match=r"has host, store; set ATIPICO_RUN to an empty folder, or .* --force"):
        restore(house / "b.tar.gz")
    restore(house / "b.tar.gz", force=True)

    assert not (house / "run" / "host").exists()
    assert samples() == before


def test_a_folder_in_which_something_runs_is_left_alone(house):
    backup(house / "b.tar.gz")
    part = processes.start(
        processes.marked((sys.executable, "-c", LIVES), house / "run", "store"), house / "run" / "log" / "store.log"
    )
    try:
        until(lambda: processes.running(house / "run"))
        with pytest.raises(Refused, match=r"store runs there; `atipico down` first"):
            restore(house / "b.tar.gz", force=True)
    finally:
        processes.stop([part], 1.0)


def test_models_come_back_where_they_are_missing_and_others_are_not_replaced(house, monkeypatch):
    backup(house / "b.tar.gz")
    model = house / "house" / "models" / "pump" / "1" / "model.toml"
    before = model.read_text()

    model.unlink()
    use(house / "other", monkeypatch)
    restore(house / "b.tar.gz")
    came_back = model.read_text()
    model.write_text("name = 'mine'\n")
    use(house / "third", monkeypatch)
    with pytest.raises(Refused, match=r"model.toml is other than in the backup"):
        restore(house / "b.tar.gz")

    assert came_back == before
    assert model.read_text() == "name = 'mine'\n"
    assert not (house / "third" / "store").exists()


def changed(house: Path, change) -> Path:
    """A backup in which `change` was made to the bytes of the tar."""
    backup(house / "whole.tar.gz")
    file = house / "changed.tar.gz"
    file.write_bytes(gzip.compress(change(gzip.decompress((house / "whole.tar.gz").read_bytes()))))
    return file


def refused(house: Path, file: Path, monkeypatch, words: str) -> None:
    """A restore of the file says so, and leaves nothing in the run folder or beside it."""
    run = use(house / "other", monkeypatch)
    with pytest.raises(Refused, match=words):
        restore(file)
    assert [path.name for path in run.iterdir()] == ["token"]
    assert not (house / "evil").exists()


def test_one_byte_that_differs_is_noticed(house, monkeypatch):
    file = changed(house, lambda tar: tar.replace(b"pump heat=50", b"pump heat=51"))

    refused(house, file, monkeypatch, r"is damaged: \d+ files are not what they were, the first is run/store/atipico/")


@pytest.mark.parametrize("part", [0.3, 0.9])
def test_a_backup_that_was_cut_is_refused(house, monkeypatch, part):
    backup(house / "whole.tar.gz")
    data = (house / "whole.tar.gz").read_bytes()
    (house / "cut.tar.gz").write_bytes(data[: int(len(data) * part)])

    refused(house, house / "cut.tar.gz", monkeypatch, "is no whole backup")


def test_a_tar_without_its_end_is_refused(house, monkeypatch):
    file = made(house, [("run/jobs/x.toml", b"")], tail=False)

    refused(house, file, monkeypatch, f"is no whole backup of Atipico: it has no {TAIL}")


def test_what_is_no_backup_at_all_is_refused(house, monkeypatch):
    (house / "b.csv").write_text("time,amount\n")

    refused(house, house / "b.csv", monkeypatch, "is no whole backup")


def test_a_backup_of_a_newer_format_is_refused_with_what_to_do(house, monkeypatch):
    file = made(house, [], format=FORMAT + 1)

    refused(house, file, monkeypatch, rf"is a backup of format {FORMAT + 1}, made by Atipico 9.9; .* upgrade Atipico")


def made(house: Path, members: list, format: int = FORMAT, tail: bool = True) -> Path:
    """A backup that somebody else made: (name or TarInfo, content)."""
    file = house / "made.tar.gz"
    with tarfile.open(file, "w:gz") as tar:

        def add(member, data: bytes) -> None:
            told = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
            told.size = len(data)
            tar.addfile(told, io.BytesIO(data))

        add(HEAD, orjson.dumps({"format": format, "atipico": "9.9", "made": "today"}))
        for member, data in members:
            add(member, data)
        if tail:
            add(TAIL, b"{}")
    return file


def link(kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo("run/store/link")
    member.type, member.linkname = kind, "../../../evil"
    return member


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/evil",
        "run/../../evil",
        "run/store/../../../evil",
        "run/log/x",
        "home/services/evil.py",
        "run/store/a\nb",
        link(tarfile.SYMTYPE),
        link(tarfile.LNKTYPE),
        link(tarfile.FIFOTYPE),
        link(tarfile.DIRTYPE),
    ],
    ids=str,
)
def test_a_file_that_no_backup_has_is_refused(house, monkeypatch, name):
    refused(house, made(house, [(name, b"x")]), monkeypatch, "is nothing that a backup has")


def test_a_name_that_would_fill_the_memory_is_refused(house, monkeypatch):
    member = tarfile.TarInfo("././@LongLink")
    member.type = tarfile.GNUTYPE_LONGNAME

    refused(house, made(house, [(member, b"x" * 2**20)]), monkeypatch, "a name of 1048576 bytes")


def test_more_than_the_disk_holds_is_told_before_it_is_written(house, monkeypatch):
    file = made(house, [("run/sinks/large.jsonl", b"x" * 1000)])
    monkeypatch.setattr(sys.modules["atipico.engines.backup.restore"], "_HELD_BACK", 2**62)
    use(house / "other", monkeypatch)

    with pytest.raises(NotYet, match=r"takes 1000 bytes, 0 are free"):
        restore(file)


def test_neither_way_takes_memory_for_what_is_large(house, monkeypatch):
    (house / "run" / "sinks").mkdir()
    with (house / "run" / "sinks" / "large.jsonl").open("wb") as file:
        file.truncate(64 * 2**20)

    tracemalloc.start()
    try:
        backup(house / "b.tar.gz")
        use(house / "other", monkeypatch)
        restore(house / "b.tar.gz")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < 16 * 2**20
    assert (house / "other" / "sinks" / "large.jsonl").stat().st_size == 64 * 2**20
