# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Preparing the data: few frauds, and what leaks
#
# **Resumen.** De cada cien pagos, uno o menos es fraude. ¿Ayuda enseñar al modelo menos pagos honrados, o más
# fraudes, repetidos o inventados (SMOTE, ADASYN)? Aquí miramos qué hace cada método con los datos, lo medimos en días
# posteriores al entrenamiento, y mostramos el error más frecuente: remuestrear antes de separar, que hace brillar
# cualquier modelo en el papel y lo deja igual en la realidad.
#
# **Goal.** Know what under- and oversampling, SMOTE and ADASYN do to the rows of a training, what they bring, what
# they do to a score, and how a resampled row that meets the validation fools everybody. You will see each method as
# a picture first, and then as a figure on days that it never saw.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from atipico.learn.course import material
from atipico.learn.imbalance import Shown, balanced
from atipico.learn.judge import tried
from atipico.learn.methods import Imbalance
from atipico.learn.ranking import auc, average_precision
from atipico.learn.recipe import changed
from atipico.learn.split import judged, split, trains
from atipico.learn.stages import Learning

WORK = Path("../runs/course")
course = material(WORK)
learning = Learning(course.recipe, str(course.data), runs=WORK, say=lambda line: None)
table = learning.table()
course.told

# %% [markdown]
# ## 1. What trains, what judges
#
# Before anything is done to the rows they are separated, by time. What trains ends early enough for its last label
# to have come when the model is made; what judges comes after that and is **never** touched: live there is no
# resampling either.

# %%
share = round(min(1.0, 75_000 / len(table.label)), 3)  # of the honest ones, which weigh the more: minutes and no hours
one = [{"kind": "lightgbm", "n_estimators": 40 if course.small else 150, "num_leaves": 15, "learning_rate": 0.05}]
recipe = changed(learning.recipe, train={"usual_share": share}, test={"spans": 1}, estimator=one)
made = split(recipe, table)
rows = np.flatnonzero(trains(recipe, table, made))
shown = Shown(table.values[rows], table.label[rows], None)
later = judged(recipe, table, made)
pd.DataFrame(
    {
        "when": [str(made.train), str(made.gap), str(made.test)],
        "rows": [len(rows), int(made.gap.has(table.period).sum()), int(later.sum())],
        "frauds": [int((shown.label == 1).sum()), "nobody knows yet", int((table.label[later] == 1).sum())],
    },
    index=["train", "gap", "test"],
).drop(index=[] if table.label_delay else ["gap"])

# %% [markdown]
# ## 2. What each method does
#
# - **random under** leaves out honest payments until there are as many as wanted. Fast; it throws knowledge away.
# - **random over** repeats frauds. Nothing is lost and nothing is new: a tree may learn single frauds by heart.
# - **SMOTE** invents frauds: each lies on the line between a fraud and one of its nearest frauds.
# - **ADASYN** does so too, and more of them where honest payments are near, where it is hard.
# - **SMOTE-ENN** cleans up after SMOTE: a row whose nearest rows are not all of its kind goes.
# - **class weights** touch no row: a fraud simply counts as much as many honest payments.
#
# Here they are on two of the features that alone tell much, a dot a row. Honest payments are blue, frauds red.
# `ratio` says how many frauds there shall be for an honest one.

# %%
columns = dict(enumerate(shown.rows.T))  # those that spread out, and do not have one value most of the time
columns = {at: of for at, of in columns.items() if np.unique(of, return_counts=True)[1].max() < 0.2 * len(of)}
strong = sorted(columns, key=lambda at: -abs(auc(columns[at], shown.label == 1) - 0.5))
x = strong[0]
y = next((at for at in strong[1:] if abs(np.corrcoef(columns[x], columns[at])[0, 1]) < 0.7), strong[1])


def two(of: Shown, most: int = 6000) -> Shown:
    """Two features of some rows, on a scale that the eye can follow."""
    rng = np.random.default_rng(1)
    frauds = of.label == 1
    keep = rng.random(len(frauds)) < np.where(frauds, most / 4 / frauds.sum(), most / (~frauds).sum())
    values = of.rows[keep][:, [x, y]]
    return Shown(np.sign(values) * np.log1p(np.abs(values)), of.label[keep], None)


plain = two(shown)
kinds = ("none", "random_under", "random_over", "smote", "adasyn", "smote_enn")
figure, panels = plt.subplots(2, 3, figsize=(11, 7), sharex=True, sharey=True, layout="constrained")
for kind, axes in zip(kinds, panels.flat, strict=True):
    after = balanced(Imbalance(kind=kind, ratio=0.5), plain)
    for label, color in ((0, "tab:blue"), (1, "tab:red")):
        points = after.rows[after.label == label]
        axes.plot(*points.T, ".", color=color, markersize=3, alpha=0.25)
    honest, frauds = (int((after.label == label).sum()) for label in (0, 1))
    axes.set_title(f"{kind}: {honest} honest, {frauds} frauds", fontsize=10)
figure.supxlabel(f"{table.columns[x]} (log)")
figure.supylabel(f"{table.columns[y]} (log)")
plt.show()

# %% [markdown]
# Look at SMOTE: it fills the space *between* frauds. Where frauds form a cloud of their own that is what we want. Where
# two frauds have nothing to do with each other, the line between them runs right through the honest ones, and the new
# rows lie. With twenty features nobody can see that any more, so we measure.
#
# ## 3. What it brings
#
# The same model, trained on rows that each method prepared, judged on the same untouched days. A logistic
# regression beside it, because what helps one need not help the other.

# %%
LINEAR = [{"kind": "logistic_regression"}]
TRIED = ("none", "class_weights", "random_under", "random_over", "smote", "adasyn")


def brought(kind: str, ratio: float, estimator: list) -> dict:
    """Average precision on the test, for a method against imbalance; and the mean score that the model gives there."""
    asked = changed(recipe, train={"imbalance": {"kind": kind, "ratio": ratio}}, estimator=estimator)
    _, found = tried(asked, table, made)
    return {"average precision": found.told["average"]["average_precision"], "mean score": found.scores.mean()}


found = {
    (name, kind): brought(kind, 0.2, estimator)
    for name, estimator in (("LightGBM", one), ("logistic regression", LINEAR))
    for kind in TRIED
}
table_of_methods = pd.DataFrame(found).T
table_of_methods["average precision"].unstack(0).loc[list(TRIED)].round(3)

# %%
figure, axes = plt.subplots(figsize=(9, 4), layout="constrained")
for at, name in enumerate(("LightGBM", "logistic regression")):
    axes.bar(np.arange(len(TRIED)) + 0.4 * at, table_of_methods.loc[name]["average precision"], 0.38, label=name)
axes.set_xticks(np.arange(len(TRIED)) + 0.2, TRIED, rotation=15)
axes.set(ylabel="average precision on the test", title="What each method brought, on days that none of them saw")
axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# One test has few frauds, so small differences are noise: on another they turn round (docs/numbers.md has the
# spread over weeks). No method is far ahead of doing nothing at all; where one helps, it is often a cheap one.
#
# ## 4. What it does to a score
#
# A model that has seen one fraud for five honest payments believes that the world is so. The *order* of payments may
# stay the same, the *scores* do not: they are no probabilities any more. The dashed line is the truth.

# %%
means = table_of_methods.loc["LightGBM"]["mean score"]
truth = float((table.label[later] == 1).mean())
figure, axes = plt.subplots(figsize=(9, 3.4), layout="constrained")
axes.bar(TRIED, means.loc[list(TRIED)])
axes.axhline(truth, color="black", linestyle="--", label=f"share of fraud {truth:.3f}")
axes.set(ylabel="mean score on the test", title="Resampling makes a model cry wolf")
axes.legend()
plt.show()

# %% [markdown]
# That is no harm as long as the threshold is found *afterwards*, on rows that were not resampled; so it is done here
# (a budget of alerts, on the days of the gap). Where probabilities are needed, calibrate: notebook 4.
#
# ## 5. What leaks
#
# The most frequent mistake of all: resample first, separate then. A fraud and its copy, or what SMOTE made of it,
# land on both sides. The model need only recognise it. We do just that on purpose, for the test and three before it:

# %%
EARLIER = [number * recipe.periods(recipe.test.span) for number in range(4)]  # each with a training of its own


def precision_on(train: Shown, held: Shown) -> float:
    """Average precision on rows that were held out, of a model of the others."""
    from lightgbm import LGBMClassifier

    model = LGBMClassifier(**{k: v for k, v in one[0].items() if k != "kind"}, verbose=-1, random_state=0)
    return average_precision(model.fit(train.rows, train.label).predict_proba(held.rows)[:, 1], held.label == 1)


def at_random(of: Shown) -> tuple[Shown, Shown]:
    """Seven rows of ten, and the others."""
    left = np.random.default_rng(0).random(len(of.label)) < 0.7
    return Shown(of.rows[left], of.label[left], None), Shown(of.rows[~left], of.label[~left], None)


def shown_of(which: np.ndarray) -> Shown:
    return Shown(table.values[which], table.label[which], None)


believed, true = {"resampled, then at random": [], "at random": []}, []
for periods in EARLIER:
    when = split(recipe, table, periods)
    training, test = shown_of(trains(recipe, table, when)), shown_of(judged(recipe, table, when))
    resampled = balanced(Imbalance(kind="smote", ratio=0.2), training)  # before anything was separated
    believed["resampled, then at random"].append(precision_on(*at_random(resampled)))
    believed["at random"].append(precision_on(*at_random(training)))
    true.append(precision_on(training, test))

when = [f"{periods} x {recipe.period} earlier" for periods in EARLIER]
leaks = pd.DataFrame(believed | {"by time, on later ones": true}, index=when).T
leaks["mean"] = leaks.mean(axis=1)
leaks.round(3)

# %%
figure, axes = plt.subplots(figsize=(9, 3), layout="constrained")
axes.barh(leaks.index, leaks["mean"], color=["lightgray", "lightgray", "tab:green"])
for column in leaks.columns[:-1]:
    axes.plot(leaks[column], leaks.index, ".", color="black")
axes.set(xlabel="average precision; a dot a test", title="Grey is what we would believe, green what comes true")
plt.show()

# %% [markdown]
# The first line looks like a breakthrough, and always the same one. Nothing broke through: what was held out are
# invented frauds that lie between frauds of the training. Here this can't happen by accident: `[train.imbalance]` of a
# recipe works inside a training, after it was separated, and a test of this project fails if a resampled row ever
# meets a validation.
#
# Separating at random, without resampling, comes nearer, and still tells little: it never meets a week that is unlike
# the others, and a card that is robbed on Monday and on Tuesday lies on both of its sides. Its dots lie close together,
# those of later times are lower or further apart. Only the last line asks what live asks: train, wait until the labels
# have come, judge what comes after.
#
# ## 6. In a recipe
#
# All of this is three lines of a `learn.toml`, and a command:
#
#     [train.imbalance]
#     kind = "random_under"
#     ratio = 0.2
#
# `atipico learn all -f learn.toml` trains with it, and `atipico learn compare RUN RUN` shows what it changed.

# %% [markdown]
# ## What we saw
#
# - Every method is a different picture of the same rows. None of them brings knowledge that was not there.
# - What it brings is little, and differs from model to model: measure it on later days, with a spread.
# - Resampling moves the scores, so thresholds are found on rows as they are.
# - Resample *inside* the training, after it was separated, by time. Done the other way round, every method looks like
#   a breakthrough.
