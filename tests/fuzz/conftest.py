"""What the fuzzers tried stands at the end of what pytest says."""

from __future__ import annotations

import pytest

from fuzz.run import Run, table

RUNS = pytest.StashKey[list[Run]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RUNS] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if runs := config.stash.get(RUNS, []):
        terminalreporter.section("fuzzers")
        terminalreporter.write_line(table(runs))
