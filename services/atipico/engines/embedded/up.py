"""`atipico up`: make the run folder, start the parts, return when the first score is visible."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import orjson

from atipico.config import home, load, run_dir
from atipico.engines.embedded import prepare, processes, state, whereabouts
from atipico.engines.embedded.alike import take_over
from atipico.engines.embedded.down import down
from atipico.engines.embedded.guard import start_guard
from atipico.engines.embedded.lock import hold
from atipico.engines.embedded.logs import log_path, tail
from atipico.engines.embedded.parts import embedded, environment, port, served
from atipico.engines.embedded.probes import fetch
from atipico.engines.embedded.settings import SupervisorSettings
from atipico.errors import NotYet, Refused
from atipico.lab.door import check_installed

Say = Callable[[str], None]
_POLL_S = 0.1
_HOPELESS = 5  # restarts of a part that was never up: it will not come
_LOG_LINES = 12


def up(data: Path | None, rate: float | None, say: Say, lab: bool = False) -> dict[str, str]:
    """Start everything, with `lab` JupyterLab too, and wait for the first score. `say` gets each step as it begins.

    Parts that live on without a supervisor are taken over where they are what would be started, else ended first.

    Returns the addresses by part. Raises Refused or NotYet with the cure; nothing that it started goes on then.
    """
    run, settings = run_dir(), load(SupervisorSettings)
    _refuse_second(run)
    prepare.check_store()
    if lab:
        check_installed()
    say("looking at the disk and the ports")
    prepare.make_folder(run)
    with hold(run / "up.lock", "another `atipico up`"):
        _refuse_second(run)
        prepare.check_room(run, settings.up.free)
        say("writing the jobs and the streams")
        prepare.write_jobs(run, like_payments(data) if data else None)
        prepare.write_streams(run, data, rate)
        prepare.write_lab(run, lab)
        going_on = take_over(run, embedded(), environment(), settings.stop.grace)
        if going_on:
            say(f"taking over {', '.join(sorted(going_on))}")
        prepare.check_ports([part for part in served() if part not in going_on])
        try:
            _start(run, settings.up.deadline, say)
        except BaseException:
            say("stopping what was started")
            down()
            raise
    return addresses()


def addresses() -> dict[str, str]:
    """Where the parts of this run folder answer."""
    return {part.name: part.url for part in embedded() if part.url.startswith("http")}


def like_payments(data: Path) -> str | None:
    """Where the samples of a file go, when they have all that the payments job reads; None when they do not.

    Raises Refused when no dataset.toml fits the file.
    """
    from atipico.features.plan import Plan
    from atipico.registry.jobs import load_job
    from atipico.sources.dataset import pick_dataset  # brings DuckDB, which most starts do not need

    dataset, job = pick_dataset(data), load_job(home() / "jobs" / "payments.toml")
    may_lack = {job.clock, job.labels.id if job.labels else ""}  # a sample without the id only gets no label
    reads = set(Plan(job.features, job.clock, job.labels).needs) - may_lack
    return dataset.measurement if reads <= dataset.fields.keys() else None


def _refuse_second(run: Path) -> None:
    living = processes.running(run)
    if "supervisor" in living or "guard" in living:
        whereabouts.find()
        where = ", ".join(f"{part} {address}" for part, address in addresses().items())
        raise Refused(f"Atipico already runs in {run} ({where}); ./down.sh stops it, `atipico status` shows it")


def _start(run: Path, deadline_s: float, say: Say) -> None:
    began_ns = time.time_ns()
    say("starting the supervisor")
    state.path(run).unlink(missing_ok=True)  # an old one would tell of parts that are gone
    log_path(run, "supervisor").unlink(missing_ok=True)
    guard = start_guard(run)
    deadline = time.monotonic() + deadline_s
    for part in embedded():
        say(f"waiting for {part.name}")
        while state.read(run).get("parts", {}).get(part.name, {}).get("state") != "up":
            if not processes.alive(guard):
                raise Refused(_why(run, "supervisor", "ended"))
            if _restarts(run, part.name) >= _HOPELESS:
                raise Refused(_why(run, part.name, f"ended {_HOPELESS} times"))
            if time.monotonic() > deadline:
                raise NotYet(_why(run, part.name, f"is not up after {deadline_s:g} s"))
            time.sleep(_POLL_S)
    say("waiting for the first score")
    _await_score(run, began_ns, deadline, deadline_s)


def _await_score(run: Path, began_ns: int, deadline: float, deadline_s: float) -> None:
    while True:
        try:
            if scores_since(began_ns):
                return
            instead = ""
        except NotYet as error:  # the store may still be coming up
            instead = str(error)
        if time.monotonic() > deadline:
            raise NotYet(instead or _why(run, "host", f"has brought no score in {deadline_s:g} s"))
        time.sleep(_POLL_S)


def _restarts(run: Path, part: str) -> int:
    return int(state.read(run).get("parts", {}).get(part, {}).get("restarts", 0))


def _why(run: Path, part: str, what: str) -> str:
    log = log_path(run, part)
    return "\n    ".join([f"{part} {what}; its log {log} ends:", *(tail(log, _LOG_LINES) or ["(nothing)"])])


def scores_since(time_ns: int) -> int:
    """How many scores with a time after `time_ns` a reader of the store sees; 0 also while it does not answer.

    Raises NotYet with the store's own words when it answers that it can't tell.
    """
    query = urlencode({"db": "atipico", "q": f'SELECT count("score") FROM "scores" WHERE time > {time_ns}'})  # noqa: S608
    answer = fetch(port("store"), f"/query?{query}", 5.0)
    if answer is None:
        return 0
    status, body = answer
    if status != 200:
        raise NotYet(f"store: asked for scores, it answered {status}: {body[:500].decode(errors='replace').strip()}")
    result = orjson.loads(body)["results"][0]
    return sum(int(row[1]) for series in result.get("series", []) for row in series["values"])


def wait_for_end() -> None:
    """Return when the supervisor of this run folder has ended for good."""
    while {"supervisor", "guard"} & processes.running(run_dir()).keys():
        time.sleep(1)
