"""Every panel of the dashboards finds rows in our store, on what the running chain made."""

from __future__ import annotations

import time

import pytest

from dashboards import fill, statements

pytestmark = pytest.mark.parametrize("stack", [("--rate", "300")], indirect=True)


def test_every_panel_finds_rows_in_the_embedded_store(stack):
    fill(stack)

    empty = [name for name, q in statements(time.time_ns()).items() if not stack.query(q)]

    assert not empty
