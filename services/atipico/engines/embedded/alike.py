"""Which living parts may go on: those that are what would be started in their place.

After a supervisor was killed its parts live on. One of another version, or with other settings, jobs or models, must
not be taken over as if it were the one that is asked for: it is ended, and started anew.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil
import structlog

from atipico.config import PACKAGE
from atipico.engines.embedded import processes
from atipico.engines.embedded.parts import Part

_talk = structlog.get_logger("supervisor")
_SHAPES = ("ATIPICO_", "OMP_", "PYTHON")  # beginnings of the variables that shape a part


def made_of(part: Part, extra: Mapping[str, str]) -> str:
    """A digest of all that shapes the process of a part: the program, its words and settings, the files it reads."""
    given = {**os.environ, **extra, **part.env}
    settings = sorted((name, value) for name, value in given.items() if name.startswith(_SHAPES))
    files = [one for path in part.reads for one in _files(path)]
    told = repr((_program(), *part.command, *part.words, settings, files))
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def take_over(run: Path, parts: Sequence[Part], extra: Mapping[str, str], grace_s: float) -> dict[str, psutil.Process]:
    """The living parts of a run folder that may go on, by name. All others are ended, those last in `parts` first."""
    living, wanted = processes.running(run), {part.name: made_of(part, extra) for part in parts}
    going_on: dict[str, psutil.Process] = {}
    for name in (*reversed(wanted), *(living.keys() - wanted.keys() - {"supervisor", "guard"})):
        for process in living.get(name, []):
            if name in wanted and name not in going_on and processes.made_of(process) == wanted[name]:
                going_on[name] = process
                continue
            _talk.info("ends a part that is not what would be started now", name=name, pid=process.pid)
            processes.stop([process], grace_s)
    return going_on


def _program() -> tuple[object, ...]:
    """The Python and the package as they are on disk now, which is what a part that is started now would run."""
    kinds = (".py", "config.toml")
    return sys.version, *(one for one in _files(PACKAGE) if one[0].endswith(kinds))


def _files(path: Path) -> Iterator[tuple[str, int, int]]:
    """Each file's path, size and time of change, in a fixed order; nothing for what is not there."""
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            seen = file.stat()
            yield str(file), seen.st_size, seen.st_mtime_ns
