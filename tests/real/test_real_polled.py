"""A job that asks the real InfluxDB for its samples, as a user that it knows."""

from __future__ import annotations

import time

from polled import Polled, lines
from servers import Influx
from waiting import until


def test_each_sample_has_its_outcome_also_what_is_late_and_what_came_while_nobody_asked(new, tmp_path_factory):
    login = ("root", "Very.secret_1")
    influx = new(Influx, login).start()
    access = {"influx_url": influx.url, "influx_user": login[0], "influx_password": login[1]}
    polled = Polled(tmp_path_factory.mktemp("p"), influx.query, influx.write, **access)
    try:
        begin = time.time_ns()
        every = lines(0, 90, begin)
        on_time, late, missed = every[:60:2], every[21:25:2], every[60:]

        influx.write("\n".join(on_time).encode())
        until(lambda: len(polled.outcomes()) > 10)
        influx.write("\n".join(late).encode())
        polled.sweeper.kill()
        influx.kill()
        influx.start()
        influx.write("\n".join(missed).encode())
        polled.sweeper.start()

        polled.become(polled.in_order(on_time + late + missed))
        assert login[1] not in polled.sweeper.said.read_text()
    finally:
        polled.close()
