"""The doctor: looks at everything that has to be right, and follows one sample through the chain."""

from __future__ import annotations

from collections.abc import Iterator

from atipico.config import home, run_dir
from atipico.engines.doctor import elsewhere, machine, stack
from atipico.engines.doctor.finding import Finding, fault, ok, warning
from atipico.engines.doctor.packages import packages
from atipico.engines.doctor.trip import HOPS, Trip, round_trip
from atipico.engines.embedded.parts import port
from atipico.engines.embedded.status import rows
from atipico.registry.jobs import load_job

_CURES = {
    "accepted": "the store took nothing: atipico logs store",
    "in the log": "the store took it and does not hand it out: atipico logs store",
    "scored": "it is in the log and has no outcome: atipico logs host, agent, classifier, in this order",
    "visible": "its outcome is written and no query shows it: atipico logs store",
}


def examine() -> Iterator[Finding]:
    """Look at one thing after the other; what each look finds, as it is found."""
    run = run_dir()
    yield machine.python()
    yield packages(home() / "requirements.txt")
    yield machine.disk(run)
    yield machine.folder(run)
    yield machine.clock()
    yield machine.socket_room()
    yield from elsewhere.store()
    table = rows()
    running = {row["name"] for row in table if row["pid"] is not None}
    yield from stack.ports(running)
    if not running:
        yield ok("parts", "nothing runs; ./up.sh starts it")
        return
    yield from stack.parts(table)
    yield stack.agent_socket("agent" in running)
    if "store" not in running:
        return
    yield stack.newest()
    probe = run / "jobs" / "doctor.toml"
    if probe.is_file():
        yield told(round_trip(load_job(probe), port("store")))
    else:
        yield warning("round trip", "no job `doctor` in this run folder", "./down.sh and ./up.sh put it there")


def told(trip: Trip) -> Finding:
    """What a trip says: each hop's own time, in the order of the way."""
    parts, before = [], 0.0
    for hop in HOPS:
        if hop in trip.ms:
            parts.append(f"{hop} {max(0.0, trip.ms[hop] - before):.1f} ms")
            before = max(before, trip.ms[hop])
    way = ", ".join(parts) or "it was not taken"
    if not trip.stuck:
        return ok("round trip", f"{way}: {before:.1f} ms in all")
    why = f" ({trip.why})" if trip.why else ""
    return fault("round trip", f"{way}, then not {trip.stuck}{why}", _CURES[trip.stuck])
