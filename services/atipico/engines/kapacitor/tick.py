"""A job as a TICKscript that a person can read."""

from __future__ import annotations

import hashlib
import re

from atipico.registry.jobs import Job
from atipico.wire.sample import JOB_TAG, SHARD_TAG, SOURCE_TAG

_FIRST = "// Made by `atipico apply` from job {job}. `atipico plan` tells when it was changed by hand. {digest}\n"
_DIGEST = re.compile(r"\A// Made by .*\. ([0-9a-f]{16})\n")


def script(job: Job, udf: str, policy: str, by_shard: bool, flush_s: float) -> str:
    """The task of a job. by_shard: grouped by the shard tag, else by all tags, as the embedded host does it."""
    parts = [_samples(job, udf, policy, by_shard, flush_s)]
    if job.labels:
        parts.append(_labels(job, udf, policy))
    text = "\n".join(parts)
    return _FIRST.format(job=job.name, digest=_digest(text)) + text


def by_hand(text: str) -> bool:
    """Whether a script is not, or not any more, what `script` gave."""
    found = _DIGEST.match(text)
    return found is None or found[1] != _digest(text[found.end() :])


def _samples(job: Job, udf: str, policy: str, by_shard: bool, flush_s: float) -> str:
    group = literal(SHARD_TAG) if by_shard else "*"
    return f"""stream
    |from()
        .database({literal(job.database)})
        .retentionPolicy({literal(policy)})
        .measurement({literal(job.stream)})
        .groupBy({group})
    @{udf}()
        .job({literal(job.name)})
    |influxDBOut()
        .database({literal(job.database)})
        .retentionPolicy({literal(policy)})
        .measurement({literal(job.scores)})
        .tag({literal(JOB_TAG)}, {literal(job.name)})
        .tag({literal(SOURCE_TAG)}, {literal(job.stream)})
        .precision('ns')
        .buffer(1000)
        .flushInterval({round(flush_s * 1000)}ms)
"""


def _labels(job: Job, udf: str, policy: str) -> str:
    """Labels go to the same job, and nothing comes back."""
    assert job.labels
    return f"""stream
    |from()
        .database({literal(job.database)})
        .retentionPolicy({literal(policy)})
        .measurement({literal(job.labels.stream)})
        .where(lambda: !isPresent("{SOURCE_TAG}") OR "{SOURCE_TAG}" == {literal(job.stream)})
    @{udf}()
        .job({literal(job.name)})
"""


def literal(text: str) -> str:
    """A text as TICKscript writes it."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
