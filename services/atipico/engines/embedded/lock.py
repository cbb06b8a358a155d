"""A lock that lives as long as the process that holds it, however that ends."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

from atipico.errors import Refused


def hold(path: Path, who: str) -> IO[str]:
    """Take the lock; it is held until the returned file is closed. Raises Refused when another process has it.

    Children do not inherit it: a part must not hold the lock of a supervisor that died.
    """
    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise Refused(f"{path.parent}: {who} is at work there already; see `atipico status`") from error
    return file
