"""What the notebooks learn from: the card transactions that are there, else a world of ours, simulated."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from atipico.config import home
from atipico.sources.payments_file import make_file

SMALL = "ATIPICO_COURSE"  # set to small, a notebook takes seconds; its figures then say little
_WORLD, _SMALL_WORLD = (90, 400, 200), (60, 200, 80)  # days, cards, terminals


class Material(NamedTuple):
    """data: a recorded file. recipe: the learn.toml that fits it. told: what it is, for a reader. small: for tests."""

    data: Path
    recipe: Path
    told: str
    small: bool


def material(folder: Path) -> Material:
    """Transactions of the Fraud Detection Handbook where somebody put them, else payments made in `folder`.

    They are looked for in data/transactions/ and in ../shared/data/, beside the checkout; a small course does not look.
    """
    recipes, small = home() / "data", os.environ.get(SMALL) == "small"
    for place in (recipes / "transactions", home().parent / "shared" / "data"):
        if (found := place / "transactions.parquet").is_file() and not small:
            return Material(found, recipes / "transactions" / "learn.toml", f"card transactions, {found.name}", small)
    days, customers, terminals = _SMALL_WORLD if small else _WORLD
    made = folder / f"payments-{days}-{customers}-{terminals}.parquet"
    if not made.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        make_file(made, days=days, customers=customers, terminals=terminals)
    told = f"simulated payments of {customers} cards at {terminals} terminals, {days} days"
    return Material(made, recipes / "payments" / "learn.toml", told, small)
