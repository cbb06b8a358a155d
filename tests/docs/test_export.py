"""A notebook as PDF: what its cells showed stands in it, its pictures too, and one that fails writes none."""

from __future__ import annotations

import shutil

import pytest
from typer.testing import CliRunner

from atipico.cli.notebooks import app
from atipico.errors import Refused
from atipico.lab.export import find
from docs.pages import pictures

TEXT = """# %% [markdown]
# # A picture
#
# Its precision@k is no citation, 3 < 4 and $x^2$ is a formula.

# %%
import matplotlib.pyplot as plt

for last in (2, 3):
    plt.figure(figsize=(2, 1))
    plt.plot([1, last])
    plt.show()

# %%
print("shown")
"""


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A checkout with one notebook that works, one that fails, and one that wants a stack."""
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    (notebooks / "01-works.py").write_text(TEXT)
    (notebooks / "02-fails.py").write_text("# %%\n1 / 0\n")
    (notebooks / "05-live.py").write_text("# %%\nimport atipico\natipico.Client().status()\n")
    monkeypatch.setenv("ATIPICO_HOME", str(tmp_path))
    monkeypatch.setenv("ATIPICO_RUN", str(tmp_path / "run"))
    return notebooks


@pytest.mark.timeout(240)
def test_what_works_is_written_with_its_pictures_and_what_fails_or_has_no_stack_is_told(course):
    told = CliRunner().invoke(app, ["pdf"])

    pdf = (course / "pdf" / "01-works.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert pictures(pdf) == 2
    assert b"mailto:" not in pdf
    assert [path.name for path in (course / "pdf").iterdir()] == ["01-works.pdf"]
    assert "02-fails.py: a cell failed: ZeroDivisionError" in told.stderr
    assert "05-live: left out, it looks at a running stack" in told.stderr
    assert told.exit_code == 1
    assert "not written: 02-fails" in str(told.exception)


@pytest.mark.timeout(240)
def test_one_that_looks_at_a_stack_runs_on_that_which_is_named(course, monkeypatch):
    monkeypatch.setenv("ATIPICO_STORE_URL", "http://127.0.0.1:9")

    told = CliRunner().invoke(app, ["pdf", "05"])

    assert "05-live.py: a cell failed: NotYet: store at http://127.0.0.1:9" in told.stderr


def test_a_notebook_is_named_by_its_number_and_a_wrong_one_is_told(course):
    shutil.copy(course / "01-works.py", course / "helper.py")

    assert [path.name for path in find(course, [])] == ["01-works.py", "02-fails.py", "05-live.py"]
    assert [path.name for path in find(course, ["02", "01-works"])] == ["02-fails.py", "01-works.py"]
    with pytest.raises(Refused, match=r"no notebook '01-work' in .*did you mean '01-works'"):
        find(course, ["01-work"])
