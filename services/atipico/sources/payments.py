"""Card payments of a simulated world, some of them fraud, whose labels are known days later."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from atipico.config import nanoseconds
from atipico.errors import Refused
from atipico.ports import Batch, Label, Position
from atipico.sources.payments_world import DAY, START, Day, World


def simulate(
    days: int,
    seed: int = 1,
    customers: int = 200,
    terminals: int | None = None,
    per_day: float | None = None,
    first_day: int = 0,
) -> dict[str, np.ndarray]:
    """The payments of `days` days as columns, in the order of their time, for training.

    Returns one array (n,) for each field of `payments_world.Day`: the same rows that the source
    gives for these arguments, with the columns `fraud` and `scenario` that the source never sends.
    Raises Refused for less than one day.
    """
    parts = list(World(seed, customers, terminals, per_day).days(days, first_day))
    return {name: np.concatenate([getattr(part, name) for part in parts]) for name in Day._fields}


class Payments:
    """The payments of a `World`, one after the other, day by day.

    Fields transaction_id, customer, terminal (int), amount (currency units), event_time (ns on the
    world's clock, from 2026-01-01T00:00Z); tag shard = customer modulo `shards`. A label is due when a
    payment comes whose event_time is `label_delay` or more behind the labelled one's. The position
    is {"day", "index"} of the next payment and {"label_day", "label_index"} of the next label: their days
    are made again from the seed. Ends after `days` days, never when that is None.
    """

    live = False

    def __init__(
        self,
        seed: int = 1,
        customers: int = 200,
        terminals: int | None = None,
        per_day: float | None = None,
        label_delay: str = "7d",
        shards: int = 4,
        days: int | None = None,
    ) -> None:
        if shards < 1:
            raise Refused(f"payments: {shards} shards; 1 or more were needed")
        self._world = World(seed, customers, terminals, per_day)
        self._day = lru_cache(maxsize=4)(self._world.day)  # the day being read and the one being labelled, with room
        self._delay = nanoseconds(label_delay)
        self._shards = [str(shard) for shard in range(shards)]
        self._days = days

    def read(self, position: Position, most: int) -> Batch:
        day, index = position.get("day", 0), position.get("index", 0)
        rows: list[tuple[dict[str, str], dict[str, float | int]]] = []
        while len(rows) < most and (self._days is None or day < self._days):
            today = self._day(day)
            upto = min(len(today.customer), index + most - len(rows))
            rows.extend(self._rows(today, index, upto))
            day, index = (day + 1, 0) if upto == len(today.customer) else (day, upto)
        labels, after = self._due(position, int(rows[-1][1]["event_time"])) if rows else ([], dict(position))
        return Batch(rows, labels, {**after, "day": day, "index": index})

    def _rows(self, day: Day, start: int, stop: int) -> Iterator[tuple[dict[str, str], dict[str, float | int]]]:
        names = Day._fields[:5]
        columns = [column[start:stop].tolist() for column in day[:5]]
        for values in zip(*columns, strict=True):
            fields = dict(zip(names, values, strict=True))
            yield {"shard": self._shards[fields["customer"] % len(self._shards)]}, fields

    def _due(self, position: Position, clock: int) -> tuple[list[Label], dict[str, int]]:
        """The labels not yet given of payments that are `label_delay` old at `clock`, and the position after them."""
        day, index = position.get("label_day", 0), position.get("label_index", 0)
        labels: list[Label] = []
        while START + day * DAY <= clock - self._delay:
            then = self._day(day)
            upto = int(np.searchsorted(then.event_time, clock - self._delay, side="right"))
            labels.extend(map(Label, then.transaction_id[index:upto].tolist(), then.fraud[index:upto].tolist()))
            index = upto
            if START + (day + 1) * DAY > clock - self._delay:
                break
            day, index = day + 1, 0
        return labels, {"label_day": day, "label_index": index}
