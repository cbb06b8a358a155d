"""Each line of docs/guarantees.md names the tests that would fail if it did not hold; they are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_ROW = re.compile(r"^\| (?!promise|---)(.+?) \| (.*?) ?\| (.+) \|$", re.MULTILINE)
ROWS = _ROW.findall((ROOT / "docs" / "guarantees.md").read_text())


def names_in(file: str) -> set[str]:
    """The names of the tests in a file of this name."""
    (path,) = (ROOT / "tests").rglob(file)
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def test_the_page_has_its_promises():
    assert len(ROWS) > 20


@pytest.mark.parametrize(("promise", "limit", "seen"), ROWS, ids=[row[0][:40] for row in ROWS])
def test_a_promise_names_tests_that_are_there(promise, limit, seen):
    named = re.findall(r"`(\w+\.py)::(\w+)`", seen)

    assert named, f"nothing would fail if this did not hold: {promise}"
    for file, test in named:
        assert test in names_in(file), f"{file} has no {test}"
