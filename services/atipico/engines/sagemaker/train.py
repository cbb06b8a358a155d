"""`train`: the recipe and the recording that the folders hold become a model in the folder `model`."""

from __future__ import annotations

from atipico.engines.sagemaker.folders import Folders
from atipico.engines.sagemaker.recipe import chosen
from atipico.errors import AtipicoError, Refused


def train(folders: Folders) -> str:
    """The model's id. Its recipe is kept beside it, its run in output/data. What fails is told in output/failure."""
    try:
        return _train(folders)
    except AtipicoError as error:
        folders.tell_failure(str(error))
        raise
    except Exception as error:
        folders.tell_failure(f"{type(error).__name__}: {error}")
        raise


def _train(folders: Folders) -> str:
    recording, recipe = folders.recording(), chosen(folders)
    try:
        from atipico.learn.stages import Learning
    except ImportError as error:
        raise Refused(f"learning needs {error.name}; use the image of the target sagemaker") from error
    folders.model.mkdir(parents=True, exist_ok=True)
    kept = folders.model / "learn.toml"
    kept.write_text(recipe, encoding="utf-8")
    learning = Learning(kept, data=str(recording), runs=folders.output / "data" / "runs", models=folders.model)
    return learning.all().id
