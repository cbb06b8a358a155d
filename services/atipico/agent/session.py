"""One connection of a stream host: its requests answered in their order, keepalives at once."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol
from urllib.parse import quote

import structlog
from google.protobuf.message import DecodeError

from atipico import logs
from atipico.agent.batches import Batches
from atipico.agent.inbox import Inbox
from atipico.agent.outbox import Outbox
from atipico.at_work import at_work
from atipico.errors import AtipicoError, NotYet, Refused
from atipico.metrics import REFUSED
from atipico.scorers.http import Stopped
from atipico.wire.frames import Splitter, frame, point_frames, point_of
from atipico.wire.udf_pb2 import BATCH, STREAM, STRING, InfoResponse, OptionInfo, Request, Response

log = structlog.get_logger("agent")

_READ_BYTES = 2**20
_INBOX_BYTES, _OUTBOX_BYTES = 64 * 2**20, 16 * 2**20
_QUIET_S = 0.1  # after which a run of a query is taken to be over
_SMALL, _MOST_REST_S = 256, 0.01  # points of a block
_BATCH = 4096  # points that are worked on at once, at most about so many
_END = Request()  # the far side sends nothing more


class Work(Protocol):
    """What a session's points are for. Answers keep the order of the points."""

    def answers(self, points: list[bytes]) -> list[bytes]: ...
    def snapshot(self) -> bytes: ...
    def restore(self, snapshot: bytes) -> None: ...
    def end(self) -> None: ...  # the connection ended
    def reached(self) -> Mapping[str, int]: ...  # by group the time, ns, of the newest sample that is remembered


Open = Callable[[dict[str, str], "Session"], Work]


class Session:
    """Serves one connection until its host ends it. `open_work` makes the work that an Init asks for.

    batches: of a batch task, whose points lie in batches; the answers are a stream in any case.

    Three threads: this one reads and never waits for the others, so that keepalives are answered
    whatever the classifier does; one works; one writes.
    """

    def __init__(self, connection: socket.socket, open_work: Open, batches: Batches | None = None) -> None:
        self._connection, self._open, self._batches = connection, open_work, batches
        self._inbox: Inbox[Request] = Inbox(_INBOX_BYTES)
        self._outbox = Outbox(connection, _OUTBOX_BYTES)
        self._work: Work | None = None
        self._name, self._seen = "", 0  # what the host calls this session, and its samples that were worked on
        self._working = 0  # points that are worked on just now
        self._draining = False
        self._sends_again = False  # such a host makes blocks of its own
        self.stop = threading.Event()  # nobody wants the answers any more
        self.heard = time.monotonic()

    def run(self) -> None:
        """Serve until the connection ends. Raises nothing: what goes wrong is told to the host and logged."""
        worker = threading.Thread(target=self._serve, name="worker", daemon=True)
        worker.start()
        try:
            self._read()
        except Refused as error:
            self._fail(error)
        except OSError as error:
            log.info("connection lost", error=str(error))
        except Exception as error:
            log.exception("reading failed")
            self._fail(Refused(f"the agent failed on what it read: {type(error).__name__}: {error}"))
        if not self._draining:
            self.stop.set()
        self._inbox.put(_END)
        worker.join()
        if self._work:
            self._work.end()
        self._outbox.end()
        self._connection.close()

    def drain(self) -> None:
        """Read nothing more; what came in is answered still, unless its host will send it again anyway."""
        self._draining = True
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RD)

    @property
    def unanswered(self) -> int:
        """How many points came in and were not answered yet."""
        return self._inbox.points + self._working

    def end(self) -> None:
        """Make an abandoned connection end: a newer one took its job over."""
        self.stop.set()
        try:
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def _read(self) -> None:
        splitter, batches = Splitter(), self._batches
        while data := self._received():
            self.heard = time.monotonic()
            points: list[bytes] = []
            for message in splitter.feed(data):
                point = point_of(message)
                if point is not None:
                    (batches.point if batches else points.append)(point)
                    continue
                request = _parse(message)
                if batches and request.WhichOneof("message") in ("begin", "end"):
                    self._of_a_batch(batches, request)
                    continue
                if request.WhichOneof("message") == "keepalive":
                    self._outbox.put(_framed(Response(keepalive={"time": request.keepalive.time})))
                    continue
                self._put_points(points)
                points = []
                self._inbox.put(request)
            self._put_points(points)
        if batches:
            self._put_points(batches.over())

    def _received(self) -> bytes:
        """What comes next. When nothing does for a while the run of a batch task's query is over."""
        if self._batches and not select.select([self._connection], [], [], _QUIET_S)[0]:
            self._put_points(self._batches.over())
        return self._connection.recv(_READ_BYTES)

    def _of_a_batch(self, batches: Batches, request: Request) -> None:
        if request.WhichOneof("message") == "begin":
            batches.begin(request.begin)
        else:
            self._put_points(batches.end(request.end))

    def _put_points(self, points: list[bytes]) -> None:
        """Queue points, by so many as are worked on at once: a batch may have any number."""
        for at in range(0, len(points), _BATCH):
            some = points[at : at + _BATCH]
            if self._inbox.put_points(some):
                continue
            if self._batches:
                self._batches.forget()
            REFUSED.labels("agent's queue is full").inc(len(some))
            log.warning("queue full, points left out", points=len(some), in_all=self._inbox.left_out)

    def _serve(self) -> None:
        try:
            while (item := self._inbox.take(_BATCH)) is not _END:
                with at_work(f"session {self._name}"):
                    self._serve_one(item)
        except (Stopped, ConnectionError):
            log.info("connection ended with work left")
        except AtipicoError as error:
            self._fail(error)
        except Exception as error:
            log.exception("work failed")
            self._fail(Refused(f"the agent failed on a block: {type(error).__name__}: {error}"))

    def _serve_one(self, item: list[bytes] | Request) -> None:
        if not isinstance(item, list):
            self._outbox.put_bounded(_framed(self._answer(item)))
            return
        began, self._working = time.monotonic(), len(item)
        self._outbox.put_bounded(point_frames(self._answers(item)))
        self._working = 0
        if not self._sends_again:
            self.stop.wait(rest_s(len(item), time.monotonic() - began))

    def _answers(self, points: list[bytes]) -> list[bytes]:
        with logs.about(logs.batch(self._name, self._seen, len(points))):
            answers = self._opened().answers(points)
            log.debug("scored", points=len(points))
        self._seen += len(answers)  # not labels, which the host does not count
        return answers

    def _answer(self, request: Request) -> Response:
        kind = request.WhichOneof("message")
        if kind == "info":
            options = {name: OptionInfo(valueTypes=[STRING]) for name in ("job", "rewind", "labels")}
            wants = BATCH if self._batches else STREAM
            return Response(info=InfoResponse(wants=wants, provides=STREAM, options=options))
        if kind == "init":
            return Response(init=self._said(lambda: self._init(request)))
        if kind == "snapshot":
            return Response(snapshot={"snapshot": self._snapshot()})
        if kind == "restore":
            return Response(restore=self._said(lambda: self._opened().restore(request.restore.snapshot)))
        if kind == "begin":
            return Response(begin=request.begin)
        if kind == "end":
            return Response(end=request.end)
        raise Refused("a request without a message")

    def _init(self, request: Request) -> None:
        given = {option.name: option.values[0].stringValue for option in request.init.options if option.values}
        self._sends_again = bool(given.get("rewind"))
        self._work = self._open(given, self)
        if self._batches:
            self._batches.reached = self._work.reached
        self._name = quote(f"{request.init.taskID}.{request.init.nodeID}")
        log.info("begins", session=self._name)

    def _snapshot(self) -> bytes:
        if self._work is None:
            return b""
        try:
            snapshot = self._work.snapshot()
            log.debug("snapshot", session=self._name)
            return snapshot
        except NotYet as error:  # a full disk: the host goes on with the checkpoint it has
            log.error("no checkpoint", error=str(error))
            return b""

    def _opened(self) -> Work:
        if self._work is None:
            raise Refused("points before an Init that succeeded")
        return self._work

    def _said(self, act: Callable[[], None]) -> dict[str, str | bool]:
        """Whether it did. What may work later (NotYet) is not said to have failed: it ends the connection."""
        try:
            act()
        except Refused as error:
            log.error("refused", error=str(error))
            return {"success": False, "error": str(error)}
        return {"success": True}

    def _fail(self, error: AtipicoError) -> None:
        """Tell the host and end the connection; the agent itself goes on."""
        REFUSED.labels("connection").inc()
        log.error("connection ended", error=str(error))
        self._outbox.put(_framed(Response(error={"error": str(error)})))
        try:
            self._connection.shutdown(socket.SHUT_RD)
        except OSError:
            return


def rest_s(points: int, took_s: float) -> float:
    """How long to let points come together behind a block that took so long, in seconds.

    Kapacitor hands over point by point. Few cost nearly as much as many, so that an agent which takes at once what is
    there is busy with blocks of ten, and never gets the larger ones that would cost it less.
    """
    return min(_MOST_REST_S, 4 * took_s) if points < _SMALL else 0.0


def _parse(message: bytes) -> Request:
    try:
        return Request.FromString(message)
    except DecodeError as error:
        raise Refused(f"{len(message)} bytes on the socket are no request of the UDF protocol: {error}") from error


def _framed(response: Response) -> bytes:
    return frame(response.SerializeToString())
