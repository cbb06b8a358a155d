"""One database: lines come in, are logged, and are folded into tables."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import Counter
from pathlib import Path

import structlog

from atipico import metrics
from atipico.at_work import held
from atipico.errors import NotYet
from atipico.store.again import Newest, is_held
from atipico.store.catalog import Admitted, Catalog, Limits
from atipico.store.encode import encode
from atipico.store.fold import Fold
from atipico.store.log import Log
from atipico.store.readers import Readers
from atipico.store.record import MOST_LINES, Record
from atipico.store.settings import StoreSettings
from atipico.store.tables import Tables
from atipico.store.ticks import Ticks
from atipico.store.written import Written
from atipico.wire.lines import Parsed, blocks, parse

_LINES_AT_ONCE, _BYTES_AT_ONCE = 2000, MOST_LINES // 2
_AGAIN_S = 2.0
_say = structlog.get_logger("store")


class Database:
    """A folder with a log and tables. Any thread may call any method."""

    def __init__(self, name: str, folder: Path, settings: StoreSettings, ticks: Ticks) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name, self.folder, self._settings, self._ticks = name, folder, settings, ticks
        self.log = Log(folder / "log", segment=settings.segment, most=settings.log_most)
        if self.log.torn:
            _say.warning("cut off the log's torn end; nobody was told it is safe", database=name, bytes=self.log.torn)
        ticks.not_before(self.log.last_received)
        self.readers = Readers(folder / "readers.json")
        self._tables = Tables(folder / "tables.sqlite")
        self._catalog = Catalog(Limits(series=settings.series, fields=settings.fields))
        self._accepting, self._mine = threading.Lock(), threading.local()
        folded = self._catch_up()
        self._newest = Newest(self._tables.newest())
        self.fold = Fold(self._tables, self.log, folded, settings.backlog)

    def write(self, body: bytes, unit: int = 1) -> Written:
        """Accept a body of lines: on return, what `accepted` counts is on disk. Raises NotYet when it may work later.

        unit: ns in one unit of the times. What can't be read or does not fit is refused line by line.
        """
        written, offset = Written(), 0
        for part in blocks(body, unit=unit, now=self._ticks, most=_LINES_AT_ONCE, size=_BYTES_AT_ONCE):
            written.refuse(part.refused)
            if part.samples:
                self._check_readers(part, offset)
                self._wait_for_room(offset)
                offset = self._accept(part, body, written) or offset
        if offset:
            self._sync(offset)
            _say.debug("accepted", database=self.name, samples=written.accepted.total(), log_end=offset)
        written.count()
        metrics.BACKLOG.labels("rows to fold").set(self.fold.waiting)
        return written

    def reader(self) -> sqlite3.Connection:
        """This thread's own connection to the tables, which can only read."""
        if (connection := getattr(self._mine, "connection", None)) is None:
            uri = f"{self._tables.path.absolute().as_uri()}?mode=ro"
            connection = self._mine.connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=30)
        return connection

    def wait_folded(self, offset: int | None = None) -> None:
        """Wait until the tables hold all below the offset (None: all that was accepted so far). Raises NotYet."""
        self.fold.wait(self.log.synced if offset is None else offset, self._settings.wait_for_fold)

    def close(self) -> None:
        """Fold what is safe and close everything."""
        self.log.close()
        self.fold.stop()
        self._tables.close()
        self.readers.save()

    def _check_readers(self, part: Parsed, offset: int) -> None:
        """Raises NotYet while a reader of these samples has too much to read already."""
        start = self.log.end - self._settings.unread
        if start <= self.log.oldest or not (slow := self.readers.behind(start, self._settings.reader_away)):
            return
        for name in {one.measurement for one in part.samples} & slow.keys():
            if offset:
                self._sync(offset)  # what was taken of this very body
            metrics.REFUSED.labels("its readers are behind").inc(len(part.samples))
            raise NotYet(
                f"{slow[name]} is more than {self._settings.unread} bytes of the log behind with {name}; "
                f"send this again later, or raise unread",
                _AGAIN_S,
            )

    def _wait_for_room(self, offset: int) -> None:
        if self.fold.waiting >= self._settings.backlog:
            self._sync(offset)  # what waits may be this very body's
            self.fold.wait_for_room(self._settings.wait_for_fold)

    def _sync(self, offset: int) -> None:
        try:
            self.log.sync(offset)
        finally:
            self.fold.wake()

    def _accept(self, part: Parsed, body: bytes, written: Written) -> int | None:
        """Log and hand over what fits of a part; the offset behind it, None when nothing fits."""
        pieces, samples = _as_written(part, body), part.samples
        if pieces is None:
            pieces, samples, unfit = encode(samples)
            written.unfit += unfit
        with held(self._accepting):  # what is learnt, the log and the fold are in one order
            admitted = self._catalog.admit(samples)
            written.unfit += admitted.refused
            written.accepted += Counter(row.measurement.name for row in admitted.rows)
            admitted = self._without_repeats(admitted)
            if not admitted.samples:
                return None
            if not admitted.whole:
                pieces = encode(admitted.samples).pieces
            offset = self.log.append([Record(measurement, lines, self._ticks()) for measurement, lines in pieces])
            self.fold.put(offset, admitted.rows, self._catalog.take_news())
        return offset

    def _without_repeats(self, admitted: Admitted) -> Admitted:
        """What of it is not in the tables just so, once these are up to all that was accepted before."""
        if not (places := self._newest.not_newer(admitted.rows)):
            return admitted
        self._sync(before := self.log.end)
        self.fold.wait(before, self._settings.wait_for_fold, writes=True)
        known = {place for place in places if is_held(self.reader(), admitted.rows[place])}
        if not known:
            return admitted
        samples = [one for place, one in enumerate(admitted.samples) if place not in known]
        rows = [one for place, one in enumerate(admitted.rows) if place not in known]
        return admitted._replace(samples=samples, rows=rows, whole=False)

    def _catch_up(self) -> int:
        """Fold what the log holds beyond the tables; up to where the tables are then."""
        self._tables.load(self._catalog)
        folded = max(self._tables.folded() or 0, self.log.oldest)
        self.log.skip_to(folded)  # when its files were taken away under the tables
        started, rows = time.monotonic(), 0
        for offset, record in self.log.records(folded):
            parsed = parse(record.lines, now=record.received)
            admitted = self._catalog.admit(parsed.samples)
            self._tables.fold(self._catalog.take_news(), admitted.rows, offset)
            if lost := len(parsed.refused) + admitted.refused.total():
                metrics.LOST.labels("not folded").inc(lost)
                _say.error("the log holds what does not fit", database=self.name, lines=lost, why=admitted.refused)
            folded, rows = offset, rows + len(admitted.rows)
        if rows:
            _say.info("folded the log", database=self.name, rows=rows, seconds=round(time.monotonic() - started, 1))
        return max(folded, self.log.synced)


def _as_written(part: Parsed, body: bytes) -> list[tuple[bytes, bytes]] | None:
    """The lines of a part as they came, where they can be one record; None where they must be written anew."""
    name = part.samples[0].measurement
    if not part.verbatim or part.end - part.start >= MOST_LINES:
        return None
    if any(sample.measurement != name for sample in part.samples):
        return None
    lines = body[part.start : part.end]
    return [(name.encode(), lines if lines.endswith(b"\n") else lines + b"\n")]
