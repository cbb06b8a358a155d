"""compose/.env: made once, private, kept."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from atipico.engines.compose import dotenv
from atipico.errors import Refused

DEFAULT = Path(__file__).parents[2] / "compose" / "default.env"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in ("GRAFANA_PORT", *dotenv.SECRETS):
        monkeypatch.delenv(name, raising=False)
    shutil.copy(DEFAULT, tmp_path)
    return tmp_path


def test_each_stack_gets_secrets_of_its_own_that_nobody_else_can_read(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    shutil.copy(DEFAULT, other)
    old = os.umask(0)
    try:
        made = [dotenv.make(folder), dotenv.make(other)]
    finally:
        os.umask(old)

    secrets = [value for path in made for name, value in dotenv.read(path).items() if name in dotenv.SECRETS]

    assert all(path.stat().st_mode & 0o777 == 0o600 for path in made)
    assert len(set(secrets)) == 2 * len(dotenv.SECRETS)
    assert min(map(len, secrets)) >= 32


def test_what_was_chosen_and_made_stays_and_what_is_new_is_added(folder):
    path = dotenv.make(folder)
    path.write_text(path.read_text().replace("GRAFANA_PORT=3000", "GRAFANA_PORT=3300").rstrip("\n"))
    before = dotenv.read(path)
    (folder / "default.env").write_text(DEFAULT.read_text() + "NEW_PORT=1234\n")

    dotenv.make(folder)

    assert dotenv.read(path) == {**before, "NEW_PORT": "1234"}
    assert before["GRAFANA_PORT"] == "3300"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in folder.iterdir() if one.name not in (".env", "default.env")] == []


def test_the_environment_goes_before_the_file_as_with_compose(folder, monkeypatch):
    path = dotenv.make(folder)
    monkeypatch.setenv("GRAFANA_PORT", "3333")

    assert dotenv.read(path)["GRAFANA_PORT"] == "3333"


def test_without_the_file_one_sentence_says_what_to_do(folder):
    with pytest.raises(Refused, match=r"run \./up\.sh docker once"):
        dotenv.read(folder / ".env")
