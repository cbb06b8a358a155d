"""A recorded file in blocks: the samples and labels that a live job would get, in their order."""

from __future__ import annotations

import numpy as np
import pytest

from atipico.config import home
from atipico.sources.blocks import Blocks
from atipico.sources.file import File
from atipico.sources.payments_file import make_file
from atipico.wire.points import group_of
from atipico.wire.sample import SHARD_TAG

HEADER = "TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT,TX_FRAUD,TX_FRAUD_SCENARIO"
NEEDS = ["amount", "customer", "transaction_id", "event_time"]


def write(path, *rows: str) -> File:
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    return File(str(path), "transactions")


def one_by_one(source: File) -> tuple[list, list]:
    """Each row with its series, and each label with the row that it came before, as a live job gets them."""
    rows, labels = [], []
    batch = source.read({}, 1)
    while batch.rows:
        ((tags, fields),) = batch.rows
        labels += [(one.id, one.label, len(rows)) for one in batch.labels]
        rows.append((group_of(tags, SHARD_TAG)[0], [fields.get(name) for name in NEEDS]))
        batch = source.read(batch.after, 1)
    return rows, labels


def in_blocks(source: File, size: int, delay: int | None = None) -> tuple[list, list]:
    whole = source.whole(NEEDS)
    rows, labels = [], []
    blocks = Blocks(whole, NEEDS, "event_time", source.id_field, source.label_delay if delay is None else delay)
    for block in blocks.of(size=size):
        labels += [(id, value, row + len(rows)) for id, value, row in zip(*block.labels, strict=True)]
        columns = [list(block.columns[name]) for name in NEEDS]
        rows += [(group, list(values)) for group, values in zip(block.groups, zip(*columns, strict=True), strict=True)]
    return rows, labels


@pytest.mark.parametrize("size", [1, 7, 10**6])
def test_blocks_of_any_size_hold_what_is_read_row_by_row_and_each_label_where_it_comes(tmp_path, size):
    make_file(tmp_path / "p.csv", days=12, customers=20, terminals=8)
    source = File(str(tmp_path / "p.csv"), "payments")

    rows, labels = in_blocks(source, size)
    expected_rows, expected_labels = one_by_one(source)

    assert rows == expected_rows
    assert labels == expected_labels
    assert len(labels) > 100


def test_a_late_row_brings_no_label_and_its_own_comes_when_it_is_due(tmp_path):
    """given a row of the 1st between those of the 9th and the 10th"""
    source = write(
        tmp_path / "some.csv",
        "0,2026-01-01 10:00:00,1,1,5.0,0,0",
        "1,2026-01-09 09:00:00,1,1,5.0,1,0",
        "2,2026-01-01 08:00:00,1,1,5.0,1,0",
        "3,2026-01-10 10:00:00,1,1,5.0,0,0",
        "4,2026-01-16 09:00:00,1,1,5.0,0,0",
    )

    _, labels = in_blocks(source, 2)

    assert labels == [(0, 0, 1), (2, 1, 3), (1, 1, 4)]


def test_rows_without_a_label_a_time_or_an_id_tell_none(tmp_path):
    source = write(
        tmp_path / "some.csv",
        "0,2026-01-01 10:00:00,1,1,5.0,,0",
        "1,,1,1,5.0,1,0",
        ",2026-01-01 10:00:00,1,1,5.0,1,0",
        "3,2026-01-01 10:00:01,1,1,5.0,1,0",
        "4,2026-01-20 10:00:00,1,1,5.0,0,0",
    )

    rows, labels = in_blocks(source, 3)

    assert labels == [(3, 1, 4)]
    assert [values[3] is None for _, values in rows] == [False, True, False, False, False]


def test_a_label_without_delay_comes_behind_its_own_row(tmp_path):
    source = write(tmp_path / "some.csv", "0,2026-01-01 10:00:00,1,1,5.0,1,0", "1,2026-01-01 10:00:00,1,1,5.0,0,0")

    _, labels = in_blocks(source, 2, delay=0)

    assert labels == [(0, 1, 1)]


def test_without_a_clock_rows_of_the_same_second_are_told_apart_by_a_ns(tmp_path):
    source = write(
        tmp_path / "some.csv",
        *(f"{at},{time},1,1,5.0,0,0" for at, time in enumerate(["2026-01-01 10:00:00"] * 3 + ["", ""])),
        "5,2026-01-01 10:00:01,1,1,5.0,0,0",
    )
    whole = source.whole(NEEDS)

    (block,) = Blocks(whole, NEEDS, "").of()

    assert (block.times - block.times[0]).tolist() == [0, 1, 2, 3, 4, 10**9]
    assert whole.fields["event_time"][0] == block.times[0]


def test_a_key_that_is_text_may_be_missing(tmp_path):
    source = write(tmp_path / "some.csv", "0,2026-01-01 10:00:00,anna,1,5.0,0,0", "1,2026-01-01 10:00:01,,1,5.0,0,0")

    assert in_blocks(source, 2)[0] == one_by_one(source)[0]


def test_numbers_come_as_arrays_and_what_is_missing_as_none(tmp_path):
    sample = File(str(home() / "data" / "transactions" / "sample.csv"))
    lacking = write(tmp_path / "some.csv", "0,2026-01-01 10:00:00,1,1,,0,0", "1,2026-01-01 10:00:00,1,1,5.0,0,0")

    (full,) = Blocks(sample.whole(NEEDS), NEEDS, "event_time").of()
    (part,) = Blocks(lacking.whole(NEEDS), NEEDS, "event_time").of()

    assert isinstance(full.columns["amount"], np.ndarray)
    assert part.columns["amount"] == [None, 5.0]
