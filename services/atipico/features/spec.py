"""How a feature is declared: `"amount"`, or `{ z = "amount", by = "customer", over = "7d" }`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from atipico.config import nanoseconds
from atipico.errors import Refused, nearest
from atipico.features import FEATURES, INSTANT
from atipico.features.where import Condition, parse_where

VALUE = "value"  # the field itself, which needs no window
LABEL = "label"  # what is known by now of earlier samples, as a field: 1 an anomaly, 0 none


class Over(NamedTuple):
    """How far a window reaches back: the last `samples`, or `span` ns on the job's clock; the other is 0."""

    samples: int = 0
    span: int = 0

    @classmethod
    def parse(cls, given: int | str) -> Over:
        over = cls(samples=given) if isinstance(given, int) else cls(span=nanoseconds(given))
        if over.samples < 2 and over.span < 1:
            raise Refused(f"over = {given!r}: a window needs 2 samples or more, or a duration such as 7d")
        return over


class FeatureSpec(NamedTuple):
    """One column of a job: `kind` of `field`, in the window `over` of the samples with the same `by`.

    field: a field of the stream, an earlier feature, or LABEL. by: fields' names, none for the sample's own series.
    where: what an entry of the window must fulfil. options: what the kind was given beside.
    """

    name: str
    kind: str
    field: str
    by: tuple[str, ...] = ()
    over: Over = Over()
    where: tuple[Condition, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()

    @property
    def of_labels(self) -> bool:
        """Whether its window holds the samples whose label is known by now, instead of those that came."""
        return LABEL in (self.field, *(name for one in self.where for name in one.names))

    @property
    def reads(self) -> tuple[str, ...]:
        """Every field and earlier feature that it looks at, beside the keys."""
        return (self.field, *self.than, *(name for one in self.where for name in one.names))

    @property
    def than(self) -> tuple[str, ...]:
        """The fields and earlier features of the same sample that it is compared with."""
        return next((names for word, names in self.options if word == "than"), ())

    @property
    def entry(self) -> tuple[str, ...]:
        """What its windows look at of an entry, beside its label."""
        names = (self.field, *(name for one in self.where for name in one.names))
        return tuple(name for name in names if name != LABEL)


class LabelSpec(NamedTuple):
    """Where labels come from. id: the field of a sample that a label names it by.

    delay: ns on the job's clock after its sample before which no label counts. within: ns after its
    sample behind which none is waited for. stream: the measurement of the labels.
    """

    id: str
    delay: int
    within: int
    stream: str = "labels"


def parse_labels(table: Mapping[str, Any]) -> LabelSpec:
    """The table `[labels]` of a job. Raises Refused with the setting and what was needed."""
    known = {"id", "delay", "within", "stream"}
    for word, value in table.items():
        if word not in known:
            raise Refused(f"[labels] has no setting {word!r}{nearest(word, known)}")
        if not isinstance(value, str) or not value:
            raise Refused(f"[labels] {word} = {value!r}: needed a text")
    if "id" not in table:
        raise Refused("[labels] id is missing: the field of a sample that a label names it by")
    delay = nanoseconds(table.get("delay", "0s"))
    within = nanoseconds(table["within"]) if "within" in table else delay + nanoseconds("30d")
    if within < delay:
        raise Refused(f"[labels] within = {table['within']!r} is less than delay: no label would ever count")
    return LabelSpec(table["id"], delay, within, table.get("stream", "labels"))


def parse_specs(table: Mapping[str, Any]) -> tuple[FeatureSpec, ...]:
    """The declared features in their order. Raises Refused with the feature and what was needed."""
    if not table:
        raise Refused('[features] is empty; declare at least one, such as amount = "amount"')
    return tuple(_parse(name, declared) for name, declared in table.items())


def _parse(name: str, declared: Any) -> FeatureSpec:
    if name == LABEL:
        raise Refused(f"feature {name}: that name is for what is known of earlier samples; take another one")
    if isinstance(declared, str):
        return FeatureSpec(name, VALUE, declared)
    if not isinstance(declared, Mapping):
        raise Refused(
            f'feature {name} = {declared!r}: needed a field\'s name or a table such as {{ z = "amount", over = 50 }}'
        )
    kinds = [word for word in declared if word in FEATURES or word in INSTANT]
    if len(kinds) != 1:
        raise Refused(f"feature {name}: needed just one kind, found {kinds or _none(declared)}")
    kind = kinds[0]
    try:
        return _spec(name, kind, declared)
    except Refused as error:
        raise Refused(f"feature {name}: {error}") from error


def _none(declared: Mapping[str, Any]) -> str:
    words = [word for word in declared if word not in ("by", "over", "where")]
    return f"no kind {words[0]!r}{nearest(words[0], [*FEATURES, *INSTANT])}" if words else "none"


def _spec(name: str, kind: str, declared: Mapping[str, Any]) -> FeatureSpec:
    windowed = kind in FEATURES
    options = _options(FEATURES[kind] if windowed else INSTANT[kind], kind, declared, windowed)
    field = declared[kind]
    if not isinstance(field, str):
        raise Refused(f"{kind} = {field!r}: needed a field's name")
    if not windowed:
        return FeatureSpec(name, kind, field, options=tuple((word, _names(word, given)) for word, given in options))
    if "over" not in declared:
        raise Refused(f"{kind} needs over, a number of samples or a duration such as 7d")
    by = declared.get("by", ())
    keys = (by,) if isinstance(by, str) else tuple(by)
    over, where = Over.parse(declared["over"]), parse_where(declared.get("where", ()))
    return FeatureSpec(name, kind, field, tuple(key for key in keys if key), over, where, options)


def _names(word: str, given: Any) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) else given
    if not isinstance(names, list | tuple) or not names or not all(isinstance(one, str) for one in names):
        raise Refused(f"{word} = {given!r}: needed the name of a field or an earlier feature, or a list of them")
    return tuple(names)


def _options(
    feature: Callable[..., Any], kind: str, declared: Mapping[str, Any], windowed: bool
) -> tuple[tuple[str, Any], ...]:
    """What a kind takes beside its field: the keyword-only parameters of its function."""
    takes = {one.name: one for one in inspect.signature(feature).parameters.values() if one.kind is one.KEYWORD_ONLY}
    common = {kind, *(("by", "over", "where") if windowed else ())}
    for word in declared:
        if word not in takes and word not in common:
            raise Refused(f"{kind} has no option {word!r}{nearest(word, [*takes, *common])}")
    for one in takes.values():
        if one.name not in declared and one.default is one.empty:
            raise Refused(f"{kind} needs the option {one.name}")
    return tuple((word, declared[word]) for word in sorted(takes) if word in declared)
