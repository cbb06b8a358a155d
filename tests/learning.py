"""A small recipe of learning and what it needs, for tests that go through the stages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from atipico.sources.payments_file import make_file

RECIPE = """
name = "small"
job = "small.toml"
dataset = "payments"
suite = "suite.toml"
[get]
to = "payments.csv"
world = { name = "payments", days = 30, customers = 20, terminals = 8 }
[train]
warm_up = "2d"
[[estimator]]
kind = "logistic_regression"
[threshold]
alerts_per_day = 3
[test]
span = "3d"
k = 5
"""
JOB = """
model = "small"
stream = "payments"
clock = "event_time"
[features]
amount = "amount"
ratio = { ratio = "amount", by = "customer", over = "7d" }
"""
SUITE = """
[field.amount]
type = "float"
least = 0
"""


def begun(folder: Path, recipe: str = RECIPE) -> Path:
    """A folder with all that a recipe needs, and nothing made of it."""
    for name, text in (("learn.toml", recipe), ("small.toml", JOB), ("suite.toml", SUITE)):
        (folder / name).write_text(text)
    return folder


def make_payments(folder: Path) -> Path:
    """40 days of a small world: 2026-01-01 .. 2026-02-09."""
    file = folder / "payments.parquet"
    make_file(file, days=40, customers=150, terminals=60)
    return file


class Bars:
    """Looks on: what was counted, in its order, and how far each came."""

    def __init__(self) -> None:
        self.seen: dict[str, Counted] = {}

    @contextmanager
    def __call__(self, what: str) -> Iterator[Counted]:
        assert what not in self.seen, f"{what}: counted twice"
        self.seen[what] = Counted()
        yield self.seen[what]


class Counted:
    def __init__(self) -> None:
        self.at: list[int] = [0]
        self.total: int | None = None

    def __call__(self, more: int, total: int | None = None) -> None:
        self.at.append(self.at[-1] + more)
        self.total = self.total if total is None else total
