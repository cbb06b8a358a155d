"""Says that the tests in containers were left out, and why."""

import os

import pytest

from compose.conftest import REAL, WITHOUT


def test_the_stack_in_containers_is_asked_for():
    if not REAL:
        pytest.skip("the stack in containers is left out: ./test.sh --real")
    if WITHOUT:
        pytest.skip("NO DOCKER HERE: the stack in containers was not tried (ATIPICO_TEST_DOCKER=no)")
    assert os.environ.get("ATIPICO_TEST_DOCKER", "") in ("", "yes")
