"""What a run folder holds before its parts start: the token, the jobs, and what the generator streams."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from atipico import secret
from atipico.config import home
from atipico.engines.embedded import processes
from atipico.engines.embedded.down import refuse_foreign
from atipico.engines.embedded.parts import Served, port, url
from atipico.errors import NotYet, Refused
from atipico.registry.jobs import ENGINES
from atipico.registry.unlearnt import unlearnt
from atipico.store_access import elsewhere
from atipico.web import refuse_busy_port

PAYMENTS_RATE = 20  # samples a second
FILE_RATE = 100


def check_room(run: Path, free: int) -> None:
    """Raises NotYet when the disk of the run folder has less than `free` bytes left."""
    left = shutil.disk_usage(run).free
    if left < free:
        raise NotYet(
            f"{run}: {left / 2**20:.0f} MiB left on this disk, {free / 2**20:.0f} MiB are needed; "
            "make room or set ATIPICO_RUN to a folder on another disk"
        )


def check_store() -> None:
    """Raises Refused when this run was told of a store that is not the one this stack brings."""
    if (there := elsewhere()) not in ("", url("store")):
        raise Refused(
            f"ATIPICO_STORE_URL={there}: `atipico up` brings a store of its own; unset it, or start alone what you "
            "need beside that one: atipico agent, classifier, page, generator (docs/existing.md)"
        )


def check_ports(parts: Iterable[Served]) -> None:
    """Raises Refused when something listens on a port of these parts."""
    for part in parts:
        refuse_busy_port(part, "127.0.0.1", port(part))


def make_folder(run: Path) -> None:
    """Make the run folder private and put a token in it, once. Raises Refused when it holds other things."""
    refuse_foreign(run)
    if not any(run.iterdir()):
        run.chmod(0o700)
    secret.make(run / "token")
    secret.read(run / "token")  # one that others can read ends the start, with the cure


def write_jobs(run: Path, like_payments: str | None) -> None:
    """Put the jobs to run under run/jobs: those in jobs/ under home, and the payments job on the measurement
    `like_payments` if one is given that no job reads yet."""
    wanted, streams, waiting = {}, set(), unlearnt()
    for path in sorted((home() / "jobs").glob("*.toml")):
        if _told(path).get("model") in waiting:
            continue  # it runs once it has a model
        wanted[path.name] = path.read_text(encoding="utf-8")
        streams.add(_stream(path))
    if like_payments is not None and like_payments not in streams:
        tracked = (home() / "jobs" / "payments.toml").read_text()
        wanted[f"{like_payments}.toml"] = _on_stream(tracked, like_payments)
    jobs = run / "jobs"
    jobs.mkdir(exist_ok=True)
    for job in jobs.glob("*.toml"):
        if job.name not in wanted and not _for_another_engine(job):
            job.unlink()
    for name, text in wanted.items():
        _put(jobs / name, text)


def _for_another_engine(job: Path) -> bool:
    """Whether `atipico apply` put it there, for the agent behind a real Kapacitor."""
    try:
        return bool(_told(job).get("engine", ENGINES[0]) != ENGINES[0])
    except Refused:
        return False


def _put(path: Path, text: str) -> None:
    """Write a file where it does not hold that already: parts that live on read some of them."""
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _stream(job: Path) -> str:
    try:
        return str(_told(job)["stream"])
    except KeyError as error:
        raise Refused(f"{job} is no job: {error}; correct it or take it out of the folder") from error


def _told(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Refused(f"{path} can't be read: {error}; correct it or take it out of the folder") from error


def _on_stream(job: str, measurement: str) -> str:
    """The same job reading another measurement, whose fields have the same names."""
    moved, found = re.subn(r"(?m)^stream\s*=.*$", f'stream = "{measurement}"', job)
    if found != 1:
        raise Refused(f"jobs/payments.toml: {found} lines begin with `stream =`, one is needed")
    return moved


def write_streams(run: Path, data: Path | None, rate: float | None) -> None:
    """Put down what the generator streams. `rate` (samples/s) is the file's where there is one, else payments'."""
    payments = PAYMENTS_RATE if data or rate is None else rate
    streams = [("payments", f"rate = {payments:g}"), ("machine", "rate = 1")]
    if data is not None:
        streams.append(("file", f"rate = {rate or FILE_RATE:g}\nfile = {_quoted(data)}"))
    text = "".join(f"[streams.{source}]\nsource = {_quoted(source)}\n{rest}\n\n" for source, rest in streams)
    _put(run / "generator.toml", text)


def write_lab(run: Path, wanted: bool) -> None:
    """Make the lab's folder, by which it is a part of this run, afresh unless it lives; none if unwanted."""
    if not wanted or "lab" not in processes.running(run):
        shutil.rmtree(run / "lab", ignore_errors=True)
    if wanted:
        (run / "lab").mkdir(mode=0o700, exist_ok=True)


def _quoted(text: object) -> str:
    """A TOML string; JSON's are, as long as what is not ASCII stays as it is."""
    return json.dumps(str(text), ensure_ascii=False)
