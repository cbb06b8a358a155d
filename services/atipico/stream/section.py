"""A part of the log in the order of the job's clock: what is sent again when a sample came late."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from atipico.stream.ledger import LONG_AGO, Mark
from atipico.stream.outgoing import Outgoing, Points, Reader
from atipico.stream.store import LogBlock, LogGone

Read = Callable[[int, int], LogBlock]  # from an offset to no farther than another


class Section(NamedTuple):
    """What the log has from a mark to the offset `end` and the mark does not know, in the order of the clock.

    offsets: where the block of the log begins that each is from. floor: all up to this clock (ns) is known.
    """

    sent: list[Outgoing]
    offsets: list[int]
    end: int
    floor: int

    @property
    def begin(self) -> int:
        return min(self.offsets, default=self.end)

    @property
    def samples(self) -> int:
        return sum(bool(one.head) for one in self.sent)

    def parts(self, late: int) -> Iterator[tuple[list[Outgoing], Mark | None]]:
        """What is to be sent, and the mark to make behind it, if one can be.

        A sample that comes up to `late` ns behind the last of these still is after that mark: without one here, a
        stream that is never in order would have its job go back ever farther.
        """
        floor = max(self.floor, self.sent[-1].clock - late - 1) if self.sent else self.floor
        split = sum(one.clock <= floor for one in self.sent)
        if split:
            yield self.sent[:split], Mark(min(self.offsets[split:], default=self.end), until=self.end, floor=floor)
        yield self.sent[split:], None


def pieces(sent: list[Outgoing], size: int) -> Iterator[Points]:
    """The same in pieces of about `size` bytes of points, as a block of the log is: none fills an agent's queue."""
    start = length = 0
    for at, one in enumerate(sent, 1):
        length += len(one.point)
        if length >= size or at == len(sent):
            some = sent[start:at]
            yield Points([(one.head, one.time) for one in some if one.head], [one.point for one in some])
            start, length = at, 0


def section(read: Read, reader: Reader, mark: Mark, end: int, most: int | None) -> Section | None:
    """The section from a mark to an offset; None when it has more than `most` bytes.

    Raises what `read` does, LogGone also where the log ends before.
    """
    found, offset, size = list[tuple[Outgoing, int]](), mark.offset or 0, 0
    end = max(end, mark.until)
    while offset < end:
        known = mark.floor if offset < mark.until else None
        block = read(offset, mark.until if known is not None else end)
        size += len(block.lines)
        if most is not None and size > most:
            return None
        sent = [one for one in reader.placed(block.lines) if known is None or one.clock > known]
        found += [(one, offset) for one in sent]
        if block.after <= offset:
            raise LogGone(f"the log ends at {block.end}, before offset {end}", offset)
        offset = block.after
    found.sort(key=lambda one: one[0].place)
    floor = mark.floor if mark.until else LONG_AGO
    return Section([one for one, _ in found], [at for _, at in found], end, floor)
