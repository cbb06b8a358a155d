"""A store that is killed while it is written to: every line that was answered 204 is there, once."""

from __future__ import annotations

import os
import random
import threading

import requests

from running_store import RunningStore
from waiting import until

WRITERS, PER_BODY = 4, 40


class Writers:
    """Threads that each write bodies of numbered lines of their own series, until the store is gone."""

    def __init__(self, store: RunningStore, round_: int) -> None:
        self.answered: set[tuple[str, int]] = set()
        self.sent: set[tuple[str, int]] = set()
        self._store = store
        self._threads = [threading.Thread(target=self._write, args=(f"{round_}.{n}",)) for n in range(WRITERS)]
        for thread in self._threads:
            thread.start()

    def wait(self) -> None:
        for thread in self._threads:
            thread.join(30)

    def _write(self, series: str) -> None:
        session, number = requests.Session(), 0
        while True:
            points = {(series, number + k) for k in range(PER_BODY)}
            number += PER_BODY
            body = "".join(
                f'm,w={name} v={time_}i,s="{"x" * (time_ % 50)}" {time_}\n' for name, time_ in sorted(points)
            )
            self.sent |= points
            try:
                if session.post(f"{self._store.url}/write?db=atipico", body.encode(), timeout=10).status_code != 204:
                    return
            except requests.RequestException:
                return
            self.answered |= points


def logged(store: RunningStore) -> list[tuple[str, int]]:
    """What the log holds, as a host reads it."""
    found, offset = [], "first"
    while True:
        params = {"db": "atipico", "measurement": "m", "offset": offset, "limit": 2**20}
        answer = requests.get(f"{store.url}/log", params=params, timeout=30)
        assert answer.status_code == 200
        if not answer.content:
            return found
        offset = answer.headers["X-Atipico-Next"]
        for line in answer.text.splitlines():
            head, _, time_ = line.split(" ")
            found.append((head.partition("w=")[2], int(time_)))


def shown(store: RunningStore) -> int:
    """What a query counts."""
    rows = store.query('SELECT count("v") FROM "m"')
    return rows[0][1] if rows else 0


def crash(store: RunningStore, seed: int) -> Writers:
    """Kill a store under writes, once so many lines were answered as the seed says."""
    writers, answered = Writers(store, seed), random.Random(seed).randrange(400, 3000)
    until(lambda: len(writers.answered) > answered)
    store.kill()
    writers.wait()
    return writers


def test_what_was_answered_survives_each_kill_and_is_there_once(tmp_path):
    store = RunningStore(tmp_path, segment="100000B", backlog=2000).start()
    answered, sent = set(), set()

    for seed in range(4):
        writers = crash(store, seed)
        answered |= writers.answered
        sent |= writers.sent
        store.start()

    found = logged(store)
    assert len(answered) > 1000
    assert answered <= set(found) <= sent
    assert len(found) == len(set(found)) == shown(store)
    assert store.stop() == 0


def test_the_check_sees_a_store_that_loses_what_it_answered(tmp_path):
    store = RunningStore(tmp_path).start()
    answered = crash(store, 7).answered
    newest = max(tmp_path.glob("data/atipico/log/*.log"))

    os.truncate(newest, 20)  # in its first record, as if it had answered before its log was on disk
    for path in tmp_path.glob("data/atipico/tables.sqlite*"):
        path.unlink()
    store.start()

    assert not answered <= set(logged(store))
    assert shown(store) < len(answered)
    assert "torn end" in store.said.read_text()
    store.kill()
