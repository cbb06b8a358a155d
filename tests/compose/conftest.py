"""The stack in containers is tried where the real servers are asked for; there a missing Docker is a failure."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
REAL = os.environ.get("ATIPICO_TEST_REAL") == "1"
WITHOUT = os.environ.get("ATIPICO_TEST_DOCKER") == "no"  # .ci/run, where Docker can't be had at all
collect_ignore = [] if REAL and not WITHOUT else ["test_containers.py"]  # test_asked_for.py says so


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path == HERE / "test_containers.py":
            item.add_marker(pytest.mark.real)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> object:
    """A failure shows what the containers said."""
    report = yield
    stack = getattr(item, "funcargs", {}).get("stack")
    if report.failed and stack is not None:
        report.sections.append(("containers", stack.tail()))
    return report


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """One stack for all tests of a module, not yet up; at the end nothing of it is left."""
    from compose.composed import Composed

    composed = Composed(tmp_path_factory.mktemp("stack"))
    try:
        yield composed
    finally:
        composed.command("down", "--purge", "--yes")
