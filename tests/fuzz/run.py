"""Runs targets under libFuzzer, two at a time: `python -m fuzz.run [--minutes N] [NAME ...]` (in tests/; `make fuzz`).

What is new and worth keeping goes to a folder of its own, as does each find; the corpus in the tree is only read.
`--keep` adds to the tree what reaches code that the corpus does not.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from fuzz.targets import TARGETS

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
AT_ONCE = 2
_LONGEST_S = 10  # of one input
_MEMORY_MB = 1024
_SHOWN = 2500
_MOST_KEPT = 40  # new files of one target


class Run(NamedTuple):
    """execs: inputs that were tried. find: the input that failed, None where none did. said: the end of its words."""

    name: str
    seconds: float
    execs: int
    find: Path | None
    said: str


def environment() -> dict[str, str]:
    """The targets' own: they import from tests/ and services/."""
    tests = HERE.parent
    path = os.pathsep.join([str(tests), str(tests.parent / "services")])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}


def guided(name: str, seconds: float, work: Path, execs: int = 0) -> Run:
    """One target for so long. work: where it leaves what it finds. execs: so many inputs at most, always the same."""
    new, finds = work / name / "new", work / name / "finds"
    for folder in (new, finds):
        folder.mkdir(parents=True, exist_ok=True)
    known = [str(CORPUS / name)] if (CORPUS / name).is_dir() else []
    words = [f"-max_total_time={round(seconds)}", f"-timeout={_LONGEST_S}", f"-rss_limit_mb={_MEMORY_MB}"]
    words += [f"-runs={execs}", "-seed=1"] if execs else []
    words += [f"-artifact_prefix={finds}/", "-print_final_stats=1", "-verbosity=0", str(new), *known]
    done = _libfuzzer(name, words, seconds + 60)
    tried = re.search(r"number_of_executed_units:\s*(\d+)", done)
    took = re.search(r"Done \d+ runs in (\d+) second", done)
    found = sorted(finds.iterdir())
    if not found and tried is None:  # it never began
        found = [finds]
    return Run(
        name,
        float(took[1]) if took else seconds,
        int(tried[1]) if tried else 0,
        found[0] if found else None,
        _told(done),
    )


def all_guided(names: Iterable[str], seconds: float, work: Path, execs: Mapping[str, int] | None = None) -> list[Run]:
    """Each target for so many seconds, some at a time. execs: see `guided`."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(lambda name: guided(name, seconds, work, (execs or {}).get(name, 0)), names))


def keep(name: str, work: Path) -> None:
    """Add to the corpus in the tree what reaches code that it does not reach."""
    (CORPUS / name).mkdir(parents=True, exist_ok=True)
    before = set(CORPUS.joinpath(name).iterdir())
    _libfuzzer(name, ["-merge=1", f"-timeout={_LONGEST_S}", str(CORPUS / name), str(work / name / "new")], 900)
    added = sorted(set((CORPUS / name).iterdir()) - before, key=lambda path: path.stat().st_size)
    for path in added[_MOST_KEPT:]:
        path.unlink()
    for path in added[:_MOST_KEPT]:
        path.rename(path.with_name(path.name[:12]))


def table(runs: Sequence[Run]) -> str:
    """What was tried, for a person."""
    rows = [f"{run.name:12} {run.execs:>10,} {run.seconds:>8.0f} s  {run.find or 'none'}" for run in runs]
    seconds, execs = sum(run.seconds for run in runs), sum(run.execs for run in runs)
    head = f"{'target':12} {'execs':>10} {'time':>10}  find"
    return "\n".join([head, *rows, f"{'all':12} {execs:>10,} {seconds / 60:>6.1f} min"])


def again(run: Run) -> str:
    """The line that tries a find again."""
    return f"cd tests && PYTHONPATH=.:../services ../.venv/bin/python -m fuzz.replay {run.name} {run.find}"


def _told(said: str) -> str:
    """The end of what it said, without what it always says."""
    lines = [line for line in said.splitlines() if not line.startswith(("INFO:", "WARNING: Failed to find", "stat::"))]
    return "\n".join(lines)[-_SHOWN:]


def _libfuzzer(name: str, words: Sequence[str], within_s: float) -> str:
    command = [sys.executable, "-m", "fuzz.guided", name, *words]
    try:
        done = subprocess.run(
            command, env=environment(), capture_output=True, timeout=within_s, check=False, stdin=subprocess.DEVNULL
        )
        return (done.stdout + done.stderr).decode(errors="replace")
    except subprocess.TimeoutExpired as error:
        return f"{(error.stderr or b'').decode(errors='replace')}\nstill running after {within_s:g} s"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(TARGETS)}; all unless given")
    parser.add_argument("--minutes", type=float, default=10.0, help="in all, by the wall clock")
    parser.add_argument("--keep", action="store_true", help="add what reaches new code to the corpus in the tree")
    given = parser.parse_args()
    names = given.names or list(TARGETS)
    if unknown := set(names) - set(TARGETS):
        parser.error(f"no target {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    work = Path(tempfile.mkdtemp(prefix="atipico-fuzz-"))
    seconds = given.minutes * 60 * min(AT_ONCE, len(names)) / len(names)
    print(f"{len(names)} targets, {seconds:.0f} s each, {AT_ONCE} at a time; finds go to {work}", flush=True)
    runs = all_guided(names, seconds, work)
    for run in runs:
        if run.find:
            print(f"\n{run.said}\nagain: {again(run)}\n")
    print(table(runs))
    if given.keep:
        for name in names:
            keep(name, work)
    return int(any(run.find for run in runs))


if __name__ == "__main__":
    sys.exit(main())
