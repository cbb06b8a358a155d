"""Which job and which model are meant, and whether they fit a recorded file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from atipico.config import home
from atipico.errors import Refused, nearest
from atipico.registry.jobs import Job, load_job, load_jobs
from atipico.registry.models import Model
from atipico.registry.shelf import open_shelf
from atipico.sources.file import File

EVENT_TIME = "event_time"


def find_job(name: str | None, model: str | None) -> Job:
    """The job NAME of jobs/, or of a file NAME.toml; without a name the one whose model is meant.

    Raises Refused, with the nearest names, when there is none or several could be meant.
    """
    if name is not None and name.endswith(".toml"):
        return load_job(Path(name))
    folder = home() / "jobs"
    if name is not None:
        known = [path.stem for path in folder.glob("*.toml")]
        if name not in known:
            raise Refused(f"no job {name!r} in {folder}{nearest(name, known)}")
        return load_job(folder / f"{name}.toml")
    jobs, wanted = load_jobs(folder), (model or "").partition("@")[0]
    fitting = [job for job in jobs.values() if job.model and job.model.partition("@")[0] == wanted]
    own = [job for job in fitting if job.name == wanted]
    if len(own or fitting) == 1:
        return (own or fitting)[0]
    if fitting:
        names = ", ".join(job.name for job in fitting)
        raise Refused(f"jobs {names} use model {wanted}; name one: --job {fitting[0].name}")
    models = {job.model.partition("@")[0] for job in jobs.values() if job.model}
    raise Refused(f"no job in {folder} uses a model {wanted!r}{nearest(wanted, models)}")


def find_model(name: str) -> Model:
    """The model NAME or NAME@VERSION of models/. Raises Refused or NotYet, with the nearest names."""
    return open_shelf(home() / "models").get(name)


def model_of(job: Job, instead: str | None = None) -> Model | None:
    """The model of a job, or another one `instead`; None for a job with a detector, which takes none."""
    if job.model:
        return find_model(instead or job.model)
    if instead:
        raise Refused(f"job {job.name} has a detector, so it can't run model {instead}; leave --model out")
    return None


def delayed(job: Job, delay: int) -> Job:
    """The job with labels that count `delay` ns after their samples; the same for one that takes none."""
    if job.labels is None:
        return job
    longer = job.labels.within - job.labels.delay
    return job._replace(labels=job.labels._replace(delay=delay, within=delay + longer))


def check_fit(job: Job, needs: Sequence[str], model: Model | None, source: File) -> None:
    """Raises Refused when the model needs a feature, or the job a field, that there is not."""
    declared = {spec.name for spec in job.features}
    if model and (missing := [name for name in model.columns if name not in declared]):
        raise Refused(
            f"model {model.id} needs features that job {job.name} does not declare: {', '.join(missing)}; "
            "name the job that does: --job"
        )
    there = [*source.fields, EVENT_TIME]
    if missing := [name for name in needs if name not in there]:
        raise Refused(
            f"job {job.name} needs {', '.join(missing)}, which the file's dataset.toml has no field for"
            f"{nearest(missing[0], there)}"
        )


def lacks_labels(job: Job, source: File, label: np.ndarray) -> str | None:
    """What is wrong with a file that tells no labels to a job whose features look at some; None where nothing is.

    label: of each row, -1 where there is none.
    """
    looking = [spec.name for spec in job.features if spec.of_labels]
    if not looking or (label >= 0).any():
        return None
    more = f" and {len(looking) - 3} more" if len(looking) > 3 else ""
    about = f"job {job.name} looks at labels ({', '.join(looking[:3])}{more}), "
    if source.label_column:
        return f"{about}{source.path} has none in its column {source.label_column}"
    return f"{about}the file's dataset.toml names no column of them: it needs a table [label] with the column"
