"""The models of a folder, which are read again when somebody asks for it."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from atipico.at_work import at_work
from atipico.registry.asked import asked
from atipico.registry.shelf import open_shelf

_LOOK_S = 0.2
_log = logging.getLogger(__name__)


class Again:
    """Holds `shelf`, read from `folder` when this is made. largest: bytes of a model. run: the run folder."""

    def __init__(self, folder: Path, largest: int, run: Path) -> None:
        self._folder, self._largest, self._run = folder, largest, run
        number = asked(run)  # before the folder is read: what is asked while it is read, is asked of what comes after
        self.shelf = open_shelf(folder, largest)
        self.shelf.asked = number

    def start(self) -> None:
        """Look for it from a daemon thread, a few times a second."""
        threading.Thread(target=self._run_on, name="models", daemon=True).start()

    def look(self) -> bool:
        """Read the folder when that was asked for since it was last read; whether it was."""
        if (number := asked(self._run)) <= self.shelf.asked:
            return False
        found = open_shelf(self._folder, self._largest)
        self.shelf.hold(found.models, found.refused, number)
        _log.info("serves %s", ", ".join(found.models) or "no model")
        return True

    def _run_on(self) -> None:
        while True:
            try:
                with at_work("models"):
                    self.look()
            except Exception:
                _log.exception("the models could not be read again, tries again")
            time.sleep(_LOOK_S)
