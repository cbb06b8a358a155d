"""How far a job has come in each group of a stream that another server hands over, and what need not come again."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from google.protobuf.message import DecodeError

from atipico.wire.snapshot import Snapshot
from atipico.wire.udf_pb2 import Point

_LONG_AGO = -(2**63)
_AHEAD = 10 * 10**9  # ns; what is further ahead of this machine's clock tells nothing of what comes
_BEHIND = 3600 * 10**9  # ns; a group that is further behind is told no more
_LOOK_S = 60.0  # of points that come, for what was on its way when it was dealt with; each is read twice meanwhile


class Reached:
    """By group the time, ns, of the newest sample that is remembered.

    The samples of a group come in the order of their time, so that these tell of what is on disk elsewhere which the
    job knows. Whoever sends again notes by `deal` that all up to here has its outcome, and `fresh` leaves that out.
    """

    def __init__(self) -> None:
        self.begin_life()
        self._newest: dict[str, int] = {}
        self._dealt: dict[str, int] = {}
        self._look_until_s = 0.0

    def note(self, groups: Iterable[str], times: Iterable[int]) -> None:
        """Samples are remembered now."""
        newest, most = self._newest, time.time_ns() + _AHEAD
        for group, at in zip(groups, times, strict=True):
            if newest.get(group, _LONG_AGO) < at <= most:
                newest[group] = at

    def begin_life(self) -> None:
        """What is remembered from now on is not what it was, or not known to be."""
        self.life = secrets.token_hex(4)

    def newest(self) -> Mapping[str, int]:
        """As it is now."""
        return dict(self._newest)

    def told(self, snapshot: Snapshot) -> Snapshot:
        """A snapshot with what this knows."""
        begin = max(self._newest.values(), default=0) - _BEHIND
        self._newest = {group: at for group, at in self._newest.items() if at >= begin}
        return msgspec.structs.replace(snapshot, life=self.life, reached=dict(self._newest))

    def go_back(self, reached: Mapping[str, int]) -> None:
        """To what a snapshot told."""
        self._newest = dict(reached)

    def deal(self) -> None:
        """What is remembered now has its outcome elsewhere; what is on its way here still of that is looked for."""
        self._dealt = dict(self._newest)
        self._look_until_s = math.inf

    def fresh(self, points: Sequence[bytes]) -> Sequence[bytes]:
        """Those of the points that were not dealt with. What can't be read is for others to say."""
        now = time.monotonic()
        if now > self._look_until_s:
            return points
        self._look_until_s = min(self._look_until_s, now + _LOOK_S)  # nothing came while their host hung
        fresh = [
            data
            for data, point in zip(points, map(_parsed, points), strict=True)
            if point is None or point.time > self._dealt.get(point.group, _LONG_AGO)
        ]
        if len(fresh) < len(points):
            self._look_until_s = now + _LOOK_S
        return fresh


def _parsed(point: bytes) -> Point | None:
    try:
        return Point.FromString(point)
    except DecodeError:
        return None
