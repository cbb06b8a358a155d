"""What is new in one view since a place that an event's id tells: the end of its chart, its newest marks and labels."""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from typing import Any, NamedTuple

import orjson

from atipico.errors import AtipicoError, NotYet, Refused
from atipico.page.columns import Chart, Charts, TooMany
from atipico.page.feeds import RESET, Event
from atipico.page.marks import Marks
from atipico.page.names import Stream

_AGAIN = 10**9  # ns that are told again: what is written a little late is not missed
_IDS_KEPT = 2000


class Place(NamedTuple):
    """Up to where a view is known, ns: the newest sample, the newest outcome, the newest label."""

    value: int
    score: int
    label: int

    def __str__(self) -> str:
        return ".".join(map(str, self))

    @classmethod
    def read(cls, text: str) -> Place:
        """Raises Refused for what is no place."""
        if not re.fullmatch(r"\d{1,19}\.\d{1,19}\.\d{1,19}", text):
            raise Refused(f"place {text[:80]!r} is not understood; needed is the id of an event, such as 1.1.1")
        return cls(*map(int, text.split(".")))


def plain(value: Any) -> Any:
    """Whole numbers that a browser would round become text."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return str(value) if isinstance(value, int) and abs(value) > 2**53 else value


def dump(value: Any) -> bytes:
    return orjson.dumps(plain(value), option=orjson.OPT_NON_STR_KEYS)


class Live:
    """What is new in a view since a place. step: ns a bucket, 0 for every sample."""

    def __init__(self, charts: Charts, marks: Marks, stream: Stream, field: str, step: int) -> None:
        self._charts, self._marks = charts, marks
        self._stream, self._field, self._step = stream, field, step

    def since(self, place: Place, now: int) -> tuple[Place, dict[str, Any]]:
        """The place after it, and the news. Raises TooMany when the view should rather be read anew."""
        first = max(1, self._step)
        values_from, scores_from = ((at - _AGAIN) // first * first for at in (place.value, place.score))
        chart = self._charts.read(self._stream, self._field, self._step, values_from, scores_from, now + _AGAIN)
        marks = self._marks.newest(self._stream, place.score - _AGAIN)
        labels, crowded = self._marks.labels_since(self._stream, place.label)
        if crowded or self._marks.full(marks):
            raise TooMany
        after = self._after(place, chart, [time for time, _, _ in labels], now)
        news = {**chart.plain(), "marks": marks, "labels": {str(id): label for _, id, label in labels}, "now": str(now)}
        return after, news

    @staticmethod
    def _after(place: Place, chart: Chart, labels: list[int], now: int) -> Place:
        """A sample from the future (another machine's clock) does not hide those of the present."""
        value = max([place.value, *chart.values.times[-1:]])
        score = max([place.score, *chart.scores.times[-1:]])
        return Place(min(value, now), min(score, now), max([place.label, *labels]))


class View:
    """The feed of a view: each poll tells what is new since the one before. After trouble it begins where it was."""

    def __init__(self, live: Live, now: int) -> None:
        self._live, self._place = live, Place(now, now, now)
        self._told: OrderedDict[str, bytes] = OrderedDict()

    def poll(self) -> list[Event]:
        try:
            self._place, news = self._live.since(self._place, time.time_ns())
        except TooMany:
            now = time.time_ns()
            self._place = Place(now, now, now)
            return [RESET]
        news["marks"] = [mark for mark in news["marks"] if self._is_new(mark)]
        return [Event("news", dump(news), str(self._place))]

    def _is_new(self, mark: dict[str, Any]) -> bool:
        """Marks of the last second come again with each poll; they are told again only when they changed."""
        key, told = f"{mark['time']} {mark['tags']}", dump(mark)
        if self._told.get(key) == told:
            return False
        self._told[key] = told
        while len(self._told) > _IDS_KEPT:
            self._told.popitem(last=False)
        return True


def trouble(error: Exception) -> Event:
    """What a browser is told when the store can't be asked."""
    kind = "down" if isinstance(error, NotYet) else "refused"
    said = str(error) if isinstance(error, AtipicoError) else "the page failed on this; its log has the reason"
    return Event("trouble", dump({"kind": kind, "error": said, "now": str(time.time_ns())}))
