"""What a recipe lets search, and the recipe with what was found."""

from __future__ import annotations

from collections.abc import Mapping

from atipico.errors import Refused
from atipico.learn.methods import Between, Choices
from atipico.learn.recipe import Recipe
from atipico.learn.searcher import Space, Value


def space_of(recipe: Recipe) -> Space:
    """All that the recipe lets search, by the number and kind of the estimator and the parameter's name."""
    found = {_key(at, one.kind, name): of for at, one in enumerate(recipe.estimator) for name, of in one.search.items()}
    if not found:
        raise Refused(
            "nothing to search: an [[estimator]] needs [estimator.search], with lines such as "
            "num_leaves = { low = 7, high = 63 }"
        )
    return found


def with_values(recipe: Recipe, values: Mapping[str, Value]) -> Recipe:
    """The recipe with these values as parameters, and without a search."""
    made = []
    for at, one in enumerate(recipe.estimator):
        found = {name: values[_key(at, one.kind, name)] for name in one.search}
        made.append(type(one).model_validate({**one.model_dump(exclude={"search"}, exclude_unset=True), **found}))
    return recipe.model_copy(update={"estimator": tuple(made)})


def _key(at: int, kind: str, name: str) -> str:
    return f"{at + 1}-{kind}.{name}"


def lowest(space: Space) -> dict[str, Value]:
    """A value of each, whichever."""
    return {key: of.choices[0] if isinstance(of, Choices) else of.low for key, of in space.items()}


def given(recipe: Recipe, space: Space) -> dict[str, Value]:
    """What the recipe itself has for all that is searched, to be tried first; nothing unless all of it can be."""
    found = {
        _key(at, one.kind, name): one.parameters[name]
        for at, one in enumerate(recipe.estimator)
        for name in one.search
        if name in one.parameters
    }
    inside = found.keys() == space.keys() and all(_inside(of, found[key]) for key, of in space.items())
    return found if inside else {}


def _inside(of: Between | Choices, value: Value) -> bool:
    if isinstance(of, Choices):
        return value in of.choices
    if isinstance(value, bool | str) or not of.low <= value <= of.high:
        return False
    steps = (value - of.low) / of.step if of.step else 0.0
    return abs(steps - round(steps)) < 1e-9 and (not of.whole or isinstance(value, int))
