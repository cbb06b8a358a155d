"""What there would be for a job on the real servers, beside what there is."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from atipico.engines.kapacitor.influx import Influx
from atipico.engines.kapacitor.settings import KapacitorSettings
from atipico.engines.kapacitor.tasks import Task, Tasks
from atipico.engines.kapacitor.tick import by_hand, script, task_id
from atipico.registry.jobs import Job
from atipico.wire.sample import SHARD_TAG


class Change(NamedTuple):
    """sign: + makes, ~ changes, - removes, ! only says. lines: what is different. by_hand: somebody else made that.

    do: makes it so.
    """

    sign: str
    what: str
    do: Callable[[], None] = lambda: None
    lines: tuple[str, ...] = ()
    by_hand: bool = False


def changes(job: Job, influx: Influx, tasks: Tasks, settings: KapacitorSettings) -> Iterator[Change]:
    """What is to be done for a job, in its order; nothing when all is as it should be. Raises NotYet, Refused."""
    database, policy = job.database, settings.retention_policy
    influx.check_version()
    new = database not in influx.databases()
    yield from store_changes(job, influx, settings)
    if (batch := tasks.batch_of(job.name)) and not tasks.find(task_id(job.name)):
        yield Change("!", f"task {batch} asks for its samples by batches: it gets no stream task, and is not swept")
        return
    tags = [] if new else influx.tags(database, job.stream)
    shard = by_shard(job, tags)
    if not tags:
        taken = f"taken to have the tag {SHARD_TAG}" if shard else "grouped by all that they will have"
        yield Change("!", f"stream {job.stream} has no points with tags yet: {taken}")
    text = script(job, settings.udf, policy, shard, settings.flush)
    yield from _task_changes(Task(task_id(job.name), text, (database, policy)), tasks)
    if not job.alert:
        yield from _topic_removals(job.name, tasks)
    if (writers := influx.subscribers()) not in (1, None):
        yield Change(
            "!",
            f"InfluxDB hands points over by {writers} writers at once, so their order may change; "
            "set write-concurrency = 1 in [subscriber] of influxdb.conf",
        )


def by_shard(job: Job, tags: Collection[str]) -> bool:
    """Whether points are grouped by their shard, else by all their tags. tags: those of the stream, none as yet.

    A window of a series needs the series apart: where nobody knows the tags, it is not taken for granted that shard
    is one of them.
    """
    return SHARD_TAG in tags if tags else not job.looks_at_series


def store_changes(job: Job, influx: Influx, settings: KapacitorSettings) -> Iterator[Change]:
    """What is to be made in InfluxDB for a job."""
    database, policy = job.database, settings.retention_policy
    new = database not in influx.databases()
    if new:
        yield Change("+", f"database {database}", lambda: influx.make_database(database))
    if policy != "autogen" if new else policy not in influx.policies(database):
        yield Change(
            "+",
            f"retention policy {policy} of {database}",
            lambda: influx.make_policy(database, policy, settings.keep, default=new),
        )


def _task_changes(wanted: Task, tasks: Tasks) -> Iterator[Change]:
    found = tasks.find(wanted.id)
    if found is None:
        lines = tuple(wanted.script.splitlines())
        yield Change("+", f"task {wanted.id}", lambda: tasks.put(wanted, there=False), lines)
    elif found != wanted:
        foreign = by_hand(found.script)
        why = "changed by hand since it was applied" if foreign else "not what the job file says"
        if found.script == wanted.script:
            why = _beside_the_script(found, wanted)
        scripts = found.script.splitlines(), wanted.script.splitlines()
        lines = tuple(difflib.unified_diff(*scripts, "in Kapacitor", "as applied", lineterm="", n=1))
        yield Change("~", f"task {wanted.id}: {why}", lambda: tasks.put(wanted, there=True), lines, foreign)


def _beside_the_script(found: Task, wanted: Task) -> str:
    if not found.enabled:
        return "disabled"
    if found.dbrp != wanted.dbrp:
        return f"reads {'.'.join(found.dbrp)}, not {'.'.join(wanted.dbrp)}"
    return f"does not run: {found.error}"


def removals(job: str, tasks: Tasks) -> Iterator[Change]:
    """What is to be done so that a job runs no more. Its samples and outcomes stay."""
    if tasks.find(task_id(job)):
        yield Change("-", f"task {task_id(job)}", lambda: tasks.delete(task_id(job)))
    yield from _topic_removals(job, tasks)


def _topic_removals(job: str, tasks: Tasks) -> Iterator[Change]:
    """What Kapacitor remembers of the alerts of a job: an episode that lasts would stand there for ever."""
    if tasks.has_topic(task_id(job)):
        yield Change("-", f"topic {task_id(job)}, its alerts", lambda: tasks.delete_topic(task_id(job)))
