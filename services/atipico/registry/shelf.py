"""All models of a folder: those that are served by name, and those that are not and why."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from atipico.errors import NotYet, Refused, nearest
from atipico.metrics import REFUSED
from atipico.registry.models import LARGEST, Model, load


class UnknownModel(Refused):
    """No model has that name."""


class Shelf:
    """models: by id, `name@version`. refused: id -> why that one is not served; it stops no other.

    asked: the number of the newest request to read them again that these follow, see asked.py; 0 for none.
    """

    def __init__(self, models: Mapping[str, Model], refused: Mapping[str, str]) -> None:
        self.hold(models, refused, 0)

    def hold(self, models: Mapping[str, Model], refused: Mapping[str, str], asked: int) -> None:
        """Hold these instead. Whoever has a model goes on with it, and the next who asks gets the newest."""
        self.models, self.refused = dict(models), dict(refused)
        newest = sorted(self.models.values(), key=lambda model: model.manifest.version)
        self._by_name = self.models | {model.manifest.name: model for model in newest}
        self.asked = asked

    def get(self, name: str) -> Model:
        """The model NAME@VERSION, or the newest served version of NAME.

        Raises UnknownModel, with the nearest name, and NotYet for one that is here but not fit to be served.
        """
        if (model := self._by_name.get(name)) is not None:
            return model
        for refused, why in self.refused.items():
            if name in (refused, refused.split("@")[0]):
                raise NotYet(f"model {refused} is not served: {why}", retry_after_s=5.0)
        known = self._by_name or self.refused
        raise UnknownModel(
            f"no model {name[:64]!r}{nearest(name, known) if known else '; the folder of models is empty'}"
        )

    def check(self) -> None:
        """Run the golden rows of every model. Raises NotYet when there is no model or one fails."""
        if not self.models:
            raise NotYet("no model is served" + "".join(f"; {why}" for why in self.refused.values()))
        for model in self.models.values():
            try:
                model.check()
            except Refused as error:
                raise NotYet(str(error)) from error


def versions(folder: Path) -> list[Path]:
    """The folders `<name>/<version>` under `folder`, sorted by name, then version."""
    found = [path for path in folder.glob("*/*") if path.name.isdecimal() and path.is_dir()]
    return sorted(found, key=lambda path: (path.parent.name, int(path.name)))


def open_shelf(folder: Path, largest: int = LARGEST) -> Shelf:
    """Load every model under `folder`. One that is refused is counted and listed; the others are served."""
    models: dict[str, Model] = {}
    refused: dict[str, str] = {}
    for path in versions(folder):
        try:
            model = load(path, largest)
            models[model.id] = model
        except Refused as error:
            REFUSED.labels("model").inc()
            refused[f"{path.parent.name}@{path.name}"] = str(error)
    return Shelf(models, refused)
