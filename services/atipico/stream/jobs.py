"""The jobs that the host runs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import structlog

from atipico.errors import Refused
from atipico.metrics import REFUSED
from atipico.registry.jobs import ENGINES, Job, load_job
from atipico.stream.ledger import Ledger

log = structlog.get_logger("host")


def readable_jobs(folder: Path) -> dict[str, Job]:
    """The jobs of a folder for this engine, by name. One whose file is wrong costs the others nothing: it is said."""
    jobs = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            job = load_job(path)
            if job.engine == ENGINES[0]:
                jobs[path.stem] = job
        except Refused as error:
            REFUSED.labels("job file").inc()
            log.error("job left out; mend its file and start the host again", error=str(error))
    return jobs


def readable_ledgers(folder: Path, jobs: Iterable[str]) -> dict[str, Ledger]:
    """How far jobs have come. One whose marks a newer Atipico wrote is left out and said: it is not begun anew."""
    ledgers = {}
    for name in jobs:
        try:
            ledgers[name] = Ledger(folder / f"{name}.json")
        except Refused as error:
            REFUSED.labels("job's marks").inc()
            log.error("job left out", job=name, error=str(error))
    return ledgers
