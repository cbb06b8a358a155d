"""A run: the folder `runs/<model>/<run>/` with all that is to be known of one training."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import orjson

from atipico.config import home
from atipico.errors import Refused, nearest

FILE, SAMPLE, ESTIMATORS = "run.json", "sample.npz", "estimators"
_PACKAGES = ("atipico", "numpy", "scikit-learn", "lightgbm", "onnx", "onnxruntime", "duckdb")


class Run:
    """What stands in run.json is in `told`, a stage an entry; `save` writes it at once or not at all."""

    def __init__(self, folder: Path, told: dict[str, Any]) -> None:
        self.folder, self.told = folder, told
        self.id = folder.name

    @classmethod
    def new(cls, runs: Path, model: str) -> Run:
        """An empty run, named by the time (UTC); a number behind it where that one is taken."""
        stamp, tries = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"), 1
        while True:
            folder = runs / model / (stamp if tries == 1 else f"{stamp}-{tries}")
            try:
                folder.mkdir(parents=True)
            except FileExistsError:
                tries += 1
                continue
            (folder / ESTIMATORS).mkdir()
            told: dict[str, Any] = {"model": model, "run": folder.name, "commit": commit(), "seconds": {}, "stages": {}}
            return cls(folder, told)

    @classmethod
    def find(cls, runs: Path, model: str, run: str | None) -> Run:
        """The run of that name, else the newest that was trained. Raises Refused when there is none."""
        known = {path.parent.name: path for path in sorted((runs / model).glob(f"*/{FILE}"))}
        if not known:
            raise Refused(f"no run of {model} in {runs}; begin with `atipico learn train -f FILE`")
        if run is not None and run not in known:
            raise Refused(f"no run {run!r} of {model}{nearest(run, known)}")
        path = known[run or max(known, key=lambda name: (len(name.split("-")[0]), name.split("-")[0], len(name), name))]
        try:
            told = orjson.loads(path.read_bytes())
            told.get("recipe", {"period": None})["period"]
        except (OSError, ValueError, AttributeError, TypeError) as error:
            raise Refused(f"{path} can't be read: {error}; train again") from error
        except KeyError as error:
            raise Refused(f"{path} is of an earlier version, which counted in days alone; train again") from error
        return cls(path.parent, told)

    def receipt(self, stage: str) -> dict[str, Any] | None:
        """What a stage of this run read and wrote; None where it was not done."""
        found: dict[str, Any] | None = self.told.get("stages", {}).get(stage)
        return found

    def figures(self) -> dict[str, Any]:
        """What this run found out, as run.json has it: without what became of it since, and how long that took."""
        told: dict[str, Any] = orjson.loads(orjson.dumps(self.told, option=orjson.OPT_SERIALIZE_NUMPY))
        return {name: one for name, one in told.items() if name not in ("stages", "registered", "seconds")}

    def save(self) -> None:
        draft = self.folder / f".{FILE}.{os.getpid()}"
        draft.write_bytes(orjson.dumps(self.told, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY) + b"\n")
        draft.replace(self.folder / FILE)

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Tell the seconds that `what` took."""
        begun = perf_counter()
        yield
        self.told["seconds"][what] = round(perf_counter() - begun, 2)

    def keep_sample(self, rows: np.ndarray, label: np.ndarray) -> None:
        """Rows of the training, float64 (n, k), that the model is compared on and described by."""
        np.savez_compressed(self.folder / SAMPLE, rows=rows, label=label)

    def sample(self) -> tuple[np.ndarray, np.ndarray]:
        with np.load(self.folder / SAMPLE, allow_pickle=False) as kept:
            return kept["rows"], kept["label"]


def commit() -> str | None:
    """The commit of the checkout that this runs from, with a + behind it where files differ; None without one."""
    git = ["git", "-C", str(home()), "describe", "--always", "--abbrev=40", "--match=", "--dirty=+"]
    try:
        return subprocess.run(git, capture_output=True, text=True, check=True, timeout=10).stdout.strip() or None
    except (OSError, subprocess.SubprocessError):
        return None


def versions() -> Mapping[str, str]:
    """What this run was made with."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
