"""Which stretches lack outcomes for good, and which are only being worked on: told from looks at different times."""

from __future__ import annotations

from atipico.engines.sweeper.counts import Look

_PATIENCE = 4  # times as long as usual where nothing came behind


class Gaps:
    """after_s: how long a stretch lacks as many outcomes as before, until it is lost.

    Outcomes come in the order of the samples. So where there are later ones, what is missing was passed by. Where there
    are none, the chain may be slow or stand still: it is waited for four times as long, from when it moved last.
    """

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self._since = dict[int, tuple[int, float]]()  # short stretch -> its outcomes, and since when (s) it has these
        self._front, self._moved = (-1, 0), float("-inf")  # newest stretch with outcomes, how many; when that changed

    def first(self, look: Look, now_s: float) -> int | None:
        """The beginning of the first stretch that is lost, None when there is none. now_s: a clock that only grows."""
        since = dict[int, tuple[int, float]]()
        for at in look.short:
            many = look.outcomes.get(at, 0)
            before = self._since.get(at)
            since[at] = before if before and before[0] == many else (many, now_s)
        self._since, newest = since, look.newest
        if (front := (newest, look.outcomes.get(newest, 0))) != self._front:
            self._front, self._moved = front, now_s
        return min((at for at, (_, when) in since.items() if self._is_lost(at < newest, when, now_s)), default=None)

    def forget(self) -> None:
        """What was missing is dealt with."""
        self._since = {}

    def _is_lost(self, passed_by: bool, since_s: float, now_s: float) -> bool:
        if passed_by:
            return now_s - since_s >= self._after_s
        return now_s - max(since_s, self._moved) >= _PATIENCE * self._after_s
