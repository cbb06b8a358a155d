"""Every member of a shelf keeps what its port promises; a member that breaks a promise is found out."""

from __future__ import annotations

import threading

import numpy as np
import orjson
import pytest

from atipico import sinks, sources
from atipico.checks import check_detector, check_feature, check_scorer, check_sink, check_source
from atipico.detectors import DETECTORS
from atipico.features import FEATURES
from atipico.features.keys import Keyed
from atipico.features.pool import Keep, Pool
from atipico.features.windows import Windows
from atipico.ports import Batch, ModelInfo, Scored
from atipico.scorers import SCORERS
from atipico.scorers.http import HttpScorer
from atipico.wire.outcome_json import outcome_id
from receiver import receiving
from scripted import ScriptedClassifier

OPTIONS = {"quantile": {"q": 0.9}}
ROWS = np.random.default_rng(5).normal(size=(40, 3))


def windows():
    """Values, and windows before them: empty, of one, of equal values, of far ones, of the smallest and of 0."""
    held = [[], [0.0], [0.0, 0.0, 0.0], [1e99, -1e99], [1e-300, 1e-300, 2e-300], [3.0, 3.0], [0.0, 5.0]]
    pool = Pool(["x"], Keep(0, 100))
    keyed = Keyed.of(np.repeat(np.arange(len(held)), [len(one) for one in held]))
    at = np.arange(len(keyed.codes))
    placed = pool.add(keyed, {"clock": at, "id": at, "series": at}, np.ones(len(at), dtype=bool))
    pool.columns["x"][placed.at] = np.concatenate(held)
    start, end = pool.runs(np.arange(len(held)))
    past = Windows(pool, start, end, np.full(len(held), 100), np.inf).past("x")
    return np.array([0.0, 1.0, 0.0, -1e99, 3.0, 3.0, 7.0]), past


@pytest.fixture
def sample_csv(tmp_path):
    file = tmp_path / "pumps.csv"
    file.write_text("when,pump,heat\n" + "".join(f"2026-01-01T00:{at:02}:00,{at % 3},{at}.5\n" for at in range(60)))
    folder = tmp_path / "pumps"
    folder.mkdir()
    (folder / "dataset.toml").write_text(
        'measurement = "pumps"\ntime = "when"\n[shard]\nkey = "pump"\n[fields]\npump = "pump"\nheat = "heat"\n'
    )
    return {"file": str(file), "dataset": str(folder / "dataset.toml")}


@pytest.mark.parametrize("name", sources.SOURCES)
def test_every_source_keeps_its_promises(name, sample_csv):
    check_source(sources.make(name, **(sample_csv if name == "file" else {})))


@pytest.mark.parametrize("name", FEATURES)
def test_every_feature_keeps_its_promises(name):
    check_feature(FEATURES[name], *windows(), **OPTIONS.get(name, {}))


@pytest.mark.parametrize("name", SCORERS)
def test_every_scorer_that_works_alone_keeps_its_promises(name):
    check_scorer(SCORERS[name](), ROWS)


@pytest.fixture
def far_sides(tmp_path):
    """Where each sink of the shelf writes in a test, and the ids that have arrived there."""

    def lines():
        return [orjson.loads(line)["id"] for line in (tmp_path / "far.jsonl").read_text().splitlines()]

    with receiving() as receiver:
        yield {
            "file": (str(tmp_path / "far.jsonl"), lines),
            "webhook": (receiver.url, receiver.ids),
        }


@pytest.mark.parametrize("name", sinks.SINKS)
def test_every_sink_keeps_its_promises(name, far_sides):
    to, arrived = far_sides[name]

    check_sink(lambda: sinks.make(name, to), arrived)


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_keeps_its_promises(name):
    check_detector(DETECTORS[name])


def test_the_http_scorer_keeps_a_scorers_promises_also_with_rows_that_are_refused():
    def script(rows: np.ndarray):
        return (400, b'{"error":"too large"}', {}) if (rows[:, 0] > 1.5).any() else 1 / (1 + np.exp(-rows[:, 0]))

    server = ScriptedClassifier(("a", "b", "c"), script)
    try:
        check_scorer(HttpScorer(server.url, "test", 5.0, threading.Event()), ROWS)
    finally:
        server.close()


def test_a_source_that_remembers_is_found_out():
    class Counting:
        live = False
        count = 0

        def read(self, position, most):
            self.count += 1
            return Batch([({}, {"x": self.count})] * most, [], {"row": self.count})

    with pytest.raises(AssertionError, match="second time"):
        check_source(Counting())


def test_a_feature_that_is_not_finite_is_found_out():
    with pytest.raises(AssertionError, match="not finite"):
        check_feature(lambda newest, past: newest + past.mean, *windows())


def test_a_feature_that_remembers_is_found_out():
    seen = []

    def counting(newest, past):
        seen.append(1)
        return newest + len(seen)

    with pytest.raises(AssertionError, match="something is remembered"):
        check_feature(counting, *windows())


def test_a_scorer_that_looks_at_the_neighbours_is_found_out():
    class Ranking:
        def info(self):
            return ModelInfo("rank", (), 0.5, {})

        def score(self, rows):
            return Scored(np.argsort(np.argsort(rows[:, 0])) / len(rows), 0.5, "rank", {})

    with pytest.raises(AssertionError, match="another score"):
        check_scorer(Ranking(), ROWS)


class Rising:
    """Newest value beside the ones before it; `learn` forgets to tell `save` of the largest it met."""

    needs = 2

    def __init__(self) -> None:
        self.most = 1.0

    def score(self, windows):
        return np.clip(windows[:, -1] / self.most, 0.0, 1.0)

    def learn(self, windows):
        self.most = max(self.most, 4 * float(np.nanmax(windows)))

    def save(self):
        return b""

    def restore(self, saved): ...


def test_a_detector_that_forgets_over_a_restart_is_found_out():
    with pytest.raises(AssertionError, match="after a restart"):
        check_detector(Rising)


def test_a_detector_that_learns_while_it_scores_is_found_out():
    class Counting:
        needs, seen = 2, 0

        def score(self, windows):
            self.seen += len(windows)
            return np.full(len(windows), 1 - 1 / (1 + self.seen))

    with pytest.raises(AssertionError, match="second time"):
        check_detector(Counting)


def test_a_detector_that_tells_no_shares_is_found_out():
    class Distance:
        needs = 2

        def score(self, windows):
            return np.abs(windows[:, -1] - windows[:, -2])

    with pytest.raises(AssertionError, match="no shares"):
        check_detector(Distance)


def test_a_sink_that_keeps_what_it_has_for_later_is_found_out():
    there = []

    class Later:
        kept = ()

        def resume(self, state):
            return ""

        def write(self, outcomes):
            there.extend(map(outcome_id, self.kept))
            self.kept = outcomes
            return ""

    with pytest.raises(AssertionError, match="not arrived"):
        check_sink(Later, lambda: there)
