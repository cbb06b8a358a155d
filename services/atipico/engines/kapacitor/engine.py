"""`plan`, `apply` and `delete` of a job on the real servers."""

from __future__ import annotations

from pathlib import Path

from atipico.config import home, load, run_dir
from atipico.engines.kapacitor.influx import Influx
from atipico.engines.kapacitor.plan import Change, changes, removals, store_changes
from atipico.engines.kapacitor.settings import KapacitorSettings
from atipico.engines.kapacitor.tasks import Tasks
from atipico.engines.server import Server
from atipico.errors import Refused, nearest
from atipico.registry.jobs import Job, load_job
from atipico.registry.unlearnt import unlearnt

ENGINE, POLLED = "kapacitor", "polled"
_CURE = "give user and password, see services/atipico/engines/kapacitor/config.toml"


class Engine:
    """The servers that the settings name, and the folder in which the agent finds its jobs."""

    def __init__(self, settings: KapacitorSettings | None = None) -> None:
        self._settings = settings or load(KapacitorSettings)
        self._influx, self._tasks = servers(self._settings)

    def plan(self, file: Path) -> list[Change]:
        """What `apply` would do. Raises NotYet when a server is down, Refused for what is no job of this engine."""
        job, text = _job(file), file.read_text()
        agents = _agents_file(job.name)
        known = agents.read_text() if agents.is_file() else None
        first = (
            [Change("~" if known else "+", f"{agents}, where the agent finds it", lambda: _hand_over(agents, text))]
            if known != text
            else []
        )
        if job.engine == POLLED:
            return first + list(store_changes(job, self._influx, self._settings))
        return first + list(changes(job, self._influx, self._tasks, self._settings))

    def removals(self, name: str) -> list[Change]:
        """What `delete` would do. Samples and outcomes stay, and so does the job's own file."""
        agents = _agents_file(name)
        engine = load_job(agents).engine if agents.is_file() else ""
        last = [Change("-", f"{agents}, where the agent found it", agents.unlink)] if engine in (ENGINE, POLLED) else []
        return last if engine == POLLED else [*removals(name, self._tasks), *last]


def files_in(given: Path) -> list[Path]:
    """The job files that are meant: the file itself, or those of a folder whose models are there."""
    if not given.is_dir():
        return [given]
    waiting = unlearnt()
    return [file for file in sorted(given.glob("*.toml")) if load_job(file).model.split("@")[0] not in waiting]


def servers(settings: KapacitorSettings) -> tuple[Influx, Tasks]:
    """The two servers that the settings name. Not for several threads at once."""
    influx, kapacitor = (
        Server(name, at.url, at.login.headers(), settings.timeout, _CURE)
        for name, at in (("InfluxDB", settings.influx()), ("Kapacitor", settings.kapacitor()))
    )
    return Influx(influx), Tasks(kapacitor, settings.udf)


def file_of(given: str) -> Path:
    """The file of a job: a path, or the name of one in jobs/. Raises Refused when there is none."""
    path = Path(given)
    if path.suffix == ".toml":
        return path
    named = home() / "jobs" / f"{given}.toml"
    if not named.is_file():
        known = [one.stem for one in named.parent.glob("*.toml")]
        raise Refused(f"no job {given!r}{nearest(given, known)} (files in {named.parent})")
    return named


def _job(file: Path) -> Job:
    job = load_job(file)
    if job.engine not in (ENGINE, POLLED):
        raise Refused(
            f'job {job.name} ({file}) is for engine = "{job.engine}", which runs all of jobs/ at the next ./up.sh; '
            f'to have it on the real servers say engine = "{ENGINE}" or "{POLLED}"'
        )
    return job


def _agents_file(name: str) -> Path:
    return run_dir() / "jobs" / f"{name}.toml"


def _hand_over(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(text)
    draft.replace(path)
