"""docs/explain.md to the letter: its commands are typed, what it shows is what they print."""

from __future__ import annotations

import json

from atipico.registry.models import load
from docs.pages import blocks
from docs.reader import HOUSE

PAGE = (HOUSE / "docs" / "explain.md").read_text()


def test_the_commands_of_the_page_explain_a_recorded_sample_and_typed_features(reader):
    reader.follow([block for block in blocks(PAGE) if block.kind == "sh"])

    assert (reader.clone / "recorded.parquet").is_file()
    assert json.loads((reader.clone / "row.json").read_text())["cpu_z"] == 9


def test_the_features_that_the_page_shows_are_those_of_the_tracked_model():
    columns = load(HOUSE / "models" / "payments" / "1").columns
    live, exact = (block.text for block in blocks(PAGE) if block.kind == "text")

    shown = [part.split("=")[0] for part in live.strip().split(", ")]
    shown += [line.split()[1] for line in exact.splitlines() if "(usual " in line]

    assert len(shown) == 7
    assert set(shown) <= set(columns)
