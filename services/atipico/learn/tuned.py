"""The stage `tune`: a search on a recipe's data, its pictures, and beside the recipe one with the best values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from atipico.learn import tuning, tuning_plots
from atipico.learn.recipe import Recipe, read_recipe
from atipico.learn.searcher import Trial
from atipico.learn.space import space_of, with_values
from atipico.learn.tuning import Found

if TYPE_CHECKING:
    from atipico.learn.stages import Learning


class Tuned(NamedTuple):
    """folder: with study.sqlite and pictures. recipe: the file that the next training takes."""

    found: Found
    folder: Path
    recipe: Path


def tune(learning: Learning) -> Tuned:
    """Search what the recipe lets search; a search that was stopped goes on."""
    recipe, table = learning.recipe, learning.table()
    folder = learning.runs / recipe.name / f"tune-{recipe.train.tune.kind}"
    folder.mkdir(parents=True, exist_ok=True)
    done = 0  # trials; those of an earlier search count when the first of this one ends
    with learning.bar("trials") as step:
        step(0, recipe.train.tune.trials)

        def tell(trial: Trial, best: Trial | None) -> None:
            nonlocal done
            now = max(done, trial.number + 1)
            step(now - done)
            done = now
            if trial is best:
                learning.say(f"  trial {trial.number}: average precision {trial.score:.4f}, {_shown(trial)}")

        found = tuning.search(recipe, table, folder / "study.sqlite", tell)
    tuning_plots.draw(folder, recipe.train.tune.kind, found.trials, space_of(recipe))
    written = learning.file.with_name(f"{learning.file.stem}.tuned.toml")
    best = with_values(read_recipe(learning.file), found.best.values)
    text = f"# {learning.file.name} with what was found by trial {found.best.number} of {len(found.trials)}, "
    text += f"{recipe.train.tune.kind}: average precision {found.best.score:.4f} on {recipe.train.tune.folds} folds.\n"
    written.write_text(text + toml_of(best), encoding="utf-8")
    return Tuned(found, folder, written)


def _shown(trial: Trial) -> str:
    values = {name: f"{one:.4g}" if isinstance(one, float) else one for name, one in trial.values.items()}
    return ", ".join(f"{name.split('.', 1)[1]} {one}" for name, one in values.items())


def toml_of(recipe: Recipe) -> str:
    """A recipe as its file has it, without what it leaves to the defaults."""
    return (
        "\n".join(_lines(recipe.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True))) + "\n"
    )


def _lines(of: dict[str, Any], path: str = "") -> list[str]:
    """Plain settings first, then tables, then lists of tables: TOML has no way back to an outer table.

    What is searched stands in a line each.
    """
    inline = path.endswith("search.")
    tables = {name: value for name, value in of.items() if isinstance(value, dict) and not inline}
    lists = {name: value for name, value in of.items() if _is_tables(value)}
    lines = [f"{name} = {_value(value)}" for name, value in of.items() if name not in tables and name not in lists]
    for name, value in tables.items():
        lines += ["", f"[{path}{name}]", *_lines(value, f"{path}{name}.")]
    for name, values in lists.items():
        for value in values:
            lines += ["", f"[[{path}{name}]]", *_lines(value, f"{path}{name}.")]
    return lines


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _value(value: Any) -> str:
    """A plain value, or an inline table of such; JSON's text, number, truth and list are TOML's too."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{name} = {_value(one)}' for name, one in value.items())} }}"
    return orjson.dumps(value).decode()
