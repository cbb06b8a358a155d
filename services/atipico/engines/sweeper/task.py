"""A job's task in Kapacitor, as what hands its samples over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from atipico.engines.kapacitor.tasks import Tasks
from atipico.engines.kapacitor.tick import literal
from atipico.engines.sweeper.marks import Marks
from atipico.engines.sweeper.sweep import State
from atipico.errors import NotYet
from atipico.wire.sample import SHARD_TAG


class TaskStream:
    """The task `id`. While Kapacitor does not answer, it is as it was."""

    def __init__(self, tasks: Tasks, id: str, marks: Marks) -> None:
        self._tasks, self._id, self._marks = tasks, id, marks
        self._since: int | None = None
        self._by_shard = True

    def state(self) -> State | str:
        """It is left alone where there is no task, or a person stopped it. Raises NotYet while it was never seen."""
        try:
            task = self._tasks.find(self._id)
        except NotYet:
            if self._since is None:
                raise
            return State(self._since)
        if task is None:
            return f"no task {self._id} in Kapacitor; batch tasks are not swept"
        if not (task.enabled or self._marks.reviving):
            return f"task {self._id} was stopped by a person"
        self._since = self._since or self._tasks.since(self._id)
        self._by_shard = f".groupBy({literal(SHARD_TAG)})" in task.script
        return State(self._since, task.error or ("" if task.enabled else "it was stopped to be begun anew"))

    def unwritten(self) -> int:
        return self._tasks.unwritten(self._id)

    def revive(self, stalled: bool) -> None:
        """Have it begin anew where it is dead, or says that it runs while nothing comes of it."""
        state = self.state()
        if isinstance(state, State) and (state.dead or stalled):
            self._marks.note_reviving(True)
            self._tasks.revive(self._id)
            self._marks.note_reviving(False)

    def group(self, tags: Mapping[str, str]) -> tuple[str, Sequence[str]]:
        """What Kapacitor calls the group of a series, and its dimensions."""
        dimensions = [SHARD_TAG] if self._by_shard else sorted(tags)
        return ",".join(f"{name}={tags.get(name, '')}" for name in dimensions), dimensions
