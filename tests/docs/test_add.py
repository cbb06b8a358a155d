"""The pages under docs/add are worked examples: each is followed to the letter in a clone of its own."""

from __future__ import annotations

import shutil

import pytest

from docs.pages import Block, blocks
from docs.reader import HOUSE

ADD = HOUSE / "docs" / "add"

pytestmark = [
    pytest.mark.skipif(not shutil.which("curl"), reason="the pages ask with curl, which is not here"),
    pytest.mark.timeout(600),  # each starts the stack, some twice
]


def page(name: str) -> list[Block]:
    return blocks((ADD / f"{name}.md").read_text())


def test_a_data_set_and_then_a_model_on_it(reader):
    reader.follow(page("dataset"))
    reader.follow(page("model"))


@pytest.mark.parametrize("name", ["feature", "scorer"])
def test_what_needs_no_running_stack(reader, name):
    reader.follow(page(name))


@pytest.mark.parametrize("name", ["detector", "sink", "service"])
def test_what_is_seen_in_a_running_stack_of_its_own(reader, name):
    reader.follow(page(name))


def test_a_source_beside_the_running_stack(running):
    running.follow(page("source"))


def test_every_page_is_followed_by_a_test():
    followed = {"dataset", "detector", "model", "feature", "scorer", "service", "sink", "source"}

    assert {path.stem for path in ADD.glob("*.md")} - {"README"} == followed
