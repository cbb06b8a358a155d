"""The pages under docs/add are worked examples: each is followed to the letter in a clone of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from docs.pages import Block, blocks
from docs.reader import HOUSE, Reader

ADD = HOUSE / "docs" / "add"

pytestmark = pytest.mark.skipif(not shutil.which("curl"), reason="the pages ask with curl, which is not here")


def page(name: str) -> list[Block]:
    return blocks((ADD / f"{name}.md").read_text())


@pytest.fixture
def reader() -> Iterator[Reader]:
    someone = Reader()
    yield someone
    someone.close()


def test_a_data_set_and_then_a_model_on_it(reader):
    reader.follow(page("dataset"))
    reader.follow(page("model"))


@pytest.mark.parametrize("name", ["feature", "scorer"])
def test_what_needs_no_running_stack(reader, name):
    reader.follow(page(name))


def test_a_source_beside_the_running_stack(reader):
    reader.type("./up.sh")
    reader.follow(page("source"))
