"""The one test of this folder that runs without the real servers, to say that the others did not."""

import os

import pytest


def test_the_real_servers_are_asked_for():
    if os.environ.get("ATIPICO_TEST_REAL") != "1":
        pytest.skip("the tests in tests/real are left out: ./test.sh --real")
