"""A run told to MLflow: the same parameters, figures, pictures and hashes that its folder holds.

The folder stays the truth. Nothing here is imported unless somebody asked for it, and nothing else needs MLflow.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from atipico.errors import NotYet, Refused
from atipico.learn.extra import missing
from atipico.learn.places import Track
from atipico.learn.run import FILE, Run
from atipico.learn.told import metrics, parameters

_RUN = "atipico.run"
_LONGEST = 500  # letters of a parameter that MLflow takes


def tell(run: Run, where: Track, runs: Path) -> None:
    """Make MLflow's run of this one what the folder is now: begun at the first stage, gone on with at the later ones.

    Raises Refused where MLflow is not installed, NotYet where its store does not answer.
    """
    try:
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient
    except ImportError as error:
        raise Refused(missing("tracking", error, "tracking")) from error
    try:
        client = MlflowClient(where.uri or f"sqlite:///{runs.resolve()}/mlflow.db")
        _tell(client, run, _experiment(client, where.experiment or str(run.told["model"]), runs))
    except MlflowException as error:
        raise NotYet(f"MLflow took run {run.id} not: {str(error)[:300]}; its folder is whole: {run.folder}") from error


def _experiment(client: Any, name: str, runs: Path) -> str:
    if found := client.get_experiment_by_name(name):
        return str(found.experiment_id)
    return str(client.create_experiment(name, artifact_location=(runs.resolve() / "mlflow").as_uri()))


def _tell(client: Any, run: Run, experiment: str) -> None:
    from mlflow.entities import Metric, Param, RunTag

    found = client.search_runs([experiment], f"tags.`{_RUN}` = '{run.id}'", max_results=1)
    told = found[0] if found else client.create_run(experiment, run_name=run.id, tags={_RUN: run.id})
    id, known, now = told.info.run_id, told.data.params, int(1000 * time.time())
    client.log_batch(
        id,
        params=[Param(name, one[:_LONGEST]) for name, one in parameters(run.told).items() if name not in known],
        metrics=[Metric(name, figure, now, 0) for name, figure in metrics(run.told).items()],
        tags=[RunTag(name, tag) for name, tag in tags(run.told).items()],
    )
    for path in [run.folder / FILE, *sorted(run.folder.glob("*.png"))]:
        client.log_artifact(id, str(path))
    client.set_terminated(id)


def tags(told: Mapping[str, Any]) -> dict[str, str]:
    """What says which data, which code and which model."""
    return {
        "data": told["data"]["file"],
        "data.sha256": told["data"]["sha256"],
        "features": told["features"]["shape"],
        "commit": told.get("commit") or "none",
        "registered": told.get("registered", "no"),
    }
