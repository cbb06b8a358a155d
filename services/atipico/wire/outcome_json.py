"""An outcome as JSON, for those outside: one flat object, and the id by which it is known again."""

from __future__ import annotations

import hashlib

import numpy as np
import orjson

from atipico.wire.lines import head
from atipico.wire.sample import JOB_TAG, SOURCE_TAG, Sample, sample_tags


def outcome_id(outcome: Sample) -> str:
    """The same for the same sample of the same job, also when it was scored again: 24 hexadecimal digits."""
    told = f"{head(outcome.measurement, outcome.tags)} {outcome.time}"
    return hashlib.sha256(told.encode()).hexdigest()[:24]


def to_json(outcome: Sample) -> bytes:
    """{"id", "time", "job", "stream", "tags", ...the fields}. time: UTC, nine digits behind the second."""
    time = f"{np.datetime64(outcome.time, 'ns')}Z"
    about = {"id": outcome_id(outcome), "time": time, "job": outcome.tags[JOB_TAG], "stream": outcome.tags[SOURCE_TAG]}
    return orjson.dumps({**about, "tags": sample_tags(outcome.tags), **outcome.fields})
