"""The values that travel: Sample, Score, and the tags by which a Score names its Sample."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

Value = float | int | bool | str

JOB_TAG, SOURCE_TAG, SHARD_TAG = "atipico_job", "source", "shard"
TOLD_BY_TAG = "told_by"  # of a label: person, file or time
LEVEL_TAG = "atipico_level"  # of an alert: info, warning or critical
ID_FIELDS = ("transaction_id", "sample_id", "id")  # what labels name samples by, the first that these have
_OWN = "sample_"  # before a sample's own tag of a name that its outcome needs
_TAKEN = re.compile(f"(?:{_OWN})*(?:{JOB_TAG}|{SOURCE_TAG})")


class Sample(NamedTuple):
    """One point of a stream. Its identity is (measurement, tags, time); writing it again overwrites it.

    tags: sorted by name when parsed from the wire. fields: at least one; float, int, bool or text.
    time: ns since 1970, UTC.
    """

    measurement: str
    tags: Mapping[str, str]
    fields: Mapping[str, Value]
    time: int


class Score(NamedTuple):
    """The outcome of one sample: these six are the fields of its row in `scores`, always all of them.

    score: 0..1, 0.0 where scored is False. why: the features that stood out, or why it could not be scored.
    """

    score: float
    threshold: float
    anomalous: bool
    version: str
    scored: bool
    why: str

    @classmethod
    def refused(cls, why: str, threshold: float = 0.0, version: str = "") -> Score:
        """The outcome of a sample that can't be scored."""
        return cls(0.0, threshold, False, version, False, why)


def outcome(sample: Sample, score: Score, job: str, measurement: str = "scores") -> Sample:
    """The row that tells a sample's outcome: its own time and tags, and which job and stream it is of.

    A sample's own tag `source` is there as `sample_source`: two samples that differ in it alone have two outcomes.
    """
    tags = outcome_tags(sample.tags, job, sample.measurement)
    return Sample(measurement, dict(sorted(tags.items())), score._asdict(), sample.time)


def outcome_tags(tags: Mapping[str, str], job: str, source: str) -> dict[str, str]:
    """The tags of the outcome of a sample that has these."""
    own = {tag_of_outcome(name): value for name, value in tags.items()}
    return {**own, JOB_TAG: job, SOURCE_TAG: source}


def tag_of_outcome(name: str) -> str:
    """What a sample's own tag is called on its outcome."""
    return _OWN + name if _TAKEN.fullmatch(name) else name


def sample_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags of the sample whose outcome has these."""
    own = {name: value for name, value in tags.items() if name not in (JOB_TAG, SOURCE_TAG)}
    return {name.removeprefix(_OWN) if _TAKEN.fullmatch(name) else name: value for name, value in own.items()}
