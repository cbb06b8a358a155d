"""Work that is begun again whatever it meets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from atipico.errors import AtipicoError
from atipico.metrics import RETRIES

_SAID_EVERY_S = 60.0


def keep_on(work: Callable[[threading.Event], None], every_s: float, stop: threading.Event, log: Any) -> None:
    """Do it again and again until `stop` is set. The same error in a row is told once a minute."""
    said, say_at = "", 0.0
    while not stop.is_set():
        try:
            work(stop)
        except AtipicoError as error:
            RETRIES.labels("sweep").inc()
            if str(error) != said or time.monotonic() > say_at:
                log.warning("begins again", error=str(error))
                said, say_at = str(error), time.monotonic() + _SAID_EVERY_S
        except Exception:
            log.exception("begins again")
        stop.wait(every_s)
