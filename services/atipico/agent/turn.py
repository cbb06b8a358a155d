"""Whose turn it is to work on a job: one connection's at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from atipico.agent.session import Session
from atipico.at_work import held, waiting
from atipico.scorers.http import Stopped

log = structlog.get_logger("agent")

_SILENT_S = 30.0
_LOOK_S = 1.0


class Turn:
    """While one connection goes back and sends again, the points of others wait: they come behind what it sends.

    Their keepalives are answered meanwhile, as those who read a connection do not wait for this.
    """

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._again: Session | None = None  # the connection that sends again

    @contextmanager
    def now(self) -> Iterator[None]:
        """Alone with the job, whoever sends again meanwhile."""
        with held(self._free):  # whoever has it may wait for the classifier, for hours
            yield

    @contextmanager
    def behind_others(self, session: Session) -> Iterator[None]:
        """Alone with the job, once nobody sends again. Raises Stopped when the session ends meanwhile."""
        with held(self._free):
            while self._again and not session.stop.is_set():
                if time.monotonic() - self._again.heard > _SILENT_S:
                    log.error("a connection that sends again is silent and is ended", silent_s=_SILENT_S)
                    self._again.end()
                with waiting():
                    self._free.wait(_LOOK_S)
            if self._again:
                raise Stopped("the connection ended while another one sent again")
            yield

    def begin_again(self, session: Session) -> None:
        """From now on `session` sends again."""
        with held(self._free):
            self._again = session

    def end_again(self, session: Session) -> bool:
        """It does so no more; whether it did until now."""
        with held(self._free):
            if self._again is not session:
                return False
            self._again = None
            self._free.notify_all()
            return True
