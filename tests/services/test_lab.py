"""The lab before it serves: what has to be installed, the notebooks that it pairs, the address that it tells."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import jupytext
import pytest

from atipico.config import load
from atipico.lab.pair import pair
from atipico.lab.settings import LabSettings

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
TEXT = "# %% [markdown]\n# # Two\n\n# %%\n1 + 1\n"


@pytest.mark.parametrize("words", [["up", "--lab"], ["lab"]])
def test_without_jupyterlab_one_sentence_tells_the_cure_and_nothing_is_started(tmp_path, words):
    code = "import sys; sys.modules['jupyterlab'] = None; from atipico.cli.main import main; main()"

    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        env={**os.environ, "ATIPICO_RUN": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 1
    assert (
        done.stderr.strip().splitlines()[-1].startswith("the lab needs jupyterlab, not installed here; `./up.sh --lab`")
    )
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_notebook_in_text_gets_its_ipynb_once_and_keeps_it(tmp_path):
    (tmp_path / "01-two.py").write_text(TEXT)
    (tmp_path / "helper.py").write_text("x = 1\n")

    made = pair(tmp_path)
    made[0].write_text("mine")

    assert [path.name for path in made] == ["01-two.ipynb"]
    assert pair(tmp_path) == []
    assert made[0].read_text() == "mine"


def test_the_ipynb_has_the_cells_of_the_text_and_no_output(tmp_path):
    (tmp_path / "01-two.py").write_text(TEXT)

    [made] = pair(tmp_path)
    cells = jupytext.read(made).cells

    assert [(cell.cell_type, cell.source) for cell in cells] == [("markdown", "# Two"), ("code", "1 + 1")]
    assert cells[1].outputs == []


@pytest.mark.parametrize("text", sorted(NOTEBOOKS.glob("*.py")), ids=lambda path: path.name)
def test_a_notebook_is_in_git_as_jupyterlab_saves_it(text):
    def without_version(lines: str) -> list[str]:
        return [line for line in lines.splitlines() if "jupytext_version" not in line]

    saved = jupytext.writes(jupytext.read(text), fmt="py:percent")

    assert without_version(saved) == without_version(text.read_text())


def test_the_address_names_the_first_notebook_where_there_is_one(tmp_path, monkeypatch):
    monkeypatch.setenv("ATIPICO_HOME", str(tmp_path))
    settings = load(LabSettings, port=10001)

    without = settings.address("t")
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "00-hello.py").write_text(TEXT)

    assert without == "http://127.0.0.1:10001/lab?token=t"
    assert settings.address("t") == "http://127.0.0.1:10001/lab/tree/00-hello.ipynb?token=t"
