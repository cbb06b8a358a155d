"""A job: a model, or a detector, run over a stream into a stream, as one readable TOML file."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from atipico.alerts.spec import AlertSpec, parse_alert
from atipico.config import nanoseconds
from atipico.detectors.spec import DetectorSpec, parse_detector
from atipico.errors import Refused, nearest
from atipico.features.spec import FeatureSpec, LabelSpec, Over, parse_labels, parse_specs
from atipico.pace import Every, parse_every
from atipico.sinks.spec import SinkSpec, parse_sinks

ENGINES = ("embedded", "kapacitor", "polled")
_MOST_LATE = 3600 * 10**9  # ns
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_SETTINGS = {
    "model",
    "detector",
    "stream",
    "clock",
    "allowed_late",
    "every",
    "engine",
    "database",
    "scores",
    "sinks",
    "features",
    "labels",
    "alert",
}


class Job(NamedTuple):
    """model: NAME or NAME@VERSION, "" where a detector does its work. stream and scores: measurements of `database`.

    clock: the field (int, ns) its windows run on, or "" for the sample's own time. labels: where those come
    from that its features look at, None where none does. allowed_late: how far behind on the clock a sample may
    come, ns, and still count as if it had come in its order. every: how often samples are due, None where nobody says.
    alert: what a person is told, None where nobody is.
    """

    name: str
    model: str
    stream: str
    features: tuple[FeatureSpec, ...]
    clock: str = ""
    database: str = "atipico"
    scores: str = "scores"
    detector: DetectorSpec | None = None
    sinks: tuple[SinkSpec, ...] = ()
    labels: LabelSpec | None = None
    allowed_late: int = 10 * 10**9
    every: Every | None = None
    engine: str = "embedded"
    alert: AlertSpec | None = None

    @property
    def looks_at_series(self) -> bool:
        """Whether some window holds the samples of one series, and not of one value of a field."""
        if self.detector:
            return not self.detector.by
        return any(spec.over != Over() and not spec.by for spec in self.features)


def load_job(path: Path) -> Job:
    """The job of a file; its name is the file's. Raises Refused with the file, the setting and what was needed."""
    try:
        with path.open("rb") as file:
            table = tomllib.load(file)
        return _job(path.stem, table)
    except OSError as error:
        raise Refused(f"job {path.stem}: {path} can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, Refused) as error:
        raise Refused(f"job {path.stem} ({path}): {error}") from error


def _job(name: str, table: dict[str, Any]) -> Job:
    if not _NAME.fullmatch(name):
        raise Refused(f"a job's name has letters, digits, - and _, at most 64; found {name!r}")
    for word in table:
        if word not in _SETTINGS:
            raise Refused(f"no setting {word!r}{nearest(word, _SETTINGS)}")
    who, sinks = _who_scores(table), parse_sinks(table.pop("sinks", []))
    every = parse_every(table.pop("every")) if "every" in table else None
    alert = table.pop("alert", None)
    if not table.get("stream"):
        raise Refused("stream is missing")
    for word, value in table.items():
        if not isinstance(value, str):
            raise Refused(f"{word} = {value!r}: needed a text")
    if "allowed_late" in table:
        table["allowed_late"] = _allowed_late(table["allowed_late"])
    engine = table.setdefault("engine", os.environ.get("ATIPICO_ENGINE") or ENGINES[0])
    if engine not in ENGINES:
        raise Refused(f"engine = {engine!r}{nearest(engine, ENGINES)}; there are {', '.join(ENGINES)}")
    _check_engine(engine, bool(sinks), alert is not None)
    told = None if alert is None else parse_alert(alert, embedded=engine == ENGINES[0])
    job = Job(name=name, sinks=sinks, every=every, alert=told, **{"model": "", **table, **who})
    if job.stream == job.scores:
        raise Refused(f"stream = {job.stream!r}: a job that reads its own scores never ends")
    if job.alert and "alerts" in (job.stream, job.scores):
        raise Refused("stream or scores = 'alerts': a job that reads its own alerts never ends")
    if job.labels and job.labels.stream in (job.stream, job.scores):
        raise Refused(f"[labels] stream = {job.labels.stream!r}: labels need a stream of their own")
    return job


def _check_engine(engine: str, sinks: bool, alert: bool) -> None:
    """Raises Refused for what the engine would not do."""
    if sinks and engine != "embedded":
        raise Refused(f"sinks: engine {engine!r} has none; its outcomes are in the measurement that scores names")
    if alert and engine == "polled":
        raise Refused("[alert]: engine 'polled' tells no alerts; engines 'embedded' and 'kapacitor' do")


def _who_scores(table: dict[str, Any]) -> dict[str, Any]:
    """A model and its features, or a detector: just one of the two. Takes what it read out of the table."""
    if bool(table.get("model")) == ("detector" in table):
        raise Refused(
            "a job has a model or a detector, not both" if "detector" in table else "model is missing, or a detector"
        )
    if "detector" not in table:
        labels = table.pop("labels", None)
        features = parse_specs(table.pop("features", {}))
        return {"features": features, "labels": parse_labels(labels) if labels is not None else None}
    if "features" in table or "labels" in table:
        raise Refused("[features] and [labels] are for a model; a detector looks at the fields that it names itself")
    return {"features": (), "detector": parse_detector(table.pop("detector"))}


def _allowed_late(text: str) -> int:
    late = nanoseconds(text)
    if late > _MOST_LATE:
        raise Refused(f"allowed_late = {text!r}: at most {_MOST_LATE // 10**9} s, what is kept to go back to")
    return late


def load_jobs(folder: Path) -> dict[str, Job]:
    """Every job of a folder by name."""
    return {path.stem: load_job(path) for path in sorted(folder.glob("*.toml"))}
