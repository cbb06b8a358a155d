"""One running stack for all pages that only look at one, and a clone for each page that builds on its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from docs.reader import Reader


@pytest.fixture
def reader() -> Iterator[Reader]:
    """Somebody with a fresh clone; nothing runs in it."""
    someone = Reader()
    yield someone
    someone.close()


@pytest.fixture(scope="package")
def running() -> Iterator[Reader]:
    """Somebody who has typed ./up.sh; at the end ./down.sh is typed."""
    someone = Reader()
    try:
        someone.type("./up.sh")
        yield someone
        someone.type("./down.sh")
    finally:
        someone.close()
