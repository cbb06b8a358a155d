"""What came in on a connection and waits to be worked on: bounded in bytes, in the order it came."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

Request = TypeVar("Request")


class Inbox(Generic[Request]):
    """One puts, one takes. Points beyond the bound are left out and counted; requests never are."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._bytes, self.left_out = most_bytes, 0, 0
        self._items: deque[list[bytes] | Request] = deque()
        self._ready = threading.Condition()

    def put_points(self, points: list[bytes]) -> bool:
        """Queue points; False when they found no room and were left out."""
        size = sum(map(len, points))
        with self._ready:
            if self._bytes + size > self._most and self._bytes:
                self.left_out += len(points)
                return False
            self._bytes += size
            self._items.append(points)
            self._ready.notify()
            return True

    def put(self, request: Request) -> None:
        """Queue a request behind the points that came before it."""
        with self._ready:
            self._items.append(request)
            self._ready.notify()

    @property
    def points(self) -> int:
        """How many points wait."""
        with self._ready:
            return sum(len(item) for item in self._items if isinstance(item, list))

    def take(self, most_points: int) -> list[bytes] | Request:
        """The points that wait (the natural batch, about `most_points` at most), or the next request. Blocks."""
        with self._ready:
            while not self._items:
                self._ready.wait()
            first = self._items.popleft()
            if not isinstance(first, list):
                return first
            batch = first
            while self._items and isinstance(self._items[0], list) and len(batch) < most_points:
                batch.extend(self._items.popleft())  # type: ignore[arg-type]
            self._bytes -= sum(map(len, batch))
            return batch
