"""Some minutes of coverage-guided fuzzing, two targets at a time; `make fuzz MINUTES=60` for longer.

Here always the same inputs are tried, so that a change is told by what it breaks and not by the dice; new ones are
looked for by `make fuzz`, or with ATIPICO_FUZZ_SECONDS.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from fuzz.conftest import RUNS
from fuzz.run import AT_ONCE, again, all_guided
from fuzz.targets import TARGETS

SECONDS = float(os.environ.get("ATIPICO_FUZZ_SECONDS", "0"))  # by the wall clock, in all; 0: EXECS, whatever they take
EXECS = {  # about half a minute each
    "lines": 25_000,
    "influxql": 85_000,
    "query": 85_000,
    "written": 4_500,
    "gzip": 1_500_000,
    "store": 20_000,
    "classifier": 140_000,
    "rows_json": 2_400_000,
    "page": 15_000,
    "frames": 65_000,
    "points": 75_000,
    "session": 4_000,
    "answers": 190_000,
    "scorer": 150_000,
}
_LONGEST_S = 240.0  # of one target, however slow the machine
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None,
    reason="no atheris for this Python or machine (3.11 to 3.13; Linux); the corpus was replayed",
)


@pytest.fixture(scope="module")
def runs(request, tmp_path_factory):
    """Every target under libFuzzer."""
    each = max(2.0, SECONDS * AT_ONCE / len(TARGETS)) if SECONDS else _LONGEST_S
    runs = all_guided(TARGETS, each, tmp_path_factory.mktemp("fuzz"), None if SECONDS else EXECS)
    request.config.stash[RUNS] += runs
    return {run.name: run for run in runs}


def test_every_target_is_tried():
    assert EXECS.keys() == set(TARGETS)


@pytest.mark.timeout(SECONDS * 2 + _LONGEST_S * len(EXECS) / AT_ONCE + 300)
@pytest.mark.parametrize("name", TARGETS)
def test_no_input_that_could_be_found_breaks_a_parser(runs, name):
    run = runs[name]

    if run.find:
        shown = run.find.read_bytes()[:2000] if run.find.is_file() else b""
        pytest.fail(f"{run.said}\ninput: {shown!r}\nkeep it as tests/fuzz/corpus/{name}/NAME; again: {again(run)}")
    assert run.execs > 0


@pytest.mark.timeout(120)
def test_a_fault_that_only_guidance_reaches_would_be_found(tmp_path, monkeypatch):
    """The control: three bytes, each behind a branch of its own."""
    package = tmp_path / "atipico_broken"
    package.mkdir()
    (package / "__init__.py").write_text(
        "def attack(data):\n"
        "    if data[:1] == b'a':\n"
        "        if data[1:2] == b'b':\n"
        "            if data[2:3] == b'c':\n"
        "                raise RuntimeError('found')\n"
    )
    child = tmp_path / "child.py"
    child.write_text(
        "import sys, atheris\n"
        "with atheris.instrument_imports(include=['atipico_broken']):\n"
        "    import atipico_broken\n"
        "atheris.Setup(['x', *sys.argv[1:]], atipico_broken.attack)\n"
        "atheris.Fuzz()\n"
    )
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, str(child), "-max_total_time=60", f"-artifact_prefix={tmp_path}/"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )

    assert "RuntimeError: found" in done.stdout + done.stderr
    assert [path.read_bytes()[:3] for path in Path(tmp_path).glob("crash-*")] == [b"abc"]
