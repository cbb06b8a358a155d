"""What an older version left on disk is read; what a newer one left is refused with what, where and what to do."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import fixtures.make as made
from atipico import __version__
from atipico.agent.checkpoints import Checkpoints
from atipico.agent.session import Session
from atipico.agent.works import Works
from atipico.errors import Refused
from atipico.features import memory
from atipico.formats import Newer
from atipico.generator.spool import Spool
from atipico.registry.models import load
from atipico.store.databases import Databases
from atipico.store.settings import StoreSettings
from atipico.stream.jobs import readable_ledgers
from atipico.stream.ledger import Ledger

KEPT = Path(made.__file__).parent / "formats"
VERSIONS = sorted(path.name for path in KEPT.iterdir())


@pytest.fixture(params=VERSIONS)
def kept(request, tmp_path, monkeypatch):
    """What a version left, as a folder that may be changed."""
    monkeypatch.setattr(memory, "MOST_AWAKE", made.AWAKE)
    return shutil.copytree(KEPT / request.param, tmp_path / "kept")


def test_this_version_has_its_fixture():
    assert {__version__, "unnumbered"} <= set(VERSIONS), "run `make fixtures` and keep what it makes"


def test_a_store_is_read(kept):
    databases = Databases(StoreSettings(data=str(kept / "store")))
    try:
        database = databases.get("atipico")
        lines = database.log.read(database.log.oldest, "pump", 2**20).lines
        [(rows, heat)] = database.reader().execute("SELECT count(*), sum(f0) FROM m1").fetchall()
    finally:
        databases.close()

    assert lines == made.LINES
    assert (rows, heat) == (20, sum(range(20)))


def test_the_marks_of_a_job_are_read(kept):
    assert Ledger(kept / "host" / "pumps.json").newest() == made.MARK


def test_a_checkpoint_and_the_keys_that_sleep_beside_it_are_read(kept, tmp_path):
    fresh, restored = made.plan(tmp_path / "fresh"), made.plan(kept / "agent" / "pumps")
    made.rows(fresh, 0)
    assert (kept / "agent" / "pumps" / "asleep.sqlite").stat().st_size > 0

    restored.restore(Checkpoints(kept / "agent" / "pumps").load(1))

    assert made.rows(restored, 20) == made.rows(fresh, 20)


def test_control_a_job_that_begins_anew_has_other_features(kept, tmp_path):
    fresh, forgetful = made.plan(tmp_path / "fresh"), made.plan(tmp_path / "forgetful")
    made.rows(fresh, 0)

    assert made.rows(forgetful, 20) != made.rows(fresh, 20)


def test_a_spool_is_read(kept):
    spool = Spool(kept / "generator" / "pumps.sqlite", 2**20)

    assert [block.lines for block in spool.take(2**20)] == [made.LINES]
    assert spool.position("pumps") == {"row": 20}
    spool.close()


def test_a_model_is_read_and_gives_its_golden_scores(kept):
    model = load(kept / "models" / "small" / "1")

    model.check()
    assert model.id == "small@1"


def numbered(path: Path, number: int) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {number}")


def newer_store(kept):
    (kept / "store" / "format").write_text("2\n")
    return lambda: Databases(StoreSettings(data=str(kept / "store"))), "a store of format 2", "kept/store"


def newer_marks(kept):
    (kept / "host" / "pumps.json").write_text(json.dumps({"format": 2, "marks": [["new"]]}))
    return lambda: Ledger(kept / "host" / "pumps.json"), "a job's marks of format 2", "host/pumps.json"


def newer_checkpoint(kept):
    path = kept / "agent" / "pumps" / "1.checkpoint"
    path.write_bytes(b"ATPC\x02" + path.read_bytes())
    return lambda: Checkpoints(kept / "agent" / "pumps").load(1), "a checkpoint of format 2", "pumps/1.checkpoint"


def newer_asleep(kept):
    numbered(kept / "agent" / "pumps" / "asleep.sqlite", 2)
    state, plan = Checkpoints(kept / "agent" / "pumps").load(1), made.plan(kept / "agent" / "pumps")
    return lambda: plan.restore(state), "sleeping keys of format 2", "pumps/asleep.sqlite"


def newer_spool(kept):
    numbered(kept / "generator" / "pumps.sqlite", 2)
    path = kept / "generator" / "pumps.sqlite"
    return lambda: Spool(path, 2**20), "a generator's spool of format 2", "generator/pumps.sqlite"


def newer_model(kept):
    path = kept / "models" / "small" / "1" / "model.toml"
    path.write_text("format = 2\nnews = true\n" + path.read_text().replace("format = 1\n", ""))
    return lambda: load(path.parent), "a model of format 2", "1/model.toml"


NEWER = [newer_store, newer_marks, newer_checkpoint, newer_asleep, newer_spool, newer_model]


@pytest.mark.parametrize("kept", [__version__], indirect=True)
@pytest.mark.parametrize("newer", NEWER)
def test_what_a_newer_version_left_is_refused_with_what_where_and_what_to_do(kept, newer):
    read, what, where = newer(kept)

    with pytest.raises(Newer) as refused:
        read()

    said = str(refused.value)
    assert what in said
    assert where in said.partition(":")[0]
    assert f"written by a newer Atipico; this is {__version__}, which reads formats up to 1" in said
    assert "install the newer one again, or restore a backup" in said


@pytest.mark.parametrize("kept", [__version__], indirect=True)
def test_a_number_that_is_none_is_refused_too(kept):
    (kept / "store" / "format").write_text("one\n")

    with pytest.raises(Refused, match="a store of format 'one', which is none"):
        Databases(StoreSettings(data=str(kept / "store")))


@pytest.mark.parametrize("kept", [__version__], indirect=True)
def test_a_job_whose_marks_are_newer_is_left_out_and_the_others_run(kept):
    newer_marks(kept)

    ledgers = readable_ledgers(kept / "host", ["pumps", "ovens"])

    assert list(ledgers) == ["ovens"]


@pytest.mark.parametrize("kept", [__version__], indirect=True)
def test_a_job_whose_checkpoint_is_newer_is_not_begun_anew_behind_its_back(kept, tmp_path):
    newer_checkpoint(kept)
    (tmp_path / "pumps.toml").write_text('model = "m"\nstream = "pump"\n[features]\nheat = "heat"\n')
    works = Works(tmp_path, kept / "agent", lambda job, stop: None)

    with pytest.raises(Newer, match=r"a checkpoint of format 2"):
        works.open({"job": "pumps", "rewind": "yes"}, Session.__new__(Session))


@pytest.mark.parametrize("kept", ["unnumbered"], indirect=True)
def test_what_had_no_number_has_one_once_it_was_opened(kept):
    Databases(StoreSettings(data=str(kept / "store"))).close()
    Spool(kept / "generator" / "pumps.sqlite", 2**20).close()

    assert (kept / "store" / "format").read_text() == "1\n"
    with closing(sqlite3.connect(kept / "generator" / "pumps.sqlite")) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
