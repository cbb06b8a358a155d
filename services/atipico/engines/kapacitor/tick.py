"""A job as a TICKscript that a person can read."""

from __future__ import annotations

import hashlib
import re
from decimal import Decimal

from atipico.alerts.episodes import MEASUREMENT
from atipico.alerts.spec import AlertSpec
from atipico.registry.jobs import Job
from atipico.wire.sample import JOB_TAG, LEVEL_TAG, SHARD_TAG, SOURCE_TAG

_FIRST = "// Made by `atipico apply` from job {job}. `atipico plan` tells when it was changed by hand. {digest}\n"
_DIGEST = re.compile(r"\A// Made by .*\. ([0-9a-f]{16})\n")


def script(job: Job, udf: str, policy: str, by_shard: bool, flush_s: float) -> str:
    """The task of a job. by_shard: grouped by the shard tag, else by all tags, as the embedded host does it."""
    flush = f"{round(flush_s * 1000)}ms"
    parts = [_samples(job, udf, policy, by_shard, flush)]
    if job.alert:
        parts.append(_alert(job, job.alert, policy, flush))
    if job.labels:
        parts.append(_labels(job, udf, policy))
    text = "\n".join(parts)
    return _FIRST.format(job=job.name, digest=_digest(text)) + text


def by_hand(text: str) -> bool:
    """Whether a script is not, or not any more, what `script` gave."""
    found = _DIGEST.match(text)
    return found is None or found[1] != _digest(text[found.end() :])


def task_id(job: str) -> str:
    """What a job's task is called, beside those of others; and the topic of its alerts."""
    return f"atipico-{job}"


def _samples(job: Job, udf: str, policy: str, by_shard: bool, flush: str) -> str:
    group = literal(SHARD_TAG) if by_shard else "*"
    outcomes = "\n\noutcomes" if job.alert else ""
    return f"""{"var outcomes = " if job.alert else ""}stream
    |from()
        .database({literal(job.database)})
        .retentionPolicy({literal(policy)})
        .measurement({literal(job.stream)})
        .groupBy({group})
    @{udf}()
        .job({literal(job.name)}){outcomes}
    |influxDBOut()
        .database({literal(job.database)})
        .retentionPolicy({literal(policy)})
        .measurement({literal(job.scores)})
        .tag({literal(JOB_TAG)}, {literal(job.name)})
        .tag({literal(SOURCE_TAG)}, {literal(job.stream)})
        .precision('ns')
        .buffer(1000)
        .flushInterval({flush})
"""


def _alert(job: Job, alert: AlertSpec, policy: str, flush: str) -> str:
    """The same episodes as `alerts.episodes` tells. Kapacitor keeps their level by id, and no window over its restarts:

    until a window is full again nothing begins and nothing is over.
    """
    hit = '"anomalous"' if alert.above is None else f'"score" > {_number(alert.above)}'
    group = "*" if alert.by is None else ", ".join(map(literal, alert.by))
    level = {"info": "info", "warning": "warn", "critical": "crit"}[alert.level]
    state, after = 'stateCount(lambda: "hits" == 0)', str(alert.over_after)
    if alert.by_time:
        state, after = 'stateDuration(lambda: "hits" == 0)\n        .unit(1s)', _number(alert.over_after / 1e9)
    who = job.name + ("" if alert.by == () else " {{ .Group }}")
    told = f'{{{{ .ID }}}}: {{{{ index .Fields "hits" }}}} of the last {alert.of} samples {alert.hit}'
    return f"""outcomes
    |where(lambda: "scored")
    |groupBy({group})
    |eval(lambda: if({hit}, 1, 0))
        .as('hit')
    |window()
        .periodCount({alert.of})
        .everyCount(1)
        .fillPeriod()
    |sum('hit')
        .as('hits')
    |{state}
        .as('quiet')
    |alert()
        .topic({literal(task_id(job.name))})
        .id({literal(who)})
        .message({literal(told)})
        .{level}(lambda: "hits" >= {alert.hits})
        .{level}Reset(lambda: "quiet" >= {after})
        .stateChangesOnly()
{_channels(alert)}        .levelField('level')
        .durationField('duration')
    |eval(lambda: "level" != 'OK')
        .as('firing')
        .keep('firing', 'hits', 'duration')
    |influxDBOut()
        .database({literal(job.database)})
        .retentionPolicy({literal(policy)})
        .measurement({literal(MEASUREMENT)})
        .tag({literal(JOB_TAG)}, {literal(job.name)})
        .tag({literal(SOURCE_TAG)}, {literal(job.stream)})
        .tag({literal(LEVEL_TAG)}, {literal(alert.level)})
        .precision('ns')
        .flushInterval({flush})
"""


def _channels(alert: AlertSpec) -> str:
    timeout = f"\n        .timeout({round(alert.timeout_s * 1000)}ms)"
    lines = [
        f".log({literal(alert.log)})" if alert.log else "",
        f".post({literal(alert.webhook)}){timeout}" if alert.webhook else "",
        f".post(){timeout}\n        .endpoint({literal(alert.endpoint)})" if alert.endpoint else "",
    ]
    return "".join(f"        {line}\n" for line in lines if line)


def _number(value: float) -> str:
    """As TICKscript writes it: never with an exponent, always with a point."""
    text = f"{Decimal(repr(value)):f}"
    return text if "." in text else f"{text}.0"


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
