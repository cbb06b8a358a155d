"""What the sweeper reads of an InfluxDB, which shows a row field by field while it is written."""

from __future__ import annotations

import pytest

from atipico.engines.sweeper import rows
from atipico.engines.sweeper.rows import Rows
from atipico.registry.jobs import Job
from atipico.wire.points import read_points

JOB = Job("pumps", "", "pump", (), engine="kapacitor")
HALF, WHOLE = [5, 20.0, None], [5, 20.0, 3.0]


class Shows:
    """An InfluxDB that answers one thing after the other, the last again and again."""

    def __init__(self, *answers: list[list]) -> None:
        self._answers, self.asked = list(answers), 0

    def select(self, statement: str) -> list[dict]:
        self.asked += 1
        values = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [{"tags": {"shard": "0"}, "columns": ["time", "heat", "flow"], "values": values}]

    def fields(self, database: str, measurement: str) -> dict[str, str]:
        return {"heat": "float", "flow": "float"}


def flows(influx: Shows) -> list[float | None]:
    """That field of each sample that is read."""
    some = Rows(JOB, influx, "autogen", lambda tags: ("shard=0", ["shard"])).read(0, 10)
    return list(read_points([row.point for row in some], ["heat", "flow"]).columns["flow"])


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(rows, "_WRITTEN_S", 0.001)


def test_a_row_that_is_being_written_is_read_when_it_is_whole():
    assert flows(Shows([HALF], [WHOLE])) == [3.0]
    assert flows(Shows([HALF], [HALF, [6, None, 1.0]], [WHOLE, [6, 2.0, 1.0]])) == [3.0, 1.0]


def test_whole_rows_are_read_once_and_those_that_lack_a_field_for_good_twice():
    whole, sparse = Shows([WHOLE]), Shows([HALF, WHOLE])

    assert (flows(whole), whole.asked) == ([3.0], 1)
    assert (flows(sparse), sparse.asked) == ([None, 3.0], 2)


def test_rows_that_never_come_to_rest_are_not_waited_for_without_end():
    endless = Shows(*([[at, 20.0, None]] for at in range(100)))

    flows(endless)

    assert endless.asked < 20
