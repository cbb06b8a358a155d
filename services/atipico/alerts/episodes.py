"""Outcomes become episodes: where one begins, where it is over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from atipico.alerts.spec import AlertSpec
from atipico.metrics import FORGOTTEN_KEYS
from atipico.wire.lines import head
from atipico.wire.sample import JOB_TAG, LEVEL_TAG, SOURCE_TAG, Sample, Value

MEASUREMENT = "alerts"
MOST = 100_000  # series, and keys without an episode, that are remembered


class _Key(msgspec.Struct, array_like=True):
    """What is known of a key. bits: which of the last samples were hits, the newest lowest; seen: how many, up to `of`.

    quiet: for how many samples, or since which time (ns), no hit was among them; 0: one is. since: when its episode
    began, ns; 0 while there is none.
    """

    tags: dict[str, str]
    bits: int = 0
    seen: int = 0
    quiet: int = 0
    since: int = 0


class _State(msgspec.Struct):
    rule: list[Any]
    newest: dict[str, int] = {}  # series -> time of its newest sample, ns
    keys: dict[str, _Key] = {}


class Episodes:
    """Takes outcomes in the order in which they were accepted. state: what `state` gave, "" for none.

    A sample counts once: one that was scored again, or came behind a later one of its series, changes nothing.
    """

    def __init__(self, spec: AlertSpec, state: str = "") -> None:
        self._spec, self._mask = spec, (1 << spec.of) - 1
        known = msgspec.json.decode(state, type=_State) if state else _State(_rule(spec))
        self._newest, self._keys = known.newest, known.keys
        self._other: list[_Key] = []
        if known.rule != _rule(spec):  # its episodes go on where this one tells the same, and are over elsewhere
            opened = {name: _Key(key.tags, since=key.since) for name, key in known.keys.items() if key.since}
            same = known.rule[:2] == _rule(spec)[:2]
            self._keys, self._other = (opened, []) if same else ({}, list(opened.values()))

    def state(self) -> str:
        """All that it knows, as text."""
        return msgspec.json.encode(_State(_rule(self._spec), self._newest, self._keys)).decode()

    def open(self) -> int:
        """How many episodes last."""
        return sum(1 for key in self._keys.values() if key.since)

    def of_another_rule(self, now: int) -> list[Sample]:
        """The ends of episodes that no sample can end any more, told once. now: ns."""
        ends = [_row(key, False, 0, now, {"why": "the job has another alert now"}) for key in self._other]
        self._other = []
        return ends

    def take(self, outcomes: Iterable[Sample]) -> list[Sample]:
        """The rows of `alerts` that they bring: one where an episode begins, one where it is over."""
        scored = (one for one in outcomes if one.fields.get("scored") is True)
        rows = [row for one in scored if self._is_new(one) and (row := self._count(one))]
        self._forget()
        return rows

    def _is_new(self, outcome: Sample) -> bool:
        series = head(outcome.measurement, outcome.tags)
        newest = self._newest.pop(series, None)
        self._newest[series] = outcome.time if newest is None else max(newest, outcome.time)  # the latest come last
        return newest is None or outcome.time > newest

    def _count(self, outcome: Sample) -> Sample | None:
        spec, key = self._spec, self._key(outcome.tags)
        above = spec.above
        hit = outcome.fields["anomalous"] is True if above is None else float(outcome.fields["score"]) > above
        key.bits = (key.bits << 1 | hit) & self._mask
        key.seen = min(key.seen + 1, spec.of)
        if key.seen < spec.of:
            return None
        hits = key.bits.bit_count()
        key.quiet = 0 if hits else key.quiet or outcome.time if spec.by_time else key.quiet + 1
        if not key.since and hits >= spec.hits:
            key.since = outcome.time
            return _row(key, True, hits, outcome.time, outcome.fields)
        if key.since and key.quiet and self._quiet_for(key, outcome.time) >= spec.over_after:
            ended = _row(key, False, hits, outcome.time, outcome.fields)
            key.since = 0
            return ended
        return None

    def _quiet_for(self, key: _Key, now: int) -> int:
        return now - key.quiet if self._spec.by_time else key.quiet

    def _key(self, tags: Mapping[str, str]) -> _Key:
        spec = self._spec
        own = {name: value for name, value in tags.items() if spec.by is None or name in spec.by}
        own |= {JOB_TAG: tags[JOB_TAG], SOURCE_TAG: tags[SOURCE_TAG], LEVEL_TAG: spec.level}
        name = head(MEASUREMENT, dict(sorted(own.items())))
        key = self._keys.pop(name, None) or _Key(own)
        self._keys[name] = key
        return key

    def _forget(self) -> None:
        """Those that were quiet longest, down to MOST; never an episode that lasts."""
        for series in list(self._newest)[: len(self._newest) - MOST] if len(self._newest) > MOST else ():
            del self._newest[series]
        idle = [name for name, key in self._keys.items() if not key.since] if len(self._keys) > MOST else []
        for name in idle[: len(self._keys) - MOST]:
            del self._keys[name]
            FORGOTTEN_KEYS.inc()


def _rule(spec: AlertSpec) -> list[Any]:
    """What shapes the state; the first two tell whether an episode is the same thing to whoever is told of it."""
    by = None if spec.by is None else list(spec.by)
    return [spec.level, by, spec.above, spec.hits, spec.of, spec.over_after, spec.by_time]


def _row(key: _Key, firing: bool, hits: int, time: int, outcome: Mapping[str, Value]) -> Sample:
    fields: dict[str, Value] = {"firing": firing, "hits": hits, "duration": time - key.since}
    fields |= {"score": float(outcome.get("score", 0.0)), "why": str(outcome.get("why", ""))}
    return Sample(MEASUREMENT, dict(sorted(key.tags.items())), fields, time)
