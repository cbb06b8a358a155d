"""Line protocol. First byte: unit of the times, and how many lines a step has."""

from __future__ import annotations

from atipico.wire.lines import Known, Parsed, blocks, parse, write
from atipico.wire.sample import Sample

WORDS = rb"""m, ,a=1 v=1 ,w=2i s="x" b=t -3e7 1e99 9223372036854775807i 18446744073709551615u NaN""".split()
WORDS += rb"""\, \= \" \\ # "" """.split()
WORDS += [b" ", b"\n", b"\r\n", b'="', b'",', b"\0", b"\t", b"\xc3\xa4", b"\xff"]
_UNITS = (1, 10**3, 10**6, 3600 * 10**9)
_NOW = 1_700_000_000_000_000_000
_SHOWN = 200


def attack(data: bytes) -> None:
    first, body = (data[0], data[1:]) if data else (0, b"")
    unit = _UNITS[first & 3]
    exact = parse(body, unit=unit, now=_NOW, known=None)
    known = Known()
    for _ in range(3):  # a shape is made at its second sight, and used at its third
        quick = parse(body, unit=unit, now=_NOW, known=known)
    assert told(quick) == told(exact), "the quick way reads something else than the exact one"
    steps = list(blocks(body, unit=unit, now=_NOW, known=known, most=1 + (first >> 4), size=64))
    assert [one for step in steps for one in step.samples] == exact.samples
    assert b"".join(body[step.start : step.end] for step in steps) == body
    assert all(len(bad.text) <= _SHOWN + 1 for bad in exact.refused)
    assert len(exact.samples) + len(exact.refused) <= body.count(b"\n") + 1
    again = parse(write(exact.samples), now=0, known=None)
    assert (again.refused, list(map(exactly, again.samples))) == ([], list(map(exactly, exact.samples)))
    if exact.verbatim:
        kept = parse(body[exact.start : exact.end], now=0, known=None)
        assert told(kept) == told(exact), "lines that are kept as they are mean something else"


def told(parsed: Parsed) -> tuple[object, ...]:
    return list(map(exactly, parsed.samples)), parsed.refused, parsed.verbatim


def exactly(sample: Sample) -> tuple[object, ...]:
    """A sample with its types and signs: 1, 1.0 and True are three things, 0.0 and -0.0 two."""
    fields = [(name, type(value), repr(value)) for name, value in sample.fields.items()]
    return sample.measurement, list(sample.tags.items()), fields, sample.time
