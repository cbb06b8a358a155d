"""What the pages say is what the house does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
CONFIGS = sorted((HOUSE / "services" / "atipico").rglob("config.toml"))


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.parent.name)
def test_a_services_readme_shows_its_very_config_file(config):
    assert config.read_text() in (config.parent / "README.md").read_text()


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_every_file_that_a_page_names_is_there(page):
    text = (HOUSE / page).read_text()
    named = re.findall(r"\]\(([^)#:]+)\)", text) + re.findall(r"`((?:services|data|jobs|models|docs)/[^`]*)`", text)

    missing = [name for name in named if not list(HOUSE.glob(name.rstrip("/")))]

    assert named
    assert not missing
