"""`atipico down`, where the stack runs in containers."""

from __future__ import annotations

from atipico.config import home, run_dir
from atipico.engines.compose import docker, dotenv
from atipico.engines.compose.docker import Project

_DOWN_S = 180.0


def project() -> Project | None:
    """The project of this checkout; None when it was never started in containers, or a run folder elsewhere is meant.

    Raises as `docker.memory` does.
    """
    path = home() / "compose" / ".env"
    if not path.is_file() or run_dir() != home() / "run":
        return None
    docker.memory()
    return Project(path.parent, dotenv.read(path), docker.compose())


def down(project: Project) -> list[str]:
    """Stop and remove its containers; volumes stay. Returns the services that were there."""
    there = sorted(project.containers())
    if there:
        project.do("down", "--remove-orphans", within_s=_DOWN_S)
    return there


def purge(project: Project) -> None:
    """Remove the volumes too: samples, scores, dashboards that were changed. What .env says stays."""
    project.do("down", "--remove-orphans", "--volumes", within_s=_DOWN_S)
