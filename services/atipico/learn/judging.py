"""What the stage `evaluate` does: the figures of a run, of its newest test and of earlier ones, and their pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from atipico.errors import Refused
from atipico.learn import estimators, plots, quality
from atipico.learn.calendar import Span
from atipico.learn.ensembles import Member
from atipico.learn.judge import earlier_spans, judge, seen
from atipico.learn.progress import Bar, counted
from atipico.learn.recipe import Recipe, periods_of
from atipico.learn.run import ESTIMATORS, Run
from atipico.learn.split import Split
from atipico.learn.table import Table
from atipico.learn.training import trainings


def evaluate(
    run: Run, recipe: Recipe, table: Table, members: Sequence[Member], bar: Bar, say: Callable[[str], None]
) -> bool:
    """Judge a run and draw it. False and a warning where there is nothing to judge on."""
    made = Split(*(Span(*span) for span in run.told["split"]))
    if table.span.stop <= made.test.start:
        say(f"warning: not evaluated: the data are of {table.span}, the test is of {made.test}")
        return False
    there = seen(table, made)
    if there != made.test:
        say(f"warning: the data end before the test does; judged on {there} in place of {made.test}")
    ensemble = estimators.read_ensemble(run.told, run.folder / ESTIMATORS)
    threshold = float(run.told["threshold"]["value"])
    earlier = (recipe.test.spans - 1) * trainings(recipe, table, made, members)
    with run.timed("evaluate"), counted(bar, "judging", earlier):
        try:
            found = judge(recipe, table, made, ensemble, threshold)
        except Refused as error:
            say(f"warning: not evaluated: {error}")
            return False
        average = found.told["average"]
        spans = [average, *earlier_spans(recipe, table, made, members, say)]
    run.told["metrics"] = {
        "span": str(there),
        "k": recipe.test.k,
        **found.told,
        "spans": {"many": len(spans), "figures": spans, **quality.over_spans(spans)},
    }
    with run.timed("plots"), bar("drawing"):
        told, periods = run.told["metrics"], periods_of(recipe.period)
        plots.draw(run.folder, found.scores, found.label, told, periods, threshold, table.columns, ensemble.members)
    say(
        f"  judged on {average['samples']} samples of {there}, {average['anomalies']} of them anomalies: "
        f"AUC {_number(average['auc'])}, average precision {_number(average['average_precision'])}, "
        f"precision@{recipe.test.k} {_number(average['precision_at_k'])} "
        f"± {_number(average['spread']['precision_at_k'])} over {periods_of(recipe.period)}"
    )
    return True


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
