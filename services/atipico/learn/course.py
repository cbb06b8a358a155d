"""What the notebooks learn from: the card payments that somebody put there, else a world of ours, simulated."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from atipico.config import home
from atipico.errors import Refused, nearest
from atipico.sources.payments_file import make_file

COURSE = "ATIPICO_COURSE"
_WORLD, _SMALL_WORLD = (90, 400, 200), (60, 200, 80)  # days, cards, terminals


class Material(NamedTuple):
    """data: a recorded file. recipe: the learn.toml that fits it. told: what it is, for a reader. small: for tests."""

    data: Path
    recipe: Path
    told: str
    small: bool


def material(folder: Path) -> Material:
    """The first that is there: data/creditcard/creditcard.csv; the Fraud Detection Handbook's transactions.parquet in
    data/transactions/, or in ../shared/data/ beside the checkout; else payments made in `folder`.

    What stands in ATIPICO_COURSE chooses among `creditcard`, `transactions` and `payments`. `small`, alone or beside
    one of these, makes a notebook take seconds; its figures then say little.
    """
    asked = os.environ.get(COURSE, "").split()
    small = "small" in asked
    wanted = [name for name in asked if name != "small"] or (["payments"] if small else ["creditcard", "transactions"])
    recipes = home() / "data"
    places = {
        "creditcard": [recipes / "creditcard" / "creditcard.csv"],
        "transactions": [
            folder / "transactions.parquet" for folder in (recipes / "transactions", home().parent / "shared" / "data")
        ],
    }
    if unknown := [name for name in wanted if name not in (*places, "payments")]:
        raise Refused(f"{COURSE}: no data called {unknown[0]!r}{nearest(unknown[0], [*places, 'payments', 'small'])}")
    for name in wanted:
        for file in places.get(name, []):
            if file.is_file():
                return Material(file, recipes / name / "learn.toml", f"card payments, {file.name}", small)
        if asked and name in places:
            raise Refused(f"{COURSE} asks for {name}, and there is no {' nor '.join(map(str, places[name]))}")
    return _simulated(folder, recipes / "payments" / "learn.toml", small)


def _simulated(folder: Path, recipe: Path, small: bool) -> Material:
    days, customers, terminals = _SMALL_WORLD if small else _WORLD
    made = folder / f"payments-{days}-{customers}-{terminals}.parquet"
    if not made.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        make_file(made, days=days, customers=customers, terminals=terminals)
    told = f"simulated payments of {customers} cards at {terminals} terminals, {days} days"
    return Material(made, recipe, told, small)
