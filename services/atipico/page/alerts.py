"""The alerts that are not over, whichever engine told of them."""

from __future__ import annotations

from typing import Any

from atipico.page import ask
from atipico.page.influx import Influx, Series
from atipico.wire.influxql.tree import Call, Column, From, Name, Select, Wildcard
from atipico.wire.sample import JOB_TAG, LEVEL_TAG, SOURCE_TAG, sample_tags

_LOOK_BACK = 7 * 86400 * 10**9
_MOST = 50


class Alerts:
    """Looks at the rows of `alerts`: one where an episode begins, one where it is over."""

    def __init__(self, influx: Influx) -> None:
        self._influx = influx

    def open(self, now: int) -> list[dict[str, Any]]:
        """The newest first: job, stream, level, tags, and when each began. Raises NotYet when the store is down."""
        last = Column(Call("last", (Name("firing"),)), "firing")
        found = self._influx.one(Select((last,), (From("alerts"),), ask.within(now - _LOOK_BACK), (Wildcard(),)))
        lasting = [_told(one) for one in found if one.column("firing")[-1] is True]
        return sorted(lasting, key=lambda alert: -int(alert["since"]))[:_MOST]


def _told(one: Series) -> dict[str, Any]:
    own = {name: value for name, value in sample_tags(one.tags).items() if value and name != LEVEL_TAG}
    about = {
        name: one.tags.get(tag, "") for name, tag in (("job", JOB_TAG), ("stream", SOURCE_TAG), ("level", LEVEL_TAG))
    }
    return {**about, "tags": own, "since": str(one.column("time")[-1])}
