"""How long a part has given no sign of life, as far as the supervisor can tell.

The sign is a new heartbeat (see heartbeat.py), told by the file's time of change alone: a full disk takes that too.
Only time in which the supervisor itself ran counts: while the machine sleeps, or nobody gets a turn, all are silent.
"""

from __future__ import annotations

from pathlib import Path

_MOST_STEP_S = 1.0  # between two looks; what is beyond it, the supervisor did not run


class Silence:
    """Of one process, from when it was started or taken over. Call `look` often."""

    def __init__(self, beat: Path, now: float) -> None:
        """now: seconds of a clock that never goes back."""
        self._beat, self._seen, self._looked = beat, _changed(beat), now
        self.ever = False  # whether there was a sign at all
        self.seconds = 0.0

    def look(self, now: float) -> None:
        """Take note of a new sign, or of the time that went by without one."""
        seen, step = _changed(self._beat), min(now - self._looked, _MOST_STEP_S)
        self._looked = now
        if seen != self._seen:
            self._seen, self.ever, self.seconds = seen, True, 0.0
        else:
            self.seconds += step


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
