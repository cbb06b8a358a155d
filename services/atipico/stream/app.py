"""The stream host: wiring."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

from atipico import logs
from atipico.config import load, run_dir, socket_path
from atipico.heartbeat import say_left, start_beating
from atipico.stream.alerts import alert_feeds
from atipico.stream.jobs import readable_jobs, readable_ledgers
from atipico.stream.relay import make_relay, sink_feed
from atipico.stream.runner import JobRunner
from atipico.stream.sender import DRAIN_S
from atipico.stream.settings import HostSettings
from atipico.web import serve_metrics


def run() -> None:
    """Run every job of the run folder in the foreground until SIGTERM."""
    logs.start("host")
    settings = load(HostSettings)
    socket = Path(settings.agent_socket) if settings.agent_socket else socket_path("agent")
    jobs, stop = readable_jobs(run_dir() / "jobs"), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    start_beating("host")
    serve_metrics("host", settings.metrics_port)
    ledgers = readable_ledgers(run_dir() / "host", jobs)
    runners = [JobRunner(jobs[name], settings, socket, ledger, stop) for name, ledger in ledgers.items()]
    threads = [
        threading.Thread(target=runner.run, name=f"job {name}", daemon=True)
        for name, runner in zip(ledgers, runners, strict=True)
    ]
    feeds = [
        (jobs[name], feed)
        for name in ledgers
        for feed in [*(sink_feed(jobs[name], spec) for spec in jobs[name].sinks), *alert_feeds(jobs[name], settings)]
    ]
    relays = [make_relay(job, feed, settings, stop) for job, feed in feeds]
    for relay in relays:  # a far side may take its time; whoever is killed meanwhile goes on from its mark
        threading.Thread(target=relay.run, name="sink", daemon=True).start()
    for thread in threads:
        thread.start()
    while not stop.wait(1.0):  # a signal that the system gave to another thread does not wake this one
        continue
    deadline = time.monotonic() + DRAIN_S + 2.0  # a store that does not answer is given up: its log is read again
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    left = {
        "samples without an outcome, sent again by the next start": sum(runner.unanswered for runner in runners),
        "bytes of the store's log unread, read by the next start": sum(runner.unread for runner in runners),
    }
    say_left("host", **left)
