"""What the features are worked out with, beside plain loops: windows laid out together, searches, numbers of keys."""

from __future__ import annotations

import random
from bisect import bisect_right

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atipico.features.keys import Keyed, Keys
from atipico.features.laid import Laid, in_pieces
from atipico.features.pool import Keep, Pool
from atipico.features.search import first_after, first_after_by_key
from atipico.features.windows import Windows

SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)), min_size=1, max_size=30)


@settings(max_examples=100)
@given(SPANS, st.booleans())
def test_windows_that_share_entries_or_not_in_any_order_hold_their_own(spans, ordered):
    spans = sorted((start, start + many) for start, many in spans) if ordered else [(a, a + n) for a, n in spans]
    start, end = np.array(spans, dtype=np.int64).T
    column = np.random.default_rng(1).integers(0, 100, 60)

    laid = Laid(start, end)
    values = column[laid.entries]

    assert laid.reduce(np.add, values, -1).tolist() == [sum(column[a:b]) if b > a else -1 for a, b in spans]
    assert laid.reduce(np.maximum, values, -1).tolist() == [max(column[a:b], default=-1) for a, b in spans]


def test_entries_that_a_thousand_windows_share_are_laid_out_once():
    at = np.arange(1000)

    assert len(Laid(at, at + 200).entries) == 1200
    assert len(Laid(at, at + 200, np.ones(999, dtype=bool)).entries) == 200_001


@pytest.mark.parametrize("many", [1, 1000, 300_000])
def test_pieces_of_windows_hold_each_row_once_however_much_they_look_at(many):
    start = np.arange(50) * 7

    pieces = list(in_pieces(start, start + many))

    assert [row for piece in pieces for row in range(50)[piece]] == list(range(50))
    assert (len(pieces) > 1) == (many == 300_000)


@pytest.mark.parametrize("level", [0.0, 1e9, -1e-9])
def test_what_is_said_of_a_window_is_the_same_to_the_last_bit_whatever_stands_beside_it(level):
    rng, pool = np.random.default_rng(2), Pool(["x"], Keep(0, 100))
    held, at = np.ones(900, dtype=bool), np.arange(900)
    placed = pool.add(Keyed.of(np.zeros(900, dtype=np.int64)), {"clock": at, "id": at, "series": at}, held)
    pool.columns["x"][placed.at] = level + np.where(at % 400 >= 300, 20.1, rng.lognormal(size=900))
    start, end = np.arange(800), np.arange(800) + 100
    newest = pool.columns["x"][end]

    def told(rows: slice) -> np.ndarray:
        past = Windows(pool, start[rows], end[rows], end[rows], np.inf).past("x")
        return np.stack([past.mean, past.spread, past.distance(newest[rows]), past.quantile(0.3), past.run])

    alone = np.concatenate([told(slice(row, row + 1)) for row in range(800)], axis=1)

    assert np.array_equal(told(slice(0, 800)), alone)
    assert (alone[1] == 0).nonzero()[0].tolist() == [300, 700], "windows of equal values have no spread at all"


@pytest.mark.parametrize("rows", [5, 1000])
def test_the_first_entry_above_a_bound_is_that_of_a_search_row_by_row(rows):
    rng = random.Random(rows)
    values = sorted(rng.randrange(300) for _ in range(500))
    low = [rng.randrange(501) for _ in range(rows)]
    high = [rng.randrange(501) for _ in range(rows)]
    bound = [rng.randrange(-5, 305) for _ in range(rows)]

    told = first_after(*(np.array(one, dtype=np.int64) for one in (values, low, high, bound)))

    rows_by_hand = zip(low, high, bound, strict=True)
    assert told.tolist() == [bisect_right(values, most, a, b) if a < b else a for a, b, most in rows_by_hand]


@settings(max_examples=50)
@given(st.integers(0, 10**6), st.integers(1, 300))
def test_a_search_key_by_key_finds_what_one_row_by_row_finds(seed, rows):
    rng = np.random.default_rng(seed)
    keyed = Keyed.of(rng.integers(0, 3, rows))
    values = np.concatenate([np.sort(rng.integers(0, 50, 40)) for _ in range(3)])
    begin = keyed.each(keyed.keys) * 40
    key = keyed.codes[keyed.order]

    def growing(most: int) -> np.ndarray:
        return np.concatenate([np.sort(rng.integers(0, most, (key == one).sum())) for one in range(3)])

    low = begin + growing(20)
    high, bound = np.maximum(low, begin + growing(41)), growing(55)

    assert np.array_equal(first_after_by_key(values, low, high, bound, keyed), first_after(values, low, high, bound))


@settings(max_examples=50)
@given(
    st.lists(st.lists(st.integers(-9, 9), max_size=20), max_size=6),
    st.sampled_from([1, 10**6, 2**59]),
    st.sampled_from([0, -(2**62), 2**62]),
)
def test_integers_as_keys_have_the_numbers_that_plain_values_have(blocks, apart, least):
    plain, arrays = Keys(), Keys()

    for block in blocks:
        keys = [least + key * apart // (2 if least else 1) for key in block]
        assert arrays.codes_of(np.array(keys, dtype=np.int64)).tolist() == plain.codes_of(keys).tolist()

    assert list(arrays.codes.items()) == list(plain.codes.items())


@pytest.mark.parametrize("most", [3, 2**16, 2**20])
def test_samples_by_key_come_as_they_came(most):
    codes = np.random.default_rng(most).integers(0, most, 2000)

    keyed = Keyed.of(codes)

    assert keyed.order.tolist() == sorted(range(2000), key=lambda row: codes[row])
    assert keyed.each(keyed.keys).tolist() == sorted(codes)
    assert np.array_equal(keyed.as_they_came(keyed.each(keyed.keys)), codes)


def test_a_key_takes_no_more_room_than_it_needs_for_ever_because_it_once_had_much():
    pool, one = Pool(["x"], Keep(span=100, samples=0)), Keyed.of(np.zeros(1, dtype=np.int64))

    def add(clock: int, many: int) -> None:
        id = np.arange(many)
        keyed = Keyed.of(np.zeros(many, dtype=np.int64)) if many > 1 else one
        pool.add(keyed, {"clock": np.full(many, clock), "id": id, "series": id}, np.ones(many, dtype=bool))

    add(0, 5000)
    most = pool.room
    for clock in range(1, 12_000):
        add(clock, 1)

    assert most > 5000
    assert pool.room < 1000
    assert len(pool) <= pool.room
