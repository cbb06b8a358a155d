"""How many samples and how many outcomes a job has, by stretches of time: what one look at InfluxDB tells."""

from __future__ import annotations

import time
from collections import Counter
from typing import NamedTuple

import structlog

from atipico.engines.kapacitor.influx import Influx, measurement, quoted
from atipico.engines.sweeper.rows import Rows, outcomes_of
from atipico.registry.jobs import Job

_ONE_BY_ONE_S = 600.0
_MOST_READ = 300 * 10**9  # ns

Counts = dict[int, int]  # by the beginning of a stretch, ns


class Look(NamedTuple):
    """What there was of samples and of outcomes."""

    samples: Counts
    outcomes: Counts

    @property
    def short(self) -> list[int]:
        """The stretches where outcomes are missing, oldest first."""
        return sorted(at for at, many in self.samples.items() if self.outcomes.get(at, 0) < many)

    @property
    def newest(self) -> int:
        """The last stretch with an outcome; -1 when there is none."""
        return max((at for at, many in self.outcomes.items() if many), default=-1)


class Counting:
    """Counts in InfluxDB. It counts values of a field: of one that every sample has, where there is one.

    A stream none of whose fields is in every sample would seem to have fewer samples than it has outcomes. Once that is
    seen, its samples are read to be counted for a while, where these are few minutes.
    """

    def __init__(self, job: Job, influx: Influx, policy: str, rows: Rows) -> None:
        self._job, self._influx, self._rows = job, influx, rows
        self._samples = measurement(job.database, policy, job.stream)
        self._outcomes = measurement(job.database, policy, job.scores)
        self._field, self._one_by_one_until = "", 0.0
        self._log = structlog.get_logger("sweeper").bind(job=job.name)

    def look(self, begin: int, end: int, step: int) -> Look:
        """What there is from `begin` to before `end`, by stretches of `step`; ns. Raises NotYet, Refused."""
        # Outcomes first: a sample that comes between the two seems to lack one, and is looked at again.
        outcomes = self._count(
            self._outcomes, '"scored"', f"{outcomes_of(self._job)} AND {_within(begin, end)}", begin, step
        )
        samples = self._count_samples(begin, end, step)
        if time.monotonic() > self._one_by_one_until and _more(outcomes, samples):
            self._field = ""  # perhaps another one is in more of the samples
            samples = self._count_samples(begin, end, step)
            if _more(outcomes, samples) and end - begin <= _MOST_READ:
                self._one_by_one_until = time.monotonic() + _ONE_BY_ONE_S
                self._log.info("samples are read to be counted: none of their fields is in all of them")
                samples = self._count_samples(begin, end, step)
        return Look(samples, outcomes)

    def _count_samples(self, begin: int, end: int, step: int) -> Counts:
        if time.monotonic() < self._one_by_one_until and end - begin <= _MOST_READ:
            return dict(Counter(max(at // step * step, begin) for at in self._rows.times(begin, end)))
        if not self._field:
            self._field = self._most_frequent(begin, end)
        if not self._field:
            return {}
        return self._count(self._samples, quoted(self._field), _within(begin, end), begin, step)

    def _most_frequent(self, begin: int, end: int) -> str:
        """The field that most samples have; "" when there are none."""
        series = self._influx.select(f"SELECT count(*::field) FROM {self._samples} WHERE {_within(begin, end)}")  # noqa: S608
        if not series:
            return ""
        names, counts = series[0]["columns"][1:], series[0]["values"][0][1:]
        _, name = max((many or 0, name) for name, many in zip(names, counts, strict=True))
        return str(name).removeprefix("count_")

    def _count(self, source: str, field: str, where: str, begin: int, step: int) -> Counts:
        """By stretches; the first begins at `begin`, where InfluxDB names the whole one that it is a part of."""
        asked = f"SELECT count({field}) FROM {source} WHERE {where} GROUP BY time({step}ns) fill(none)"  # noqa: S608
        return {max(row[0], begin): row[1] for series in self._influx.select(asked) for row in series["values"]}


def _more(outcomes: Counts, samples: Counts) -> bool:
    """Whether a stretch has more outcomes than samples."""
    return any(samples.get(at, 0) < many for at, many in outcomes.items())


def _within(begin: int, end: int) -> str:
    return f"time >= {begin} AND time < {end}"
