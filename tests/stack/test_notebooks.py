"""The notebooks run as they stand, against a running stack, and show what they say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jupytext
import nbclient
import pytest
from nbclient.exceptions import CellExecutionError

from atipico.lab.export import to_pdf
from docs.pages import pictures
from executed import complaints, pictures_of, score_of, shown

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"

pytestmark = pytest.mark.parametrize("stack", [("--rate", "50")], indirect=True)


def execute(stack, notebook: Any) -> Any:
    """Every cell, in a kernel that finds this stack; the notebook with its outputs."""
    runner = nbclient.NotebookClient(
        notebook, timeout=100, kernel_name="python3", resources={"metadata": {"path": str(NOTEBOOKS)}}
    )
    runner.execute(env=stack.env)
    return notebook


def test_hello_connects_plots_asks_the_model_and_sees_its_own_strange_sample_flagged(stack):
    hello = execute(stack, jupytext.read(NOTEBOOKS / "00-hello.py"))

    assert "anomalous=False" in shown(hello, 'client.classify(usual, model="payments")')
    assert "anomalous=True" in shown(hello, '"amount": 600.0')
    assert "did you mean 'payments'" in shown(hello, "paymets")
    assert "True" in shown(hello, "wait_for_scores(written)")
    assert "1 samples written to payments" in shown(hello, "client.write(strange")
    assert re.search(r"payments +90\d{10} +1$", shown(hello, "client.label("))
    assert pictures_of(hello) == 2
    assert not complaints(hello)


@pytest.mark.timeout(300)  # two kernels import half the ecosystem, on a machine that may be busy
def test_the_rest_api_scores_json_and_blocks_alike_and_says_what_it_refuses(stack, tmp_path):
    rest = course_of("05-rest", 3, stack, tmp_path)

    assert "payments@1" in shown(rest, 'pd.DataFrame(told["models"])')
    assert "'anomalous': [False, True]" in shown(rest, "[usual, strange]")
    assert "to the last bit: True" in shown(rest, "to the last bit")
    assert re.findall(r"^    (\d+) ", shown(rest, "def refused"), re.MULTILINE) == [
        *("404", "400", "400", "400", "415", "409", "400")
    ]
    assert "did you mean 'amount'" in shown(rest, "def refused")
    together = re.findall(r"^(\d+) +(\d+) +(\d+)$", shown(rest, "def rows_a_second"), re.MULTILINE)
    one, most = [int(value) for value in together[0]], [int(value) for value in together[-1]]
    assert (one[0], most[0]) == (1, 10_000)
    assert most[1] > 2 * one[1], together
    assert most[2] > 10 * one[2], together
    assert "anomalous=True" in shown(rest, "client.classify(strange")
    assert re.search("Unknown: no column 'amount'.*NotYet: classifier at", shown(rest, "except NotYet"), re.DOTALL)
    assert shown(rest, "celsius = 20").endswith("204")
    assert "partial write: field type conflict" in shown(rest, "bad = ")
    assert ["notebook_05"] not in stack.query("SHOW DATABASES")[0]["values"]


@pytest.mark.timeout(300)
def test_the_live_notebook_sees_anomalies_what_is_late_and_the_task_that_kapacitor_would_run(stack, tmp_path):
    live = course_of("06-live", 4, stack, tmp_path)

    assert re.search(r"^42 .* True", shown(live, "*dice.normal"), re.MULTILINE)
    at_once, later, too_late = shown(live, "at_once = "), shown(live, "later = "), shown(live, "hour = ")
    assert score_of("0", at_once) > score_of("the burst", later) == score_of("the burst", too_late)
    assert ("late 3" in later, "late 36" in too_late) == (False, True)
    assert all(line.split()[-1] in ("0.0", "NaN") for line in shown(live, "client.status()").splitlines()[2:])
    assert ".job('course')" in shown(live, "print(script(")
    assert "(['embedded', 'kapacitor', 'polled'], 1)" in shown(live, "job._replace")


def course_of(name: str, pictures_in_it: int, stack, folder: Path) -> Any:
    """The notebook, executed; it says what it is for, complains of nothing, and has its pictures, as PDF too."""
    notebook = execute(stack, jupytext.read(NOTEBOOKS / f"{name}.py"))
    to_pdf(notebook, folder / "made.pdf")
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert all(part in text for part in ("**Goal.**", "**Resumen.**", "## What we saw"))
    assert not complaints(notebook)
    assert pictures_of(notebook) == pictures_in_it
    assert pictures((folder / "made.pdf").read_bytes()) == pictures_in_it
    return notebook


def test_the_control_a_notebook_that_fails_is_seen_to_fail(stack):
    broken = jupytext.reads('# %%\nimport atipico\natipico.Client().samples("paymets")\n', fmt="py:percent")

    with pytest.raises(CellExecutionError, match="did you mean 'payments'"):
        execute(stack, broken)
