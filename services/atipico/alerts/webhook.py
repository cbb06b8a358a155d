"""Alerts posted to an address in the shape of Alertmanager's webhooks (version 4)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np
import orjson
import structlog

from atipico.alerts.spec import AlertSpec
from atipico.errors import Refused
from atipico.metrics import REFUSED
from atipico.sinks.post import Post
from atipico.wire.outcome_json import outcome_id
from atipico.wire.sample import JOB_TAG, LEVEL_TAG, SOURCE_TAG, Sample, sample_tags

log = structlog.get_logger("alert")

KEPT = 1500  # names of rows: more than a piece of the log holds
_NEVER = "0001-01-01T00:00:00Z"  # Go's empty time, which Alertmanager gives for what is not over


class AlertWebhook:
    """One POST where an episode begins, one where it is over, each again until it is answered 2xx.

    What is told is a row of `alerts`. A sink (see ports.py) whose state names the rows that were told last: these are
    not told again. What was sent and not noted comes a second time, with the same fingerprint and startsAt.
    """

    def __init__(self, spec: AlertSpec) -> None:
        self._spec, self._to = spec, Post("alert", spec.webhook, spec.timeout_s, spec.token_file)
        self._told: dict[str, None] = {}

    def write(self, rows: Sequence[Sample]) -> str:
        for row in rows:
            if (name := outcome_id(row)) not in self._told:
                self._send(row)
                self._told[name] = None
        for name in list(self._told)[:-KEPT]:
            del self._told[name]
        return " ".join(self._told)

    def resume(self, state: str) -> str:
        """Nothing can be taken back."""
        self._told = dict.fromkeys(state.split())
        return state

    def _send(self, row: Sample) -> None:
        try:
            self._to.send(orjson.dumps(payload(row, self._spec)))
        except Refused as error:
            REFUSED.labels("alert by a webhook").inc()
            log.error("alert left out", error=str(error), job=row.tags[JOB_TAG])


def payload(row: Sample, spec: AlertSpec) -> dict[str, Any]:
    """The body of one alert. Its labels name it: job, stream, level (`severity`) and the tags of its key."""
    job, firing = row.tags[JOB_TAG], row.fields["firing"] is True
    own = {name: value for name, value in sample_tags(row.tags).items() if name != LEVEL_TAG}
    labels = {**own, "alertname": job, "stream": row.tags[SOURCE_TAG], "severity": row.tags[LEVEL_TAG]}
    where = ", ".join(f"{name} {value}" for name, value in own.items())
    told = f"{row.fields['hits']} of the last {spec.of} samples {spec.hit}" if firing else "over"
    notes = {"summary": f"{job}{f' ({where})' if where else ''}: {told}"}
    if firing and row.fields["why"]:
        notes["why"] = str(row.fields["why"])
    page = f"http://127.0.0.1:{os.environ.get('ATIPICO_PAGE_PORT') or '8050'}"
    alert = {
        "status": "firing" if firing else "resolved",
        "labels": labels,
        "annotations": notes,
        "startsAt": _utc(row.time - int(row.fields["duration"])),
        "endsAt": _NEVER if firing else _utc(row.time),
        "generatorURL": f"{page}/?job={quote(job)}",
        "fingerprint": _fingerprint(labels),
    }
    return {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{job}"}}',
        "truncatedAlerts": 0,
        "status": alert["status"],
        "receiver": "atipico",
        "groupLabels": {"alertname": job},
        "commonLabels": labels,
        "commonAnnotations": notes,
        "externalURL": page,
        "alerts": [alert],
    }


def _utc(time: int) -> str:
    return f"{np.datetime64(time, 'ns')}Z"


def _fingerprint(labels: Mapping[str, str]) -> str:
    return hashlib.sha256(orjson.dumps(labels, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
