"""The pictures of a search: how it went, and what each parameter had to do with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from atipico.learn.calendar import DAY
from atipico.learn.methods import Choices
from atipico.learn.searcher import Space, Trial
from atipico.learn.split import Split

SCORE = "average precision, mean of the folds"


def draw(folder: Path, kind: str, trials: Sequence[Trial], space: Space) -> None:
    """Write search.png and parameters.png into a folder."""
    rows, columns = _grid(space)
    search, panels = _figure((7, 5)), _figure((max(5, 3 * columns), 3 * rows))
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
        if best:  # up to the last trial, also where that was left
            reached = [*best, best[-1]]
            last = [*numbers, max(one.number for one in trials)]
            axes.step(last, reached, where="post", color=f"C{at}", label=f"{name}: best {best[-1]:.4f}")
        if left := [one for one in trials if one.score is None and one.folds]:
            marks = [sum(one.folds) / len(one.folds) for one in left]
            axes.plot([one.number for one in left], marks, "x", color=f"C{at}", alpha=0.5, label=f"{name}: left early")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set(xlabel="trial", ylabel=SCORE, title="The search")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))


def spans(axes: Any, named: Mapping[str, Split]) -> None:
    """What trains, what waits for its labels, what is judged: a bar a split, over time."""
    from matplotlib.dates import ConciseDateFormatter

    for at, made in enumerate(named.values()):
        for span, color in zip(made, ("tab:blue", "lightgrey", "tab:orange"), strict=True):
            days = (span.stop - span.start) * (span.length / DAY)
            axes.barh(at, days, left=np.datetime64(span.start * span.length, "ns"), color=color)
    axes.set_yticks(range(len(named)), list(named))
    axes.invert_yaxis()
    kinds = ["trains", "its labels come in", "is judged"]
    axes.legend(handles=axes.patches[:3], labels=kinds, loc="upper left", bbox_to_anchor=(1, 1))
    axes.xaxis.set_major_formatter(ConciseDateFormatter(axes.xaxis.get_major_locator()))
    axes.set(title="What is known when")


def parameters(figure: Any, trials: Sequence[Trial], space: Space) -> None:
    """A panel a parameter: the score of each trial over the value that it had; later trials are darker."""
    from matplotlib.ticker import LogLocator, NullFormatter

    done = [one for one in trials if one.score is not None]
    panels = figure.subplots(*_grid(space), sharey=True, squeeze=False).ravel()
    figure.suptitle("A dot a trial; later ones are darker", fontsize=9)
    for axes, (name, of) in zip(panels, space.items(), strict=False):
        values = [one.values[name] for one in done]
        marks = [str(value) for value in values] if isinstance(of, Choices) else values
        axes.scatter(marks, [one.score for one in done], c=[one.number for one in done], cmap="Blues", edgecolor="grey")
        axes.set_title(name, fontsize=9)
        if isinstance(of, Choices):
            axes.margins(x=0.5)
        elif of.log:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_formatter(NullFormatter())
    for axes in panels[len(space) :]:
        axes.set_axis_off()
    panels[0].set_ylabel("average precision")


def _grid(space: Space) -> tuple[int, int]:
    """Rows and columns of panels, at most three beside each other."""
    return -(-len(space) // 3), min(3, len(space))


def _figure(size: tuple[float, float]) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure
