"""What a part has to say, on standard error: words on a terminal, JSON lines elsewhere; and which batch it is about.

A batch keeps an id on its way. Over HTTP it travels as the header X-Request-Id; within a part, whatever is logged
while the batch is dealt with carries it. How the legs hang together: docs/decisions/0008.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, TextIO, cast

import orjson
import structlog

from atipico.errors import Refused

REQUEST_ID = "X-Request-Id"
LEVELS = ("debug", "info", "warning", "error")
_PRINTABLE = re.compile(r"[!-~]{1,128}")
_request: ContextVar[str] = ContextVar("request", default="")


def start(part: str) -> None:
    """Let this process speak for `part`, also what it says through Python's own logging.

    ATIPICO_LOG is the least level that is told, info unless set; at debug every batch is. Raises Refused for another.
    """
    level = os.environ.get("ATIPICO_LOG") or "info"
    if level not in LEVELS:
        raise Refused(f"ATIPICO_LOG={level!r} is no level; set it to {', '.join(LEVELS)}")
    least, here = logging.getLevelNamesMapping()[level.upper()], sys.stderr.isatty()

    def of_part(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        head = {name: event.pop(name) for name in ("timestamp", "level")}
        id = _request.get()
        return {**head, "part": part, "event": event.pop("event"), **({"request_id": id} if id else {}), **event}

    said = cast(TextIO, _WhereThereIsRoom(sys.stderr))
    first: list[Any] = [structlog.processors.add_log_level, structlog.processors.TimeStamper("iso", utc=True), of_part]
    last: list[Any] = [_for_people()] if here else [structlog.processors.format_exc_info, _for_programs]
    structlog.configure(
        processors=[*first, *last],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(said),
        cache_logger_on_first_use=True,
    )
    others = logging.StreamHandler(said)
    named = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    others.setFormatter(structlog.stdlib.ProcessorFormatter(processors=[named, *last], foreign_pre_chain=first))
    logging.basicConfig(level=max(least, logging.WARNING), handlers=[others], force=True)
    threading.excepthook = _thread_ended


class _WhereThereIsRoom:
    """A stream on a disk that may be full: words are lost then, and nobody who says something fails of it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            return self._stream.write(text)
        return 0

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


def _for_people() -> Any:
    colours, plain = "NO_COLOR" not in os.environ, structlog.dev.plain_traceback
    return structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=plain)


def in_words(line: str) -> str:
    """A line that a part wrote for programs as a terminal would have it, less the part's name; others as they are."""
    try:
        told = orjson.loads(line)
    except orjson.JSONDecodeError:
        return line
    if not isinstance(told, dict) or not {"part", "event"} <= told.keys():
        return line
    told.pop("part")
    trace = told.pop("exception", "")
    return str(_for_people()(None, "", told)) + (f"\n{trace}" if trace else "")


_for_programs = structlog.processors.JSONRenderer()


def _thread_ended(what: threading.ExceptHookArgs) -> None:
    if what.exc_type is not SystemExit:
        name = what.thread.name if what.thread else ""
        structlog.get_logger().error("a thread ended", thread=name, exc_info=what.exc_value)


def request() -> str:
    """The id of the batch that is dealt with here and now, "" outside of one."""
    return _request.get()


@contextmanager
def about(id: str) -> Iterator[None]:
    """What is logged within, and what is asked of other parts, is about the batch `id`."""
    before = _request.set(id)
    try:
        yield
    finally:
        _request.reset(before)


def acceptable(id: str) -> bool:
    """Whether an id from outside may be taken over: printable, no blanks, at most 128 characters."""
    return _PRINTABLE.fullmatch(id) is not None


def batch(session: str, first: int, count: int) -> str:
    """The id of `count` samples of a session between host and agent, from the `first` (0 is the session's first) on."""
    return f"{session}.{first}+{count}"
