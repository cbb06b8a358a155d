"""The way into the spool: a source is read at its pace, position by position."""

from __future__ import annotations

import threading
import time
from typing import Any

import orjson
import structlog

from atipico.at_work import at_work
from atipico.errors import NotYet, Refused
from atipico.generator.lines import to_lines
from atipico.generator.pace import Pace
from atipico.generator.spool import Spool
from atipico.metrics import BACKLOG, REFUSED, SAMPLES_IN
from atipico.ports import Batch, Clock, Position, Source

log = structlog.get_logger("generator")
_AGAIN_S = 1.0  # between two tries of what failed


def identity(source: str, options: dict[str, Any], measurement: str) -> str:
    """The name under which the spool keeps a source's position: other options are another source."""
    return orjson.dumps([source, options, measurement], option=orjson.OPT_SORT_KEYS).decode()


class Stream:
    """Reads `source` into `spool` from where it was left until it ends or `stop` is set. clock: ns since 1970.

    Spool full: a recorded source pauses, a live one's readings are dropped and counted. A source
    that fails is tried again, one that is refused ends alone.
    """

    def __init__(
        self, name: str, measurement: str, source: Source, pace: Pace, spool: Spool, clock: Clock, stop: threading.Event
    ) -> None:
        self._name, self._measurement, self._source, self._pace = name, measurement, source, pace
        self.name = f"{measurement} in"
        self._spool, self._clock, self._stop = spool, clock, stop

    def run(self) -> None:
        position: Position = self._spool.position(self._name)
        while not self._stop.is_set():
            try:
                after = self._block(position)
            except Refused as error:
                log.error("ended: refused", stream=self._measurement, why=str(error))
                return
            except Exception:
                log.exception("failed, tries again", stream=self._measurement, position=dict(position))
                self._stop.wait(_AGAIN_S)
                continue
            if after is None:
                log.info("ended", stream=self._measurement, position=dict(position))
                return
            position = after

    def _block(self, position: Position) -> Position | None:
        """Read and keep the next block when it is due. Returns the position after it, None at the end."""
        while not (most := self._pace.most(time.monotonic())):
            if self._stop.wait(self._pace.wait(time.monotonic())):
                return position
        batch = self._source.read(position, most)  # not at_work: a source of anybody's may wait for what comes
        if not batch.rows:
            return None
        wait = self._pace.due(batch.rows, time.monotonic())
        if wait > 0 and self._stop.wait(wait):
            return position
        SAMPLES_IN.labels(self._measurement).inc(len(batch.rows))
        while not self._keep(batch):
            if self._stop.wait(_AGAIN_S):
                return position
        return batch.after

    def _keep(self, batch: Batch) -> bool:
        """Put a batch into the spool; False when that was full and the batch has to wait."""
        block = to_lines(batch, self._measurement, self._clock(), self._spool.last)
        try:
            with at_work(f"keep {self._measurement}"):
                self._spool.put(block.lines, block.samples, block.labels, block.last, self._name, batch.after)
        except NotYet as error:
            log.warning("not kept", stream=self._measurement, why=str(error))
            if self._source.live:  # what is there now will not be there later
                REFUSED.labels("live reading, spool full").inc(len(batch.rows))
            return self._source.live
        BACKLOG.labels("spool_samples").inc(block.samples)
        return True
