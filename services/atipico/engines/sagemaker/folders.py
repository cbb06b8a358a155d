"""The folders that SageMaker gives a container, /opt/ml, and what stands in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from atipico.errors import Refused

ROOT = Path("/opt/ml")
CONFIG = "config"  # the channel with recipe, job and dataset, where the image's own are not meant
_KINDS = (".csv", ".parquet")
_FAILURE = 1024  # characters that SageMaker shows


class Folders(NamedTuple):
    """root: /opt/ml, or another folder laid out like it."""

    root: Path = ROOT

    @property
    def model(self) -> Path:
        """What a training leaves here is the model, and is here again when it is served."""
        return self.root / "model"

    @property
    def output(self) -> Path:
        return self.root / "output"

    def hyperparameters(self) -> dict[str, str]:
        """Texts by name, without those that SageMaker's own tools add. Raises Refused for a file that is none."""
        path = self.root / "input" / "config" / "hyperparameters.json"
        try:
            told = json.loads(path.read_bytes()) if path.exists() else {}
        except (OSError, ValueError) as error:
            raise Refused(f"{path}: {error}") from error
        if not isinstance(told, dict):
            raise Refused(f"{path}: needed an object of names and texts")
        return {name: str(value) for name, value in told.items() if not name.startswith("sagemaker_")}

    def channel(self, name: str) -> Path | None:
        """The folder of an input channel, None where there is none of that name."""
        path = self.root / "input" / "data" / name
        return path if path.is_dir() else None

    def recording(self) -> Path:
        """The one CSV or Parquet file of the channels that bring samples. Raises Refused for none and for several."""
        channels = [path for path in sorted((self.root / "input" / "data").glob("*/")) if path.name != CONFIG]
        files = [file for path in channels for file in sorted(path.rglob("*")) if file.suffix.lower() in _KINDS]
        if len(files) != 1:
            found = ", ".join(str(file) for file in files[:5]) or "none"
            raise Refused(f"channels in {self.root / 'input' / 'data'}: one .csv or .parquet was needed, found {found}")
        return files[0]

    def tell_failure(self, why: str) -> None:
        """What SageMaker shows as the reason of a training that failed."""
        self.output.mkdir(parents=True, exist_ok=True)
        (self.output / "failure").write_text(why[:_FAILURE] + "\n", encoding="utf-8")
