"""The pictures of a search: how it went, and what each parameter had to do with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from atipico.learn.methods import Between, Choices
from atipico.learn.searchers import Space, Trial

SCORE = "average precision, mean of the folds"


def draw(folder: Path, kind: str, trials: Sequence[Trial], space: Space) -> None:
    """Write search.png and parameters.png into a folder."""
    search, panels = _figure((7, 5)), _figure((9, 3 * -(-len(space) // 3)))
    progress(search.add_subplot(), {kind: trials})
    parameters(panels, trials, space)
    search.savefig(folder / "search.png", dpi=110)
    panels.savefig(folder / "parameters.png", dpi=110)


def progress(axes: Any, searches: Mapping[str, Sequence[Trial]]) -> None:
    """Each trial of each search, by its number, and the best so far."""
    for at, (name, trials) in enumerate(searches.items()):
        done = [one for one in trials if one.score is not None]
        best = [max(one.score or 0.0 for one in done[: end + 1]) for end in range(len(done))]
        numbers = [one.number for one in done]
        axes.plot(numbers, [one.score for one in done], ".", color=f"C{at}", alpha=0.5)
        axes.step(numbers, best, where="post", color=f"C{at}", label=f"{name}: best {best[-1]:.4f}" if best else name)
        if left := [one for one in trials if one.score is None and one.folds]:
            marks = [sum(one.folds) / len(one.folds) for one in left]
            axes.plot([one.number for one in left], marks, "x", color=f"C{at}", alpha=0.5, label=f"{name}: left early")
    axes.set(xlabel="trial", ylabel=SCORE, title="The search")
    axes.legend(loc="lower right")


def parameters(figure: Any, trials: Sequence[Trial], space: Space) -> None:
    """A panel a parameter: the score of each trial over the value that it had; later trials are darker."""
    done = [one for one in trials if one.score is not None]
    panels = figure.subplots(-(-len(space) // 3), 3, sharey=True, squeeze=False).ravel()
    for axes, (name, of) in zip(panels, space.items(), strict=False):
        values = [one.values[name] for one in done]
        marks = [str(value) for value in values] if isinstance(of, Choices) else values
        axes.scatter(marks, [one.score for one in done], c=[one.number for one in done], cmap="Blues", edgecolor="grey")
        axes.set_title(name, fontsize=9)
        if isinstance(of, Between) and of.log:
            axes.set_xscale("log")
    for axes in panels[len(space) :]:
        axes.set_axis_off()
    panels[0].set_ylabel("average precision")


def _figure(size: tuple[float, float]) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure
