"""Who looks on sees every stage move; what is piped has nothing of it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from atipico.cli.bars import _done, _left
from atipico.learn.stages import Learning
from learning import RECIPE, Bars, begun, make_payments

BOOSTED = RECIPE.replace('suite = "suite.toml"\n', "").replace("k = 5", "k = 5\nspans = 3")
BOOSTED += '[[estimator]]\nkind = "lightgbm"\nseeds = [1, 2]\nn_estimators = 10\nnum_leaves = 4\n'
STACKED = '[train.ensemble]\nkind = "stacking"\nspan = "4d"\n[test]\n'
COST = "cost = { missed = 9, false_alert = 1 }"


@pytest.fixture(scope="module")
def payments(tmp_path_factory) -> Path:
    return make_payments(tmp_path_factory.mktemp("payments"))


def test_every_stage_that_takes_more_than_a_moment_is_counted(tmp_path):
    bars = Bars()

    Learning(begun(tmp_path) / "learn.toml", runs=tmp_path / "runs", models=tmp_path / "models", bar=bars).all()

    assert list(bars.seen) == ["days", "checking", "rows", "training", "judging", "drawing", "compiling"]
    assert [bars.seen[what].total == bars.seen[what].at[-1] for what in ("days", "rows", "training")] == [True] * 3


@pytest.mark.parametrize(
    ("old", "new", "trainings"),
    [
        ("alerts_per_day = 3", "alerts_per_day = 3", 3),
        ("[test]\n", STACKED, 3 * 2),
        ("alerts_per_day = 3", COST, 3 * 2),
        ("[train]\n", "[train]\nto = 2026-02-09\n", 3 * 2),
    ],
    ids=["once", "stacked", "cost", "no day follows"],
)
def test_a_bar_is_full_when_all_is_trained_and_not_before(payments, tmp_path, old, new, trainings):
    bars = Bars()
    assert old in BOOSTED
    file = begun(tmp_path, BOOSTED.replace(old, new)) / "learn.toml"
    learning = Learning(file, str(payments), runs=tmp_path / "runs", bar=bars, say=lambda line: None)

    run = learning.train()

    training = bars.seen["training"]
    assert training.total == training.at[-1] == trainings * 100
    assert {100, 110, 120, 150} <= set(training.at)  # the second is boosted: round by round
    if learning.evaluate(run):
        judging = bars.seen["judging"]
        assert judging.total == judging.at[-1] == 2 * trainings * 100


def typed(folder: Path, stderr: int) -> bytes:
    """`atipico learn get`. Returns what a pipe got of it."""
    words = ["-m", "atipico.cli", "learn", "get", "-f", str(folder / "learn.toml")]
    env = {**os.environ, "ATIPICO_HOME": str(folder)}
    return subprocess.run([sys.executable, *words], stdout=subprocess.PIPE, stderr=stderr, env=env, check=True).stdout


def test_a_bar_is_drawn_on_a_terminal_and_not_into_a_pipe(tmp_path):
    begun(tmp_path)
    ours, theirs = pty.openpty()

    out = typed(tmp_path, theirs)
    os.close(theirs)
    drawn = os.read(ours, 2**16)
    os.close(ours)
    (tmp_path / "payments.csv").unlink()
    piped = typed(tmp_path, subprocess.STDOUT)

    assert b"days" in drawn
    assert b"100%" in drawn
    assert out == f"{tmp_path / 'payments.csv'}\n".encode()
    assert piped.endswith(b"payments.csv is not as it was\n" + out)
    assert b"days" not in piped


def test_where_nobody_knows_how_much_there_is_what_is_done_is_counted():
    assert [_done(0, None), _done(12000, None), _done(0, 8), _done(2, 8)] == ["", "12000", "  0%", " 25%"]


def test_what_is_left_grows_while_nothing_moves():
    assert _left(10, 0, 8) == _left(10, 3, None) == ""
    assert _left(10, 3, 100) == ""  # too early to say
    assert _left(10, 2, 8) == "0:00:30 left"
    assert _left(20, 2, 8) == "0:01:00 left"
    assert _left(20, 8, 8) == "0:00:00 left"
