"""Which stretches are lost for good, and which are only late."""

from __future__ import annotations

from atipico.engines.sweeper.counts import Look
from atipico.engines.sweeper.gaps import Gaps

AFTER_S = 3.0


def looked(*counts: tuple[int, int]) -> Look:
    """Stretches 0, 1, 2 ... with so many samples and outcomes."""
    return Look(
        {at: many for at, (many, _) in enumerate(counts)}, {at: told for at, (_, told) in enumerate(counts) if told}
    )


class Watched:
    """Looks at one thing after the other, a second apart; tells when what was lost."""

    def __init__(self) -> None:
        self._gaps, self.now = Gaps(AFTER_S), 0.0

    def __call__(self, look: Look, seconds: int = 1) -> int | None:
        found = None
        for _ in range(seconds):
            found = self._gaps.first(look, self.now)
            self.now += 1.0
        return found


def test_what_is_missing_while_later_outcomes_are_there_is_lost_after_a_while():
    watched, hole = Watched(), looked((9, 9), (9, 4), (9, 9))

    assert watched(hole, 3) is None
    assert watched(hole) == 1


def test_what_still_grows_is_not_lost():
    watched = Watched()

    for told in range(9):
        assert watched(looked((9, 9), (9, told), (9, 9)), 2) is None


def test_what_is_missing_at_the_end_is_waited_for_four_times_as_long():
    watched, end = Watched(), looked((9, 9), (9, 4), (9, 0))

    assert watched(end, 12) is None
    assert watched(end) == 1


def test_a_backlog_that_is_worked_off_is_not_lost():
    watched = Watched()

    for done in range(40):
        counts = [(9, 9)] * done + [(9, 3)] + [(9, 0)] * 5
        assert watched(looked(*counts)) is None


def test_a_chain_that_lags_far_behind_and_moves_is_not_lost():
    watched = Watched()

    for done in range(60):
        assert watched(looked(*[(9, 9)] * done, *[(9, 0)] * 20)) is None


def test_what_was_dealt_with_is_waited_for_anew():
    watched, hole = Watched(), looked((9, 4), (9, 9))
    watched(hole, 4)

    watched._gaps.forget()

    assert watched(hole) is None
