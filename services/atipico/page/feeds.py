"""Feeds: what is new is asked for once and told to all who listen."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Hashable, Iterator
from typing import NamedTuple

import structlog

from atipico.at_work import at_work
from atipico.errors import AtipicoError

_WAITING = 8  # events that a slow listener may leave; then it is told to begin anew
log = structlog.get_logger("page")


class Event(NamedTuple):
    """One server-sent event. data: JSON. id: where to go on from behind it, or ""."""

    name: str
    data: bytes
    id: str = ""

    def wire(self) -> bytes:
        return (f"id: {self.id}\n" if self.id else "").encode() + b"event: %b\ndata: %b\n\n" % (
            self.name.encode(),
            self.data,
        )


RESET = Event("reset", b"{}")
END = Event("end", b"{}")  # never told: who gets it looks whether all is over
Inbox = queue.Queue[Event]
Poll = Callable[[], list[Event]]


class Feed:
    """Polls while somebody listens. What `poll` raises is told by `trouble` and polling goes on."""

    def __init__(self, poll: Poll, trouble: Callable[[Exception], Event], every_s: float) -> None:
        self._poll, self._trouble, self._every_s = poll, trouble, every_s
        self._inboxes: set[Inbox] = set()
        self._lock, self._idle = threading.Lock(), threading.Event()

    def add(self, inbox: Inbox) -> None:
        with self._lock:
            self._inboxes.add(inbox)
            if len(self._inboxes) == 1:
                self._idle = threading.Event()
                threading.Thread(target=self._run, args=(self._idle,), name="feed", daemon=True).start()

    def remove(self, inbox: Inbox) -> bool:
        """Whether nobody is left."""
        with self._lock:
            self._inboxes.discard(inbox)
            if not self._inboxes:
                self._idle.set()
            return not self._inboxes

    def _run(self, idle: threading.Event) -> None:
        while not idle.is_set():
            with at_work("feed"):
                events = self._ask()
            for event in events:
                with self._lock:
                    for inbox in self._inboxes:
                        put(inbox, event)
            idle.wait(self._every_s)

    def _ask(self) -> list[Event]:
        try:
            return self._poll()
        except AtipicoError as error:
            return [self._trouble(error)]
        except Exception as error:
            log.exception("a feed failed")
            return [self._trouble(error)]


def put(inbox: Inbox, event: Event) -> None:
    """Leave an event; one whose box is full has missed some, and is told to begin anew."""
    try:
        inbox.put_nowait(event)
    except queue.Full:
        with contextlib.suppress(queue.Empty):
            while True:
                inbox.get_nowait()
        inbox.put_nowait(RESET)


class Hub:
    """The feeds that somebody listens to, by key; a feed is made for its first listener and ends with its last."""

    def __init__(self, most: int) -> None:
        self._most, self._listeners = most, 0
        self._feeds: dict[Hashable, Feed] = {}
        self._inboxes: set[Inbox] = set()
        self.ended = False
        self._lock = threading.Lock()

    def end(self) -> None:
        """Let nobody listen any more."""
        with self._lock:
            self.ended = True
            for inbox in self._inboxes:
                put(inbox, END)

    def seat(self) -> bool:
        """Whether there is room for one listener more; it has to call `leave`."""
        with self._lock:
            if self.ended or self._listeners >= self._most:
                return False
            self._listeners += 1
            return True

    def leave(self) -> None:
        with self._lock:
            self._listeners -= 1

    @contextlib.contextmanager
    def listening(self, feeds: dict[Hashable, Callable[[], Feed]]) -> Iterator[Inbox]:
        """An inbox that the named feeds fill while the block runs; a feed that does not run yet is made."""
        inbox: Inbox = queue.Queue(_WAITING)
        with self._lock:
            self._inboxes.add(inbox)
            if self.ended:
                put(inbox, END)
        for key, make in feeds.items():
            with self._lock:
                self._feeds.setdefault(key, make() if key not in self._feeds else self._feeds[key]).add(inbox)
        try:
            yield inbox
        finally:
            with self._lock:
                self._inboxes.discard(inbox)
            for key in feeds:
                with self._lock:
                    if self._feeds[key].remove(inbox):
                        del self._feeds[key]
