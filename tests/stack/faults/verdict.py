"""The checker: samples and outcomes of a stream by the samples' ids, beside those of an undisturbed run."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from stack.conftest import Stack
from stack.faults.undisturbed import Expected, Undisturbed, near

Key = tuple[str, int]  # shard, time in ns
_SHOWN = 3


class Verdict(NamedTuple):
    """What was found wrong, each as a sentence a sample.

    lost: samples of the source that were never accepted, or accepted ones without an outcome. repeated: samples that
    were accepted twice, and outcomes of no sample. changed: outcomes that are not those of the undisturbed run.
    """

    tried: int
    lost: list[str]
    repeated: list[str]
    changed: list[str]
    after: int

    def __add__(self, other: Verdict) -> Verdict:  # type: ignore[override]
        """This and what comes behind it."""
        together = [one + two for one, two in zip(self[:-1], other[:-1], strict=True)]
        return Verdict(*together, max(self.after, other.after))

    @property
    def clean(self) -> bool:
        return not (self.lost or self.repeated or self.changed)

    def __str__(self) -> str:
        told = [f"{self.tried} samples"]
        for what in ("lost", "repeated", "changed"):
            found = getattr(self, what)
            told.append(f"{what} {len(found)}" + (f" ({'; '.join(found[:_SHOWN])})" if found else ""))
        return ", ".join(told)


def judge(stack: Stack, stream: str, undisturbed: Undisturbed, since: int, until: int, first: int) -> Verdict:
    """Compare what has a time from `since` on and before `until`, in ns; first: the row of the source that is due.

    The outcomes are read after the samples, so that none can be missed for having come later.
    """
    span = f"time >= {since} AND time < {until}"
    samples = _rows(stack, f'SELECT "transaction_id" FROM "{stream}" WHERE {span} GROUP BY "shard"')
    job = f"\"atipico_job\" = '{stream}' AND \"source\" = '{stream}'"
    fields = '"score", "threshold", "anomalous", "scored", "why"'
    told = _rows(stack, f'SELECT {fields} FROM "scores" WHERE {job} AND {span} GROUP BY "shard"')
    return compared(samples, told, undisturbed, first)


def compared(samples: dict[Key, list], told: dict[Key, list], undisturbed: Undisturbed, first: int) -> Verdict:
    """samples: their ids by key. told: score, threshold, anomalous, scored, why by key."""
    ids = {key: int(row[0]) for key, row in samples.items()}
    times = Counter(ids.values())
    expected = {id: undisturbed.get(id) for id in times}
    rows = sorted(one.row for one in expected.values() if one is not None)
    never = sorted(set(range(first, rows[-1] + 1)) - set(rows)) if rows else []
    lost = [f"sample {undisturbed[row]} was never accepted" for row in never]
    lost += [f"sample {ids[key]} at {key} has no outcome" for key in sorted(ids.keys() - told.keys())]
    repeated = [f"sample {id} was accepted {count} times" for id, count in times.items() if count > 1]
    repeated += [f"sample {undisturbed[row]} was accepted before" for row in rows if row < first]
    repeated += [f"sample {id} is none of the source" for id, one in expected.items() if one is None]
    repeated += [f"an outcome at {key} is of no sample" for key in sorted(told.keys() - ids.keys())]
    changed = [
        f"sample {ids[key]}: {wrong}"
        for key, row in told.items()
        if key in ids and (one := expected[ids[key]]) is not None and (wrong := differs(row, one))
    ]
    return Verdict(len(samples), lost, repeated, changed, max([first, *(row + 1 for row in rows)]))


def differs(row: list, expected: Expected) -> str:
    """How an outcome differs from what it should be, "" when it is equal: 1e-6, and the same decision beyond that."""
    score, threshold, anomalous, scored, why = row
    if not scored:
        return f"not scored: {why}"
    if None in (score, threshold, anomalous):  # an InfluxDB shows a row field by field while it is written
        return f"half written: {row}"
    if not near(score, expected.score) or not near(threshold, expected.threshold):
        return f"{score} at threshold {threshold}, {expected.score} at {expected.threshold} undisturbed"
    if anomalous != expected.anomalous and not near(expected.score, expected.threshold):
        return f"anomalous {anomalous}, {expected.anomalous} undisturbed, with {score}"
    return ""


def _rows(stack: Stack, query: str) -> dict[Key, list]:
    return {(one["tags"]["shard"], at): row for one in stack.query(query) for at, *row in one["values"]}
