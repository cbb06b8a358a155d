"""Keys that sleep on disk: features are those of a job that never sleeps, also through restarts and full disks."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_features_labels import DELAY, TABLE, S, block, stream

from atipico.agent.checkpoints import Checkpoints
from atipico.agent.work import JobWork
from atipico.errors import NotYet, Refused
from atipico.features import asleep, memory
from atipico.features.block import NO_LABELS, Labels
from atipico.features.packed import packed_key
from atipico.features.plan import Plan
from atipico.features.spec import parse_labels, parse_specs
from atipico.metrics import FORGOTTEN_KEYS, values
from atipico.ports import ModelInfo, Scored
from atipico.registry.jobs import Job
from atipico.wire.points import read_answer, write_point
from atipico.wire.sample import Sample
from limits import no_more_files

SPECS, LABELS = parse_specs(TABLE), parse_labels({"id": "id", "delay": f"{DELAY}s", "within": "2000s"})
N = 300


def plan(folder: Path | None = None) -> Plan:
    """Keys sleep where there is a folder."""
    return Plan(SPECS, "t", LABELS, folder)


@pytest.fixture(autouse=True)
def few_awake(monkeypatch):
    monkeypatch.setattr(memory, "MOST_AWAKE", 4)


@pytest.fixture
def samples():
    return many(7)


def many(seed: int) -> list[dict[str, Any]]:
    """Samples of many keys, most of which come back after others slept; some late, some repeated."""
    rng, samples = random.Random(seed), stream(seed, N - 20, cards=25, shops=15)
    for _ in range(10):
        samples.insert(rng.randrange(100, 200), samples[rng.randrange(90)])
        samples.insert(rng.randrange(150, 250), samples.pop(rng.randrange(140)))
    return [*samples, *samples[:10]]


def told(live: Plan, samples: list[dict[str, Any]], start: int, stop: int) -> np.ndarray:
    """The features of some of the samples. With each comes the label of the 40th before it, or of the 90th too."""
    of = [(row, row - 40) for row in range(start, stop)] + [
        (row, row - 90) for row in range(start, stop) if row % 7 == 0
    ]
    given = [(samples[at]["id"], samples[at]["fraud"], row - start) for row, at in sorted(of) if at >= 0]
    return block(samples[start:stop], Labels(*zip(*given, strict=True)) if given else NO_LABELS, live)


def run(live: Plan, samples: list[dict[str, Any]], size: int) -> np.ndarray:
    cuts = [*range(0, len(samples), size), len(samples)]
    return np.concatenate([told(live, samples, start, stop) for start, stop in pairwise(cuts)])


def counts(folder: Path) -> Plan:
    """One feature: how many samples a key had."""
    return Plan(parse_specs({"n": {"count": "x", "by": "key", "over": 10}}), folder=folder)


def give(live: Plan, t: int, key: int) -> float:
    return float(live.rows([t], ["g"], {"x": [1.0], "key": [key]}).values[0, 0])


def file_of(folder: Path) -> Path:
    return folder / "asleep.sqlite"


def rows_in(folder: Path) -> int:
    with sqlite3.connect(file_of(folder)) as db:
        return db.execute("SELECT count(*) FROM asleep WHERE woke IS NULL").fetchone()[0]


@settings(max_examples=10)
@given(st.integers(0, 10**6), st.integers(2, 60), st.integers(1, 12), st.sampled_from([10**7, 60, 5]))
def test_keys_that_slept_have_the_very_features_of_keys_that_never_did(seed, size, awake, entries):
    samples = many(seed)
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "MOST_AWAKE", awake)
        patch.setattr(memory, "MOST_ENTRIES", entries)
        live = run(plan(Path(folder)), samples, size)

        assert rows_in(Path(folder)) > 20
    assert np.array_equal(live, run(plan(), samples, size))


def test_without_waking_them_the_features_would_be_others(samples, tmp_path, monkeypatch):
    monkeypatch.setattr(asleep.Asleep, "__len__", lambda self: 0)

    live, never = run(plan(tmp_path), samples, 10), run(plan(), samples, 10)

    differ = [name for at, name in enumerate(TABLE) if not np.array_equal(live[:, at], never[:, at])]
    assert {"card_ratio", "shop_known", "last_fraud", "pair"} <= set(differ)


def test_a_label_wakes_the_key_it_is_for(tmp_path):
    specs = parse_specs(
        {"n": {"count": "x", "by": "key", "over": 10}, "k": {"count": "label", "by": "key", "over": 10}}
    )
    live = Plan(specs, "t", parse_labels({"id": "t", "delay": "1s"}), tmp_path)

    def give(t: int, key: int, *ids: int) -> list[float]:
        labels = Labels([id * S for id in ids], [1.0] * len(ids), [0] * len(ids))
        return live.rows([t], ["g"], {"t": [t * S], "x": [1.0], "key": [key]}, labels).values[0].tolist()

    for t in range(10):
        give(t, t)
    give(20, 9, 0, 1)
    for t in range(30, 40):
        give(t, t)

    assert [give(40, 0), give(41, 1), give(42, 2)] == [[2, 1], [2, 1], [2, 0]]


@pytest.mark.parametrize("seed", range(6))
def test_killed_at_any_time_and_taken_back_to_any_of_the_last_saves_it_goes_on_as_if_nothing_had_happened(
    seed, tmp_path
):
    samples, rng = many(seed), random.Random(seed)
    never, size = run(plan(), samples, 5), 5
    live, at, saves, back, seen = plan(tmp_path), 0, [(0, b"")], 0, []

    while at < len(samples):
        seen.append(np.array_equal(told(live, samples, at, at + size), never[at : at + size]))
        at += size
        if rng.random() < 0.4:
            saves = [*saves, (at, live.save())][-8:]
        if rng.random() < 0.15 and back < 12:
            back += 1
            saves = saves[: rng.randrange(len(saves)) + 1]
            if rng.random() < 0.7:
                live = plan(tmp_path)  # a new process; the other goes on holding the file, as a dying one may
            live.forget()
            at, saved = saves[-1]
            if saved:
                live.restore(saved)

    assert back > 3
    assert all(seen)
    assert rows_in(tmp_path) > 20


def test_a_save_behind_the_one_it_was_taken_back_to_is_refused(samples, tmp_path):
    live = plan(tmp_path)
    told(live, samples, 0, 100)
    first = live.save()
    told(live, samples, 100, 200)
    second = live.save()

    live.restore(first)
    told(live, samples, 100, 150)

    with pytest.raises(Refused, match="not what it was at this checkpoint"):
        plan(tmp_path).restore(second)
    live.save()
    with pytest.raises(Refused, match="not what it was at this checkpoint"):
        plan(tmp_path).restore(second)


def _missing(file: Path) -> None:
    file.unlink()


def _cut(file: Path) -> None:
    with file.open("r+b") as data:
        data.truncate(file.stat().st_size // 2)


def _scribbled(file: Path) -> None:
    with file.open("r+b") as data:
        data.seek(8192)
        data.write(bytes(range(256)) * 64)


def _no_log(file: Path) -> None:
    with sqlite3.connect(file) as db:
        db.execute("DELETE FROM mark")


@pytest.mark.parametrize(
    ("harm", "why"),
    [(_missing, "is missing"), (_cut, "damaged|read"), (_scribbled, "damaged|read"), (_no_log, "not what it was")],
)
def test_a_file_that_is_torn_or_missing_is_refused_and_nothing_changes(samples, tmp_path, harm, why):
    live = plan(tmp_path)
    told(live, samples, 0, 250)
    saved = live.save()
    with sqlite3.connect(file_of(tmp_path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    live.forget()

    harm(file_of(tmp_path))

    other = plan(tmp_path)
    with pytest.raises(Refused, match=why):
        other.restore(saved)
    assert np.array_equal(run(other, samples, 20), run(plan(), samples, 20))


@contextmanager
def _full(file: Path) -> Iterator[None]:
    with closing(sqlite3.connect(file)) as db:
        db.execute("CREATE TRIGGER full BEFORE DELETE ON mark BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
        yield
        db.execute("DROP TRIGGER full")


@pytest.mark.parametrize(("while_it_is", "why"), [(lambda file: no_more_files(), "unable to open"), (_full, "full")])
def test_a_file_that_cannot_be_had_just_now_is_none_that_is_gone(samples, tmp_path, while_it_is, why):
    live = plan(tmp_path)
    told(live, samples, 0, 150)
    saved = live.save()
    expected = told(live, samples, 150, N)
    live.save()

    other = plan(tmp_path)
    with while_it_is(file_of(tmp_path)), pytest.raises(NotYet, match=why):
        other.restore(saved)

    other.restore(saved)
    assert np.array_equal(told(other, samples, 150, N), expected)


def test_without_its_folder_what_slept_is_refused(samples, tmp_path):
    live = plan(tmp_path)
    told(live, samples, 0, 100)

    with pytest.raises(Refused, match="a file of the job that is not here"):
        plan().restore(live.save())


def test_a_key_whose_bytes_were_damaged_is_forgotten_and_counted(tmp_path):
    live, before = counts(tmp_path), FORGOTTEN_KEYS._value.get()
    for t in range(20):
        give(live, t, t)
    with sqlite3.connect(file_of(tmp_path)) as db:
        db.execute("UPDATE asleep SET entries = zeroblob(length(entries)) WHERE key = ?", (packed_key(3),))

    assert [give(live, 30, 3), give(live, 31, 4)] == [1, 2]
    assert FORGOTTEN_KEYS._value.get() == before + 1


def test_keys_stay_awake_while_the_disk_does_not_take_them(samples, tmp_path):
    (tmp_path / "none").write_text("a file where the folder should be")
    live = plan(tmp_path / "none")

    assert np.array_equal(run(live, samples, 20), run(plan(), samples, 20))
    plan().restore(live.save())


def test_beyond_the_bound_in_memory_keys_are_forgotten_while_the_disk_takes_none_and_those_asleep_are_not(
    tmp_path, monkeypatch
):
    specs = {"n": {"count": "x", "by": "key", "over": 10}, "k": {"count": "label", "by": "key", "over": 10}}
    live = Plan(parse_specs(specs), "t", parse_labels({"id": "t", "delay": "1s"}), tmp_path)

    def give(t: int, key: int, *ids: int) -> list[float]:
        labels = Labels([id * S for id in ids], [1.0] * len(ids), [0] * len(ids))
        return live.rows([t], ["g"], {"t": [t * S], "x": [1.0], "key": [key]}, labels).values[0].tolist()

    for t in range(10):
        give(t, t)
    slept = rows_in(tmp_path)
    with sqlite3.connect(file_of(tmp_path)) as db:
        db.execute("CREATE TRIGGER full BEFORE INSERT ON asleep BEGIN SELECT RAISE(ABORT, 'full'); END")
    monkeypatch.setattr(memory, "MOST_KEYS", 20)
    for t in range(10, 30):
        give(t, t)

    assert slept == 6
    assert [give(40, 0, 0, 6, 29), give(41, 6), give(42, 29)] == [[2, 1], [1, 0], [2, 1]]


@pytest.mark.parametrize("table", ["asleep", "mark"])
def test_a_disk_that_is_full_for_a_while_loses_nothing(samples, tmp_path, monkeypatch, table):
    monkeypatch.setattr(asleep, "_PAUSE_S", 0.0)
    live, never = plan(tmp_path), plan()
    first = told(live, samples, 0, 100)
    live.save()

    with sqlite3.connect(file_of(tmp_path)) as db:
        full = "SELECT RAISE(ABORT, 'database or disk is full')"
        db.execute(f"CREATE TRIGGER full BEFORE INSERT ON {table} BEGIN {full}; END")
    second = told(live, samples, 100, 200)
    if table == "mark":
        with pytest.raises(NotYet, match="full"):
            live.save()
    slept = rows_in(tmp_path)
    with sqlite3.connect(file_of(tmp_path)) as db:
        db.execute("DROP TRIGGER full")
    told(live, samples, 200, 250)
    live.restore(live.save())

    last = told(live, samples, 250, N)
    expected = [told(never, samples, at, to) for at, to in ((0, 100), (100, 200), (200, 250), (250, N))]
    assert all(map(np.array_equal, (first, second, last), (*expected[:2], expected[3])))
    assert rows_in(tmp_path) != slept


def test_beyond_the_bound_on_disk_those_that_slept_longest_are_forgotten_and_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(asleep, "MOST_ASLEEP", 20)
    live, before = counts(tmp_path), FORGOTTEN_KEYS._value.get()

    for t in range(40):
        give(live, t, t)

    gone = int(FORGOTTEN_KEYS._value.get() - before)
    assert 40 - 4 - 20 <= gone <= 40 - 4 - 20 + 2
    assert rows_in(tmp_path) == 40 - 4 - gone
    assert [give(live, 50, gone - 1), give(live, 51, gone)] == [1, 2]


def test_keys_that_are_equal_are_one_key_also_on_disk(tmp_path):
    live = Plan(parse_specs({"n": {"count": "x", "by": ["a", "b"], "over": 10}}), folder=tmp_path)

    def give(t: int, a: Any, b: Any) -> float:
        return float(live.rows([t], ["g"], {"x": [1.0], "a": [a], "b": [b]}).values[0, 0])

    give(0, 1, "x")
    for t in range(1, 20):
        give(t, t * 100, "x")

    assert [give(30, 1.0, "x"), give(31, 1, "y"), give(32, "1", "x"), give(33, True, "x")] == [2, 1, 1, 3]


def test_the_file_does_not_grow_with_how_often_keys_wake(tmp_path):
    live, sizes = counts(tmp_path), []

    for t in range(60):
        live.rows([*range(t * 40, t * 40 + 40)], ["g"] * 40, {"x": [1.0] * 40, "key": [*range(40)]})
        live.save()
        with sqlite3.connect(file_of(tmp_path)) as db:
            sizes.append(db.execute("SELECT count(*) FROM asleep").fetchone()[0])

    assert max(sizes) <= 40 * (asleep.MARKS + 1)


def test_the_metrics_tell_how_many_keys_sleep(tmp_path):
    live = counts(tmp_path / "payments")

    for t in range(30):
        give(live, t, t)
    give(live, 30, 0)

    seen = values()
    told = [seen[f'atipico_keys{{stream="payments",state="{state}"}}'] for state in ("asleep", "awake")]
    assert told == [26, 4]


class Weighed:
    """Scores a row by what all its features are, to the last bit."""

    def info(self) -> ModelInfo:
        return ModelInfo("w@1", tuple(TABLE), float("inf"), {})

    def score(self, rows: np.ndarray) -> Scored:
        return Scored(rows @ np.sqrt(np.arange(2.0, 2 + rows.shape[1])), float("inf"), "w@1", {})


def test_an_agents_job_that_is_killed_goes_on_from_its_checkpoints_and_falls_back_when_the_file_is_gone(
    samples, tmp_path
):
    job = Job("pay", "w", "payments", SPECS, "t", labels=LABELS)

    def points(start: int, stop: int) -> list[bytes]:
        made = []
        for row in range(start, stop):
            fields = {name: one for name, one in samples[row].items() if name != "fraud"}
            if row >= 40:
                label = {"id": samples[row - 40]["id"], "label": samples[row - 40]["fraud"]}
                made.append(write_point(Sample("labels", {}, label, row), "atipico", "g", []))
            made.append(write_point(Sample("payments", {}, fields, samples[row]["id"]), "atipico", "g", []))
        return made

    def scores(work: JobWork, start: int, stop: int) -> list[float]:
        return [read_answer(answer)[1].score for answer in work.answers(points(start, stop), Weighed())]

    def started() -> JobWork:
        return JobWork(job, Checkpoints(tmp_path / "pay"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "MOST_AWAKE", 10**6)
        never = scores(JobWork(job, Checkpoints(tmp_path / "never")), 0, N)
    work = started()
    scores(work, 0, 100)
    first = work.snapshot()
    scores(work, 100, 200)
    second = work.snapshot()
    scores(work, 200, 250)

    work = started()
    work.rewind(second)
    assert scores(work, 200, N) == never[200:]
    work = started()
    work.rewind(first)
    assert scores(work, 100, N) == never[100:]
    file_of(tmp_path / "pay").unlink()
    work = started()
    with pytest.raises(Refused, match="missing"):
        work.rewind(first)
    work.rewind(b"")
    assert scores(work, 0, N) == never
