"""A job's alert: its outcomes become episodes, which stand in the measurement `alerts`; from there they are told."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import structlog

from atipico.alerts.episodes import MEASUREMENT, Episodes
from atipico.alerts.spec import AlertSpec
from atipico.alerts.webhook import AlertWebhook
from atipico.errors import Refused
from atipico.metrics import ALERTS, ALERTS_OPEN, REFUSED
from atipico.registry.jobs import Job
from atipico.sinks import make
from atipico.stream.relay import Feed, client
from atipico.stream.settings import HostSettings
from atipico.stream.store import StoreClient
from atipico.wire.line_write import write
from atipico.wire.sample import LEVEL_TAG, Sample, sample_tags


def alert_feeds(job: Job, settings: HostSettings) -> Iterator[Feed]:
    """What is relayed for a job's alert: outcomes to its rows, its rows to each channel at that one's own pace."""
    spec = job.alert
    if spec is None:
        return
    yield Feed("alert", job.scores, AlertRows(job, spec, client(settings)), from_now=True, seldom=True)
    if spec.log:
        yield Feed("alert-log", MEASUREMENT, make("file", spec.log), from_now=True)
    if spec.webhook:
        yield Feed("alert-webhook", MEASUREMENT, AlertWebhook(spec), from_now=True, singly=True)


class AlertRows:
    """A sink (see ports.py) whose state is all that the episodes know: what is taken a second time gives the same rows.

    Rows that are written again just as they are change nothing in the store and stand in its log once, so that nobody
    is told twice.
    """

    def __init__(self, job: Job, spec: AlertSpec, store: StoreClient) -> None:
        self._job, self._spec, self._store = job, spec, store
        self._episodes = Episodes(spec)
        self._log = structlog.get_logger("alert").bind(job=job.name)

    def resume(self, state: str) -> str:
        self._episodes = Episodes(self._spec, state)
        self._tell(self._episodes.of_another_rule(time.time_ns()))
        return self._episodes.state()

    def write(self, outcomes: Sequence[Sample]) -> str:
        self._tell(self._episodes.take(outcomes))
        return self._episodes.state()

    def _tell(self, rows: Sequence[Sample]) -> None:
        try:
            if rows:
                self._store.write(self._job.database, write(rows))
        except Refused as error:  # another type stands in `alerts`: told by the log alone
            REFUSED.labels("alert by the store").inc(len(rows))
            self._log.error("alert left out", error=str(error))
        for row in rows:
            firing = row.fields["firing"] is True
            ALERTS.labels(self._job.name, "firing" if firing else "resolved").inc()
            about = {name: value for name, value in sample_tags(row.tags).items() if name != LEVEL_TAG}
            said = "an episode begins" if firing else "an episode is over"
            self._log.warning(said, level=self._spec.level, why=row.fields["why"], **{"of": about})
        ALERTS_OPEN.labels(self._job.name).set(self._episodes.open())
