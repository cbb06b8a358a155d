"""Which outcomes of a job are missing for good, counted again and again from where all before has its own."""

from __future__ import annotations

import time

from atipico.engines.sweeper.counts import Counting, Look
from atipico.engines.sweeper.gaps import Gaps

_SECOND = 10**9
_STEP, _LONG_STEP = 2 * _SECOND, 10 * _SECOND  # stretches that are counted: of what is new, and of all that is swept
_NEW = 10 * _SECOND  # what is whole is looked at again for so long
_ALL_EVERY_S = 60.0


class Losses:
    """back_s: how far back is looked. after_s: see Gaps."""

    def __init__(self, counting: Counting, after_s: float, back_s: float) -> None:
        self._counting, self._gaps, self._back = counting, Gaps(after_s), round(back_s * _SECOND)
        self._whole = 0  # all before has its outcome, ns
        self._hopeless_until = 0  # what lies before is not looked at, ns
        self._all_at = time.monotonic()

    def look(self, since: int, now: int) -> tuple[Look, int | None]:
        """What there is up to `now`, and from where on outcomes are lost, None for nowhere; ns.

        since: when the job began. At what is not known to be whole; once a minute at all.
        """
        oldest = max(since, now - self._back, self._hopeless_until)
        self._whole = max(self._whole, oldest)
        if time.monotonic() - self._all_at > _ALL_EVERY_S:
            self._all_at = time.monotonic()
            short = self._counting.look(oldest, self._whole, _LONG_STEP).short
            self._whole = max(oldest, min([*short, self._whole]))
        look = self._counting.look(self._whole, now, _STEP)
        return look, self._gaps.first(look, time.monotonic())

    def settle(self, look: Look, now: int) -> None:
        """Nothing of this look is lost: what is whole is looked at no more once it is old."""
        self._whole = max(self._whole, min([*look.short, now - _NEW]))

    def forget(self, hopeless_until: int = 0) -> None:
        """What was missing is dealt with; up to a time, ns, as far as it ever can be."""
        self._gaps.forget()
        self._hopeless_until = max(self._hopeless_until, hopeless_until + 1)
