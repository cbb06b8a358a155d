"""docs/features.md tells of every kind there is, and its example can be worked out."""

from __future__ import annotations

import re
import tomllib

import numpy as np

from atipico.config import home
from atipico.features import FEATURES, INSTANT
from atipico.features.plan import Plan
from atipico.features.spec import parse_labels, parse_specs

PAGE = (home() / "docs" / "features.md").read_text()


def test_the_page_tells_of_every_kind_and_of_no_other():
    table = PAGE[PAGE.index("| kind |") : PAGE.index("A feature is always")].strip()
    kinds = [name for line in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", line.split("|")[1])]

    options = {"q", "k", "to", "than"}

    assert sorted({*kinds} - options) == sorted([*FEATURES, *INSTANT])


def test_the_example_gives_finite_numbers_from_the_first_sample_on():
    table = tomllib.loads(re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1])
    plan = Plan(parse_specs(table["features"]), table["clock"], parse_labels(table["labels"]))
    names = {"event_time": [5], "transaction_id": [1], "amount": [3.0], "customer": [1], "terminal": [2], "day": [1]}

    rows = plan.rows([1], ["g"], names)

    assert set(plan.needs) == set(names)
    assert np.isfinite(rows.values).all()
