"""The machine source: what is there now, as finite floats with units in their names."""

from __future__ import annotations

import math

import psutil

from atipico.sources import SOURCES, make
from atipico.sources.machine import Machine


def test_every_field_of_the_machine_is_a_finite_float_that_is_not_below_zero():
    (tags, fields) = Machine(host="here").read({}, 10).rows[0]

    assert tags == {"host": "here"}
    assert all(isinstance(value, float) and math.isfinite(value) and value >= 0 for value in fields.values())
    assert fields["cpu_percent"] <= 100
    assert fields["processes"] >= 1


def test_rates_are_what_grew_over_the_time_between_two_reads(monkeypatch):
    now, received = [100.0], [1000]
    real = psutil.net_io_counters()
    monkeypatch.setattr(psutil, "net_io_counters", lambda: real._replace(bytes_recv=received[0]))
    machine = Machine(clock=lambda: now[0])

    now[0], received[0] = 104.0, 5000
    first = machine.read({}, 1).rows[0][1]["net_in_bytes_per_s"]
    now[0], received[0] = 105.0, 200  # a network went away
    second = machine.read({}, 1).rows[0][1]["net_in_bytes_per_s"]

    assert (first, second) == (1000.0, 0.0)


def test_two_reads_at_the_same_moment_tell_the_same_rates():
    now = [5.0]
    machine = Machine(clock=lambda: now[0])
    now[0] = 6.0

    one, other = machine.read({}, 1).rows[0][1], machine.read({}, 1).rows[0][1]

    rates = [name for name in one if name.endswith("_per_s") or name == "cpu_percent"]
    assert [one[name] for name in rates] == [other[name] for name in rates]


def test_the_machine_is_live_gives_one_row_a_read_and_only_counts():
    machine = make("machine")

    batch = machine.read({"reads": 4}, 100)

    assert machine.live
    assert (len(batch.rows), batch.labels, batch.after) == (1, [], {"reads": 5})


def test_every_source_on_the_shelf_can_be_made_and_read():
    made = {name: make(name) for name in SOURCES if name != "file"}

    assert all(source.read({}, 3).rows for source in made.values())
