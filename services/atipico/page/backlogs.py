"""How much waits to be scored, by job: the samples of its stream behind the newest that has an outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from atipico.page import ask
from atipico.page.influx import Influx, Series
from atipico.page.names import SCORES, Names, Stream
from atipico.wire.influxql.tree import Select
from atipico.wire.sample import JOB_TAG

_LOOK_BACK = 3600 * 10**9
_USUAL = 2 * 10**9  # ns that a chain that keeps up may be behind; its samples are not counted
_MOST_COUNTED = 600 * 10**9  # ns of samples; a count of more costs the store too much


class Backlogs:
    """Looks at every job that has scores, once for all browsers."""

    def __init__(self, influx: Influx, names: Names) -> None:
        self._influx, self._names = influx, names

    def now(self, now: int) -> list[dict[str, Any]]:
        """By job: behind_s, how many samples wait, and whether there are more than were counted.

        Raises NotYet when the store is down.
        """
        streams = sorted(self._names.streams().values(), key=lambda one: one.job)
        newest = self._influx.ask(*(one for stream in streams for one in self._newest(stream, now)))
        return [
            self._backlog(stream, _time(newest[2 * at]), _time(newest[2 * at + 1]) or now - _LOOK_BACK)
            for at, stream in enumerate(streams)
        ]

    def _backlog(self, stream: Stream, sample: int | None, outcome: int) -> dict[str, Any]:
        behind = max(0, (sample or 0) - outcome)
        samples = 0
        if behind > _USUAL:
            counted = ask.within(outcome + 1, outcome + min(behind, _MOST_COUNTED) + 1)
            found = self._influx.one(ask.rows([ask.of("count", _a_field(stream), "n")], stream.measurement, counted))
            samples = sum(row["n"] or 0 for one in found for row in one.rows())
        more = behind > _MOST_COUNTED
        return {"job": stream.job, "behind_s": round(behind / 1e9, 1), "samples": samples, "more": more}

    @staticmethod
    def _newest(stream: Stream, now: int) -> tuple[Select, Select]:
        """The newest sample of a stream, and the newest that has an outcome."""
        back = ask.within(now - _LOOK_BACK)
        scored = ask.every(back, ask.equals(JOB_TAG, stream.job))
        return (
            ask.rows([ask.field(_a_field(stream))], stream.measurement, back, newest=1),
            ask.rows([ask.field("score")], SCORES, scored, newest=1),
        )


def _a_field(stream: Stream) -> str:
    """One that its samples have: what labels name them by, else a number."""
    return stream.id_field or next(iter([*stream.numbers(), *stream.fields]))


def _time(found: Sequence[Series]) -> int | None:
    return max((one.column("time")[0] for one in found if one.values), default=None)
