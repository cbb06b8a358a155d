"""The tests that need the real servers: asked for by ./test.sh --real, where a missing one is a failure."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import servers
from beside import Beside
from running_store import RunningStore
from servers import Influx, Server

HERE = Path(__file__).parent
ASKED = os.environ.get("ATIPICO_TEST_REAL") == "1"
collect_ignore_glob = [] if ASKED else ["test_[!a]*.py"]  # test_asked_for.py says that these were left out
_running: list[Server] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.real)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> object:
    """A failure shows what the servers said."""
    report = yield
    if report.failed and HERE in item.path.parents:
        for server in _running:
            report.sections.append((f"{server.name} at {server.url}", server.tail()))
    return report


@pytest.fixture(scope="session", autouse=True)
def _all_here() -> None:
    assert not ASKED or not servers.missing(), servers.missing()


@pytest.fixture(scope="session")
def versions() -> dict[str, str]:
    return {name: servers.version(name) for name in servers.PLACES}


def _run(server: Server) -> Server:
    _running.append(server)
    return server


def _end(started: list[Server]) -> None:
    for server in reversed(started):
        server.stop()
        _running.remove(server)


@pytest.fixture(scope="session")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    """One InfluxDB for all tests that bring a database of their own."""
    server = Influx(tmp_path_factory.mktemp("influxd"))
    _run(server)
    try:
        yield server.start()
    finally:
        _end([server])


@contextmanager
def _made_in(folder: Path) -> Iterator[Callable[..., Server]]:
    """Makes servers, which are stopped behind it, the last first: new(Influx), new(Grafana, ...)."""
    started: list[Server] = []

    def make(kind: type[Server], *arguments: object, **more: object) -> Server:
        server = kind(folder / f"{kind.name}-{len(started)}", *arguments, **more)
        started.append(_run(server))
        return server

    try:
        yield make
    finally:
        _end(started)


@pytest.fixture
def new(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Makes servers of the test's own."""
    with _made_in(tmp_path) as make:
        yield make


@pytest.fixture(scope="module")
def new_for_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Makes servers of all tests of a file."""
    with _made_in(tmp_path_factory.mktemp("servers")) as make:
        yield make


@pytest.fixture(scope="session")
def both(influx: Influx, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Beside]]:
    """Our store beside the real InfluxDB: each call makes a database of its own in both."""
    store = RunningStore(tmp_path_factory.mktemp("store")).start()
    yield lambda: Beside(store.url, influx.url)
    store.stop()
