"""Every input that was worth keeping, once more: what a fuzzer found stays found."""

from __future__ import annotations

import subprocess
import sys

import pytest

from fuzz.run import CORPUS, environment
from fuzz.targets import TARGETS

MOST_BYTES = 300_000  # of all files


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_of_the_corpus_breaks_its_parser(name):
    files = sorted(map(str, (CORPUS / name).iterdir()))
    assert files

    done = subprocess.run(
        [sys.executable, "-m", "fuzz.replay", name, *files],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-4000:]


def test_a_target_that_breaks_would_be_seen(tmp_path):
    broken = tmp_path / "fuzz_broken.py"
    broken.write_text(
        "import sys; from pathlib import Path; from fuzz import replay\n"
        "from fuzz.targets import Target\n"
        "replay.load = lambda name: Target(lambda data: data.decode(), (), 10)\n"
        "print([path.name for path in replay.replay('x', [Path(word) for word in sys.argv[1:]])])"
    )
    (tmp_path / "good").write_bytes(b"a")
    (tmp_path / "bad").write_bytes(b"\xff")

    done = subprocess.run(
        [sys.executable, str(broken), str(tmp_path / "good"), str(tmp_path / "bad")],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stdout == "['bad']\n", done.stderr
    assert "UnicodeDecodeError" in done.stderr


def test_the_corpus_is_small_and_of_known_targets():
    files = [path for path in CORPUS.rglob("*") if path.is_file()]

    assert sum(path.stat().st_size for path in files) < MOST_BYTES
    assert {path.parent.name for path in files} == set(TARGETS)
