"""Compares what was accepted with what has an outcome, sample by sample."""

from __future__ import annotations

import time
from typing import NamedTuple

from stack.conftest import Stack

Key = tuple[str, int]  # shard, time in ns


class Found(NamedTuple):
    """lost: samples without an outcome. strange: outcomes of no sample. ids: the samples' own, by time."""

    lost: set[Key]
    strange: set[Key]
    unscored: dict[Key, str]
    ids: list[int]


def compare(stack: Stack, stream: str, until: int, id_field: str = "transaction_id") -> Found:
    """Samples of a stream up to a time (ns) beside the outcomes of the job of that name.

    The scores are read after the samples, so that an outcome can't be missed for having come later; and those of no
    sample are looked for once more among the samples, which may have come later too.
    """

    def read() -> dict[Key, int]:
        told = stack.query(f'SELECT "{id_field}" FROM "{stream}" WHERE time <= {until} GROUP BY "shard"')
        return {(series["tags"]["shard"], at): identity for series in told for at, identity in series["values"]}

    samples = read()
    where = f"\"atipico_job\" = '{stream}' AND \"source\" = '{stream}' AND time <= {until}"
    outcomes = {
        (series["tags"]["shard"], at): (scored, why)
        for series in stack.query(f'SELECT "scored", "why" FROM "scores" WHERE {where} GROUP BY "shard"')
        for at, scored, why in series["values"]
    }
    unscored = {key: why for key, (scored, why) in outcomes.items() if not scored}
    ids = [samples[key] for key in sorted(samples, key=lambda key: key[1])]
    strange = outcomes.keys() - samples.keys()
    return Found(samples.keys() - outcomes.keys(), strange - read().keys() if strange else strange, unscored, ids)


def settled(stack: Stack, stream: str, until: int, within_s: float = 40.0) -> Found:
    """`compare` once nothing is lost any more, or what it found at the deadline."""
    deadline = time.monotonic() + within_s
    found = compare(stack, stream, until)
    while found.lost and time.monotonic() < deadline:
        time.sleep(0.2)
        found = compare(stack, stream, until)
    return found
