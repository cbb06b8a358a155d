"""How a detector is declared: `{ gaussian = "celsius", by = "pump", over = 64, threshold = 0.9999 }`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from atipico.detectors import DETECTORS, make
from atipico.errors import Refused, nearest

THRESHOLD = 0.999  # of a thousand usual samples one is called an anomaly
MOST_OVER = 1000  # samples: a block of 4096 windows then has 32 MiB
_FORM = 1  # of what is kept and how shares are made; another one is another version
_OWN = ("by", "over", "threshold")


class DetectorSpec(NamedTuple):
    """`kind` of the fields, each in its window of the last `over` samples with the same `by`.

    by: a field's name, or "" for the sample's own series. threshold: the share from which on a sample is an anomaly.
    settings: the detector's own, by name.
    """

    kind: str
    fields: tuple[str, ...]
    over: int
    by: str = ""
    threshold: float = THRESHOLD
    settings: tuple[tuple[str, Any], ...] = ()

    @property
    def version(self) -> str:
        """NAME@HASH of all that shapes the scores; the threshold does not, it stands beside them."""
        shape = msgspec.json.encode([_FORM, *self._replace(threshold=0.0)])
        return f"{self.kind}@{hashlib.sha256(shape).hexdigest()[:8]}"


def parse_detector(declared: Any) -> DetectorSpec:
    """The detector of a job. Raises Refused with the word and what was needed."""
    if not isinstance(declared, Mapping):
        raise Refused(f'detector = {declared!r}: needed a table such as {{ gaussian = "celsius", over = 64 }}')
    kinds = [word for word in declared if word in DETECTORS]
    if len(kinds) != 1:
        strange = next((word for word in declared if word not in _OWN), "")
        raise Refused(f"detector needs just one kind, found {', '.join(kinds) or 'none'}{nearest(strange, DETECTORS)}")
    kind = kinds[0]
    rest = {word: value for word, value in declared.items() if word not in (kind, *_OWN)}
    needs = make(kind, **rest).needs
    over, threshold = declared.get("over"), declared.get("threshold", THRESHOLD)
    if type(over) is not int or not needs <= over <= MOST_OVER:
        raise Refused(f"detector {kind}: over = {over!r}; a number of samples from {needs} to {MOST_OVER} was needed")
    if type(threshold) not in (int, float) or not 0 < threshold <= 1:
        raise Refused(f"detector {kind}: threshold = {threshold!r}; a share above 0, at most 1, was needed")
    by = declared.get("by", "")
    if not isinstance(by, str):
        raise Refused(f"detector {kind}: by = {by!r}; a field's name was needed")
    return DetectorSpec(kind, _fields(kind, declared[kind]), over, by, float(threshold), tuple(sorted(rest.items())))


def _fields(kind: str, named: Any) -> tuple[str, ...]:
    fields = [named] if isinstance(named, str) else named
    if not isinstance(fields, list) or not fields or not all(isinstance(field, str) and field for field in fields):
        raise Refused(f'detector {kind} = {named!r}: a field\'s name was needed, or several: ["celsius", "rpm"]')
    if len(set(fields)) < len(fields):
        raise Refused(f"detector {kind}: a field is named twice in {named}")
    return tuple(fields)
