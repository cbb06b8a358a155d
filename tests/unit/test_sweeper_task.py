"""The task of a job: when it is dead, and that it is begun anew."""

from __future__ import annotations

import pytest

from atipico.engines.kapacitor.tasks import Task
from atipico.engines.sweeper.marks import Marks
from atipico.engines.sweeper.task import TaskStream
from atipico.errors import NotYet


class Stopped:
    """Tasks of a Kapacitor that ends between stopping a task and beginning it anew."""

    enabled = True

    def find(self, id: str) -> Task:
        return Task(id, "script", ("a", "b"), self.enabled, "" if self.enabled else "it does not execute")

    def since(self, id: str) -> int:
        return 5

    def revive(self, id: str) -> None:
        if self.enabled:
            self.enabled = False
            raise NotYet("Kapacitor does not answer")
        self.enabled = True


def test_a_task_is_begun_anew_though_the_first_try_ended_in_its_midst(tmp_path):
    tasks = Stopped()
    with pytest.raises(NotYet):
        TaskStream(tasks, "t", Marks(tmp_path / "pumps.json")).revive(stalled=True)

    again = TaskStream(tasks, "t", Marks(tmp_path / "pumps.json"))
    assert again.state().dead
    again.revive(stalled=False)

    assert (tasks.enabled, again.state().dead) == (True, "")


def test_a_task_that_a_person_stopped_is_none_to_begin_anew(tmp_path):
    tasks = Stopped()
    tasks.enabled = False

    assert "stopped by a person" in TaskStream(tasks, "t", Marks(tmp_path / "pumps.json")).state()


def test_a_job_without_a_stream_task_is_left_alone(tmp_path):
    none = type("Tasks", (), {"find": lambda _, id: None})()

    assert "no task t" in TaskStream(none, "t", Marks(tmp_path / "pumps.json")).state()
