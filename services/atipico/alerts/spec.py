"""How an alert is declared: the section `[alert]` of a job file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from atipico.config import nanoseconds
from atipico.errors import Refused, nearest
from atipico.sinks import make
from atipico.wire.sample import JOB_TAG, LEVEL_TAG, SOURCE_TAG

LEVELS = ("info", "warning", "critical")
_CHANNELS = ("log", "webhook", "token_file", "timeout_s", "endpoint")
_WORDS = ("level", "above", "for", "of", "over_after", "by", *_CHANNELS)
_MOST = 1000  # samples that are looked back on
_LEAST_NS, _LONGEST_NS = 10**6, 7 * 86400 * 10**9
_ENDPOINT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class AlertSpec(NamedTuple):
    """An episode begins with `hits` of the last `of` samples of a key, and ends when those had none for long enough.

    level: how much it matters. above: a score over it is a hit; None: what is anomalous. over_after: samples, or ns
    where `by_time`, in which no hit is among the last `of`. by: the tags whose values are a key, None for all of them.
    log, webhook, endpoint: whom it is told to, "" nobody.
    """

    level: str = LEVELS[-1]
    above: float | None = None
    hits: int = 1
    of: int = 1
    over_after: int = 10
    by_time: bool = False
    by: tuple[str, ...] | None = None
    log: str = ""
    webhook: str = ""
    token_file: str = ""
    timeout_s: float = 5.0
    endpoint: str = ""

    @property
    def hit(self) -> str:
        """What is counted, in words."""
        return "anomalous" if self.above is None else f"over {self.above:g}"


def parse_alert(declared: Any, embedded: bool) -> AlertSpec:
    """The alert of a job. embedded: which engine tells it. Raises Refused with the word and what was needed."""
    if not isinstance(declared, Mapping):
        raise Refused(f"alert = {declared!r}: needed a section [alert]")
    for word in declared:
        if word not in _WORDS:
            raise Refused(f"[alert] {word}{nearest(word, _WORDS)}")
    hits = _count(declared, "for", 1)
    spec = AlertSpec(
        level=_level(declared.get("level", AlertSpec().level)),
        above=_share(declared["above"]) if "above" in declared else None,
        hits=hits,
        of=_count(declared, "of", hits),
        by=_tags(declared["by"]) if "by" in declared else None,
        **_quiet(declared.get("over_after", AlertSpec().over_after)),
        **_channels(declared, embedded),
    )
    if spec.hits > spec.of:
        raise Refused(f"[alert] for = {spec.hits}, of = {spec.of}: so many can't be among so few")
    return spec


def _level(value: Any) -> str:
    if value not in LEVELS:
        raise Refused(f"[alert] level = {value!r}{nearest(str(value), LEVELS)}")
    return str(value)


def _share(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise Refused(f"[alert] above = {value!r}: a score is from 0 to 1, a number from 0 to below 1 was needed")
    return float(value)


def _count(declared: Mapping[str, Any], word: str, default: int) -> int:
    value = declared.get(word, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST:
        raise Refused(f"[alert] {word} = {value!r}: a number of samples from 1 to {_MOST} was needed")
    return value


def _quiet(value: Any) -> dict[str, Any]:
    if not isinstance(value, str):
        return {"over_after": _count({"over_after": value}, "over_after", 1)}
    if not _LEAST_NS <= (after := nanoseconds(value)) <= _LONGEST_NS:
        raise Refused(f"[alert] over_after = {value!r}: samples, or a time from 1ms to 7d were needed")
    return {"over_after": after, "by_time": True}


def _tags(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise Refused(f'[alert] by = {value!r}: needed a list of tags such as ["host"], or [] for one alert in all')
    for one in value:
        if one in (JOB_TAG, SOURCE_TAG, LEVEL_TAG):
            raise Refused(f"[alert] by = {value!r}: the tag {one!r} is the alert's own")
    return tuple(sorted(set(value)))


def _channels(declared: Mapping[str, Any], embedded: bool) -> dict[str, Any]:
    told = {
        word: declared[word] for word in ("log", "webhook", "token_file", "timeout_s", "endpoint") if word in declared
    }
    for word in told:
        if word != "timeout_s" and (not isinstance(told[word], str) or not told[word]):
            raise Refused(f"[alert] {word} = {told[word]!r}: needed a text")
    if "webhook" in told:  # says what is wrong with it now, not when the first alert comes
        make("webhook", told["webhook"], **{word: told[word] for word in ("token_file", "timeout_s") if word in told})
    elif lost := {"token_file", "timeout_s"} & told.keys():
        raise Refused(f"[alert] {min(lost)} without a webhook")
    (_embedded if embedded else _kapacitor)(told)
    return told


def _embedded(told: Mapping[str, Any]) -> None:
    if "endpoint" in told:
        raise Refused("[alert] endpoint is a word of the kapacitor engine; needed here: webhook = URL")
    if "log" in told:
        make("file", told["log"])


def _kapacitor(told: Mapping[str, Any]) -> None:
    if "token_file" in told:
        raise Refused(
            "[alert] token_file: on Kapacitor the token would stand in the task, for all to read. Give URL and headers "
            'in kapacitor.conf under [[httppost]], and here endpoint = "NAME" in place of webhook'
        )
    if not told.get("log", "/").startswith("/"):
        raise Refused(f"[alert] log = {told['log']!r}: on Kapacitor the whole path on its machine is needed")
    if "endpoint" in told and not _ENDPOINT.fullmatch(told["endpoint"]):
        raise Refused(f"[alert] endpoint = {told['endpoint']!r}: letters, digits, - and _ are needed, at most 64")
    if "webhook" in told and "endpoint" in told:
        raise Refused("[alert] webhook and endpoint: one of the two")
