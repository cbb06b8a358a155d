"""How samples and outcomes of a stretch are counted."""

from __future__ import annotations

import pytest

from atipico.engines.sweeper.counts import Counting
from atipico.registry.jobs import Job

JOB = Job("pumps", "", "pump", (), engine="kapacitor")


class Values:
    """An InfluxDB that has so many values of each field in a stretch, and so many outcomes."""

    def __init__(self, fields: dict[str, int], outcomes: int) -> None:
        self.fields, self.outcomes = fields, outcomes

    def select(self, statement: str) -> list[dict]:
        if '"scores"' in statement:
            return [{"columns": ["time", "count"], "values": [[0, self.outcomes]]}]
        if "*::field" in statement:
            return [
                {
                    "columns": ["time", *(f"count_{name}" for name in self.fields)],
                    "values": [[0, *self.fields.values()]],
                }
            ]
        counted = next(many for name, many in self.fields.items() if f'count("{name}")' in statement)
        return [{"columns": ["time", "count"], "values": [[0, counted]]}]


class Read:
    """The same samples, read."""

    def __init__(self, many: int) -> None:
        self._many = many

    def times(self, begin: int, end: int) -> list[int]:
        return list(range(self._many))


@pytest.mark.parametrize(
    ("fields", "samples", "counted"),
    [({"heat": 9, "hum": 3}, 9, 9), ({"hum": 3, "heat": 9}, 9, 9), ({"heat": 6, "hum": 3}, 9, 9)],
    ids=["first field in all", "last field in all", "no field in all"],
)
def test_samples_are_counted_whatever_fields_they_have(fields, samples, counted):
    counting = Counting(JOB, Values(fields, outcomes=samples), "autogen", Read(samples))

    assert counting.look(0, 1000, 1000).samples == {0: counted}


def test_a_field_that_comes_to_be_in_fewer_samples_is_counted_no_more():
    influx = Values({"heat": 9, "hum": 0}, outcomes=9)
    counting = Counting(JOB, influx, "autogen", Read(0))
    counting.look(0, 1000, 1000)

    influx.fields = {"heat": 2, "hum": 9}

    assert counting.look(0, 1000, 1000).samples == {0: 9}


def test_the_first_stretch_begins_where_is_looked_from():
    class Aligned(Values):
        def select(self, statement: str) -> list[dict]:
            series = super().select(statement)
            return [{**one, "values": [[0, *row[1:]] for row in one["values"]]} for one in series]

    look = Counting(JOB, Aligned({"heat": 9}, outcomes=3), "autogen", Read(9)).look(700, 2000, 1000)

    assert look.short == [700]
