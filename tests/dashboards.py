"""A dashboard's panels as a test asks them: Grafana's macros filled in, statement by statement."""

from __future__ import annotations

import time

from atipico.engines.grafana.ask import filled, queries
from stack.conftest import Stack
from waiting import until


def statements(to_ns: int, minutes: int = 30) -> dict[str, str]:
    """Each query of each panel, and of what can be chosen, over the minutes up to a time."""
    return {name: filled(query, to_ns - minutes * 60 * 10**9, to_ns) for name, query in queries().items()}


def fill(stack: Stack) -> None:
    """Wait until the running chain has something for every panel: scores, a sample that has none, anomalies, labels."""
    stack.write(b"payments,shard=0 amount=1 1700000000000000000")
    now = time.time_ns()
    stack.write(f"payments,shard=0 amount=1 {now}\nlabels,source=payments,told_by=person label=1i,id=1i {now}".encode())
    for where in ("anomalous = true", "scored = false"):
        until(lambda where=where: stack.scores(f"time > {now - 600 * 10**9} AND {where}"))
    for field in ("answered_p99_ms", "scored_p99_ms", "lag_s"):
        until(lambda field=field: stack.query(f'SELECT max("{field}") FROM "parts"'))
    rates = 'SELECT non_negative_derivative(max("samples_out"), 1s) FROM "parts"'
    until(lambda: stack.query(f"{rates} WHERE time > {now - 600 * 10**9} GROUP BY time(10s)"))
