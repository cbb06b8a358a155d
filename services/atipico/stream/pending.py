"""What was sent to the agent and has no answer yet, in the order it was sent."""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple

from atipico.at_work import waiting
from atipico.errors import NotYet
from atipico.stream.ledger import Mark
from atipico.wire.points import Late, read_answer
from atipico.wire.sample import Score

MOST_BYTES = 32 * 2**20  # of points; half of what an agent keeps before it leaves points out


class Row(NamedTuple):
    """What an answer needs to become an outcome."""

    head: str
    time: int
    score: Score
    late: Late | None


class Pending:
    """One thread adds what it sends, another matches what is answered. Bounded: `wait_for_room` holds the sender."""

    def __init__(self, most: int) -> None:
        self._most, self._bytes = most, 0
        self.sent = self.taken = 0  # samples of this session so far, and those of them that were answered
        self._done = 0  # those of them whose answers were dealt with
        self._samples: deque[tuple[str, int]] = deque()  # head of the outcome, time
        self._blocks: deque[tuple[int, int]] = deque()  # `taken` once the agent has worked on a block, its bytes
        self._marks: deque[Mark] = deque()  # one for each snapshot that was asked for
        self._added, self._before = 0, deque[int]()  # blocks in all, and before each snapshot
        self._changed = threading.Condition()

    def wait_for_room(self, timeout_s: float) -> bool:
        """Whether fewer samples and bytes than the bounds are unanswered, at the latest after `timeout_s`."""
        with self._changed, waiting():
            return self._changed.wait_for(
                lambda: len(self._samples) < self._most and self._bytes < MOST_BYTES, timeout_s
            )

    def wait_for_all(self, timeout_s: float) -> bool:
        """Whether all that was sent is answered, and the answers dealt with, at the latest after `timeout_s`."""
        with self._changed, waiting():
            return self._changed.wait_for(lambda: self._done == self.sent, timeout_s)

    def add(self, samples: list[tuple[str, int]], size: int = 0) -> None:
        """Samples that are about to be sent, in their order. size: bytes of their points and of the labels with them.

        Labels alone have no answer: that they were worked on is known by what is answered behind them.
        """
        with self._changed:
            self._samples.extend(samples)
            self.sent += len(samples)
            self._bytes += size
            self._added += 1
            self._blocks.append((self.sent if samples else self.sent + 1, size))

    def add_snapshot(self, mark: Mark) -> None:
        """A snapshot that is about to be asked for, of what was sent so far, and the mark that it makes."""
        with self._changed:
            self._marks.append(mark)
            self._before.append(self._added)

    def answered(self, answers: list[bytes]) -> list[Row]:
        """The rows of answers, given as they came. Raises NotYet when they are not the next ones."""
        with self._changed:
            if len(answers) > len(self._samples):
                raise NotYet(f"the agent gave {len(answers)} answers where {len(self._samples)} were due")
            rows = []
            for time, score, late in map(read_answer, answers):
                head, due = self._samples.popleft()
                if time != due:
                    raise NotYet(f"the agent answered the sample of {time} ns where that of {due} ns was due")
                rows.append(Row(head, time, score, late))
            self.taken += len(rows)
            while self._blocks and self._blocks[0][0] <= self.taken:
                self._bytes -= self._blocks.popleft()[1]
            self._changed.notify()
        return rows

    def done(self) -> None:
        """All answers so far are dealt with."""
        with self._changed:
            self._done = self.taken
            self._changed.notify()

    def snapshot_asked(self) -> bool:
        """Whether a snapshot is still to come or to be committed; one at a time, so that a large one sets the pace."""
        return bool(self._marks)

    def snapshot_mark(self) -> Mark:
        """The mark, still without it, that a snapshot answer is for. Raises NotYet when none was asked for."""
        if not self._marks:
            raise NotYet("the agent sent a snapshot that nobody asked for")
        return self._marks[0]

    def snapshot_taken(self) -> None:
        """The snapshot that was asked for is dealt with, and so is all that was sent before."""
        with self._changed:
            self._marks.popleft()
            before = self._before.popleft()
            while self._blocks and self._added - len(self._blocks) < before:
                self._bytes -= self._blocks.popleft()[1]
            self._changed.notify()

    def __len__(self) -> int:
        return len(self._samples)
