"""The way out of the spool: its blocks are written in order, and forgotten when they are acknowledged."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from urllib.parse import quote

import structlog

from atipico import logs
from atipico.at_work import at_work, waiting
from atipico.errors import NotYet, Refused
from atipico.generator.lines import LABELS
from atipico.generator.spool import Block, Spool
from atipico.generator.store import Partly
from atipico.metrics import BACKLOG, HOPS, LAG, REFUSED, RETRIES, SAMPLES_OUT

log = structlog.get_logger("generator")
_AT_ONCE = 2**20  # bytes of lines in a request: many small blocks after an outage, few otherwise
_LONGEST_S = 5.0  # between two tries, unless the store asks for more


class Sender:
    """Sends a stream's spool through `write`, which raises NotYet, Partly or Refused, until `stop` is set.

    While the store is down it tries again, later each time; nothing is dropped. A block that it refuses is set aside
    with the reason and counted, and the next one follows.
    """

    def __init__(self, measurement: str, spool: Spool, write: Callable[[bytes], None], stop: threading.Event) -> None:
        self._measurement, self._spool, self._write, self._stop = measurement, spool, write, stop
        self.name = f"{measurement} out"
        self._name = quote(measurement)
        self._singly = 0  # so many blocks go one by one, to find those that are refused
        self._failed = 0  # tries in a row
        BACKLOG.labels("spool_samples").inc(spool.samples)

    def run(self) -> None:
        while not self._stop.is_set():
            self._spool.wait(timeout_s=0.5)
            self.send()

    def send(self) -> None:
        """Send the oldest blocks, if there are any; waits before it returns when the store did not answer."""
        blocks = self._spool.take(0 if self._singly else _AT_ONCE)
        if not blocks:
            return
        try:
            with at_work(self.name), logs.about(f"{self._name}.{blocks[0].id}"):  # the same again when it is sent again
                delivered = self._deliver(blocks)
        except NotYet as error:
            self._wait(error)
            return
        except Exception as error:  # an answer that is no HTTP, a damaged spool: nothing ends the thread
            log.exception("failed, tries again", stream=self._measurement)
            self._wait(NotYet(repr(error)))
            return
        if self._failed:
            log.info("writes again", stream=self._measurement, tries=self._failed)
        self._failed, self._singly = 0, max(0, self._singly - delivered)

    def _deliver(self, blocks: list[Block]) -> int:
        """Write blocks and let go of them. Returns how many that were: none when they have to go one by one first."""
        samples, dropped, why, begun = sum(block.samples for block in blocks), 0, None, time.monotonic()
        try:
            with waiting():
                self._write(b"".join(block.lines for block in blocks))
            HOPS.took("write", time.monotonic() - begun)
        except (Partly, Refused) as error:
            if len(blocks) > 1:
                self._singly = len(blocks)
                return 0
            why = str(error)
            dropped = min(samples, error.dropped) if isinstance(error, Partly) else samples
            log.warning("refused", stream=self._measurement, samples=dropped, why=why)
            REFUSED.labels("by the store").inc(dropped)
        self._spool.done(blocks, refused=why)
        SAMPLES_OUT.labels(self._measurement).inc(samples - dropped)
        SAMPLES_OUT.labels(LABELS).inc(0 if why else sum(block.labels for block in blocks))
        BACKLOG.labels("spool_samples").dec(samples)
        LAG.labels(self._measurement).set(max(0.0, time.time() - blocks[-1].newest / 1e9))
        return len(blocks)

    def _wait(self, error: NotYet) -> None:
        RETRIES.labels("store").inc()
        if not self._failed:
            log.warning("waits", stream=self._measurement, why=str(error))
        pause = min(_LONGEST_S, 0.1 * 2 ** min(self._failed, 10)) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        self._failed += 1
        self._stop.wait(max(pause, error.retry_after_s))
