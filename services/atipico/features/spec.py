"""How a feature is declared: `"amount"`, or `{ z = "amount", by = "customer", over = "7d" }`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from atipico.config import nanoseconds
from atipico.errors import Refused, nearest
from atipico.features import FEATURES

VALUE = "value"  # the field itself, which needs no window


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

    by: a field's name, or "" for the sample's own series.
    """

    name: str
    kind: str
    field: str
    by: str = ""
    over: Over = Over()


def parse_specs(table: Mapping[str, Any]) -> tuple[FeatureSpec, ...]:
    """The declared features in their order. Raises Refused with the feature and what was needed."""
    if not table:
        raise Refused('[features] is empty; declare at least one, such as amount = "amount"')
    return tuple(_parse(name, declared) for name, declared in table.items())


def _parse(name: str, declared: Any) -> FeatureSpec:
    if isinstance(declared, str):
        return FeatureSpec(name, VALUE, declared)
    if not isinstance(declared, Mapping):
        raise Refused(
            f'feature {name} = {declared!r}: needed a field\'s name or a table such as {{ z = "amount", over = 50 }}'
        )
    kinds = [word for word in declared if word not in ("by", "over")]
    if len(kinds) != 1:
        raise Refused(f"feature {name}: needed just one kind beside by and over, found {kinds}")
    kind = kinds[0]
    if kind not in FEATURES:
        raise Refused(f"feature {name}: no kind {kind!r}{nearest(kind, FEATURES)}")
    if "over" not in declared:
        raise Refused(f"feature {name}: {kind} needs over, a number of samples or a duration such as 7d")
    return FeatureSpec(name, kind, str(declared[kind]), str(declared.get("by", "")), Over.parse(declared["over"]))
