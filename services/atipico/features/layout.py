"""How the features of a job are worked out: in which stages, over which windows, from which columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from atipico.errors import Refused
from atipico.features import FEATURES
from atipico.features.pool import Keep
from atipico.features.spec import LABEL, VALUE, FeatureSpec, LabelSpec, Over
from atipico.features.where import Condition

By = tuple[str, ...]
Tell = Callable[[Mapping[str, np.ndarray]], np.ndarray]


class Of(NamedTuple):
    """What a pool holds: samples, or those whose label is known, by a key, as far as they fulfil conditions."""

    labels: bool
    by: By
    where: tuple[Condition, ...] = ()

    def holds(self, values: Mapping[str, np.ndarray], many: int) -> np.ndarray:
        """Which of so many samples it holds, bool (many,)."""
        held = np.ones(many, dtype=bool)
        for condition in self.where:
            held &= condition.holds(values)
        return held


class Group(NamedTuple):
    """Features that look at the same windows. specs: (column of the matrix, feature)."""

    of: Of
    over: Over
    with_newest: bool
    specs: list[tuple[int, FeatureSpec]]


class Layout:
    """The features of a job, sorted. Raises Refused for those that can't be worked out.

    A feature's stage is behind those of the earlier features it reads: their columns are there for all
    samples of a block before its windows look at them. Fields are there from stage 0 on.
    """

    def __init__(self, specs: Sequence[FeatureSpec], labels: LabelSpec | None) -> None:
        self.specs, self.labels = tuple(specs), labels
        self._levels: dict[str, int] = {}  # a feature that others read -> the stage in which it can be read
        self.stages: list[int] = []
        for spec in specs:
            _check(spec, specs, labels)
            self.stages.append(self._level(spec.reads))
            if _is_read(spec, specs):
                self._levels[spec.name] = self.stages[-1] + 1
        self.read = frozenset(self._levels)
        read = [name for spec in specs for name in spec.reads if name != LABEL]
        self.numbers = tuple(dict.fromkeys(name for name in read if name not in self._levels))
        numeric = {name for spec in specs for name in spec.reads if not _takes_any(spec) or name != spec.field}
        self.words = frozenset(self.numbers) - numeric
        self.groups: list[list[Group]] = [self._groups(stage) for stage in range(max(self.stages) + 1)]
        self.waiting = tuple(dict.fromkeys(name for spec in specs if spec.of_labels for name in spec.entry))

    def _level(self, names: Sequence[str]) -> int:
        """From which stage on all of these can be read."""
        return max((self._levels.get(name, 0) for name in names), default=0)

    def _groups(self, stage: int) -> list[Group]:
        groups: dict[tuple[Of, Over, bool], Group] = {}
        for at, spec in enumerate(self.specs):
            if self.stages[at] == stage and spec.kind in FEATURES:
                newest = getattr(FEATURES[spec.kind], "with_newest", False) and not spec.of_labels
                key = (_of(spec), spec.over, newest)
                groups.setdefault(key, Group(*key, [])).specs.append((at, spec))
        return list(groups.values())

    @property
    def pools(self) -> tuple[Of, ...]:
        """What is remembered. Where a key has windows of some samples only, its newest one too, whatever that fulfils:
        what it was told did not know of one that came late."""
        pools = dict.fromkeys(_of(spec) for spec in self.specs if spec.kind in FEATURES)
        some = dict.fromkeys(Of(False, of.by) for of in pools if not of.labels)
        return tuple(pools | some)

    @property
    def by(self) -> tuple[By, ...]:
        """The keys that it is remembered by."""
        return tuple(dict.fromkeys(of.by for of in self.pools))

    def keep(self, of: Of) -> Keep:
        """What the windows over a pool can reach."""
        overs = [spec.over for spec in self.specs if spec.kind in FEATURES and _of(spec) == of]
        return Keep(max((over.span for over in overs), default=0), max((over.samples for over in overs), default=1))

    def begins(self, of: Of) -> int:
        """The stage from which on it can be told what a pool holds."""
        return self._level([name for one in of.where for name in one.names])

    def columns(self, of: Of) -> dict[str, int]:
        """What a pool's entries carry: column -> the stage from which on it can be told."""
        fields = dict.fromkeys(spec.field for spec in self.specs if spec.kind in FEATURES and _of(spec) == of)
        return {field: max(self._level([field]), self.begins(of)) for field in fields}

    def waits(self, level: int) -> list[str]:
        """The columns of the samples that wait for their label that can be told in a stage."""
        return [name for name in self.waiting if self._level([name]) == level]


def _of(spec: FeatureSpec) -> Of:
    return Of(spec.of_labels, spec.by, spec.where)


def _is_read(spec: FeatureSpec, specs: Sequence[FeatureSpec]) -> bool:
    """Whether others read a feature, and not a field of the same name; one that just is that field is the field."""
    alike = spec.kind == VALUE and spec.name == spec.field
    return not alike and any(spec.name in one.reads for one in specs if one.name != spec.name)


def _takes_any(spec: FeatureSpec) -> bool:
    return bool(getattr(FEATURES.get(spec.kind), "any_value", False))


def _check(spec: FeatureSpec, specs: Sequence[FeatureSpec], labels: LabelSpec | None) -> None:
    """A name means one thing: what a feature reads is a field or declared before it."""
    later = {one.name for one in specs[specs.index(spec) :] if _is_read(one, specs)}
    for name in spec.reads:
        if name in later:
            raise Refused(f"feature {spec.name} reads {name!r}, a feature too: declare that before it, or rename it")
    if len({one.name for one in specs}) < len(specs):
        raise Refused(f"two features are named {spec.name}")
    if (spec.of_labels or spec.field == LABEL) and labels is None:
        raise Refused(f"feature {spec.name} reads labels; the job needs a table [labels] with the id they go by")
    if spec.kind not in FEATURES and LABEL in spec.reads:
        raise Refused(f"feature {spec.name}: nobody knows the label of the newest sample; use a kind with a window")
