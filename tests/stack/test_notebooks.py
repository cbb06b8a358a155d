"""The notebooks run as they stand, against a running stack, and show what they say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jupytext
import nbclient
import pytest
from nbclient.exceptions import CellExecutionError

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"

pytestmark = pytest.mark.parametrize("stack", [("--rate", "50")], indirect=True)


def execute(stack, notebook: Any) -> Any:
    """Every cell, in a kernel that finds this stack; the notebook with its outputs."""
    runner = nbclient.NotebookClient(
        notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(NOTEBOOKS)}}
    )
    runner.execute(env=stack.env)
    return notebook


def shown(notebook: Any, source: str) -> str:
    """What the one cell that has `source` in it shows, as text."""
    [cell] = [cell for cell in notebook.cells if cell.cell_type == "code" and source in cell.source]
    return "".join(out.get("text", "") or out.get("data", {}).get("text/plain", "") for out in cell.outputs)


def test_hello_connects_plots_asks_the_model_and_sees_its_own_strange_sample_flagged(stack):
    hello = execute(stack, jupytext.read(NOTEBOOKS / "00-hello.py"))

    pictures = [out for cell in hello.cells for out in cell.get("outputs", []) if "image/png" in out.get("data", {})]
    complaints = [out for cell in hello.cells for out in cell.get("outputs", []) if out.get("name") == "stderr"]
    assert "anomalous=False" in shown(hello, 'client.classify(usual, model="payments")')
    assert "anomalous=True" in shown(hello, '"amount": 600.0')
    assert "did you mean 'payments'" in shown(hello, "paymets")
    assert "True" in shown(hello, "wait_for_scores(written)")
    assert "1 samples written to payments" in shown(hello, "client.write(strange")
    assert re.search(r"payments +90\d{10} +1$", shown(hello, "client.label("))
    assert len(pictures) == 2
    assert not complaints


def test_the_control_a_notebook_that_fails_is_seen_to_fail(stack):
    broken = jupytext.reads('# %%\nimport atipico\natipico.Client().samples("paymets")\n', fmt="py:percent")

    with pytest.raises(CellExecutionError, match="did you mean 'payments'"):
        execute(stack, broken)
