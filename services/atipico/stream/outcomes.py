"""Scores become rows of `scores`: line protocol, one row a sample, under the sample's own time and tags."""

from __future__ import annotations

import math
from collections.abc import Mapping

from atipico.wire.lines import escape_string, head
from atipico.wire.sample import Sample, Score, outcome


class OutcomeLines:
    """Writes the outcomes of one job. What repeats from row to row is escaped once."""

    def __init__(self, job: str, measurement: str) -> None:
        self._job, self._measurement = job, measurement
        self._heads: dict[tuple[str, tuple[tuple[str, str], ...]], str] = {}
        self._tails: dict[tuple[float, bool, str, bool, str], str] = {}

    def head(self, measurement: str, tags: Mapping[str, str]) -> str:
        """Measurement and tags of the outcomes of a series."""
        key = (measurement, tuple(tags.items()))
        known = self._heads.get(key)
        if known is None:
            if len(self._heads) > 100_000:
                self._heads.clear()
            row = outcome(Sample(measurement, tags, {}, 0), Score.refused(""), self._job, self._measurement)
            known = self._heads[key] = head(row.measurement, row.tags)
        return known

    def line(self, head: str, score: Score, time: int) -> str:
        """One row, without its newline. A score that is no number becomes an unscored row."""
        if not (math.isfinite(score.score) and math.isfinite(score.threshold)):
            score = Score.refused(f"the agent answered score={score.score}, threshold={score.threshold}")
        rest = score[1:]
        tail = self._tails.get(rest)
        if tail is None:
            if len(self._tails) > 1000:
                self._tails.clear()
            tail = self._tails[rest] = (
                f",threshold={score.threshold!r},anomalous={'t' if score.anomalous else 'f'}"
                f",version={escape_string(score.version)},scored={'t' if score.scored else 'f'}"
                f",why={escape_string(score.why)}"
            )
        return f"{head} score={score.score!r}{tail} {time}"
