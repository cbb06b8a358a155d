"""How a sink is declared: `{ file = "pumps.jsonl", only = "anomalous" }`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from atipico.errors import Refused, nearest
from atipico.sinks import SINKS, make

ONLY = ("all", "anomalous")


class SinkSpec(NamedTuple):
    """`kind` of sink, `to` where. only: which outcomes. settings: the sink's own, by name."""

    kind: str
    to: str
    only: str = "all"
    settings: tuple[tuple[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """What it is called in logs and files: the kind, and a hash of where it goes."""
        return f"{self.kind}-{hashlib.sha256(self.to.encode()).hexdigest()[:8]}"


def parse_sinks(declared: Any) -> tuple[SinkSpec, ...]:
    """The sinks of a job. Raises Refused with the word and what was needed."""
    if not isinstance(declared, list) or not all(isinstance(one, Mapping) for one in declared):
        raise Refused(f'sinks = {declared!r}: needed a list of tables such as [{{ file = "pumps.jsonl" }}]')
    specs = tuple(map(_parse, declared))
    for spec in specs:
        if sum(other.name == spec.name for other in specs) > 1:
            raise Refused(f"sink {spec.kind} = {spec.to!r} is there twice")
    return specs


def _parse(declared: Mapping[str, Any]) -> SinkSpec:
    kinds = [word for word in declared if word in SINKS]
    if len(kinds) != 1:
        strange = next((word for word in declared if word != "only"), "")
        raise Refused(f"a sink needs just one kind, found {', '.join(kinds) or 'none'}{nearest(strange, SINKS)}")
    kind, only = kinds[0], declared.get("only", "all")
    to, rest = declared[kind], {word: value for word, value in declared.items() if word not in (kinds[0], "only")}
    if not isinstance(to, str) or not to:
        raise Refused(f"sink {kind} = {to!r}: needed a text, where it goes")
    if only not in ONLY:
        raise Refused(f"sink {kind}: only = {only!r}{nearest(str(only), ONLY)}")
    make(kind, to, **rest)  # says what is wrong with it now, not when the first outcome comes
    return SinkSpec(kind, to, only, tuple(sorted(rest.items())))
