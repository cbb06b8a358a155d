"""Numbers, clocks, keys and checkpoints at the end of what they can be."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from atipico.errors import Refused
from atipico.features.plan import Plan
from atipico.features.spec import parse_specs

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


@pytest.mark.parametrize("kind", ["hour", "weekday", "day", "month"])
@pytest.mark.parametrize("value", [1e100, -1e100, 2.0**63, -(2.0**63)])
def test_a_number_that_is_no_time_has_a_date_too(kind, value):
    told = Plan(parse_specs({"a": {kind: "x"}})).rows([1], ["g"], {"x": [value]}).values

    assert 0 <= told[0, 0] < 32


def test_features_of_features_of_the_largest_numbers_stay_finite():
    table = {"s0": {"sum": "x", "over": 500}} | {f"s{at}": {"sum": f"s{at - 1}", "over": 500} for at in range(1, 70)}
    live = Plan(parse_specs(table | {"spread": {"std": "s69", "over": 500}, "fence": {"fence": "s69", "over": 500}}))

    told = live.rows(range(500), ["g"] * 500, {"x": [1e100] * 500}).values

    assert np.isfinite(told).all()


def test_a_fence_that_need_not_be_finite_is_refused():
    with pytest.raises(Refused, match="from 0 to 1e"):
        Plan(parse_specs({"a": {"fence": "x", "k": 1e300, "over": 5}}))


@pytest.mark.parametrize("clock", [2**62 + 1, -(2**62) - 1, 2**63 - 1, -(2**63)])
def test_a_clock_that_spans_can_not_be_added_to_is_refused_and_moves_nothing(clock):
    live = Plan(parse_specs({"n": {"count": "x", "over": "10s"}}), "t")

    told = live.rows([1, 2, 3], ["g"] * 3, {"x": [1.0] * 3, "t": [5, clock, 6]})

    assert "from 1823 to 2116" in told.refused[1]
    assert told.values[[0, 2], 0].tolist() == [1, 2]


@pytest.mark.parametrize("column", [[math.nan, 1.0], np.array([math.nan, 1.0]), [None, 1.0]])
def test_a_key_that_equals_none_is_refused(column):
    live = Plan(parse_specs({"n": {"count": "x", "by": "k", "over": 5}}))

    told = live.rows([1, 2], ["g"] * 2, {"x": [1.0] * 2, "k": column})

    assert list(told.refused) == [0]
    assert told.values[1, 0] == 1


@pytest.mark.parametrize("damage", ["nested", "far clock"])
def test_a_checkpoint_that_nobody_wrote_is_refused_and_changes_nothing(damage):
    live = Plan(parse_specs({"n": {"count": "x", "over": 5}}))
    live.rows([1], ["g"], {"x": [1.0]})
    shape, (_, *rest) = msgspec.msgpack.decode(live.save())
    saved = {"nested": b"\x91" * 200_000, "far clock": msgspec.msgpack.encode([shape, [2**64 - 1, *rest]])}

    with pytest.raises(Refused, match="can't be read"):
        live.restore(saved[damage])

    assert live.rows([2], ["g"], {"x": [1.0]}).values.tolist() == [[2]]
