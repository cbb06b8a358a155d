"""What a recipe says of where its data come from, `[get]`, and where else its runs are told, `[track]`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from atipico.config import Bytes
from atipico.learn.methods import Part


class SimulatedWorld(Part):
    """`world`: what `atipico data make` takes."""

    name: Literal["payments"]
    days: int = Field(180, ge=1)
    customers: int = Field(4000, ge=1)
    terminals: int | None = Field(None, ge=1)
    per_day: float | None = Field(None, gt=0)
    seed: int = Field(1, ge=0)


class Get(Part):
    """Where the data come from, and the file beside this one that they become: `to`.

    One of path (a local file, `~` allowed), url (http or https), openml (the number of a data set there), world.
    sha256: of the file `to`; a url needs it. most: no more bytes than that are taken.
    """

    to: str = Field(pattern=r"^[^/\\]+\.(csv|parquet)$")
    path: str | None = None
    url: str | None = Field(None, pattern="^https?://")
    openml: int | None = Field(None, ge=1)
    world: SimulatedWorld | None = None
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")
    most: Bytes = 2 * 2**30

    @model_validator(mode="after")
    def _one_source(self) -> Get:
        given = [name for name in ("path", "url", "openml", "world") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"needed one of path, url, openml, world; found {', '.join(given) or 'none'}")
        if self.url and not self.sha256:
            raise ValueError("a url needs the sha256 of the file that it gives")
        return self


class Track(Part):
    """`[track]`: runs are told to MLflow too. uri: its store; a file beside the runs unless given."""

    uri: str | None = None
    experiment: str | None = None
