"""Rows by name: right numbers in the right columns, or one sentence with row and feature."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atipico.errors import Refused
from atipico.wire.rows_json import read_row, read_rows

COLUMNS = ("amount", "speed")
NUMBERS = st.floats(-3e38, 3e38, allow_nan=False) | st.integers(-(2**60), 2**60)


@settings(max_examples=100)
@given(st.lists(st.fixed_dictionaries({"speed": NUMBERS, "amount": NUMBERS}), max_size=5))
def test_every_number_arrives_in_its_column(rows):
    matrix = read_rows(json.dumps({"rows": rows}).encode(), COLUMNS)

    assert matrix.shape == (len(rows), 2)
    assert matrix.tolist() == [[float(row[name]) for name in COLUMNS] for row in rows]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ('[{"amount": 1, "speed": 2}, {"amount": null, "speed": 2}]', "row 1, feature 'amount': null is not a finite"),
        ('[{"amount": "1", "speed": 2}]', "row 0, feature 'amount': \"1\" is not a finite number"),
        ('[{"amount": true, "speed": 2}]', "row 0, feature 'amount': true is not a finite number"),
        ('[{"amount": 1e999, "speed": 2}]', "row 0, feature 'amount': 1e999 is not a finite number"),
        ('[{"amount": 1, "speed": 1e39}]', "row 0, feature 'speed': 1e\\+39 is beyond 3.4e38"),
        ('[{"amount": [[[1]]], "speed": 2}]', "row 0, feature 'amount': \\[\\[\\[1\\]\\]\\] is not a finite number"),
        ('[{"amount": 1, "sped": 2}]', "row 0: no feature 'sped'; did you mean 'speed'"),
        ('[{"amount": 1, "speed": 2, "q": 3}]', "row 0: no feature 'q'; the model has amount, speed"),
        ('[{"amount": 1, "speed": 2}, {"speed": 2}]', "row 1: missing 'amount'; every feature"),
        ("[{}]", "row 0: missing 'amount', 'speed'"),
        ('{"amount": 1}', "the body is not understood: Expected `array`"),
        ('[{"amount": NaN, "speed": 2}]', "the body is not understood: JSON is malformed"),
        ("[" * 100_000, "the body is not understood"),
        ('[{"amount": ' + "[" * 100_000 + "]" * 100_000 + "}]", "feature 'amount'|the body is not understood"),
    ],
)
def test_what_is_wrong_is_told_with_its_row_and_feature(rows, said):
    with pytest.raises(Refused, match=said) as refused:
        read_rows(f'{{"rows": {rows}}}'.encode(), COLUMNS)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"\xff", b'{"amount": 1}', b'{"rows": []}', b'{"amount": 1} 2'])
def test_one_row_is_one_whole_object(body):
    with pytest.raises(Refused):
        read_row(body, COLUMNS)


@pytest.mark.parametrize("body", [b"{}," * 1_000_001, b'"":1,' * 1_000_001])
def test_more_values_than_a_request_may_have_are_refused_before_they_are_read(body):
    for read in (read_row, read_rows):
        with pytest.raises(Refused, match="at most 1000000 are taken; send fewer rows"):
            read(body, COLUMNS)


def test_a_model_of_one_column_takes_one_number():
    assert np.array_equal(read_row(b'{"amount": 2.5}', ("amount",)), [[2.5]])


@settings(max_examples=100)
@given(st.binary(max_size=200))
def test_garbage_is_refused_and_nothing_else(body):
    for read in (read_row, read_rows):
        with pytest.raises(Refused):
            read(body, COLUMNS)


@pytest.mark.parametrize("body", [b'{"amount": 1, "sp\xe9\xe9d": 2}', b'{"amount": 1, "spe\xff', b'{"a\x82\xdd": 1}'])
def test_a_name_that_is_no_utf_8_is_refused(body):
    with pytest.raises(Refused, match="not understood"):
        read_row(body, COLUMNS)
    with pytest.raises(Refused, match="not understood"):
        read_rows(b'{"rows": [' + body + b"]}", COLUMNS)
