"""Every line of the threat model names tests, and they are there."""

from __future__ import annotations

import re

import pytest

from docs.reader import HOUSE

PAGE = (HOUSE / "docs" / "security.md").read_text()
THREATS = [line for line in PAGE.partition("## Threats")[2].splitlines() if line.startswith("|")][2:]


def named(line: str) -> list[str]:
    return re.findall(r"`(tests/[^`]+)`", line.split("|")[4])


@pytest.mark.parametrize("line", THREATS, ids=lambda line: line.split("|")[2].strip()[:60])
def test_each_line_of_the_threat_model_names_tests_that_are_there(line):
    tests = named(line)

    assert len(line.split("|")) == 6
    assert tests
    for test in tests:
        file, _, name = test.partition("::")
        assert (HOUSE / file).is_file(), test
        assert not name or re.search(rf"^def {name}\(", (HOUSE / file).read_text(), re.MULTILINE), test


def test_the_threat_model_is_not_empty():
    assert len(THREATS) > 20


def test_control_a_test_that_is_not_there_would_be_seen():
    with pytest.raises(AssertionError):
        test_each_line_of_the_threat_model_names_tests_that_are_there("| a | b | c | `tests/unit/test_secret.py::no` |")
