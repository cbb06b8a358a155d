"""docs/replay.md to the letter: its commands print what it shows, its table is the one that is there."""

from __future__ import annotations

from docs.pages import blocks
from docs.reader import HOUSE

PAGE = (HOUSE / "docs" / "replay.md").read_text()


def test_the_commands_of_the_page_print_what_it_shows(reader):
    reader.follow([block for block in blocks(PAGE) if block.kind in ("sh", "text")])

    written = ("scores", "week", "january", "february")
    assert all((reader.clone / f"{name}.parquet").is_file() for name in written)


def test_the_page_shows_the_very_table_of_what_is_expected():
    (shown,) = [block for block in blocks(PAGE) if block.kind == "csv"]

    assert shown.path == "data/payments/expect.csv"
    assert shown.text == (HOUSE / shown.path).read_text()
