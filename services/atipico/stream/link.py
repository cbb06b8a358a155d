"""The host's end of an agent's socket: Info, Init, Restore, then points out and answers in."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from atipico.at_work import waiting
from atipico.errors import NotYet, Refused
from atipico.wire.frames import Splitter, frame, point_frames
from atipico.wire.udf_pb2 import Option, OptionValue, Request, Response

_READ_BYTES = 2**20


class Link:
    """One connection to the agent for one job. One thread sends; another receives, and knocks where nothing comes."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        """Raises NotYet when nobody listens at `path`."""
        self._path, self._timeout_s, self._splitter = path, timeout_s, Splitter()
        self._sending = threading.Lock()
        self.session = ""  # what both sides call this connection, once it has a job
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout_s)
        try:
            with waiting():
                self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise NotYet(f"agent at {path}: {error.strerror or error}; is it up?") from error

    def begin(self, job: str, labels: str = "", rewind: str = "yes") -> None:
        """Ask for a job, from the beginning unless a `restore` follows. Raises Refused with the agent's words.

        labels: the measurement of the points that no answer is waited for, "" for none. rewind: how this side sends
        again, see agent/README.md; "" for one that only looks.
        """
        self._send(Request(info={}))
        self._expect("info")
        given = {"job": job, **({"rewind": rewind} if rewind else {}), **({"labels": labels} if labels else {})}
        options = [Option(name=name, values=[OptionValue(type="STRING", stringValue=of)]) for name, of in given.items()]
        node = os.urandom(3).hex()
        self.session = f"{job}.{node}"
        self._send(Request(init={"options": options, "taskID": job, "nodeID": node}))
        answer = self._expect("init").init
        if not answer.success:
            raise Refused(answer.error)

    def restore(self, snapshot: bytes) -> None:
        """Take the job back to a snapshot. Raises Refused when that is gone, NotYet when the agent can't just now."""
        self._send(Request(restore={"snapshot": snapshot}))
        answer = self._expect("restore").restore
        if not answer.success:
            raise Refused(answer.error)

    def send_points(self, points: Sequence[bytes]) -> None:
        """Send points; the agent always reads, so that this does not wait for answers."""
        self._send_bytes(point_frames(points))

    def ask_snapshot(self) -> None:
        """Ask what the agent knows after the points sent so far; the answer comes behind theirs."""
        self._send(Request(snapshot={}))

    def keep_alive(self, time: int) -> None:
        """Show that this side lives, and learn that the other does."""
        self._send(Request(keepalive={"time": time}))

    def messages(self) -> Iterator[list[bytes]]:
        """What came in, as lists of messages, until `close`. Raises NotYet when the agent is silent or gone.

        Where nothing comes it knocks, so that an agent with nothing to answer is not taken for a silent one, however
        long the other thread is busy elsewhere.
        """
        heard = time.monotonic()
        while True:
            if data := self._receive_or_knock(heard):
                yield self._splitter.feed(data)
                heard = time.monotonic()  # not before: what is done with them may take long

    def close(self) -> None:
        """End the connection, also for a thread that waits in `messages`."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            self._socket.close()

    def _expect(self, kind: str) -> Response:
        """The answer to what was just asked. A large Restore may take its time, while keepalives are answered.

        Raises NotYet when the agent is silent, gone or ends the connection, Refused when it answers something else.
        """
        heard = time.monotonic()
        while True:
            for message in self._splitter.feed(self._receive_or_knock(heard)):
                heard, answer = time.monotonic(), Response.FromString(message)
                if answer.WhichOneof("message") == kind:
                    return answer
                if answer.WhichOneof("message") == "error":
                    raise NotYet(f"agent at {self._path}: {answer.error.error}")
                if answer.WhichOneof("message") != "keepalive":
                    raise Refused(f"agent at {self._path}: wanted {kind}, got {str(answer)[:200]}")

    def _receive_or_knock(self, heard: float) -> bytes:
        """Some bytes; none, after a keepalive was sent, when there are none for now."""
        try:
            return self._receive(self._timeout_s / 4)
        except TimeoutError:
            if time.monotonic() - heard > self._timeout_s:
                raise NotYet(f"agent at {self._path} is silent for {self._timeout_s:g} s") from None
            self.keep_alive(time.time_ns())
            return b""

    def _receive(self, within_s: float) -> bytes:
        """What came in, at least a byte. Raises NotYet when the agent is gone, TimeoutError when nothing comes."""
        try:
            ready = select.poll()
            ready.register(self._socket, select.POLLIN)
            with waiting():
                if not ready.poll(1000 * within_s):
                    raise TimeoutError
            data = self._socket.recv(_READ_BYTES)
        except TimeoutError:
            raise
        except (OSError, ValueError) as error:  # a closed socket has no number to wait for
            raise NotYet(f"agent at {self._path}: {getattr(error, 'strerror', '') or error}") from error
        if not data:
            raise NotYet(f"agent at {self._path} ended the connection")
        return data

    def _send(self, request: Request) -> None:
        self._send_bytes(frame(request.SerializeToString()))

    def _send_bytes(self, data: bytes) -> None:
        try:
            with waiting(), self._sending:  # one frame behind the other, whoever sends it
                self._socket.sendall(data)
        except OSError as error:
            raise NotYet(f"agent at {self._path}: {error.strerror or error}") from error
